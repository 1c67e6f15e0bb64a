"""The interpreter: runs a command line from a key, the prompt, a script or `--batch`."""

from __future__ import annotations

import re
from pathlib import Path

from msgspec.structs import replace

from mfdebug.core.commands.command import Command
from mfdebug.core.commands.movement import moved
from mfdebug.core.commands.table import COMMANDS, KEY_OF, find, split
from mfdebug.core.session.reply import Reply
from mfdebug.core.session.script import Origin, Script, read_script, unreadable
from mfdebug.core.session.session import Session
from mfdebug.core.timeline.debugger import (
    Debugger,
    DebuggerError,
    OtherRun,
    Progress,
    SetTrace,
)
from miniflow.errors import MiniflowError


def open_session(
    debugger: Debugger,
    progress: Progress | None = None,
    *,
    origin: Origin | None = None,
    left: Script | None = None,
) -> Session:
    """Return a new session that uses this interpreter."""
    return Session(debugger, TableInterpreter(), progress, origin=origin, left=left)


class TableInterpreter:
    """Runs the commands of the table."""

    def run(self, session: Session, line: str) -> Reply:
        """Run a command line."""
        return run_line(session, line)

    def check(self, line: str) -> None:
        """Raise `DebuggerError` if no command or key matches a line."""
        check_known(line)


def run_line(session: Session, line: str) -> Reply:
    """Run one command line and add it to the session's transcript.

    Raises `MiniflowError` if the command is unknown or fails.
    """
    if session.depth:
        return _run(session, line)
    transcript = session.transcript
    try:
        reply = _run(session, line)
    except MiniflowError as error:
        if transcript is not None and (problem := _add_to_transcript(session, line, str(error))):
            error.hint = "; ".join(filter(None, [error.hint, problem]))
        raise
    if line.strip():
        session.actions.append(line.strip())
    if transcript is not None and session.transcript is transcript:
        problem = _add_to_transcript(session, line, reply.text)
        if problem:
            reply = replace(reply, text=f"{reply.text}\n{problem}")
    return reply


def _add_to_transcript(session: Session, line: str, answer: str) -> str:
    """Add a line and its reply; if that fails, close the transcript and return the reason."""
    assert session.transcript is not None
    try:
        session.transcript.add(line, answer)
    except DebuggerError as error:
        session.transcript = None
        return str(error)
    return ""


def _run(session: Session, line: str) -> Reply:
    if problem := unreadable(line.replace("\t", " ")):
        raise DebuggerError(f"{line[:60]!r}: {problem}")
    word, rest = split(line.strip())
    if not word or word.startswith("#"):
        return Reply("")
    if not rest and (key := KEY_OF.get(word)) is not None:
        return _run(session, key)
    if pressed := re.fullmatch(r"(\d+)\s*(\D)", line.strip()):
        return _run(session, key_line(pressed[2], pressed[1]))
    try:
        return find(word).run(session, rest)
    except SetTrace as stopped:
        return moved(session, note=stopped.problem)
    except OtherRun as other:
        session.use(other.debugger)
        hits = () if other.back else session.stops.arrive(session.debugger.moment)
        reply = moved(session, hits)
        why = "; ".join([other.problem, *map(str, hits)])
        return replace(reply, text=f"{other.problem}\n{reply.text}", stopped=why)


def read_commands(path: Path) -> Script:
    """Read a script; raise `DebuggerError` naming the first line that is not a command."""
    return read_script(path, check_known)


def key_line(key: str, count: str) -> str:
    """Return the line that a key with a count runs: `sgd 500` for `500t`."""
    for command in COMMANDS.values():
        for known in command.keys:
            if known.key == key and "{n}" in known.line:
                return known.line.replace("{n}", count)
    raise DebuggerError(f"{key!r} takes no count", hint="as in: step 10, sgd 500")


def command_of(line: str) -> Command | None:
    """Return the command that a line names, or None."""
    word, rest = split(line.strip())
    try:
        if pressed := re.fullmatch(r"(\d+)\s*(\D)", line.strip()):
            return command_of(key_line(pressed[2], pressed[1]))
        return find(word if rest else KEY_OF.get(word, word).split(None, 1)[0])
    except (DebuggerError, IndexError):
        return None


def check_known(line: str) -> None:
    """Raise `DebuggerError` if no command or key matches a line."""
    word, rest = split(line.strip())
    if not rest and word in KEY_OF:
        return
    if pressed := re.fullmatch(r"(\d+)\s*(\D)", line):
        key_line(pressed[2], pressed[1])
    else:
        find(word)
