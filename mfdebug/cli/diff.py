"""`mfdebug diff A [B]`: finds the first node that differs between two files.

With one file, its graph in float64 is compared with itself in float32.
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
from mfdebug.opening.readers import reader_of


def diff(options: argparse.Namespace) -> int:
    """Compare two graphs; return the exit status: 1 if they differ."""
    for name in options.files:
        if reader_of(name).recorded:
            return unusable(f"{name} is not a graph: diff compares graph files and models")
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
