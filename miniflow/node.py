"""The nodes of a dataflow graph, with the attributes and the protocol of the MiniFlow lesson.

A network consists of nodes that hold references to their inbound and outbound nodes. `forward()`
computes `value` from the inbound nodes' values; `backward()` computes `gradients`, a dict from
each inbound node to the contribution that this node sends back to it. The lesson has three
versions, whose base class is `Neuron`, `Layer` and `Node`; all three names, and the attributes
named after them, are aliases here.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from miniflow.arguments import as_numbers
from miniflow.errors import FeedError, GraphError, ShapeError
from miniflow.registry import OPS

_serial = itertools.count()
# The names of the open scopes, each with its slash: `layer1/`.
_scopes: list[str] = []


@contextmanager
def scope(name: str) -> Iterator[None]:
    """Prefix the names of nodes created in the `with` block with `name` and a slash: `layer1/W`.

    Scopes nest; a debugger folds the nodes of a scope. Raises `GraphError` for an empty name or one
    with a slash.
    """
    if not name or "/" in name:
        raise GraphError(f"{name!r} is not a scope name", hint="give a word without a slash")
    _scopes.append(f"{name}/")
    try:
        yield
    finally:
        _scopes.pop()


class Node:
    """A node with references to its inbound and outbound nodes.

    A subclass in the lesson's style overrides `forward` (sets `self.value`) and `backward`
    (sets `self.gradients`). `inbound_neurons=` and `inbound_layers=` are the names that older
    versions of the lesson use for `inbound_nodes=`.
    """

    # The library whose function the node is, for one with rules that are not its class's own.
    library: ClassVar[str] = ""
    # Whether it is a recurrent layer, whose value has a row for each time step.
    recurrent: ClassVar[bool] = False
    inbound_nodes: list[Node]
    outbound_nodes: list[Node]
    value: Any
    gradients: dict[Node, Any]

    def __init__(
        self,
        inbound_nodes: Iterable[Node] = (),
        name: str | None = None,
        *,
        inbound_neurons: Iterable[Node] = (),
        inbound_layers: Iterable[Node] = (),
    ) -> None:
        inbound = [*inbound_nodes, *inbound_neurons, *inbound_layers]
        self._check_inbound(inbound, name)
        self._connect(inbound, name)

    def _check_inbound(self, inbound: list[Node], name: str | None) -> None:
        for position, node in enumerate(inbound, 1):
            if not isinstance(node, Node):
                raise GraphError(
                    f"input {position} of {type(self).__name__} is a {type(node).__name__}, "
                    "not a node",
                    where=name or "",
                    hint="wrap a plain number in Input(value=...)",
                )

    def _connect(self, inbound: list[Node], name: str | None) -> None:
        """Initialise the node and register it as a consumer of `inbound`."""
        self.scope = scope = "".join(_scopes) if _scopes else ""
        self.name = scope + name if name else name
        self.serial = next(_serial)
        self.inbound_nodes = inbound
        self.outbound_nodes = []
        self.value = None
        self.gradients = {}
        # A node that takes an input twice is still one consumer: it sums both contributions in one
        # entry of `gradients`.
        for node in inbound:
            consumers = node.outbound_nodes
            if not consumers or consumers[-1] is not self:
                consumers.append(self)

    def forward(self) -> None:
        """Compute `self.value` from the inbound nodes' values."""
        raise GraphError(f"{type(self).__name__} does not define forward()", where=self.label)

    def backward(self) -> None:
        """Compute `self.gradients` from what the outbound nodes send back."""
        raise GraphError(f"{type(self).__name__} does not define backward()", where=self.label)

    @property
    def label(self) -> str:
        """The node's name, or its class name and serial number if it has none."""
        return self.name or f"{type(self).__name__.lower()}#{self.serial}"

    @property
    def inbound_neurons(self) -> list[Node]:
        """Alias of `inbound_nodes`, from the first version of the lesson."""
        return self.inbound_nodes

    @inbound_neurons.setter
    def inbound_neurons(self, nodes: list[Node]) -> None:
        self.inbound_nodes = nodes

    @property
    def outbound_neurons(self) -> list[Node]:
        """Alias of `outbound_nodes`, from the first version of the lesson."""
        return self.outbound_nodes

    @outbound_neurons.setter
    def outbound_neurons(self, nodes: list[Node]) -> None:
        self.outbound_nodes = nodes

    inbound_layers = inbound_neurons
    outbound_layers = outbound_neurons

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.label}>"

    # Operators create nodes; a number or an array becomes an input with that value.

    def __add__(self, other: Any) -> Node:
        """Return `Add(self, other)`."""
        return _new_node("Add", self, other)

    def __radd__(self, other: Any) -> Node:
        """Return `Add(other, self)`."""
        return _new_node("Add", other, self)

    def __sub__(self, other: Any) -> Node:
        """Return `Sub(self, other)`."""
        return _new_node("Sub", self, other)

    def __rsub__(self, other: Any) -> Node:
        """Return `Sub(other, self)`."""
        return _new_node("Sub", other, self)

    def __mul__(self, other: Any) -> Node:
        """Return `Mul(self, other)`."""
        return _new_node("Mul", self, other)

    def __rmul__(self, other: Any) -> Node:
        """Return `Mul(other, self)`."""
        return _new_node("Mul", other, self)

    def __truediv__(self, other: Any) -> Node:
        """Return `Div(self, other)`."""
        return _new_node("Div", self, other)

    def __rtruediv__(self, other: Any) -> Node:
        """Return `Div(other, self)`."""
        return _new_node("Div", other, self)

    def __pow__(self, exponent: Any) -> Node:
        """Return `Pow(self, exponent=...)`."""
        return _new_node("Pow", self, exponent=float(exponent))

    def __matmul__(self, other: Any) -> Node:
        """Return `MatMul(self, other)`."""
        return _new_node("MatMul", self, other)

    def __rmatmul__(self, other: Any) -> Node:
        """Return `MatMul(other, self)`."""
        return _new_node("MatMul", other, self)

    def __neg__(self) -> Node:
        """Return `Neg(self)`."""
        return _new_node("Neg", self)

    # NumPy must leave `array @ node` to `Node.__rmatmul__`.
    __array_ufunc__ = None


def _new_node(op: str, *operands: Any, **attributes: Any) -> Node:
    node: Node = OPS[op](*map(_operand, operands), **attributes)
    return node


def _operand(value: Any) -> Node:
    if isinstance(value, Node):
        return value
    try:
        array = as_numbers(value, "")
    except FeedError:
        raise TypeError(f"cannot combine a node with a {type(value).__name__}") from None
    return Input(value=array.astype(np.float64) if array.ndim else float(array))


Neuron = Node
Layer = Node


class Input(Node):
    """A node without inbound nodes: data, or a parameter if it is trainable.

    `value` is a number or an array; `shape` is a tuple in which None stands for the batch size.
    `image` is the height and width in pixels if each row, or each slice of two axes, is an image.
    After `backward()`, `gradients[self]` is the sum of what the outbound nodes sent. `constant`
    says that a graph file has it as a number among the inputs of an op, not as a node.
    """

    image: tuple[int, int] | None = None
    constant = False

    def __init__(
        self,
        name: str | None = None,
        *,
        value: Any = None,
        shape: tuple[int | None, ...] | None = None,
        trainable: bool = False,
        image: tuple[int, int] | None = None,
    ) -> None:
        super().__init__((), name)
        self.value = value
        self.shape = shape
        self.trainable = trainable
        self.image = image

    def forward(self, value: Any = None) -> None:
        """Set `value`, or keep the current one; raise `FeedError` if there is none."""
        if value is not None:
            self.value = value
        if self.value is None:
            raise FeedError("the input has no value", where=self.label, hint="feed it a value")

    def backward(self) -> None:
        """Sum what the outbound nodes sent back into `self.gradients[self]`."""
        self.gradients = {self: gradient_received(self)}


@contextmanager
def seeded(cost: Node) -> Iterator[None]:
    """Seed the backward pass at `cost`: within the block its only consumer sends ones.

    So every kind of cost node starts the same way, nodes in the lesson's style included, and
    consumers that were built on the cost and dropped have no effect.
    """
    consumers = cost.outbound_nodes
    seed = Node()
    seed.gradients = {cost: np.ones(np.shape(cost.value))[()]}
    cost.outbound_nodes = [seed]
    try:
        yield
    finally:
        cost.outbound_nodes = consumers


def gradient_received(node: Node) -> Any:
    """Return the gradient of `node`: the sum of what its consumers sent, in its value's shape.

    A node without consumers is the cost: its gradient is ones.
    """
    value = np.asarray(node.value)
    dtype = value.dtype if value.dtype.kind == "f" else np.float64
    if not node.outbound_nodes:
        return np.ones(value.shape, dtype)[()]
    total = np.zeros(value.shape, dtype)
    for consumer in node.outbound_nodes:
        if node in consumer.gradients:
            total += gradient_sent(consumer, node, value.shape)
    return total[()]


def gradient_sent(consumer: Node, node: Node, shape: tuple[int, ...]) -> NDArray[Any]:
    """Return what `consumer` sends to `node`, whose value has `shape`, in that shape.

    (n,) for (n, 1) is accepted, because the lesson's own cost sends it. Raises `ShapeError` for
    any other mismatch.
    """
    sent = np.asarray(consumer.gradients[node])
    if sent.shape == shape:
        return sent
    if [n for n in sent.shape if n != 1] != [n for n in shape if n != 1]:
        raise ShapeError(
            f"backward() of {type(consumer).__name__} gave {node.label} a gradient of shape "
            f"{shape_text(sent.shape)}; its value has shape {shape_text(shape)}",
            where=consumer.label,
            hint="a gradient has the shape of its value",
        )
    return sent.reshape(shape)


def shape_text(shape: tuple[int | None, ...]) -> str:
    """Return a shape as text: `4x2`, `3`, and `()` for a scalar; `?` stands for None."""
    return "x".join("?" if n is None else str(n) for n in shape) or "()"
