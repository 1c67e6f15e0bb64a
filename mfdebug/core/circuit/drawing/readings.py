"""What a debugger says of a node at a moment, in a few cells."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from mfdebug.core.circuit.drawing.numbers import entries, mean_size, size_text
from mfdebug.core.explain.freshness import is_users
from mfdebug.core.explain.list_marks import OVERRIDDEN_MARK
from mfdebug.core.timeline.debugger import Debugger, Edit, Freshness
from miniflow.ops.base import Array

WAITING, UNKNOWN, STALE, PARTIAL = "∙", "?", "~", "◐"
# What an open question asks for.
ASKED = "?"
# The sizes of larger tensors are kept from one moment to the next.
_LARGE = 10_000


class Reading(NamedTuple):
    """A value or gradient as text, and whether it is a number of this pass."""

    text: str
    current: bool


class Readings:
    """Reads the numbers of nodes at the present moment of a debugger.

    Sizes of large tensors are kept until their number may have changed, so that a key costs what
    has changed, not what is on the screen.
    """

    def __init__(self) -> None:
        self._debugger: Debugger | None = None
        self._moment = -1
        self._edits: tuple[Edit, ...] = ()
        self._builds = 0
        self._sizes: dict[tuple[int, bool], float] = {}
        # Of contributions, by consumer and input.
        self._sent: dict[int, dict[int, float]] = {}

    def refresh(self, debugger: Debugger) -> None:
        """Read the present moment from now on."""
        changed = self._changed_since(debugger)
        if changed is None:
            self._sizes.clear()
            self._sent.clear()
        else:
            for node in changed:
                self._sent.pop(node, None)
                self._sizes.pop((node, False), None)
                self._sizes.pop((node, True), None)
        self._debugger, self._moment = debugger, debugger.moment
        self._edits, self._builds = debugger.edits, debugger.timeline.builds

    def _changed_since(self, debugger: Debugger) -> Iterable[int] | None:
        """Return the nodes whose numbers may have changed; None if all may have."""
        timeline, before, now = debugger.timeline, self._moment, debugger.moment
        same = debugger is self._debugger and debugger.edits is self._edits
        if not same or timeline.builds != self._builds or abs(before - now) > 1:
            return None
        if before == now:
            return ()
        event = timeline.name(max(before, now))
        if event.node is None or any(edit.after in (before, now) for edit in debugger.edits):
            return None
        return event.node, *debugger.graph.inbound[event.node]

    def value(self, node: int, width: int) -> Reading:
        """Return a node's value in at most `width` cells."""
        debugger = self._debugger
        if debugger is None:
            return Reading("", current=False)
        if (node, "value") in debugger.state.concealed:
            return Reading(ASKED, current=False)
        freshness = debugger.state.value_freshness(node)
        if freshness is Freshness.CURRENT and debugger.state.outdated_by(node) is not None:
            freshness = Freshness.STALE
        if freshness.absent:
            return Reading(_absent(freshness), current=False)
        return self._number(debugger.state.value(node), (node, False), freshness, width)

    def gradient(self, node: int, width: int) -> Reading:
        """Return a node's gradient in at most `width` cells: `◐` if contributions are missing."""
        debugger = self._debugger
        if debugger is None:
            return Reading("", current=False)
        if (node, "gradient") in debugger.state.concealed:
            return Reading(ASKED, current=False)
        freshness = debugger.state.gradient_freshness(node)
        if freshness.absent:
            return Reading(_absent(freshness), current=False)
        return self._number(debugger.state.gradient(node), (node, True), freshness, width)

    def contribution(self, consumer: int, input_index: int, width: int) -> Reading | None:
        """Return what a consumer has sent to one of its inputs, None before that."""
        debugger = self._debugger
        if debugger is None or debugger.state.unsent(consumer, input_index):
            return None
        found = debugger.state.contribution(consumer, input_index)
        if found is None or found.sent is None:
            return None
        text = entries(found.sent, width)
        if not text:
            sizes = self._sent.setdefault(consumer, {})
            if input_index not in sizes:
                sizes[input_index] = mean_size(found.sent)
            text = size_text(sizes[input_index], width)
        return Reading(text, current=True)

    def size(self, node: int, *, gradient: bool) -> float | None:
        """Return the mean of absolute values, or None without a number."""
        debugger = self._debugger
        if debugger is None:
            return None
        if (node, "gradient" if gradient else "value") in debugger.state.concealed:
            return None
        of = debugger.state.gradient_freshness if gradient else debugger.state.value_freshness
        if of(node).absent:
            return None
        array = debugger.state.gradient(node) if gradient else debugger.state.value(node)
        return self._size(array, (node, gradient))

    def _number(
        self, array: Array, key: tuple[int, bool], freshness: Freshness, width: int
    ) -> Reading:
        array = np.asarray(array)
        mark = self._mark(key, freshness)
        width -= len(mark)
        text = entries(array, width) or size_text(self._size(array, key), width)
        return Reading(mark + text, current=freshness is not Freshness.STALE)

    def _mark(self, key: tuple[int, bool], freshness: Freshness) -> str:
        """Return the sign before a number, or "": what it is not, or where it comes from."""
        node, gradient = key
        if freshness is Freshness.STALE:
            return STALE
        if self._debugger is None:
            return ""
        debugger = self._debugger
        by_user = debugger.state.override(node, gradient=True) if gradient else None
        if by_user is not None or (not gradient and is_users(debugger, node)):
            return OVERRIDDEN_MARK
        partial = gradient and freshness is Freshness.PARTIAL
        return PARTIAL if partial and not self._debugger.state.has_all(node) else ""

    def _size(self, array: Array, key: tuple[int, bool]) -> float:
        if array.size <= _LARGE:
            return mean_size(array)
        if key not in self._sizes:
            self._sizes[key] = mean_size(array)
        return self._sizes[key]


def _absent(freshness: Freshness) -> str:
    return {Freshness.WAITING: WAITING, Freshness.UNKNOWN: UNKNOWN}.get(freshness, "")
