"""Attention: PyTorch's numbers, hidden keys, heads, and what `why` and `break` say of them."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import miniflow as mf
from mfdebug.core.breakpoints.nonfinite import find_nonfinite
from mfdebug.core.explain.cause_text import cause_lines
from mfdebug.core.explain.why import why
from mfdebug.core.timeline.computed_debugger import ComputedDebugger
from mfdebug.core.timeline.entry_ref import EntryRef
from miniflow.errors import ShapeError
from miniflow.graph import Graph
from miniflow.node import Input
from miniflow.ops import Attention, Mul, Sum
from tests.support.one_pass import one_pass

Q = [[0.5, -1.0], [2.0, 0.25], [-0.75, 1.5]]
K = [[1.0, 0.5], [-0.5, 2.0], [0.25, -1.0]]
V = [[1.0, -1.0], [2.0, 0.5], [-3.0, 4.0]]
UPSTREAM = [[1.0, 0.5], [-2.0, 1.0], [0.25, -0.75]]


def graph_of(values: list[Any], upstream: Any, **attributes: Any) -> Graph:
    inputs = [Input(name, value=x) for name, x in zip("qkvM", values, strict=False)]
    op = Attention(*inputs, name="a", **attributes)
    return Graph.of(Sum(Mul(op, Input("g", value=upstream)), name="cost"))


def found(values: list[Any], upstream: Any = UPSTREAM, **attributes: Any) -> list[Any]:
    """Return the value and the gradient of each input."""
    graph = graph_of(values, upstream, **attributes)
    plan = one_pass(graph)
    return [
        plan.value(graph.by_name["a"]).copy(),
        *(plan.gradient(graph.by_name[name]).copy() for name in "qkvM"[: len(values)]),
    ]


def run(graph: Graph) -> ComputedDebugger:
    debugger = ComputedDebugger(graph)
    while not debugger.cursor.at_end:
        debugger.cursor.step()
    return debugger


# torch 2.13: scaled_dot_product_attention(q, k, v, ...), (value * upstream).sum().backward().
@pytest.mark.parametrize(
    ("attributes", "mask", "wanted"),
    [
        (
            {},
            None,
            [
                [
                    [-1.5322506333261112, 2.3291616487700257],
                    [0.3627607000140993, 0.09879408916850023],
                    [1.7933904804353837, 0.4639795665626157],
                ],
                [
                    [0.051863873271545735, 0.6000020372188688],
                    [-0.7177188448496861, -2.440286541538888],
                    [0.02750858357985322, 0.12502264857649426],
                ],
                [
                    [-2.309975069754371, -0.39614723026568865],
                    [-0.40312548208971855, -0.1427729514467721],
                    [2.71310055184409, 0.5389201817124609],
                ],
                [
                    [-1.093623305819025, 0.7879522705687704],
                    [0.06301376200612696, -0.530043311850115],
                    [0.2806095438128976, 0.4920910412813448],
                ],
            ],
        ),
        (
            {"causal": True},
            None,
            [
                [
                    [1.0, -1.0],
                    [1.1351518126725921, -0.797272280991112],
                    [1.7933904804353837, 0.4639795665626157],
                ],
                [
                    [0.0, 0.0],
                    [0.061988056461447893, -0.06198805646144748],
                    [0.02750858357985322, 0.12502264857649426],
                ],
                [
                    [0.04347457813261285, 0.08868367037554373],
                    [-0.09431832218472813, 0.013003817728688012],
                    [0.05084374405211582, -0.10168748810423164],
                ],
                [
                    [-0.7091682954352008, 1.3032639496685618],
                    [-0.04705656469910727, -0.5345893692656385],
                    [0.006224860134307729, -0.018674580402923184],
                ],
            ],
        ),
        (
            {},
            [[1, 0, 1], [0, 0, 0], [1, 1, 1]],
            [
                [
                    [-1.7560400869613413, 2.4450501087016767],
                    [0.0, 0.0],
                    [1.7933904804353837, 0.4639795665626157],
                ],
                [
                    [0.17045488712286638, 0.34090977424573277],
                    [0.0, 0.0],
                    [0.02750858357985322, 0.12502264857649426],
                ],
                [
                    [0.07446042759925973, -0.14892085519851947],
                    [-0.011667580236131308, 0.023335160472262615],
                    [-0.06279284736312844, 0.12558569472625689],
                ],
                [
                    [0.3315180574792801, 0.09391075147098607],
                    [0.22324706064607683, -0.6697411819382305],
                    [0.6952348818746429, 0.3258304304672444],
                ],
            ],
        ),
        (
            {"mask": "add", "scale": 0.25},
            [[0, 1, -math.inf], [0.5, 0, 0], [-math.inf, 0, -1]],
            [
                [
                    [1.6076631698328918, -0.08850524525066258],
                    [0.2896058508766022, 0.3987441270934232],
                    [1.5299491019171385, 0.829035628658003],
                ],
                [
                    [-0.15645567122163168, 0.15645567122163156],
                    [-0.19643929060965257, -1.0864742047607852],
                    [-0.06188297433037487, 0.24753189732149947],
                ],
                [
                    [-0.8842547202736085, 0.00029092708112138377],
                    [-0.3179958054971555, -0.01907092235042024],
                    [1.2022505257707639, 0.018779995269298883],
                ],
                [
                    [-0.7881466037355782, 0.7864101320348975],
                    [0.46270503170025695, -0.18993298375687895],
                    [-0.42455842796467874, 0.1535228517219817],
                ],
            ],
        ),
        (
            {"heads": 2, "causal": True},
            None,
            [
                [
                    [1.0, -1.0],
                    [1.047425873177567, -0.11100010006889537],
                    [0.32479546582295477, 0.3932230442141462],
                ],
                [
                    [0.0, 0.0],
                    [0.13552997919273674, 0.5431790278191428],
                    [-0.14410604200874877, -0.06721665101542931],
                ],
                [
                    [0.15901084464386964, 0.05743164045244599],
                    [-0.34650847521217687, -0.01705922674900906],
                    [0.18749763056830795, -0.04037241370343686],
                ],
                [
                    [-0.8623053456930848, 0.8365328300837044],
                    [0.03711370057458881, -0.0790705049111482],
                    [0.07519164511849592, -0.007462325172556619],
                ],
            ],
        ),
    ],
)
def test_it_is_pytorchs(attributes: dict[str, Any], mask: Any, wanted: list[Any]) -> None:
    values = [Q, K, V] + ([] if mask is None else [mask])
    for mine, other in zip(found(values, **attributes), wanted, strict=False):
        np.testing.assert_allclose(mine, other, rtol=1e-12, atol=1e-15)


def test_a_query_that_sees_no_key_gets_0_and_sends_0() -> None:
    for mask, form in ((np.zeros((3, 3)), "keep"), (np.full((3, 3), -np.inf), "add")):
        assert all(not part.any() for part in found([Q, K, V, mask], mask=form))


def test_numbers_of_a_hidden_key_do_not_matter_except_in_its_row_of_the_values() -> None:
    hidden = [[1.0, 0.5], [-0.5, 2.0], [math.nan, math.inf]]
    mask = [1.0, 1.0, 0.0]
    np.testing.assert_array_equal(found([Q, hidden, V, mask])[0], found([Q, K, V, mask])[0])
    # 0 × infinity is NaN.
    values = [[1.0, -1.0], [2.0, 0.5], [-3.0, math.inf]]
    assert np.isnan(found([Q, K, values, mask])[0][:, 1]).all()


def test_scores_that_are_far_apart_do_not_overflow() -> None:
    value, *gradients = found([[[1e200, 0.0]], K, V], [[1.0, 1.0]])
    np.testing.assert_array_equal(value, [V[0]])
    assert all(np.isfinite(gradient).all() for gradient in gradients)


def test_a_mask_with_minus_infinity_is_no_alarm() -> None:
    mask = [[0.0, -math.inf, -math.inf], [0.0, 0.0, -math.inf], [0.0, 0.0, 0.0]]
    for attributes, values in (({"mask": "add"}, [Q, K, V, mask]), ({"causal": True}, [Q, K, V])):
        debugger = ComputedDebugger(graph_of(values, UPSTREAM, **attributes))
        while not debugger.cursor.at_end:
            debugger.cursor.step()
            assert find_nonfinite(debugger, "inf") is None
            assert find_nonfinite(debugger, "nan") is None
    # What overflows beside it is one.
    values = [np.multiply(Q, 1e-10), np.multiply(K, 1e10), np.multiply(V, 1e300), mask]
    debugger = ComputedDebugger(graph_of(values, UPSTREAM, mask="add"))
    findings = []
    while not debugger.cursor.at_end:
        debugger.cursor.step()
        findings.append(find_nonfinite(debugger, "inf"))
    (words,) = (finding.words for finding in findings if finding is not None)
    assert words.startswith("inf: Attention a sends ∂cost/∂q[1,")
    # As an operand of another op the mask is one.
    inputs = [Input(name, value=x) for name, x in zip("qkvM", [Q, K, V, mask], strict=True)]
    op = mf.attention(*inputs, mask="add", name="a")
    debugger = ComputedDebugger(Graph.of(Sum(mf.ops.Add(op, Sum(inputs[3])), name="cost")))
    debugger.cursor.step()
    finding = find_nonfinite(debugger, "inf")
    assert finding is not None
    assert "M[0,1] = -inf was fed" in finding.words


def test_why_names_the_row_of_weights_and_the_masked_keys() -> None:
    debugger = run(graph_of([Q, K, V], UPSTREAM, causal=True))
    ref = EntryRef(debugger.graph.by_name["a"], "value", (1, 0))
    lines = cause_lines(why(debugger, ref), debugger)
    assert lines[0] == "a[1,0] = Σⱼ w[1,j]·v[j,0]"
    assert lines[2] == "  = 0.864848 × 1 + 0.135152 × 2 + 0 × (-3)"
    assert lines[-1] == (
        "  (the weights of q[1]: 0.864848 for k[0] (score 1.5026), 0.135152 for k[1] "
        "(score -0.353553); the largest is that of k[0]; masked: k[2]; "
        "w is causal softmax(q·kᵀ/√m); m = 2, the number of entries of a query)"
    )
    cause = why(debugger, EntryRef(debugger.graph.by_name["k"], "grad", (0, 1)))
    assert cause.rule == "Σₙⱼ ∂cost/∂a[n,j]·w[n,0]·(v[0,j] - a[n,j])·q[n,1]/√2"


def test_why_of_many_keys_names_the_largest_and_counts_the_masked() -> None:
    rng = np.random.default_rng(2)
    values = [rng.normal(size=shape) for shape in ((4, 6), (20, 6), (20, 6))]
    mask = (np.arange(20) < 17) * 1.0
    debugger = run(graph_of([*values, mask], np.ones((4, 6)), heads=2))
    note = why(debugger, EntryRef(debugger.graph.by_name["a"], "value", (3, 4))).note
    assert note.startswith("the largest of 17 weights of q[3] in head 1: ")
    assert "; 3 of 20 keys are masked; w is softmax(q·kᵀ/√m where M); m = 3, the number" in note
    cause = why(debugger, EntryRef(debugger.graph.by_name["a"], "value", (3, 4)))
    assert {term.symbols.partition("·")[0][:6] for term in cause.terms} == {"w[1,3,"}


def test_it_comes_back_from_a_file_bit_for_bit(tmp_path: Path) -> None:
    mask = [[0.0, -math.inf, 0.5], [0.0, 0.0, -math.inf], [0.0, 0.0, 0.0]]
    q, k, v = (mf.parameter(x, name) for name, x in zip("qkv", (Q, K, V), strict=True))
    op = mf.attention(q, k, v, Input("M", value=np.array(mask)), mask="add", scale=0.3, name="a")
    graph = Graph.of(mf.mse(Input("t", value=np.ones((3, 2))), op, name="cost"))
    mf.save(graph, tmp_path / "a.json")
    loaded = mf.load(tmp_path / "a.json")
    for each_graph in (graph, loaded):
        each_graph.train(5)
    for name in "qkv":
        ours, theirs = (
            each_graph.nodes[each_graph.by_name[name]].value for each_graph in (graph, loaded)
        )
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize(
    ("shapes", "attributes", "problem"),
    [
        (((3,), (3, 2), (3, 2)), {}, "queries 3 are not rows of numbers"),
        (((3, 2), (3, 4), (3, 2)), {}, "queries 3x2 and keys 3x4 differ in the last axis"),
        (((3, 2), (4, 2), (3, 2)), {}, "4 keys 4x2 and 3 values 3x2"),
        (((3, 2), (4, 2), (4, 3)), {"heads": 2}, "values 4x3 do not split into 2 heads"),
        (((2, 3, 2), (3, 4, 2), (4, 3)), {}, "shapes 2 and 3"),
        (((3, 2), (4, 2), (4, 3), (3, 3)), {}, "shapes 3x4 and 3x3 do not broadcast together"),
        (((1, 2), (4, 2), (4, 3), (3, 4)), {}, "a mask 3x4 does not fit scores 1x4"),
    ],
)
def test_shapes_that_do_not_fit_are_named(shapes: Any, attributes: Any, problem: str) -> None:
    inputs = [Input(name, value=np.ones(s)) for name, s in zip("qkvM", shapes, strict=False)]
    with pytest.raises(ShapeError, match=f"a: {problem}.*\\[q "):
        Graph.of(Attention(*inputs, name="a", **attributes)).shapes()
