"""What training is given from Python: whatever is wrong is said at the call, in one sentence."""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import asdict

import miniflow as mf
from miniflow.errors import MiniflowError
from miniflow.graph import Graph, Training
from miniflow.node import Input
from miniflow.ops import MSE, Mul, Sum
from miniflow.training.optimizers import OPTIMIZERS, SGD, Adam, Momentum

# No number at all, wherever a number is taken.
NO_NUMBERS = [
    None, "1", "", b"1", 1j, 1 + 0j, np.complex128(1), True, np.True_, [], [1], (), {}, {1},
    object(), np.zeros(1), np.array(1), np.ma.masked, np.ma.array(1.0, mask=True), Decimal(1), int,
    math.nan, math.inf, -math.inf, np.float32("nan"),
]  # fmt: skip
NUMBERS = [
    -(10**400), -1, -1e-300, 0, 1, 2, 0.5, 1 - 2**-53, 1.5, 10**18, 10**400, 10**5000, np.int8(3),
    np.uint64(2**64 - 1), np.float16(0.5), np.float32(0.1), np.longdouble(0.5), Fraction(1, 2),
]  # fmt: skip
ANYTHING = st.sampled_from([*NO_NUMBERS, *NUMBERS])


def network(**arguments: Any) -> Graph:
    x, y, w = Input("x"), Input("y"), Input("w", value=0.5, trainable=True)
    feeds = {x: [1.0, 2.0, 3.0], y: [2.0, 4.0, 6.0]}
    return Graph.of(MSE(y, Mul(x, w), name="cost"), **{"feeds": feeds, **arguments})


def refused(work: Callable[[], Any], *words: str) -> None:
    with pytest.raises(MiniflowError) as raised:
        work()
    text = str(raised.value)
    assert text.isprintable()
    assert len(text) < 250
    for word in words:
        assert word in text, text


@given(
    name=st.sampled_from([(kind, field) for kind in OPTIMIZERS.values() for field in kind.ranges]),
    value=ANYTHING,
)
def test_an_optimizer_takes_what_its_ranges_say(name: Any, value: Any) -> None:
    kind, field = name
    if value not in kind.ranges[field]:
        refused(lambda: kind(**{field: value}), kind.__name__, field, "it takes a finite number")
        return
    made = kind(**{field: value})
    assert type(getattr(made, field)) is float
    assert made == kind(**{field: float(value)})


@given(field=st.sampled_from(["batch_size", "seed"]), value=ANYTHING)
def test_training_takes_whole_numbers(field: str, value: Any) -> None:
    good = isinstance(value, int | np.integer) and not isinstance(value, bool)
    least, most = {"batch_size": (1, 2**25), "seed": (0, 2**63 - 1)}[field]
    if field == "batch_size" and value is None:
        good = True
    elif good:
        good = least <= int(value) <= most
    if good:
        assert type(getattr(Training(**{field: value}), field)) in (int, type(None))
        return
    refused(lambda: Training(**{field: value}), field, "it takes a whole number from")
    if value is not None:
        refused(lambda: network(**{field: value}), field)


@given(value=ANYTHING)
def test_so_does_train(value: Any) -> None:
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    graph = network()
    if whole and 0 <= value < 9:
        assert len(graph.train(value)) == value
    else:
        refused(lambda: graph.train(value), "train: sgd_steps is", "it takes a whole number from 0")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"batch_size": -1}, "batch_size is -1; it takes a whole number from 1 to 33,554,432"),
        ({"batch_size": 4}, "a batch of 4 does not fit 3 rows"),
        ({"sampling": "epochs"}, "sampling is 'epochs'; it takes 'all', 'epoch', 'replacement'"),
        ({"sampling": "epochs"}, "did you mean 'epoch'?"),
        ({"sampling": None}, "sampling is None"),
        ({"sampling": ["epoch"]}, "sampling is ['epoch']"),
        ({"seed": 1.0}, "seed is 1.0; it takes a whole number from 0"),
        (
            {"optimizer": "SGD"},
            "optimizer is a str; it takes SGD, Momentum, Adam, ",
        ),
        ({"optimizer": SGD}, "optimizer is a class"),
        ({"optimizer": 0.1}, "as in SGD(0.1)"),
    ],
)
def test_arguments_that_are_wrong(arguments: dict[str, Any], said: str) -> None:
    refused(lambda: network(**arguments), said)


OBJECTS = np.array([1.0, None, 2.0], object)
NO_TABLES: dict[str, tuple[Any, str]] = {
    "masked": (
        np.ma.array([1.0, 2.0, 3.0], mask=[0, 1, 0]),
        "a masked array (fill masked entries",
    ),
    "objects": (OBJECTS, "not a number or an array of numbers"),
    "complex": (np.array([1j, 2, 3]), "not a number or an array of numbers"),
    "words": (["1", "2", "3"], "not a number or an array of numbers"),
    "ragged": ([[1.0], [2.0, 3.0], [4.0]], "not a number or an array of numbers"),
    "dates": (np.array(["2026-01-01"] * 3, "M8[D]"), "not a number or an array of numbers"),
    "nothing": (None, "not a number or an array of numbers"),
}


@pytest.mark.parametrize(("table", "said"), NO_TABLES.values(), ids=NO_TABLES)
def test_values_that_are_no_numbers(table: Any, said: str) -> None:
    x = Input("x")
    cost = Sum(Mul(x, Input("w", value=0.5, trainable=True)))
    refused(lambda: Graph.of(cost, feeds={x: table}), "data.feeds.x", said)
    refused(lambda: Graph.of(cost).feed("x", table), "x: ", said)
    refused(lambda: mf.parameter(table, "w"), "w: ", said)
    if table is not None:
        refused(lambda: Graph.of(Sum(Input("x", value=table))).train(1), "x: ", said)
        with pytest.raises(TypeError):
            x * table


def test_feeds_that_do_not_fit() -> None:
    x, y, w = Input("x"), Input("y"), Input("w", value=0.5, trainable=True)
    other, cost = Input("other"), MSE(y, Mul(x, w, name="m"), name="cost")
    m = cost.inbound_nodes[1]
    rows = [1.0, 2.0]
    for feeds, said in (
        ({}, "data: the data has no rows"),
        ({x: [], y: []}, "data: the data has no rows"),
        ({x: 1.0, y: rows}, "tables differ in their number of rows: x 0, y 2"),
        ({x: 1.0}, "data: the data has no rows"),
        ({x: rows, y: [1.0]}, "tables differ in their number of rows: x 2, y 1"),
        ({w: rows}, "data.feeds.w: it is trainable: data would overwrite what it learns"),
        ({m: rows}, "'m' is fed, but it is a Mul, not an Input"),
        ({other: rows}, "other is fed, but the cost does not depend on it"),
        ({"x": rows}, "a str is fed, but the cost does not depend on it"),
    ):
        refused(lambda feeds=feeds: Graph.of(cost, feeds=feeds), said)
    refused(lambda: Graph.of(3), "the cost is a int, not a node")  # type: ignore[arg-type]


def test_a_seed_alone_counts() -> None:
    """What is given is used or refused, never passed over."""
    assert network(feeds=None, seed=7).training == Training(seed=7)
    assert network(feeds=None, sampling="replacement").training.sampling == "replacement"


def test_numbers_of_numpy_can_be_saved() -> None:
    optimizer = Adam(np.float32(0.5), np.float64(0.25), epsilon=np.int64(1))
    assert optimizer == Adam(0.5, 0.25, epsilon=1.0)
    assert all(type(x) is float for x in asdict(optimizer).values())
    assert type(network(batch_size=np.int64(2), seed=np.uint8(1)).training.batch_size) is int
    assert Momentum(1).learning_rate == 1.0
