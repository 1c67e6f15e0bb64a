"""Programs in the lesson's style, each a generator that waits after a pass."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from miniflow import MSE, Add, BatchNorm, Input, Linear, Mul, Node, Sigmoid, Sub, topological_sort
from miniflow.lesson import sgd_update
from tests.recording.memory import Loop


class Rectify(Node):
    """Overwrites its input and its upstream gradient."""

    def __init__(self, x: Node) -> None:
        Node.__init__(self, [x])

    def forward(self) -> None:
        self.value = self.inbound_nodes[0].value
        self.value[self.value < 0] = 0

    def backward(self) -> None:
        x = self.inbound_nodes[0]
        self.gradients = {x: np.zeros_like(x.value)}
        for n in self.outbound_nodes:
            grad = n.gradients[self]
            grad[x.value <= 0] = 0
            self.gradients[x] += grad


class Square(Node):
    """Forgets the 2."""

    def __init__(self, x: Node) -> None:
        Node.__init__(self, [x])

    def forward(self) -> None:
        self.value = self.inbound_nodes[0].value ** 2

    def backward(self) -> None:
        x = self.inbound_nodes[0]
        self.gradients = {x: sum(n.gradients[self] for n in self.outbound_nodes) * x.value}


class Copies(Node):
    def __init__(self, x: Node) -> None:
        Node.__init__(self, [x])

    def forward(self) -> None:
        self.value = self.inbound_nodes[0].value.copy()

    def backward(self) -> None:
        x = self.inbound_nodes[0]
        self.gradients = {x: sum(n.gradients[self] for n in self.outbound_nodes)}


class Half(Node):
    """A cost whose targets get no gradient."""

    def __init__(self, y: Node, a: Node) -> None:
        Node.__init__(self, [y, a])

    def forward(self) -> None:
        y, a = (n.value for n in self.inbound_nodes)
        self.value = 0.5 * np.sum((a - y) ** 2)

    def backward(self) -> None:
        y, a = self.inbound_nodes
        self.gradients = {y: np.zeros_like(y.value), a: a.value - y.value}


class Pick(Node):
    """Picks one score of each row by its label."""

    def __init__(self, y: Node, a: Node) -> None:
        Node.__init__(self, [y, a])

    def forward(self) -> None:
        y, a = (n.value for n in self.inbound_nodes)
        self.value = -np.mean(a[np.arange(len(y)), y])

    def backward(self) -> None:
        y, a = self.inbound_nodes
        sent = np.zeros_like(a.value)
        sent[np.arange(len(y.value)), y.value] = -1 / len(y.value)
        self.gradients = {y: np.zeros(len(y.value)), a: sent}


class Says(Node):
    def __init__(self, x: Node) -> None:
        Node.__init__(self, [x])

    def forward(self) -> None:
        self.value = "text"

    def backward(self) -> None:
        self.gradients = {self.inbound_nodes[0]: np.zeros((4, 1))}


class Fragile(Node):
    def __init__(self, x: Node) -> None:
        Node.__init__(self, [x])

    def forward(self) -> None:
        if float(np.sum(self.inbound_nodes[0].value)) > 100:
            raise ValueError("too large")
        self.value = self.inbound_nodes[0].value * 1.0

    def backward(self) -> None:
        x = self.inbound_nodes[0]
        self.gradients = {x: sum(n.gradients[self] for n in self.outbound_nodes)}


class WrongShape(Copies):
    def backward(self) -> None:
        self.gradients = {self.inbound_nodes[0]: np.ones(7)}


TABLE = np.array([[0.0], [1.0], [2.0], [3.0]])


def update_by_hand(loop: Loop) -> Iterator[None]:
    x, w, t = Input(), Input(), Input()
    y = Mul(w, x)
    cost = MSE(t, y)
    loop.name(x=x, w=w, t=t, y=y, cost=cost)
    graph = topological_sort({x: 10.0, w: 5.0, t: 20.0})
    for _ in range(3):
        loop.both(graph)
        yield
        w.value = w.value - 0.001 * w.gradients[w]


def falling_rate(loop: Loop) -> Iterator[None]:
    x, w, b, y = Input(), Input(), Input(), Input()
    cost = MSE(y, Linear(x, w, b))
    loop.name(x=x, w=w, b=b, y=y, cost=cost)
    graph = topological_sort(
        {
            x: np.array([[1.0], [2.0]]),
            w: np.array([[0.0]]),
            b: np.zeros(1),
            y: np.array([1.0, 2.0]),
        }
    )
    for rate in (0.1, 0.05, 0.01):
        loop.both(graph)
        yield
        sgd_update([w, b], rate)


def batches_by_hand(loop: Loop) -> Iterator[None]:
    X, W, b, t = Input(), Input(), Input(), Input()
    y = Linear(X, W, b)
    cost = MSE(t, y)
    loop.name(X=X, W=W, b=b, t=t, y=y, cost=cost)
    table = TABLE + 1
    graph = topological_sort(
        {X: table[:2], W: np.array([[0.0]]), b: np.array([0.0]), t: 3 * table[:2]}
    )
    for step in range(4):
        X.value = table[:2] if step % 2 == 0 else table[2:]
        t.value = 3 * X.value
        loop.both(graph)
        yield
        for p in (W, b):
            p.value = p.value - 0.05 * p.gradients[p]


def batches_of_two_sizes(loop: Loop) -> Iterator[None]:
    X, W, b, t = Input(), Input(), Input(), Input()
    h = Sigmoid(Linear(X, W, b))
    cost = MSE(t, h)
    loop.name(X=X, W=W, b=b, t=t, h=h, cost=cost)
    rng = np.random.default_rng(1)
    graph = topological_sort(
        {X: np.ones((4, 2)), W: np.full((2, 1), 0.25), b: np.zeros(1), t: np.ones((4, 1))}
    )
    for step in range(5):
        size = 4 if step % 2 == 0 else 3
        X.value, t.value = rng.random((size, 2)), rng.random((size, 1))
        loop.both(graph)
        yield
        sgd_update([W, b], 0.5)


def labels_with_zero_gradient(loop: Loop) -> Iterator[None]:
    x, w, y = Input(), Input(), Input()
    product = Mul(x, w)
    cost = Half(y, product)
    loop.name(x=x, w=w, y=y, product=product, cost=cost)
    graph = topological_sort({x: np.ones(2), w: np.ones(2), y: np.zeros(2)})
    for target in (2.0, 3.0, 4.0):
        y.value = np.full(2, target)
        loop.both(graph)
        yield
        w.value = w.value - 0.1 * w.gradients[w]


def momentum_and_decay(loop: Loop) -> Iterator[None]:
    X, W, b, y = Input(), Input(), Input(), Input()
    line = Linear(X, W, b)
    r = Copies(line)
    cost = MSE(y, r)
    loop.name(X=X, W=W, b=b, y=y, line=line, r=r, c2=cost)
    graph = topological_sort({X: TABLE, W: np.array([[0.0]]), b: np.array([0.0]), y: 2 * TABLE - 1})
    v: dict[Any, Any] = {W: 0, b: 0}
    for _ in range(20):
        loop.both(graph)
        yield
        for t in (W, b):
            v[t] = 0.9 * v[t] + t.gradients[t]
            t.value = t.value - 0.05 * v[t]
        W.value *= 0.999


def adam(loop: Loop) -> Iterator[None]:
    X, W, b, y = Input(), Input(), Input(), Input()
    cost = MSE(y, Linear(X, W, b))
    loop.name(X=X, W=W, b=b, y=y, cost=cost)
    rng = np.random.default_rng(3)
    graph = topological_sort(
        {X: np.ones((6, 3)), W: rng.random((3, 1)), b: np.zeros(1), y: np.ones((6, 1))}
    )
    kept = {p: [np.zeros_like(p.value), np.zeros_like(p.value)] for p in (W, b)}
    for step in range(1, 31):
        X.value, y.value = rng.normal(size=(6, 3)), rng.normal(size=(6, 1))
        loop.both(graph)
        yield
        for p, (m, v) in kept.items():
            g = p.gradients[p]
            m += 0.1 * (g - m)
            v += 0.001 * (g * g - v)
            rate = 0.01 * np.sqrt(1 - 0.999**step) / (1 - 0.9**step)
            p.value = p.value - rate * m / (np.sqrt(v) + 1e-8)


def times_itself(loop: Loop) -> Iterator[None]:
    x, t = Input(), Input()
    y = Mul(x, x)
    cost = MSE(t, y)
    loop.name(x=x, t=t, y=y, cost=cost)
    loop.both(topological_sort({x: 3.0, t: 1.0}))
    yield


def overwrites_its_input(loop: Loop) -> Iterator[None]:
    X, W, b, t = Input(), Input(), Input(), Input()
    h = Linear(X, W, b)
    r = Rectify(h)
    both = Add(h, r)
    cost = MSE(t, both)
    loop.name(X=X, W=W, b=b, t=t, h=h, r=r, both=both, cost=cost)
    graph = topological_sort(
        {
            X: np.array([[1.0], [-2.0]]),
            W: np.array([[1.0]]),
            b: np.zeros(1),
            t: np.zeros((2, 1)),
        }
    )
    loop.both(graph)
    yield


def integer_labels(loop: Loop) -> Iterator[None]:
    y, a = Input(), Input()
    cost = Pick(y, a)
    loop.name(y=y, a=a, cost=cost)
    loop.both(topological_sort({y: np.array([0, 2]), a: np.arange(6.0).reshape(2, 3)}))
    yield


def text_for_a_value(loop: Loop) -> Iterator[None]:
    X, W, b = Input(), Input(), Input()
    line = Linear(X, W, b)
    own = Says(line)
    loop.name(X=X, W=W, b=b, line=line, own=own)
    graph = topological_sort({X: TABLE, W: np.array([[0.0]]), b: np.array([0.0])})
    loop.both(graph)
    yield


def wrong_shape(loop: Loop) -> Iterator[None]:
    x = Input()
    f = WrongShape(x)
    loop.name(x=x, f=f)
    loop.forward(topological_sort({x: np.ones((2, 3))}))
    loop.backward([x, f], plainly=True)
    yield


def forward_only(loop: Loop) -> Iterator[None]:
    x, y = Input(), Input()
    f = Add(x, y)
    loop.name(x=x, y=y, f=f)
    graph = topological_sort({x: 4.0, y: 5.0})
    for _ in range(3):
        loop.forward(graph)
        yield
        x.value = x.value + 1


def evaluates_between(loop: Loop) -> Iterator[None]:
    X, W, t = Input(), Input(), Input()
    y = Mul(X, W)
    cost = MSE(t, y)
    loop.name(X=X, W=W, t=t, y=y, cost=cost)
    graph = topological_sort({X: np.ones(3), W: np.full(3, 0.5), t: np.zeros(3)})
    for _ in range(3):
        loop.both(graph)
        yield
        sgd_update([W], 0.1)
        loop.forward(graph)
        yield


def two_graphs(loop: Loop) -> Iterator[None]:
    a, b = Input(), Input()
    s = Add(a, b)
    loop.name(a=a, b=b, s=s)
    loop.forward(topological_sort({a: 1.0, b: 2.0}))
    yield
    X, W, c = Input(), Input(), Input()
    line = Linear(X, W, c)
    y = Input()
    cost = MSE(y, line)
    loop.name(X=X, W=W, c=c, line=line, y=y, cost=cost)
    graph = topological_sort(
        {X: np.ones((2, 1)), W: np.array([[np.nan]]), c: np.zeros(1), y: np.ones(2)}
    )
    loop.both(graph)
    yield


def alternates(loop: Loop) -> Iterator[None]:
    """Two graphs in turn, which share a weight."""
    x, w, t = Input(), Input(), Input()
    y = Mul(x, w)
    cost = MSE(t, y)
    d = Sub(y, w)
    loop.name(x=x, w=w, t=t, y=y, cost=cost, d=d)
    for node, value in ((x, np.ones(2)), (w, np.array([1.0, 3.0])), (t, np.zeros(2))):
        node.value = value
    for _ in range(4):
        loop.both([x, w, t, y, cost])
        yield
        sgd_update([w], 0.1)
        loop.forward([x, w, y, d])
        yield


def catches_an_error(loop: Loop) -> Iterator[None]:
    x = Input()
    f = Fragile(x)
    loop.name(x=x, f=f)
    for value in (1.0, 200.0, 2.0):
        x.value = value
        with contextlib.suppress(ValueError):
            loop.forward([x, f])
        yield


def raises_in_a_node(loop: Loop) -> Iterator[None]:
    x = Input()
    f = Fragile(x)
    loop.name(x=x, f=f)
    for value in (np.ones(2), np.full(2, 80.0)):
        x.value = value
        loop.forward([x, f])
        yield


def zero_upstream(loop: Loop) -> Iterator[None]:
    X, W1, W2, t = Input(), Input(), Input(), Input()
    h = Mul(X, W1)
    s = Square(h)
    y = Mul(s, W2)
    cost = MSE(t, y)
    loop.name(X=X, W1=W1, W2=W2, t=t, h=h, s=s, y=y, cost=cost)
    graph = topological_sort(
        {
            X: np.array([1.0, 2.0]),
            W1: np.array([1.0, 0.5]),
            W2: np.zeros(2),
            t: np.array([1.0, 0.0]),
        }
    )
    for _ in range(3):
        loop.both(graph)
        yield
        sgd_update([W1, W2], 0.01)


def rebuilds_its_graph(loop: Loop) -> Iterator[None]:
    w = np.array([0.5, 0.25])
    for _ in range(4):
        x, p, t = Input(), Input(), Input()
        y = Mul(x, p)
        cost = MSE(t, y)
        loop.name(x=x, w=p, t=t, y=y, cost=cost)
        graph = topological_sort({x: np.ones(2), p: w, t: np.zeros(2)})
        loop.both(graph)
        yield
        w = w - 0.1 * p.gradients[p]


def twins(loop: Loop) -> Iterator[None]:
    """Two nets of one structure, which share their data, trained by turns."""
    x, t = Input(), Input()
    loop.name(x=x, t=t)
    x.value, t.value = np.array([1.0, 2.0]), np.array([0.5, 0.25])
    nets = []
    for value in (0.5, 0.25):
        # A rate of 0.1 would lead from the one to the other, as far as the numbers go.
        w = Input()
        w.value = np.array([value, value])
        y = Mul(x, w)
        nets.append(([x, t, w, y, MSE(t, y)], w))
    for _ in range(4):
        for graph, w in nets:
            loop.both(graph)
            yield
            w.value = w.value - 0.1 * w.gradients[w]


def one_after_another(loop: Loop) -> Iterator[None]:
    """Nets that are built anew, each trained in a few passes, with momentum."""
    for k in range(3):
        x, t, w = Input(), Input(), Input()
        MSE(t, Mul(x, w))
        feed = {x: np.arange(12.0), t: np.full(12, 2.0), w: np.linspace(-1, 1 + k, 12)}
        graph, v = topological_sort(feed), 0.0
        for _ in range(6):
            loop.both(graph)
            yield
            v = 0.9 * v + w.gradients[w]
            w.value = w.value - 0.003 * v


def accumulates(loop: Loop) -> Iterator[None]:
    """An engine whose inputs add to what they kept."""

    class Kept(Input):
        def backward(self) -> None:
            self.gradients.setdefault(self, 0)
            for n in self.outbound_nodes:
                self.gradients[self] = self.gradients[self] + n.gradients[self]

    w, x, t = Kept(), Input(), Input()
    y = Mul(w, x)
    cost = MSE(t, y)
    loop.name(w=w, x=x, t=t, y=y, cost=cost)
    graph = topological_sort({w: 5.0, x: 10.0, t: 20.0})
    for _ in range(3):
        loop.both(graph)
        yield
        w.value = w.value - 0.001 * w.gradients[w]


def normalises(loop: Loop) -> Iterator[None]:
    """Batch norms of both kinds, with statistics that no record has."""
    x, w, t = Input(), Input(), Input()
    present, running = BatchNorm(x, w), BatchNorm(x, w, training=False)
    running.state = {"running_mean": np.array([0.5]), "running_var": np.array([4.0])}
    cost = MSE(t, Add(present, running))
    loop.name(x=x, w=w, t=t, present=present, running=running, cost=cost)
    feed = {x: np.array([[1.0], [3.0]]), w: np.array([2.0]), t: np.zeros((2, 1))}
    graph = topological_sort(feed)
    for _ in range(3):
        loop.both(graph)
        yield
        sgd_update([w], 0.01)


PROGRAMS = {
    program.__name__: program
    for program in (
        update_by_hand,
        falling_rate,
        batches_by_hand,
        batches_of_two_sizes,
        labels_with_zero_gradient,
        momentum_and_decay,
        adam,
        times_itself,
        overwrites_its_input,
        integer_labels,
        text_for_a_value,
        wrong_shape,
        forward_only,
        evaluates_between,
        two_graphs,
        alternates,
        catches_an_error,
        raises_in_a_node,
        zero_upstream,
        rebuilds_its_graph,
        twins,
        one_after_another,
        accumulates,
        normalises,
    )
}
