"""What `check` says of zeros, infinities, labels and wide nodes: its words and its exit status."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mfdebug.cli.main import main
from mfdebug.core.explain.check_report import check_data, passes
from miniflow.gradcheck.checker import check
from miniflow.graph import Graph
from miniflow.node import Input, Node
from miniflow.ops import Add, Mul, ReLU, SoftmaxCrossEntropy, Sum
from tests.support.check_words import check_sentences

ZERO_GRADIENT_SQUARE = [
    {"name": "x", "op": "Input", "trainable": True, "value": [0, 0]},
    {"name": "s", "op": "Sum", "inputs": ["x"]},
    {"name": "cost", "op": "Pow", "inputs": ["s"]},
]
ZERO_WEIGHTS = [
    {"name": "X", "op": "Input", "value": [[1, 0], [0, 1]]},
    {"name": "W1", "op": "Input", "trainable": True, "value": [[1, 1], [1, 1]]},
    {"name": "W2", "op": "Input", "trainable": True, "value": [[0], [0]]},
    {"name": "t", "op": "Input", "value": [[1], [0]]},
    {"name": "h", "op": "MatMul", "inputs": ["X", "W1"]},
    {"name": "a", "op": "Tanh", "inputs": ["h"]},
    {"name": "y", "op": "MatMul", "inputs": ["a", "W2"]},
    {"name": "cost", "op": "MSE", "inputs": ["t", "y"]},
]
EXP_OVERFLOWS = [
    {"name": "x", "op": "Input", "trainable": True, "value": [1000, 1]},
    {"name": "e", "op": "Exp", "inputs": ["x"]},
    {"name": "cost", "op": "Sum", "inputs": ["e"]},
]
BCE_AT_0_AND_1 = [
    {"name": "t", "op": "Input", "value": [1, 0, 1, 0]},
    {"name": "a", "op": "Input", "trainable": True, "value": [0, 1, 0.5, 0.25]},
    {"name": "cost", "op": "BinaryCrossEntropy", "inputs": ["t", "a"]},
]
MASKED_ATTENTION = [
    {"name": "scores", "op": "Input", "trainable": True, "value": [[1, 2, 3], [1, 2, 3]]},
    {"name": "mask", "op": "Input", "value": [[0, 0, "-Infinity"], [0, "-Infinity", "-Infinity"]]},
    {"name": "masked", "op": "Add", "inputs": ["scores", "mask"]},
    {"name": "p", "op": "Softmax", "inputs": ["masked"]},
    {"name": "square", "op": "Pow", "inputs": ["p"]},
    {"name": "cost", "op": "Sum", "inputs": ["square"]},
]


@pytest.mark.parametrize(
    ("nodes", "conclusion"),
    [
        (ZERO_GRADIENT_SQUARE, "no gradient is wrong (2 right)"),
        (ZERO_WEIGHTS, "no gradient is wrong (7 right)"),
        (EXP_OVERFLOWS, "no gradient could be compared (2 undefined)"),
        (BCE_AT_0_AND_1, "no gradient could be compared (2 undefined)"),
        (MASKED_ATTENTION, "no gradient is wrong (2 undefined, 3 right)"),
    ],
)
def test_zeros_and_infinities_accuse_no_rule(
    nodes: list[dict[str, Any]],
    conclusion: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = tmp_path / "graph.json"
    file.write_text(json.dumps({"miniflow": 1, "name": "graph", "cost": "cost", "nodes": nodes}))
    assert main([str(file), "--check"]) == 0
    assert capsys.readouterr().out.splitlines()[0] == conclusion
    assert main([str(file), "--check", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)["result"]
    assert result["all_right"]
    assert sum(result["counts"].values()) == len(result["verdicts"])


def lines_of(graph: Graph) -> list[str]:
    return check_sentences(graph, check(graph))


def test_each_kind_is_counted_in_right_grammar() -> None:
    kinks = ReLU(Input("x", value=[0.0, 1.0]), name="one")
    graph = Graph.of(Sum(kinks, name="cost"))
    assert lines_of(graph)[0] == "no gradient is wrong (1 kink, 1 right)"
    more = ReLU(Input("y", value=[0.0, 1.0]), name="two")
    scores = Add(kinks, more, name="scores")
    label = Input("label", value=1)
    graph = Graph.of(SoftmaxCrossEntropy(scores, label, name="cost"))
    assert lines_of(graph)[0] == "no gradient is wrong (2 kinks, 1 not tested, 3 right)"


def test_the_error_is_shown_as_measured_with_its_limit() -> None:
    graph = Graph.of(Sum(Mul(x := Input("x", value=0.3), x, name="square"), name="cost"))
    (verdict,) = check(graph, graph.index_of("square"))
    assert 0 < verdict.relative_error < 1e-8 < verdict.tolerance
    (line,) = check_sentences(graph, [verdict])[1:]
    assert f"relative error {verdict.relative_error:.2g} (limit 1e-06; the only entry)" in line


def test_a_rule_to_which_0_comes_back_is_tried_with_other_numbers_and_that_is_said() -> None:
    hidden = ReLU(Input("x", value=[1.0, 2.0]), name="hidden")
    graph = Graph.of(Sum(Mul(hidden, Input("w", value=[0.0, 0.0]), name="m"), name="cost"))
    lines = lines_of(graph)
    (line,) = (line for line in lines if line.startswith("  hidden"))
    assert line.endswith("; with other numbers where 0 came back to hidden)")
    assert [v["node"] for v in check_data(graph, check(graph))["verdicts"] if v["assumed_upstream"]]


def test_a_label_is_said_to_hold_integers() -> None:
    scores = Input("z", value=[[1.0, 2.0]])
    graph = Graph.of(SoftmaxCrossEntropy(scores, Input("y", value=[1]), name="c"))
    assert "  c (SoftmaxCrossEntropy) to y: not tested: y holds integers, which are not varied" in (
        lines_of(graph)
    )


class Ahead(Node):
    """A node of the lesson's first part: it only goes forward."""

    def __init__(self, x: Node, name: str) -> None:
        Node.__init__(self, [x], name)

    def forward(self) -> None:
        self.value = 2 * self.inbound_nodes[0].value


def test_of_a_forward_only_graph_one_sentence_says_that_there_is_nothing_to_check() -> None:
    graph = Graph.of(Ahead(Ahead(Input("x", value=1.0), "first"), "second"))
    verdicts = check(graph)
    assert check_sentences(graph, verdicts) == [
        "there is nothing to check: first, second define no backward()"
    ]
    assert not passes(verdicts)
    assert {v["reason"] for v in check_data(graph, verdicts)["verdicts"]} == {"no backward"}


def test_of_an_input_alone_there_is_nothing_to_check() -> None:
    graph = Graph.of(Input("x", value=1.0))
    assert lines_of(graph) == ["there is nothing to check: no node sends a gradient"]


class Draws(Node):
    """Its value is another one each time."""

    def __init__(self, x: Node, name: str) -> None:
        Node.__init__(self, [x], name)

    def forward(self) -> None:
        self.value = self.inbound_nodes[0].value * np.random.rand()

    def backward(self) -> None:
        x = self.inbound_nodes[0]
        self.gradients = {x: sum(n.gradients[self] for n in self.outbound_nodes)}


def test_where_nothing_can_be_tested_it_is_said_and_does_not_pass() -> None:
    graph = Graph.of(Draws(Input("x", value=1.0), "d"))
    verdicts = check(graph)
    conclusion, line = check_sentences(graph, verdicts)
    assert conclusion == "nothing could be tested (1 not tested)"
    assert line == (
        "  d (Draws) to x: not tested: two evaluations of d differ "
        "(it draws random numbers, or counts)"
    )
    assert not passes(verdicts)


def test_of_a_wide_node_it_is_said_how_many_inputs_were_tried() -> None:
    graph = Graph.of(Add(*(Input(f"x{i}", value=float(i)) for i in range(2000)), name="wide"))
    verdicts = check(graph)
    assert len(verdicts) < 100
    lines = check_sentences(graph, verdicts)
    assert lines[0] == f"no gradient is wrong ({len(verdicts)} right)"
    assert lines[-1] == (
        f"  wide (Add): {len(verdicts)} of 2,000 inputs tried one by one, then all at once"
    )
