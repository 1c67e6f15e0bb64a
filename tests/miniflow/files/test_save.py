"""Saving: what is saved loads to the same graph, bit for bit; and nothing else is harmed."""

from __future__ import annotations

import json
import os
import shutil
import stat
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from safetensors.numpy import save_file

from miniflow import limits
from miniflow.errors import FileError
from miniflow.files import load, save
from miniflow.files.save import INLINE
from miniflow.files.values import fit, read_array, written
from miniflow.graph import Graph, Training
from miniflow.node import Input, Node
from miniflow.ops import MSE, Add, Dropout, LeakyReLU, Linear, Neg, Pow, Reshape, Slice, Sum
from miniflow.ops.base import Op
from miniflow.plans.train import train
from miniflow.training.data import Data
from miniflow.training.optimizers import SGD, Adam, Momentum, Optimizer
from tests.support.paths import ROOT
from tests.support.sizes import examples

GRAPHS = sorted((ROOT / "graphs").glob("*.json"))


def bits(value: Any, dtype: Any) -> Any:
    if value is None:
        return None
    array = np.asarray(value, dtype)
    return array.shape, array.tobytes()


def same(a: Graph, b: Graph) -> None:
    """Assert that two graphs are the same, bit for bit."""
    assert (a.name, a.description, a.dtype, a.training) == (
        b.name,
        b.description,
        b.dtype,
        b.training,
    )
    assert [n.label for n in a.declared] == [n.label for n in b.declared]
    assert a.names() == b.names()
    assert a.inbound == b.inbound
    assert (a.cost, a.trainables) == (b.cost, b.trainables)
    for m, n in zip(a.nodes, b.nodes, strict=True):
        assert type(m) is type(n)
        if isinstance(m, Input) and isinstance(n, Input):
            assert (m.shape, m.trainable) == (n.shape, n.trainable)
            assert bits(m.value, a.dtype) == bits(n.value, b.dtype)
        if isinstance(m, Op) and isinstance(n, Op):
            assert json.dumps(m.attrs) == json.dumps(n.attrs)
    assert (a.data is None) == (b.data is None)
    if a.data is not None and b.data is not None:
        assert list(a.data.feeds) == list(b.data.feeds)
        for name, table in a.data.feeds.items():
            assert bits(table, a.dtype) == bits(b.data.feeds[name], b.dtype)


def saved(graph: Graph, path: Path) -> Graph:
    save(graph, path)
    again = load(path)
    same(graph, again)
    return again


@pytest.mark.parametrize("path", GRAPHS, ids=lambda path: path.stem)
def test_every_shipped_graph_survives(path: Path, tmp_path: Path) -> None:
    graph = load(path)
    saved(graph, tmp_path / "g.json")
    with np.errstate(all="ignore"):
        train(graph, 20)
    again = saved(graph, tmp_path / "g.json")
    saved(again, tmp_path / "h.json")


def test_a_saved_graph_trains_on_as_the_first_would(tmp_path: Path) -> None:
    path = next(path for path in GRAPHS if path.stem == "xor")
    graph = load(path)
    train(graph, 10)
    again = saved(graph, tmp_path / "g.json")
    assert train(graph, 10) == train(again, 10)


@settings(
    deadline=None,
    max_examples=examples(150),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    value=st.sampled_from(["float64", "float32"]).flatmap(
        lambda dtype: hnp.arrays(
            dtype,
            hnp.array_shapes(min_dims=0, max_dims=4, min_side=1, max_side=4),
            elements=st.floats(width=64 if dtype == "float64" else 32, allow_subnormal=True),
        )
    )
)
def test_any_value_survives_bit_for_bit(value: np.ndarray[Any, Any], tmp_path: Path) -> None:
    graph = Graph([Input("x", value=value)], dtype=value.dtype.name)
    saved(graph, tmp_path / "g.json")
    os.replace(tmp_path / "g.json", tmp_path / "h.json")
    again = load(tmp_path / "h.json")["x"].value
    assert np.asarray(again, value.dtype).tobytes() == value.tobytes()


@settings(max_examples=examples(500))
@given(st.integers(0, 2**32 - 1))
def test_every_float32_survives_as_text(number: int) -> None:
    array = np.array(number, np.uint32).view(np.float32).reshape(1)
    text = written(array)
    again = fit(read_array(json.loads(text), ""), array.dtype, "")
    assert np.array_equal(again, array, equal_nan=True)
    assert np.signbit(again) == np.signbit(array) or np.isnan(array)
    assert len(text) <= 20


def test_a_nan_with_a_payload_survives(tmp_path: Path) -> None:
    odd = np.array([0x7FF8000000000001, 0xFFF8000000000000], np.uint64).view(np.float64)
    nodes = [Input("x", value=odd), Input("s", value=odd[1])]
    graph = Graph([*nodes, add := Add(*nodes, name="f")], add)
    again = saved(graph, tmp_path / "g.json")
    assert again["x"].value.view(np.uint64).tolist() == odd.view(np.uint64).tolist()


# How it looks ------------------------------------------------------------------------------------


def test_the_file_is_made_for_reading(tmp_path: Path) -> None:
    x = Input("x", value=[[1, -0.0], [np.nan, 0.1]], shape=(None, 2))
    w = Input("weights", value=np.array([[0.5], [1e-300]]), trainable=True)
    b = Input("b", value=0, trainable=True)
    out = Linear(x, w, b, name="out")
    s = Sum(Pow(out, exponent=3, name="p"), axis=[0], name="s")
    t = Input("t")
    graph = Graph(
        [x, w, b, out, s.inbound_nodes[0], s, t, cost := MSE(t, s, name="cost")],
        cost,
        name="small",
        description="Two lines,\nüber.",
        training=Training(Momentum(0.1, 0.5), 2, "replacement", 3),
        data=Data({"t": np.array([[1.0], [2.0], [np.inf]])}),
    )
    save(graph, tmp_path / "g.json")
    assert (tmp_path / "g.json").read_text(encoding="utf-8") == (
        """\
{"miniflow": 1,
 "name": "small",
 "description": "Two lines,\\nüber.",
 "dtype": "float64",
 "nodes": [
   {"name": "x",       "op": "Input", "shape": [null, 2], "value": [[1, -0.0], ["NaN", 0.1]]},
   {"name": "weights", "op": "Input", "trainable": true, "value": [[0.5], [1e-300]]},
   {"name": "b",       "op": "Input", "trainable": true, "value": 0},
   {"name": "out",     "op": "Linear", "inputs": ["x", "weights", "b"]},
   {"name": "p",       "op": "Pow", "inputs": ["out"], "attrs": {"exponent": 3}},
   {"name": "s",       "op": "Sum", "inputs": ["p"], "attrs": {"axis": [0]}},
   {"name": "t",       "op": "Input"},
   {"name": "cost",    "op": "MSE", "inputs": ["t", "s"]}],
 "cost": "cost",
 "training": {"optimizer": {"name": "Momentum", "learning_rate": 0.1, "momentum": 0.5}, """
        """"batch_size": 2, "sampling": "replacement", "seed": 3},
 "data": {"feeds": {"t": [[1], [2], ["Infinity"]]}}}
"""
    )


def test_attributes_and_odd_names_survive(tmp_path: Path) -> None:
    x = Input('a "b" \\ [c]/ñ', value=np.arange(6.0))
    y = Reshape(x, shape=(2, -1), name="__metadata__")
    z = Slice(y, start=-1, axis=1, name="z" * 200)
    d = Dropout(LeakyReLU(z, slope=0.3), rate=0.25, seed=7)
    saved(Graph.of(Sum(d, keepdims=True)), tmp_path / "g.json")


def test_many_numbers_go_to_a_tensor_file(tmp_path: Path) -> None:
    few, many = np.arange(float(INLINE)), np.arange(float(INLINE) + 1)
    a, b, c = Input("few", value=few), Input("__metadata__", value=many), Input("fort", value=0)
    c.value = np.asfortranarray(np.arange(4000.0).reshape(40, 100))
    graph = Graph.of(Add(Sum(a), Sum(b), Sum(c)))
    saved(graph, tmp_path / "g.json")
    tensors = [path.name for path in tmp_path.iterdir() if path.suffix == ".safetensors"]
    assert len(tensors) == 1
    assert tensors[0].startswith("g.")
    text = (tmp_path / "g.json").read_text()
    assert text.count(tensors[0]) == 2
    assert "998, 999]" in text


def test_tensor_files_of_other_graphs_are_never_overwritten(tmp_path: Path) -> None:
    x = Input("x", value=np.arange(2000.0))
    graph = Graph([x])
    save(graph, tmp_path / "g.json")
    (tmp_path / "g.json").rename(tmp_path / "old.json")
    x.value = x.value + 1
    save(graph, tmp_path / "g.json")
    assert load(tmp_path / "old.json")["x"].value[0] == 0
    assert load(tmp_path / "g.json")["x"].value[0] == 1


def tensors_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if path.suffix == ".safetensors"}


def large(number: float) -> Graph:
    graph = Graph.of(Sum(Input("x", value=np.full(2000, number), trainable=True)))
    return with_optimizer(graph, Momentum(0.5))


def with_optimizer(graph: Graph, optimizer: Optimizer) -> Graph:
    graph.training = Training(optimizer)
    return graph


def test_tensors_that_nothing_needs_any_more_are_removed(tmp_path: Path) -> None:
    graph, path = large(1.0), tmp_path / "g.json"
    for count in (1, 2, 2, 2):
        # Values and velocity: a file each, once there is a velocity.
        saved(graph, path)
        assert len(tensors_in(tmp_path)) == count
        train(graph, 1)
    save(Graph([Input("x", value=1.0)]), path)
    assert tensors_in(tmp_path) == set()


@pytest.mark.parametrize("other", ["copy.json", "copy", "c.txt"])
def test_tensors_that_another_graph_file_needs_stay(tmp_path: Path, other: str) -> None:
    save(large(1.0), tmp_path / "g.json")
    before = tensors_in(tmp_path)
    shutil.copy(tmp_path / "g.json", tmp_path / other)
    save(large(2.0), tmp_path / "g.json")
    assert before < tensors_in(tmp_path)
    assert load(tmp_path / other)["x"].value[0] == 1
    (tmp_path / other).unlink()
    save(large(3.0), tmp_path / "g.json")
    # What the graph file replaced last did not refer to is not touched.
    assert before < tensors_in(tmp_path)


def test_the_same_tensors_saved_again_stay(tmp_path: Path) -> None:
    for _ in range(2):
        saved(large(1.0), tmp_path / "g.json")
    assert len(tensors_in(tmp_path)) == 1


@pytest.mark.parametrize(
    "kept",
    [
        "mine.safetensors",
        "g.0123456789ab.npz",
        "sub/g.0123456789ab.safetensors",
        "other.0123456789ab.safetensors",
    ],
)
def test_tensor_files_of_other_names_are_not_ours_to_remove(tmp_path: Path, kept: str) -> None:
    (tmp_path / "sub").mkdir()
    arrays = {"x": np.arange(3.0)}
    if kept.endswith("npz"):
        np.savez(tmp_path / kept, **arrays)
    else:
        save_file(arrays, tmp_path / kept)
    node = {"name": "x", "op": "Input", "value": {"file": kept}}
    (tmp_path / "g.json").write_text(json.dumps({"miniflow": 1, "nodes": [node]}))
    save(large(1.0), tmp_path / "g.json")
    assert (tmp_path / kept).is_file()


@pytest.mark.parametrize("old", ["", "{", '{"file": "note.0123456789ab.safetensors"', "[" * 9999])
def test_a_file_that_is_no_graph_names_no_tensors(tmp_path: Path, old: str) -> None:
    (tmp_path / "note.0123456789ab.safetensors").write_text("mine")
    (tmp_path / "g.json").write_text(old)
    save(large(1.0), tmp_path / "g.json")
    assert (tmp_path / "note.0123456789ab.safetensors").read_text() == "mine"


def test_old_tensors_are_removed_when_the_new_graph_file_is_on_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever a save is interrupted, the graph file has its tensors."""
    path = tmp_path / "g.json"
    save(large(1.0), path)
    calls = 0

    def interrupt_at(count: int) -> None:
        def counting(plain: Any) -> Any:
            def call(*arguments: Any, **keywords: Any) -> Any:
                nonlocal calls
                calls += 1
                if calls == count:
                    raise KeyboardInterrupt
                return plain(*arguments, **keywords)

            return call

        for owner, name in ((os, "fsync"), (Path, "replace"), (Path, "unlink"), (os, "open")):
            monkeypatch.setattr(owner, name, counting(getattr(owner, name)))

    for count in range(1, 100):
        calls = 0
        with monkeypatch.context():
            interrupt_at(count)
            try:
                save(large(float(count + 1)), path)
            except KeyboardInterrupt:
                done = False
            else:
                done = True
            monkeypatch.undo()
        assert load(path)["x"].value[0] in (count, count + 1, 1)
        if done:
            break
        save(large(float(count + 1)), path)
    assert 8 < count < 99


@pytest.mark.parametrize("name", ["a b.json", "ünï.json", "x\ny.json", "n" * 250 + ".j", "..json"])
def test_graphs_with_tensors_can_have_any_file_name(tmp_path: Path, name: str) -> None:
    saved(Graph([Input("x", value=np.zeros(2000))]), tmp_path / name)


# Data --------------------------------------------------------------------------------------------


@pytest.fixture
def table(tmp_path: Path) -> Path:
    folder = tmp_path / "home"
    folder.mkdir()
    (folder / "t.csv").write_text("a,b\n1,2\n2,4\n6,9\n")
    content = {
        "miniflow": 1,
        "nodes": [{"name": "x", "op": "Input"}, {"name": "s", "op": "Sum", "inputs": ["x"]}],
        "data": {"file": "t.csv", "feeds": {"x": ["a", "b"]}, "standardize": ["x"]},
    }
    (folder / "g.json").write_text(json.dumps(content))
    return folder / "g.json"


def data_of(path: Path) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(path.read_text())["data"]
    return data


def test_data_of_a_file_in_the_same_folder_stays_a_reference(table: Path) -> None:
    saved(load(table), table.with_name("again.json"))
    assert data_of(table.with_name("again.json")) == data_of(table)
    saved(load(table), table)


def test_a_folder_is_the_same_by_any_path(table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(table.parent)
    save(load("g.json"), "../home/again.json")
    assert data_of(table.with_name("again.json")) == data_of(table)


def test_elsewhere_the_data_is_written_and_not_standardised_twice(
    table: Path, tmp_path: Path
) -> None:
    again = saved(load(table), tmp_path / "g.json")
    assert again.data is not None
    assert np.allclose(again.data.feeds["x"].std(axis=0), 1)
    assert list(data_of(tmp_path / "g.json")) == ["feeds"]
    saved(again, tmp_path / "sub.json")


def test_large_data_elsewhere_goes_to_a_tensor_file(table: Path, tmp_path: Path) -> None:
    rows = "\n".join(f"{i},{i * i}" for i in range(1000))
    table.with_name("t.csv").write_text(f"a,b\n{rows}\n")
    saved(load(table), tmp_path / "g.json")
    assert data_of(tmp_path / "g.json")["file"].endswith(".safetensors")
    assert list(data_of(tmp_path / "g.json")) == ["file", "feeds"]


def test_data_whose_file_is_gone_is_written(table: Path) -> None:
    graph = load(table)
    table.with_name("t.csv").unlink()
    saved(graph, table)


def test_a_graph_is_not_saved_over_its_own_data(table: Path) -> None:
    graph = load(table)
    with pytest.raises(FileError, match="this file contains the graph's data"):
        save(graph, table.with_name("t.csv"))
    assert table.with_name("t.csv").read_text().startswith("a,b")


# Writing -----------------------------------------------------------------------------------------


class OurOp(Neg):
    """An op of somebody's own."""


class OurOptimizer(SGD):
    """An optimizer of somebody's own."""


def graph_with(**fields: Any) -> Graph:
    return Graph([Input("x", value=1.0, trainable=True)], **fields)


@pytest.mark.parametrize(
    ("graph", "said"),
    [
        (
            Graph.of(OurOp(Input("x", value=1.0), name="f")),
            '"f" cannot be saved: graph files have no op OurOp',
        ),
        (Graph([Node(name="n")]), '"n" cannot be saved: graph files have no op Node'),
        (Graph([Input("a\nb", value=1.0)]), "a name has 1 to 200 printable characters"),
        (Graph([Input("n" * 201, value=1.0)]), "a name has 1 to 200 printable characters"),
        (Graph([Input("x", value="word")]), "its value is of type <U4"),
        (Graph([Input("x", value=1j)]), "its value is of type complex128"),
        (Graph([Input("x", value=[[1], [2, 3]])]), "its value is not an array"),
        (Graph([Input("x", value=[])]), "its value is of type float64, (0,)"),
        (Graph([Input("x", value=np.zeros((1,) * 9))]), "its value is too large"),
        (graph_with(name="a\x1b"), '"a\\x1b" contains unprintable characters'),
        (graph_with(name="n" * 201), "too long"),
        (graph_with(description="\x9b"), "contains unprintable characters"),
        (
            graph_with(training=Training(OurOptimizer())),
            "graph files have no optimizer OurOptimizer",
        ),
        (Graph.of(Pow(Input("x", value=1.0), exponent=float("inf"))), "cannot be written"),
    ],
)
def test_what_the_format_cannot_hold_is_refused(graph: Graph, said: str, tmp_path: Path) -> None:
    path = tmp_path / "g.json"
    path.write_text("old")
    with pytest.raises(FileError) as raised:
        save(graph, path)
    assert said in str(raised.value)
    assert str(raised.value).startswith("g.json: ")
    assert [entry.name for entry in tmp_path.iterdir()] == ["g.json"]
    assert path.read_text() == "old"


def test_a_value_beyond_what_a_file_may_ask_for_is_saved_with_its_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    graph = Graph.of(Sum(Input("W", value=np.arange(6000.0), shape=(6000,), trainable=True)))
    graph = Graph(graph.nodes, training=Training(Adam()))
    monkeypatch.setattr(limits, "NUMBERS", 2500)
    train(graph, 2)
    save(graph, tmp_path / "g.json")
    same(graph, load(tmp_path / "g.json"))
    before = sorted(tmp_path.iterdir())
    monkeypatch.setattr(limits, "TOTAL_NUMBERS", 5000)
    with pytest.raises(FileError, match="its value is too large"):
        save(graph, tmp_path / "g.json")
    assert sorted(tmp_path.iterdir()) == before


def test_tables_that_could_not_be_loaded_again_are_not_saved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    x, y = Input("x"), Input("y")
    data = Data({"x": np.ones((2000, 1)), "y": np.ones((2000, 1))})
    graph = Graph.of(MSE(y, x), data=data)
    monkeypatch.setattr(limits, "TOTAL_NUMBERS", 3000)
    with pytest.raises(FileError, match="4,000 numbers are too many for a file"):
        save(graph, tmp_path / "g.json")
    assert not list(tmp_path.iterdir())


def test_a_save_that_fails_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "g.json"
    save(graph_with(name="old"), path)

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(FileError, match=r"g\.json: cannot be written: No space left on device"):
        save(graph_with(name="new"), path)
    assert load(path).name == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["g.json"]


def test_the_new_file_is_on_the_disk_before_it_takes_the_old_ones_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    happened: list[str] = []
    sync, replace = os.fsync, Path.replace
    monkeypatch.setattr(os, "fsync", lambda fd: (happened.append("sync"), sync(fd)))
    monkeypatch.setattr(
        Path, "replace", lambda self, to: (happened.append("replace"), replace(self, to))[1]
    )
    save(graph_with(), tmp_path / "g.json")
    assert happened[:2] == ["sync", "replace"]


@pytest.mark.skipif(sys.platform == "win32", reason="other permissions")
def test_permissions_of_the_old_file_stay(tmp_path: Path) -> None:
    path = tmp_path / "g.json"
    save(graph_with(), path)
    path.chmod(0o640)
    save(graph_with(), path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_a_link_is_saved_through(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "g.json").write_text("old")
    link = tmp_path / "link.json"
    link.symlink_to("real/g.json")
    graph = Graph([Input("x", value=np.zeros(2000))])
    saved(graph, link)
    assert link.is_symlink()
    same(graph, load(tmp_path / "real" / "g.json"))


@pytest.mark.parametrize("name", ["none/g.json", "a\0b", ""])
def test_places_that_cannot_be_written(tmp_path: Path, name: str) -> None:
    with pytest.raises(FileError):
        save(graph_with(), f"{tmp_path}/{name}")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="no pipes in folders")
def test_pipes_and_devices_are_not_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/null")):
        with pytest.raises(FileError, match="not an ordinary file"):
            save(graph_with(), path)
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)


@pytest.mark.parametrize("optimizer", [SGD(0.5), Momentum(1e-5, 0.25), Adam(3, 0.5, 0.25, 1e-300)])
def test_training_survives(optimizer: Optimizer, tmp_path: Path) -> None:
    saved(graph_with(training=Training(optimizer, 3, "all", 2**62)), tmp_path / "g.json")


def test_training_is_left_out_of_a_graph_that_has_nothing_to_train(tmp_path: Path) -> None:
    saved(Graph([Input("x", value=1.0)]), tmp_path / "g.json")
    assert "training" not in (tmp_path / "g.json").read_text()
