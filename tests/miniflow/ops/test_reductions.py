"""Reductions at ties, zeros, infinities and NaN, and numbers that NumPy or PyTorch's docs give."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from miniflow.errors import GraphError, ShapeError
from miniflow.graph import Graph
from miniflow.node import Input
from miniflow.ops import ArgMax, CumSum, LogSumExp, Max, Min, Norm, Op, Prod, Var
from tests.support.one_pass import one_pass

NAN, INF = math.nan, math.inf


def value_and_gradient(op: Op) -> tuple[Any, Any]:
    plan = one_pass(Graph.of(op))
    return plan.value(1).tolist(), plan.gradient(0).tolist()


def of(values: Any) -> Input:
    return Input("x", value=values)


def test_on_a_tie_along_axes_the_first_entry_gets_the_whole_gradient() -> None:
    for gate in (Max, Min):
        assert value_and_gradient(gate(of([[2.0, 2.0], [2.0, 2.0]]), axis=1)) == (
            [2, 2],
            [[1, 0], [1, 0]],
        )
        assert value_and_gradient(gate(of([[2.0, 2.0], [2.0, 2.0]]), axis="all")) == (
            2,
            [[1, 0], [0, 0]],
        )
    tied = np.zeros((2, 3, 2))
    _, gradient = value_and_gradient(Max(of(tied), axis=[0, 2]))
    assert gradient == [[[1, 0]] * 3, [[0, 0]] * 3]


def test_a_max_along_an_axis_routes_to_each_winner() -> None:
    x = [[1.0, 3.0, 2.0], [4.0, -1.0, 0.5]]
    assert value_and_gradient(Max(of(x), axis=1)) == ([3, 4], [[0, 1, 0], [1, 0, 0]])
    assert value_and_gradient(Min(of(x), axis=0, keepdims=True)) == (
        [[1, -1, 0.5]],
        [[1, 0, 0], [0, 1, 1]],
    )
    assert value_and_gradient(Max(of([NAN, 1.0]), axis=0))[1] == [0, 0]
    # Without an axis a max of one input is that input.
    assert value_and_gradient(Max(of([1.0, 2.0]))) == ([1, 2], [1, 1])


def test_the_index_of_the_greatest_is_the_first_and_has_no_gradient() -> None:
    x = [[1.0, 3.0, 3.0], [-INF, -INF, -INF], [0.0, NAN, 9.0]]
    value, gradient = value_and_gradient(ArgMax(of(x)))
    assert (value, gradient) == ([1, 0, 1], [[0] * 3] * 3)
    assert value_and_gradient(ArgMax(of(x), axis=0, keepdims=True))[0] == [[0, 2, 2]]


def test_a_variance_divides_by_m_or_by_one_less() -> None:
    x = [1.0, 2.0, 4.0, 9.0]
    value, gradient = value_and_gradient(Var(of(x)))
    assert value == pytest.approx(np.var(x))
    np.testing.assert_allclose(gradient, 2 * (np.array(x) - 4) / 4)
    assert value_and_gradient(Var(of(x), unbiased=True))[0] == pytest.approx(np.var(x, ddof=1))
    assert value_and_gradient(Var(of([5.0]))) == (0, [0])
    value, gradient = value_and_gradient(Var(of([5.0]), unbiased=True))
    assert math.isnan(value)
    assert math.isnan(gradient[0])
    # The example of torch.var's documentation: unbiased variances of rows, to four digits.
    rows = [
        [0.2035, 1.2959, 1.8101, -0.4644],
        [1.5027, -0.3270, 0.5905, 0.6538],
        [-1.5745, 1.3330, -0.5596, -0.6548],
        [0.1264, -0.5080, 1.6420, 0.1992],
    ]
    found, _ = value_and_gradient(Var(of(rows), axis=1, keepdims=True, unbiased=True))
    np.testing.assert_allclose(found, [[1.0631], [0.5590], [1.4893], [0.8258]], atol=2e-4)


def test_a_norm_has_gradient_0_at_length_0() -> None:
    assert value_and_gradient(Norm(of([3.0, -4.0]))) == (5, [0.6, -0.8])
    assert value_and_gradient(Norm(of([[0.0, 0.0], [0.0, -2.0]]), axis=1)) == (
        [0, 2],
        [[0, 0], [0, -1]],
    )


def test_a_log_sum_exp_neither_overflows_nor_turns_nan() -> None:
    value, gradient = value_and_gradient(LogSumExp(of([1000.0, 1000.0])))
    assert value == pytest.approx(1000 + math.log(2))
    np.testing.assert_allclose(gradient, [0.5, 0.5])
    assert value_and_gradient(LogSumExp(of([-INF, -INF]))) == (-INF, [0, 0])
    assert value_and_gradient(LogSumExp(of([-INF, 3.0]))) == (3, [0, 1])
    assert value_and_gradient(LogSumExp(of([INF, 3.0])))[0] == INF


def test_a_product_has_the_products_of_the_others_at_0() -> None:
    assert value_and_gradient(Prod(of([2.0, 0.0, 5.0]))) == (0, [0, 10, 0])
    assert value_and_gradient(Prod(of([0.0, 0.0, 5.0]))) == (0, [0, 0, 0])
    x = [[2.0, 3.0], [5.0, 7.0]]
    assert value_and_gradient(Prod(of(x), axis=0)) == ([10, 21], [[5, 7], [2, 3]])
    assert value_and_gradient(Prod(of(x))) == (210, [[105, 70], [42, 30]])


def test_a_cumulative_sum_sends_back_the_sums_from_the_end() -> None:
    assert value_and_gradient(CumSum(of([1.0, 2.0, 3.0]))) == ([1, 3, 6], [3, 2, 1])
    assert value_and_gradient(CumSum(of([[1.0, 2.0], [3.0, 4.0]]), axis=-1)) == (
        [[1, 3], [3, 7]],
        [[2, 1], [2, 1]],
    )


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda x: Max(x, x, axis=0, name="m"), "m: Max along an axis takes 1 input, not 2"),
        (lambda x: Max(x, axis=2, name="m"), "m: axis 2 does not exist in shape 2x3 [x 2x3]"),
        (lambda x: Max(x, axis="some", name="m"), "attribute 'axis' of Max is 'some'"),
        (lambda x: ArgMax(x, axis=2, name="m"), "m: axis 2 does not exist in shape 2x3"),
        (lambda x: CumSum(x, axis=-3, name="m"), "m: axis -3 does not exist in shape 2x3"),
        (lambda x: Var(x, unbiased=1, name="m"), "attribute 'unbiased' of Var is 1"),
    ],
)
def test_wrong_axes_are_named(make: Any, problem: str) -> None:
    with pytest.raises((GraphError, ShapeError)) as caught:
        Graph.of(make(Input("x", value=np.ones((2, 3))))).shapes()
    assert problem in str(caught.value)
