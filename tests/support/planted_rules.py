"""Wrong rules planted in ops, graphs that show them, and what a check must say of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mfdebug.core.explain.check_report import check_data
from mfdebug.core.format.numbers import scalar
from mfdebug.core.timeline.debugger import index_text
from miniflow.gradcheck.checker import check
from miniflow.graph import Graph
from miniflow.node import Input, Node
from miniflow.ops import Mul, Sum
from miniflow.ops.base import Array, Calls, Op, Targets
from tests.support.check_words import check_sentences

KINK = "a kink: the slopes to both sides differ, no one number is right"


def graph_file(folder: Path, *nodes: dict[str, Any]) -> str:
    path = folder / "graph.json"
    path.write_text(json.dumps({"miniflow": 1, "name": "graph", "nodes": list(nodes)}))
    return str(path)


def worst_entries(sent: Array, right: Array) -> list[list[int]]:
    """Return where two arrays differ the most, relatively: one place, or some that are even."""
    largest = np.maximum(np.abs(sent), np.abs(right))
    off = np.abs(sent - right) / np.where(largest > 0, largest, 1.0)
    worst: list[list[int]] = np.argwhere(off > off.max() - 1e-6).tolist()
    return worst


def assert_blamed(
    graph: Graph, node: str, kind: str, source: str, sent: Array, right: Array
) -> None:
    """Assert that lines and data blame one gradient, by its worst entry, and no other one."""
    verdicts = check(graph)
    data = check_data(graph, verdicts)
    assert not data["all_right"]
    blamed, *fine = data["verdicts"]
    assert {verdict["judgement"] for verdict in fine} == {"right"}
    assert (blamed["node"], blamed["input"], blamed["judgement"]) == (node, source, "wrong")
    assert blamed["entry"] in worst_entries(sent, right)
    entry = tuple(blamed["entry"])
    assert blamed["analytic"] == pytest.approx(sent[entry])
    assert blamed["numeric"] == pytest.approx(right[entry], rel=1e-6, abs=1e-9)
    assert (blamed["checked"], blamed["of"]) == (sent.size, sent.size)
    conclusion, first, *others = check_sentences(graph, verdicts)
    assert conclusion == f"1 gradient is wrong (1 wrong, {len(fine)} right)"
    place = f"{node} ({kind}) to {source}{index_text(entry)}"
    numbers = f"backward {scalar(sent[entry])}, difference {scalar(right[entry])}, "
    assert first.startswith(f"  {place}: WRONG: {numbers}relative error ")
    assert not any("WRONG" in line for line in others)


def assert_all_right(graph: Graph) -> None:
    verdicts = check(graph)
    assert check_sentences(graph, verdicts)[0] == f"no gradient is wrong ({len(verdicts)} right)"
    assert check_data(graph, verdicts)["all_right"]


def weighed(node: Node, weights: Array) -> Graph:
    """Return a graph whose cost sends the node exactly `weights`."""
    return Graph.of(Sum(Mul(node, Input("weights", value=weights), name="m"), name="cost"))


def upstream_of(node: Node) -> Any:
    return sum(consumer.gradients[node] for consumer in node.outbound_nodes)


def plant(monkeypatch: pytest.MonkeyPatch, op: type[Op], wrong: Callable[..., Any]) -> None:
    """Have an op send `wrong(input_index, grad, *inputs)`, or what is right where that is None."""
    right = op.backward_calls

    def backward_calls(
        self: Op, do: Calls, targets: Targets, grad: Array, value: Array, inputs: Sequence[Array]
    ) -> None:
        def overwrite(input_index: int, out: Array) -> None:
            sent = wrong(input_index, grad, *inputs)
            if sent is not None:
                np.copyto(out, sent)

        def overwritten() -> Targets:
            for input_index, out in targets:
                yield input_index, out
                do(overwrite, input_index, out)

        right(self, do, overwritten(), grad, value, inputs)

    monkeypatch.setattr(op, "backward_calls", backward_calls)
