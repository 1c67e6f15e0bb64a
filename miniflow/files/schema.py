"""The graph file format, as types to decode into and as a JSON Schema for editors.

The schema is generated from the types, so they agree. `load` checks what types cannot express
(names that must exist, shapes that must fit).
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from miniflow import limits
from miniflow.arguments import (
    BATCH_SIZE,
    BETA,
    EPSILON,
    LEARNING_RATE,
    MOMENTUM,
    SEED,
    SGD_STEPS,
)
from miniflow.files.values import SPELLED
from miniflow.ops import OPS, Op
from miniflow.training.data import Sampling
from miniflow.training.optimizers import OPTIMIZERS, Optimizer

FORMAT = 1

SCHEMA_FILE = Path(__file__).with_name("graph.schema.json")

Name = Annotated[str, Meta(min_length=1, max_length=limits.NAME_LENGTH)]
Size = Annotated[int, Meta(ge=1, le=limits.NUMBERS)]
BatchSize = Annotated[int, Meta(**BATCH_SIZE.bounds)]
Seed = Annotated[int, Meta(**SEED.bounds)]
Rate = Annotated[float, Meta(**LEARNING_RATE.bounds)]
Whole = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
Attribute = (
    bool
    | Whole
    | float
    | str
    | None
    | Annotated[list[bool | Whole | float | str | None], Meta(max_length=limits.AXES)]
)
Dtype = Literal["float64", "float32"]


class Form(msgspec.Struct, forbid_unknown_fields=True):
    """An object of the format; an unknown field is an error."""


class NodeForm(Form, gc=False):
    """A node; `inputs` and `attrs` are for ops, all other fields for an Input.

    An input of an op is the name of a node, or a number.
    """

    name: Name
    op: str
    inputs: list[str | float] | UnsetType = UNSET
    attrs: dict[str, Attribute] | UnsetType = UNSET
    value: float | str | list[Any] | dict[str, Any] | UnsetType = UNSET
    shape: Annotated[list[Size | None], Meta(max_length=limits.AXES)] | UnsetType = UNSET
    trainable: bool | UnsetType = UNSET
    image: Annotated[list[Size], Meta(min_length=2, max_length=2)] | UnsetType = UNSET


class InitForm(Form):
    """Numbers generated when the graph is loaded."""

    init: Literal["zeros", "ones", "normal", "uniform", "xavier"]
    shape: Annotated[list[Size], Meta(max_length=limits.AXES)]
    scale: float = 1.0
    seed: Seed | UnsetType = UNSET


class TensorForm(Form):
    """A tensor of a .safetensors or .npz file, or the matrix of a .csv file, beside the graph."""

    file: str
    tensor: str | UnsetType = UNSET


class SGDForm(Form, tag="SGD", tag_field="name"):
    """Stochastic gradient descent."""

    learning_rate: Rate | UnsetType = UNSET


class MomentumForm(Form, tag="Momentum", tag_field="name"):
    """Gradient descent with a velocity."""

    learning_rate: Rate | UnsetType = UNSET
    momentum: Annotated[float, Meta(**MOMENTUM.bounds)] | UnsetType = UNSET


class AdamForm(Form, tag="Adam", tag_field="name"):
    """Adam."""

    learning_rate: Rate | UnsetType = UNSET
    beta1: Annotated[float, Meta(**BETA.bounds)] | UnsetType = UNSET
    beta2: Annotated[float, Meta(**BETA.bounds)] | UnsetType = UNSET
    epsilon: Annotated[float, Meta(**EPSILON.bounds)] | UnsetType = UNSET


class StateForm(Form):
    """The training state: the SGD steps taken, and the optimizer's arrays by parameter name."""

    sgd_steps: Annotated[int, Meta(**SGD_STEPS.bounds)]
    velocity: dict[str, Any] | UnsetType = UNSET
    first_moment: dict[str, Any] | UnsetType = UNSET
    second_moment: dict[str, Any] | UnsetType = UNSET


class TrainingForm(Form):
    """The training settings."""

    optimizer: SGDForm | MomentumForm | AdamForm | UnsetType = UNSET
    batch_size: BatchSize | UnsetType = UNSET
    sampling: Sampling | UnsetType = UNSET
    seed: Seed | UnsetType = UNSET
    state: StateForm | UnsetType = UNSET


class DataForm(Form):
    """Tables that feed inputs: columns or tensors of `file`, or inline numbers."""

    feeds: dict[str, Any]
    file: str | UnsetType = UNSET
    standardize: list[str] | UnsetType = UNSET


class GraphForm(Form):
    """A graph file."""

    miniflow: int
    nodes: Annotated[list[NodeForm], Meta(min_length=1)]
    name: Name | UnsetType = UNSET
    description: Annotated[str, Meta(max_length=limits.DESCRIPTION_LENGTH)] | UnsetType = UNSET
    dtype: Dtype | UnsetType = UNSET
    cost: str | UnsetType = UNSET
    training: TrainingForm | UnsetType = UNSET
    data: DataForm | UnsetType = UNSET
    schema: str | UnsetType = msgspec.field(default=UNSET, name="$schema")


def fields(form: type[msgspec.Struct]) -> list[str]:
    """Return the names of a form's fields, as in a file."""
    tag = form.__struct_config__.tag_field
    return [*([tag] if tag else []), *form.__struct_encode_fields__]


def make_optimizer(form: SGDForm | MomentumForm | AdamForm) -> Optimizer:
    """Return the optimizer of a form."""
    given = {key: x for key, x in msgspec.structs.asdict(form).items() if x is not UNSET}
    return OPTIMIZERS[str(form.__struct_config__.tag)](**given)


def optimizer_fields(optimizer: Optimizer) -> dict[str, Any]:
    """Return an optimizer's fields, as in a file."""
    return {"name": type(optimizer).__name__, **dataclasses.asdict(optimizer)}


def schema() -> dict[str, Any]:
    """Return the JSON Schema of graph files."""
    forms = [GraphForm, InitForm, TensorForm]
    (whole, initialiser, tensor), definitions = msgspec.json.schema_components(
        forms, ref_template="#/$defs/{name}"
    )
    numbers = {"$ref": "#/$defs/Numbers"}
    definitions["Numbers"] = {
        "anyOf": [
            {"type": "number"},
            {"enum": list(SPELLED)},
            {"type": "array", "minItems": 1, "items": numbers},
        ]
    }
    for name, optimizer in OPTIMIZERS.items():
        properties = definitions[f"{name}Form"]["properties"]
        for field in dataclasses.fields(optimizer):
            properties[field.name]["default"] = field.default
        for kept in optimizer.keeps:
            each = {"anyOf": [numbers, tensor]}
            definitions["StateForm"]["properties"][kept]["additionalProperties"] = each
    node = definitions["NodeForm"]
    node["properties"]["op"] = {"enum": ["Input", *sorted(OPS)]}
    node["properties"]["value"] = {
        "anyOf": [numbers, initialiser, tensor],
    }
    node["allOf"] = [_only_for_inputs(), *map(_op_schema, sorted(OPS.items()))]
    definitions["GraphForm"]["properties"]["miniflow"] = {"const": FORMAT}
    definitions["DataForm"].update(_data_schema())
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "miniflow graph, format 1",
        **whole,
        "$defs": definitions,
    }


def _only_for_inputs() -> dict[str, Any]:
    return {
        "if": {"properties": {"op": {"const": "Input"}}},
        "then": {
            "properties": {"inputs": {"maxItems": 0}, "attrs": {"maxProperties": 0}},
        },
        "else": {
            "required": ["inputs"],
            "properties": {
                "value": False,
                "shape": False,
                "trainable": {"const": False},
                "image": False,
            },
        },
    }


def _op_schema(entry: tuple[str, type[Op]]) -> dict[str, Any]:
    name, op = entry
    least, most = op.arity
    inputs = {"minItems": least, **({} if most is None else {"maxItems": most})}
    attrs = {
        key: {"description": attribute.takes, "default": _as_json(attribute.default)}
        for key, attribute in op.attributes.items()
    }
    return {
        "if": {"properties": {"op": {"const": name}}},
        "then": {
            "properties": {
                "inputs": inputs,
                "attrs": {"properties": attrs, "additionalProperties": False},
            }
        },
    }


def _as_json(default: Any) -> Any:
    return list(default) if isinstance(default, tuple) else default


def _data_schema() -> dict[str, Any]:
    columns = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}
    table = {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/Numbers"}}

    def feeds(of: dict[str, Any]) -> dict[str, Any]:
        return {"properties": {"feeds": {"minProperties": 1, "additionalProperties": of}}}

    return {"if": {"required": ["file"]}, "then": feeds(columns), "else": feeds(table)}


def write_schema_file() -> None:
    """Write the JSON Schema to `SCHEMA_FILE`, which is part of the package."""
    text = json.dumps(schema(), indent=1, ensure_ascii=False)
    SCHEMA_FILE.write_text(text + "\n", encoding="utf-8")
