"""What can be opened: recent graphs and runs, demos, files of the present folder, what ships."""

from __future__ import annotations

import contextlib
import json
import os
import re
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from mfdebug.core.session.store import Left
from mfdebug.opening.readers import GRAPH_FILE, MODEL_SUFFIXES, RUN_FILE, Kind, reader_of
from mfdebug.opening.shipped import (
    GROUPS,
    Shipped,
    shipped,
    shipped_demos,
    shipped_models,
    shipped_runs,
)
from miniflow.errors import printable

DEMOS, RECENT, HERE = "demos", "recent", "in this folder"
MODELS = "models of other libraries"
RUNS = "recorded runs of programs"
# A model file is not read for the list.
MODEL_HERE = (
    "A model of another library. It is fed from the file of the same name that ends with "
    ".safetensors: inputs by their names, and labels. Without one its inputs are drawn at random, "
    "and its cost is a scalar output, or the sum of its first output."
)
# Nor is a run file, which is opened as a whole.
RUN_HERE = "The recorded run of a program: mfdebug record PROGRAM -o FILE makes one."
# Files of a folder that are looked at, the most recent first.
MAX_FILES = 50
# How a graph file begins, and how much of it is read to find its description.
GRAPH_HEAD = re.compile(r'\s*\{\s*"miniflow"\s*:\s*\d')
DESCRIPTION = re.compile(r'"description"\s*:\s*("(?:[^"\\]|\\.)*")')
HEAD_CHARACTERS = 4000


class Choice(NamedTuple):
    """Something to open: its group, a name, a heading and a description.

    `target` is what the command line would name: a demo, a graph's file or a shipped graph.
    """

    group: str
    name: str
    heading: str
    text: str
    target: str
    demo: bool = False

    def matches(self, words: str) -> bool:
        """Whether each of the words occurs in its name, group, heading or description."""
        text = f"{self.group} {self.name} {self.heading} {self.text}".casefold()
        return all(word in text for word in words.casefold().split())


def choices(recent: Sequence[Left], folder: Path) -> list[Choice]:
    """Return everything that can be opened, in groups; `recent` are the sessions left last."""
    graphs = {graph.name: graph for graph in shipped()}
    known = {**graphs, **{run.name: run for run in shipped_runs()}}
    grouped = {name for names in GROUPS.values() for name in names}
    groups = {**GROUPS, "other graphs": tuple(name for name in graphs if name not in grouped)}
    return [
        *_recent(recent, known),
        *_demos(),
        *_files(folder),
        *(
            Choice(group, name, name, graphs[name].description, name)
            for group, names in groups.items()
            for name in names
            if name in graphs
        ),
        *(Choice(MODELS, m.name, m.name, m.description, m.name) for m in shipped_models()),
        *(Choice(RUNS, run.name, run.name, run.description, run.name) for run in shipped_runs()),
    ]


def _demos() -> Iterator[Choice]:
    for demo in shipped_demos():
        text = f"{demo.opening}\n\nFrom the command line: mfdebug demo {demo.name}"
        yield Choice(DEMOS, demo.title, demo.title, text, str(demo.path), demo=True)


def _recent(recent: Sequence[Left], known: dict[str, Shipped]) -> Iterator[Choice]:
    for left in recent:
        if left.graph not in known and not _can_be_opened(left.graph):
            continue
        name = printable(Path(left.graph).name)
        found = known.get(left.graph)
        about = found.description if found else printable(left.graph)
        text = f"Left at moment {left.moment}, {_ago(left.at)}.\n\n{about}"
        yield Choice(RECENT, name, name, text, left.graph)


def _can_be_opened(name: str) -> bool:
    """Whether a file can be opened in the app; a program is debugged in a process of its own."""
    return reader_of(name).kind is not Kind.PROGRAM and os.path.isfile(name)


def _ago(at: float) -> str:
    """Return how long ago a time was, in words."""
    minutes = max(0.0, time.time() - at) / 60
    for size, unit in ((24 * 60, "day"), (60, "hour"), (1, "minute")):
        if minutes >= size:
            count = int(minutes // size)
            return f"{count} {unit}{'s' * (count > 1)} ago"
    return "just now"


def _files(folder: Path) -> Iterator[Choice]:
    """Yield the graph files, models and run files of a folder, those changed last first."""
    found = []
    for suffix in (GRAPH_FILE.suffix, *MODEL_SUFFIXES, RUN_FILE.suffix):
        with contextlib.suppress(OSError):
            for path in folder.glob(f"*{suffix}"):
                with contextlib.suppress(OSError):
                    found.append((path.stat().st_mtime, path))
    for _, path in sorted(found, reverse=True)[:MAX_FILES]:
        if (description := _description(path)) is not None:
            name = printable(path.name)
            yield Choice(HERE, name, name, description, str(path))


def _description(path: Path) -> str | None:
    """Return the description of a graph, model or run file, or None if it is none of them."""
    try:
        if not path.is_file():
            return None
        if path.suffix in MODEL_SUFFIXES:
            return MODEL_HERE
        if path.suffix == RUN_FILE.suffix:
            return RUN_HERE
        with path.open(encoding="utf-8", errors="replace") as file:
            head = file.read(HEAD_CHARACTERS)
    except OSError:
        return None
    if not GRAPH_HEAD.match(head):
        return None
    description = DESCRIPTION.search(head)
    try:
        return printable(json.loads(description[1]), HEAD_CHARACTERS) if description else ""
    except ValueError:
        return ""
