"""A demo: a script on a graph or on a recorded run, divided into beats with captions.

    # mfdebug demo 1
    # graph "wx"
    # title From 5 to 2
    say The feed gives every input its value.
    step
    expect w == 5
    pause

`# graph` may also name a run file. A beat ends with `pause`; after an `ask` it has no line but
`expect`. All other lines are ordinary command lines; lines that start with # are comments. A demo
is played on the screen, or run without one, and fails if an `expect` does not hold.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterable
from pathlib import Path

from msgspec import Struct

from mfdebug.core.session.script import read_script
from mfdebug.core.session.session import Session, SessionState
from mfdebug.core.timeline.debugger import DebuggerError
from miniflow.errors import MiniflowError
from miniflow.files import paths
from miniflow.text.characters import is_printable

SUFFIX = ".demo"
HEAD = "# mfdebug demo 1"
_GRAPH, _TITLE = "# graph ", "# title "
MOST_BYTES = 2**20
PAUSE, WAIT, SAY, ASK, EXPECT = "pause", "wait", "say", "ask", "expect"
# Seconds that a caption takes to read aloud: to start with, and per word.
START_SECONDS, WORD_SECONDS = 1.2, 0.33
# Seconds more to think about a question.
THINK_SECONDS = 4.0


class Beat(Struct, frozen=True):
    """The part of a demo shown at one key press: command lines with their line numbers."""

    lines: tuple[tuple[int, str], ...]

    @property
    def captions(self) -> list[str]:
        """The captions of the beat."""
        said = (line.partition(" ") for _, line in self.lines)
        return [text.strip() for word, _, text in said if word == SAY]

    @property
    def seconds(self) -> float:
        """How long autoplay shows the beat: to read its captions, and to think about a question."""
        words = sum(len(text.split()) for text in self.captions)
        asks = any(line.startswith(f"{ASK} ") for _, line in self.lines)
        thinks = asks or any("?" in text for text in self.captions)
        return START_SECONDS + WORD_SECONDS * words + THINK_SECONDS * thinks


class Demo(Struct, frozen=True):
    """The contents of a demo file; `graph` is the name of what ships, or a path."""

    name: str
    title: str
    graph: str
    beats: tuple[Beat, ...]


def read_demo(path: Path, known: Callable[[str], object]) -> Demo:
    """Read a demo; `known` raises an error for a line that is not a command.

    Raises `MiniflowError` with the number of the line that is wrong.
    """
    script = read_script(path, known)
    graph, title = _head(path, script.name)
    beats: list[Beat] = []
    lines: list[tuple[int, str]] = []
    asked = False
    for number, line in script.lines:
        word = line.partition(" ")[0]
        if asked and word not in (PAUSE, EXPECT):
            raise DebuggerError(
                "the beat continues after its question",
                where=f"{script.name}: line {number}",
                hint="end it with pause",
            )
        asked = word == ASK or (asked and word == EXPECT)
        if line == PAUSE:
            beats.append(Beat(tuple(lines)))
            lines = []
        else:
            lines.append((number, line))
    if lines:
        beats.append(Beat(tuple(lines)))
    if not beats:
        raise DebuggerError("the demo is empty", where=script.name)
    graph_path = path.parent / graph
    with contextlib.suppress(OSError, ValueError):  # not a valid file name
        if not Path(graph).is_absolute() and graph_path.is_file():
            graph = str(graph_path)
    return Demo(path.stem, title or path.stem, graph, tuple(beats))


def _head(path: Path, name: str) -> tuple[str, str]:
    """Return the graph and the title from the comments at the top of a demo."""
    text = paths.read_bytes(paths.real(path, name), MOST_BYTES, name).decode("utf-8")
    graph = title = ""
    for number, row in enumerate(text.removeprefix("\ufeff").splitlines(), 1):
        if row.startswith(_TITLE):
            title = row.removeprefix(_TITLE).strip()
        elif row.startswith(_GRAPH):
            try:
                graph = json.loads(row.removeprefix(_GRAPH))
            except ValueError:
                graph = ""
            if not isinstance(graph, str) or not graph:
                where = f"{name}: line {number}"
                raise DebuggerError('expected a graph name, as in: # graph "wx"', where=where)
        elif row.strip() and not row.startswith("#"):
            break
    if not graph:
        raise DebuggerError('no graph is named: add a line like # graph "wx"', where=name)
    return graph, title if is_printable(title) else ""


def demo_text(graph: str, title: str, lines: Iterable[str]) -> str:
    """Return the text of a demo file made from the command lines of a session.

    If there is no `pause` among them, each command gets a beat of its own, with the captions before
    it and the expectations after it. A question ends its beat.
    """
    lines = list(lines)
    rows = [HEAD, _GRAPH + json.dumps(graph, ensure_ascii=False), _TITLE + title, ""]
    done = asked = False
    for line in lines:
        word = line.split()[0]
        over = done and PAUSE not in lines and word not in (ASK, WAIT, EXPECT)
        if over or (asked and word not in (PAUSE, EXPECT)):
            rows += [PAUSE, ""]
            done = asked = False
        rows.append(line)
        done = done or word not in (SAY, ASK, WAIT, EXPECT)
        asked = word == ASK or (asked and word == EXPECT)
    return "\n".join(rows) + "\n"


class Playback:
    """A demo played on a session, with the session's state after each beat shown.

    The user may leave the script between beats; `return_to_script` restores the state after the
    last beat, bit for bit.
    """

    def __init__(self, session: Session, demo: Demo) -> None:
        self.session = session
        self.demo = demo
        self._snapshots: list[tuple[SessionState, str]] = [(session.state, session.caption)]

    @property
    def beat(self) -> int:
        """The number of beats shown so far."""
        return len(self._snapshots) - 1

    @property
    def next_beat(self) -> Beat | None:
        """The next beat, or None at the end."""
        beats = self.demo.beats
        return beats[self.beat] if self.beat < len(beats) else None

    @property
    def on_script(self) -> bool:
        """Whether moment, edits, stops, watches and quiz are those after the last beat."""
        present, expected = self.session.state, self._snapshots[-1][0]
        actions, others = present.position.actions, expected.position.actions
        if present.position.moment != expected.position.moment or len(actions) != len(others):
            return False
        if any(a is not b and a != b for a, b in zip(actions, others, strict=True)):
            return False
        return _comparable(present) == _comparable(expected)

    def shown(self) -> None:
        """Record the state after the next beat, which has been shown."""
        self._snapshots.append((self.session.state, self.session.caption))

    def return_to_script(self) -> None:
        """Restore the state after the last beat."""
        state, caption = self._snapshots[-1]
        self.session.restore(state)
        self.session.caption = caption

    def back(self) -> None:
        """Restore the state of one beat before."""
        if self.beat:
            self._snapshots.pop()
        self.return_to_script()


def _comparable(state: SessionState) -> tuple[object, ...]:
    """Return stops, watches and quiz in a form that can be compared."""
    stops = [(s.number, s.line, s.enabled, s.temporary, s.ignored) for s in state.stops[1]]
    watches = [watch.expression.text for watch in state.watches[1]]
    quiz = None if state.quiz is None else state.quiz.score
    return stops, watches, quiz


def run_through(session: Session, demo: Demo) -> int:
    """Run a demo without a screen; return the number of expectations met.

    Raises `DebuggerError` with the number of a line that fails or an `expect` that does not hold.
    """
    met = 0
    for beat in demo.beats:
        for number, line in beat.lines:
            try:
                session.run(line)
            except MiniflowError as error:
                raise DebuggerError(str(error), where=f"{demo.name}: line {number}") from None
            met += line.split()[0] == EXPECT
    return met
