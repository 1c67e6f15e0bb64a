"""The lines of a moment without a node: the start, with the graph's description, or a feed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from rich.segment import Segment
from rich.style import Style

from mfdebug.config.bindings import Keys
from mfdebug.core.explain.ordering_text import wait_text
from mfdebug.core.timeline.computed_debugger import ComputedDebugger
from mfdebug.core.timeline.debugger import Debugger
from mfdebug.tui.terminal.text_fitting import wrap

if TYPE_CHECKING:
    from mfdebug.tui.widgets.tensor import Line


def moment_lines(
    debugger: Debugger, width: int, keys: Keys, style: Callable[[str], Style]
) -> Iterable[Line]:
    """Yield the lines of the present moment, which has no node."""
    if debugger.where.phase == "start":
        yield from _start(debugger, width, keys, style)
        return
    yield from _explained(debugger, width, style)


def ordering_panel_lines(
    debugger: Debugger, node: int, width: int, style: Callable[[str], Style]
) -> Iterable[Line]:
    """Yield the lines of a moment of the ordering, with what a chosen node waits for."""
    yield from _explained(debugger, width, style)
    if node != debugger.where.node:
        yield []
        yield from (
            [Segment(part, style("label"))] for part in wrap(wait_text(debugger, node), width)
        )


def _explained(debugger: Debugger, width: int, style: Callable[[str], Style]) -> Iterable[Line]:
    from mfdebug.core.explain.moment_text import explain

    title, *lines = explain(debugger)
    yield from ([Segment(part, style("title"))] for part in wrap(title, width))
    yield []
    for line in lines:
        first, *rest = wrap(line.strip(), width - 4)
        yield [Segment(f"  {first}")]
        yield from ([Segment(f"    {part}")] for part in rest)


def _start(
    debugger: Debugger, width: int, keys: Keys, style: Callable[[str], Style]
) -> Iterable[Line]:
    graph = debugger.graph
    yield from ([Segment(part, style("title"))] for part in wrap(graph.name, width))
    yield []
    for paragraph in graph.description.splitlines():
        yield from ([Segment(text)] for text in wrap(paragraph, width) or [""])
    if before := debugger.plan.steps_before:
        text = f"It continues a run after {before:,} SGD steps."
        yield from ([Segment(part, style("dim"))] for part in wrap(text, width))
    yield []
    found = isinstance(debugger, ComputedDebugger)
    hints = [
        ("step", f"steps on, {keys.name('back')} back: a node at a time"),
        ("next", "to the end of a phase"),
        *([("sgd", "one whole SGD step")] if graph.trains else []),
        *([("order", f"how the order is found, {keys.name('help')} all keys")] if found else []),
        *([] if found else [("help", "all keys and commands")]),
    ]
    for key, words in hints:
        yield [Segment(keys.name(key), style("title")), Segment(f" {words}")]
