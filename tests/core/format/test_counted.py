"""How many there are of a thing, in a text."""

from __future__ import annotations

import pytest

from miniflow.errors import ShapeError
from miniflow.graph import Graph
from miniflow.node import Input
from miniflow.ops import Pad
from miniflow.text.lists import counted


def test_one_is_not_a_plural() -> None:
    assert [counted(n, "row") for n in (0, 1, 2, 12000)] == [
        "0 rows",
        "1 row",
        "2 rows",
        "12,000 rows",
    ]
    assert [counted(n, "axis", "axes") for n in (1, 2)] == ["1 axis", "2 axes"]


def test_nor_is_it_in_an_error() -> None:
    padded = Pad(Input("x", value=[1.0]), pads=[1, 0], mode="reflect", name="p")
    with pytest.raises(ShapeError, match="axis 0 of 1 has 1 entry: mode 'reflect' pads up to 0"):
        Graph.of(padded).shapes()
