"""Parses the argument of a `break` command into triggers."""

from __future__ import annotations

import re

import numpy as np

from mfdebug.core.breakpoints.health_rules import RULES, Rule
from mfdebug.core.breakpoints.nonfinite import KINDS
from mfdebug.core.breakpoints.triggers import AtPositions, NotFinite, OnChange, Trigger, Unhealthy
from mfdebug.core.expressions.earlier_steps import Lookback
from mfdebug.core.expressions.parser import Expression, ExpressionError, parse, take_entry
from mfdebug.core.expressions.present import PresentEnvironment
from mfdebug.core.timeline.debugger import Debugger, DebuggerError, node_or_error
from mfdebug.core.timeline.timeline import NODE_PHASES, Phase
from miniflow.errors import MiniflowError, nearest
from miniflow.ops.base import Array

RULE_NAMES = (*KINDS, *RULES)
COMPARISON = re.compile("[<>]|[=!]=")
USAGE = (
    "break NODE [forward|backward|update] [if EXPR], break if EXPR, "
    "break on-change NODE[i,j] [by AMOUNT], "
    "break RULE [THRESHOLD] [at NODE | except NODE, ...], break health [except NODE, ...]"
)


def triggers(debugger: Debugger, text: str) -> list[tuple[str, Trigger]]:
    """Parse what follows `break`; return the triggers, each with the text that sets it alone.

    Raises `MiniflowError` for text that is not valid.
    """
    word, _, rest = text.partition(" ")
    rest = rest.strip()
    if not text:
        raise DebuggerError("break where?", hint=f"usage: {USAGE}")
    if word == "if":
        return [(text, at_condition(debugger, rest))]
    if word == "on-change":
        return [(text, on_change(debugger, rest))]
    names = debugger.graph.by_name
    if word == "health" and word not in names:
        if rest and not re.match(r"except(\s|$)", rest):
            raise DebuggerError(f"{rest!r} is not understood", hint=f"usage: {USAGE}")
        return [
            (f"{name} {rest}".strip(), health_rule(debugger, name, rest)) for name in RULE_NAMES
        ]
    if word in RULE_NAMES and word not in names:
        return [(text, health_rule(debugger, word, rest))]
    return [(text, at_node(debugger, text))]


def _bare_condition(text: str) -> DebuggerError:
    """Return the error of a condition that lacks its `if`."""
    return DebuggerError("a condition follows `if`", hint=f"break if {text}")


def at_node(debugger: Debugger, text: str) -> AtPositions:
    """Parse `NODE [phase] [if EXPR]`."""
    names = debugger.graph.by_name
    try:
        ref, rest = take_entry(text, names)
    except ExpressionError:
        first = text.split()[0]
        if hint := nearest(first, (*RULE_NAMES, "health", "on-change")):
            raise DebuggerError(f"{first!r} is not a node or a rule", hint=hint) from None
        if COMPARISON.search(text):
            raise _bare_condition(text) from None
        raise
    if COMPARISON.match(rest):
        raise _bare_condition(text)
    if ref.index is not None or ref.attribute == "grad":
        entry = text.removesuffix(rest).rstrip()
        hint = f"break on-change {entry}"
        raise DebuggerError("this stop takes a node, not an entry or gradient", hint=hint)
    node = node_or_error(debugger.graph, ref.node)
    phases: tuple[Phase, ...] = NODE_PHASES
    for phase in NODE_PHASES:
        if re.match(rf"{phase}(\s|$)", rest):
            phases, rest = (phase,), rest[len(phase) :].strip()
    positions = _positions(debugger, node, phases)
    if not rest:
        return AtPositions(positions, node=node)
    if not re.match(r"if(\W|$)", rest):
        raise DebuggerError(f"{rest!r} is not understood", hint=f"usage: {USAGE}")
    condition = _condition(debugger, rest[2:].strip())
    required = _required_positions(debugger, condition)
    possible = frozenset(p for p in positions if all(p >= q for q in required))
    if not possible:
        last = debugger.timeline.name(max(required))
        name = "" if last.node is None else debugger.graph.nodes[last.node].label
        known = f"it is known from {last.phase} of {name} on"
        raise DebuggerError(
            f"{condition.text} is not computed there yet: {known}",
            hint=f"break if {condition.text}",
        )
    needs_all, lookback = _needs_all(debugger, condition), _lookback(debugger, condition)
    return AtPositions(possible, condition, node, needs_all, lookback)


def at_condition(debugger: Debugger, text: str) -> AtPositions:
    """Parse `EXPR`: tested where a number in it changes, once all numbers in it are computed."""
    condition = _condition(debugger, text)
    known = max(_required_positions(debugger, condition), default=1)
    changing = {p for p in _changing_positions(debugger, condition) if p >= known}
    positions = frozenset(changing | {known})
    needs_all, lookback = _needs_all(debugger, condition), _lookback(debugger, condition)
    return AtPositions(positions, condition, None, needs_all, lookback)


def on_change(debugger: Debugger, text: str) -> OnChange:
    """Parse `NODE[i,j] [by AMOUNT]`."""
    if not text:
        raise DebuggerError(
            "break on a change of what?", hint="as in: break on-change W1[0,1] by 0.1"
        )
    ref, rest = take_entry(text, debugger.graph.by_name)
    node = node_or_error(debugger.graph, ref.node)
    if ref.index is not None:
        debugger.check_index(node, ref.index)
    amount = 0.0
    if rest:
        word, _, given = rest.partition(" ")
        if word != "by":
            raise DebuggerError(f"{rest!r} is not understood", hint="as in: by 0.1")
        amount = _amount(given)
    if ref.attribute == "grad":
        if reason := debugger.state.no_gradient(node):
            raise DebuggerError(f"{ref.node} has no gradient: {reason}")
        positions = _positions(debugger, node, ("backward",))
    else:
        positions = frozenset(_value_positions(debugger, node))
    return OnChange(ref, node, positions, amount)


def health_rule(debugger: Debugger, name: str, text: str) -> Trigger:
    """Parse `[THRESHOLD] [at NODE | except NODE, ...]` after the name of a rule."""
    given, node, excluded = _which_nodes(debugger, text)
    if name in KINDS:
        if given:
            raise DebuggerError(f"{name} takes no threshold", hint=f"break {name} at NODE")
        return NotFinite(name, node, excluded)
    rule = RULES[name]
    threshold = rule.threshold or 0.0
    if given:
        if rule.threshold is None:
            raise DebuggerError(f"{name} takes no threshold", hint=f"break {name} at NODE")
        threshold = _amount(given)
    return Unhealthy(rule, threshold, _concerned(debugger, rule, node) - excluded, node)


def _which_nodes(debugger: Debugger, text: str) -> tuple[str, int | None, frozenset[int]]:
    """Parse `at NODE` or `except NODE, ...` at the end of a text.

    Returns the text before it, the node to check (None: all), and the nodes to exclude.
    """
    found = re.search(r"(?:^|\s)(at|except)(?:\s+|$)", text)
    if found is None:
        return text.strip(), None, frozenset()
    given, rest, nodes = text[: found.start()].strip(), text[found.end() :].strip(), []
    while True:
        if not rest:
            raise DebuggerError(f"{found[1]} which node?", hint=f"usage: {USAGE}")
        ref, after = take_entry(rest, debugger.graph.by_name)
        after = after.strip()
        if ref.index is not None or ref.attribute == "grad":
            raise DebuggerError(f"{rest!r} is not a node", where=found[1])
        nodes.append(node_or_error(debugger.graph, ref.node))
        if not after:
            break
        if found[1] == "at" or not after.startswith(","):
            raise DebuggerError(f"{rest!r} is not a node", where=found[1])
        rest = after[1:].strip()
    return (given, nodes[0], frozenset()) if found[1] == "at" else (given, None, frozenset(nodes))


def _concerned(debugger: Debugger, rule: Rule, node: int | None) -> frozenset[int]:
    graph = debugger.graph
    concerned = {
        i
        for i, candidate in enumerate(graph.nodes)
        if rule.concerns(candidate)
        and (rule.phase != "backward" or (graph.reaches_cost[i] and debugger.plan.needed[i]))
    }
    if node is None:
        matrices = {i for i in concerned if len(debugger.plan.shapes[i]) > 1}
        if rule.name == "update-ratio" and matrices:
            # A bias that starts at 0 changes by more than its own size, which is not a problem.
            concerned = matrices
        return frozenset(concerned)
    if node not in concerned:
        raise DebuggerError(f"{rule.name} does not concern {graph.nodes[node].label}")
    return frozenset({node})


def _amount(text: str) -> float:
    try:
        amount = float(text)
    except ValueError:
        amount = -1.0
    if not amount >= 0:
        raise DebuggerError(f"{text[:40]!r} is not a number of 0 or more")
    return amount


def _positions(debugger: Debugger, node: int, phases: tuple[Phase, ...]) -> frozenset[int]:
    timeline = debugger.timeline
    found = [timeline.position_of(phase, node) for phase in phases]
    positions = frozenset(position for position in found if position is not None)
    may_be_trained = debugger.cursor.passes_run is not None and debugger.graph.inbound[node] == []
    if not positions and not (may_be_trained and "update" in phases):
        name = debugger.graph.nodes[node].label
        phase = f"{phases[0]} " if len(phases) == 1 else ""
        why = "" if debugger.graph.reaches_cost[node] else ": the cost does not depend on it"
        raise DebuggerError(f"{name} has no {phase}moment{why}")
    return positions


# Conditions ------------------------------------------------------------------------------------


def _condition(debugger: Debugger, text: str) -> Expression:
    """Parse a condition and evaluate it on zeros, so that a wrong index or shape fails now."""
    if not text:
        raise DebuggerError("no condition given", hint="as in: if norm(W1.grad) > 10")
    condition = parse(text, debugger.graph.by_name)
    condition.holds(_Zeros(debugger))
    return condition


def _needs_all(debugger: Debugger, condition: Expression) -> bool:
    """Whether a condition uses a gradient that training does not compute."""
    names, needed = debugger.graph.by_name, debugger.plan.needed
    return any(not needed[names[name]] for name in condition.gradients)


def _lookback(debugger: Debugger, condition: Expression) -> Lookback:
    """Return what a condition with `prev` needs of earlier SGD steps."""
    if not condition.lookback:
        return Lookback()
    graph = debugger.graph
    values = {graph.by_name[name] for name in condition.values}
    if "cost" in condition.words:
        values.add(graph.cost)
    gradients = frozenset(graph.by_name[name] for name in condition.gradients)
    return Lookback(condition.lookback, frozenset(values), gradients)


class _Zeros:
    """An environment in which every number is computed and 0."""

    def __init__(self, debugger: Debugger) -> None:
        self._debugger = debugger

    def node_names(self) -> dict[str, int]:
        return self._debugger.graph.by_name

    def value(self, node: str) -> Array:
        return np.zeros(self._debugger.plan.shapes[self._debugger.graph.by_name[node]])

    def gradient(self, node: str) -> Array:
        if reason := self._debugger.state.no_gradient(self._debugger.graph.by_name[node]):
            raise DebuggerError(f"{node} has no gradient: {reason}")
        return self.value(node)

    def lasting(self, node: str, name: str) -> Array:
        found = PresentEnvironment(self._debugger).lasting(node, name)
        return np.zeros_like(found)

    def word(self, _name: str) -> float:
        return 0.0

    def earlier(self) -> _Zeros:
        return self


def _value_positions(debugger: Debugger, node: int) -> set[int]:
    """Return the positions in an SGD step at which a node's value may change."""
    found = [debugger.timeline.position_of(phase, node) for phase in ("forward", "update")]
    return {position for position in found if position is not None} or {1}


def _required_positions(debugger: Debugger, condition: Expression) -> set[int]:
    """Return the positions in an SGD step that compute the numbers of a condition."""
    names, timeline = debugger.graph.by_name, debugger.timeline
    values = {timeline.position_of("forward", names[name]) for name in condition.values}
    gradients = {timeline.position_of("backward", names[name]) for name in condition.gradients}
    if "cost" in condition.words:
        values.add(timeline.position_of("forward", debugger.graph.cost))
    return {position for position in values | gradients if position is not None}


def _changing_positions(debugger: Debugger, condition: Expression) -> set[int]:
    """Return the positions in an SGD step at which a number of a condition may change."""
    names, timeline = debugger.graph.by_name, debugger.timeline
    if "moment" in condition.words or not (condition.nodes or condition.words):
        return set(range(1, timeline.length + 1))
    found = {p for name in condition.values for p in _value_positions(debugger, names[name])}
    for name in condition.gradients:
        found.add(timeline.position_of("backward", names[name]) or 1)
    if "cost" in condition.words:
        found.add(timeline.position_of("forward", debugger.graph.cost) or 1)
    if condition.words & {"lr", "sgd_step"}:
        found.add(1)
    return found


def trigger_of(debugger: Debugger, line: str) -> Trigger | None:
    """Return the trigger of a command line; None if the graph lacks what it names."""
    try:
        ((_, trigger),) = triggers(debugger, line.partition(" ")[2])
    except MiniflowError:
        return None
    return trigger
