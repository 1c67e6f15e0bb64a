"""The training, the data and the feeds of a graph file."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from miniflow.errors import FeedError, FileError, MiniflowError, ShapeError
from miniflow.files import loads
from miniflow.graph import Graph
from miniflow.node import Input
from miniflow.training.optimizers import SGD, Adam, Momentum
from tests.miniflow.files.reading import UNFED, X, neg, read, refused

# Training ----------------------------------------------------------------------------------------

W = {**X, "trainable": True}


def test_training_has_defaults() -> None:
    training = read(W).training
    assert training.optimizer == SGD(0.01)
    assert (training.batch_size, training.sampling, training.seed) == (None, "all", 0)


def test_optimizers_and_their_settings() -> None:
    def optimizer(**fields: Any) -> Any:
        return read(W, training={"optimizer": fields}).training.optimizer

    assert optimizer(name="SGD", learning_rate=2) == SGD(2.0)
    assert optimizer(name="Momentum", momentum=0.5) == Momentum(0.01, 0.5)
    assert optimizer(name="Adam", beta2=0.99) == Adam(0.001, 0.9, 0.99, 1e-8)


def test_a_batch_size_alone_means_epochs() -> None:
    data = {"feeds": {"x": [1, 2, 3]}}
    graph = read(UNFED, training={"batch_size": 2}, data=data)
    assert graph.training.sampling == "epoch"
    graph = read(UNFED, training={"batch_size": 2, "sampling": "all"}, data=data)
    assert graph.training.sampling == "all"


@pytest.mark.parametrize(
    ("training", "said"),
    [
        (
            {"optimizer": {"name": "sgd"}},
            'RMSProp or Adagrad, found "sgd" (did',
        ),
        ({"optimizer": {"name": "SGD", "lr": 1}}, 'unknown field "lr"; known: name, learning_rate'),
        ({"optimizer": {"name": "Adam", "beta": 1}}, "did you mean 'beta2'?"),
        ({"optimizer": {"name": "SGD", "learning_rate": "x"}}, 'expected a number, found "x"'),
        ({"optimizer": {"learning_rate": 1}}, '$.training.optimizer: the field "name" is missing'),
        ({"optimizer": {"name": "Adam", "beta1": 1}}, "beta1: expected a number < 1.0, found 1"),
        (
            {"optimizer": {"name": "Adam", "epsilon": -1}},
            "epsilon: expected a number >= 0.0, found -1",
        ),
        ({"optimizer": "SGD"}, 'expected an object, found "SGD"'),
        ({"batch_size": 0}, "$.training.batch_size: expected an integer >= 1, found 0"),
        ({"batch_size": -3}, "expected an integer >= 1, found -3"),
        ({"batch_size": 2.5}, "expected an integer, found 2.5"),
        ({"batch_size": True}, "expected an integer, found true"),
        ({"batch_size": None}, "expected an integer, found null"),
        (
            {"sampling": "al"},
            "expected all, epoch or replacement, found \"al\" (did you mean 'all'",
        ),
        ({"sampling": 3}, "$.training.sampling: expected a string, found 3"),
        ({"seed": -1}, "$.training.seed: expected an integer >= 0, found -1"),
        ({"seed": 1.5}, "expected an integer, found 1.5"),
        ({"batchsize": 3}, "did you mean 'batch_size'?"),
    ],
)
def test_training_that_is_none(training: dict[str, Any], said: str) -> None:
    assert said in refused(W, training=training)


@pytest.mark.parametrize(
    "rate", ["NaN", "1e999", "-1e999", "1" + "0" * 400, '"NaN"', "true", "null"]
)
def test_the_learning_rate_is_a_finite_number(rate: str) -> None:
    node = '{"name": "x", "op": "Input", "trainable": true, "value": 1}'
    optimizer = '{"name": "SGD", "learning_rate": ' + rate + "}"
    text = f'{{"miniflow": 1, "nodes": [{node}], "training": {{"optimizer": {optimizer}}}}}'
    with pytest.raises(FileError):
        loads(text.encode(), ".", "t.json")


def test_a_batch_larger_than_an_epoch() -> None:
    data = {"feeds": {"x": [1, 2, 3]}}
    text = refused(
        UNFED, training={"batch_size": 4, "sampling": "epoch"}, data=data, kind=FeedError
    )
    assert text.startswith("t.json: $.training.batch_size: a batch of 4 does not fit 3 rows")


# Data --------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "t.csv").write_text('a,b ,c\n1,2,red\n\n3,4.5,green\n5,-6e1,"blue, or so"\n')
    (tmp_path / "w.csv").write_text("1,2\n3,4\n")
    (tmp_path / "named.csv").write_text("p,q\r\n1,2\r\n3,nan\r\n")
    tensors = {
        "W": np.arange(6.0).reshape(2, 3),
        "x": np.array([1, 2], np.int8),
        "one": np.array(3.0),
    }
    save_file(tensors, tmp_path / "t.safetensors")
    np.savez(tmp_path / "t.npz", **tensors, f=np.asfortranarray(tensors["W"]))
    np.savez_compressed(tmp_path / "c.npz", big=np.arange(3, dtype=">f4"))
    return tmp_path


def feed(folder: Path, file: str, columns: Any, **fields: Any) -> Any:
    data = {"file": file, "feeds": {"x": columns}, **fields}
    graph = read(UNFED, folder=folder, data=data)
    assert graph.data is not None
    return graph.data.feeds["x"]


def test_columns_of_a_csv_file(folder: Path) -> None:
    assert feed(folder, "t.csv", ["a", "b"]).tolist() == [[1, 2], [3, 4.5], [5, -60]]
    assert feed(folder, "t.csv", ["b"]).tolist() == [[2], [4.5], [-60]]
    assert feed(folder, "t.csv", "b").tolist() == [2, 4.5, -60]
    assert feed(folder, "t.csv", ["b", "b", "a"]).tolist()[0] == [2, 2, 1]


def test_tensors_as_data(folder: Path) -> None:
    assert feed(folder, "t.safetensors", "x").tolist() == [1, 2]
    assert feed(folder, "t.npz", "W").tolist() == [[0, 1, 2], [3, 4, 5]]
    assert feed(folder, "t.npz", "W").dtype == np.float64
    assert feed(folder, "c.npz", "big").tolist() == [0, 1, 2]


def test_tables_in_the_file_itself() -> None:
    graph = read(UNFED, data={"feeds": {"x": [[1, 2], [3, "NaN"]]}})
    assert graph.data is not None
    assert graph.data.rows == 2
    assert graph.shapes() == [(2, 2)]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"file": "t.safetensors", "tensor": "W"}, [[0, 1, 2], [3, 4, 5]]),
        ({"file": "t.npz", "tensor": "f"}, [[0, 1, 2], [3, 4, 5]]),
        ({"file": "t.npz"}, [1, 2]),
        ({"file": "t.safetensors", "tensor": "one"}, 3),
        ({"file": "w.csv"}, [[1, 2], [3, 4]]),
        ({"file": "./w.csv"}, [[1, 2], [3, 4]]),
    ],
)
def test_values_from_files(folder: Path, value: dict[str, Any], expected: Any) -> None:
    found = read({"name": "x", "op": "Input", "value": value}, folder=folder)["x"].value
    assert np.asarray(found).tolist() == expected
    if expected != 3:
        assert found.flags.writeable
        assert found.flags.c_contiguous


def test_two_inputs_never_share_a_tensor(folder: Path) -> None:
    value = {"file": "t.safetensors", "tensor": "W"}
    a, b = ({"name": name, "op": "Input", "value": value} for name in "ab")
    graph = read(a, b, {"name": "f", "op": "Add", "inputs": ["a", "b"]}, folder=folder)
    graph["a"].value[0, 0] = 9
    assert graph["b"].value[0, 0] == 0


def test_a_matrix_may_have_a_header_and_nan(folder: Path) -> None:
    value = {"name": "x", "op": "Input", "value": {"file": "named.csv"}}
    matrix = read(value, folder=folder)["x"].value
    assert matrix[0].tolist() == [1, 2]
    assert np.isnan(matrix[1, 1])


def test_bfloat16_tensors(tmp_path: Path) -> None:
    bits = np.array([0x3FC0, 0xC000], np.uint16).tobytes()
    header = b'{"x":{"dtype":"BF16","shape":[2],"data_offsets":[0,4]}}'
    (tmp_path / "b.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + bits)
    value = {"name": "x", "op": "Input", "value": {"file": "b.safetensors"}}
    assert read(value, folder=tmp_path)["x"].value.tolist() == [1.5, -2.0]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"feeds": {}}, "$.data.feeds: there is no input to feed"),
        ({"feeds": {"X": [1]}}, "$.data.feeds.X: there is no node \"X\" (did you mean 'x'?)"),
        ({"feeds": {"x": 3}}, "$.data.feeds.x: expected a list of rows, found one number"),
        ({"feeds": {"x": []}}, "$.data.feeds.x: the list is empty"),
        ({"feeds": {"x": [1, "a"]}}, '$.data.feeds.x[1]: expected a number, found "a"'),
        ({"feeds": {"f": [1]}}, '$.data.feeds.f: only an Input can be fed; the op of "f" is Neg'),
        ({"feeds": {"w": [1]}}, "$.data.feeds.w: it is trainable"),
        ({"feeds": {"x": [1, 2], "y": [1]}}, "$.data: tables differ in their number of rows"),
        ({"file": "t.csv", "feeds": {"x": "A"}}, 't.csv:1: there is no column "A" (did you mean'),
        ({"file": "t.csv", "feeds": {"x": 3}}, "expected the names of columns, found 3"),
        ({"file": "t.csv", "feeds": {"x": []}}, "expected the names of columns, found an empty"),
        (
            {"file": "t.csv", "feeds": {"x": "c"}},
            't.csv:2: column "c": expected a number, found "r',
        ),
        ({"file": "T.csv", "feeds": {"x": "a"}}, "$.data.file: there is no file 'T.csv' (did you"),
        ({"file": "t.txt", "feeds": {"x": "a"}}, "not a file of a supported type (expected .csv"),
        ({"file": "t.npz", "feeds": {"x": "w"}}, 'there is no tensor "w"; the file has "W", "x"'),
        (
            {"file": "t.npz", "feeds": {"x": ["W"]}},
            "expected the name of a tensor, found a list of",
        ),
        ({"file": "t.safetensors", "feeds": {"x": "w"}}, "did you mean 'W'?"),
        (
            {"file": "t.safetensors", "feeds": {"x": "one"}},
            "expected a list of rows, found one num",
        ),
        ({"file": 3, "feeds": {"x": "a"}}, "$.data.file: expected a string, found 3"),
        ({"feed": {}}, '$.data: unknown field "feed"'),
        ({"feeds": {"x": [1]}, "standardize": ["X"]}, '$.data.standardize[0]: "X" is not fed (did'),
    ],
)
def test_data_that_is_none(folder: Path, data: dict[str, Any], said: str) -> None:
    nodes: list[dict[str, Any]] = [
        UNFED,
        {"name": "y", "op": "Input", "value": 1},
        {"name": "w", "op": "Input", "value": 1, "trainable": True},
        {"name": "f", "op": "Neg", "inputs": ["x"]},
    ]
    assert said in refused(*nodes, cost="f", data=data, folder=folder, kind=MiniflowError)


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("", "bad.csv: the table is empty"),
        ("\n\n", "bad.csv: the table is empty"),
        ("a,b\n", "bad.csv: the table has no rows"),
        ("a,b\n1,2\n3\n", "bad.csv:3: expected 2 cells, as in the first row, found 1"),
        ("a,b\n1,2,3\n", "bad.csv:2: expected 2 cells, as in the first row, found 3"),
        ("a,b\n,2\n", 'bad.csv:2: column "a": expected a number, found an empty cell'),
        ("a,b\n1_000,2\n", 'bad.csv:2: column "a": expected a number, found "1_000"'),
        ("a;b\n1;2\n", 'there is no column "a" (columns are separated by commas)'),
        ("a,a\n1,2\n", '2 columns are called "a"'),
        ('a,b\n"1,2\n', "bad.csv:2: not a table"),
        ("a,b\n1," + "2" * 200_000 + "\n", "not a table: field larger than field limit"),
        (b"a,b\n1,\xff\n", "bad.csv:2: not UTF-8 text: byte 0xff"),
    ],
)
def test_a_csv_file_that_is_no_table(tmp_path: Path, table: str | bytes, said: str) -> None:
    content = table if isinstance(table, bytes) else table.encode()
    (tmp_path / "bad.csv").write_bytes(content)
    with pytest.raises(FileError) as raised:
        feed(tmp_path, "bad.csv", "a")
    assert said in str(raised.value)


def test_a_csv_file_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    (tmp_path / "bom.csv").write_bytes(b"\xef\xbb\xbfa,b\r\n1,2\r\n")
    assert feed(tmp_path, "bom.csv", "a").tolist() == [1]


def test_a_csv_file_has_no_named_tensors(folder: Path) -> None:
    value = {"name": "x", "op": "Input", "value": {"file": "w.csv", "tensor": "W"}}
    assert "$.nodes[0].value.tensor (x): a .csv file holds one matrix" in refused(
        value, folder=folder
    )


def test_standardised_columns_have_mean_0_and_deviation_1() -> None:
    rows = [[1, 5, 0.1], [2, 5, 0.1], [6, 5, 0.1]]
    graph = read(
        UNFED, {"name": "y", "op": "Input"}, {"name": "f", "op": "Add", "inputs": ["x", "y"]},
        data={"feeds": {"x": rows, "y": [[1], [2], [4]]}, "standardize": ["x"]},
    )  # fmt: skip
    assert graph.data is not None
    x = graph.data.feeds["x"]
    assert np.allclose(x[:, 0].mean(), 0)
    assert np.allclose(x[:, 0].std(), 1)
    assert x[:, 1:].tolist() == [[0, 0]] * 3
    assert graph.data.feeds["y"].tolist() == [[1], [2], [4]]


@pytest.mark.parametrize("row", [[1e308, -1e308], [1e-300, 2e-300]])
def test_numbers_that_cannot_be_standardised(row: list[float]) -> None:
    data = {"feeds": {"x": row}, "standardize": ["x"]}
    assert "numbers too large or too small" in refused(UNFED, data=data)


# Feeds -------------------------------------------------------------------------------------------


def fed(feeds: dict[str, Any], *nodes: dict[str, Any], **fields: Any) -> Graph:
    content = {"miniflow": 1, "nodes": list(nodes) or [UNFED], **fields}
    return loads(json.dumps(content).encode(), ".", "t.json", feeds=feeds)


def test_an_input_without_a_value_is_named_and_can_be_fed() -> None:
    assert [node.label for node in read(UNFED).unfed()] == ["x"]
    assert fed({"x": 3})["x"].value == 3
    assert fed({"x": [[1, 2]]}).shapes() == [(1, 2)]
    assert fed({"x": np.ones((2, 2))}, dtype="float32")["x"].value.dtype == np.float32
    assert not fed({"x": 3}).unfed()


def test_other_inputs_are_checked_while_one_is_unfed() -> None:
    wrong = {"name": "y", "op": "Input", "shape": [2], "value": [1, 2, 3]}
    add = {"name": "f", "op": "Add", "inputs": ["x", "y"]}
    assert "$.nodes[1] (y): its value has shape 3" in refused(UNFED, wrong, add, kind=ShapeError)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: fed({"y": 3}), 't.json: feeds: there is no node "y"'),
        (lambda: fed({"x": [[1], [2, 3]]}), "t.json: feeds: x[1]: expected a list of 1 entry,"),
        (lambda: fed({"x": True}), "expected a number, found true"),
        (lambda: fed({"x": np.array(["a"])}), "expected numbers, found <U1"),
        (lambda: fed({"f": 3}, X, neg()), "only an Input can be fed"),
        (
            lambda: fed({"x": [1]}, {**UNFED, "shape": [2]}),
            "its value has shape 1, not the declared 2",
        ),
        (lambda: fed({"x": 1}, data={"feeds": {"x": [1]}}), "is fed from the graph's data"),
        (lambda: fed({"x": 1e300}, dtype="float32"), "too large for a float32"),
    ],
)
def test_feeds_that_do_not_fit(make: Callable[[], Graph], said: str) -> None:
    with pytest.raises(MiniflowError) as raised:
        make()
    assert said in str(raised.value)


def test_a_fed_array_stays_the_callers() -> None:
    mine = np.ones(3)
    node = fed({"x": mine})["x"]
    assert isinstance(node, Input)
    node.value[0] = 5
    assert mine[0] == 1
