"""What an op is: a shape rule, a forward rule, a backward rule, and its words.

A rule does not compute: it *lists the calls* that will (`np.dot(x, w, out)`, `np.add(out, b,
out)`) with their buffers bound. One list serves everything: a debugger runs it node by node,
training runs it in one loop, and both do the same operations in the same order, so their bits
agree. Bound calls are also the fastest form measured: no Python frame for each operation.

The backward rule is the vector-Jacobian product (vjp): given the gradient of the cost with
respect to the op's value, the gradient with respect to one input. (Notation and method:
A. G. Baydin et al., "Automatic differentiation in machine learning: a survey", JMLR 18, 2018.)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, Self, TypeVar

import numpy as np

from miniflow.errors import GraphError, ShapeError, nearest
from miniflow.node import Node, gradient_received
from miniflow.node import shape_text as shape_text
from miniflow.plans.calls import Array as Array
from miniflow.plans.calls import Call as Call
from miniflow.plans.calls import Calls as Calls
from miniflow.plans.calls import Shape as Shape
from miniflow.text.lists import series as series
from miniflow.training.arguments import as_numbers

# Input indices in ascending order, each with the buffer for what goes to that input.
Targets = Iterable[tuple[int, Array]]

OPS: dict[str, type[Op]] = {}


class ScalarRule(NamedTuple):
    """An op on Python floats, for graphs of scalars: `vjp(grad, value, *inputs)`."""

    forward: Callable[..., float]
    vjp: Callable[..., tuple[float, ...]]


@dataclass(frozen=True)
class Attribute:
    """A setting of an op, as a graph file may give it: its default and what it takes."""

    default: Any
    takes: str
    valid: Callable[[Any], bool]


def is_number(value: Any) -> bool:
    """Whether `value` is a real number, not a bool."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_integer(value: Any) -> bool:
    """Whether `value` is an integer, not a bool."""
    return isinstance(value, int) and not isinstance(value, bool)


class Op(Node):
    """A node kind of the registry.

    A subclass gives `arity` (least and most inputs; None for no limit), `attributes`, `role`
    (what its backward pass does for each input, in one sentence; `{gradient}` stands for the
    gradient of its value, `{names[0]}` for its first input, `{to[0]}` for that as a receiver,
    `{local[0]}` for what `local` says of it, `{m}` for the letter of its legend), `formula`,
    `local`, and the rules `output_shape`, `forward_calls`, `vjp_calls`, with `scalar` where it
    works on numbers. In its words `m`, `mask` and `e^` stand for themselves, not for names.
    """

    arity: ClassVar[tuple[int, int | None]] = (1, 1)
    attributes: ClassVar[Mapping[str, Attribute]] = {}
    role: ClassVar[str] = ""
    _defaults: ClassVar[dict[str, Any]] = {}
    # What forward() leaves to backward().
    _live: tuple[Calls, Array, list[Array]] | None = None

    def __init_subclass__(cls) -> None:
        cls._defaults = {key: attribute.default for key, attribute in cls.attributes.items()}

    def __init__(self, *inputs: Any, name: str | None = None, **attributes: Any) -> None:
        arguments = list(inputs)
        if arguments and isinstance(arguments[-1], str):
            if name is not None:
                raise GraphError(f"{type(self).__name__} is given two names", where=name)
            name = arguments.pop()
        nodes: list[Node] = []
        for argument in arguments:
            nodes.extend(argument if isinstance(argument, list | tuple) else [argument])
        self._check_inbound(nodes, name)
        self._begin(nodes, name, attributes)

    @classmethod
    def of(cls, nodes: list[Node], name: str, attributes: Mapping[str, Any]) -> Self:
        """Return an op on `nodes`, without the lesson's several spellings: for graph files."""
        op = cls.__new__(cls)
        op._begin(nodes, name, attributes)
        return op

    def _begin(self, nodes: list[Node], name: str | None, attributes: Mapping[str, Any]) -> None:
        self._check_arity(len(nodes), name)
        self.attrs = self._defaults.copy()
        if attributes:
            self._check_attributes(attributes, name)
            self.attrs.update(attributes)
        self._join(nodes, name)

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
        """Return the shape of the value, or raise `ShapeError` naming the shapes."""
        raise NotImplementedError

    def check_calls(self, do: Calls, *inputs: Array) -> None:
        """List the calls that raise `ShapeError` for inputs that the op does not take, if any."""

    def forward_calls(self, do: Calls, out: Array, *inputs: Array) -> None:
        """List the calls that write the value into `out`."""
        raise NotImplementedError

    def vjp_calls(
        self, do: Calls, input_index: int, out: Array, grad: Array, value: Array, *inputs: Array
    ) -> None:
        """List the calls that write input `input_index`'s share of the gradient into `out`.

        `grad` has the shape of `value`, `out` that of input `input_index`.
        """
        self.backward_calls(do, [(input_index, out)], grad, value, inputs)

    def backward_calls(
        self, do: Calls, targets: Targets, grad: Array, value: Array, inputs: Sequence[Array]
    ) -> None:
        """List the calls that write the share of each input of `targets` into its buffer.

        The calls for one target are listed before the next target is taken, so that a caller can
        use a buffer again. An op gives this rule or `vjp_calls`; one with any number of inputs
        gives this one, which goes through them once: linear in their number.
        """
        for input_index, out in targets:
            self.vjp_calls(do, input_index, out, grad, value, *inputs)

    def takes_class_numbers(self, input_index: int, *shapes: Shape) -> bool:
        """Whether input `input_index` is of class numbers, for inputs of these shapes.

        They are integers, and have no gradient.
        """
        return False

    def scalar(self) -> ScalarRule | None:
        """Return the rule on Python floats, or None where there is none."""
        return None

    # The words ---------------------------------------------------------------------------

    def formula(self, *names: str) -> str:
        """Return the forward rule in symbols, with the inputs called `names`."""
        return f"{type(self).__name__.lower()}({', '.join(names)})"

    def definition(self, *names: str) -> str:
        """Return what a function named in the formula stands for, or nothing."""
        return ""

    def legend(self, *shapes: Shape) -> str:
        """Return what the letters of the formula stand for, for inputs of these shapes."""
        return ""

    def local(self, input_index: int, name: str, *names: str) -> str:
        """Return the local gradient towards an input in symbols; the op is called `name`."""
        return f"∂{name}/∂{names[input_index]}"

    # The lesson's protocol ---------------------------------------------------------------

    def forward(self) -> None:
        """Work out `self.value` from the inbound nodes' values, into a new array."""
        arrays = [as_floats(node) for node in self.inbound_nodes]
        shape = self.shape_from(*(x.shape for x in arrays))
        dtype = np.result_type(*[x.dtype for x in arrays])
        inputs = [x.astype(dtype, copy=False) for x in arrays]
        out = np.zeros(shape, dtype)
        do = Calls(out.dtype)
        self.check_calls(do, *inputs)
        self.forward_calls(do, out, *inputs)
        with np.errstate(all="ignore"):
            _run(do.take())
        self._live = do, out, inputs
        self.value = out[()] if shape == () else out

    def backward(self) -> None:
        """Work out `self.gradients`; inputs used twice get the sum of both contributions."""
        if self._live is None:
            raise GraphError("backward() before forward()", where=self.label)
        do, out, inputs = self._live
        grad = np.array(gradient_received(self), out.dtype)
        sent: dict[Node, Array] = {}

        def targets() -> Iterator[tuple[int, Array]]:
            for input_index, node in enumerate(self.inbound_nodes):
                share = np.zeros(inputs[input_index].shape, out.dtype)
                yield input_index, share
                if node in sent:
                    do(np.add, sent[node], share, sent[node])
                else:
                    sent[node] = share

        self.backward_calls(do, targets(), grad, out, inputs)
        with np.errstate(all="ignore"):
            _run(do.take())
        self.gradients = {
            node: share[()] if share.shape == () else share for node, share in sent.items()
        }

    def shape_from(self, *shapes: Shape) -> Shape:
        """Return `output_shape`, with this node named in the error when shapes clash."""
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
    """Enter an op class in the registry under its own name."""
    OPS[op.__name__] = op
    return op


def broadcast_shape(*shapes: Shape) -> Shape:
    """Return the shape that `shapes` broadcast to, or raise `ShapeError`."""
    if shapes.count(shapes[0]) == len(shapes):
        return shapes[0]
    different = list(dict.fromkeys(shapes))
    try:
        return np.broadcast_shapes(*different)
    except ValueError:
        texts = series([shape_text(shape) for shape in different], " and ")
        raise ShapeError(
            f"shapes {texts} do not fit together",
            hint="compared from the right, two sizes must be equal or one of them 1",
        ) from None


def check_axis(axis: int, shape: Shape) -> None:
    """Raise `ShapeError` unless a tensor of `shape` has `axis`."""
    if not -len(shape) <= axis < len(shape):
        raise ShapeError(f"axis {axis} does not exist in shape {shape_text(shape)}")


def spread(do: Calls, x: Array, shape: Shape) -> Array:
    """Return `x` broadcast to `shape`, as the fastest operand: list the call that copies it.

    Copying first and then adding whole arrays takes 0.65 times as long as a ufunc that
    broadcasts, and on large arrays no longer. A single entry needs no copy.
    """
    if x.shape == shape:
        return x
    if x.size == 1:
        return x.reshape(())
    full = do.scratch(shape)
    do(np.copyto, full, x)
    return full


def unbroadcast(do: Calls, full: Array, out: Array) -> None:
    """List the calls that sum `full` into `out`, undoing the broadcast from out's shape.

    Each entry of `out` was copied to several entries of `full`, and gradients of copies add up.
    """
    if full.shape == out.shape:
        do(np.copyto, out, full)
    elif full.ndim == 2 and out.shape[-1:] == full.shape[1:] and out.size == full.shape[1]:
        # A product with ones takes 0.25 times as long as full.sum(0).
        do(np.ones(full.shape[0], full.dtype).dot, full, out.reshape(-1))
    else:
        padded = (1,) * (full.ndim - out.ndim) + out.shape
        axes = tuple(axis for axis, n in enumerate(padded) if n == 1 and (full.shape[axis] != 1))
        do(np.add.reduce, full, axes, None, out.reshape(padded), True)


class Elementwise(Op):
    """An op that works entry by entry, after broadcasting its inputs to one shape.

    A subclass gives `local_calls`, or `all_local_calls` when it takes any number of inputs; what a
    broadcast input gets back is summed here.
    """

    def output_shape(self, *shapes: Shape) -> Shape:
        """Return the broadcast shape."""
        return broadcast_shape(*shapes)

    def local_calls(
        self, do: Calls, input_index: int, out: Array, grad: Array, value: Array, *inputs: Array
    ) -> None:
        """List the calls that write grad x local gradient into `out`, in the value's shape."""
        self.all_local_calls(do, [(input_index, out)], grad, value, inputs)

    def all_local_calls(
        self, do: Calls, targets: Targets, grad: Array, value: Array, inputs: Sequence[Array]
    ) -> None:
        """List `local_calls` for each target; all are in the value's shape."""
        for input_index, out in targets:
            self.local_calls(do, input_index, out, grad, value, *inputs)

    def backward_calls(
        self, do: Calls, targets: Targets, grad: Array, value: Array, inputs: Sequence[Array]
    ) -> None:
        """List the local calls; after each, the sum over the axes that were broadcast."""
        self.all_local_calls(do, _in_full(do, targets, grad.shape), grad, value, inputs)


def _in_full(do: Calls, targets: Targets, shape: Shape) -> Iterator[tuple[int, Array]]:
    """Yield targets of the value's shape; list the calls that sum each into the one it is for."""
    full: Array | None = None
    for input_index, out in targets:
        if out.shape == shape:
            yield input_index, out
        else:
            full = do.scratch(shape) if full is None else full
            yield input_index, full
            unbroadcast(do, full, out)


def _run(calls: tuple[Call, ...]) -> None:
    for call in calls:
        call()


def as_floats(node: Node) -> Array:
    """Return a node's value as an array of floats; raise an error that names it if it is none."""
    if node.value is None:
        raise ShapeError("the input has no value yet", where=node.label, hint="run forward first")
    array = as_numbers(node.value, node.label)
    return array if array.dtype.kind == "f" else array.astype(np.float64)
