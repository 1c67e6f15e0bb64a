"""The settings: a TOML file, environment variables and command-line options, in one object.

Later sources override earlier ones, and the origin of each setting is recorded. A file is either
used as a whole or rejected with the line of the error: a setting that is silently ignored makes
the user look for the mistake in the wrong place.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from mfdebug.config.themes import AUTO, MANY_COLOURS
from miniflow.errors import FileError, MiniflowError, nearest

VARIABLE = "MFDEBUG_CONFIG"
NAME = "config.toml"
THEMES = (AUTO, *MANY_COLOURS)
# No settings file is larger; a device might be endless.
MAX_BYTES = 1 << 20
DEFAULT = "default"
# The memory for the history in MB if it is not set: a sixteenth of the machine's, within these.
LEAST_HISTORY, MOST_HISTORY = 256.0, 1024.0
_WITHOUT = f"{VARIABLE}= mfdebug ... runs without the file"


class SettingsError(MiniflowError):
    """A setting that cannot be used."""


def usual_history(memory: float) -> float:
    """Return the usual memory for the history of a machine with so much memory, both in MB."""
    return min(max(LEAST_HISTORY, memory // 16), MOST_HISTORY)


def memory_of_machine() -> float:
    """Return the memory of this machine in MB, 0 if the system does not say."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**20
    except (AttributeError, OSError, ValueError):
        return 0.0


@dataclass(frozen=True)
class Settings:
    """The settings in force.

    `ascii_only` is None if the terminal decides; `history_memory` is in MB. `keys` are the changed
    keys, by the id of their binding. `path` is the file that was read. `origins` gives the origin
    of each setting that is not a default; keys are listed as `keys.step`.
    """

    theme: str = AUTO
    ascii_only: bool | None = None
    history_memory: float = field(default_factory=lambda: usual_history(memory_of_machine()))
    keys: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    present: bool = False
    show_keys: bool = False
    live: bool = False
    path: Path | None = None
    origins: Mapping[str, str] = field(default_factory=dict)

    @property
    def history_bytes(self) -> int:
        """The memory for the history, in bytes."""
        return int(self.history_memory * 2**20)

    def origin(self, name: str) -> str:
        """Return the origin of a setting, by its name in the file."""
        return self.origins.get(name, DEFAULT)

    def overridden(self, origin: str, **changes: Any) -> Settings:
        """Return these settings with some of them overridden by `origin`."""
        names = (_NAMES_IN_FILE.get(name, name) for name in changes)
        return replace(self, **changes, origins={**self.origins, **dict.fromkeys(names, origin)})


_NAMES_IN_FILE = {"ascii_only": "ascii"}
DEFAULTS = Settings()


def settings_path(environ: Mapping[str, str] = os.environ) -> Path | None:
    """Return the path of the settings file, which may not exist; None if it is disabled."""
    named = environ.get(VARIABLE)
    if named is None:
        import platformdirs

        return platformdirs.user_config_path("mfdebug", False) / NAME
    # The null device also means that there is no file.
    return Path(named) if named not in ("", os.devnull) else None


def read_settings(environ: Mapping[str, str] = os.environ) -> Settings:
    """Return the settings from the file and the environment.

    Raises `SettingsError` with the file and line of an invalid setting.
    """
    path = settings_path(environ)
    settings = DEFAULTS
    if path is not None and (text := _text(path, named=VARIABLE in environ)) is not None:
        settings = _parse_file(path, text)
    for name in _PLAIN:
        variable = f"MFDEBUG_{name.upper()}"
        if text := environ.get(variable, "").strip():
            value = _read_plain(name, _parse_variable(name, text), variable, "")
            settings = settings.overridden(variable, **{_FIELDS.get(name, name): value})
    return settings


def _text(path: Path, *, named: bool) -> str | None:
    """Return the text of the file, or None if it does not exist."""
    from miniflow.files import paths

    try:
        path.lstat()
    except FileNotFoundError:
        if not named:
            return None
        raise SettingsError(
            f"{VARIABLE} names a file that does not exist", where=str(path), hint=_WITHOUT
        ) from None
    except OSError:
        # Reading the file gives the error message.
        pass
    try:
        data = paths.read_bytes(paths.real(path, str(path)), MAX_BYTES, str(path))
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise SettingsError("not UTF-8 text", where=str(path), hint=_WITHOUT) from None
    except FileError as error:
        hint = _hint(error.hint, _WITHOUT)
        raise SettingsError(error.problem, where=str(path), hint=hint) from None


def _parse_file(path: Path, text: str) -> Settings:
    import tomllib

    try:
        content = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        problem, where = str(error), str(path)
        if found := re.search(r" \(at line (\d+), column (\d+)\)$", problem):
            where = f"{path}:{found[1]}"
            problem = f"{problem[: found.start()]} in column {found[2]}"
        elif problem.endswith(" (at end of document)"):
            where = f"{path}:{len(text.splitlines())}"
            problem = f"{problem.removesuffix(' (at end of document)')} at the end of the line"
        elif isinstance(error, RecursionError):
            problem = "too many brackets within each other"
        raise SettingsError(f"not TOML: {problem}", where=where, hint=_WITHOUT) from None
    lines = _Lines(path, text)
    settings = replace(DEFAULTS, path=path)
    for name, value in content.items():
        where = lines.of("", name)
        if name == "keys":
            settings = _with_keys(settings, value, lines)
        elif name in _PLAIN:
            plain = _read_plain(name, value, where, _WITHOUT)
            settings = settings.overridden(where, **{_FIELDS.get(name, name): plain})
        else:
            known = (*_PLAIN, "keys")
            raise SettingsError(
                f"there is no setting {name!r}, only {', '.join(known)}",
                where=where,
                hint=_hint(nearest(name, known) or _misplaced(name), _WITHOUT),
            )
    return settings


def _misplaced(name: str) -> str:
    from mfdebug.config.bindings import BOUND

    return f"keys go below a line [keys]: {name} = ..." if name in BOUND else ""


def _hint(*parts: str) -> str:
    return "; ".join(part for part in parts if part)


class _Lines:
    """Finds the line of a setting, which the TOML parser does not report."""

    def __init__(self, path: Path, text: str) -> None:
        self.path = path
        self._lines: dict[tuple[str, str], int] = {}
        table = ""
        for number, line in enumerate(text.splitlines(), 1):
            if head := re.match(r"\s*\[\s*([^][]*?)\s*\]", line):
                table = head[1].strip("\"'")
                self._lines.setdefault(("", table), number)
            elif assigned := re.match(r"\s*([\w.\"' -]+?)\s*=", line):
                names = [part.strip(" \"'") for part in assigned[1].split(".")]
                if table:
                    names.insert(0, table)
                self._lines.setdefault(("", names[0]), number)
                if len(names) > 1:
                    self._lines.setdefault((names[0], names[1]), number)

    def of(self, table: str, name: str) -> str:
        """Return `file:line`, or only the file if the line is not found."""
        line = self._lines.get((table, name)) or self._lines.get(("", table))
        return f"{self.path}:{line}" if line else str(self.path)


def _wrong(name: str, value: object, allowed: str, where: str, hint: str) -> SettingsError:
    return SettingsError(f"{name} is {value!r}, but may be {allowed}", where=where, hint=hint)


def _theme(value: object, wrong: Callable[[str, str], SettingsError]) -> str:
    if isinstance(value, str) and value in THEMES:
        return value
    guess = nearest(value, THEMES) if isinstance(value, str) else ""
    raise wrong(", ".join(f'"{theme}"' for theme in THEMES), guess)


def _ascii(value: object, wrong: Callable[[str, str], SettingsError]) -> bool | None:
    if value == "auto":
        return None
    if isinstance(value, bool):
        return value
    raise wrong('"auto", true or false', "")


def _live(value: object, wrong: Callable[[str, str], SettingsError]) -> bool:
    if isinstance(value, bool):
        return value
    raise wrong("true or false", "")


def _memory(value: object, wrong: Callable[[str, str], SettingsError]) -> float:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not 0 < float(value) < 1e6:  # type: ignore[arg-type]
        raise wrong("a number of megabytes above 0 and below 1000000", "")
    return float(value)  # type: ignore[arg-type]


_PLAIN: dict[str, Callable[[object, Callable[[str, str], SettingsError]], Any]] = {
    "theme": _theme,
    "ascii": _ascii,
    "history_memory": _memory,
    "live": _live,
}
_FIELDS = {name: attribute for attribute, name in _NAMES_IN_FILE.items()}


def _read_plain(name: str, value: object, where: str, advice: str) -> Any:
    def wrong(allowed: str, guess: str) -> SettingsError:
        return _wrong(name, value, allowed, where, _hint(guess, advice))

    try:
        return _PLAIN[name](value, wrong)
    except OverflowError:
        raise wrong("a number of megabytes above 0 and below 1000000", "") from None


def _parse_variable(name: str, text: str) -> object:
    """Return the value that the text of an environment variable means in the file."""
    if name in ("ascii", "live"):
        return {"true": True, "1": True, "false": False, "0": False}.get(text.lower(), text)
    if name == "history_memory":
        try:
            return float(text)
        except ValueError:
            return text
    return text


def _with_keys(settings: Settings, table: object, lines: _Lines) -> Settings:
    from mfdebug.config.bindings import BOUND, BindingError, Keys

    if not isinstance(table, dict):
        raise SettingsError(
            f"keys is {table!r}, but is a table",
            where=lines.of("", "keys"),
            hint=_hint('a line [keys], then lines as in: step = ["j", "space"]', _WITHOUT),
        )
    changed: dict[str, tuple[str, ...]] = {}
    for name, value in table.items():
        where = lines.of("keys", name)
        if name not in BOUND:
            raise SettingsError(
                f"there is no binding {name!r}",
                where=where,
                hint=_hint(nearest(name, BOUND) or "mfdebug keys lists the names", _WITHOUT),
            )
        changed[name] = _key_names(name, value, where)
    origins = {f"keys.{name}": lines.of("keys", name) for name in changed}
    try:
        Keys(changed).check()
    except BindingError as error:
        raise SettingsError(
            error.problem, where=lines.of("keys", error.id), hint=_hint(error.hint, _WITHOUT)
        ) from None
    key_origins = {"keys": lines.of("", "keys"), **origins}
    return replace(settings, keys=changed, origins={**settings.origins, **key_origins})


def _key_names(name: str, value: object, where: str) -> tuple[str, ...]:
    from mfdebug.config.key_names import KeyNameError, read_key

    given: Iterable[object] = [value] if isinstance(value, str) else ()
    if isinstance(value, list):
        given = value
    elif not isinstance(value, str):
        raise _wrong(name, value, 'a key or a list of keys, as in ["j", "f5"]', where, _WITHOUT)
    keys = []
    for key in given:
        if not isinstance(key, str):
            raise _wrong(name, value, 'a list of keys in quotes, as in ["j"]', where, _WITHOUT)
        try:
            keys.append(read_key(key))
        except KeyNameError as error:
            raise SettingsError(
                f"{name}: {error}", where=where, hint=_hint(error.hint, _WITHOUT)
            ) from None
    return tuple(dict.fromkeys(keys))
