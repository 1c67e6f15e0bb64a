"""The drawn graph: the time of a layout, and of a moment.

    python benchmarks/circuit.py

In a window of 120x33. A layout is made once for a graph, a size and the open folds; a moment is
what a key costs: numbers, lit wires and the active box of the window, as runs of one style. Of a
graph that is too large even when it is folded, each moment lays out the neighbourhood of its node.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from itertools import islice
from time import process_time

from harness import machine, one_thread, options, show

from mfdebug.core.circuit.circuit import Circuit
from mfdebug.core.circuit.drawing.canvas import Window
from mfdebug.core.timeline.computed_debugger import ComputedDebugger
from mfdebug.core.timeline.debugger import Debugger
from mfdebug.opening.graphs import load_graph
from miniflow.graph import Graph
from tests.core.circuit.graphs import chain, random_graph, transformer_like

ROUNDS = 30
WINDOW = (120, 33)
MOMENTS = 40

GRAPHS: dict[str, Callable[[], Graph]] = {
    "circuit-b": lambda: load_graph("circuit-b"),
    "xor": lambda: load_graph("xor"),
    "vanishing": lambda: load_graph("vanishing"),
    "4 blocks": lambda: transformer_like(4),
    "300 blocks, folded": lambda: transformer_like(300),
    "a random graph, scrolled": lambda: random_graph(3, 100, 12),
    "the same, larger": lambda: random_graph(3, 200, 12),
    "a chain, its neighbourhoods": lambda: chain(1500),
    "a random graph, its neighbourhoods": lambda: random_graph(3, 3000, 12),
}


def timed(action: Callable[[], object]) -> float:
    """Return the milliseconds of processor time of one call."""
    begun = process_time()
    action()
    return (process_time() - begun) * 1e3


def moments(debugger: Debugger, circuit: Circuit, count: int) -> list[float]:
    """Return the milliseconds of each of so many moments, the movement of the cursor left out."""
    times = []
    window = Window(0, 0, *WINDOW)
    length = debugger.timeline.length
    for moment in islice(range(1, length + 1, max(1, length // count)), count):
        debugger.move(moment)
        node = debugger.where.node

        def draw(node: int | None = node, window: Window = window) -> None:
            circuit.follow(node)
            circuit.draw(debugger, window)

        times.append(timed(draw))
        box = None if node is None else circuit.box_of(node)
        if box is not None:
            window = circuit.scrolled_to(box, window)
    return times


def row(name: str, graph: Graph, rounds: int) -> str:
    """Return a line of the table."""
    debugger = ComputedDebugger(graph)
    shapes = debugger.plan.shapes
    layouts = [timed(lambda: Circuit(graph, shapes, *WINDOW)) for _ in range(max(2, rounds // 3))]
    circuit = Circuit(graph, shapes, *WINDOW)
    times: list[float] = []
    for _ in range(max(2, rounds // 3)):
        times += moments(debugger, circuit, MOMENTS)
    times.sort()
    late = times[int(0.99 * len(times)) - 1]
    return (
        f"| {name} | {len(graph):,} | {len(circuit.boxes)} | {circuit.plan} "
        f"| {statistics.median(layouts):.1f} ms | {statistics.median(times):.2f} ms "
        f"| {late:.2f} ms |"
    )


def run(rounds: int) -> list[str]:
    """Return the Markdown lines of this benchmark."""
    columns, rows = WINDOW
    lines = [
        "## The circuit",
        "",
        f"In a window of {columns}x{rows}, in processor time: a layout, "
        "which is made once, and a moment, which is drawn at each key.",
        "",
        "| graph | nodes | boxes | plan | layout | moment, median | 99 % |",
        "|:--|--:|--:|:--|--:|--:|--:|",
    ]
    lines += [row(name, make(), rounds) for name, make in GRAPHS.items()]
    return [*lines, ""]


if __name__ == "__main__":
    one_thread()
    asked = options(__doc__ or "", ROUNDS).parse_args()
    show([*run(asked.rounds), machine()], markdown=asked.markdown)
