"""Writes the comparison of two recorded runs, for `mfdebug diff` and `mfdebug --twice`."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

from mfdebug.cli.exit_status import FAILED, OK
from mfdebug.core.format.table import text_lines
from mfdebug.recording.run_diff import RunComparison, compare_files
from mfdebug.recording.run_diff_report import run_diff_data, run_diff_parts


def write_run_diff(
    a: Path,
    b: Path,
    names: tuple[str, str],
    tolerance: float,
    *,
    bits: bool,
    as_json: bool,
) -> int:
    """Compare two run files and write the report; return the exit status: 1 if they differ."""
    found = compare_files(a, b, tolerance, bits=bits)
    write_comparison(found, names, as_json=as_json)
    return OK if found.same else FAILED


def write_comparison(found: RunComparison, names: tuple[str, str], *, as_json: bool) -> None:
    """Write the report of a comparison, as text or as a JSON object."""
    if as_json:
        sys.stdout.write(json.dumps(run_diff_data(found), ensure_ascii=False) + "\n")
        return
    width = shutil.get_terminal_size((80, 24)).columns if sys.stdout.isatty() else None
    lines = text_lines(run_diff_parts(found, names), width)
    sys.stdout.writelines(f"{line}\n" for line in lines)
