"""The graph file format, as types to decode into and as a JSON Schema for editors.

The schema is generated from the types, so they agree. `load` checks what types cannot express
(names that must exist, shapes that must fit).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType
from msgspec.structs import fields as fields_of

from miniflow import limits
from miniflow.arguments import (
    BATCH_SIZE,
    BETA,
    CLIP,
    EPSILON,
    EVERY,
    FRACTION,
    LEARNING_RATE,
    MOMENTUM,
    SEED,
    SGD_STEPS,
    WEIGHT_DECAY,
)
from miniflow.files.values import SPELLED
from miniflow.ops import OPS, Op
from miniflow.training.data import Sampling
from miniflow.training.groups import Group
from miniflow.training.optimizers import OPTIMIZERS, Optimizer
from miniflow.training.schedules import SCHEDULES, Schedule

FORMAT = 1

SCHEMA_FILE = Path(__file__).with_name("graph.schema.json")

Name = Annotated[str, Meta(min_length=1, max_length=limits.NAME_LENGTH)]
Size = Annotated[int, Meta(ge=1, le=limits.NUMBERS)]
BatchSize = Annotated[int, Meta(**BATCH_SIZE.bounds)]
Seed = Annotated[int, Meta(**SEED.bounds)]
Rate = Annotated[float, Meta(**LEARNING_RATE.bounds)]
Decay = Annotated[float, Meta(**WEIGHT_DECAY.bounds)]
Beta = Annotated[float, Meta(**BETA.bounds)]
Epsilon = Annotated[float, Meta(**EPSILON.bounds)]
Fraction = Annotated[float, Meta(**FRACTION.bounds)]
Limit = Annotated[float, Meta(**CLIP.bounds)]
Updates = Annotated[int, Meta(**SGD_STEPS.bounds)]
Count = Annotated[int, Meta(**EVERY.bounds)]
Whole = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
# Padding at the begin and the end of an axis.
Pair = Annotated[list[Whole], Meta(min_length=2, max_length=2)]
Attribute = (
    bool
    | Whole
    | float
    | str
    | None
    | Annotated[list[bool | Whole | float | str | Pair | None], Meta(max_length=limits.AXES)]
)
Dtype = Literal["float64", "float32"]


class Form(msgspec.Struct, forbid_unknown_fields=True):
    """An object of the format; an unknown field is an error."""


class NodeForm(Form, gc=False):
    """A node; `inputs`, `attrs` and `state` are for ops, all other fields for an Input.

    An input of an op is the name of a node, or a number. `state` has the arrays that an op keeps
    from pass to pass, as values.
    """

    name: Name
    op: str
    inputs: list[str | float] | UnsetType = UNSET
    attrs: dict[str, Attribute] | UnsetType = UNSET
    state: dict[str, Any] | UnsetType = UNSET
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
    weight_decay: Decay | UnsetType = UNSET


class MomentumForm(Form, tag="Momentum", tag_field="name"):
    """Gradient descent with a velocity, in Nesterov's form if `nesterov` is true."""

    learning_rate: Rate | UnsetType = UNSET
    momentum: Annotated[float, Meta(**MOMENTUM.bounds)] | UnsetType = UNSET
    nesterov: bool | UnsetType = UNSET
    weight_decay: Decay | UnsetType = UNSET


class AdamForm(Form, tag="Adam", tag_field="name"):
    """Adam."""

    learning_rate: Rate | UnsetType = UNSET
    beta1: Beta | UnsetType = UNSET
    beta2: Beta | UnsetType = UNSET
    epsilon: Epsilon | UnsetType = UNSET
    weight_decay: Decay | UnsetType = UNSET


class AdamWForm(Form, tag="AdamW", tag_field="name"):
    """Adam with decoupled weight decay."""

    learning_rate: Rate | UnsetType = UNSET
    beta1: Beta | UnsetType = UNSET
    beta2: Beta | UnsetType = UNSET
    epsilon: Epsilon | UnsetType = UNSET
    weight_decay: Decay | UnsetType = UNSET


class RMSPropForm(Form, tag="RMSProp", tag_field="name"):
    """The gradient divided by the root of its mean square."""

    learning_rate: Rate | UnsetType = UNSET
    beta: Beta | UnsetType = UNSET
    epsilon: Epsilon | UnsetType = UNSET
    weight_decay: Decay | UnsetType = UNSET


class AdagradForm(Form, tag="Adagrad", tag_field="name"):
    """The gradient divided by the root of the sum of its squares."""

    learning_rate: Rate | UnsetType = UNSET
    epsilon: Epsilon | UnsetType = UNSET
    weight_decay: Decay | UnsetType = UNSET


OptimizerForm = SGDForm | MomentumForm | AdamForm | AdamWForm | RMSPropForm | AdagradForm


class ConstantForm(Form, tag="Constant", tag_field="name"):
    """The learning rate, after a linear warm-up."""

    warmup: Updates | UnsetType = UNSET
    start: Updates | UnsetType = UNSET


class StepDecayForm(Form, tag="StepDecay", tag_field="name"):
    """The learning rate is multiplied by `decay` every `every` updates."""

    every: Count | UnsetType = UNSET
    decay: Fraction | UnsetType = UNSET
    warmup: Updates | UnsetType = UNSET
    start: Updates | UnsetType = UNSET


class CosineForm(Form, tag="Cosine", tag_field="name"):
    """Half a cosine from the learning rate down to `least` times it, in `steps` updates."""

    steps: Count | UnsetType = UNSET
    least: Fraction | UnsetType = UNSET
    warmup: Updates | UnsetType = UNSET
    start: Updates | UnsetType = UNSET


ScheduleForm = ConstantForm | StepDecayForm | CosineForm


class GroupForm(Form):
    """Parameters by the pattern of their names, with a rate, a decay, or no updates at all."""

    names: Name
    rate: Rate | UnsetType = UNSET
    weight_decay: Decay | UnsetType = UNSET
    frozen: bool | UnsetType = UNSET


class StateForm(Form):
    """The training state: the SGD steps taken, and the optimizer's arrays by parameter name."""

    sgd_steps: Updates
    velocity: dict[str, Any] | UnsetType = UNSET
    first_moment: dict[str, Any] | UnsetType = UNSET
    second_moment: dict[str, Any] | UnsetType = UNSET
    mean_square: dict[str, Any] | UnsetType = UNSET
    square_sum: dict[str, Any] | UnsetType = UNSET
    accumulated: dict[str, Any] | UnsetType = UNSET


class TrainingForm(Form):
    """The training settings."""

    optimizer: OptimizerForm | UnsetType = UNSET
    batch_size: BatchSize | UnsetType = UNSET
    sampling: Sampling | UnsetType = UNSET
    seed: Seed | UnsetType = UNSET
    schedule: ScheduleForm | UnsetType = UNSET
    clip_value: Limit | UnsetType = UNSET
    clip_norm: Limit | UnsetType = UNSET
    accumulate: Count | UnsetType = UNSET
    groups: list[GroupForm] | UnsetType = UNSET
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


def given(form: msgspec.Struct) -> dict[str, Any]:
    """Return the fields that a form has in its file."""
    return {key: x for key, x in msgspec.structs.asdict(form).items() if x is not UNSET}


def make_optimizer(form: OptimizerForm) -> Optimizer:
    """Return the optimizer of a form."""
    return OPTIMIZERS[str(form.__struct_config__.tag)](**given(form))


def make_schedule(form: ScheduleForm) -> Schedule:
    """Return the schedule of a form."""
    return SCHEDULES[str(form.__struct_config__.tag)](**given(form))


def optimizer_fields(optimizer: Optimizer) -> dict[str, Any]:
    """Return an optimizer's fields, as in a file; extras (a weight decay) only if they are used."""
    return {
        "name": type(optimizer).__name__,
        **{
            field.name: value
            for field in fields_of(optimizer)
            if (value := getattr(optimizer, field.name)) != field.default
            or (field.name in type(optimizer).__match_args__ and not isinstance(value, bool))
        },
    }


def changed_fields(settings: Schedule | Group) -> dict[str, Any]:
    """Return the fields of a schedule or group that are not the defaults, as in a file."""
    return {
        field.name: value
        for field in fields_of(settings)
        if (value := getattr(settings, field.name)) != field.default
    }


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
        for field in fields_of(optimizer):
            properties[field.name]["default"] = field.default
    for name, schedule in SCHEDULES.items():
        properties = definitions[f"{name}Form"]["properties"]
        for field in fields_of(schedule):
            properties[field.name]["default"] = field.default
    for kept, property_ in definitions["StateForm"]["properties"].items():
        if kept != "sgd_steps":
            property_["additionalProperties"] = {"anyOf": [numbers, tensor]}
    node = definitions["NodeForm"]
    node["properties"]["op"] = {"enum": ["Input", *sorted(OPS)]}
    node["properties"]["value"] = {
        "anyOf": [numbers, initialiser, tensor],
    }
    node["properties"]["state"]["additionalProperties"] = {"anyOf": [numbers, tensor]}
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
            "properties": {
                "inputs": {"maxItems": 0},
                "attrs": {"maxProperties": 0},
                "state": False,
            },
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
                "state": {"propertyNames": {"enum": list(op.lasts)}} if op.lasts else False,
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
