"""From the calls of a .pt2 file to nodes, one call after the other, by the table of rules."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from miniflow import limits
from miniflow.errors import FileError, GraphError, MiniflowError, ShapeError
from miniflow.importers.model import ImportedModel, ModelInput
from miniflow.importers.pt2.builder import Builder, Constant, Unsupported, Value
from miniflow.importers.pt2.forms import (
    Argument,
    ByName,
    Float,
    ModelForm,
    NodeForm,
    OptionalTensor,
    SymbolicFloat,
    SymbolicInt,
    TensorMeta,
)
from miniflow.importers.pt2.names import Names, is_name, op_name, scope_of
from miniflow.importers.pt2.not_computed import NotComputed
from miniflow.importers.pt2.rules import RULES
from miniflow.importers.pt2.rules.table import Rule
from miniflow.importers.pt2.sizes import Sizes, compute, is_arithmetic
from miniflow.importers.pt2.tensors import Place, Tensors, dtype_of
from miniflow.node import Input, Node
from miniflow.ops.base import shape_text

_BOOL = 12
_INTEGERS = {1, 2, 3, 4, 5, 28, 34, 35}
# Checks of what the exporter assumed.
_CHECKS = ("_assert", "sym_constrain_range", "_functional_assert", "_functional_sym_constrain")
# Calls whose result shares its numbers with an argument.
_VIEWS = frozenset(
    """
    alias broadcast_tensors broadcast_to chunk contiguous detach dropout expand expand_as flatten
    feature_dropout mT movedim narrow numpy_T permute positive reshape reshape_as select
    slice split split_with_sizes squeeze swapaxes t to transpose type_as unbind unflatten
    unsqueeze view view_as
    """.split()  # noqa: SIM905 - a list of them has a line each
)
# What the arguments of a damaged file can lead to in a rule.
_WRONG_ARGUMENTS = (
    TypeError,
    ValueError,
    IndexError,
    KeyError,
    AttributeError,
    AssertionError,
    OverflowError,
    ZeroDivisionError,
)


@dataclass
class _Family:
    """Values that share their numbers: a tensor and its views; `last` is the last use of each."""

    cells: list[_Cell] = field(default_factory=list)


@dataclass(eq=False)
class _Cell:
    """A tensor, which calls in place change; `names` are those of its values so far."""

    value: Any
    family: _Family
    names: list[str]


def translate(form: ModelForm, tensors: Tensors, sizes: Sizes, file: str) -> ImportedModel:
    """Return the model of a file's form; its fingerprint and name are left to the caller.

    Raises `FileError` for a form that contradicts itself, and for sizes beyond the limits.
    """
    translator = _Translator(form, tensors, sizes, file)
    translator.make_inputs()
    for number, node in enumerate(form.graph_module.graph.nodes):
        translator.call(number, node)
    return translator.model()


class _Translator:
    def __init__(self, form: ModelForm, tensors: Tensors, sizes: Sizes, file: str) -> None:
        self.graph = form.graph_module.graph
        self.signature = form.graph_module.signature
        self.tensors = tensors
        self.sizes = sizes
        self.file = file
        self.builder = Builder(Names())
        self.cells: dict[str, _Cell] = {}
        self.numbers: dict[str, int] = {}
        self.inputs: list[ModelInput] = []
        # What is read from the archive when it is used, by the name of its value.
        self.stored: dict[str, tuple[str, bool]] = {}
        self.places: dict[Place, _Cell] = {}
        self.notes: list[str] = []
        self.last_use = self._last_uses()

    # Inputs and outputs ------------------------------------------------------------------

    def make_inputs(self) -> None:
        """Make the inputs that the user feeds, and note what the archive stores."""
        fed = []
        for spec in self.signature.input_specs:
            if spec.user_input and (by := spec.user_input.arg.as_tensor):
                fed.append(by.name)
            for placeholder in (spec.parameter, spec.buffer, spec.tensor_constant):
                if placeholder:
                    name = (
                        placeholder.parameter_name
                        or placeholder.buffer_name
                        or placeholder.tensor_constant_name
                    )
                    self.stored[placeholder.arg.name] = name, placeholder is spec.parameter
        for name in fed:
            self.sizes.learn(name, self._meta(name))
        for name in fed:
            meta = self._meta(name)
            where = f"{self.file}: {name}"
            shape = self.sizes.shape(meta, where)
            node = Input(self._name(name), shape=shape)
            self.builder.input(node, shape)
            self._note_kind(node, meta)
            self.inputs.append(ModelInput(node, shape, dtype_of(meta, where)))
            self._enter(name, node)

    def model(self) -> ImportedModel:
        """Return what was made."""
        outputs = []
        for name in self._outputs():
            value = self.builder.node(self._cell(name).value)
            self.builder.name_all(name, [value])
            outputs.append(value)
        for given in self.inputs:
            given.bound = self.builder.bounds.get(given.node)
        return ImportedModel("", self.inputs, outputs, notes=self.notes)

    def _outputs(self) -> list[str]:
        specs = (spec.user_output or spec.loss_output for spec in self.signature.output_specs)
        return [spec.arg.as_tensor.name for spec in specs if spec and spec.arg.as_tensor]

    # Values ------------------------------------------------------------------------------

    def _last_uses(self) -> dict[str, int]:
        """Return the number of the last call that uses each value, or that of an output."""
        found: dict[str, int] = {}
        for number, node in enumerate(self.graph.nodes):
            for argument in node.inputs:
                found.update(dict.fromkeys(_names_in(argument.arg), number))
        end = len(self.graph.nodes)
        return found | dict.fromkeys(self._outputs(), end)

    def _meta(self, name: str) -> TensorMeta:
        if name not in self.graph.tensor_values:
            raise FileError(f"no tensor_values for {name!r}", where=self.file)
        return self.graph.tensor_values[name]

    def _name(self, name: str) -> str:
        if not is_name(name):
            raise FileError(
                f"{name!r} is not a name of 1 to {limits.NAME_LENGTH} printable characters",
                where=self.file,
            )
        return self.builder.names.take(name)

    def _note_kind(self, value: Any, meta: TensorMeta) -> None:
        if isinstance(value, Node):
            if meta.dtype in _INTEGERS or meta.dtype == _BOOL:
                self.builder.whole.add(value)
            if meta.dtype == _BOOL:
                self.builder.truths.add(value)

    def _enter(self, name: str, value: Any, family: _Family | None = None) -> _Cell:
        if name in self.cells:
            raise FileError(f"two values are called {name!r}", where=self.file)
        cell = _Cell(value, family or _Family(), [name])
        cell.family.cells.append(cell)
        self.cells[name] = cell
        return cell

    def _cell(self, name: str) -> _Cell:
        """Return a tensor; a stored one is read now."""
        if name in self.cells:
            return self.cells[name]
        if name not in self.stored:
            raise FileError(f"{name!r} is used before it is computed", where=self.file)
        stored, is_parameter = self.stored[name]
        place = self.tensors.place(stored)
        if place in self.places:
            cell = self.places[place]
            cell.names.append(name)
            self.cells[name] = cell
            return cell
        first = self.tensors.first_name(stored)
        if first != stored:
            self.notes.append(f"{stored} is {first}: both names are of one parameter.")
            stored = first
        array = self.tensors.read(stored)
        value: Value
        if is_parameter and array.dtype.kind == "f":
            trainable = self._meta(name).requires_grad
            node = Input(self._name(stored), value=array, trainable=trainable)
            value = self.builder.input(node, array.shape)
        else:
            value = Constant(array, stored if is_name(stored) else "")
        cell = self._enter(name, value)
        self.places[place] = cell
        return cell

    # Calls -------------------------------------------------------------------------------

    def call(self, number: int, form: NodeForm) -> None:
        """Make the nodes of a call, unless nothing uses what it computes."""
        op = form.target.removeprefix("torch.ops.").removeprefix("aten.")
        name = op.split(".")[0]
        where = f"{self.file}: node {number} ({form.target:.80})"
        try:
            if is_arithmetic(form.target) or name == "sym_size":
                self._compute_size(form, where)
                return
            outputs = [by.name for output in form.outputs for by in _tensors_of(output)]
            in_place = name.endswith("_") and not name.endswith("__")
            used = [output in self.last_use for output in outputs]
            if name.startswith(_CHECKS) or not (any(used) or in_place):
                return
            self.builder.used = used
            arguments = {a.name: self._argument(a.arg) for a in form.inputs}
            results = self._results(form, name, arguments, outputs)
            base = scope_of(form.metadata.get("nn_module_stack", "")) + op_name(form.target)
            self.builder.name_all(base, results)
            self._enter_results(number, form, name, in_place, outputs, results)
        except (FileError, GraphError, ShapeError) as error:
            raise error.within(where) if not error.where.startswith(self.file) else error from None

    def _compute_size(self, form: NodeForm, where: str) -> None:
        arguments = [self._argument(a.arg) for a in form.inputs]
        if "sym_size" in form.target:
            shape = self.builder.shape(arguments[0]) if arguments else ()
            axis = arguments[1] if len(arguments) > 1 else None
            if not isinstance(axis, int) or not -len(shape) <= axis < len(shape):
                raise FileError("a size of an axis that does not exist", where=where)
            size = shape[axis]
        else:
            size = compute(form.target, arguments, where)
        for output in form.outputs:
            if output.as_sym_int and output.as_sym_int.as_name:
                self.numbers[output.as_sym_int.as_name] = size

    def _results(
        self, form: NodeForm, name: str, arguments: dict[str, Any], outputs: list[str]
    ) -> list[Any]:
        """Return the values of a call, None for outputs that are not used."""
        aten = form.target.removeprefix("torch.ops.")
        known = RULES.get(name) or RULES.get(name.rstrip("_"))
        reason = "is unknown"
        if known is not None and aten.startswith("aten."):
            try:
                return self._apply(known, arguments, outputs)
            except Unsupported as unsupported:
                reason = f"with {unsupported} is unknown"
            except FileError:
                raise
            except MiniflowError as error:
                reason = f"does not fit: {error.problem}"
            except _WRONG_ARGUMENTS as error:
                raise FileError(
                    f"the arguments of {aten} do not fit: {type(error).__name__}"
                ) from None
        self.builder.made = []
        nodes = [self.builder.node(x) for x in _values_in(arguments.values())]
        if not nodes:
            raise FileError(f"ATen op {aten} {reason}, and takes no tensors")
        where = f"{self.file}: {aten}"
        shapes = {
            output: self.sizes.shape(self._meta(output), where)
            for output in outputs
            if output in self.last_use
        }
        return [
            self.builder.enter(NotComputed(nodes, shapes[output], aten, reason), shapes[output])
            if output in self.last_use
            else None
            for output in outputs
        ]

    def _apply(self, known: Rule, arguments: dict[str, Any], outputs: list[str]) -> list[Any]:
        """Return what a rule makes; of constants, constants."""
        named = {"x" if key in ("self", "input") else key: x for key, x in arguments.items()}
        try:
            known.signature.bind(self.builder, **named)
        except TypeError:
            raise Unsupported("these arguments") from None
        folds = known.folds and not any(isinstance(x, Node) for x in _values_in(named.values()))
        builder = self.builder.apart() if folds else self.builder
        made = known.make(builder, **named)
        results = (
            list(made) if isinstance(made, list | tuple) and type(made) is not Constant else [made]
        )
        results = results[: len(outputs)]
        if len(results) < len(outputs):
            raise Unsupported("so many outputs")
        if folds:
            results = builder.computed(results)
            self.builder.take(builder.total - self.builder.total)
        for i, output in enumerate(outputs):
            results[i] = self._checked(results[i], output)
        return results

    def _checked(self, value: Any, output: str) -> Any:
        """Return a result in the type that the file says; raise `Unsupported` for another shape."""
        if value is None:
            if output in self.last_use:
                raise Unsupported("this output")
            return None
        meta = self._meta(output)
        where = f"{self.file}: {output}"
        shape = self.builder.shape(value)
        if self.sizes.are_of_example and shape != self.sizes.shape(meta, where):
            raise Unsupported(f"the shape {shape_text(shape)} for its value")
        if isinstance(value, Constant):
            dtype = dtype_of(meta, where)
            dtype = np.dtype(np.float64) if dtype.kind == "f" else dtype
            with np.errstate(all="ignore"):
                return value._replace(array=value.array.astype(dtype, copy=False))
        return value

    def _enter_results(
        self,
        number: int,
        form: NodeForm,
        name: str,
        in_place: bool,
        outputs: list[str],
        results: list[Any],
    ) -> None:
        base = next((by.name for a in form.inputs for by in _tensors_of(a.arg)), None)
        of_base = self.cells.get(base) if base is not None else None
        for output, value in zip(outputs, results, strict=True):
            self._note_kind(value, self._meta(output))
            if in_place and of_base is not None:
                self._check_alone(number, of_base)
                of_base.value = value
                of_base.names.append(output)
                self.cells[output] = of_base
            else:
                self._enter(output, value, of_base.family if of_base and name in _VIEWS else None)

    def _check_alone(self, number: int, cell: _Cell) -> None:
        """Raise `FileError` if a call in place changes a tensor of which a view is used later."""
        for other in cell.family.cells:
            if other is not cell and any(
                self.last_use.get(name, -1) > number for name in other.names
            ):
                raise FileError(
                    f"it changes {cell.names[0]!r} in place, and {other.names[0]!r}, which shares "
                    "its numbers, is used later",
                    hint="export the model with run_decompositions() before saving it",
                )

    # Arguments ---------------------------------------------------------------------------

    def _argument(self, form: Argument) -> Any:
        """Return the value of an argument."""
        if form.as_tensor is not None:
            return self._value(form.as_tensor)
        if form.as_tensors is not None:
            return [self._value(by) for by in form.as_tensors]
        if form.as_optional_tensor is not None:
            return self._optional(form.as_optional_tensor)
        if form.as_optional_tensors is not None:
            return [self._optional(each) for each in form.as_optional_tensors]
        if form.as_sym_int is not None:
            return self._whole(form.as_sym_int)
        if form.as_sym_ints is not None:
            return [self._whole(each) for each in form.as_sym_ints]
        if form.as_float is not None:
            return _number(form.as_float)
        if form.as_floats is not None:
            return [_number(each) for each in form.as_floats]
        if form.as_sym_float is not None:
            return self._real(form.as_sym_float)
        plain = (
            form.as_int,
            form.as_ints,
            form.as_bool,
            form.as_bools,
            form.as_string,
            form.as_scalar_type,
        )
        return next((each for each in plain if each is not None), None)

    def _value(self, by: ByName) -> Any:
        value = self._cell(by.name).value
        if value is None:
            raise FileError(f"{by.name!r} is an output that is not computed")
        return value

    def _optional(self, form: OptionalTensor) -> Any:
        return None if form.as_tensor is None else self._value(form.as_tensor)

    def _whole(self, form: SymbolicInt) -> int:
        if form.as_int is not None:
            return form.as_int
        if form.as_name not in self.numbers:
            raise FileError(f"the size {form.as_name!r} is not known")
        return self.numbers[form.as_name]

    def _real(self, form: SymbolicFloat) -> float:
        if form.as_float is None:
            raise FileError(f"the number {form.as_name!r} is not known")
        return _number(form.as_float)


def _number(number: Float) -> float:
    if not isinstance(number, str):
        return number
    found = {"Infinity": math.inf, "-Infinity": -math.inf, "NaN": math.nan}.get(number)
    if found is None:
        raise FileError(f"{number!r:.40} is not a number")
    return found


def _tensors_of(form: Argument) -> list[ByName]:
    """Return the tensors that an argument or an output names."""
    optional = [form.as_optional_tensor] if form.as_optional_tensor else []
    optional += form.as_optional_tensors or []
    return [
        *([form.as_tensor] if form.as_tensor else []),
        *(form.as_tensors or []),
        *(each.as_tensor for each in optional if each.as_tensor),
    ]


def _names_in(form: Argument) -> list[str]:
    return [by.name for by in _tensors_of(form)]


def _values_in(arguments: Any) -> list[Value]:
    """Return the tensors among arguments, and in lists among them."""
    found: list[Value] = []
    for argument in arguments:
        each = argument if type(argument) is list else [argument]
        found += [x for x in each if isinstance(x, Node | Constant)]
    return found
