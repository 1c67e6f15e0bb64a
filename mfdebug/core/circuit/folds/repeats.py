"""Repeated blocks: three or more units of one shape in a row, each fed by the one before.

A unit is a scope (`layer1/`) or an op outside of scopes (`h1`). The names of a run count: each has
one number that is by one higher than in the name before. Two units are alike if their names are
equal otherwise, and their nodes have the same names within the unit and the same ops.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from miniflow.graph import Graph

# Fewer units are drawn one by one.
FEWEST = 3
_LONGEST_NUMBER = 18
_DIGITS = re.compile(r"\d+")


def repeated(graph: Graph, units: Mapping[str, Sequence[int]]) -> list[list[str]]:
    """Return the runs of repeated units, each a list of keys of `units` in their order."""
    unit_of = {node: key for key, nodes in units.items() for node in nodes}
    runs: list[list[str]] = []
    # The run that a next unit of a signature may continue.
    latest: dict[object, list[str]] = {}
    for key, nodes in units.items():
        ops = [i for i in nodes if graph.inbound[i]]
        pattern = _DIGITS.sub("#", key)
        if not ops or pattern == key:
            continue
        signature = pattern, tuple(_within(graph, key, i) for i in nodes)
        run = latest.get(signature)
        if run is None or not (_counts(run[-1], key) and _feeds(graph, unit_of, run[-1], ops)):
            run = latest[signature] = []
            runs.append(run)
        run.append(key)
    return [run for run in runs if len(run) >= FEWEST]


def _counts(before: str, key: str) -> bool:
    """Whether one number of a name, and nothing else in it, is by one higher than before."""
    pairs = zip(_DIGITS.findall(before), _DIGITS.findall(key), strict=True)
    changed = [(old, new) for old, new in pairs if old != new]
    if len(changed) != 1 or max(map(len, changed[0])) > _LONGEST_NUMBER:
        return False
    return int(changed[0][1]) == int(changed[0][0]) + 1


def _within(graph: Graph, key: str, node: int) -> tuple[str, str]:
    target = graph.nodes[node]
    return target.label[len(key) :], type(target).__name__


def _feeds(graph: Graph, unit_of: Mapping[int, str], unit: str, ops: Iterable[int]) -> bool:
    return any(unit_of.get(source) == unit for i in ops for source in graph.inbound[i])


def run_label(run: Sequence[str]) -> str:
    """Return the name of a run: `layer1…12`, from `layer1/` and `layer12/`."""
    first, last = run[0].rstrip("/."), run[-1].rstrip("/.")
    return f"{first}…{_DIGITS.findall(last)[-1]}"
