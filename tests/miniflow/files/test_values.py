"""Values in graph files: numbers, lists, initial values, files beside the graph, images."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from miniflow.errors import FileError
from miniflow.files import load, loads, save
from tests.miniflow.files.reading import bad_value, read, refused, value_of

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
