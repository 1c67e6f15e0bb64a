"""`mfdebug diff A [B]`: finds the first node that differs between two files.

With one file, its graph in float64 is compared with itself in float32. Of two recorded runs, the
first value and the first gradient are found that differ.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from typing import Any

import numpy as np

from mfdebug.cli.exit_status import FAILED, OK, unusable
from mfdebug.cli.parsed_options import feeds_of, model_options_of
from mfdebug.core.explain.graph_diff_report import graph_diff_data, graph_diff_parts
from mfdebug.core.format.table import text_lines
from mfdebug.core.timeline.graph_diff import compare_graphs, tolerance_of
from mfdebug.opening.graphs import load_like, located
from mfdebug.opening.readers import Kind, reader_of
from miniflow.errors import printable


def diff(options: argparse.Namespace) -> int:
    """Compare two graphs, or two runs; return the exit status: 1 if they differ."""
    kinds = [reader_of(name).kind for name in options.files]
    if problem := _conflict(options, kinds):
        return unusable(problem)
    return _diff_runs(options) if Kind.RUN in kinds else _diff_graphs(options)


def _conflict(options: argparse.Namespace, kinds: list[Kind]) -> str:
    """Return why the files or the options cannot be combined, or an empty string."""
    for name, kind in zip(options.files, kinds, strict=True):
        if kind is Kind.PROGRAM:
            return (
                f"{name} is a program: diff compares graphs, models and run files "
                f"(mfdebug record {name} -o RUN.mfrun makes one; mfdebug --twice {name} compares "
                "two runs of it)"
            )
    if Kind.RUN not in kinds:
        return "--bits is for two run files" if options.bits else ""
    if kinds != [Kind.RUN, Kind.RUN]:
        return "a run file is compared with another run file"
    if options.feed or options.cost or options.labels:
        return "--feed, --cost and --labels are for graphs: a run has its own inputs"
    return ""


def _diff_runs(options: argparse.Namespace) -> int:
    from mfdebug.cli.run_diff import write_run_diff
    from mfdebug.opening.runs import located_run

    a, b = map(located_run, options.files)
    names = (a.name, b.name) if a.name != b.name else (str(a), str(b))
    names = printable(names[0]), printable(names[1])
    return write_run_diff(
        a, b, names, options.tolerance or 0.0, bits=options.bits, as_json=options.json
    )


def _diff_graphs(options: argparse.Namespace) -> int:
    given: tuple[dict[str, Any], dict[str, Any]]
    given = feeds_of(options.feed), model_options_of(options)
    first, *others = options.files
    path = located(first)[0]
    a = load_like(path, first, *given)
    b = load_like(path, others[0] if others else first, *given)
    names = (first, others[0]) if others else ("float64", "float32")
    if not others:
        b.dtype = np.dtype(np.float32)
    tolerance = tolerance_of(a, b) if options.tolerance is None else options.tolerance
    found = compare_graphs(a, b, tolerance)
    if options.json:
        sys.stdout.write(json.dumps(graph_diff_data(found, a, b), ensure_ascii=False) + "\n")
    else:
        width = shutil.get_terminal_size((80, 24)).columns if sys.stdout.isatty() else None
        lines = text_lines(graph_diff_parts(found, a, b, names), width)
        sys.stdout.writelines(f"{line}\n" for line in lines)
    return FAILED if found.differences else OK
