"""Records of PyTorch's functions, made here without PyTorch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from mfdebug.core.commands.interpreter import open_session
from mfdebug.core.session.session import Session
from mfdebug.recording.debugger import RecordedLines
from mfdebug.recording.reader import RunReader
from mfdebug.recording.records import RecordedNode, Structure
from tests.recording.runs import Recording

RNG = np.random.default_rng(2)
X, W, B = RNG.normal(size=(4, 3)), RNG.normal(size=(2, 3)), RNG.normal(size=2)
LABELS = np.array([0, 1, 1, 0])


def called(
    kind: str, *inbound: int, name: str = "", options: Any = (), arguments: Any = None
) -> RecordedNode:
    """Return a call of one of PyTorch's functions on its sources."""
    given = [f"@{k}" for k in range(len(inbound))] if arguments is None else arguments
    attributes = {"arguments": given, "options": options}
    return RecordedNode(kind, inbound, name, engine="torch", attributes=attributes)


def tensor(name: str, *, trained: bool = True, dtype: str = "") -> RecordedNode:
    attributes = {"dtype": dtype} if dtype else {}
    kind = "Parameter" if trained else "Tensor"
    return RecordedNode(kind, (), name, engine="torch", trained=trained, attributes=attributes)


def network(factor: float, *options: Any) -> Structure:
    """A linear layer, twice its value or so, and a cross-entropy."""
    nodes = [
        tensor("x", trained=False),
        tensor("w"),
        tensor("b"),
        tensor("labels", trained=False, dtype="int64"),
        called("linear", 0, 1, 2, name="fc"),
        called("mul", 4, name="scaled", arguments=["@0", factor]),
        called("cross_entropy", 5, 3, name="loss", options=list(options)),
    ]
    return Structure(tuple(nodes), (4, 5, 6), (6, 5, 4, 1, 2), 6)


def numbers(factor: float, wrong: float = 0.0) -> list[tuple[str, int, int, Any]]:
    """Return what a pass over the network makes; `wrong` is added to what the last node sends."""
    fc = X @ W.T + B
    scores = fc * factor
    shares = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
    loss = -np.log(shares[range(4), LABELS]).mean()
    scaled = (shares - np.eye(2)[LABELS]) / 4 + wrong
    upstream = scaled * factor
    return [
        *(("v", i, -1, value) for i, value in enumerate((X, W, B, LABELS, fc, scores, loss))),
        ("s", 6, 0, scaled),
        ("s", 5, 0, upstream),
        ("s", 4, 1, upstream.T @ X),
        ("s", 4, 2, upstream.sum(0)),
    ]


def session_of(path: Path, *passes: tuple[Structure, list[Any]]) -> Session:
    with Recording(path / "run.mfrun") as recording:
        for given_structure, values in passes:
            recording.add(given_structure, *values, graph=0)
        recording.close()
    return open_session(RecordedLines(RunReader(path / "run.mfrun")).debugger(0))
