"""`sgd_update` beside the lesson's own lines: what was fed changes alike."""

from __future__ import annotations

import copy
import math
from typing import Any

import numpy as np
import pytest

from miniflow import MSE, Input, Mul, Sum, forward_and_backward, sgd_update, topological_sort
from miniflow.errors import GraphError


def the_lessons_update(trainables: list[Input], learning_rate: float = 1e-2) -> None:
    """The lesson's own lines."""
    for t in trainables:
        partial = t.gradients[t]
        t.value -= learning_rate * partial


def trained(update: Any, fed: Any, steps: int = 3) -> Input:
    """Feed `fed`, train it and sort again, as a program may: what was fed is fed once more."""
    x, y, W = Input("x"), Input("y"), Input("W")
    Sum(Mul(MSE(y, x), W, W))
    for _ in range(2):
        graph = topological_sort({x: 0.3, y: 2.0, W: fed})
        for _ in range(steps):
            forward_and_backward(graph)
            update([W], 0.01)
    return W


FED: dict[str, Any] = {
    "a number": 1.5,
    "NumPy's number": np.float64(1.5),
    "an array of no dimensions": np.array(1.5),
    "an array": np.array([1.5, -2.0]),
    "float32": np.array([1.5, -2.0], np.float32),
    "float16": np.array([1.5, -2.0], np.float16),
    "every other entry of an array": np.arange(6.0)[::2],
    "columns first": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "a list": [1.5, -2.0],
}


@pytest.mark.parametrize("fed", FED.values(), ids=FED)
def test_what_was_fed_is_changed_just_as_the_lesson_changes_it(fed: Any) -> None:
    ours, theirs = copy.deepcopy(fed), copy.deepcopy(fed)
    w, t = trained(sgd_update, ours), trained(the_lessons_update, theirs)
    assert type(w.value) is type(t.value)
    assert (w.value is ours) == (t.value is theirs)
    for one, other in ((w.value, t.value), (ours, theirs)):
        np.testing.assert_array_equal(one, other)
        assert np.asarray(one).dtype == np.asarray(other).dtype
    assert not np.array_equal(w.value, fed)


def read_only(values: Any) -> Any:
    values.flags.writeable = False
    return values


@pytest.mark.parametrize(
    ("fed", "error"),
    [(np.array([1, -2]), TypeError), (read_only(np.array([1.0, -2.0])), ValueError)],
)
def test_what_the_lesson_cannot_change_gets_a_new_value(fed: Any, error: Any) -> None:
    with pytest.raises(error):
        trained(the_lessons_update, fed.copy() if fed.dtype.kind == "i" else fed)
    before = fed.copy()
    w = trained(sgd_update, fed)
    assert w.value.dtype == np.float64
    assert w.value is not fed
    np.testing.assert_array_equal(fed, before)


@pytest.mark.parametrize(
    ("rate", "said"),
    [
        (math.nan, "learning_rate is nan"),
        (math.inf, "learning_rate is inf"),
        ("0.1e", "learning_rate is of type str"),
        (None, "learning_rate is of type NoneType"),
        ([0.1, 0.2], "learning_rate is of type list"),
        (1j, "learning_rate is of type complex"),
    ],
)
def test_a_learning_rate_is_a_finite_number(rate: Any, said: str) -> None:
    w = Input("w")
    graph = topological_sort({w: np.array([1.0])})
    forward_and_backward(graph)
    with pytest.raises(GraphError, match=f"^sgd_update: {said}; it takes a finite number from 0$"):
        sgd_update([w], rate)
    assert w.value == 1
