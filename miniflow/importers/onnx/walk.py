"""Visits the nodes of a model in their order, and makes the nodes of a graph from them.

What depends on constants and shapes only is computed at once, and a node with a rule becomes nodes
of ours. One without a rule is replaced by the nodes that define it in ONNX, if there are any, or
else computed by the reference implementation.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from miniflow.errors import GraphError, MiniflowError
from miniflow.importers.model import ImportedModel
from miniflow.importers.onnx import functions
from miniflow.importers.onnx.builder import Builder, Environment
from miniflow.importers.onnx.call import Call, Result
from miniflow.importers.onnx.ends import (
    DEEPEST,
    is_float,
    make_inputs,
    needed_for,
    outputs_of,
    wanted_outputs,
)
from miniflow.importers.onnx.fallback import by_reference
from miniflow.importers.onnx.folding import (
    CONTROL,
    RANDOM,
    Opsets,
    Types,
    constant_of,
    evaluate,
    output_types,
    schema_of,
    where,
)
from miniflow.importers.onnx.model_file import MOST_NODES
from miniflow.importers.onnx.names import clean
from miniflow.importers.onnx.reference import IN_JUMPS
from miniflow.importers.onnx.rules import ANY_TYPE, RULES
from miniflow.importers.onnx.sequences import KINDS, Sequences
from miniflow.importers.onnx.values import (
    Computed,
    Dtype,
    Known,
    UnknownError,
    UntranslatableError,
    Value,
)
from miniflow.node import Node
from miniflow.ops.base import shape_text

DOMAINS = ("", "ai.onnx", "ai.onnx.ml", "ai.onnx.preview.training")
# What a rule raises for a node whose attributes or inputs no valid file has.
MALFORMED = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
Inputs = Sequence[Value | None]


@dataclass(frozen=True)
class Place:
    """Where nodes are: the opsets there, their scope with a dot, how deep they are nested."""

    opsets: Opsets
    scope: str = ""
    depth: int = 0

    def within(self, scope: str, opsets: Opsets) -> Place:
        """Return the place of the nodes that a node of this place stands for."""
        return Place(opsets, scope, self.depth + 1)


class Walk:
    """One model on its way to a graph; `feeds` are values of inputs, by name."""

    def __init__(self, model: Any, path: Path, feeds: Mapping[str, Any]) -> None:
        self.builder = Builder(model.graph, path)
        self.feeds = feeds
        self.opsets = {entry.domain: entry.version for entry in model.opset_import}
        self.functions = {(f.domain, f.name): f for f in model.functions}
        self._sequences = Sequences()
        self._visited = 0

    def run(self) -> ImportedModel:
        """Return the nodes; raise `MiniflowError` if they cannot be made."""
        builder, graph = self.builder, self.builder.graph
        values: Environment = {"": None, **builder.initializers()}
        wanted = wanted_outputs(graph, builder.notes)
        needed = builder.needed = needed_for(graph.node, wanted)
        inputs = make_inputs(builder, values, needed, self.feeds)
        nodes = [node for node in graph.node if not needed.isdisjoint(node.output)]
        self.visit(nodes, values, Place(self.opsets))
        outputs = outputs_of(builder, wanted, values)
        builder.freeze()
        builder.tell_fixed()
        return ImportedModel(clean(builder.path.stem), inputs, outputs, notes=builder.notes)

    def visit(self, nodes: Iterable[Any], values: Environment, place: Place) -> None:
        """Give each output of the nodes its value."""
        for node in nodes:
            self._visited += 1
            if self._visited > MOST_NODES or place.depth > DEEPEST:
                raise GraphError(
                    "its functions and conditions are nested too deep", where=where(node)
                )
            try:
                found = self._values(node, values, place)
            except UnknownError as error:
                raise GraphError(
                    f"{node.op_type} needs the numbers of {error} before any pass",
                    where=where(node),
                    hint=f"feed them: --feed {error}=...",
                ) from None
            values.update((n, v) for n, v in zip(node.output, found, strict=False) if n)

    def _values(self, node: Any, values: Environment, place: Place) -> Inputs:
        if node.op_type == "Constant":
            weights = self.builder.weights
            array = constant_of(node, lambda tensor: weights.read(tensor, where(node)))
            return [Known(array, node.output[0])]
        try:
            inputs = [values[name] for name in node.input]
        except KeyError as error:
            raise GraphError(f"{error} does not exist", where=where(node)) from None
        function = self.functions.get((node.domain, node.op_type))
        if function is not None:
            wanted = {entry.domain: entry.version for entry in function.opset_import}
            return self._inline(node, (function, {**place.opsets, **wanted}), inputs, place)
        if node.op_type == "If":
            return self._branch(node, inputs, values, place)
        if node.op_type in KINDS:
            return self._sequences.values_of(
                node, inputs, place.scope, lambda split, given: self._translate(split, given, place)
            )
        _check_supported(node, place.opsets)
        if node.op_type in ("Shape", "Size") or not any(map(_varies, inputs)):
            return _fold(node, inputs, place.opsets)
        return self._translate(node, inputs, place)

    def _branch(self, node: Any, inputs: Inputs, values: Environment, place: Place) -> Inputs:
        """Return the values of the branch of an If that is taken now."""
        condition = inputs[0] if inputs else None
        if condition is None:
            raise GraphError("If has no condition", where=where(node))
        taken = condition.array if isinstance(condition, Known) else condition.sample()
        if isinstance(condition, Computed):
            self.builder.fix(condition.inputs, where(node))
        name = "then_branch" if np.asarray(taken).any() else "else_branch"
        graphs = [a.g for a in node.attribute if a.name == name and a.HasField("g")]
        if not graphs:
            raise GraphError(f"If has no {name}", where=where(node))
        inner = dict(values)
        for tensor in graphs[0].initializer:
            array = self.builder.weights.read(tensor, where(node))
            inner[tensor.name] = Known(array, tensor.name, is_initializer=True)
        self.visit(graphs[0].node, inner, replace(place, depth=place.depth + 1))
        return [inner.get(output.name) for output in graphs[0].output]

    def _inline(self, node: Any, body: tuple[Any, Opsets], inputs: Inputs, place: Place) -> Inputs:
        """Return the values of the nodes that a node stands for."""
        function, opsets = body
        nodes = functions.nodes_of(function, node, functions.defaults_of(node, place.opsets))
        inner: Environment = {"": None, **dict.fromkeys(function.input)}
        inner.update(zip(function.input, inputs, strict=False))
        own = place.scope + self.builder.names.of_node(node)
        self.visit(nodes, inner, place.within(f"{own}.", opsets))
        return [inner.get(name) for name in function.output]

    def _translate(self, node: Any, inputs: Inputs, place: Place) -> Inputs:
        opsets = place.opsets
        present = {n: v for n, v in zip(node.input, inputs, strict=True) if v is not None}
        types = {name: (value.dtype, value.shape) for name, value in present.items()}
        known = {name: v.array for name, v in present.items() if isinstance(v, Known)}
        inferred = output_types(node, opsets, types, known)
        if inferred and all(shape and 0 in shape for _, shape in inferred.values()):
            return [_empty(output, *inferred[output]) for output in node.output]
        call = Call(
            self.builder, node, opsets, inputs, place.scope + self.builder.names.of_node(node)
        )
        floats = any(value.dtype.kind == "f" for value in present.values())
        why, unknown = "", None
        rule = RULES.get(node.op_type) if node.domain in DOMAINS else None
        if rule is not None and (floats or node.op_type in ANY_TYPE):
            try:
                results = rule(call)
                listed = list(results) if isinstance(results, Sequence) else [results]
                return self._checked(call, listed, inferred, opsets)
            except UntranslatableError as error:
                why = str(error)
            except UnknownError as error:
                unknown, why = error, f"it needs the numbers of {error} before any pass"
            except MiniflowError as error:
                why = error.problem
            except MALFORMED:
                why = "its attributes or inputs are not those of such an op"
            call.discard()
        # What sends no gradient is one node; what does, the nodes that define it.
        constant = node.op_type in IN_JUMPS or not floats
        body = None if constant else functions.body_of(node, opsets, types)
        if body is not None:
            return self._inline(node, body, inputs, place)
        try:
            return by_reference(self.builder, call, opsets, inferred, why)
        except MiniflowError:
            if unknown is not None:
                raise unknown from None
            raise

    def _checked(
        self, call: Call, results: Sequence[Result], inferred: Types, opsets: Opsets
    ) -> Inputs:
        """Return what a rule returned as values; raise `UntranslatableError` for a wrong shape."""
        outputs = list(call.proto.output)
        found: list[Value | None] = []
        for number, (name, result) in enumerate(zip(outputs, results, strict=False)):
            if not isinstance(result, Node):
                found.append(result)
                continue
            shape = self.builder.shape_of(result)
            default = next(value.dtype for value in call.inputs if value is not None)
            dtype, wanted = inferred.get(name, (default, None))
            fits = wanted is None or (
                len(wanted) == len(shape)
                and all(n in (None, m) for n, m in zip(wanted, shape, strict=True))
            )
            if not fits:
                raise UntranslatableError(f"its value would have shape {shape_text(shape)}")
            made = self.builder.computed(result, dtype, call.proto, call.inputs, opsets, number)
            found.append(made)
        if any(outputs[len(results) :]):
            raise UntranslatableError("not all of its outputs have a rule")
        return found


def _check_supported(node: Any, opsets: Opsets) -> None:
    kind = node.op_type
    if kind in CONTROL:
        problem = f"{kind} repeats nodes as often as a pass decides, which is not supported"
    elif kind in RANDOM:
        problem = f"{kind} draws other random numbers in each pass, which is not supported"
    elif schema_of(node, opsets) is None and not (kind in RULES and node.domain in DOMAINS):
        domain = f" of the domain {node.domain!r}" if node.domain else ""
        problem = f"the op {kind}{domain} is unknown"
    else:
        return
    raise GraphError(problem, where=where(node))


def _varies(value: Value | None) -> bool:
    """Whether a value is different in other passes: it is fed, or a parameter."""
    return isinstance(value, Computed) or (isinstance(value, Known) and value.is_weight)


def _fold(node: Any, inputs: Inputs, opsets: Opsets) -> Inputs:
    """Compute a node at once; of a Shape only the shape of the input is needed."""
    first = inputs[0] if inputs else None
    same = node.op_type == "Identity" or (node.op_type == "Cast" and _stays_float(node, first))
    if isinstance(first, Known) and same:
        return [first]
    given = {}
    for name, value in zip(node.input, inputs, strict=True):
        if isinstance(value, Computed):
            given[name] = np.broadcast_to(np.zeros((), value.dtype), value.shape)
        elif value is not None:
            given[name] = value.array
    found = evaluate(node, opsets, given)
    arrays = zip(node.output, found, strict=False)
    return [Known(np.asarray(array), name) for name, array in arrays]


def _stays_float(node: Any, value: Value | None) -> bool:
    """Whether a Cast turns floats into floats."""
    target = next((a.i for a in node.attribute if a.name == "to"), 0)
    return value is not None and value.dtype.kind == "f" and is_float(target)


def _empty(name: str, dtype: Dtype, shape: tuple[int | None, ...] | None) -> Known:
    """Return a value without numbers."""
    return Known(np.zeros([n or 0 for n in shape or ()], dtype), name)
