"""Commands that record a session as a file and run files of commands."""

from __future__ import annotations

from pathlib import Path

from mfdebug.core.commands.arguments import file_named
from mfdebug.core.commands.status import status
from mfdebug.core.format.hints import BEGIN
from mfdebug.core.session import demo as demos
from mfdebug.core.session.replay import run_script, session_lines
from mfdebug.core.session.reply import Reply
from mfdebug.core.session.script import HEAD, Origin, Script, session_text, write_whole
from mfdebug.core.session.session import Session
from mfdebug.core.session.transcript import Transcript
from mfdebug.core.timeline.debugger import DebuggerError
from miniflow.text.lists import counted

# The limit of nesting: scripts may run each other.
DEEPEST = 8


def run_record(session: Session, text: str) -> Reply:
    if not text:
        raise DebuggerError("record where?", hint="usage: record FILE")
    path = file_named(text)
    demo = path.suffix == demos.SUFFIX
    if _begins_otherwise(path, demos.HEAD if demo else HEAD):
        kind = "demo" if demo else "session"
        raise DebuggerError(f"the file exists and is not a {kind} file", where=text)
    origin = session.origin or Origin(session.debugger.graph.name, "")
    if demo:
        lines = [line for line in session.actions if not _of_files(line)]
        if not lines:
            raise DebuggerError("no command has been run yet that a demo could show")
        write_whole(path, demos.demo_text(origin.graph, path.stem, lines))
    else:
        lines = session_lines(session)
        write_whole(path, session_text(origin, lines))
    count = counted(len(lines), "line")
    played = f"; mfdebug demo {text} plays it" if demo else ""
    return Reply(f"recorded {count} in {text}{played}", {"recorded": text, "lines": lines})


def _of_files(line: str) -> bool:
    """Whether a line writes files or quits, and so is not part of a demo."""
    return line.split()[0] in ("record", "save", "transcript", "quit", "q")


def _begins_otherwise(path: Path, head: str) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(head)) != head.encode()
    except OSError:
        # It does not exist, or writing it reports the problem.
        return False


def run_source(session: Session, text: str) -> Reply:
    if not text:
        raise DebuggerError("source which file?", hint="usage: source FILE")
    script = session.read(file_named(text))
    count = _run_all(session, script)
    done = f"{counted(count, 'line')} of {text}{changed_note(session, script)}"
    return Reply(f"{done}\n{status(session.debugger)}", {"source": text, "lines": count})


def _run_all(session: Session, script: Script) -> int:
    if session.depth >= DEEPEST:
        raise DebuggerError(f"scripts are nested more than {DEEPEST} deep", where=script.name)
    session.depth += 1
    try:
        return run_script(session, script)
    finally:
        session.depth -= 1


def changed_note(session: Session, script: Script) -> str:
    """Return a note if a session was recorded on another graph, else an empty text."""
    there, here = script.origin, session.origin
    if there is None or here is None:
        return ""
    same_file, same_graph = there.graph == here.graph, there.fingerprint == here.fingerprint
    given = there.given()
    if (same_file or same_graph) and given != here.given():
        return f"; it was left with {' '.join(given) or 'nothing given'}"
    if same_graph:
        return ""
    return "; the graph has changed since" if same_file else "; it is of another graph"


def run_resume(session: Session, text: str) -> Reply:
    if text not in ("", "previous"):
        raise DebuggerError(f"{text!r} is not understood", hint="usage: resume [previous]")
    script = session.left
    if text:
        script = None if session.left_before is None else session.left_before()
    if script is None:
        raise DebuggerError("no saved session of this graph", hint=BEGIN)
    before = session.state
    session.clear()
    try:
        count = _run_all(session, script)
    except DebuggerError as error:
        session.restore(before)
        if note := changed_note(session, script):
            raise DebuggerError(f"{error}{note}") from None
        raise
    session.resumed = not text
    words = f"session restored{changed_note(session, script)}"
    return Reply(f"{words}\n{status(session.debugger)}", {"resumed": count})


def run_transcript(session: Session, text: str) -> Reply:
    if not text:
        raise DebuggerError("transcript where?", hint="usage: transcript FILE | off")
    if text == "off":
        ended, session.transcript = session.transcript, None
        if ended is None:
            raise DebuggerError("no transcript is being written")
        return Reply(f"the transcript is in {ended.path}", {"transcript": str(ended.path)})
    session.transcript = Transcript(file_named(text), session.debugger.graph.name)
    return Reply(f"writing a transcript to {text}; transcript off ends it", {"transcript": text})
