"""Scripts: files of command lines. A session is one whose first and last lines vouch for it.

A script is looked through as a whole before its first line is run: a file that is damaged, or
that is none, is refused with the line, and nothing has happened.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct, field

from mfdebug.core.timeline.debugger import DebuggerError
from miniflow.files import paths
from miniflow.text.characters import is_printable

HEAD = "# mfdebug session 1"
_GRAPH, _HASH, _FEED, _ARGUMENT, _END = (
    *("# graph ", "# sha256 ", "# feed "),
    *("# argument ", "# end "),
)
MOST_BYTES = 256 * 2**20


class Origin(Struct, frozen=True):
    """Where a graph came from: its file (or the name of a shipped one), a hash, hand-fed values.

    Of a program's graph: the program, and its `arguments`; of a recorded one the run's file.
    """

    graph: str
    fingerprint: str
    feeds: Mapping[str, Any] = field(default_factory=dict)
    arguments: tuple[str, ...] = ()


class Script(Struct, frozen=True):
    """Command lines with their numbers in the file; of a session also what it is about."""

    name: str
    lines: tuple[tuple[int, str], ...]
    origin: Origin | None = None


def session_text(origin: Origin, lines: Iterable[str]) -> str:
    """Return the file of a session."""
    head = [HEAD, _GRAPH + _quoted(origin.graph), _HASH + origin.fingerprint]
    head += [f"{_FEED}{_quoted(name)} {json.dumps(v)}" for name, v in origin.feeds.items()]
    head += [_ARGUMENT + _quoted(argument) for argument in origin.arguments]
    lines = list(lines)
    text = "\n".join([*head, "", *lines]) + "\n"
    return f"{text}{_END}{len(lines)} {_hash(text)}\n"


def read_script(path: Path, known: Callable[[str], object]) -> Script:
    """Read a script or session; `known` raises an error for a line that is no command.

    Raises `DebuggerError` with the line that is wrong, `FileError` when there is no such file.
    """
    name = path.name or str(path)
    data = paths.read_bytes(paths.real(path, name), MOST_BYTES, name)
    return script_of(data, name, known)


def read_session(path: Path, known: Callable[[str], object]) -> tuple[Script, Origin]:
    """Read a session; raise an error also for a script that is none."""
    script = read_script(path, known)
    if script.origin is None:
        raise _damaged(script.name, 1, f"a session begins with {HEAD!r}")
    return script, script.origin


def script_of(data: bytes, name: str, known: Callable[[str], object]) -> Script:
    """Read a script's bytes, as if they were those of the file `name`."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        reached = data[: error.start].count(b"\n") + 1
        raise _damaged(name, reached, "it is not UTF-8 text") from None
    # Not splitlines: it breaks lines at characters that a node's name may hold.
    rows = text.removeprefix("\ufeff").replace("\r\n", "\n").split("\n")
    origin = _origin(rows, text, name) if rows[0].rstrip() == HEAD else None
    # A tab is let pass between words, as a blank: it would be shown as who knows how many.
    blank = [row.replace("\t", " ").strip() for row in rows]
    lines = [(number, row) for number, row in enumerate(blank, 1) if _is_command(row)]
    for number, line in lines:
        if problem := unreadable(line):
            raise _damaged(name, number, problem)
        try:
            known(line)
        except DebuggerError as error:
            raise _damaged(name, number, str(error)) from None
    return Script(name, tuple(lines), origin)


def _origin(rows: list[str], text: str, name: str) -> Origin:
    """Return what a session is about, once its last line has vouched for all above it."""
    while rows and not rows[-1].strip():
        rows.pop()
    last = rows[-1]
    if not last.startswith(_END):
        reason = 'the last line ("# end ...") is missing: the file was cut off'
        raise _damaged(name, len(rows), reason)
    count, _, sum_ = last.removeprefix(_END).partition(" ")
    above = text[: text.rindex(_END)]
    if sum_ != _hash(above) or count != str(sum(map(_is_command, rows))):
        reason = "the lines above are not those that were written"
        raise _damaged(name, len(rows), reason, hint="a script has no such first and last line")
    return _read_head(rows, name)


def _read_head(rows: list[str], name: str) -> Origin:
    fields: dict[str, str] = {}
    feeds: dict[str, Any] = {}
    arguments: list[str] = []
    for number, row in enumerate(rows[1:], 2):
        if not row.startswith("# "):
            break
        try:
            if row.startswith(_FEED):
                fed, end = json.JSONDecoder().raw_decode(row, len(_FEED))
                feeds[str(fed)] = json.loads(row[end:])
            elif row.startswith(_ARGUMENT):
                arguments.append(str(json.loads(row.removeprefix(_ARGUMENT))))
            elif row.startswith(_GRAPH):
                fields["graph"] = str(json.loads(row.removeprefix(_GRAPH)))
            elif row.startswith(_HASH):
                fields["fingerprint"] = row.removeprefix(_HASH).strip()
        except (ValueError, RecursionError):
            raise _damaged(name, number, "it cannot be read") from None
    if len(fields) < 2:
        raise _damaged(name, 2, "the graph and its sha256 are not named")
    return Origin(fields["graph"], fields["fingerprint"], feeds, tuple(arguments))


def unreadable(line: str) -> str:
    """Say why a command line cannot be read by people: bytes or characters in it; or nothing."""
    if is_printable(line):
        return ""
    # So Python tells of bytes on the command line that are not text.
    if any("\udc80" <= character <= "\udcff" for character in line):
        return "there are bytes in it that are not UTF-8"
    return "there are control characters in it"


def _is_command(row: str) -> bool:
    return bool(row.strip()) and not row.lstrip().startswith("#")


def _damaged(name: str, line: int, reason: str, hint: str = "") -> DebuggerError:
    return DebuggerError(reason, where=f"{name}: line {line}", hint=hint)


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _quoted(text: str) -> str:
    """Return a text as JSON: readable, unless it could not be written as UTF-8."""
    shown = json.dumps(text, ensure_ascii=False)
    return shown if is_printable(shown) else json.dumps(text)


def write_whole(path: Path, text: str) -> None:
    """Write a file at once or not at all; raise `MiniflowError` when it cannot be written."""
    where = str(path)
    path = paths.real(path, where, exists=False)
    paths.check_ordinary(path, where)
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        try:
            beside.write_text(text, encoding="utf-8", newline="\n")
            os.replace(beside, path)
        finally:
            with contextlib.suppress(OSError):
                beside.unlink(missing_ok=True)
    except OSError as error:
        raise DebuggerError(error.strerror or str(error), where=where) from None
