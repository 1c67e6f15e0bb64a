"""Which view of the cost a command names, and which one is chosen if it names none."""

from __future__ import annotations

import math

import msgspec
import numpy as np

from mfdebug.core.expressions.parser import parse_entry
from mfdebug.core.landscape.landscape import View
from mfdebug.core.plots.usage import LANDSCAPE
from mfdebug.core.timeline.computed_cursor import ComputedCursor
from mfdebug.core.timeline.debugger import Debugger, DebuggerError, node_or_error
from mfdebug.core.timeline.entry_ref import named
from miniflow.ops.base import shape_text

# The most learning rates whose landings are asked for.
MOST_RATES = 5


def view_named(debugger: Debugger, text: str) -> View:
    """Return the view that a command names; raise `DebuggerError` if there is none."""
    graph = debugger.graph
    if not graph.trains:
        raise DebuggerError("nothing is trained here: no landscape", where="landscape")
    computed = isinstance(debugger.cursor, ComputedCursor)
    words = text.split()
    if "lr" in words and "lr" not in graph.by_name:
        at = words.index("lr")
        view = view_named(debugger, " ".join(words[:at]))
        return msgspec.structs.replace(view, rates=_rates(words[at + 1 :]))
    if not words:
        count = _count(debugger)
        if count <= 2:
            return View("entries", tuple(range(count)))
        return View("gradient" if computed else "path")
    if len(words) == 1 and words[0] in ("gradient", "path") and words[0] not in graph.by_name:
        if words[0] == "gradient" and not computed:
            raise DebuggerError(
                "a program is not run again: its cost at other parameters is not known",
                where="landscape",
                hint="landscape path shows where its parameters were",
            )
        return View("gradient" if words[0] == "gradient" else "path")
    if len(words) > 2:
        raise DebuggerError("at most two entries have a landscape", hint=f"usage: {LANDSCAPE}")
    entries = tuple(_position(debugger, word) for word in words)
    if len(set(entries)) < len(entries):
        raise DebuggerError("the two entries are the same", hint=f"usage: {LANDSCAPE}")
    return View("entries", entries)


def entry_name(debugger: Debugger, position: int) -> str:
    """Return the name of a number in the joined parameters: `w`, `W1[0,1]`."""
    for i in debugger.graph.trainables:
        shape = debugger.plan.shapes[i]
        size = math.prod(shape)
        if position < size:
            name = debugger.graph.nodes[i].label
            return name if size == 1 else named(name, map(int, np.unravel_index(position, shape)))
        position -= size
    raise AssertionError("the position is of a parameter")


def _rates(words: list[str]) -> tuple[float, ...]:
    """Return the learning rates that a command names."""
    try:
        rates = tuple(map(float, words))
    except ValueError:
        rates = ()
    if not 0 < len(rates) <= MOST_RATES or not all(0 < rate < math.inf for rate in rates):
        raise DebuggerError(
            f"1 to {MOST_RATES} learning rates are expected after lr",
            hint="as in: landscape lr 0.001 0.01",
        )
    return rates


def _count(debugger: Debugger) -> int:
    return sum(math.prod(debugger.plan.shapes[i]) for i in debugger.graph.trainables)


def _position(debugger: Debugger, word: str) -> int:
    graph = debugger.graph
    entry = parse_entry(word, graph.by_name)
    node = node_or_error(graph, entry.node)
    label = graph.nodes[node].label
    if node not in graph.trainables:
        trained = ", ".join(graph.nodes[i].label for i in graph.trainables[:4])
        raise DebuggerError(f"{label} is not a parameter", hint=f"parameters are {trained}")
    shape = debugger.plan.shapes[node]
    if entry.index is None and math.prod(shape) != 1:
        first = named(label, [0] * len(shape))
        raise DebuggerError(
            f"{label} has {math.prod(shape)} entries ({shape_text(shape)})",
            hint=f"name one, as in: landscape {first}",
        )
    index = entry.index or (0,) * len(shape)
    debugger.check_index(node, index)
    # "wrap": an index below 0 counts from the end.
    at = int(np.ravel_multi_index(index, shape, "wrap")) if index else 0
    before = graph.trainables[: graph.trainables.index(node)]
    return at + sum(math.prod(debugger.plan.shapes[i]) for i in before)
