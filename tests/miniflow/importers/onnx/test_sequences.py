"""Sequences of tensors are taken apart while a file is read."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from miniflow.errors import GraphError
from tests.support.onnx_models import NODE, imported, model, value_of

X = np.arange(12.0).reshape(2, 6)
SPLITS: list[tuple[Any, list[int]]] = [
    (None, [1] * 6),
    (np.array(4), [4, 2]),
    (np.array([1, 5]), [1, 5]),
]


@pytest.mark.parametrize(("split", "sizes"), SPLITS)
def test_a_part_of_a_split_is_a_node(split: Any, sizes: list[int]) -> None:
    nodes = [
        NODE("SplitToSequence", ["x", *(["split"] if split is not None else [])], ["s"], axis=1),
        NODE("SequenceAt", ["s", "last"], ["y"]),
    ]
    numbers = {"last": np.array(-1), **({} if split is None else {"split": split})}
    proto = model(nodes, {"x": X.shape}, initializers=numbers)
    np.testing.assert_array_equal(value_of(proto, {"x": X}), X[:, 6 - sizes[-1] :])


def test_a_sequence_of_given_tensors() -> None:
    nodes = [
        NODE("Neg", ["x"], ["n"]),
        NODE("SequenceConstruct", ["x", "n"], ["s"]),
        NODE("SequenceAt", ["s", "one"], ["y"]),
    ]
    proto = model(nodes, {"x": X.shape}, initializers={"one": np.array(1)})
    np.testing.assert_array_equal(value_of(proto, {"x": X}), -X)


@pytest.mark.parametrize(
    ("nodes", "problem"),
    [
        ([NODE("SequenceAt", ["x", "i"], ["y"])], "depends on what is known in a pass only"),
        (
            [NODE("SequenceConstruct", ["x"], ["s"]), NODE("SequenceAt", ["s", "i"], ["y"])],
            "a sequence of 1 has no item 7",
        ),
        (
            [NODE("SplitToSequence", ["x"], ["s"], axis=5), NODE("SequenceAt", ["s", "i"], ["y"])],
            "its input has no axis 5",
        ),
    ],
)
def test_what_is_not_there_is_refused(nodes: list[Any], problem: str) -> None:
    with pytest.raises(GraphError, match=problem):
        imported(model(nodes, {"x": X.shape}, initializers={"i": np.array(7)}))
