"""Programs of engines that build their graph in each pass: run, recorded, compared with a judge."""

from __future__ import annotations

import importlib.util
import os
import pickle
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mfdebug.recording.records import Run
from tests.program.compare import PassSeen, opened, states
from tests.program.programs import environment


def installed(*packages: str) -> bool:
    """Whether the running Python can import all of these packages."""
    return all(importlib.util.find_spec(name) is not None for name in packages)


def python(
    *arguments: str | Path, folder: Path, variables: Mapping[str, str] = os.environ
) -> subprocess.CompletedProcess[bytes]:
    """Run the running Python with arguments, in a folder."""
    paths = [environment()["PYTHONPATH"], variables.get("PYTHONPATH", "")]
    return subprocess.run(
        [sys.executable, "-P", *map(str, arguments)],
        cwd=folder,
        env={**environment(), "PYTHONPATH": os.pathsep.join(filter(None, paths))},
        capture_output=True,
        check=False,
    )


def judged(judge: Path, program: Path, folder: Path, *arguments: str) -> list[dict[str, Any]]:
    """Return the passes of a program as a judge has seen them, without mfdebug."""
    out = folder / "judged.pickle"
    done = python(judge, out, program, *arguments, folder=folder)
    assert done.returncode == 0, done.stderr.decode()
    found: list[dict[str, Any]] = pickle.loads(out.read_bytes())
    return found


def recorded(program: Path, folder: Path, *arguments: str | Path) -> Run:
    """Return the run of a program that mfdebug has recorded."""
    out = folder / "run.mfrun"
    done = python("-m", "mfdebug", "record", "-o", out, program, *arguments, folder=folder)
    assert done.returncode == 0, done.stderr.decode()
    return opened(out)


def differences(right: Sequence[dict[str, Any]], run: Run) -> list[str]:
    """Return what differs between the passes that a judge has seen and a run, a line each.

    A pass of a judge has the `kinds` of its nodes, a result after what it depends on; for each its
    `inbound` nodes, and what was `sent` to them; `values`, `own` gradients, and `ids` of the
    objects that hold the values. A kind of None is any input; None for a number is not compared.
    """
    seen = list(states(run))
    if len(right) != len(seen):
        return [f"{len(right)} passes, seen {len(seen)}"]
    found = []
    for at, (expected, other) in enumerate(zip(right, seen, strict=True)):
        # Of constants, autograd has no nodes of its own.
        nodes = run.lines[other.line].nodes
        constants = {
            i
            for i, node in enumerate(nodes)
            if node.engine == "autograd" and not node.inbound and not node.trained
        }
        to = _matched(expected, other, constants)
        if to is None:
            found.append(f"pass {at}: another graph: {expected['kinds']}, seen {other.kinds}")
            continue
        words = _numbers(expected, other, to, constants)
        # What no later pass of the same line shows need not be known.
        if at + 1 < len(right) and seen[at + 1].line == other.line:
            words += _updates(expected, right[at + 1], other, to)
        found += [f"pass {at}: {each}" for each in words]
    return found


def _numbers(
    expected: dict[str, Any], seen: PassSeen, to: dict[int, int], constants: set[int]
) -> list[str]:
    found = [] if seen.whole else ["not kept whole"]
    for i, there in to.items():
        kind = f"{expected['kinds'][i]} {i}"
        right = expected["values"][i]
        if right is not None and not _same(right, seen.values.get(there)):
            found.append(f"value of {kind}: {right}, seen {seen.values.get(there)}")
        gradient = seen.own.get(there)
        if expected["own"][i] is not None and not _same(expected["own"][i], gradient):
            found.append(f"gradient of {kind}: {expected['own'][i]}, seen {gradient}")
        places = _places(seen, there, constants)
        totals: dict[int, Any] = {}
        for k, (source, number) in enumerate(
            zip(expected["inbound"][i], expected["sent"][i], strict=True)
        ):
            if number is None:
                continue
            first = places[expected["inbound"][i].index(source)]
            totals[first] = totals[first] + number if places[k] != first else number
        for k, number in totals.items():
            if not _same(number, seen.sent.get((there, k))):
                found.append(f"sent by {kind} to {k}: {number}, seen {seen.sent.get((there, k))}")
    return found


def _places(seen: PassSeen, node: int, constants: set[int]) -> list[int]:
    """Return which inputs of a node are no constants."""
    return [k for k, source in enumerate(seen.inbound[node]) if source not in constants]


def _updates(
    expected: dict[str, Any], following: dict[str, Any], seen: PassSeen, to: dict[int, int]
) -> list[str]:
    """Compare what the inputs are said to hold afterwards with what the next pass had."""
    found = []
    for i, there in to.items():
        same = expected["ids"][i] == following["ids"][i] and not expected["inbound"][i]
        if same and not _same(following["values"][i], seen.after.get(there)):
            after = seen.after.get(there)
            found.append(
                f"{expected['kinds'][i]} {i} afterwards: {following['values'][i]}, seen {after}"
            )
    return found


def _matched(
    expected: dict[str, Any], seen: PassSeen, constants: set[int]
) -> dict[int, int] | None:
    """Return which node is which, from the cost down, or None if the graphs differ."""
    to: dict[int, int] = {}
    todo = [(len(expected["kinds"]) - 1, seen.cost_node)]
    while todo:
        i, j = todo.pop()
        if i in to and to[i] == j:
            continue
        kind, sources = expected["kinds"][i], expected["inbound"][i]
        places = _places(seen, j, constants)
        if i in to or len(sources) != len(places):
            return None
        if seen.inbound[j] if kind is None else kind != seen.kinds[j]:
            return None
        to[i] = j
        todo += [(source, seen.inbound[j][k]) for source, k in zip(sources, places, strict=True)]
    return to


def _same(right: Any, seen: Any) -> bool:
    """Whether two numbers are the same, bit for bit."""
    if seen is None:
        return False
    left, other = np.asarray(right), np.asarray(seen)
    return left.shape == other.shape and left.tobytes() == other.astype(left.dtype).tobytes()
