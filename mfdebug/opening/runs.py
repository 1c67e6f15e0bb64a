"""Open a session on the first pass of a run file: of a path, or of a shipped run by its name."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from mfdebug.core.commands.interpreter import open_session
from mfdebug.core.format.table import Part
from mfdebug.core.session.script import Origin
from mfdebug.core.session.session import Session
from mfdebug.opening.shipped import find_run, shipped_runs
from mfdebug.recording.debugger import RecordedLines
from mfdebug.recording.reader import RunReader
from mfdebug.recording.run_diff import compare_files
from mfdebug.recording.run_diff_report import run_diff_data, run_diff_parts
from mfdebug.running.runnable import Runnable
from mfdebug.running.what_is_seen import what_is_seen
from miniflow.errors import FileError, nearest, printable

# The number of bytes of a file that are hashed to identify it.
HASHED_BYTES = 2**20


def open_run(name: str) -> Session:
    """Return a session on the first pass of a recorded run, whose file can be opened again.

    Raises `MiniflowError` if the file cannot be used, with the nearest shipped name if there is no
    such file.
    """
    path = located_run(name)
    run = RunReader(path)
    if not len(run):
        raise FileError("the program ran no graph", where=name, hint=what_is_seen())
    lines = RecordedLines(run)
    session = open_session(lines.debugger(run.outline(0).line), origin=origin_of(name))
    session.compare_run = compared_with(path)
    return session


def compared_with(path: Path) -> Callable[[str], tuple[list[Part], Any]]:
    """Return what compares a run file with the one of a name: lines and tables, and data."""

    def compare(name: str) -> tuple[list[Part], Any]:
        other = located_run(name)
        found = compare_files(path, other)
        return run_diff_parts(found, ("this run", printable(other.name))), run_diff_data(found)

    return compare


def located_run(name: str) -> Path:
    """Return the path of a run file, or of the shipped run of that name.

    Raises `FileError`, with the nearest shipped name, if there is neither.
    """
    path = Path(name)
    try:
        exists = path.exists()
    except (OSError, ValueError):  # too long, or with invalid characters
        exists = False
    if exists:
        return path
    shipped = find_run(name)
    if shipped is None:
        raise FileError(
            "there is no such file, and no shipped run of that name",
            where=name,
            hint=nearest(path.name, [run.name for run in shipped_runs()]) or "",
        )
    return shipped


def program_origin(runs: Runnable, arguments: Sequence[str]) -> Origin | None:
    """Return the origin from which a program can be opened again, None of a module without file."""
    file = runs.file()
    if file is None:
        return None
    options = {"module": runs.name} if runs.is_module else {}
    return Origin(str(file.resolve()), _hash_of(file), arguments=tuple(arguments), options=options)


def origin_of(name: str) -> Origin:
    """Return the origin from which a run file can be opened again."""
    path = located_run(name).resolve()
    shipped = find_run(path.name)
    is_shipped = shipped is not None and shipped.resolve() == path
    return Origin(path.name if is_shipped else str(path), _hash_of(path))


def _hash_of(path: Path) -> str:
    # A run file may be huge: its first bytes and its length identify it.
    with path.open("rb") as file:
        hashed = hashlib.sha256(file.read(HASHED_BYTES))
    hashed.update(str(path.stat().st_size).encode())
    return hashed.hexdigest()
