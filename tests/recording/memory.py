"""A run in memory: a small loop runs a program's nodes and writes down what it sees.

A program is a generator that is given a `Loop` and yields after each of its passes, so that it
waits as a real one does. `Loop.seen` keeps what the loop saw in its own words, for comparison.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from typing import Any

import numpy as np
from msgspec.structs import replace

from mfdebug.recording.records import (
    Fault,
    Numbers,
    OptimizerStep,
    Outline,
    RecordedNode,
    ShouldStop,
    Structure,
)
from miniflow.lesson import backward_from
from miniflow.node import Input
from miniflow.ops.base import Array, Op, follows_rules
from tests.program.compare import same

Program = Callable[["Loop"], Iterator[None]]
_NAN = float("nan")


class Seen:
    """One pass as the loop saw it: arrays by node number, in the order of the calls."""

    def __init__(self, line: int, step: int, nodes: Sequence[Any] = ()) -> None:
        self.line, self.step = line, step
        self.nodes = list(nodes)
        self.began: dict[int, Array] = {}
        self.values: dict[int, Array] = {}
        self.changed: dict[tuple[int, int], Array] = {}
        self.sent: dict[tuple[int, int], Array] = {}
        self.own: dict[int, Array] = {}
        self.texts: dict[int, str] = {}
        self.forward: list[int] = []
        self.backward: list[int] = []
        self.end: dict[int, Array] = {}
        self.went_back = self.complete = False
        self.cost = _NAN
        self.fault: Fault | None = None

    def forward_ops(self, inbound: list[list[int]]) -> list[int]:
        """Return the nodes with inputs whose forward was called."""
        return [i for i in self.forward if inbound[i]]

    def last_value(self, node: int, inbound: list[list[int]]) -> Array:
        """Return a node's value as the pass left it."""
        value = self.values[node]
        for (consumer, input_index), changed in self.changed.items():
            if inbound[consumer][input_index] == node:
                value = changed
        return value


class MemoryRun:
    """A run of a program in memory; `kept` tells which passes are kept whole."""

    def __init__(
        self,
        name: str,
        program: Program,
        *,
        kept: Callable[[int], bool] = lambda _number: True,
        to_the_end: bool = False,
    ) -> None:
        self.name = name
        self.ending = ""
        self.traced_at: int | None = None
        self.seen: list[Seen] = []
        self.kept = kept
        self.structures: list[Structure] = []
        self.asked: list[int] = []
        self._loop = Loop(self)
        self._program = program(self._loop)
        self.run_to(10**9 if to_the_end else 0)
        self.asked.clear()

    @property
    def lines(self) -> Sequence[Structure]:
        return self.structures

    def __len__(self) -> int:
        return len(self.seen)

    def steps(self, line: int) -> Sequence[int]:
        return [i for i, seen in enumerate(self.seen) if seen.line == line]

    def outline(self, number: int) -> Outline:
        seen = self.seen[number]
        return Outline(
            number,
            seen.line,
            seen.step,
            seen.went_back,
            self.kept(number),
            seen.complete,
            seen.cost,
            seen.fault,
            self._graph(number),
        )

    def _graph(self, number: int) -> int:
        nodes = self.seen[number].nodes
        return next(i for i, seen in enumerate(self.seen) if seen.nodes == nodes)

    def nodes(self, number: int) -> Sequence[RecordedNode]:
        return self.structures[self.seen[number].line].nodes

    def numbers(self, number: int) -> Numbers | None:
        seen = self.seen[number]
        if not self.kept(number):
            return None
        return Numbers(seen.values, seen.changed, seen.sent, seen.own, seen.texts)

    def inputs(self, number: int) -> Mapping[int, Array]:
        return self.seen[number].began

    def inputs_after(self, number: int) -> Mapping[int, Array]:
        return {i: value for i, (value, _) in self._after(number).items()}

    def others_after(self, number: int) -> Set[int]:
        return {i for i, (_, own) in self._after(number).items() if not own}

    def _after(self, number: int) -> dict[int, tuple[Array, bool]]:
        """Return what each input held next, and whether it was that very input."""
        seen = self.seen[number]
        later = [other for other in self.seen[number + 1 :] if other.line == seen.line]
        found = {}
        for i, node in enumerate(seen.nodes):
            values = [other.began.get(i) for other in later if other.nodes[i] is node]
            seen_again = bool(values)
            if not values and self.ending and i in seen.end:
                values = [seen.end[i]]
            if values and values[0] is not None:
                found[i] = values[0], True
            if seen_again or not later or i not in later[0].began or self._returns(seen.line):
                continue
            began = seen.began.get(i)
            if i not in found or (began is not None and same(found[i][0], began)):
                found[i] = later[0].began[i], False
        return found

    def _returns(self, line: int) -> bool:
        """Whether a graph of a line comes again after another."""
        graphs = [self._graph(number) for number in self.steps(line)]
        changes = sum(a != b for a, b in itertools.pairwise(graphs))
        return changes >= len(set(graphs))

    def optimizer_steps(self, number: int) -> Sequence[OptimizerStep]:
        """Return nothing: programs in the lesson's style update by hand."""
        return ()

    def run_to(self, number: int, should_stop: ShouldStop | None = None) -> None:
        self.asked.append(number)
        while not self.ending and len(self.seen) <= number:
            try:
                next(self._program)
            except StopIteration:
                self.ending = "the program has ended"
            except Exception as error:
                self.ending = f"the program ended: {type(error).__name__}: {error}"
            if self.ending:
                self._loop.note_the_end()
            if should_stop is not None and should_stop():
                return


class Loop:
    """Runs nodes in the lesson's style, and notes what they do."""

    def __init__(self, run: MemoryRun) -> None:
        self.run = run
        self.names: dict[Any, str] = {}
        self._lines: dict[Any, int] = {}

    def name(self, **nodes: Any) -> None:
        """Know the program's names of nodes."""
        self.names.update({node: name for name, node in nodes.items()})

    def both(self, graph: Sequence[Any]) -> None:
        """Run a pass forward and backward, from the last node."""
        self.forward(graph)
        self.backward(graph)

    def forward(self, graph: Sequence[Any]) -> None:
        """Run a pass forward."""
        nodes = _under(graph[-1])
        number = {node: i for i, node in enumerate(nodes)}
        seen = self._begin(nodes, number)
        for node in graph:
            if node not in number:
                node.forward()
                continue
            i, sources = number[node], node.inbound_nodes
            before = [_copy(source.value) for source in sources]
            try:
                node.forward()
            except Exception as error:
                seen.fault = Fault("forward", i, type(error).__name__, str(error))
                seen.complete = True
                raise
            seen.forward.append(i)
            self._note(seen, i, node.value)
            for input_index, (source, was) in enumerate(zip(sources, before, strict=True)):
                now = _copy(source.value)
                if was is not None and now is not None and was.tobytes() != now.tobytes():
                    seen.changed[i, input_index] = now
        for node in nodes:
            if isinstance(node.inbound_nodes, list) and not node.inbound_nodes:
                seen.values.setdefault(number[node], seen.began.get(number[node], np.array(_NAN)))
        value = _copy(graph[-1].value)
        seen.cost = _NAN if value is None else float(value.sum())
        seen.complete = True
        self._forward_done(seen)

    def backward(self, graph: Sequence[Any], *, plainly: bool = False) -> None:
        """Go back through the last pass: by miniflow's own function, or node by node."""
        nodes = _under(graph[-1])
        number = {node: i for i, node in enumerate(nodes)}
        seen = self.run.seen[-1]
        seen.went_back = True
        left = list(reversed([node for node in graph if node in number]))
        turns = iter(_each(graph)) if plainly else backward_from(graph)
        while left:
            try:
                node = next(turns)
            except StopIteration:
                break
            except Exception as error:
                seen.fault = Fault("backward", number[left[0]], type(error).__name__, str(error))
                self._forward_done(seen)
                raise
            if node not in number:
                continue
            left.remove(node)
            i = number[node]
            seen.backward.append(i)
            for input_index, source in enumerate(node.inbound_nodes):
                if source in node.inbound_nodes[:input_index] or source not in node.gradients:
                    continue
                sent = _copy(node.gradients[source])
                if sent is not None:
                    seen.sent[i, input_index] = sent
            own = node.gradients.get(node)
            if own is not None:
                seen.own[i] = np.array(own)
        self._forward_done(seen)

    def _begin(self, nodes: list[Any], number: dict[Any, int]) -> Seen:
        key = tuple(
            (type(node).__name__, self.names.get(node), *map(number.get, node.inbound_nodes))
            for node in nodes
        )
        if key not in self._lines:
            self._lines[key] = len(self._lines)
            self.run.structures.append(self._structure(nodes, number))
        # The nodes may be new ones: a graph that is built again.
        line = self._lines[key]
        seen = Seen(line, sum(earlier.line == line for earlier in self.run.seen), nodes)
        for i, node in enumerate(nodes):
            if not node.inbound_nodes:
                value = _copy(node.value)
                if value is not None:
                    seen.began[i] = value
        self.run.seen.append(seen)
        return seen

    def _structure(self, nodes: list[Any], number: dict[Any, int]) -> Structure:
        recorded = tuple(
            RecordedNode(
                type(node).__name__,
                tuple(number[source] for source in node.inbound_nodes),
                self.names.get(node, ""),
                _is_ours(node),
                dict(node.attrs) if isinstance(node, Op) and follows_rules(node) else {},
                "/home/anna/prog.py",
                3 + i,
            )
            for i, node in enumerate(nodes)
        )
        return Structure(recorded, (), (), len(nodes) - 1)

    def _forward_done(self, seen: Seen) -> None:
        structure = self.run.structures[seen.line]
        if not structure.backward:
            self.run.structures[seen.line] = replace(
                structure, forward=tuple(seen.forward), backward=tuple(seen.backward)
            )

    def _note(self, seen: Seen, i: int, value: Any) -> None:
        array = _copy(value)
        if array is None:
            seen.texts[i] = f"{type(value).__name__} {value!r}"
        else:
            seen.values[i] = array

    def note_the_end(self) -> None:
        """Note what the inputs of all passes hold in the end."""
        for seen in self.run.seen:
            for i, node in enumerate(seen.nodes):
                if not node.inbound_nodes and (value := _copy(node.value)) is not None:
                    seen.end[i] = value


def _each(graph: Sequence[Any]) -> Iterator[Any]:
    for node in reversed(graph):
        node.backward()
        yield node


def _under(cost: Any) -> list[Any]:
    """Return the nodes that a cost depends on, each after its inputs."""
    found: dict[Any, None] = {}

    def visit(node: Any) -> None:
        if node not in found:
            for source in node.inbound_nodes:
                visit(source)
            found[node] = None

    visit(cost)
    return list(found)


def _is_ours(node: Any) -> bool:
    return follows_rules(node) or type(node) is Input


def _copy(value: Any) -> Array | None:
    """Return a copy of what is a number or array of numbers."""
    try:
        array = np.array(value)
    except ValueError:
        return None
    return array if array.dtype.kind in "biuf" else None
