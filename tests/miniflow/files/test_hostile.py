"""Graph files from an enemy: refused with one line, quickly, and without touching anything else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from miniflow import limits
from miniflow.errors import FileError, MiniflowError
from miniflow.files import load, loads
from tests.miniflow.files.refusals import GRAPH, at_most, refused, refused_value
from tests.support.counting import assert_linear
from tests.support.paths import ROOT
from tests.support.sizes import quick


@pytest.mark.parametrize(
    "before",
    quick(
        [
            b"",
            b'{"miniflow": 1, "nodes": ',
            b'{"miniflow": 1, "nodes": [{"name": "x", "op": "Input", "value": ',
            b'{"miniflow": 1, "nodes": [{"name": "x", "op": "Add", "attrs": {"a": ',
            b'{"miniflow": 1, "data": {"feeds": {"x": ',
        ],
        2,
    ),
)
@pytest.mark.parametrize("nest", [b"[", b'{"a":'])
def test_a_hundred_megabytes_of_nesting_are_refused_at_once(before: bytes, nest: bytes) -> None:
    data = before + nest * (100_000_000 // len(nest))
    with at_most():
        refused(data)


def test_lists_nested_as_deep_as_json_is_read() -> None:
    for depth in (9, 100, 500, 900):
        assert "nested" in refused(GRAPH % ("[" * depth + "1" + "]" * depth))


def test_a_large_file_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "big.json"
    with path.open("wb") as file:
        file.truncate(2**30)
    with at_most(), pytest.raises(FileError, match="the file has 1,073,741,824 bytes"):
        load(path)


@pytest.mark.parametrize(
    ("name", "most"),
    [
        ("big.csv", "269,484,032"),
        ("big.npz", "269,484,032"),
        ("big.safetensors", "2,164,260,864"),
    ],
)
def test_a_large_table_is_refused_before_it_is_read(tmp_path: Path, name: str, most: str) -> None:
    with (tmp_path / name).open("wb") as file:
        file.truncate(2**40)
    with at_most():
        assert f"bytes (at most {most})" in refused_value(tmp_path, file=name)


def test_what_a_tensor_file_has_is_bounded_by_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_file({"a": np.ones(3000), "b": np.ones(2000)}, tmp_path / "t.safetensors")

    def nodes(*tensors: str) -> bytes:
        made = [
            {"name": f"x{i}", "op": "Input", "value": {"file": "t.safetensors", "tensor": tensor}}
            for i, tensor in enumerate(tensors)
        ]
        cost = {"name": "cost", "op": "Sum", "inputs": ["x0"]}
        return json.dumps({"miniflow": 1, "nodes": [*made, cost], "cost": "cost"}).encode()

    monkeypatch.setattr(limits, "NUMBERS", 2500)
    loads(nodes("a", "b"), tmp_path, "t.json")
    # Another use of a tensor has no bytes of its own in the file.
    loads(nodes("a", "b", "b"), tmp_path, "t.json")
    assert "2,500 in all values" in refused(nodes("b", "b", "b", "b"), tmp_path)
    assert "2,500 in all values" in refused(nodes("a", "a"), tmp_path)
    np.savez(tmp_path / "t.npz", a=np.ones(3000))
    assert "at most 2,500" in refused_value(tmp_path, file="t.npz", tensor="a")
    monkeypatch.setattr(limits, "TOTAL_NUMBERS", 4500)
    assert "4,500 in all values" in refused(nodes("a", "b"), tmp_path)


@pytest.mark.parametrize(
    "shape", [[10**9], [10**5] * 2, [2**27, 2], [2**20] * 8, [10**18], [10**30]]
)
def test_billions_of_initial_numbers_are_refused_before_they_are_made(shape: list[int]) -> None:
    for init in ("zeros", "ones", "normal", "uniform", "xavier"):
        with at_most():
            refused(GRAPH % json.dumps({"init": init, "shape": shape}))


def test_many_values_just_below_the_limit_are_refused_in_sum(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "NUMBERS", 2500)
    value = {"init": "zeros", "shape": [1000]}
    nodes = [{"name": f"x{i}", "op": "Input", "value": value} for i in range(3)]
    add = {"name": "f", "op": "Add", "inputs": ["x0", "x1"]}
    content: dict[str, Any] = {"miniflow": 1, "nodes": [*nodes, add]}
    assert "2,500 in all values" in refused(json.dumps(content))
    monkeypatch.setattr(limits, "TOTAL_NUMBERS", 3000)
    loads(json.dumps({"miniflow": 1, "nodes": [*nodes[:2], add]}).encode(), ".", "t.json")
    loads(json.dumps({"miniflow": 1, "nodes": [add, *nodes[:2]]}).encode(), ".", "t.json")
    monkeypatch.setattr(limits, "TOTAL_NUMBERS", 2500)
    content["nodes"] = [*nodes[:2], add]
    assert "all values together would have 3,000 numbers" in refused(json.dumps(content))


def test_ops_that_would_make_billions_of_numbers_are_refused() -> None:
    value = {"init": "zeros", "shape": [2**20, 1]}
    nodes = [
        {"name": "a", "op": "Input", "value": value},
        {"name": "b", "op": "Input", "value": value | {"shape": [1, 2**20]}},
        {"name": "f", "op": "MatMul", "inputs": ["a", "b"]},
    ]
    with at_most():
        text = refused(json.dumps({"miniflow": 1, "nodes": nodes}))
    assert "$.nodes[2] (f): its value would have shape 1048576x1048576" in text


def test_a_batch_of_billions_is_refused() -> None:
    for sampling in ("replacement", "epoch"):
        for size in (2**26, 2**27, 2**40):
            training = {"batch_size": size, "sampling": sampling}
            nodes = [
                {"name": "x", "op": "Input"},
                {"name": "f", "op": "Concat", "inputs": ["x"] * 9},
            ]
            data = {"feeds": {"x": [[1, 2]]}}
            content = {"miniflow": 1, "nodes": nodes, "training": training, "data": data}
            with at_most():
                refused(json.dumps(content))


def test_a_reshape_to_a_thousand_axes_is_refused() -> None:
    nodes = [
        {"name": "x", "op": "Input", "value": 1},
        {"name": "f", "op": "Reshape", "inputs": ["x"], "attrs": {"shape": [1] * 1000}},
    ]
    assert "$.nodes[1].attrs" in refused(json.dumps({"miniflow": 1, "nodes": nodes}))


def chain(nodes: int, *, backwards: bool = False) -> bytes:
    rows = ['{"name":"n0","op":"Input","value":1}']
    rows += [f'{{"name":"n{i}","op":"Neg","inputs":["n{i - 1}"]}}' for i in range(1, nodes)]
    rows = rows[::-1] if backwards else rows
    return f'{{"miniflow":1,"nodes":[{",".join(rows)}]}}'.encode()


@pytest.mark.slow
@pytest.mark.parametrize("backwards", [False, True])
def test_loading_is_linear_in_the_nodes(backwards: bool) -> None:
    def read(nodes: int) -> None:
        graph = loads(chain(nodes, backwards=backwards), ".", "t.json")
        assert graph.names()[-1] == f"n{nodes - 1}"

    assert_linear(read, 1_000)
    read(50_000)


def test_many_inputs_of_one_node() -> None:
    names = '"x",' * 199_999 + '"x"'
    node = f'{{"name":"f","op":"Concat","inputs":[{names}]}}'
    data = f'{{"miniflow":1,"nodes":[{{"name":"x","op":"Input","value":[1]}},{node}]}}'
    assert loads(data.encode(), ".", "t.json").shapes() == [(1,), (200_000,)]


def put_everywhere(word: str) -> Iterator[dict[str, Any]]:
    """Yield a file's content with `word` in one place, for every place."""

    def whole(node: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
        x = {"name": "x", "op": "Input", **(node or {})}
        return {"miniflow": 1, "nodes": [x], **fields}

    yield whole(**{word: 1})
    for key in ("name", "dtype", "cost"):
        yield whole(**{key: word})
    yield whole({word: 1})
    yield whole({"name": word, "vlaue": 1})
    yield whole({"op": word})
    for value in (
        word,
        [word],
        {word: 1},
        {"init": word, "shape": []},
        {"file": word},
        {"file": word + ".csv"},
    ):
        yield whole({"value": value})
    for fields in ({"inputs": [word]}, {"inputs": ["x"], "attrs": {word: word}}):
        content = whole()
        content["nodes"].append({"name": "f", "op": "Neg", **fields})
        yield content
    for training in ({"sampling": word}, {"optimizer": {"name": word}}, {word: 1}):
        yield whole(training=training)
    yield whole(data={"feeds": {word: [1]}})
    yield whole(data={"file": word, "feeds": {"x": word}})
    yield whole(data={"feeds": {"x": [1]}, "standardize": [word]})


@pytest.mark.parametrize(
    "word", ["\x1b]0;x\x07" * 50_000, "[/]" * 100_000, "\u202e" * 1000, "\x00"]
)
def test_long_and_strange_words_in_every_place_are_cut_and_escaped(word: str) -> None:
    for content in put_everywhere(word):
        refused(json.dumps(content))


@pytest.mark.slow
def test_bytes_changed_anywhere_in_a_graph_file_never_raise_anything_else() -> None:
    path = ROOT / "graphs" / "xor.json"
    whole = path.read_bytes()
    rng = np.random.default_rng(2)
    refusals: list[MiniflowError] = []
    for _ in range(1500):
        data = bytearray(whole)
        place = int(rng.integers(len(data)))
        match rng.integers(3):
            case 0:
                data[place] = int(rng.integers(256))
            case 1:
                del data[place : place + int(rng.integers(20))]
            case _:
                data[place:place] = data[int(rng.integers(len(data))) :][:20]
        try:
            loads(bytes(data), path.parent, "t.json")
        except MiniflowError as error:
            refusals.append(error)
    assert len(refusals) > 500
    assert all(str(error).isprintable() for error in refusals)
    assert all(error.where.startswith("t.json") for error in refusals)
