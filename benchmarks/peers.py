"""The engines of the installed peers for one SGD step."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np
from engines import DRAWN, RATE, Engine, Network
from harness import Array, find_torch, why_not

# For each package, the name of its row if it is not installed.
PEERS = {
    "torch": "PyTorch eager, torch.compile",
    "jax": "JAX",
    "autograd": "HIPS autograd",
    "tinygrad": "tinygrad",
}


def peers() -> tuple[list[type[Engine]], list[str]]:
    """Return the engines that run here, and the names of the others, with the reason.

    An engine is tried on a small network first: tinygrad, for one, needs a compiler.
    """
    made = {"torch": _torch, "jax": _jax, "autograd": _autograd, "tinygrad": _tinygrad}
    engines: list[type[Engine]] = []
    missing: list[str] = []
    for package, name in PEERS.items():
        if find_spec(package) is None:
            missing.append(name)
            continue
        found: list[type[Engine]] = []
        if reason := why_not(partial(_collect, made[package], found)):
            missing.append(f"{name} ({reason})")
        for engine in found:
            if reason := why_not(partial(_try, engine)):
                missing.append(f"{engine.name} ({reason})")
            else:
                engines.append(engine)
    for skipped in missing:
        print(f"skipped: {skipped}", file=sys.stderr)
    return engines, missing


def _collect(make: Callable[[], list[type[Engine]]], found: list[type[Engine]]) -> None:
    found += make()


def _try(engine: type[Engine]) -> None:
    tried = engine(Network((3, 2, 1), 2, 4, "float64"))
    tried.run(2)
    tried.parameters()


def _torch() -> list[type[Engine]]:
    torch = find_torch()

    class Eager(Engine):
        """PyTorch eager with its own SGD."""

        name = "PyTorch eager, `optim.SGD`"

        def __init__(self, network: Network) -> None:
            super().__init__(network)
            self.x, self.y = torch.from_numpy(network.x), torch.from_numpy(network.y)
            self.drawn = [torch.from_numpy(rows) for rows in network.drawn(DRAWN)]
            self.p = [torch.from_numpy(p.copy()).requires_grad_() for p in network.parameters]
            self.update = self.make_update()
            self.cost = self.make_cost()

        def make_update(self) -> Callable[[], None]:
            optimizer = torch.optim.SGD(self.p, RATE)

            def update() -> None:
                optimizer.step()
                optimizer.zero_grad()

            return update

        def make_cost(self) -> Callable[..., Any]:
            def cost(x: Any, y: Any, *p: Any) -> Any:
                for layer in range(0, len(p), 2):
                    if layer:
                        x = torch.sigmoid(x)
                    x = torch.addmm(p[layer + 1], x, p[layer])
                return torch.nn.functional.mse_loss(x, y)

            return cost

        def run(self, steps: int) -> None:
            p, update, cost = self.p, self.update, self.cost
            for step in range(steps):
                rows = self.drawn[step % DRAWN]
                found = cost(self.x.index_select(0, rows), self.y.index_select(0, rows), *p)
                found.backward()
                update()
                self.costs.append(found.item())

        def parameters(self) -> list[Array]:
            return [p.detach().numpy() for p in self.p]

    class Lean(Eager):
        """PyTorch eager, updated without an optimizer."""

        name = "PyTorch eager, no optimizer"

        def make_update(self) -> Callable[[], None]:
            def update() -> None:
                with torch.no_grad():
                    for p in self.p:
                        p.sub_(p.grad, alpha=RATE)
                        p.grad = None

            return update

    class Compiled(Lean):
        """The cost compiled, updated without an optimizer."""

        name = "torch.compile, no optimizer"

        def make_cost(self) -> Callable[..., Any]:
            compiled: Callable[..., Any] = torch.compile(super().make_cost())
            return compiled

    return [Eager, Lean, Compiled]


def _jax() -> list[type[Engine]]:
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    jax = import_module("jax")
    jax.config.update("jax_enable_x64", True)
    jnp = jax.numpy

    class Jit(Engine):
        """JAX: a whole step in one compiled call."""

        name = "JAX jit, a call a step"

        def __init__(self, network: Network) -> None:
            super().__init__(network)
            self.x, self.y = jnp.asarray(network.x), jnp.asarray(network.y)
            self.drawn = [jnp.asarray(rows) for rows in network.drawn(DRAWN)]
            self.p = tuple(jnp.asarray(p) for p in network.parameters)

            def cost(p: Any, x: Any, y: Any) -> Any:
                for layer in range(0, len(p), 2):
                    if layer:
                        x = jax.nn.sigmoid(x)
                    x = x @ p[layer] + p[layer + 1]
                return jnp.mean((x - y) ** 2)

            @jax.jit
            def step(p: Any, x: Any, y: Any, rows: Any) -> Any:
                found, g = jax.value_and_grad(cost)(p, x[rows], y[rows])
                return tuple(a - RATE * b for a, b in zip(p, g, strict=True)), found

            self.step = step

        def run(self, steps: int) -> None:
            p, step, x, y = self.p, self.step, self.x, self.y
            for number in range(steps):
                p, cost = step(p, x, y, self.drawn[number % DRAWN])
                self.costs.append(float(cost))
            self.p = p

        def parameters(self) -> list[Array]:
            return [np.asarray(p) for p in self.p]

    return [Jit]


def _autograd() -> list[type[Engine]]:
    anp = import_module("autograd.numpy")
    value_and_grad = import_module("autograd").value_and_grad

    class Hips(Engine):
        """HIPS autograd, on NumPy."""

        name = "HIPS autograd"

        def __init__(self, network: Network) -> None:
            super().__init__(network)
            self.p = [p.copy() for p in network.parameters]

            def cost(p: Any, x: Any, y: Any) -> Any:
                for layer in range(0, len(p), 2):
                    if layer:
                        x = 1.0 / (1.0 + anp.exp(-x))
                    x = anp.dot(x, p[layer]) + p[layer + 1]
                return anp.mean((x - y) ** 2)

            self.cost_and_gradients = value_and_grad(cost)

        def run(self, steps: int) -> None:
            for rows in self.network.drawn(steps):
                x, y = self.network.x[rows], self.network.y[rows]
                cost, gradients = self.cost_and_gradients(self.p, x, y)
                for p, g in zip(self.p, gradients, strict=True):
                    p -= RATE * g
                self.costs.append(cost)

        def parameters(self) -> list[Array]:
            return self.p

    return [Hips]


def _tinygrad() -> list[type[Engine]]:
    tinygrad = import_module("tinygrad")
    tensor = tinygrad.Tensor

    class Jitted(Engine):
        """tinygrad: a step in its JIT."""

        name = "tinygrad, TinyJit"

        def __init__(self, network: Network) -> None:
            super().__init__(network)
            self.p = [tensor(p).realize() for p in network.parameters]

            @tinygrad.TinyJit
            def step(x: Any, y: Any) -> Any:
                for layer in range(0, len(self.p), 2):
                    if layer:
                        x = x.sigmoid()
                    x = x.dot(self.p[layer]) + self.p[layer + 1]
                cost = (x - y).square().mean()
                for p, g in zip(self.p, cost.gradient(*self.p), strict=True):
                    p.assign(p - RATE * g)
                tensor.realize(cost, *self.p)
                return cost

            self.step = step

        def run(self, steps: int) -> None:
            for rows in self.network.drawn(steps):
                x, y = tensor(self.network.x[rows]), tensor(self.network.y[rows])
                self.costs.append(self.step(x.realize(), y.realize()).item())

        def parameters(self) -> list[Array]:
            return [p.numpy() for p in self.p]

    return [Jitted]
