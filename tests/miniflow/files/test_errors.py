"""What is reported of a graph file that cannot be loaded."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from miniflow.errors import FileError, GraphError, MiniflowError, ShapeError
from miniflow.files import loads
from tests.miniflow.files.reading import X, neg, refused


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
