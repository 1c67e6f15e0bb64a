"""Saving: what is saved loads to the same graph, bit for bit; and nothing else is harmed."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from safetensors.numpy import save_file

from miniflow.files import load, save
from miniflow.files.save import INLINE
from miniflow.files.values import fit, read_array, written
from miniflow.graph import Graph, Training
from miniflow.node import Input
from miniflow.ops import MSE, Add, Dropout, LeakyReLU, Linear, Pow, Reshape, Slice, Sum
from miniflow.plans.train import train
from miniflow.training.data import Data
from miniflow.training.optimizers import Momentum, Optimizer
from tests.miniflow.files.saving import saved
from tests.support.paths import ROOT
from tests.support.sizes import examples

GRAPHS = sorted((ROOT / "graphs").glob("*.json"))


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
