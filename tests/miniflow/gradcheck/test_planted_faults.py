"""Gradient checking sees every fault that is planted in a rule, and accuses no right rule."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from miniflow.errors import MiniflowError
from miniflow.gradcheck.checker import Verdict, check
from miniflow.graph import Graph
from miniflow.node import Input, Node
from miniflow.ops import OPS, Mul, Op, Sum
from miniflow.ops.base import Array, Calls
from miniflow.plans.integers import class_numbers
from tests.support.op_cases import COVERED, Case, cases
from tests.support.sizes import examples, pick

# A fault makes of what is right to send something else, or None where it makes no sense.
Fault = Callable[[Array, Array], Array | None]


def transposed(sent: Array, grad: Array) -> Array | None:
    square = sent.ndim == 2 and sent.shape[0] == sent.shape[1]
    return sent.T if square else None


def mean_for_sum(sent: Array, grad: Array) -> Array | None:
    return sent / grad.size * sent.size if grad.size > sent.size else None


def one_entry_dropped(sent: Array, grad: Array) -> Array:
    faulty = sent.copy()
    faulty.flat[-1:] = 0.0
    return faulty


def one_entry_off(sent: Array, grad: Array) -> Array:
    faulty = sent.copy()
    faulty.flat[:1] *= 1.001
    return faulty


FAULTS: dict[str, Fault] = {
    "the sign": lambda sent, grad: -sent,
    "a factor 2 added": lambda sent, grad: 2 * sent,
    "a factor 2 forgotten": lambda sent, grad: sent / 2,
    "nothing sent": lambda sent, grad: np.zeros_like(sent),
    "transposed": transposed,
    "the other way round": lambda sent, grad: sent.reshape(-1)[::-1].reshape(sent.shape),
    "off by one entry": lambda sent, grad: np.roll(sent.reshape(-1), 1).reshape(sent.shape),
    "the mean for the sum": mean_for_sum,
    "the mean over the rows": lambda sent, grad: sent / len(sent) if sent.ndim else None,
    "one entry dropped": one_entry_dropped,
    "one entry a little off": one_entry_off,
    "the local gradient forgotten": lambda sent, grad: grad if grad.shape == sent.shape else None,
    "the upstream forgotten": lambda sent, grad: sent / grad if grad.shape == sent.shape else None,
    "rounded": lambda sent, grad: np.round(sent, 1),
    "its size alone": lambda sent, grad: np.abs(sent),
    "NaN": lambda sent, grad: np.full_like(sent, np.nan),
}


def faulty_kind(op: type[Op], fault: Fault, faulty_slot: int) -> type[Op]:
    """Return an op whose rule is wrong for one input; `sent` has both gradients."""

    def vjp_calls(
        self: Op, do: Calls, input_index: int, out: Array, grad: Array, value: Array, *inputs: Array
    ) -> None:
        faultless = copy.copy(self)
        faultless.__class__ = op
        faultless.vjp_calls(do, input_index, out, grad, value, *inputs)

        def spoil() -> None:
            right = out.copy()
            if input_index == faulty_slot and (wrong := fault(right, grad)) is not None:
                np.copyto(out, wrong)
            self.sent[input_index] = right, out.copy()  # type: ignore[attr-defined]

        do(spoil)

    def backward_calls(
        self: Op, do: Calls, targets: Any, grad: Array, value: Array, inputs: Any
    ) -> None:
        for input_index, out in targets:
            self.vjp_calls(do, input_index, out, grad, value, *inputs)

    rules = {"vjp_calls": vjp_calls, "backward_calls": backward_calls}
    return type(op.__name__, (op,), rules)


def weighed(node: Node, shape: tuple[int, ...]) -> Graph:
    """Return a graph whose cost sends the node a gradient without zeros."""
    rng = np.random.default_rng(1)
    weights = rng.uniform(0.5, 2.0, shape) * rng.choice([-1.0, 1.0], shape)
    return Graph.of(Sum(Mul(node, Input("weights", value=weights), name="m"), name="cost"))


def graph_of(case: Case, kind: type[Op]) -> Graph:
    inputs = [Input(f"x{i}", value=value) for i, value in enumerate(case.values)]
    if case.same:
        inputs = [inputs[0]] * len(inputs)
    node = kind(*inputs, name="op", **case.attributes)
    node.sent = {}  # type: ignore[attr-defined]
    return weighed(node, node.shape_from(*(x.value.shape for x in inputs)))


def differ(right: Array, faulty: Array) -> bool:
    scale = np.abs(right).max(initial=0.0)
    return not np.allclose(right, faulty, rtol=1e-5, atol=1e-7 * scale)


def wrong_sources(graph: Graph, verdicts: list[Verdict]) -> set[tuple[str, str]]:
    return {
        (graph.nodes[verdict.node].label, graph.nodes[verdict.source].label)
        for verdict in verdicts
        if verdict.judgement == "wrong"
    }


NAMES = sorted(COVERED & OPS.keys())


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=pick(3, 1), deadline=None, derandomize=True)
@given(data=st.data())
def test_every_planted_fault_is_seen_where_it_is(name: str, data: st.DataObject) -> None:
    case = data.draw(cases(name))
    assume(all(value.size for value in case.values))
    graph = graph_of(case, faulty_kind(OPS[name], lambda sent, grad: None, 0))
    # Row numbers of a Take, which are not varied.
    integers = class_numbers(graph, graph.shapes())
    tried = [verdict for verdict in check(graph) if verdict.source not in integers]
    assert {verdict.judgement for verdict in tried} == {"right"}
    inbound = graph.inbound[graph.by_name["op"]]
    varied = [i for i, source in enumerate(inbound) if source not in integers]
    # Every fourth fault, of the next op the next ones.
    for what, fault in pick([*FAULTS.items()], [*FAULTS.items()][NAMES.index(name) % 4 :: 4]):
        input_index = data.draw(st.sampled_from(varied))
        graph = graph_of(case, faulty_kind(OPS[name], fault, input_index))
        verdicts = check(graph)
        op: Any = graph["op"]
        changed = set()
        for source in dict.fromkeys(op.inbound_nodes):
            sent = [
                op.sent[i]
                for i, inbound_node in enumerate(op.inbound_nodes)
                if inbound_node is source
            ]
            if differ(sum(right for right, _ in sent), sum(faulty for _, faulty in sent)):
                changed.add(("op", source.label))
        assert wrong_sources(graph, verdicts) == changed, what


HARD = [0.0, -0.0, 1.0, -1.0, 1e-300, -1e-12, 1e-8, -3e-6, 15.0, -36.5, 40.0, -700.0, 745.0]
HARDEST = [*HARD, 1e8, -1e12, 1e100, np.inf, -np.inf, np.nan]
UPSTREAM = [0.0, 0.0, 1.0, -2.5, 0.03]
SCALES = [1e-100, 1e-12, 1.0, 1e12]


@pytest.mark.parametrize("values", [HARD, HARDEST], ids=["hard", "hardest"])
@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=examples(6), deadline=None, derandomize=True)
@given(data=st.data())
def test_no_right_rule_is_accused_wherever_it_stands(
    name: str, values: list[float], data: st.DataObject
) -> None:
    case = data.draw(cases(name))
    assume(all(value.size for value in case.values))
    seed = data.draw(st.integers(0, 2**32 - 1))
    few = data.draw(st.integers(1, 4))  # of few values: ties, and rows that are alike
    dtype = data.draw(st.sampled_from(["float64", "float32"]))
    rng = np.random.default_rng(seed)
    with np.errstate(over="ignore"):
        pool = rng.choice(values, few).astype(dtype)
    labels = case.values[1:] if name == "SoftmaxCrossEntropy" else []
    case.values = [rng.choice(pool, value.shape) for value in case.values]
    if labels:  # shares that add up to some such number as 1
        case.values[1:] = labels
    if name == "Pow":  # below 0 there are powers at integers alone, and large floats are integers
        case.values[0] = np.abs(case.values[0])
    graph = graph_of(case, OPS[name])
    graph["weights"].value = rng.choice(UPSTREAM, graph["weights"].value.shape) * rng.choice(SCALES)
    graph = Graph.of(graph["cost"], dtype=dtype)
    try:
        verdicts = check(graph)
    except MiniflowError:  # no class numbers
        return
    assert not [verdict for verdict in verdicts if verdict.judgement == "wrong"], (
        name,
        case,
        graph["weights"].value,
    )
