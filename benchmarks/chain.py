"""Graphs of scalars: chains of 1,000 and 10,000 nodes, and the lesson's opening example.

    python benchmarks/chain.py

On single numbers everything is overhead, so this measures the cost of a node. The chain alternates
tanh and multiply; all multiplications share one w, whose gradient has a term for each.
The opening example is y = w·x with a square error: one multiplication. One step is forward,
backward and update; costs and trained values must agree before anything is timed.
"""

# ruff: noqa: D102  (each engine's methods are those its base class describes)

from __future__ import annotations

import math
import sys
from abc import ABC, abstractmethod
from array import array
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import lesson
import numpy as np
from harness import (
    SKIPPED,
    Contestant,
    find_torch,
    machine,
    measure,
    one_thread,
    options,
    show,
    table,
    that_run,
)

from miniflow.graph import Graph, Training
from miniflow.node import Input, Node
from miniflow.ops.activation import Tanh
from miniflow.ops.arithmetic import Mul
from miniflow.ops.cost import MSE
from miniflow.plans.compile import compile_plan
from miniflow.training.optimizers import SGD

ROUNDS = 100
LENGTHS = (1_000, 10_000)
RATE = 0.001
CHAIN = (0.5, 1.2)
OPENING = (10.0, 5.0, 20.0)


class Engine(ABC):
    """Something that trains one of the two graphs; the cost of each step goes to `costs`."""

    name: str

    def __init__(self) -> None:
        self.costs = array("d")

    @abstractmethod
    def run(self, steps: int) -> None:
        """Do SGD steps."""

    @abstractmethod
    def trained(self) -> list[float]:
        """Return the trained values."""


class ChainByHand(Engine):
    """The chain as two loops over one list of floats."""

    name = "Python floats by hand"

    def __init__(self, length: int) -> None:
        super().__init__()
        self.x, self.w = CHAIN
        self.values = [0.0] * (length + 1)

    def run(self, steps: int) -> None:
        x, w, values, tanh = self.x, self.w, self.values, math.tanh
        length = len(values) - 1
        for _ in range(steps):
            values[0] = v = x
            for i in range(1, length, 2):
                values[i] = v = tanh(v)
                values[i + 1] = v = v * w
            self.costs.append(v)
            g, gw = 1.0, 0.0
            for i in range(length - 1, 0, -2):
                t = values[i]
                gw += g * t
                g = g * w * (1.0 - t * t)
            x -= RATE * g
            w -= RATE * gw
        self.x, self.w = x, w

    def trained(self) -> list[float]:
        return [self.x, self.w]


class OpeningByHand(Engine):
    """The opening example as a few lines on floats."""

    name = "Python floats by hand"

    def __init__(self) -> None:
        super().__init__()
        self.w = OPENING[1]

    def run(self, steps: int) -> None:
        x, w, wanted = OPENING[0], self.w, OPENING[2]
        for _ in range(steps):
            error = wanted - w * x
            self.costs.append(error * error)
            w -= RATE * (-2.0 * error * x)
        self.w = w

    def trained(self) -> list[float]:
        return [self.w]


def chain_graph(length: int) -> Graph:
    """Return the chain."""
    x = Input("x", value=CHAIN[0], trainable=True)
    w = Input("w", value=CHAIN[1], trainable=True)
    nodes: list[Node] = [x, w]
    top: Node = x
    for _ in range(length // 2):
        nodes.append(top := Tanh(top))
        nodes.append(top := Mul(top, w))
    return Graph(nodes, top, training=Training(SGD(RATE)))


def opening_graph() -> Graph:
    """Return the opening example."""
    x, w, wanted = OPENING
    y = Mul(Input("w", value=w, trainable=True), Input("x", value=x))
    return Graph.of(MSE(Input("wanted", value=wanted), y), training=Training(SGD(RATE)))


class Compiled(Engine):
    """miniflow, running."""

    name = "**miniflow, running**"

    def __init__(self, graph: Graph) -> None:
        super().__init__()
        self.graph = graph
        self.plan = compile_plan(graph)

    def run(self, steps: int) -> None:
        self.plan.run(0, steps, self.costs)

    def trained(self) -> list[float]:
        return [float(self.plan.value(i)) for i in self.graph.trainables]


class Walked(Compiled):
    """miniflow, running to the next stop, tested at every node; no stop is met."""

    name = "**miniflow, running to a stop, tested at every node**"

    def run(self, steps: int) -> None:
        plan, graph = self.plan, self.graph
        moments = len(graph.forward_nodes) + len(graph.backward_nodes) + len(graph.trainables)
        stops = bytearray(1 + moments)
        for step in range(steps):
            plan.feed(step)
            stop = stops.find(1)
            plan.walk(1, len(stops) if stop < 0 else stop + 1)
            self.costs.append(plan.cost())


class Stepped(Compiled):
    """miniflow, one call of the plan per moment, as when a user steps."""

    name = "**miniflow, stepped node by node**"

    def run(self, steps: int) -> None:
        plan, graph = self.plan, self.graph
        for step in range(steps):
            plan.feed(step)
            for i in graph.forward_nodes:
                plan.forward(i)
            for i in graph.backward_nodes:
                plan.backward(i)
            for i in range(len(graph.trainables)):
                plan.update(i)
            self.costs.append(plan.cost())


class Lesson(Engine):
    """The lesson's algorithm, on Python floats."""

    name = "the lesson's algorithm, on Python floats"

    def __init__(self, order: list[lesson.Node], trainables: list[lesson.Input]) -> None:
        super().__init__()
        self.order = order
        self.trainables = trainables

    def run(self, steps: int) -> None:
        for _ in range(steps):
            lesson.forward_and_backward(self.order)
            lesson.sgd_update(self.trainables, RATE)
            self.costs.append(self.order[-1].value)

    def trained(self) -> list[float]:
        return [float(node.value) for node in self.trainables]


def lesson_chain(length: int) -> Lesson:
    """Return the chain on the lesson's nodes."""
    x, w = lesson.Input(), lesson.Input()
    x.value, w.value = CHAIN
    order: list[lesson.Node] = [x, w]
    for _ in range(length // 2):
        order.append(lesson.Tanh(order[-1] if len(order) > 2 else x))
        order.append(lesson.Mul(order[-1], w))
    return Lesson(order, [x, w])


def lesson_opening() -> Lesson:
    """Return the opening example on the lesson's nodes."""
    x, w, wanted = lesson.Input(), lesson.Input(), lesson.Input()
    x.value, w.value, wanted.value = OPENING
    y = lesson.Mul(w, x)
    return Lesson([x, w, wanted, y, lesson.MSE(wanted, y)], [w])


def torch_engines(length: int) -> list[Engine]:
    """Return PyTorch's engines of the chain and the opening, or none if it is not installed."""
    if (torch := find_torch()) is None:
        return []

    class Eager(Engine):
        name = "PyTorch eager, no optimizer"

        def __init__(self, *values: float) -> None:
            super().__init__()
            self.p = [torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in values]

        def cost(self) -> Any:
            raise NotImplementedError

        def run(self, steps: int) -> None:
            for _ in range(steps):
                cost = self.cost()
                cost.backward()
                with torch.no_grad():
                    for p in self.p:
                        p.sub_(p.grad, alpha=RATE)
                        p.grad = None
                self.costs.append(cost.item())

        def trained(self) -> list[float]:
            return [p.item() for p in self.p]

    class Chain(Eager):
        def cost(self) -> Any:
            top, w = self.p
            for _ in range(length // 2):
                top = torch.tanh(top) * w
            return top

    class Opening(Eager):
        def cost(self) -> Any:
            return (wanted - self.p[0] * x) ** 2

    x, wanted = (torch.tensor(v, dtype=torch.float64) for v in (OPENING[0], OPENING[2]))
    return [Chain(*CHAIN), Opening(OPENING[1])]


def micrograd_engines(length: int) -> list[Engine]:
    """Return micrograd's engines of the chain and the opening, or none without micrograd.

    It finds its order by recursion, a node deeper each time.
    """
    if find_spec("micrograd") is None:
        return []
    value = import_module("micrograd.engine").Value

    class Micrograd(Engine):
        name = "micrograd"

        def __init__(self, *values: float) -> None:
            super().__init__()
            self.p = [value(v) for v in values]

        def cost(self) -> Any:
            raise NotImplementedError

        def run(self, steps: int) -> None:
            for _ in range(steps):
                cost = self.cost()
                cost.backward()
                for p in self.p:
                    p.data -= RATE * p.grad
                    p.grad = 0
                self.costs.append(cost.data)

        def trained(self) -> list[float]:
            return [p.data for p in self.p]

    class Chain(Micrograd):
        def cost(self) -> Any:
            top, w = self.p
            for _ in range(length // 2):
                top = tanh(top) * w
            return top

    class Opening(Micrograd):
        def cost(self) -> Any:
            return (OPENING[2] + -1.0 * (self.p[0] * OPENING[0])) ** 2

    def tanh(node: Any) -> Any:
        """Return tanh of a node, in micrograd's own style: it has none."""
        out = value(math.tanh(node.data), (node,), "tanh")

        def backward() -> None:
            node.grad += (1 - out.data**2) * out.grad

        out._backward = backward
        return out

    sys.setrecursionlimit(max(sys.getrecursionlimit(), 4 * LENGTHS[0]))
    # The longer chain would overflow the C stack.
    return [*([Chain(*CHAIN)] if length == LENGTHS[0] else []), Opening(OPENING[1])]


def missing() -> list[str]:
    """Return the peers that do not take part, with the reason unless they are not installed."""
    names = [] if find_torch() else ["PyTorch eager"]
    names += [] if find_spec("micrograd") else ["micrograd"]
    return names + [f"{name} ({reason})" for name, reason in SKIPPED.items()]


def compared(engines: list[Engine], steps: int = 20) -> list[Contestant]:
    """Train all engines, compare costs and trained values, and return them as contestants."""
    for engine in engines:
        engine.run(steps)
        np.testing.assert_allclose(engine.costs, engines[0].costs, 1e-10, err_msg=engine.name)
        np.testing.assert_allclose(engine.trained(), engines[0].trained(), 1e-10)
    running, stopping, stepped = (engine for engine in engines if isinstance(engine, Compiled))
    assert running.costs == stopping.costs == stepped.costs
    assert running.trained() == stopping.trained() == stepped.trained()
    return [Contestant(engine.name, engine.run) for engine in engines]


def make_chains(length: int) -> list[Contestant]:
    """Return all engines on the chain, after comparing them."""
    graph = chain_graph(length)
    engines = [ChainByHand(length), *(kind(graph) for kind in (Compiled, Walked, Stepped))]
    torch = that_run("PyTorch eager", lambda: torch_engines(length))[:1]
    micrograd = that_run("micrograd", lambda: micrograd_engines(length))[:-1]
    return compared([*engines, lesson_chain(length), *torch, *micrograd])


def make_openings() -> list[Contestant]:
    """Return all engines on the opening example, after comparing them."""
    engines = [
        OpeningByHand(),
        *(kind(opening_graph()) for kind in (Compiled, Walked, Stepped)),
        lesson_opening(),
    ]
    torch = that_run("PyTorch eager", lambda: torch_engines(2))[1:]
    micrograd = that_run("micrograd", lambda: micrograd_engines(2))[-1:]
    contestants = compared([*engines, *torch, *micrograd])
    # The article's own numbers: the cost while w is on its way from 5 to 2.
    np.testing.assert_allclose(engines[0].costs[:3], [900.0, 576.0, 368.64])
    return contestants


def run(rounds: int) -> list[str]:
    """Return the Markdown lines of this benchmark."""
    lines = ["## Graphs of scalars", ""]
    for length in LENGTHS:
        results = measure(lambda n=length: make_chains(n), max(2, rounds * LENGTHS[0] // length))
        lines += [f"### A chain of {length:,} nodes, tanh and multiply", ""]
        absent = missing()
        if length > LENGTHS[0] and not any(name.startswith("micrograd") for name in absent):
            absent.append("micrograd (it recurses too deep)")
        lines += [*table(results, "node", per=length, missing=absent), ""]
    results = measure(make_openings, rounds)
    rows = table(results, "step", missing=missing())
    return [*lines, "### The opening example, y = w·x", "", *rows, ""]


def main() -> None:
    """Run from the command line."""
    one_thread()
    asked = options(__doc__ or "", rounds=ROUNDS).parse_args()
    show([*run(asked.rounds), machine()], markdown=asked.markdown)


if __name__ == "__main__":
    main()
