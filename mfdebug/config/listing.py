"""Lists of settings and keys, in the syntax of the settings file."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping

from mfdebug.config.bindings import NEEDED, PLACES, Bound, Keys, at
from mfdebug.config.key_names import FIXED, written
from mfdebug.config.settings import VARIABLE, Settings, settings_path
from mfdebug.config.terminal import Colours, abilities

_COLOURS: dict[Colours, str] = {
    "none": "no colours",
    "16": "16 colours",
    "256": "256 colours",
    "true": "16 million colours",
}


def settings_lines(settings: Settings, environ: Mapping[str, str] = os.environ) -> Iterator[str]:
    """Yield every setting, its origin, and the meaning of `auto`."""
    able = abilities(environ, theme=settings.theme, ascii_only=settings.ascii_only)
    ascii_only = {None: "auto", True: "true", False: "false"}[settings.ascii_only]
    here = {"theme": "dark" if able.dark else "light", "ascii": str(able.ascii_only).lower()}
    changed = f"{len(settings.keys)} changed" if settings.keys else "as they ship"
    rows = [
        ("theme", settings.theme, settings.origin("theme")),
        ("ascii", ascii_only, settings.origin("ascii")),
        ("history_memory", f"{settings.history_memory:g}", settings.origin("history_memory")),
        ("keys", changed, settings.origin("keys")),
        *(
            (f"  {id}", _toml(Keys(settings.keys), id), settings.origin(f"keys.{id}"))
            for id in settings.keys  # noqa: A001
        ),
    ]
    told = [
        (name, f"{value} ({here[name]} here)" if value == "auto" else value, origin)
        for name, value, origin in rows
    ]
    names = max(len(name) for name, _, _ in told)
    values = max(len(value) for _, value, _ in told)
    for name, value, origin in told:
        yield f"{name:{names}}  {value:{values}}  {origin}"
    yield ""
    yield f"terminal: {_COLOURS[able.colours]}, theme {able.theme}"
    path = settings_path(environ)
    if path is None:
        yield f"file: none, as {VARIABLE} is empty"
    else:
        yield f"file: {path} ({'read' if settings.path else 'not there'})"


def key_lines(settings: Settings) -> Iterator[str]:
    """Yield the key bindings as TOML: a settings file with every key."""
    keys = Keys(settings.keys)
    yield "[keys]"
    for place, called in PLACES.items():
        yield ""
        yield f"# {called}"
        bound = at(place)
        lines = [(_line(keys, row), _words(keys, row)) for row in bound]
        width = max(len(line) for line, _ in lines)
        for line, words in lines:
            yield f"{line:{width}}  # {words}"


def _toml(keys: Keys, id: str) -> str:  # noqa: A002
    names = [written(key) for key in keys.of(id) if key not in FIXED]
    return json.dumps(names, ensure_ascii=False)


def _line(keys: Keys, one: Bound) -> str:
    """Return a line of the file; a comment if the keys cannot be changed."""
    if set(one.keys) <= set(FIXED):
        return f"# {one.id}: {', '.join(keys.of(one.id))}"
    return f"{one.id} = {_toml(keys, one.id)}"


def _words(keys: Keys, one: Bound) -> str:
    notes = []
    if fixed := [key for key in one.keys if key in FIXED and not set(one.keys) <= set(FIXED)]:
        notes.append(f"and always {' '.join(fixed)}")
    if one.id in NEEDED:
        notes.append("needs a key")
    if keys.is_changed(one.id):
        notes.append(f"changed; ships with {_toml(Keys(), one.id)}")
    return f"{one.words} ({'; '.join(notes)})" if notes else one.words
