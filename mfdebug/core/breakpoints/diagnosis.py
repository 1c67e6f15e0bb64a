"""Problems of nodes at the present moment, by the health rules for which stops are set."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from mfdebug.core.breakpoints.breakpoints import Stops
from mfdebug.core.breakpoints.stop import Stop
from mfdebug.core.timeline.debugger import Debugger, Edit, Freshness

if TYPE_CHECKING:
    from mfdebug.core.breakpoints.triggers import Unhealthy

# Tensors with more entries are not checked, to keep frames fast.
MOST_JUDGED = 100_000


class Diagnosis:
    """The health rules of the armed stops, for the nodes that a screen shows."""

    def __init__(self, debugger: Debugger, stops: Stops) -> None:
        self._debugger = debugger
        self._stops = stops
        self._rules: list[Unhealthy] = []
        # Within an SGD step current numbers do not change, except by an edit.
        self._known: dict[tuple[int, int], str] = {}
        self._known_for: tuple[int, tuple[Edit, ...]] = (0, debugger.edits)

    def refresh(self) -> None:
        """Collect the armed rules; called once per frame."""
        armed = self._stops.armed
        # Most sessions set no stop.
        rules = _health_rules(armed) if armed else []
        step, edits = self._known_for
        debugger = self._debugger
        if step != debugger.sgd_step or edits is not debugger.edits or rules != self._rules:
            self._known.clear()
        self._rules, self._known_for = rules, (debugger.sgd_step, debugger.edits)

    def word(self, node: int) -> str:
        """Return the name of the first rule that a node breaks at the present moment, or ""."""
        for i, trigger in enumerate(self._rules):
            if node in trigger.nodes and self._is_current(trigger, node):
                word = self._known.get((i, node))
                if word is None:
                    word = trigger.rule.name if trigger.problem_of(self._debugger, node) else ""
                    if not trigger.rule.of_updates:
                        self._known[i, node] = word
                if word:
                    return word
        return ""

    def _is_current(self, trigger: Unhealthy, node: int) -> bool:
        """Whether the number that the rule checks is of this pass."""
        debugger, rule = self._debugger, trigger.rule
        state = debugger.state
        if state.value(node).size > MOST_JUDGED:
            return False
        if rule.phase == "forward":
            return state.value_freshness(node) is Freshness.CURRENT
        if rule.of_updates:
            return debugger.where.phase == "update" and debugger.where.node == node
        return state.gradient_freshness(node) in (Freshness.CURRENT, Freshness.NONE)


def _health_rules(stops: Iterable[Stop]) -> list[Unhealthy]:
    from mfdebug.core.breakpoints.triggers import Unhealthy

    return [stop.trigger for stop in stops if isinstance(stop.trigger, Unhealthy)]
