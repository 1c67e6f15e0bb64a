"""List the settings and keys in force, in the format of the settings file."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping

from mfdebug.config.bindings import NEEDED, PLACES, Bound, Keys, at
from mfdebug.config.key_names import FIXED, written
from mfdebug.config.settings import VARIABLE, Settings, settings_path
from mfdebug.config.terminal import abilities
from mfdebug.config.themes import Colours
from mfdebug.core.format.table import Column, Row, Table

_COLOURS: dict[Colours, str] = {
    "none": "no colours",
    "16": "16 colours",
    "256": "256 colours",
    "true": "16 million colours",
}


def settings_lines(settings: Settings, environ: Mapping[str, str] = os.environ) -> Iterator[str]:
    """Yield a line per setting: its value, what `auto` means here, and its origin."""
    able = abilities(environ, theme=settings.theme, ascii_only=settings.ascii_only)
    ascii_only = {None: "auto", True: "true", False: "false"}[settings.ascii_only]
    resolved = {"theme": "dark" if able.dark else "light", "ascii": str(able.ascii_only).lower()}
    changed = f"{len(settings.keys)} changed" if settings.keys else "defaults"
    rows = [
        ("theme", settings.theme, settings.origin("theme")),
        ("ascii", ascii_only, settings.origin("ascii")),
        ("history_memory", f"{settings.history_memory:g}", settings.origin("history_memory")),
        ("live", str(settings.live).lower(), settings.origin("live")),
        ("keys", changed, settings.origin("keys")),
        *(
            (f"  {id}", _toml(Keys(settings.keys), id), settings.origin(f"keys.{id}"))
            for id in settings.keys  # noqa: A001
        ),
    ]
    shown = [
        (name, f"{value} ({resolved[name]} here)" if value == "auto" else value, origin)
        for name, value, origin in rows
    ]
    columns = (Column(), Column(), Column())
    yield from Table(columns, tuple(map(Row, shown))).lines()
    yield ""
    yield f"terminal: {_COLOURS[able.colours]}, theme {able.theme}"
    path = settings_path(environ)
    if path is None:
        yield f"file: none, as {VARIABLE} is empty"
    else:
        yield f"file: {path} ({'read' if settings.path else 'not found'})"


def key_lines(settings: Settings) -> Iterator[str]:
    """Yield a settings file, in TOML, with all keys in force."""
    keys = Keys(settings.keys)
    yield "[keys]"
    for place, description in PLACES.items():
        yield ""
        yield f"# {description}"
        lines = [(_line(keys, bound), _words(keys, bound)) for bound in at(place)]
        rows = tuple(Row((line, f"# {words}")) for line, words in lines)
        yield from Table((Column(), Column()), rows).lines()


def _toml(keys: Keys, id: str) -> str:  # noqa: A002
    names = [written(key) for key in keys.of(id) if key not in FIXED]
    return json.dumps(names, ensure_ascii=False)


def _line(keys: Keys, bound: Bound) -> str:
    """Return a line of the file; a comment if none of the keys can be changed."""
    if set(bound.keys) <= set(FIXED):
        return f"# {bound.id}: {', '.join(keys.of(bound.id))}"
    return f"{bound.id} = {_toml(keys, bound.id)}"


def _words(keys: Keys, bound: Bound) -> str:
    notes = []
    if fixed := [key for key in bound.keys if key in FIXED and not set(bound.keys) <= set(FIXED)]:
        notes.append(f"and always {' '.join(fixed)}")
    if bound.id in NEEDED:
        notes.append("needs a key")
    if keys.is_changed(bound.id):
        notes.append(f"changed; default {_toml(Keys(), bound.id)}")
    return f"{bound.words} ({'; '.join(notes)})" if notes else bound.words
