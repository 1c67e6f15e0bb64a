"""One SGD step of a sigmoid network with a mean square error, by several engines.

Every engine does the same work per step: gather the rows of the batch, forward, backward, update,
and append the cost to `costs` as a Python float. All start from the same parameters and use the
same rows. Rows are drawn in advance for all but miniflow, which draws the same ones itself.
"""

# ruff: noqa: D102  (each engine's methods are those its base class describes)

from __future__ import annotations

from abc import ABC, abstractmethod
from array import array
from itertools import pairwise
from typing import Any

import lesson
import numpy as np
from harness import Array

from mfdebug.core.commands.interpreter import open_session
from mfdebug.core.timeline.computed_debugger import ComputedDebugger
from miniflow.graph import Graph, Training
from miniflow.node import Input
from miniflow.ops.activation import Sigmoid
from miniflow.ops.cost import MSE
from miniflow.ops.linear import Linear
from miniflow.plans.compile import compile_plan
from miniflow.training.data import Batches, Data
from miniflow.training.optimizers import SGD

RATE = 0.01
DRAWN = 2048


class Network:
    """Sizes, data and first parameters of a network that every engine starts from."""

    def __init__(self, sizes: tuple[int, ...], batch: int, rows: int, dtype: str) -> None:
        rng = np.random.default_rng(0)
        self.sizes = sizes
        self.batch = batch
        self.dtype = np.dtype(dtype)
        self.x: Array = rng.normal(size=(rows, sizes[0])).astype(dtype)
        self.y: Array = np.tanh(rng.normal(size=(rows, sizes[-1]))).astype(dtype)
        self.parameters: list[Array] = []
        for n, m in pairwise(sizes):
            self.parameters.append((rng.normal(size=(n, m)) / np.sqrt(n)).astype(dtype))
            self.parameters.append(np.zeros(m, dtype))
        batches = Batches(rows, batch, "replacement", 0)
        self._drawn = [np.array(batches.rows_of(step)) for step in range(DRAWN)]

    def drawn(self, steps: int) -> list[Array]:
        """Return the row numbers of SGD steps 0 .. steps-1; after `DRAWN` they repeat."""
        return (self._drawn * -(-steps // DRAWN))[:steps]

    def __str__(self) -> str:
        return f"{'-'.join(map(str, self.sizes))}, batch {self.batch}, {self.dtype}"


class Engine(ABC):
    """Something that trains a network; `run` starts at the first drawn batch again."""

    name: str

    def __init__(self, network: Network) -> None:
        self.network = network
        self.costs = array("d")

    @abstractmethod
    def run(self, steps: int) -> None:
        """Do SGD steps 0 .. steps-1 (the parameters stay as they were trained before)."""

    @abstractmethod
    def parameters(self) -> list[Array]:
        """Return W1, b1, W2, b2, ... as they stand."""


class Compiled(Engine):
    """miniflow, running: all calls of a step in one loop."""

    name = "**miniflow, running**"

    def __init__(self, network: Network) -> None:
        super().__init__(network)
        values = iter(network.parameters)
        top: Any = Input("X", shape=(None, network.sizes[0]))
        nodes: list[Any] = [top]
        for layer in range(len(network.sizes) - 1):
            if layer:
                nodes.append(top := Sigmoid(top))
            w = Input(f"W{layer + 1}", value=next(values), trainable=True)
            b = Input(f"b{layer + 1}", value=next(values), trainable=True)
            nodes += [w, b, top := Linear(top, w, b)]
        y = Input("y", shape=(None, network.sizes[-1]))
        cost = MSE(y, top)
        self.graph = Graph(
            [*nodes, y, cost],
            cost,
            dtype=network.dtype.name,
            training=Training(SGD(RATE), network.batch, "replacement", 0),
            data=Data({"X": network.x, "y": network.y}),
        )
        self.plan = compile_plan(self.graph)

    def run(self, steps: int) -> None:
        self.plan.run(0, steps, self.costs)

    def parameters(self) -> list[Array]:
        return [self.plan.value(i) for i in self.graph.trainables]


class Walked(Compiled):
    """miniflow, running to the next stop, tested at every node; no stop is met.

    It computes every gradient, also that of the data, since any of them may be shown.
    """

    name = "**miniflow, running to a stop, tested at every node**"

    def __init__(self, network: Network) -> None:
        super().__init__(network)
        graph = self.graph
        moments = len(graph.forward_nodes) + len(graph.backward_nodes) + len(graph.trainables)
        self.stops = bytearray(1 + moments)

    def run(self, steps: int) -> None:
        plan, stops, end = self.plan, self.stops, len(self.stops)
        for step in range(steps):
            plan.feed(step)
            stop = stops.find(1)
            plan.walk(1, end if stop < 0 else stop + 1)
            self.costs.append(plan.cost())


class Stepped(Compiled):
    """miniflow, stepped: one call of the plan per moment, as when a user steps.

    It computes every gradient, also that of the data, and updates parameter by parameter.
    """

    name = "**miniflow, stepped node by node**"

    def run(self, steps: int) -> None:
        plan, graph = self.plan, self.graph
        updates = range(len(graph.trainables))
        for step in range(steps):
            plan.feed(step)
            for i in graph.forward_nodes:
                plan.forward(i)
            for i in graph.backward_nodes:
                plan.backward(i)
            for i in updates:
                plan.update(i)
            self.costs.append(plan.cost())


class Armed(Compiled):
    """The debugger running with full history and the stops of `LINES`."""

    LINES: tuple[str, ...] = ()

    def __init__(self, network: Network) -> None:
        super().__init__(network)
        self.session = open_session(ComputedDebugger(self.graph))
        for line in self.LINES:
            self.session.run(line)

    def run(self, steps: int) -> None:
        debugger = self.session.debugger
        costs, met = debugger.cursor.costs, debugger.sgd_step
        known = len(costs)
        self.session.run(f"sgd {steps}")
        assert len(costs) == known + steps, f"a stop was met after SGD step {met}"
        self.costs = costs

    def parameters(self) -> list[Array]:
        debugger = self.session.debugger
        return [debugger.state.value(i) for i in self.graph.trainables]


class Recorded(Armed):
    """The debugger running without stops."""

    name = "**mfdebug, with its history**"


class NanWatched(Armed):
    """The debugger running with a watch for NaN and infinity."""

    name = "**mfdebug, history and NaN watch**"
    LINES = ("break nan", "break inf")


class Healthy(Armed):
    """The debugger running with every health rule, at thresholds that are never exceeded."""

    name = "**mfdebug, history and every health rule**"
    LINES = (
        *NanWatched.LINES,
        "break vanishing 1e-30",
        "break exploding",
        "break dead",
        "break saturated 1",
        "break unchanged",
    )


class ByHand(Engine):
    """NumPy written with care for this one network, with preallocated buffers.

    Every operation writes into a buffer of its own (`out=`); `np.dot` rather than `@`; a product
    with ones for the sum over the rows; a dot product for the sum of squares; no gradient of the
    data; all parameters, and all their gradients, are views of one flat block, updated in two
    operations; rows are gathered by `take`. Two layers and three are each written out in full:
    a loop over layers would cost a little.
    """

    name = "NumPy by hand, `out=` buffers"

    def __init__(self, network: Network) -> None:
        super().__init__(network)
        dtype, n = network.dtype, network.batch
        size = sum(p.size for p in network.parameters)
        self.block, self.block_grad = np.empty(size, dtype), np.empty(size, dtype)
        self.change = np.empty(size, dtype)
        self.p: list[Array] = []
        self.g: list[Array] = []
        start = 0
        for value in network.parameters:
            part = slice(start, start := start + value.size)
            self.p.append(self.block[part].reshape(value.shape))
            self.g.append(self.block_grad[part].reshape(value.shape))
            self.p[-1][...] = value
        self.x = np.empty((n, network.sizes[0]), dtype)
        self.y = np.empty((n, network.sizes[-1]), dtype)
        self.ones = np.ones(n, dtype)
        self.values = [np.empty((n, m), dtype) for m in network.sizes[1:]]
        self.grads = [np.empty((n, m), dtype) for m in network.sizes[1:]]
        self.slopes = [np.empty((n, m), dtype) for m in network.sizes[1:-1]]

    def run(self, steps: int) -> None:
        (self._two_layers if len(self.network.sizes) == 3 else self._three_layers)(steps)

    def constant(self, number: float) -> Any:
        """Return a constant as the operations take it."""
        return number

    def _two_layers(self, steps: int) -> None:
        x, y, ones, costs = self.x, self.y, self.ones, self.costs
        w1, b1, w2, b2 = self.p
        gw1, gb1, gw2, gb2 = self.g
        s1, a = self.values
        d1, d2 = self.grads
        (t1,) = self.slopes
        x_t, s1_t, w2_t = x.T, s1.T, w2.T
        flat = d2.reshape(-1)
        block, block_grad, change = self.block, self.block_grad, self.change
        all_x, all_y = self.network.x, self.network.y
        count = a.size
        one, rate, scale = map(self.constant, (1.0, RATE, 2.0 / count))
        for rows in self.network.drawn(steps):
            all_x.take(rows, 0, x, "clip")
            all_y.take(rows, 0, y, "clip")
            np.dot(x, w1, out=s1)
            np.add(s1, b1, out=s1)
            np.negative(s1, out=s1)
            np.exp(s1, out=s1)
            np.add(s1, one, out=s1)
            np.reciprocal(s1, out=s1)
            np.dot(s1, w2, out=a)
            np.add(a, b2, out=a)
            np.subtract(a, y, out=d2)
            costs.append(float(np.dot(flat, flat)) / count)
            np.multiply(d2, scale, out=d2)
            np.dot(s1_t, d2, out=gw2)
            np.dot(ones, d2, out=gb2)
            np.dot(d2, w2_t, out=d1)
            np.subtract(one, s1, out=t1)
            np.multiply(t1, s1, out=t1)
            np.multiply(d1, t1, out=d1)
            np.dot(x_t, d1, out=gw1)
            np.dot(ones, d1, out=gb1)
            np.multiply(block_grad, rate, out=change)
            np.subtract(block, change, out=block)

    def _three_layers(self, steps: int) -> None:
        x, y, ones, costs = self.x, self.y, self.ones, self.costs
        w1, b1, w2, b2, w3, b3 = self.p
        gw1, gb1, gw2, gb2, gw3, gb3 = self.g
        s1, s2, a = self.values
        d1, d2, d3 = self.grads
        t1, t2 = self.slopes
        x_t, s1_t, s2_t, w2_t, w3_t = x.T, s1.T, s2.T, w2.T, w3.T
        flat = d3.reshape(-1)
        block, block_grad, change = self.block, self.block_grad, self.change
        all_x, all_y = self.network.x, self.network.y
        count = a.size
        one, rate, scale = map(self.constant, (1.0, RATE, 2.0 / count))
        for rows in self.network.drawn(steps):
            all_x.take(rows, 0, x, "clip")
            all_y.take(rows, 0, y, "clip")
            np.dot(x, w1, out=s1)
            np.add(s1, b1, out=s1)
            np.negative(s1, out=s1)
            np.exp(s1, out=s1)
            np.add(s1, one, out=s1)
            np.reciprocal(s1, out=s1)
            np.dot(s1, w2, out=s2)
            np.add(s2, b2, out=s2)
            np.negative(s2, out=s2)
            np.exp(s2, out=s2)
            np.add(s2, one, out=s2)
            np.reciprocal(s2, out=s2)
            np.dot(s2, w3, out=a)
            np.add(a, b3, out=a)
            np.subtract(a, y, out=d3)
            costs.append(float(np.dot(flat, flat)) / count)
            np.multiply(d3, scale, out=d3)
            np.dot(s2_t, d3, out=gw3)
            np.dot(ones, d3, out=gb3)
            np.dot(d3, w3_t, out=d2)
            np.subtract(one, s2, out=t2)
            np.multiply(t2, s2, out=t2)
            np.multiply(d2, t2, out=d2)
            np.dot(s1_t, d2, out=gw2)
            np.dot(ones, d2, out=gb2)
            np.dot(d2, w2_t, out=d1)
            np.subtract(one, s1, out=t1)
            np.multiply(t1, s1, out=t1)
            np.multiply(d1, t1, out=d1)
            np.dot(x_t, d1, out=gw1)
            np.dot(ones, d1, out=gb1)
            np.multiply(block_grad, rate, out=change)
            np.subtract(block, change, out=block)

    def parameters(self) -> list[Array]:
        return self.p


class ByHandConstants(ByHand):
    """The same with constants as 0-d arrays, an unusual optimization."""

    name = "the same, constants as 0-d arrays"

    def constant(self, number: float) -> Any:
        return np.array(number, self.network.dtype)


class Naive(Engine):
    """NumPy written naively: a new array for every result, and no gradient of the data."""

    name = "NumPy, naive"

    def __init__(self, network: Network) -> None:
        super().__init__(network)
        self.w = [p.copy() for p in network.parameters[0::2]]
        self.b = [p.copy() for p in network.parameters[1::2]]

    def run(self, steps: int) -> None:
        w, b = self.w, self.b
        last = len(w) - 1
        for rows in self.network.drawn(steps):
            y = self.network.y[rows]
            values = [self.network.x[rows]]
            for layer in range(last):
                values.append(1.0 / (1.0 + np.exp(-(values[layer] @ w[layer] + b[layer]))))
            error = values[last] @ w[last] + b[last] - y
            self.costs.append(np.mean(error**2))
            grad = 2.0 / error.size * error
            for layer in range(last, -1, -1):
                s = values[layer]
                grad_w, grad_b = s.T @ grad, grad.sum(0)
                if layer:
                    grad = grad @ w[layer].T * (s * (1.0 - s))
                w[layer] -= RATE * grad_w
                b[layer] -= RATE * grad_b

    def parameters(self) -> list[Array]:
        return [p for pair in zip(self.w, self.b, strict=True) for p in pair]


class Lesson(Engine):
    """The lesson's algorithm, on nodes."""

    name = "the lesson's algorithm"

    def __init__(self, network: Network) -> None:
        super().__init__(network)
        self.x, self.y = lesson.Input(), lesson.Input()
        self.trainables: list[lesson.Input] = []
        self.order: list[lesson.Node] = [self.x, self.y]
        top: lesson.Node = self.x
        for layer in range(len(network.sizes) - 1):
            if layer:
                self.order.append(top := lesson.Sigmoid(top))
            w, b = lesson.Input(), lesson.Input()
            w.value, b.value = (p.copy() for p in network.parameters[2 * layer : 2 * layer + 2])
            self.trainables += [w, b]
            self.order += [w, b, top := lesson.Linear(top, w, b)]
        self.order.append(lesson.MSE(self.y, top))

    def run(self, steps: int) -> None:
        for rows in self.network.drawn(steps):
            self.x.value = self.network.x[rows]
            self.y.value = self.network.y[rows]
            lesson.forward_and_backward(self.order)
            lesson.sgd_update(self.trainables, RATE)
            self.costs.append(self.order[-1].value)

    def parameters(self) -> list[Array]:
        return [node.value for node in self.trainables]


ENGINES: list[type[Engine]] = [
    ByHand,
    ByHandConstants,
    Naive,
    Compiled,
    Walked,
    Stepped,
    Recorded,
    NanWatched,
    Healthy,
    Lesson,
]
