"""The size of a value, a gradient or an update as one number, for lists of many nodes.

The size of one number is the number itself; the size of a tensor is the mean of the absolute values
of its entries, mean |x|. It is computed once for each time that the array changes.
"""

from __future__ import annotations

import math

import numpy as np
from msgspec import Struct

from mfdebug.core.timeline.debugger import Debugger, Edit, Freshness
from mfdebug.core.timeline.timeline import Phase
from miniflow.node import Input
from miniflow.ops.base import Array

# A larger array is not summed: it would delay the frame.
MOST_SUMMED = 2**20
# An array of so many entries is given in full.
MOST_ENTRIES = 4
# Entries summed at a time, so that their absolute values stay in the processor's cache.
_PIECE = 2**15
# Remembered arrays; a screen shows fewer.
MOST_KNOWN = 4096


class Size(Struct, frozen=True):
    """The size of an array: NaN if it is empty or too large to be summed.

    `entries` are all its numbers if they are few; `wrong` is "nan" or "inf" if it contains one.
    """

    number: float
    entries: tuple[float, ...] = ()
    wrong: str = ""


def size_of(array: Array) -> Size:
    """Return the size of an array of any shape and any type of number."""
    if not 0 < array.size <= MOST_SUMMED:
        return Size(math.nan)
    entries: tuple[float, ...] = ()
    if array.size <= MOST_ENTRIES:
        entries = tuple(map(float, array.reshape(-1).tolist()))
    number = entries[0] if array.size == 1 else mean_size(array)
    if math.isfinite(number):
        return Size(number, entries)
    wrong = "nan" if np.isnan(array).any() else "inf"
    return Size(number, entries, wrong)


def mean_size(array: Array) -> float:
    """Return the mean of |x| over an array that is not empty; finite if every entry is."""
    flat = array.reshape(-1)
    with np.errstate(over="ignore", invalid="ignore"):
        pieces = (flat[i : i + _PIECE] for i in range(0, flat.size, _PIECE))
        total = sum(float(np.abs(piece).sum(dtype=np.float64)) for piece in pieces)
        if math.isinf(total) and np.isfinite(flat).all():
            # Divided first: the sum overflows, the mean does not.
            shares = np.abs(flat).astype(np.float64) / flat.size
            return min(float(shares.sum()), float(np.abs(flat).max()))
    return total / flat.size


class Sizes:
    """The sizes of a debugger's values, gradients and updates at its present moment."""

    def __init__(self, debugger: Debugger) -> None:
        self._debugger = debugger
        self._known: dict[tuple[int, str], tuple[object, Size]] = {}
        # Numbers are the same whenever a moment is reached, unless it is reached with other edits.
        self._edits: tuple[Edit, ...] = ()
        self._known_for = (0, 0)
        # The update of each parameter that was seen while it was made: its moment, and the ratio.
        self._seen_updates: dict[int, tuple[int | None, float]] = {}

    def refresh(self) -> None:
        """Prepare for the present moment; called before the sizes of a frame."""
        debugger = self._debugger
        made = sum(edit.after <= debugger.moment for edit in debugger.edits)
        known_for = (made, debugger.timeline.builds)
        same = known_for == self._known_for and debugger.edits is self._edits
        if not same or len(self._known) > MOST_KNOWN:
            self._known.clear()
            self._seen_updates.clear()
        self._known_for, self._edits = known_for, debugger.edits
        if (update := debugger.cursor.last_update) is not None and debugger.where.node is not None:
            ratio = _ratio(update.after - update.before, update.after)
            self._seen_updates[debugger.where.node] = debugger.moment, ratio

    def value(self, node: int) -> Size:
        """Return the size of a node's value, which must not be absent."""
        debugger = self._debugger
        if isinstance(target := debugger.graph.nodes[node], Input):
            # One that is not trained changes at a feed.
            made = self._pass_of("update", node) if target.trainable else debugger.sgd_step
        else:
            made = self._pass_of("forward", node)
        made_at = (made, debugger.state.overwritten_at(node))
        return self._size(node, "value", made_at)

    def gradient(self, node: int) -> Size:
        """Return the size of a node's gradient, which must not be absent."""
        partial = self._debugger.state.gradient_freshness(node) is Freshness.PARTIAL
        made: object = -1 - self._debugger.moment if partial else self._pass_of("backward", node)
        return self._size(node, "gradient", made)

    def update_ratio(self, node: int) -> float | None:
        """Return |last update| / |value| of a parameter, by Euclidean norms.

        None if it was not updated yet, or if its update is not known: of a program's run only those
        that were stepped to are.
        """
        debugger = self._debugger
        step = self._pass_of("update", node)
        if step is None or step < 0:
            return None
        moment = debugger.timeline.start_of(step)
        moment += debugger.timeline.position_of("update", node) or 0
        seen = self._seen_updates.get(node)
        if seen is not None and seen[0] == moment:
            return seen[1]
        return self._ratio_of_rule(node, step, moment)

    def _ratio_of_rule(self, node: int, step: int, moment: int) -> float | None:
        """Return the ratio of an update from the optimizer's state, which is as it left it."""
        debugger = self._debugger
        value = debugger.state.value(node)
        made = ("update", step)
        known = self._known.get((node, "update"))
        if known is None or known[0] != made:
            rate_edited = any(edit.node is None and edit.after >= moment for edit in self._edits)
            replaced = self._pass_of("backward", node) != step
            if not debugger.cursor.endless or value.size > MOST_SUMMED or rate_edited or replaced:
                return None
            if debugger.state.gradient_freshness(node) is Freshness.PARTIAL:
                return None
            trainable = debugger.timeline.update.index(node)
            training, plan = debugger.graph.training, debugger.plan
            optimizer, factor, _ = plan.treatments[trainable]
            plain = training.direction(optimizer).plain and not optimizer.weight_decay
            if not plain or plan.frozen or plan.schedule is not None:
                # The rule's numbers of then are not those of now.
                return None
            change = optimizer.change(
                debugger.state.gradient(node),
                plan.optimizer_state(trainable),
                debugger.state.learning_rate * factor,
                plan.steps_before + step,
            )
            known = made, Size(_ratio(change, value))
            self._known[node, "update"] = known
        return known[1].number

    def _pass_of(self, phase: Phase, node: int) -> int | None:
        """Return the SGD step that executed a phase of a node last, or None."""
        debugger = self._debugger
        position = debugger.timeline.position_of(phase, node)
        if position is None:
            return None
        return debugger.sgd_step - (position > debugger.timeline.position(debugger.moment))

    def _size(self, node: int, kind: str, made: object) -> Size:
        known = self._known.get((node, kind))
        if known is not None and known[0] == made:
            return known[1]
        debugger = self._debugger
        array = debugger.state.value(node) if kind == "value" else debugger.state.gradient(node)
        size = size_of(array)
        self._known[node, kind] = made, size
        return size


def _ratio(change: Array, value: Array) -> float:
    """Return |change| / |value|; infinite if the value is 0 and changes, 0 if neither is not 0."""
    with np.errstate(over="ignore", invalid="ignore"):
        moved, size = float(np.linalg.norm(change)), float(np.linalg.norm(value))
    if size:
        return moved / size
    return math.inf if moved else 0.0
