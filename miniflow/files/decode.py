"""Decoding the bytes of a graph file to its form, or to an error that says what to fix.

msgspec finds the errors; this module reports where they are (line and column of invalid JSON, the
JSON path of an invalid field), what was found there, and what was expected.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, get_args

import msgspec

from miniflow import limits
from miniflow.errors import FileError, nearest
from miniflow.files.schema import (
    FORMAT,
    DataForm,
    Form,
    GraphForm,
    GroupForm,
    NodeForm,
    OptimizerForm,
    ScheduleForm,
    StateForm,
    TrainingForm,
    fields,
)
from miniflow.files.values import shown
from miniflow.training.optimizers import OPTIMIZERS
from miniflow.training.schedules import SCHEDULES

_DECODER = msgspec.json.Decoder(GraphForm)
_BOM = b"\xef\xbb\xbf"

# Above this size an error does not say what was found: that would decode the file once more.
_LOOK_UP_LIMIT = 16 * 2**20

_TYPES = {
    "object": "an object",
    "array": "a list",
    "str": "a string",
    "int": "an integer",
    "float": "a number",
    "bool": "true or false",
}

A_NAME = f"a name of 1 to {limits.NAME_LENGTH} printable characters"

# Common mistakes in JSON: what is found at the error, and a hint.
_COMMON_MISTAKES = (
    (rb"-?(NaN|Infinity)\b", 'write it as a string: "NaN", "Infinity" or "-Infinity"'),
    (rb"//|/\*|#", "JSON has no comments"),
    (rb"'", "strings need double quotes"),
    (rb"(True|False|None)\b", "in JSON it is true, false or null"),
    (rb"\.\d|\+", "a number starts with a digit or a minus sign"),
)


def decode(data: bytes, file: str) -> GraphForm:
    """Return the form of a graph file; `file` names it in errors."""
    data = data.removeprefix(_BOM)
    try:
        form = _DECODER.decode(data)
    except UnicodeDecodeError:
        raise _not_utf8(data, file) from None
    except RecursionError:
        raise FileError("lists or objects are nested too deep", where=file) from None
    except msgspec.ValidationError as error:
        _check_format(data, file)
        raise form_error(str(error), GraphForm, f"{file}: $", _ContentLookup(data)) from None
    except msgspec.DecodeError as error:
        if "UTF-8" in str(error):
            raise _not_utf8(data, file) from None
        raise _syntax_error(str(error), data, file) from None
    if form.miniflow != FORMAT:
        raise _wrong_format(form.miniflow, file)
    # Encoded again, the form has as many colons as the file, unless an object had a duplicate key
    # and only its last value was kept. This test takes a tenth of the time of scanning the whole
    # file. Escaped colons are counted too: one could make up for a lost colon.
    colons = data.count(b":") + len(_ESCAPED_COLON.findall(data))
    if msgspec.json.encode(form).count(b":") != colons:
        _check_keys(data, file)
    return form


def convert(value: dict[str, Any], form: type[Any], where: str) -> Any:
    """Return `value`, found at `where` in the file, as a form; raise `FileError`."""
    try:
        return msgspec.convert(value, form)
    except msgspec.ValidationError as error:
        raise form_error(str(error), form, where, _ContentLookup(value)) from None


# JSON that is not JSON ------------------------------------------------------------------------


def _position(data: bytes, offset: int, file: str) -> str:
    line_start = data.rfind(b"\n", 0, offset) + 1
    line = data.count(b"\n", 0, offset) + 1
    column = len(data[line_start:offset].decode(errors="replace")) + 1
    return f"{file}:{line}:{column}"


def _not_utf8(data: bytes, file: str) -> FileError:
    try:
        data.decode()
    except UnicodeDecodeError as error:
        return FileError(
            f"not UTF-8 text: byte {data[error.start]:#04x}",
            where=_position(data, error.start, file),
            hint="save the file as UTF-8",
        )
    return FileError("not UTF-8 text", where=file)


def _syntax_error(message: str, data: bytes, file: str) -> FileError:
    if not data.strip():
        return FileError("the file is empty", where=file, hint='expected {"miniflow": 1, ...}')
    if b"\0" in data[:4]:
        return FileError("not UTF-8 text", where=file, hint="it looks like UTF-16: save as UTF-8")
    if "truncated" in message:
        return FileError(
            "unexpected end of file: a string, list or object is still open",
            where=_position(data, len(data), file),
        )
    problem, _, byte = message.removeprefix("JSON is malformed: ").partition(" (byte ")
    offset = int(byte.removesuffix(")") or 0)
    if problem == "trailing characters":
        offset -= 1
    rest = data[offset : offset + 200]
    if data[offset - 1 : offset] == b"-" and rest.startswith(b"Infinity"):
        offset -= 1
        rest = b"-" + rest
    hint = next((hint for pattern, hint in _COMMON_MISTAKES if re.match(pattern, rest)), "")
    if "surrogate" in problem:
        hint = "a \\uD800 escape must be followed by its second half"
        offset = max(data.rfind(b'"', 0, offset), 0)
    line = data[offset : offset + 40].decode(errors="replace").splitlines()
    found = f": found {line[0]}" if line and line[0] else ""
    return FileError(f"not JSON: {problem}{found}", where=_position(data, offset, file), hint=hint)


_ESCAPED_COLON = re.compile(rb"\\u003[aA]")
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|[{}\[\]:,]')


def _check_keys(data: bytes, file: str) -> None:
    """Raise `FileError` if an object of the file, which is valid JSON, has a duplicate key."""
    open_objects: list[set[str] | None] = []
    string, offset = b"", 0
    for match in _TOKEN.finditer(data):
        token = match.group()
        if token[0] == ord('"'):
            string, offset = token, match.start()
        elif token == b"{":
            open_objects.append(set())
        elif token == b"[":
            open_objects.append(None)
        elif token in b"}]":
            open_objects.pop()
        elif token == b":":
            keys = open_objects[-1]
            # A key can be written in several ways, with and without escapes.
            key = msgspec.json.decode(string, type=str)
            if keys is not None and key in keys:
                raise FileError(
                    f"duplicate key {shown(key)} in one object",
                    where=_position(data, offset, file),
                )
            if keys is not None:
                keys.add(key)


# JSON that is not a graph -----------------------------------------------------------------------


class _OnlyFormat(msgspec.Struct):
    miniflow: Any = None


def _check_format(data: bytes, file: str) -> None:
    """Raise `FileError` if the file has another format number, or none."""
    try:
        found = msgspec.json.decode(data, type=_OnlyFormat).miniflow
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return
    if type(found) is not int or found != FORMAT:
        raise _wrong_format(found, file)


def _wrong_format(found: Any, file: str) -> FileError:
    where = f"{file}: $.miniflow"
    if found is None:
        return FileError(
            'not a graph file: the field "miniflow" is missing',
            where=where,
            hint=f'a graph file starts with {{"miniflow": {FORMAT}, ...',
        )
    newer = type(found) is int and found > FORMAT
    hint = "the file is from a newer version: update miniflow" if newer else ""
    return FileError(
        f"expected {FORMAT}, the format this version reads, found {shown(found)}",
        where=where,
        hint=hint,
    )


class _ContentLookup:
    """Looks up what is at a JSON path of a file or of a value; decodes only after an error."""

    def __init__(self, content: Any) -> None:
        self._content = content
        self._decoded = not isinstance(content, bytes)

    def at(self, path: str) -> tuple[bool, Any]:
        """Return whether there is anything at `path` (such as `$.nodes[3].op`), and what it is."""
        if not self._decoded:
            self._decode()
        found = self._content
        for key, index in re.findall(r"\.([^.\[]+)|\[(\d+|\.\.\.)\]", path):
            try:
                found = found[key or int(index)]
            except (KeyError, IndexError, TypeError, ValueError):
                return False, None
        return self._content is not None, found

    def _decode(self) -> None:
        self._decoded = True
        try:
            too_long = len(self._content) > _LOOK_UP_LIMIT
            self._content = None if too_long else msgspec.json.decode(self._content)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            self._content = None


def form_error(message: str, form: type[Form], where: str, content: _ContentLookup) -> FileError:
    """Return msgspec's error about a form at `where` as a `FileError`."""
    problem, _, path = message.partition(" - at `")
    path = path.removesuffix("`") or "$"
    location = where + path[1:].partition("[...]")[0]
    if path.endswith(".name") and "of length" in problem:
        name = content.at(path)[1]
        return FileError(f"expected {A_NAME}, found {shown(name)}", where=location)
    if node := re.match(r"\$\.nodes\[\d+\]", path):
        is_there, name = content.at(node.group() + ".name")
        if is_there and isinstance(name, str):
            location += f" ({name:.50})"
    if match := re.fullmatch(r"Object contains unknown field `(.*)`", problem, re.DOTALL):
        known = _known_fields(form, path, content)
        return FileError(
            f"unknown field {shown(match[1])}; known: {', '.join(known)}",
            where=location,
            hint=nearest(match[1], known),
        )
    if match := re.fullmatch(r"Object missing required field `(.*)`", problem):
        return FileError(f'the field "{match[1]}" is missing', where=location)
    is_there, value = content.at(path)
    if problem.startswith("Invalid "):
        known = _choices(path)
        return FileError(
            f"expected {_either(known)}" + (f", found {shown(value)}" if is_there else ""),
            where=location,
            hint=nearest(value, known) if isinstance(value, str) else "",
        )
    if problem in ("Number out of range", "Integer value out of range"):
        return FileError("the number is too large for a float64", where=location)
    if match := re.fullmatch(r"Expected `([^`]*)`(.*?)(?:, got `([^`]*)`)?", problem):
        got = shown(value) if is_there else _TYPES.get(match[3], match[3])
        wanted = _either(_TYPES.get(kind, kind) for kind in match[1].split(" | "))
        if path.endswith(".value"):
            wanted = 'a number, a list of numbers, or an object with "init" or "file"'
        return FileError(
            f"expected {wanted}{match[2]}" + (f", found {got}" if got else ""), where=location
        )
    return FileError(problem, where=location)


def _either(words: Iterable[str]) -> str:
    *first, last = words
    return f"{', '.join(first)} or {last}" if first else last


def _choices(path: str) -> list[str]:
    choices = {
        "$.dtype": ["float64", "float32"],
        "$.training.sampling": ["all", "epoch", "replacement"],
        "$.training.optimizer.name": list(OPTIMIZERS),
        "$.training.schedule.name": list(SCHEDULES),
        "$.init": ["zeros", "ones", "normal", "uniform", "xavier"],
    }
    return choices.get(path, [])


def _known_fields(form: type[Form], path: str, content: _ContentLookup) -> list[str]:
    if form is not GraphForm:
        return fields(form)
    if path == "$.training.state":
        return fields(StateForm)
    named = {"$.training.optimizer": OptimizerForm, "$.training.schedule": ScheduleForm}
    if path in named:
        _, name = content.at(f"{path}.name")
        forms: tuple[type[Form], ...] = get_args(named[path])
        return next((fields(kind) for kind in forms if kind.__struct_config__.tag == name), [])
    if re.fullmatch(r"\$\.training\.groups\[[^]]*\]", path):
        return fields(GroupForm)
    parts: dict[str, type[Form]] = {
        "$.training": TrainingForm,
        "$.data": DataForm,
        "$": GraphForm,
    }
    return fields(parts.get(path, NodeForm))
