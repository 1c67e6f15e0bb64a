"""A demo: a script on a graph, told in beats, each with its caption.

    # mfdebug demo 1
    # graph "wx"
    # title From 5 to 2
    say The feed gives every input its value.
    step
    expect w == 5
    pause

A beat ends with `pause`. All else are command lines as anywhere; lines that begin with # are
remarks. A demo is played on the screen, or run through without one, where an `expect` that does
not hold fails it.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterable
from pathlib import Path

from msgspec import Struct

from mfdebug.core.session.script import read_script
from mfdebug.core.session.session import Session, State
from mfdebug.core.timeline.debugger import DebuggerError
from miniflow.errors import MiniflowError
from miniflow.files import paths
from miniflow.text.characters import is_printable

SUFFIX = ".demo"
HEAD = "# mfdebug demo 1"
_GRAPH, _TITLE = "# graph ", "# title "
MOST_BYTES = 2**20
PAUSE, WAIT, SAY, EXPECT = "pause", "wait", "say", "expect"
# What a person needs to read a caption aloud, in seconds: to begin with, and for each word.
TO_BEGIN, A_WORD = 1.2, 0.33


class Beat(Struct, frozen=True):
    """What is shown at one press of a key: command lines with their numbers in the file."""

    lines: tuple[tuple[int, str], ...]

    @property
    def captions(self) -> list[str]:
        """What is said in it."""
        said = (line.partition(" ") for _, line in self.lines)
        return [text.strip() for word, _, text in said if word == SAY]

    @property
    def seconds(self) -> float:
        """How long it stays when the demo plays by itself: until its captions have been read."""
        words = sum(len(text.split()) for text in self.captions)
        return TO_BEGIN + A_WORD * words


class Demo(Struct, frozen=True):
    """A demo as its file has it; `graph` is a shipped graph's name or a path beside the file."""

    name: str
    title: str
    graph: str
    beats: tuple[Beat, ...]


def read_demo(path: Path, known: Callable[[str], object]) -> Demo:
    """Read a demo; `known` raises an error for a line that is no command.

    Raises `MiniflowError` with the line that is wrong.
    """
    script = read_script(path, known)
    graph, title = _head(path, script.name)
    beats: list[Beat] = []
    lines: list[tuple[int, str]] = []
    for number, line in script.lines:
        if line == PAUSE:
            beats.append(Beat(tuple(lines)))
            lines = []
        else:
            lines.append((number, line))
    if lines:
        beats.append(Beat(tuple(lines)))
    if not beats:
        raise DebuggerError("there is nothing in it to show", where=script.name)
    beside = path.parent / graph
    with contextlib.suppress(OSError, ValueError):  # a name that no file can have
        if not Path(graph).is_absolute() and beside.is_file():
            graph = str(beside)
    return Demo(path.stem, title or path.stem, graph, tuple(beats))


def _head(path: Path, name: str) -> tuple[str, str]:
    """Return the graph and the title that the remarks at the top of a demo give."""
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
                raise DebuggerError('the graph is not named as in: # graph "wx"', where=where)
        elif row.strip() and not row.startswith("#"):
            break
    if not graph:
        raise DebuggerError('it does not say which graph: a line like # graph "wx"', where=name)
    return graph, title if is_printable(title) else ""


def demo_text(graph: str, title: str, lines: Iterable[str]) -> str:
    """Return the file of a demo made of the lines of a live session.

    Where none of them is a `pause`, each line that does something has a beat of its own, with what
    is said before it and what is expected after it.
    """
    lines = list(lines)
    rows = [HEAD, _GRAPH + json.dumps(graph, ensure_ascii=False), _TITLE + title, ""]
    done = False
    for line in lines:
        word = line.split()[0]
        if done and PAUSE not in lines and word not in (WAIT, EXPECT):
            rows += [PAUSE, ""]
            done = False
        rows.append(line)
        done = done or word not in (SAY, WAIT, EXPECT)
    return "\n".join(rows) + "\n"


class Playback:
    """A demo on a session: which beat it stands at, and the way back to each.

    `beat` counts the beats that have been shown. Whoever takes the keys wanders off from there:
    `return_to_script` comes back, to the same bits.
    """

    def __init__(self, session: Session, demo: Demo) -> None:
        self.session = session
        self.demo = demo
        self._stands: list[tuple[State, str]] = [(session.state, session.caption)]

    @property
    def beat(self) -> int:
        """How many beats have been shown."""
        return len(self._stands) - 1

    @property
    def next_beat(self) -> Beat | None:
        """The beat that comes, or None at the end."""
        beats = self.demo.beats
        return beats[self.beat] if self.beat < len(beats) else None

    @property
    def on_script(self) -> bool:
        """Whether all is as the last beat has left it: moment, edits, stops, watches and quiz."""
        here, there = self.session.state, self._stands[-1][0]
        actions, others = here.position.actions, there.position.actions
        if here.position.moment != there.position.moment or len(actions) != len(others):
            return False
        if any(a is not b and a != b for a, b in zip(actions, others, strict=True)):
            return False
        return _set_up(here) == _set_up(there)

    def shown(self) -> None:
        """Note that the next beat has been shown."""
        self._stands.append((self.session.state, self.session.caption))

    def return_to_script(self) -> None:
        """Have all as the last beat has left it."""
        state, caption = self._stands[-1]
        self.session.restore(state)
        self.session.caption = caption

    def back(self) -> None:
        """Have all as it was a beat ago."""
        if self.beat:
            self._stands.pop()
        self.return_to_script()


def _set_up(state: State) -> tuple[object, ...]:
    """Return what is stopped at, watched and asked, in a form that can be compared."""
    stops = [(s.number, s.line, s.enabled, s.temporary, s.ignored) for s in state.stops[1]]
    watches = [watch.expression.text for watch in state.watches[1]]
    quiz = None if state.quiz is None else (state.quiz.right, state.quiz.asked)
    return stops, watches, quiz


def run_through(session: Session, demo: Demo) -> int:
    """Run a demo without a screen; return how many expectations were met.

    Raises `DebuggerError` with the line that cannot be carried out, or does not hold.
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
