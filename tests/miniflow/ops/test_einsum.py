"""Einsum: PyTorch's numbers, and equations that make no sense."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import miniflow as mf
from mfdebug.core.explain.cause_text import cause_lines
from mfdebug.core.explain.why import why
from mfdebug.core.timeline.computed_debugger import ComputedDebugger
from mfdebug.core.timeline.entry_ref import EntryRef
from miniflow.errors import GraphError, ShapeError
from miniflow.graph import Graph
from miniflow.node import Input
from miniflow.ops import Mul, Sum
from tests.support.one_pass import one_pass

A = [[1.0, 2.0, -1.0], [0.5, -2.0, 3.0], [4.0, 0.0, 1.0]]
B = [2.0, -1.0, 0.5]


# torch 2.13: torch.einsum(equation, ...), (value * [1, 2, 3, ...]).sum().backward().
@pytest.mark.parametrize(
    ("equation", "operands", "value", "of_a", "of_b"),
    [
        (
            "ii,i->i",
            "ab",
            [2.0, 2.0, 0.5],
            [[2.0, 0.0, 0.0], [0.0, -2.0, 0.0], [0.0, 0.0, 1.5]],
            [1.0, -4.0, 3.0],
        ),
        (
            "ij,j,i->",
            "abb",
            -1.25,
            [[4.0, -2.0, 1.0], [-2.0, 1.0, -0.5], [1.0, -0.5, 0.25]],
            [3.0, 10.5, 4.0],
        ),
        (
            "ij,kj,j->ik",
            "aab",
            [[-1.5, 3.5, 7.5], [3.5, 1.0, 5.5], [7.5, 5.5, 32.5]],
            [[90.0, 8.0, 13.0], [134.0, 8.0, 19.0], [178.0, 8.0, 25.0]],
            [217.25, 0.0, 69.0],
        ),
    ],
)
def test_it_is_pytorchs(equation: str, operands: str, value: Any, of_a: Any, of_b: Any) -> None:
    inputs = {"a": Input("a", value=A), "b": Input("b", value=B)}
    op = mf.einsum(equation, *(inputs[name] for name in operands), name="op")
    shape = np.shape(value)
    weights = np.arange(1.0, np.size(value) + 1).reshape(shape)
    graph = Graph.of(Sum(Mul(op, Input("w", value=weights)), name="cost"))
    plan = one_pass(graph)
    np.testing.assert_allclose(plan.value(graph.index[op]), value, rtol=1e-14)
    for name, wanted in (("a", of_a), ("b", of_b)):
        np.testing.assert_allclose(plan.gradient(graph.by_name[name]), wanted, rtol=1e-14)


def test_many_products_give_the_numbers_of_few() -> None:
    rng = np.random.default_rng(0)
    x, y, z = (Input(n, value=rng.normal(size=(20, 20))) for n in "xyz")
    graph = Graph.of(Sum(mf.einsum("ij,jk,kl->il", x, y, z, name="op"), name="cost"))
    plan = one_pass(graph)
    np.testing.assert_allclose(plan.value(graph.by_name["op"]), x.value @ y.value @ z.value)
    np.testing.assert_allclose(
        plan.gradient(graph.by_name["y"]), np.outer(x.value.sum(0), z.value.sum(1))
    )


@pytest.mark.parametrize(
    ("equation", "problem"),
    [
        ("ij,jk->ii", "has i twice: a value has each index once"),
        ("ij,jk->il", "has l, which no input has"),
        ("ij->i", "is for 1 input, not 2"),
        ("ij,jk=>ik", 'it takes an equation such as "ij,jk->ik"'),
        ("i..j,jk", "it takes an equation"),
        ("......,jk", "it takes an equation"),
        (3, "it takes an equation"),
    ],
)
def test_wrong_equations_are_refused(equation: Any, problem: str) -> None:
    with pytest.raises(GraphError) as raised:
        mf.einsum(equation, Input("x", value=A), Input("y", value=A), name="op")
    assert problem in str(raised.value)
    assert str(raised.value).startswith("op: ")


@pytest.mark.parametrize(
    ("equation", "problem"),
    [
        ("i,jk", "'i' does not fit the shape 2x3 [x 2x3"),
        ("ijk,jk", "'ijk' does not fit the shape 2x3"),
        ("ij,ij->", "index j of 'ij,ij->' has the sizes 3 and 2"),
        ("ii,jk", "index i of 'ii,jk' has the sizes 2 and 3"),
    ],
)
def test_shapes_that_do_not_fit_are_named(equation: str, problem: str) -> None:
    x, y = Input("x", value=np.ones((2, 3))), Input("y", value=np.ones((2, 2)))
    with pytest.raises(ShapeError) as raised:
        Graph.of(mf.einsum(equation, x, y, name="op")).shapes()
    assert problem in str(raised.value)
    assert "[x 2x3, y 2x2]" in str(raised.value)


def test_there_is_no_diagonal_of_one_row() -> None:
    with pytest.raises(ShapeError, match="op: 1x3 has no diagonal 'ii'"):
        Graph.of(mf.einsum("ii", Input("x", value=np.ones((1, 3))), name="op")).shapes()


def test_why_says_that_an_entry_is_off_the_diagonal() -> None:
    x = Input("x", value=A)
    debugger = ComputedDebugger(Graph.of(Sum(mf.einsum("ii->i", x, name="d"), name="cost")))
    while not debugger.cursor.at_end:
        debugger.cursor.step()
    cause = why(debugger, EntryRef(debugger.graph.by_name["x"], "grad", (1, 0)))
    assert cause_lines(cause, debugger) == [
        "∂cost/∂x[1,0] = 0",
        "  (d takes the diagonal only: x[1,0] is off it)",
    ]
    cause = why(debugger, EntryRef(debugger.graph.by_name["x"], "grad", (1, 1)))
    assert cause_lines(cause, debugger)[0] == "∂cost/∂x[1,1] = ∂cost/∂d[1]"
