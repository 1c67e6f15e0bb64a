"""What the JSON of a .pt2 archive says, as far as it is read: the model, and where tensors are.

The names are those of torch/_export/serde/schema.py, schema version 8. A value of a union type is
an object with one key, which says the type; here each of those keys is a field that may be absent.
"""

from __future__ import annotations

from typing import TypeVar

import msgspec
from msgspec import Struct, field

from miniflow.errors import FileError

# In JSON, infinity and NaN are strings.
Float = float | str


class ByName(Struct):
    """A tensor, by the name of the value."""

    name: str


class Hint(Struct):
    """The example from which a symbolic size was taken."""

    as_int: int | None = None


class Expression(Struct):
    """A symbolic size, such as `Symbol('s77', positive=True, integer=True)`."""

    expr_str: str = ""
    hint: Hint | None = None


class Size(Struct):
    """A size of a tensor: an integer, or a symbolic size."""

    as_int: int | None = None
    as_expr: Expression | None = None

    @property
    def value(self) -> int:
        """The integer; of a symbolic size that of the example, or 1."""
        if self.as_int is not None:
            return self.as_int
        hint = self.as_expr.hint if self.as_expr else None
        return hint.as_int if hint and hint.as_int is not None else 1


class TensorMeta(Struct):
    """The type and shape of a tensor; strides and offset count entries, not bytes."""

    dtype: int
    sizes: list[Size]
    requires_grad: bool = False
    strides: list[Size] = field(default_factory=list)
    storage_offset: Size = field(default_factory=lambda: Size(as_int=0))


class SymbolicInt(Struct):
    """An integer that was computed: by name, or known."""

    as_name: str | None = None
    as_int: int | None = None


class SymbolicFloat(Struct):
    """A number that was computed: by name, or known."""

    as_name: str | None = None
    as_float: Float | None = None


class OptionalTensor(Struct):
    """A tensor, by name, or none."""

    as_tensor: ByName | None = None


class Argument(Struct):
    """An argument of a node, or one of its outputs: at most one field is there."""

    as_none: bool | None = None
    as_tensor: ByName | None = None
    as_tensors: list[ByName] | None = None
    as_optional_tensor: OptionalTensor | None = None
    as_optional_tensors: list[OptionalTensor] | None = None
    as_int: int | None = None
    as_ints: list[int] | None = None
    as_float: Float | None = None
    as_floats: list[Float] | None = None
    as_bool: bool | None = None
    as_bools: list[bool] | None = None
    as_string: str | None = None
    as_sym_int: SymbolicInt | None = None
    as_sym_ints: list[SymbolicInt] | None = None
    as_sym_float: SymbolicFloat | None = None
    as_scalar_type: int | None = None


class NamedArgument(Struct):
    """An argument with its name in the op's schema."""

    arg: Argument
    name: str = ""


class NodeForm(Struct):
    """A call: its op, as in `torch.ops.aten.relu.default`, and where it was made."""

    target: str
    inputs: list[NamedArgument]
    outputs: list[Argument]
    metadata: dict[str, str] = field(default_factory=dict)


class GraphForm(Struct):
    """The calls in order, and the type and shape of every tensor."""

    nodes: list[NodeForm]
    tensor_values: dict[str, TensorMeta]


class Placeholder(Struct):
    """An input of the graph that stands for a stored tensor, by its name in the module."""

    arg: ByName
    parameter_name: str = ""
    buffer_name: str = ""
    tensor_constant_name: str = ""


class UserInput(Struct):
    """An input of the graph that the user gives."""

    arg: Argument


class InputSpec(Struct):
    """What an input of the graph is: exactly one field is there."""

    user_input: UserInput | None = None
    parameter: Placeholder | None = None
    buffer: Placeholder | None = None
    tensor_constant: Placeholder | None = None


class Output(Struct):
    """An output of the graph."""

    arg: Argument


class OutputSpec(Struct):
    """What an output is; those that are not read change buffers and inputs."""

    user_output: Output | None = None
    loss_output: Output | None = None


class Signature(Struct):
    """The inputs and outputs in order."""

    input_specs: list[InputSpec]
    output_specs: list[OutputSpec]


class GraphModule(Struct):
    """A graph and what its inputs and outputs are."""

    graph: GraphForm
    signature: Signature


class Version(Struct):
    """The version of the file's schema."""

    major: int
    minor: int = 0


class ModelForm(Struct):
    """The file `models/NAME.json`."""

    graph_module: GraphModule
    schema_version: Version


class Payload(Struct):
    """Where a tensor's bytes are."""

    path_name: str
    use_pickle: bool
    tensor_meta: TensorMeta | None = None


class Payloads(Struct):
    """The file `data/weights/NAME_weights_config.json`: tensors by their name in the module."""

    config: dict[str, Payload]


FormType = TypeVar("FormType", bound=Struct)


def decode(content: bytes, form: type[FormType], where: str) -> FormType:
    """Return JSON as a form; raise `FileError` that names the place of what does not fit."""
    try:
        return msgspec.json.decode(content, type=form)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise FileError(f"not a model's JSON: {error}", where=where) from None
