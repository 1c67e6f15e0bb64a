"""The course of the quiz: graphs in an order, what was answered in each, and where it was left.

Progress is saved after every answer, beside the sessions, so that the course resumes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import platformdirs
from msgspec import Struct

from mfdebug.core.format.table import Column, Part, Row, Table
from mfdebug.core.quiz.question import Question
from mfdebug.core.quiz.quiz import Quiz
from mfdebug.core.quiz.score import Score, read_score
from mfdebug.core.session.script import write_whole
from mfdebug.core.session.session import Session
from mfdebug.core.timeline.debugger import Debugger, DebuggerError
from miniflow.errors import FileError, MiniflowError, nearest
from miniflow.files.paths import read_bytes

# A shorter SGD step is asked about twice: what went wrong in the first comes again.
SHORT_STEP = 12
RESTART = "mfdebug quiz --restart starts again"
# No progress needs as much.
MOST_BYTES = 2**20
# The most seeds: a larger number would not vary more.
SEEDS = 2**31


class Round(Struct):
    """What was reached in a graph: the moment, the score as `Score.written`, and the end.

    `promised` are the concepts that are asked again, by moment.
    """

    moment: int = 0
    score: str = ""
    done: bool = False
    promised: dict[int, str] = {}


class Progress(Struct):
    """The progress file; `owed` are the concepts of wrong answers, also of graphs before."""

    format: int = 1
    seed: int = 0
    owed: tuple[str, ...] = ()
    rounds: dict[str, Round] = {}


class Course:
    """The course over `graphs`, by name; `problem` says why progress could not be saved."""

    def __init__(
        self, graphs: Sequence[str], path: Path | None = None, *, restart: bool = False,
        seed: int | None = None,
    ) -> None:  # fmt: skip
        """Read the progress, or start anew with `restart` or another `seed`.

        Raises `MiniflowError` if the progress cannot be read.
        """
        self.graphs = tuple(graphs)
        self.path = path or platformdirs.user_state_path("mfdebug", False) / "quiz.json"
        self.problem = ""
        saved = Progress() if restart else self._read()
        if seed is not None and seed != saved.seed:
            saved = Progress()
        self.progress = saved
        if seed is not None:
            self.progress.seed = seed
        self.resumed = any(round_.moment for round_ in saved.rounds.values())

    def _read(self) -> Progress:
        where = str(self.path)
        try:
            content = read_bytes(self.path, MOST_BYTES, where)
        except FileError:
            if self.path.exists():
                raise
            return Progress()
        try:
            found = msgspec.json.decode(content, type=Progress)
        except msgspec.DecodeError as error:
            raise FileError(f"damaged: {error}", where=where, hint=RESTART) from None
        known = all(read_score(round_.score) is not None for round_ in found.rounds.values())
        moments = all(0 <= round_.moment < 10**6 for round_ in found.rounds.values())
        if found.format != 1 or not (known and moments and 0 <= found.seed < SEEDS):
            raise FileError("not the progress of a quiz", where=where, hint=RESTART)
        return found

    def save(self) -> None:
        """Write the progress; if that fails, `problem` says why."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            write_whole(self.path, msgspec.json.format(msgspec.json.encode(self.progress)) + b"\n")
        except (OSError, MiniflowError) as error:
            self.problem = f"cannot save the progress: {error}"

    def round_of(self, graph: str) -> Round:
        """Return what was reached in a graph."""
        return self.progress.rounds.setdefault(graph, Round())

    @property
    def current(self) -> str | None:
        """The graph that is asked about now: the first that is not done; None at the end."""
        return next((graph for graph in self.graphs if not self.round_of(graph).done), None)

    def start_at(self, graph: str) -> None:
        """Ask about a graph again, from its start; those before it are passed over.

        Raises `DebuggerError` for a graph that is not in the course.
        """
        if graph not in self.graphs:
            hint = nearest(graph, self.graphs) or f"it has {', '.join(self.graphs)}"
            raise DebuggerError(f"{graph!r} is not in the course", hint=hint)
        for earlier in self.graphs[: self.graphs.index(graph)]:
            self.round_of(earlier).done = True
        self.progress.rounds[graph] = Round()

    @property
    def place(self) -> str:
        """Where the course is, in words: `2 of 9`."""
        current = self.current
        at = len(self.graphs) if current is None else self.graphs.index(current) + 1
        return f"{at} of {len(self.graphs)}"

    @property
    def summary(self) -> tuple[Part, ...]:
        """A row for each graph that was asked about, and what was confused most."""
        rows = []
        answers = Score()
        for graph in self.graphs:
            score = read_score(self.round_of(graph).score) or Score()
            answers = Score((*answers.answers, *score.answers))
            if score.answers:
                counts = (score.right, score.count("wrong"), score.count("skipped"))
                rows.append(Row((graph, *map(str, counts))))
        if not rows:
            return ()
        heads = ("right", "wrong", "skipped")
        table = Table((Column(), *(Column(head, "right") for head in heads)), tuple(rows))
        return table, *answers.summary[1:]


def last_asked(debugger: Debugger) -> int:
    """Return the last moment of a graph that the course asks about."""
    timeline = debugger.timeline
    steps = 2 if timeline.length <= SHORT_STEP else 1
    return timeline.clamp(steps * timeline.length)


class Lesson:
    """A graph of the course in a session: runs to the next question, and keeps the progress."""

    def __init__(self, course: Course, graph: str, session: Session) -> None:
        """Continue where the graph was left."""
        self.course, self.graph, self.session = course, graph, session
        self._round = course.round_of(graph)
        quiz = session.quiz = Quiz(course.progress.seed)
        quiz.score = read_score(self._round.score) or Score()
        quiz.owed, quiz.promised = course.progress.owed, dict(self._round.promised)
        self.last = quiz.last = last_asked(session.debugger)
        self.quiz = quiz
        session.debugger.move(min(self._round.moment, self.last))

    def next_question(self, step: Callable[[], object] | None = None) -> Question | None:
        """Run to the next question and return it; None at the end of what is asked."""
        debugger = self.session.debugger
        while debugger.moment < self.last and not debugger.cursor.at_end:
            if (question := self.quiz.ask(debugger)) is not None:
                return question
            (step or debugger.cursor.step)()
        return None

    def keep(self) -> None:
        """Save what was reached."""
        self._round.moment = min(self.session.debugger.moment, self.last)
        self._round.score = self.quiz.score.written
        self._round.promised, self.course.progress.owed = self.quiz.promised, self.quiz.owed
        self.course.save()

    def finish(self) -> None:
        """Save that the graph is done."""
        self._round.done = True
        self.keep()
