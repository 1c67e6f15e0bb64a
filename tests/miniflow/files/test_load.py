"""Graph files: what loads, to what, and what is said of what does not."""

from __future__ import annotations

import gc
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import save_file

from miniflow.errors import FeedError, FileError, GraphError, MiniflowError, ShapeError
from miniflow.files import load, loads, save
from miniflow.graph import Graph
from miniflow.node import Input
from miniflow.plans.train import train
from miniflow.training.optimizers import SGD, Adam, Momentum
from tests.support.paths import ROOT

GRAPHS = sorted((ROOT / "graphs").glob("*.json"))

X = {"name": "x", "op": "Input", "value": 3}
UNFED = {"name": "x", "op": "Input"}


def read(*nodes: dict[str, Any], folder: Path | str = ".", **fields: Any) -> Graph:
    content = {"miniflow": 1, "nodes": list(nodes), **fields}
    return loads(json.dumps(content).encode(), folder, "t.json")


def refused(*nodes: dict[str, Any], kind: type[MiniflowError] = FileError, **fields: Any) -> str:
    with pytest.raises(kind) as raised:
        read(*nodes, **fields)
    text = str(raised.value)
    assert text.isprintable()
    return text


def value_of(value: Any, **fields: Any) -> Any:
    node = read({"name": "x", "op": "Input", "value": value}, **fields)["x"]
    return node.value


def bad_value(value: Any, **fields: Any) -> str:
    return refused({"name": "x", "op": "Input", "value": value}, **fields)


# Graphs that load --------------------------------------------------------------------------------


@pytest.mark.parametrize("path", GRAPHS, ids=lambda path: path.stem)
def test_every_shipped_graph_loads_and_runs(path: Path) -> None:
    graph = load(path)
    assert graph.name == path.stem
    assert not graph.unfed()
    with np.errstate(all="ignore"):
        assert len(train(graph, 2)) == 2


def test_nodes_stand_in_any_order_and_keep_theirs() -> None:
    graph = read({"name": "f", "op": "Neg", "inputs": ["x"]}, X)
    assert [node.label for node in graph.declared] == ["f", "x"]
    assert graph.names() == ["x", "f"]
    assert graph["f"].inbound_nodes == [graph["x"]]
    assert graph["x"].outbound_nodes == [graph["f"]]


def test_a_graph_is_named_by_its_file_when_it_has_no_name(tmp_path: Path) -> None:
    path = tmp_path / "my graph.json"
    path.write_text('{"miniflow": 1, "nodes": [{"name": "x", "op": "Input", "value": 1}]}')
    assert load(path).name == "my graph"
    assert load(str(path)).name == "my graph"


def test_a_byte_order_mark_is_passed_over() -> None:
    data = b"\xef\xbb\xbf" + json.dumps({"miniflow": 1, "nodes": [X]}).encode()
    assert loads(data, ".", "t.json")["x"].value == 3


def test_a_file_may_name_its_schema_for_editors() -> None:
    assert len(read(X, **{"$schema": "https://example.org/graph.schema.json"})) == 1


def test_names_with_markup_and_brackets_stay_as_they_are() -> None:
    name = '[red]x[/red] :smile: "quoted" \\ ünïcode 名前'
    assert read({**X, "name": name}).names() == [name]


def test_markup_in_an_unknown_name_stands_in_the_error_as_it_is() -> None:
    assert '"[bold]"' in refused(X, cost="[bold]", kind=GraphError)


def test_one_node_twice_in_one_op() -> None:
    graph = read(X, {"name": "f", "op": "Mul", "inputs": ["x", "x"]})
    assert graph.consumers[0] == ((1, 0), (1, 1))
    assert graph["x"].outbound_nodes == [graph["f"]]


def test_attributes_reach_their_op() -> None:
    graph = read(
        {"name": "x", "op": "Input", "value": [[1, 2], [3, 4]]},
        {"name": "s", "op": "Sum", "inputs": ["x"], "attrs": {"axis": [0], "keepdims": True}},
        cost="s",
    )
    assert graph["s"].attrs == {"axis": [0], "keepdims": True}  # type: ignore[attr-defined]
    assert graph.shapes()[1] == (1, 2)


def test_loading_leaves_the_cycle_collector_as_it_was() -> None:
    read(X)
    assert gc.isenabled()
    gc.disable()
    try:
        read(X)
        assert not gc.isenabled()
    finally:
        gc.enable()
    with pytest.raises(FileError):
        read(X, dtype="float16")
    assert gc.isenabled()


# Values ------------------------------------------------------------------------------------------


def test_a_number_is_a_float_and_lists_are_arrays() -> None:
    assert value_of(3) == 3.0
    assert type(value_of(3)) is float
    array = value_of([[1, 2.5], [3, 4]])
    assert array.dtype == np.float64
    assert array.tolist() == [[1.0, 2.5], [3.0, 4.0]]


def test_values_have_the_graphs_dtype() -> None:
    assert value_of([0.1], dtype="float32").dtype == np.float32
    assert value_of(0.1, dtype="float32") == np.float32(0.1)


def test_nan_and_infinity_are_strings() -> None:
    array = value_of([["NaN", "Infinity"], ["-Infinity", -0.0]])
    assert np.isnan(array[0, 0])
    assert array[0, 1] == np.inf
    assert array[1, 0] == -np.inf
    assert np.signbit(array[1, 1])
    assert value_of("-Infinity") == -np.inf


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (True, "$.nodes[0].value (x): expected a number, a list of numbers, or an object"),
        (None, "found null"),
        ([[1, 2], [3, True]], "$.nodes[0].value[1][1] (x): expected a number, found true"),
        ([1, None], "value[1] (x): expected a number, found null"),
        ([1, {}], "value[1] (x): expected a number, found an object"),
        ([1, "two"], 'expected a number, found "two" (as strings only "NaN"'),
        ("3", 'expected a number, found "3"'),
        ([[1, 2], [3]], "value[1] (x): expected a list of 2 entries, as before it, found one of 1"),
        ([[1, 2], 3], "value[1] (x): a list is next to 3"),
        ([1, [2]], "value[1] (x): a list is next to 1"),
        ([], "value (x): the list is empty"),
        ([[], []], "value[0] (x): the list is empty"),
        ([[1, 2], [3, 10**400]], "value[1][1] (x): 1000000000000000000000000000"),
        (10**400, "too large for a float64"),
        ([10**5000], "too large for a float64"),
        ([[[[[[[[[1]]]]]]]]], "nested more than 8 deep"),
        ({"inti": "zeros"}, 'expected an object with "init" or with "file" (did you mean \'init\''),
    ],
)
def test_a_value_that_is_no_value(value: Any, said: str) -> None:
    if isinstance(value, list) and value == [10**5000]:
        data = '{"miniflow":1,"nodes":[{"name":"x","op":"Input","value":[1' + "0" * 5000 + "]}]}"
        with pytest.raises(FileError, match=said):
            loads(data.encode(), ".", "t.json")
        return
    assert said in bad_value(value)


def test_the_largest_integers_that_a_float_holds_load() -> None:
    largest = int(np.finfo(np.float64).max)
    assert value_of([largest])[0] == float(largest)
    assert "value[1] (x)" in bad_value([largest, largest * 2])


def test_a_number_too_large_for_float32_is_not_made_infinite() -> None:
    assert "value[1] (x): 1e+300 is too large for a float32" in bad_value(
        [1, 1e300], dtype="float32"
    )
    assert "too large for a float32" in bad_value(1e300, dtype="float32")
    assert value_of("Infinity", dtype="float32") == np.inf


# Initial values ----------------------------------------------------------------------------------


def test_zeros_and_ones() -> None:
    assert value_of({"init": "zeros", "shape": [2, 3]}).tolist() == [[0.0] * 3] * 2
    assert value_of({"init": "ones", "shape": [2], "scale": -2}).tolist() == [-2.0, -2.0]
    assert value_of({"init": "ones", "shape": []}) == 1.0


def test_normal_and_uniform_are_those_of_their_seed() -> None:
    normal = value_of({"init": "normal", "shape": [1000], "scale": 0.5, "seed": 7})
    assert (normal == 0.5 * np.random.default_rng(7).standard_normal(1000)).all()
    uniform = value_of({"init": "uniform", "shape": [1000], "scale": 3, "seed": 7})
    assert (uniform == 3 * np.random.default_rng(7).uniform(-1, 1, 1000)).all()
    assert -3 <= uniform.min() < -2.9


def test_xavier_stays_within_its_bound() -> None:
    array = value_of({"init": "xavier", "shape": [30, 70], "seed": 1})
    bound = np.sqrt(6 / 100)
    assert 0.95 * bound < np.abs(array).max() <= bound
    twice = value_of({"init": "xavier", "shape": [30, 70], "seed": 1, "scale": 2})
    assert (twice == 2 * array).all()
    assert "xavier takes a shape of two sizes" in bad_value({"init": "xavier", "shape": [3]})


def test_without_a_seed_layers_differ_and_hang_on_the_training_seed_and_the_name() -> None:
    init = {"init": "normal", "shape": [4]}
    a, b = ({"name": name, "op": "Input", "value": init} for name in "ab")
    f = {"name": "f", "op": "Add", "inputs": ["a", "b"]}
    graph, swapped, other = read(a, b, f), read(b, a, f), read(a, b, f, training={"seed": 1})
    assert graph["a"].value.tolist() != graph["b"].value.tolist()
    assert graph["a"].value.tolist() == swapped["a"].value.tolist()
    assert graph["a"].value.tolist() != other["a"].value.tolist()


@pytest.mark.parametrize(
    ("init", "said"),
    [
        ({"init": "zeroes", "shape": [1]}, "value.init (x): expected zeros, ones, normal, uniform"),
        ({"init": "zeroes", "shape": [1]}, "did you mean 'zeros'?"),
        ({"init": "zeros"}, 'the field "shape" is missing'),
        ({"init": "zeros", "shape": [2.0]}, "shape[0] (x): expected an integer, found 2.0"),
        ({"init": "zeros", "shape": [True]}, "shape[0] (x): expected an integer, found true"),
        ({"init": "zeros", "shape": [-1]}, "expected an integer >= 1, found -1"),
        ({"init": "zeros", "shape": [0]}, "expected an integer >= 1, found 0"),
        ({"init": "zeros", "shape": 3}, "expected a list, found 3"),
        ({"init": "zeros", "shape": [1] * 9}, "expected a list of length <= 8, found a list of 9"),
        ({"init": "normal", "shape": [1], "seed": -1}, "value.seed (x): expected an integer >= 0"),
        ({"init": "normal", "shape": [1], "scal": 1}, "did you mean 'scale'?"),
        ({"init": "normal", "shape": [999], "scale": 1e308}, "gives infinite numbers"),
    ],
)
def test_an_initial_value_that_is_none(init: dict[str, Any], said: str) -> None:
    assert said in bad_value(init)


# Images ------------------------------------------------------------------------------------------


def pixels(image: Any, **fields: Any) -> dict[str, Any]:
    return {"name": "x", "op": "Input", "image": image, **fields}


@pytest.mark.parametrize(
    "fields",
    [
        {"shape": [None, 6]},
        {"shape": [None, None]},
        {"shape": [5, 2, 3]},
        {"value": [[1.0] * 6] * 4},
        {"value": [1.0] * 6},
        {},
    ],
)
def test_an_input_says_that_its_rows_are_images(fields: dict[str, Any], tmp_path: Path) -> None:
    f = {"name": "f", "op": "Sum", "inputs": ["x"]}
    graph = read(pixels([2, 3], **fields), f)
    assert graph["x"].image == (2, 3)
    save(graph, tmp_path / "images.json")
    assert load(tmp_path / "images.json")["x"].image == (2, 3)


@pytest.mark.parametrize(
    ("node", "said"),
    [
        (pixels([2, 3], shape=[None, 5]), "images of 2x3 are rows of 6 numbers"),
        (pixels([2, 3], shape=[None, 5]), "nodes[0].image (x)"),
        (pixels([2, 3], shape=[3, 2]), "but the shape is 3x2"),
        (pixels([2, 3], value=1.0), "but the shape is ()"),
        (pixels([2, 3, 1]), "expected a list of length"),
        (pixels([2, 0]), "expected an integer >= 1"),
        (pixels("2x3"), "expected a list"),
    ],
)
def test_images_that_are_none(node: dict[str, Any], said: str) -> None:
    assert said in refused(node, {"name": "f", "op": "Sum", "inputs": ["x"]})


# What is said of errors --------------------------------------------------------------------------


def neg(**fields: Any) -> dict[str, Any]:
    return {"name": "f", "op": "Neg", "inputs": ["x"], **fields}


@pytest.mark.parametrize(
    ("nodes", "fields", "kind", "said"),
    [
        ([{**X, "op": "Imput"}], {}, FileError, '$.nodes[0].op (x): there is no op "Imput"'),
        ([{**X, "op": "Imput"}], {}, FileError, "did you mean 'Input'?"),
        ([X, neg(op="neg")], {}, FileError, '$.nodes[1].op (f): there is no op "neg" (did you'),
        ([X, X], {}, GraphError, '$.nodes[1].name: two nodes are called "x": this one and $.nod'),
        ([X, neg(inputs=["X"])], {}, GraphError, '$.nodes[1].inputs[0] (f): there is no node "X"'),
        ([X, neg(inputs=["X"])], {}, GraphError, "did you mean 'x'?"),
        ([X, neg(inputs=["x", "x"])], {}, GraphError, "inputs (f): Neg takes 1 input, not 2"),
        ([X, {"name": "f", "op": "Neg"}], {}, GraphError, "inputs (f): Neg takes 1 input, not 0"),
        ([X, neg(attrs={"a": 1})], {}, GraphError, "$.nodes[1].attrs (f): Neg has no attribute"),
        (
            [X, neg(op="Pow", attrs={"exponent": "2"})],
            {},
            GraphError,
            "$.nodes[1].attrs (f): attribute 'exponent' of Pow is '2'; it takes a number",
        ),
        ([X, neg(op="Pow", attrs={"name": 2})], {}, GraphError, "has no attribute 'name'"),
        ([X, neg(op="Pow", attrs={"exponent": 10**300})], {}, FileError, "expected an integer <="),
        ([X, neg(op="Sum", attrs={"axis": [[0]]})], {}, FileError, "$.nodes[1].attrs (f)"),
        ([X, neg(value=3)], {}, FileError, '$.nodes[1].value (f): only an Input has "value"'),
        ([X, neg(shape=[3])], {}, FileError, '$.nodes[1].shape (f): only an Input has "shape"'),
        ([X, neg(trainable=True)], {}, FileError, "$.nodes[1].trainable (f): only an Input has"),
        ([{**X, "inputs": ["x"]}], {}, FileError, "an Input takes no inputs"),
        ([{**X, "attrs": {"a": 1}}], {}, FileError, "an Input has no attributes"),
        ([{**X, "state": {"m": 1}}], {}, FileError, "an Input has no state"),
        (
            [X, neg(state={"running_mean": [0]})],
            {},
            FileError,
            '$.nodes[1].state (f): Neg keeps nothing from pass to pass, not "running_mean"',
        ),
        (
            [X, neg(op="BatchNorm", state={"running_men": [0]})],
            {},
            FileError,
            "did you mean 'running_mean'?",
        ),
        (
            [X, neg(op="BatchNorm", state={"running_mean": [0]})],
            {},
            FileError,
            "$.nodes[1].state (f): running_var is missing",
        ),
        (
            [X, neg(op="BatchNorm", state={"running_mean": "a", "running_var": 1})],
            {},
            FileError,
            "$.nodes[1].state.running_mean: expected a number",
        ),
        (
            [
                {**X, "value": [[1, 2], [3, 4]]},
                neg(op="BatchNorm", state={"running_mean": [0], "running_var": [1]}),
            ],
            {},
            ShapeError,
            "$.nodes[1] (f): its running_mean has shape 1, not 2",
        ),
        ([{**X, "vlaue": 3}], {}, FileError, '$.nodes[0] (x): unknown field "vlaue"; known: name'),
        ([{**X, "vlaue": 3}], {}, FileError, "did you mean 'value'?"),
        ([{"op": "Input"}], {}, FileError, '$.nodes[0]: the field "name" is missing'),
        ([X], {"nodez": 3}, FileError, '$: unknown field "nodez"'),
        ([X], {"cost": "y"}, GraphError, 't.json: $.cost: there is no node "y"'),
        ([X], {"dtype": "float16"}, FileError, '$.dtype: expected float64 or float32, found "flo'),
        ([], {}, FileError, "$.nodes: expected a list of length >= 1, found an empty list"),
        ([X, {**X, "name": "y"}], {}, GraphError, "t.json: which node is the cost? x, y have no"),
        ([neg(inputs=["f"])], {}, GraphError, "$.nodes[0].inputs: a cycle: f → f"),
        ([{**X, "shape": [2]}], {}, ShapeError, "$.nodes[0] (x): its value has shape (), not the"),
        (
            [{**X, "shape": [2.5]}],
            {},
            FileError,
            "shape[0] (x): expected an integer or null, found",
        ),
        ([{**X, "shape": [True]}], {}, FileError, "expected an integer or null, found true"),
        ([{**X, "shape": [-1]}], {}, FileError, "expected an integer >= 1, found -1"),
        ([{**X, "shape": [10**9]}], {}, FileError, "expected an integer <= 33554432, found 1000"),
        ([{**X, "shape": [10**6] * 2}], {}, FileError, "the shape 1000000x1000000 has 1,000,000,0"),
    ],
)
def test_errors_say_where_what_and_what_was_meant(
    nodes: list[dict[str, Any]], fields: dict[str, Any], kind: type[MiniflowError], said: str
) -> None:
    text = refused(*nodes, kind=kind, **fields)
    assert text.startswith("t.json: ")
    assert said in text


def test_a_cycle_is_named() -> None:
    text = refused(
        X,
        {"name": "a", "op": "Add", "inputs": ["x", "c"]},
        {"name": "b", "op": "Neg", "inputs": ["a"]},
        {"name": "c", "op": "Neg", "inputs": ["b"]},
        kind=GraphError,
    )
    assert "a cycle: b → c → a → b" in text
    assert text.startswith("t.json: $.nodes[2].inputs")


def test_shapes_that_clash_name_the_node_and_its_inputs() -> None:
    text = refused(
        {"name": "x", "op": "Input", "value": [1, 2]},
        {"name": "y", "op": "Input", "value": [1, 2, 3]},
        {"name": "f", "op": "Add", "inputs": ["x", "y"]},
        kind=ShapeError,
    )
    assert text.startswith(
        "t.json: $.nodes[2] (f): shapes 2 and 3 do not broadcast together [x 2, y 3]"
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "t.json: the file is empty"),
        (" \n ", "t.json: the file is empty"),
        ("[]", "$: expected an object, found an empty list"),
        ("3", "$: expected an object, found 3"),
        ("{}", '$.miniflow: not a graph file: the field "miniflow" is missing'),
        ('{"nodes": 3}', '$.miniflow: not a graph file: the field "miniflow" is missing'),
        (
            '{"miniflow": 2, "new": 1}',
            "found 2 (the file is from a newer version: update miniflow)",
        ),
        ('{"miniflow": 2, "nodes": [{"name": "x", "op": "Input"}]}', "from a newer version"),
        ('{"miniflow": "1"}', '$.miniflow: expected 1, the format this version reads, found "1"'),
        ('{"miniflow": 1}', '$: the field "nodes" is missing'),
        ('{"miniflow": 1,\n "nodes": [{"name": "x"', "t.json:2:24: unexpected end of file"),
        ('{"miniflow": 1,\n "nodes": [1]}', "t.json: $.nodes[0]: expected an object, found 1"),
        (
            '{"miniflow": 1,\n "name": "a",}',
            "t.json:2:14: not JSON: trailing comma in object: found }",
        ),
        ('{"miniflow": 1, // one\n "nodes": []}', "t.json:1:17: not JSON"),
        ('{"miniflow": 1, // one\n "nodes": []}', "(JSON has no comments)"),
        ("{'miniflow': 1}", "(strings need double quotes)"),
        ('{"miniflow": True}', "t.json:1:14: not JSON: invalid character: found True}"),
        ('{"miniflow": 1, "name": "é", "cost": NaN}', "t.json:1:38: not JSON"),
        ('{"miniflow": 1, "description": .5}', "(a number starts with a digit or a minus sign)"),
        ('{"miniflow": 1 "nodes": []}', "t.json:1:16: not JSON: expected ',' or '}'"),
        (
            '{"miniflow": 1, "nodes": [{"name": "x", "op": "Input"}]} x',
            "trailing characters: found x",
        ),
        (
            '{"miniflow": 1, "name": "a\\ud800", "cost": "x"}',
            'found "a\\ud800", "cost": "x"} (a \\uD800 escape must be',
        ),
        ('{"miniflow": 1, "name": "a\\udc00"}', "surrogate"),
        ('{"miniflow": 1, "name": "a\tb"}', "t.json:1:27: not JSON"),
    ],
)
def test_what_is_not_a_graph_file(text: str, said: str) -> None:
    with pytest.raises(FileError) as raised:
        loads(text.encode(), ".", "t.json")
    assert str(raised.value).startswith("t.json")
    assert str(raised.value).isprintable()
    assert said in str(raised.value)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
@pytest.mark.parametrize("before", ["", "[1, ", "[[", '{"init": "ones", "shape": [1], "scale": '])
def test_bare_nan_and_infinity_are_refused_with_a_hint(number: str, before: str) -> None:
    text = '{"miniflow": 1, "nodes": [{"name": "x", "op": "Input", "value": ' + before + number
    with pytest.raises(FileError) as raised:
        loads(text.encode() + b"]]}", ".", "t.json")
    assert f"found {number}]]}}" in str(raised.value)
    assert "write it as a string" in str(raised.value)
    assert raised.value.where == f"t.json:1:{65 + len(before)}"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b'{"miniflow": 1,\n "name": "\xff"}', "t.json:2:11: not UTF-8 text: byte 0xff"),
        ('{"miniflow": 1}'.encode("utf-16"), "it looks like UTF-16"),
        ('{"miniflow": 1}'.encode("utf-16-be"), "it looks like UTF-16"),
    ],
)
def test_what_is_not_utf8(data: bytes, said: str) -> None:
    with pytest.raises(FileError) as raised:
        loads(data, ".", "t.json")
    assert said in str(raised.value)


# Keys twice in one object are refused: any choice of one of the values would surprise someone.


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ('{"miniflow":1,"nodes":[{"name":"x","op":"Input","value":1,\n "value":2}]}', "t.json:2:2"),
        ('{"miniflow":1,"nodes":[{"name":"x","op":"Input"}],"miniflow":1}', "t.json:1:51"),
        (
            '{"miniflow":1,"nodes":[{"name":"x","op":"Input"}],'
            '"data":{"feeds":{"x":[1],"x" : [2]}}}',
            "t.json:1:76",
        ),
        ('{"miniflow":1,"nodes":[{"name":"a:\\":","op":"Input","op":"Input"}]}', "t.json:1:53"),
    ],
)
def test_a_key_twice_in_one_object_is_refused(text: str, where: str) -> None:
    with pytest.raises(FileError, match=r"duplicate key .* in one object") as raised:
        loads(text.encode(), ".", "t.json")
    assert raised.value.where == where


OBJECTS: dict[str, str] = {
    "miniflow": '"miniflow":1',
    "op": '"op":"Input"',
    "init": '"init":"zeros"',
    "x": '"x":[[1,2],[3,4]]',
    "name": '"name":"SGD"',
    "seed": '"seed":0',
}


@given(
    key=st.sampled_from(sorted(OBJECTS)),
    escaped=st.integers(0, 2**12),
    colons=st.integers(0, 3),
    upper=st.booleans(),
)
def test_a_key_twice_is_found_however_it_is_written(
    key: str, escaped: int, colons: int, upper: bool
) -> None:
    """Any letter may be an escape, and colons that are escapes may make up for its own."""
    colon = "\\u003A" if upper else "\\u003a"
    whole = (
        '{"miniflow":1,"description":"%s","nodes":[{"name":"x","op":"Input"},'
        '{"op":"Input","name":"w","trainable":true,"value":{"init":"zeros","shape":[2]}}],"cost":"x",'
        '"training":{"optimizer":{"name":"SGD"},"seed":0},"data":{"feeds":{"x":[[1,2],[3,4]]}}}'
    ) % (colon * colons)
    loads(whole.encode(), ".", "t.json")
    again = OBJECTS[key].replace(
        key,
        "".join(f"\\u{ord(c):04x}" if escaped >> i & 1 else c for i, c in enumerate(key)),
        1,
    )
    both = f"{OBJECTS[key]},{again}"
    twice = whole.replace(OBJECTS[key], both, 1)
    with pytest.raises(FileError, match=f'duplicate key "{key}" in one object') as raised:
        loads(twice.encode(), ".", "t.json")
    assert raised.value.where == f"t.json:1:{twice.index(both) + len(OBJECTS[key]) + 2}"


def test_colons_in_names_and_as_escapes_are_no_keys() -> None:
    text = r'{"miniflow":1,"description":"a\u003ab \":\" :","nodes":[{"name":"x:","op":"Input"}]}'
    assert loads(text.encode(), ".", "t.json").names() == ["x:"]


# Names ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["\x1b[31mred", "a\nb", "a\tb", "\x9b2J", "\u202eabc", "a\u200bb"])
def test_names_are_printable(name: str) -> None:
    text = refused({**X, "name": name})
    assert "$.nodes[0].name: expected a name of 1 to 200 printable characters, found" in text
    assert ascii(name)[1:-1].replace("\\x9b", "\\x9b") in text
    assert "expected a name" in refused(X, name=name)


WITH_JOINERS = [
    "می\u200cروم",
    "क्\u200dष",
    "क्\u200cष",
    "র\u200d্যাম",
    "ශ්\u200dරී",
    "\U0001f468\u200d\U0001f469\u200d\U0001f467",
    "\U0001f469\U0001f3fd\u200d⚕\ufe0f",
    "❤\ufe0f\u200d\U0001f525",
]


@pytest.mark.parametrize("name", WITH_JOINERS)
def test_names_may_have_joiners_where_scripts_and_emoji_have_them(
    tmp_path: Path, name: str
) -> None:
    graph = read({**X, "name": name})
    assert graph.names() == [name]
    save(graph, tmp_path / "g.json")
    assert load(tmp_path / "g.json").names() == [name]
    with pytest.raises(FeedError) as raised:
        graph.feed(name, "text")
    assert name in str(raised.value)


@pytest.mark.parametrize(
    "name",
    [
        *(
            "\u200c",
            "\u200d",
            "a\u200db",
            "a\u200cb",
            "\u200dك",
            "ك\u200d",
            "م\u200c",
            "م\u200c\u200cر",
        ),
        *("م\u200ca", "\U0001f468\u200d", "\U0001f468\u200da", "क्\u200d", "م\u202eر", "数\u200d数"),
        *("a\u2060b", "a\ufeffb", "a\u00adb", "\u2066a\u2069"),
    ],
)
def test_names_have_no_other_invisible_characters(name: str) -> None:
    assert "expected a name" in refused({**X, "name": name})


def test_names_have_1_to_200_characters() -> None:
    assert read({**X, "name": "n" * 200}).names() == ["n" * 200]
    said = "expected a name of 1 to 200 printable characters, found"
    assert said in refused({**X, "name": "n" * 201})
    assert said in refused({**X, "name": ""})
    assert said in refused(X, name="n" * 201)
    assert "$.nodes[0].name: expected a string, found 3" in refused({**X, "name": 3})


def test_a_description_has_lines_but_nothing_else_unprintable() -> None:
    assert read(X, description="one\ntwo").description == "one\ntwo"
    assert 'found "two\\x1b[2J"' in refused(X, description="one\ntwo\x1b[2J")
    assert "length <= 10000" in refused(X, description="d" * 10_001)


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
        (lambda: fed({"x": [[1], [2, 3]]}), "t.json: feeds: x[1]: expected a list of 1 entries"),
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
