"""Watches: expressions shown at every moment, with the way their numbers went."""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Iterator

import numpy as np
from msgspec import Struct

from mfdebug.core.expressions.parser import Expression, ExpressionError, NotComputed, parse
from mfdebug.core.expressions.present import PresentEnvironment
from mfdebug.core.format.results import result_text
from mfdebug.core.timeline.debugger import Debugger, DebuggerError, Edit

# Numbers remembered for each watch.
MEMORY = 1000


class Reading(Struct, frozen=True):
    """A watch at the present moment.

    `note` is what `shown` ends with if numbers of an earlier pass are in it. `trend`: the numbers
    at the moments seen so far, in order; what stays the same within an SGD step counts once.
    """

    number: int
    text: str
    shown: str
    known: bool
    trend: tuple[float, ...]
    note: str = ""


class Watch:
    """An expression, and what it was worth at the moments at which it was read."""

    def __init__(self, number: int, expression: Expression) -> None:
        self.number = number
        self.expression = expression
        self.seen: dict[int, float] = {}
        # What it was worth in other graphs of the same program.
        self.seen_in: dict[Debugger, dict[int, float]] = {}


class Watches:
    """The watches of a debugger, by number."""

    def __init__(self, debugger: Debugger) -> None:
        self.debugger = debugger
        self._watches: dict[int, Watch] = {}
        self._last_number = 0
        self._edits: tuple[Edit, ...] = debugger.edits

    def __len__(self) -> int:
        return len(self._watches)

    def follow(self, debugger: Debugger) -> None:
        """Watch another debugger: that of another graph of the same program."""
        for watch in self._watches.values():
            watch.seen_in[self.debugger] = watch.seen
            watch.seen = watch.seen_in.get(debugger, {})
        self.debugger = debugger
        self._edits = debugger.edits

    def add(self, text: str) -> Watch:
        """Watch an expression, once; raise `ExpressionError` if it never has a value."""
        expression = parse(text, self.debugger.graph.by_name)
        for known in self._watches.values():
            if known.expression.text == expression.text:
                return known
        with contextlib.suppress(NotComputed):
            expression.evaluate(PresentEnvironment(self.debugger))
        self._last_number += 1
        watch = Watch(self._last_number, expression)
        self._watches[watch.number] = watch
        return watch

    def remove(self, number: int) -> Watch:
        """Watch an expression no longer."""
        if number not in self._watches:
            known = ", ".join(map(str, self._watches))
            hint = f"there are {known}" if known else "nothing is watched"
            raise DebuggerError(f"there is no watch {number}", hint=hint)
        return self._watches.pop(number)

    def lines(self) -> list[str]:
        """Return the lines that set them."""
        return [f"watch {watch.expression.text}" for watch in self._watches.values()]

    @property
    def state(self) -> tuple[int, tuple[Watch, ...]]:
        """The watches as they are, to come back to."""
        return self._last_number, tuple(self._watches.values())

    def return_to(self, state: tuple[int, tuple[Watch, ...]]) -> None:
        """Watch what was watched once."""
        self._last_number = state[0]
        self._watches = {watch.number: watch for watch in state[1]}

    def read(self) -> list[Reading]:
        """Read them all at the present moment."""
        if self.debugger.edits is not self._edits:
            # On another branch the numbers were others.
            self._edits = self.debugger.edits
            for watch in self._watches.values():
                watch.seen.clear()
        return [self._reading(watch) for watch in self._watches.values()]

    def _reading(self, watch: Watch) -> Reading:
        present = PresentEnvironment(self.debugger)
        if not watch.expression.nodes <= present.node_names().keys():
            return self._told(watch, "not in this graph", known=False)
        try:
            result = watch.expression.evaluate(present)
        except NotComputed:
            return self._told(watch, "not computed yet", known=False)
        except ExpressionError as error:
            return self._told(watch, str(error), known=False)
        note = present.note()
        if isinstance(result, float | bool | np.floating) and not note:
            watch.seen[self.debugger.moment] = float(result)
            if len(watch.seen) > MEMORY:
                del watch.seen[next(iter(watch.seen))]
        return self._told(watch, result_text(result, brief=True) + note, known=not note, note=note)

    def _told(self, watch: Watch, shown: str, *, known: bool, note: str = "") -> Reading:
        trend = tuple(self._trend(watch.seen))
        return Reading(watch.number, watch.expression.text, shown, known, trend, note)

    def _trend(self, seen: dict[int, float]) -> Iterator[float]:
        # Stepping reads the same cost at every moment of a backward pass: that is no trend.
        last = None
        for moment in sorted(seen):
            if moment > self.debugger.moment:
                return
            here = self.debugger.timeline.sgd_step(moment), struct.pack("d", seen[moment])
            if here != last:
                yield seen[moment]
            last = here
