"""From the calls of a .pt2 file to nodes, one call after the other, by the table of rules."""

from __future__ import annotations

from typing import Any

import numpy as np

from miniflow import limits
from miniflow.errors import FileError, GraphError, MiniflowError, ShapeError
from miniflow.importers.model import ImportedModel, ModelInput
from miniflow.importers.pt2.arguments import Arguments, names_in, values_in
from miniflow.importers.pt2.builder import Builder, Constant, Unsupported, Value
from miniflow.importers.pt2.cells import VIEWS, Cell, Cells
from miniflow.importers.pt2.forms import ModelForm, NodeForm, TensorMeta
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
        self.last_use = self._last_uses()
        self.cells = Cells(self.last_use, file)
        self.numbers: dict[str, int] = {}
        self.inputs: list[ModelInput] = []
        # What is read from the archive when it is used, by the name of its value.
        self.stored: dict[str, tuple[str, bool]] = {}
        self.places: dict[Place, Cell] = {}
        self.notes: list[str] = []

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
            self.cells.enter(name, node)

    def model(self) -> ImportedModel:
        """Return what was made."""
        outputs = []
        for name in self._outputs():
            value = self.builder.node(self._cell(name).value)
            self.builder.name_all(name, [value])
            outputs.append(value)
        for given in self.inputs:
            given.bound = self.builder.bounds.get(given.node)
        return ImportedModel("", self.inputs, outputs, notes=self.notes + self.builder.notes)

    def _outputs(self) -> list[str]:
        specs = (spec.user_output or spec.loss_output for spec in self.signature.output_specs)
        return [spec.arg.as_tensor.name for spec in specs if spec and spec.arg.as_tensor]

    # Values ------------------------------------------------------------------------------

    def _last_uses(self) -> dict[str, int]:
        """Return the number of the last call that uses each value, or that of an output."""
        found: dict[str, int] = {}
        for number, node in enumerate(self.graph.nodes):
            for argument in node.inputs:
                found.update(dict.fromkeys(names_in(argument.arg), number))
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

    def _cell(self, name: str) -> Cell:
        """Return a tensor; a stored one is read now."""
        if (known := self.cells.get(name)) is not None:
            return known
        if name not in self.stored:
            raise FileError(f"{name!r} is used before it is computed", where=self.file)
        stored, is_parameter = self.stored[name]
        place = self.tensors.place(stored)
        if place in self.places:
            self.cells.rename(self.places[place], name)
            return self.places[place]
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
        cell = self.cells.enter(name, value)
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
            outputs = [n for output in form.outputs for n in names_in(output)]
            in_place = name.endswith("_") and not name.endswith("__")
            used = [in_place or output in self.last_use for output in outputs]
            if name.startswith(_CHECKS) or not any(used):
                return
            self.builder.used = used
            read = self._arguments().read
            arguments = {a.name: read(a.arg) for a in form.inputs}
            results = self._results(form, name, arguments, outputs)
            base = scope_of(form.metadata.get("nn_module_stack", "")) + op_name(form.target)
            self.builder.name_all(base, results)
            self._enter_results(number, form, name, in_place, outputs, results)
        except (FileError, GraphError, ShapeError) as error:
            raise error.within(where) if not error.where.startswith(self.file) else error from None

    def _arguments(self) -> Arguments:
        """Return what reads arguments; not kept, as it refers to this object."""
        return Arguments(lambda name: self._cell(name).value, self.numbers)

    def _compute_size(self, form: NodeForm, where: str) -> None:
        read = self._arguments().read
        arguments = [read(a.arg) for a in form.inputs]
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
        nodes = [self.builder.node(x) for x in values_in(arguments.values())]
        if not nodes:
            raise FileError(f"ATen op {aten} {reason}, and takes no tensors")
        where = f"{self.file}: {aten}"
        results: list[Any] = [None] * len(outputs)
        for i, output in enumerate(outputs):
            if self.builder.used[i]:
                shape = self.sizes.shape(self._meta(output), where)
                node = NotComputed(nodes, shape, aten, reason)
                results[i] = self.builder.enter(node, shape)
        return results

    def _apply(self, known: Rule, arguments: dict[str, Any], outputs: list[str]) -> list[Any]:
        """Return what a rule makes; of constants, constants."""
        named = {"x" if key in ("self", "input") else key: x for key, x in arguments.items()}
        try:
            known.signature.bind(self.builder, **named)
        except TypeError:
            raise Unsupported("these arguments") from None
        folds = known.folds and not any(isinstance(x, Node) for x in values_in(named.values()))
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
            if self.builder.used[i]:
                results[i] = self._checked(results[i], output)
        return results

    def _checked(self, value: Any, output: str) -> Any:
        """Return a result in the type that the file says; raise `Unsupported` for another shape."""
        if value is None:
            raise Unsupported("this output")
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
        cell = self.cells.get(next((n for a in form.inputs for n in names_in(a.arg)), ""))
        for output, value in zip(outputs, results, strict=True):
            self._note_kind(value, self._meta(output))
            if in_place and cell is not None:
                self.cells.change(cell, number, output, value)
            else:
                self.cells.enter(output, value, cell.family if cell and name in VIEWS else None)
