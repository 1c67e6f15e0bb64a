"""One SGD step of three networks of many layers, by miniflow and by PyTorch eager.

    python benchmarks/networks.py [--network lenet|resnet|nanogpt|all] [--dtype float32|float64]

LeNet and a small ResNet are updated with momentum, nanoGPT with AdamW. Before anything is timed,
costs and all parameters must agree after some steps. On nanoGPT, the debugger is then stepped node
by node and moved 100 SGD steps back.
"""

from __future__ import annotations

import statistics
from array import array
from collections.abc import Sequence
from random import Random
from time import process_time
from typing import Any

import numpy as np
from harness import (
    Array,
    Contestant,
    find_torch,
    machine,
    measure,
    one_processor,
    one_thread,
    options,
    show,
    table,
)
from network_models import NETWORKS, NanoGPT, Network

from mfdebug.core.timeline.checkpoints import DEFAULT_MEMORY
from mfdebug.core.timeline.computed_cursor import ComputedCursor
from mfdebug.core.timeline.computed_debugger import ComputedDebugger
from miniflow.plans.compile import compile_plan
from miniflow.training.descent import Momentum

ROUNDS = 40
DTYPES = ("float32", "float64")
DRAWN = 2048
# SGD steps after which costs and parameters are compared.
COMPARED = 5
TURN = 0.05
# The first and the number of the SGD steps from which the cursor moves back, and how many steps.
FROM, SPREAD, BACK = 150, 32, 100
# Bytes of history: mfdebug's own limit, and what moves within 50 ms take in float32.
HISTORIES = (DEFAULT_MEMORY, 2**30)


class Running:
    """miniflow, running: all calls of a step in one loop."""

    name = "**miniflow, running**"

    def __init__(self, network: Network) -> None:
        self.graph = network.graph()
        self.plan = compile_plan(self.graph)
        self.costs = array("d")

    def run(self, steps: int) -> None:
        """Do SGD steps 0 .. steps-1."""
        self.plan.run(0, steps, self.costs)

    def parameters(self) -> dict[str, Array]:
        """Return the parameters as they stand."""
        return {self.graph.nodes[i].label: self.plan.value(i) for i in self.graph.trainables}


class Stepped:
    """The debugger, stepped node by node to the end of each SGD step."""

    name = "**mfdebug, stepped node by node**"

    def __init__(self, network: Network) -> None:
        self.debugger = ComputedDebugger(network.graph())
        self.graph = self.debugger.graph

    def run(self, steps: int) -> None:
        """Do the next SGD steps."""
        cursor = self.debugger.cursor
        for _ in range(steps * cursor.timeline.length):
            cursor.step()

    @property
    def costs(self) -> array[float]:
        """The costs so far."""
        return self.debugger.cursor.costs

    def parameters(self) -> dict[str, Array]:
        """Return the parameters as they stand."""
        state = self.debugger.state
        return {self.graph.nodes[i].label: state.value(i) for i in self.graph.trainables}


class Eager:
    """PyTorch eager, with its own optimizer."""

    def __init__(self, torch: Any, network: Network) -> None:
        self.torch, self.network = torch, network
        self.x, self.y = (
            torch.from_numpy(table.astype(network.dtype) if table.dtype.kind == "f" else table)
            for table in (network.x, network.y)
        )
        self.rows = [torch.from_numpy(rows) for rows in network.drawn(DRAWN)]
        self.p = {
            name: torch.from_numpy(value.copy()).requires_grad_()
            for name, value in network.parameters.items()
        }
        network.torch_state(torch)
        how, optim = network.optimizer, torch.optim
        if isinstance(how, Momentum):
            self.optimizer = optim.SGD(self.p.values(), how.learning_rate, momentum=how.momentum)
        else:
            betas = how.beta1, how.beta2
            self.optimizer = optim.AdamW(
                self.p.values(), how.learning_rate, betas, weight_decay=how.weight_decay
            )
        self.name = f"PyTorch eager, `optim.{type(self.optimizer).__name__}`"
        self.costs = array("d")

    def run(self, steps: int) -> None:
        """Do SGD steps 0 .. steps-1."""
        for step in range(steps):
            rows = self.rows[step % DRAWN]
            cost = self.network.torch_cost(self.torch, self.x[rows], self.y[rows], self.p)
            cost.backward()
            self.optimizer.step()
            self.optimizer.zero_grad()
            self.costs.append(cost.item())

    def parameters(self) -> dict[str, Array]:
        """Return the parameters as they stand."""
        return {name: p.detach().numpy() for name, p in self.p.items()}


def check_agreement(engines: list[Any], network: Network, steps: int = COMPARED) -> None:
    """Train all engines, and compare costs and parameters with those of the first."""
    # A gradient of 0 but for rounding, as that of the bias of attention's keys, moves a parameter
    # under Adam by up to the learning rate.
    tolerance = 1e-9 if network.dtype == np.float64 else 2e-3
    first = engines[0]
    for engine in engines:
        engine.run(steps)
        np.testing.assert_allclose(engine.costs, first.costs, tolerance / 10, err_msg=engine.name)
        found, wanted = engine.parameters(), first.parameters()
        assert found.keys() == wanted.keys()
        for name, value in found.items():
            np.testing.assert_allclose(
                value, wanted[name], tolerance, tolerance, err_msg=f"{name} of {engine.name}"
            )


def compare(name: str, dtype: str, rounds: int) -> list[str]:
    """Return the Markdown lines of one network, PyTorch the baseline if it is installed."""
    torch = find_torch()
    network = NETWORKS[name](dtype)

    def make() -> list[Contestant]:
        engines: list[Any] = [] if torch is None else [Eager(torch, network)]
        engines.append(Running(network))
        check_agreement(engines, network)
        return [Contestant(engine.name, engine.run) for engine in engines]

    results = measure(make, rounds, builds=2, turn_seconds=TURN)
    missing = [] if torch else ["PyTorch eager"]
    return [f"### {network}", "", *table(results, "step", missing=missing), ""]


def stepping(dtype: str, rounds: int) -> list[str]:
    """Return the Markdown lines of nanoGPT stepped node by node, against running."""
    network = NanoGPT(dtype)

    def make() -> list[Contestant]:
        engines = [Running(network), Stepped(network)]
        check_agreement(engines, network)
        running, stepped = engines
        assert running.costs == stepped.costs
        for name, value in running.parameters().items():
            assert value.tobytes() == stepped.parameters()[name].tobytes(), name
        return [Contestant(engine.name, engine.run) for engine in engines]

    results = measure(make, rounds, builds=2, turn_seconds=TURN)
    return [f"### nanoGPT stepped node by node, {dtype}", "", *table(results, "step"), ""]


def going_back(dtypes: Sequence[str], rounds: int) -> list[str]:
    """Return the Markdown lines of moves back by 100 SGD steps, on nanoGPT."""
    lines = [
        f"### nanoGPT, {BACK} SGD steps back, from the ends of steps {FROM} to {FROM + SPREAD}",
        "",
        "To the end of a step, and to any moment of it, in processor time. *apart* is the",
        "number of SGD steps between checkpoints; in the older part of a run it can be twice that.",
        "Where they fit, the gradients of the last steps are kept as well.",
        "",
        "| dtype | history at most | taken | apart | to an end, median | most | to any | most |",
        "|:--|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for dtype in dtypes:
        for memory in HISTORIES:
            debugger = ComputedDebugger(NanoGPT(dtype).graph(), history_memory=memory)
            debugger.move((FROM + SPREAD) * debugger.timeline.length)
            times = [_times_back(debugger.cursor, rounds, ends=ends) for ends in (True, False)]
            kept = debugger.cursor.checkpoints
            cells = (f"{x * 1e3:.0f} ms" for of in times for x in (statistics.median(of), max(of)))
            lines.append(
                f"| {dtype} | {memory / 2**20:,.0f} MiB | {kept.bytes / 2**20:,.0f} MiB "
                f"| {kept.stride} | {' | '.join(cells)} |"
            )
    return [*lines, ""]


def _times_back(cursor: ComputedCursor, rounds: int, *, ends: bool) -> list[float]:
    """Return the seconds of moves back, from ends of SGD steps or from any moments.

    In processor time: unlike ratios, the time itself would be that of the other processes too.
    """
    random, length = Random(0), cursor.timeline.length
    times = []
    for _ in range(rounds):
        earlier = 0 if ends else random.randrange(length)
        moment = (FROM + random.randrange(1, SPREAD + 1)) * length - earlier
        cursor.move(moment)
        begun = process_time()
        cursor.move(moment - BACK * length)
        times.append(process_time() - begun)
        assert cursor.moment == moment - BACK * length
    return times


def run(rounds: int, networks: Sequence[str], dtypes: Sequence[str] = DTYPES) -> list[str]:
    """Return the Markdown lines of this benchmark."""
    lines = ["## Networks of many layers", ""]
    with one_processor():
        for name in networks:
            for dtype in dtypes:
                lines += compare(name, dtype, rounds)
        if "nanogpt" in networks:
            for dtype in dtypes:
                lines += stepping(dtype, rounds)
            lines += going_back(dtypes, max(2, rounds // 2))
    return lines


def main() -> None:
    """Run from the command line."""
    one_thread()
    parser = options(__doc__ or "", rounds=ROUNDS)
    parser.add_argument("--network", choices=[*NETWORKS, "all"], default="all")
    parser.add_argument("--dtype", choices=DTYPES, help="instead of both")
    asked = parser.parse_args()
    networks = list(NETWORKS) if asked.network == "all" else [asked.network]
    dtypes = (asked.dtype,) if asked.dtype else DTYPES
    show([*run(asked.rounds, networks, dtypes), machine()], markdown=asked.markdown)


if __name__ == "__main__":
    main()
