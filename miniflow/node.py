"""The nodes of a dataflow graph, with the attributes and the protocol of the MiniFlow lesson.

A network is nodes that know their inbound and outbound nodes. `forward()` works out `value`
from the inbound nodes' values; `backward()` works out `gradients`, a dict from each inbound
node to what this node sends back to it. The lesson was printed three times, with the base class
called `Neuron`, then `Layer`, then `Node`; all three names, and the attributes named after
them, mean the same thing here.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from miniflow.errors import FeedError, GraphError, ShapeError
from miniflow.training.arguments import as_numbers

_serial = itertools.count()
# The names of the scopes that are open, each with its slash: `layer1/`.
_scopes: list[str] = []


@contextmanager
def scope(name: str) -> Iterator[None]:
    """Let the names of all nodes made within begin with `name` and a slash: `layer1/W`.

    Scopes nest; a debugger folds the nodes of one.
    """
    if not name or "/" in name:
        raise GraphError(f"{name!r} is no name for a scope", hint="a word without a slash")
    _scopes.append(f"{name}/")
    try:
        yield
    finally:
        _scopes.pop()


class Node:
    """A node that knows its inbound and outbound nodes.

    A subclass in the lesson's style overrides `forward` (sets `self.value`) and `backward`
    (sets `self.gradients`). `inbound_neurons=` and `inbound_layers=` are the older printings'
    names of `inbound_nodes=`.
    """

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
        self._join(inbound, name)

    def _check_inbound(self, inbound: list[Node], name: str | None) -> None:
        for position, node in enumerate(inbound, 1):
            if not isinstance(node, Node):
                raise GraphError(
                    f"input {position} of {type(self).__name__} is a {type(node).__name__}, "
                    "not a node",
                    where=name or "",
                    hint="wrap a plain number in Input(value=...)",
                )

    def _join(self, inbound: list[Node], name: str | None) -> None:
        """Begin as a node on `inbound`, and tell those nodes."""
        self.scope = scope = "".join(_scopes) if _scopes else ""
        self.name = scope + name if name else name
        self.serial = next(_serial)
        self.inbound_nodes = inbound
        self.outbound_nodes = []
        self.value = None
        self.gradients = {}
        # A node that uses another twice is still one consumer: it puts both contributions into
        # one entry of `gradients`.
        for node in inbound:
            consumers = node.outbound_nodes
            if not consumers or consumers[-1] is not self:
                consumers.append(self)

    def forward(self) -> None:
        """Work out `self.value` from the inbound nodes' values."""
        raise GraphError(f"{type(self).__name__} does not define forward()", where=self.label)

    def backward(self) -> None:
        """Work out `self.gradients` from what the outbound nodes send back."""
        raise GraphError(f"{type(self).__name__} does not define backward()", where=self.label)

    @property
    def label(self) -> str:
        """The node's name, or one made of its class and its place in order of creation."""
        return self.name or f"{type(self).__name__.lower()}#{self.serial}"

    @property
    def inbound_neurons(self) -> list[Node]:
        """`inbound_nodes`, as the first printing called it."""
        return self.inbound_nodes

    @inbound_neurons.setter
    def inbound_neurons(self, nodes: list[Node]) -> None:
        self.inbound_nodes = nodes

    @property
    def outbound_neurons(self) -> list[Node]:
        """`outbound_nodes`, as the first printing called it."""
        return self.outbound_nodes

    @outbound_neurons.setter
    def outbound_neurons(self, nodes: list[Node]) -> None:
        self.outbound_nodes = nodes

    inbound_layers = inbound_neurons
    outbound_layers = outbound_neurons

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.label}>"

    # Operators make nodes; a number or an array stands for an input of that value.

    def __add__(self, other: Any) -> Node:
        """Return `Add(self, other)`."""
        return _made("Add", self, other)

    def __radd__(self, other: Any) -> Node:
        """Return `Add(other, self)`."""
        return _made("Add", other, self)

    def __sub__(self, other: Any) -> Node:
        """Return `Sub(self, other)`."""
        return _made("Sub", self, other)

    def __rsub__(self, other: Any) -> Node:
        """Return `Sub(other, self)`."""
        return _made("Sub", other, self)

    def __mul__(self, other: Any) -> Node:
        """Return `Mul(self, other)`."""
        return _made("Mul", self, other)

    def __rmul__(self, other: Any) -> Node:
        """Return `Mul(other, self)`."""
        return _made("Mul", other, self)

    def __truediv__(self, other: Any) -> Node:
        """Return `Div(self, other)`."""
        return _made("Div", self, other)

    def __rtruediv__(self, other: Any) -> Node:
        """Return `Div(other, self)`."""
        return _made("Div", other, self)

    def __pow__(self, exponent: Any) -> Node:
        """Return `Pow(self, exponent=...)`."""
        return _made("Pow", self, exponent=float(exponent))

    def __matmul__(self, other: Any) -> Node:
        """Return `MatMul(self, other)`."""
        return _made("MatMul", self, other)

    def __rmatmul__(self, other: Any) -> Node:
        """Return `MatMul(other, self)`."""
        return _made("MatMul", other, self)

    def __neg__(self) -> Node:
        """Return `Neg(self)`."""
        return _made("Neg", self)

    # NumPy must leave `array @ node` to the node.
    __array_ufunc__ = None


def _made(op: str, *operands: Any, **attributes: Any) -> Node:
    from miniflow.ops.base import OPS

    return OPS[op](*map(_operand, operands), **attributes)


def _operand(value: Any) -> Node:
    if isinstance(value, Node):
        return value
    try:
        array = as_numbers(value, "")
    except FeedError:
        raise TypeError(f"a node and a {type(value).__name__} make no node") from None
    return Input(value=array.astype(np.float64) if array.ndim else float(array))


Neuron = Node
Layer = Node


class Input(Node):
    """A node without inbound nodes: data, or a parameter when it is trainable.

    `value` is a number or array; `shape` is a tuple in which None stands for the batch.
    After `backward()`, `gradients[self]` is the sum of what the outbound nodes sent.
    """

    def __init__(
        self,
        name: str | None = None,
        *,
        value: Any = None,
        shape: tuple[int | None, ...] | None = None,
        trainable: bool = False,
    ) -> None:
        super().__init__((), name)
        self.value = value
        self.shape = shape
        self.trainable = trainable

    def forward(self, value: Any = None) -> None:
        """Take `value`, or keep the value already set."""
        if value is not None:
            self.value = value
        if self.value is None:
            raise FeedError("the input has no value", where=self.label, hint="feed it a value")

    def backward(self) -> None:
        """Sum what the outbound nodes sent back into `self.gradients[self]`."""
        self.gradients = {self: gradient_received(self)}


@contextmanager
def seeded(cost: Node) -> Iterator[None]:
    """Begin the backward pass at `cost`: its one consumer, for now, is one that sends ones.

    So it begins alike for every node, those in the lesson's style included, and consumers that
    were built on the cost and dropped have no say.
    """
    consumers = cost.outbound_nodes
    beginning = Node()
    beginning.gradients = {cost: np.ones(np.shape(cost.value))[()]}
    cost.outbound_nodes = [beginning]
    try:
        yield
    finally:
        cost.outbound_nodes = consumers


def gradient_received(node: Node) -> Any:
    """Return the gradient of `node`: the sum of what its consumers sent, in `node`'s own shape.

    A node without consumers is the cost: its gradient is one (of each entry, when it is not a
    scalar).
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

    (n,) for (n, 1) is let pass: the lesson's own cost sends it. Anything else is a mistake.
    """
    sent = np.asarray(consumer.gradients[node])
    if sent.shape == shape:
        return sent
    if [n for n in sent.shape if n != 1] != [n for n in shape if n != 1]:
        raise ShapeError(
            f"backward() of {type(consumer).__name__} gave {node.label} a gradient of shape "
            f"{shape_text(sent.shape)}; its value has {shape_text(shape)}",
            where=consumer.label,
            hint="a gradient has its value's shape",
        )
    return sent.reshape(shape)


def shape_text(shape: tuple[int | None, ...]) -> str:
    """Return a shape as people write it: `4x2`, `3`, and `()` for a scalar."""
    return "x".join("?" if n is None else str(n) for n in shape) or "()"
