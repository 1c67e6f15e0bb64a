"""Scripts: files of command lines. A session file is a script with a header and a checksum.

A whole script is checked before its first line runs: a file that is damaged or not a script is
rejected with the number of the line, and nothing is executed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct, field

from mfdebug.core.timeline.debugger import DebuggerError
from miniflow.files import paths
from miniflow.files.atomic import replace_file
from miniflow.text.characters import is_printable

HEAD = "# mfdebug session 1"
_GRAPH, _HASH, _FEED, _OPTION, _ARGUMENT, _END = (
    *("# graph ", "# sha256 ", "# feed ", "# option "),
    *("# argument ", "# end "),
)
# Characters of an option that was given by hand, in a sentence.
MOST_SHOWN = 60
MOST_BYTES = 256 * 2**20


class Origin(Struct, frozen=True):
    """The origin of a graph: its file or the name of a shipped graph, a hash, values given by hand.

    For a program's graph: the program and its `arguments`; for a recorded run: the run file. For a
    model: the `options` that make its cost.
    """

    graph: str
    fingerprint: str
    feeds: Mapping[str, Any] = field(default_factory=dict)
    arguments: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)

    def given(self) -> list[str]:
        """Return what was given by hand, as options of the command line; long ones are cut."""
        found = [_given(f"--{name} ", value) for name, value in self.options.items()]
        return found + [_given(f"--feed {name}=", value) for name, value in self.feeds.items()]


def _given(option: str, value: Any) -> str:
    text = option + (value if isinstance(value, str) else json.dumps(value))
    text = text if is_printable(text) else json.dumps(text)
    return text if len(text) <= MOST_SHOWN else f"{text[: MOST_SHOWN - 1]}…"


class Script(Struct, frozen=True):
    """Command lines with their line numbers; for a session file also the origin of its graph."""

    name: str
    lines: tuple[tuple[int, str], ...]
    origin: Origin | None = None


def session_text(origin: Origin, lines: Iterable[str]) -> str:
    """Return the text of a session file."""
    head = [HEAD, _GRAPH + _quoted(origin.graph), _HASH + origin.fingerprint]
    head += [f"{_FEED}{_quoted(name)} {json.dumps(v)}" for name, v in origin.feeds.items()]
    head += [f"{_OPTION}{_quoted(name)} {json.dumps(v)}" for name, v in origin.options.items()]
    head += [_ARGUMENT + _quoted(argument) for argument in origin.arguments]
    lines = list(lines)
    text = "\n".join([*head, "", *lines]) + "\n"
    return f"{text}{_END}{len(lines)} {_hash(text)}\n"


def read_script(path: Path, known: Callable[[str], object]) -> Script:
    """Read a script or session; `known` raises an error for a line that is not a command.

    Raises `DebuggerError` with the number of the line that is wrong, `FileError` if there is no
    such file.
    """
    name = path.name or str(path)
    data = paths.read_bytes(paths.real(path, name), MOST_BYTES, name)
    return script_of(data, name, known)


def read_session(path: Path, known: Callable[[str], object]) -> tuple[Script, Origin]:
    """Read a session file; raise `DebuggerError` also for a script that is not one."""
    script = read_script(path, known)
    if script.origin is None:
        raise _damaged(script.name, 1, f"a session file starts with {HEAD!r}")
    return script, script.origin


def script_of(data: bytes, name: str, known: Callable[[str], object]) -> Script:
    """Parse the bytes of a script; `name` is used in errors."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        bad_line = data[: error.start].count(b"\n") + 1
        raise _damaged(name, bad_line, "not UTF-8 text") from None
    # Not splitlines: it also splits at characters that a node's name may contain.
    rows = text.removeprefix("\ufeff").replace("\r\n", "\n").split("\n")
    origin = _origin(rows, text, name) if rows[0].rstrip() == HEAD else None
    # A tab becomes a blank: its width on the screen is not defined.
    stripped = [row.replace("\t", " ").strip() for row in rows]
    lines = [(number, row) for number, row in enumerate(stripped, 1) if _is_command(row)]
    for number, line in lines:
        if problem := unreadable(line):
            raise _damaged(name, number, problem)
        try:
            known(line)
        except DebuggerError as error:
            raise _damaged(name, number, str(error)) from None
    return Script(name, tuple(lines), origin)


def _origin(rows: list[str], text: str, name: str) -> Origin:
    """Return the origin of a session's graph, after checking the last line's checksum."""
    while rows and not rows[-1].strip():
        rows.pop()
    last = rows[-1]
    if not last.startswith(_END):
        reason = 'the last line ("# end ...") is missing: the file is truncated'
        raise _damaged(name, len(rows), reason)
    count, _, sum_ = last.removeprefix(_END).partition(" ")
    above = text[: text.rindex(_END)]
    if sum_ != _hash(above) or count != str(sum(map(_is_command, rows))):
        reason = "the checksum does not match: the lines above have changed"
        hint = "to run it as a script, delete the first and the last line"
        raise _damaged(name, len(rows), reason, hint=hint)
    return _read_head(rows, name)


def _read_head(rows: list[str], name: str) -> Origin:
    fields: dict[str, str] = {}
    feeds: dict[str, Any] = {}
    options: dict[str, Any] = {}
    arguments: list[str] = []
    for number, row in enumerate(rows[1:], 2):
        if not row.startswith("# "):
            break
        try:
            if row.startswith((_FEED, _OPTION)):
                prefix, found = (_FEED, feeds) if row.startswith(_FEED) else (_OPTION, options)
                name_given, end = json.JSONDecoder().raw_decode(row, len(prefix))
                found[str(name_given)] = json.loads(row[end:])
            elif row.startswith(_ARGUMENT):
                arguments.append(str(json.loads(row.removeprefix(_ARGUMENT))))
            elif row.startswith(_GRAPH):
                fields["graph"] = str(json.loads(row.removeprefix(_GRAPH)))
            elif row.startswith(_HASH):
                fields["fingerprint"] = row.removeprefix(_HASH).strip()
        except (ValueError, RecursionError):
            raise _damaged(name, number, "invalid JSON") from None
    if len(fields) < 2:
        raise _damaged(name, 2, "the graph or its sha256 is missing")
    return Origin(fields["graph"], fields["fingerprint"], feeds, tuple(arguments), options)


def unreadable(line: str) -> str:
    """Return why a command line is not printable text, or ""."""
    if is_printable(line):
        return ""
    # Python decodes invalid bytes on the command line to these surrogates.
    if any("\udc80" <= character <= "\udcff" for character in line):
        return "contains bytes that are not UTF-8"
    return "contains control characters"


def _is_command(row: str) -> bool:
    return bool(row.strip()) and not row.lstrip().startswith("#")


def _damaged(name: str, line: int, reason: str, hint: str = "") -> DebuggerError:
    return DebuggerError(reason, where=f"{name}: line {line}", hint=hint)


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _quoted(text: str) -> str:
    """Return text as JSON, unescaped unless it is not printable."""
    shown = json.dumps(text, ensure_ascii=False)
    return shown if is_printable(shown) else json.dumps(text)


def write_whole(path: Path, content: str | bytes) -> None:
    """Write a file atomically; raise `MiniflowError` if it cannot be written."""
    where = str(path)
    path = paths.real(path, where, exists=False)
    paths.check_ordinary(path, where)
    encoded = content.encode() if isinstance(content, str) else content
    replace_file(path, encoded, where, sync=False)
