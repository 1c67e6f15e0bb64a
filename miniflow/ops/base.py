"""What an op is: a shape rule, a forward rule, a backward rule, and its texts.

A rule does not compute: it *lists the calls* that do (`np.dot(x, w, out)`, `np.add(out, b, out)`),
with their buffers bound. One list serves every use: a debugger runs it node by node, training runs
it in one loop, and both do the same operations in the same order, so their results agree bit for
bit. Bound calls are also the fastest form measured: no Python frame for each operation.

The backward rule is the vector-Jacobian product (vjp): given the gradient of the cost with
respect to the op's value, the gradient with respect to one input. (Notation and method:
A. G. Baydin et al., "Automatic differentiation in machine learning: a survey", JMLR 18, 2018.)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple, Self, TypeVar

import numpy as np

from miniflow.arguments import as_numbers
from miniflow.errors import GraphError, ShapeError, nearest
from miniflow.node import Node, gradient_received
from miniflow.node import shape_text as shape_text
from miniflow.ops.calls import Array as Array
from miniflow.ops.calls import Call as Call
from miniflow.ops.calls import Calls as Calls
from miniflow.ops.calls import Index as Index
from miniflow.ops.calls import Shape as Shape
from miniflow.ops.calls import run
from miniflow.ops.lasting import KeepsArrays
from miniflow.registry import OPS as OPS
from miniflow.text.lists import series as series

# Input indices in ascending order, each with the buffer for the contribution to that input.
Targets = Iterable[tuple[int, Array]]


class ScalarRule(NamedTuple):
    """The rule of an op on Python floats, for graphs of scalars: `vjp(grad, value, *inputs)`."""

    forward: Callable[..., float]
    vjp: Callable[..., tuple[float, ...]]


class Attribute(NamedTuple):
    """An attribute of an op, as in a graph file: its default, and the values that it takes."""

    default: Any
    takes: str
    valid: Callable[[Any], bool]


def is_number(value: Any) -> bool:
    """Whether `value` is a real number, not a bool."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_integer(value: Any) -> bool:
    """Whether `value` is an integer, not a bool."""
    return isinstance(value, int) and not isinstance(value, bool)


class Op(KeepsArrays):
    """A kind of node, entered in the registry.

    A subclass defines `arity` (minimum and maximum number of inputs; None for no limit),
    `attributes`, `role` (what its backward pass does for each input, in one sentence; `{gradient}`
    stands for the gradient of its value, `{names[0]}` for its first input, `{to[0]}` for that input
    as a receiver, `{local[0]}` for the local gradient towards it, `{m}` for the letter in its
    legend), `formula`, `local`, and the rules `output_shape`, `forward_calls` and `vjp_calls`, with
    `scalar` if the op works on single numbers. In its texts `m`, `mask` and `e^` are literal, not
    names of nodes.
    """

    arity: ClassVar[tuple[int, int | None]] = (1, 1)
    attributes: ClassVar[Mapping[str, Attribute]] = {}
    role: ClassVar[str] = ""
    # What an input is that `takes_class_numbers`.
    integers: ClassVar[str] = "a class number"
    _defaults: ClassVar[dict[str, Any]] = {}
    # The calls, value and inputs that forward() keeps for backward().
    _live: tuple[Calls, Array, list[Array]] | None = None

    def __init_subclass__(cls) -> None:
        cls._defaults = {key: attribute.default for key, attribute in cls.attributes.items()}

    def __init__(self, *inputs: Any, name: str | None = None, **attributes: Any) -> None:
        arguments = list(inputs)
        if arguments and isinstance(arguments[-1], str):
            if name is not None:
                raise GraphError(f"{type(self).__name__} has two names", where=name)
            name = arguments.pop()
        nodes: list[Node] = []
        for argument in arguments:
            nodes.extend(argument if isinstance(argument, list | tuple) else [argument])
        self._check_inbound(nodes, name)
        self._set_up(nodes, name, attributes)

    @classmethod
    def of(cls, nodes: list[Node], name: str, attributes: Mapping[str, Any]) -> Self:
        """Return an op on `nodes`, without the lesson's alternative signatures, for graph files."""
        op = cls.__new__(cls)
        op._set_up(nodes, name, attributes)
        return op

    def _set_up(self, nodes: list[Node], name: str | None, attributes: Mapping[str, Any]) -> None:
        self._check_arity(len(nodes), name)
        self.attrs = self._defaults.copy()
        if attributes:
            self._check_attributes(attributes, name)
            self.attrs.update(attributes)
        self._connect(nodes, name)

    def _check_arity(self, count: int, name: str | None) -> None:
        least, most = self.arity
        if count < least or (most is not None and count > most):
            wanted = str(least) if most == least else f"{least} to {most or 'any number of'}"
            plural = "" if most == 1 else "s"
            raise GraphError(
                f"{type(self).__name__} takes {wanted} input{plural}, not {count}",
                where=name or "",
            )

    def _check_attributes(self, given: Mapping[str, Any], name: str | None) -> None:
        for key, value in given.items():
            if key not in self.attributes:
                known = ", ".join(self.attributes) or "none"
                raise GraphError(
                    f"{type(self).__name__} has no attribute {key!r}; its attributes: {known}",
                    where=name or "",
                    hint=nearest(key, self.attributes),
                )
            if not self.attributes[key].valid(value):
                raise GraphError(
                    f"attribute {key!r} of {type(self).__name__} is {value!r}; "
                    f"it takes {self.attributes[key].takes}",
                    where=name or "",
                )

    # The rules ---------------------------------------------------------------------------

    def output_shape(self, *shapes: Shape) -> Shape:
        """Return the shape of the value; raise `ShapeError` that names the shapes."""
        raise NotImplementedError

    def check_calls(self, do: Calls, *inputs: Array) -> None:
        """List the calls, if any, that raise `ShapeError` for invalid input values."""

    def forward_calls(self, do: Calls, out: Array, *inputs: Array) -> None:
        """List the calls that write the value into `out`."""
        raise NotImplementedError

    def vjp_calls(
        self, do: Calls, input_index: int, out: Array, grad: Array, value: Array, *inputs: Array
    ) -> None:
        """List the calls that write the contribution to input `input_index` into `out`.

        `grad` has the shape of `value`, `out` the shape of that input.
        """
        self.backward_calls(do, [(input_index, out)], grad, value, inputs)

    def backward_calls(
        self, do: Calls, targets: Targets, grad: Array, value: Array, inputs: Sequence[Array]
    ) -> None:
        """List the calls that write the contribution to each input of `targets` into its buffer.

        The calls for one target are listed before the next target is requested, so a caller can
        reuse a buffer. An op defines this rule or `vjp_calls`; an op with any number of inputs
        defines this one, which visits them once: linear in their number.
        """
        for input_index, out in targets:
            self.vjp_calls(do, input_index, out, grad, value, *inputs)

    def takes_class_numbers(self, input_index: int, *shapes: Shape) -> bool:
        """Whether input `input_index` holds class numbers, for inputs of these shapes.

        Class numbers are integers and have no gradient.
        """
        return False

    def stops_gradient(self, input_index: int) -> str:
        """Return why no gradient is ever sent to an input, or an empty string.

        The backward rule sends zeros there; gradient checks do not compare them with differences.
        """
        return ""

    def unknown_gradient(self, input_index: int) -> str:
        """Return why it is not known what is sent to an input, or an empty string.

        The backward rule sends NaN there, and no gradient before the node is known.
        """
        return ""

    def takes_infinity(self, input_index: int) -> bool:
        """Whether infinity in an input is an ordinary number, so that nobody is warned of it."""
        return False

    def scalar(self) -> ScalarRule | None:
        """Return the rule on Python floats, or None if there is none."""
        return None

    # The texts ---------------------------------------------------------------------------

    def formula(self, *names: str) -> str:
        """Return the forward rule as a formula, with the inputs called `names`."""
        return f"{type(self).__name__.lower()}({', '.join(names)})"

    def definition(self, *names: str) -> str:
        """Return the definition of a function in the formula, or an empty string."""
        return ""

    def legend(self, *shapes: Shape) -> str:
        """Return what the letters in the formula mean, for inputs of these shapes."""
        return ""

    def local(self, input_index: int, name: str, *names: str) -> str:
        """Return the local gradient towards an input as a formula; the op is called `name`."""
        return f"∂{name}/∂{names[input_index]}"

    # The lesson's protocol ---------------------------------------------------------------

    def forward(self) -> None:
        """Compute `self.value` from the inbound nodes' values, in a new array."""
        arrays = [as_floats(node) for node in self.inbound_nodes]
        shape = self.shape_from(*(x.shape for x in arrays))
        dtype = np.result_type(*[x.dtype for x in arrays])
        inputs = [x.astype(dtype, copy=False) for x in arrays]
        out = np.zeros(shape, dtype)
        lasting = self.starting_state([x.shape for x in inputs], dtype)
        do = Calls(out.dtype, lasting=lasting)
        self.check_calls(do, *inputs)
        self.forward_calls(do, out, *inputs)
        with np.errstate(all="ignore"):
            run(do.take())
        if lasting:
            self.state = lasting
        self._live = do, out, inputs
        self.value = out[()] if shape == () else out

    def backward(self) -> None:
        """Compute `self.gradients`; an input used twice gets the sum of both contributions."""
        if self._live is None:
            raise GraphError("backward() before forward()", where=self.label)
        do, out, inputs = self._live
        grad = np.array(gradient_received(self), out.dtype)
        sent: dict[Node, Array] = {}

        def targets() -> Iterator[tuple[int, Array]]:
            for input_index, node in enumerate(self.inbound_nodes):
                contribution = np.zeros(inputs[input_index].shape, out.dtype)
                yield input_index, contribution
                if node in sent:
                    do(np.add, sent[node], contribution, sent[node])
                else:
                    sent[node] = contribution

        self.backward_calls(do, targets(), grad, out, inputs)
        with np.errstate(all="ignore"):
            run(do.take())
        self.gradients = {
            node: total[()] if total.shape == () else total for node, total in sent.items()
        }

    def shape_from(self, *shapes: Shape) -> Shape:
        """Return `output_shape`; an error about shapes names this node and its inputs."""
        try:
            return self.output_shape(*shapes)
        except ShapeError as error:
            if error.where:
                raise
            found = [
                f"{node.label} {shape_text(shape)}"
                for node, shape in zip(self.inbound_nodes, shapes, strict=True)
            ]
            raise ShapeError(
                f"{error.problem} [{series(found, ', ')}]", where=self.label, hint=error.hint
            ) from None


OpType = TypeVar("OpType", bound=type[Op])


def register(op: OpType) -> OpType:
    """Add an op class to the registry under its class name; `FAMILIES` has the names of ours."""
    OPS.enter(op.__name__, op)
    return op


def check_axis(axis: int, shape: Shape) -> None:
    """Raise `ShapeError` unless a tensor of `shape` has `axis`."""
    if not -len(shape) <= axis < len(shape):
        raise ShapeError(f"axis {axis} does not exist in shape {shape_text(shape)}")


def as_floats(node: Node) -> Array:
    """Return a node's value as a float array; raise an error that names the node if it has none."""
    if node.value is None:
        raise ShapeError("the input has no value yet", where=node.label, hint="run forward first")
    array = as_numbers(node.value, node.label)
    return array if array.dtype.kind == "f" else array.astype(np.float64)


def follows_rules(node: Node) -> bool:
    """Whether a node is an op that does not override the lesson's `forward` and `backward`."""
    kind = type(node)
    return isinstance(node, Op) and kind.forward is Op.forward and kind.backward is Op.backward
