"""The JSON Schema that editors use: current, and of one mind with the loader."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args

import pytest
from jsonschema import Draft202012Validator
from msgspec.structs import asdict

from miniflow.errors import MiniflowError
from miniflow.files import loads, schema
from miniflow.files.schema import (
    SCHEMA_FILE,
    Form,
    OptimizerForm,
    ScheduleForm,
    StateForm,
    make_optimizer,
    optimizer_fields,
)
from miniflow.files.state import KEPT
from miniflow.ops import OPS
from miniflow.training.optimizers import OPTIMIZERS
from miniflow.training.schedules import SCHEDULES
from tests.support.paths import ROOT

GRAPHS = sorted((ROOT / "graphs").glob("*.json"))


@pytest.fixture(scope="module")
def validator() -> Draft202012Validator:
    Draft202012Validator.check_schema(schema())
    return Draft202012Validator(schema())


def test_the_file_that_ships_is_current() -> None:
    shipped = json.loads(SCHEMA_FILE.read_text(encoding="utf-8"))
    assert shipped == schema(), "run python -m miniflow.files"


@pytest.mark.parametrize("path", GRAPHS, ids=lambda path: path.stem)
def test_every_shipped_graph_is_valid(path: Path, validator: Draft202012Validator) -> None:
    validator.validate(json.loads(path.read_text(encoding="utf-8")))


@pytest.mark.parametrize("form", get_args(OptimizerForm))
def test_optimizers_have_the_fields_and_defaults_of_their_forms(form: type[Form]) -> None:
    name = str(form.__struct_config__.tag)
    made = make_optimizer(form())  # type: ignore[arg-type]
    assert made == OPTIMIZERS[name]()
    assert {*asdict(made)} == {*form.__struct_fields__}
    properties = schema()["$defs"][f"{name}Form"]["properties"]
    assert asdict(made) == {key: properties[key]["default"] for key in form.__struct_fields__}
    made_again = make_optimizer(form(**_without_name(optimizer_fields(made))))  # type: ignore[arg-type]
    assert made_again == made


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_bounds_are_the_same_in_python_and_in_a_file(
    name: str, validator: Draft202012Validator
) -> None:
    for field, allowed in OPTIMIZERS[name].ranges.items():
        for value in (-1, -1e-9, 0, 0.5, 1 - 1e-9, 1, 1e9):
            content = whole(X, training={"optimizer": {"name": name, field: value}})
            assert validator.is_valid(content) == (value in allowed), (field, value)
            if value in allowed:
                training = loads(json.dumps(content).encode(), ".", "t.json").training
                assert training.optimizer == OPTIMIZERS[name](**{field: value})
                continue
            with pytest.raises(MiniflowError, match=field):
                loads(json.dumps(content).encode(), ".", "t.json")
            with pytest.raises(MiniflowError, match=field):
                OPTIMIZERS[name](**{field: value})


def test_every_optimizer_can_keep_its_state_in_a_file() -> None:
    kept = {name for kind in OPTIMIZERS.values() for name in kind.keeps}
    assert set(KEPT) == {*kept, "accumulated"}
    assert ["sgd_steps", *KEPT] == list(StateForm.__struct_fields__)


def _without_name(fields: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in fields.items() if key != "name"}


def test_every_optimizer_and_schedule_has_a_form() -> None:
    schedules = {form.__struct_config__.tag for form in get_args(ScheduleForm)}
    assert schedules == set(SCHEDULES)
    tags = {form.__struct_config__.tag for form in get_args(OptimizerForm)}
    assert tags == set(OPTIMIZERS)


def test_every_op_and_its_attributes_are_in_the_schema() -> None:
    text = json.dumps(schema())
    for name, op in OPS.items():
        assert f'"const": "{name}"' in text
        for attribute in op.attributes.values():
            assert json.dumps(attribute.takes) in text


X = {"name": "x", "op": "Input", "value": 1}
F = {"name": "f", "op": "Neg", "inputs": ["x"]}


def whole(*nodes: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"miniflow": 1, "nodes": list(nodes), **fields}


GOOD = [
    whole(X),
    whole(X, F),
    whole({**X, "value": [[1, "NaN"], [-0.5, "-Infinity"]], "shape": [None, 2]}),
    whole({**X, "value": {"init": "xavier", "shape": [2, 3], "scale": 2, "seed": 1}}),
    whole(X, {**F, "op": "Pow", "attrs": {"exponent": 3}}),
    whole(X, {**F, "attrs": {}, "trainable": False}),
    whole({**X, "trainable": True}, training={"optimizer": {"name": "Adam", "beta1": 0.5}}),
    whole(X, F, cost="f", description="d", dtype="float32", **{"$schema": "s"}),
    whole({"name": "x", "op": "Input"}, data={"feeds": {"x": [1, 2]}, "standardize": ["x"]}),
]

BAD = [
    whole(),
    {"nodes": [X]},
    whole(X) | {"miniflow": 2},
    whole(X, extra=1),
    whole({**X, "vlaue": 1}),
    whole({**X, "op": "Imput"}),
    whole({**X, "inputs": ["x"]}),
    whole({**X, "name": ""}),
    whole({**X, "name": "n" * 201}),
    whole({**X, "value": True}),
    whole({**X, "value": "nan"}),
    whole({**X, "value": []}),
    whole({**X, "value": {"init": "normal"}}),
    whole({**X, "value": {"init": "normal", "shape": [0]}}),
    whole({**X, "value": {"file": "w.csv", "name": "w"}}),
    whole({**X, "shape": [-1]}),
    whole(X, {**F, "value": 1}),
    whole(X, {**F, "shape": [1]}),
    whole(X, {**F, "trainable": True}),
    whole(X, {**F, "inputs": ["x", "x"]}),
    whole(X, {"name": "f", "op": "Neg"}),
    whole(X, {**F, "attrs": {"axis": 1}}),
    whole(X, {**F, "op": "Pow", "attrs": {"exp": 1}}),
    whole(X, dtype="float16"),
    whole(X, training={"optimizer": {"name": "sgd"}}),
    whole(X, training={"optimizer": {"name": "SGD", "momentum": 1}}),
    whole(X, training={"batch_size": 0}),
    whole(X, training={"sampling": "some"}),
    whole({"name": "x", "op": "Input"}, data={"feeds": {"x": 3}}),
    whole({"name": "x", "op": "Input"}, data={"feeds": {}}),
    whole({"name": "x", "op": "Input"}, data={"file": "a.csv", "feeds": {"x": 3}}),
]


@pytest.mark.parametrize("content", GOOD)
def test_what_the_schema_allows_loads(
    content: dict[str, Any], validator: Draft202012Validator
) -> None:
    validator.validate(content)
    loads(json.dumps(content).encode(), ".", "t.json")


@pytest.mark.parametrize("content", BAD)
def test_what_the_schema_forbids_does_not(
    content: dict[str, Any], validator: Draft202012Validator
) -> None:
    assert not validator.is_valid(content)
    with pytest.raises(MiniflowError):
        loads(json.dumps(content).encode(), ".", "t.json")
