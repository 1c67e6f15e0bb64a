"""Watches: expressions shown at every moment, with the trend of their numbers."""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct

from mfdebug.core.expressions.functions import ExpressionError, NotComputed
from mfdebug.core.timeline.debugger import Debugger, DebuggerError, Edit

if TYPE_CHECKING:
    from mfdebug.core.expressions.expression import Expression

# Numbers kept for each watch.
MEMORY = 1000


class Reading(Struct, frozen=True):
    """A watch at the present moment.

    `note` is the suffix of `shown` that names stale numbers, or "". `trend` has the numbers at the
    moments read so far, in order; a number that stays the same within an SGD step counts once.
    """

    number: int
    text: str
    shown: str
    known: bool
    trend: tuple[float, ...]
    note: str = ""


class Watch:
    """An expression, and its results by moment."""

    def __init__(self, number: int, expression: Expression) -> None:
        self.number = number
        self.expression = expression
        self.results: dict[int, float] = {}
        # The results in other graphs of the same program.
        self.results_in: dict[Debugger, dict[int, float]] = {}


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
        """Switch to the debugger of another graph of the same program."""
        for watch in self._watches.values():
            watch.results_in[self.debugger] = watch.results
            watch.results = watch.results_in.get(debugger, {})
        self.debugger = debugger
        self._edits = debugger.edits

    def add(self, text: str) -> Watch:
        """Add a watch, or return the existing one.

        Raises `ExpressionError` if it can never be evaluated.
        """
        # Most sessions watch nothing.
        from mfdebug.core.expressions.parser import parse
        from mfdebug.core.expressions.present import PresentEnvironment

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

    def get(self, number: int) -> Watch:
        """Return a watch by number; raise `DebuggerError` if there is none."""
        if number not in self._watches:
            known = ", ".join(map(str, self._watches))
            hint = f"there are {known}" if known else "no watch is set"
            raise DebuggerError(f"there is no watch {number}", hint=hint)
        return self._watches[number]

    def remove(self, number: int) -> Watch:
        """Remove a watch and return it; raise `DebuggerError` if there is none of that number."""
        return self._watches.pop(self.get(number).number)

    def lines(self) -> list[str]:
        """Return the command lines that set the watches of graphs that can be shown.

        A watch of a layer that was unrolled is none of them: its line would be an error.
        """
        known = [line.graph.by_name.keys() for line in self.debugger.lines]
        return [
            f"watch {watch.expression.text}"
            for watch in self._watches.values()
            if any(watch.expression.nodes <= names for names in known)
        ]

    @property
    def state(self) -> tuple[int, tuple[Watch, ...]]:
        """The present watches, for `restore`."""
        return self._last_number, tuple(self._watches.values())

    def restore(self, state: tuple[int, tuple[Watch, ...]]) -> None:
        """Restore earlier watches."""
        self._last_number = state[0]
        self._watches = {watch.number: watch for watch in state[1]}

    def read(self) -> list[Reading]:
        """Evaluate all watches at the present moment."""
        if self.debugger.edits is not self._edits:
            # Numbers of another branch do not belong to the trend.
            self._edits = self.debugger.edits
            for watch in self._watches.values():
                watch.results.clear()
        return [self._reading(watch) for watch in self._watches.values()]

    def _reading(self, watch: Watch) -> Reading:
        from mfdebug.core.expressions.present import PresentEnvironment
        from mfdebug.core.format.results import result_text

        present = PresentEnvironment(self.debugger)
        if not watch.expression.nodes <= present.node_names().keys():
            return self._shown(watch, "not in this graph", known=False)
        try:
            result = watch.expression.evaluate(present)
        except NotComputed:
            return self._shown(watch, "not computed yet", known=False)
        except ExpressionError as error:
            return self._shown(watch, str(error), known=False)
        note = present.note()
        if isinstance(result, float | bool | np.floating) and not note:
            watch.results[self.debugger.moment] = float(result)
            if len(watch.results) > MEMORY:
                del watch.results[next(iter(watch.results))]
        return self._shown(watch, result_text(result, brief=True) + note, known=not note, note=note)

    def _shown(self, watch: Watch, shown: str, *, known: bool, note: str = "") -> Reading:
        trend = tuple(self._trend(watch.results))
        return Reading(watch.number, watch.expression.text, shown, known, trend, note)

    def _trend(self, results: dict[int, float]) -> Iterator[float]:
        # Stepping through a backward pass reads the same cost at every moment: it counts once.
        last = None
        for moment in sorted(results):
            if moment > self.debugger.moment:
                return
            current = self.debugger.timeline.sgd_step(moment), struct.pack("d", results[moment])
            if current != last:
                yield results[moment]
            last = current
