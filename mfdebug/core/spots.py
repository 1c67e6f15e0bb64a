"""One number of a run: how it is named, and the sum that it is.

A sum is kept as bundles of amounts in arrays; only the terms that are shown become text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Literal, NamedTuple

import numpy as np
from msgspec import Struct

from mfdebug.core.debugger import Debugger
from mfdebug.core.entries import Index, Subscripts, matched
from mfdebug.core.numbers import scalar
from miniflow.graph import Graph
from miniflow.node import Input
from miniflow.ops.base import Array

Attribute = Literal["value", "grad"]

_DOUBLED = re.compile(r"\(\(([^()]*)\)\)")


class Spot(Struct, frozen=True):
    """One number of the run: an entry of a node's value or gradient."""

    node: int
    attribute: Attribute
    index: Index

    def text(self, graph: Graph) -> str:
        """Return `l1[2,3]` or `∂cost/∂l1[2,3]`."""
        entry = named(graph.nodes[self.node].label, self.index)
        return entry if self.attribute == "value" else f"∂cost/∂{entry}"


class Told(NamedTuple):
    """One term in symbols and in numbers, and the spots it is made of, the main one first."""

    symbols: str
    numbers: str
    leads_to: tuple[Spot, ...]


class Bundle(NamedTuple):
    """Terms of one kind: what each of them adds, and how the k-th is told."""

    amounts: Array
    tell: Callable[[int], Told]


class Sums(Struct, frozen=True):
    """How one number was made: the general rule, the terms, and what else is to be said."""

    rule: str
    bundles: tuple[Bundle, ...] = ()
    notes: tuple[str, ...] = ()


class Site:
    """A node in a run with its inputs, whose entries are read and named here."""

    def __init__(self, debugger: Debugger, node: int) -> None:
        graph = debugger.graph
        self.node = node
        self.op = graph.nodes[node]
        self.label = self.op.label
        self.value = debugger.value(node)
        self.sources = graph.inbound[node]
        self.inputs = [debugger.value(source) for source in self.sources]
        self.labels = [graph.nodes[source].label for source in self.sources]

    def entry(self, slot: int, index: Subscripts) -> str:
        """Name an entry of an input: `X[2,0]`."""
        return named(self.labels[slot], index)

    def number(self, slot: int, index: Index) -> str:
        """Return an entry of an input as a number in a formula."""
        return bracketed(float(self.inputs[slot][index]))

    def spot(self, slot: int, index: Index) -> Spot:
        """Return the spot of an entry of an input."""
        return Spot(self.sources[slot], "value", index)

    def broadcast(self, place: Index) -> list[Index]:
        """Return the entry of each input that a broadcast copies to `place`."""
        return [matched(place, x.shape) for x in self.inputs]

    def alike(self, slots: Iterable[int], place: Index) -> tuple[Spot, ...]:
        """Return the spots at `place` in those inputs that have such an entry, or only one."""
        found = []
        for slot in slots:
            x = self.inputs[slot]
            if x.shape == self.value.shape:
                found.append(self.spot(slot, place))
            elif x.size == 1:
                found.append(self.spot(slot, (0,) * x.ndim))
        return unique(found)


def named(label: str, index: Iterable[int | str]) -> str:
    """Return an entry's name: `l1[2,3]`, or the label alone for a scalar."""
    inside = ",".join(map(str, index))
    return f"{label}[{inside}]" if inside else label


def bracketed(number: float) -> str:
    """Return a number as a factor or a term: in parentheses unless it begins with a digit."""
    text = scalar(number)
    return text if text[0].isdigit() else f"({text})"


def single(formula: str) -> str:
    """Take away one of two pairs of parentheses round a number: `σ((-3))`."""
    return _DOUBLED.sub(r"(\1)", formula)


def unique(spots: Iterable[Spot]) -> tuple[Spot, ...]:
    """Return the spots in their order, each once."""
    return tuple(dict.fromkeys(spots))


def one_term(number: float, symbols: str, numbers: str, leads_to: Iterable[Spot]) -> Bundle:
    """Return a bundle of one term, which is the whole number."""
    told = Told(symbols, numbers, unique(leads_to))
    return Bundle(np.array([number], np.float64), lambda _k: told)


def led_to(sums: Sums) -> tuple[Spot, ...]:
    """Return where the largest term leads, whatever the bundle it is in."""
    best: tuple[float, Bundle | None, int] = (-1.0, None, 0)
    for bundle in sums.bundles:
        sizes = np.nan_to_num(np.abs(bundle.amounts), nan=np.inf, posinf=np.inf)
        if sizes.size and (largest := float(sizes.max())) > best[0]:
            best = largest, bundle, int(sizes.argmax())
    return () if best[1] is None else best[1].tell(best[2]).leads_to


def written_since(debugger: Debugger, node: int, moment: int) -> int | None:
    """Return a moment from `moment` on that gave a node another value, or None."""
    times = [edit.after for edit in debugger.edits if edit.node == node]
    if isinstance(debugger.graph.nodes[node], Input):
        times.append(debugger.updated_at(node) or 0)
        if debugger.graph.fed_from_data(node) and debugger.moment:
            times.append(debugger.timeline.start_of(debugger.sgd_step) + 1)
    else:
        times.append(debugger.written_at(node) or 0)
        moment += 1
    later = [time for time in times if moment <= time <= debugger.moment and time]
    return max(later, default=None)


def changed_note(debugger: Debugger, nodes: Iterable[int], moment: int) -> str:
    """Say which of the nodes have another value since `moment`, or nothing."""
    changed = []
    for node in dict.fromkeys(nodes):
        when = written_since(debugger, node, moment)
        if when is not None:
            changed.append(f"{debugger.graph.nodes[node].label} (moment {when})")
    if not changed:
        return ""
    more = f" and {len(changed) - 3} more" if len(changed) > 3 else ""
    verb = "has" if len(changed) == 1 else "have"
    return f"{', '.join(changed[:3])}{more} {verb} changed since"
