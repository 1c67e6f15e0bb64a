"""The ATen ops of a row of a PyTorch program, asked of the program while it waits.

The function is run once more there, from the recorded inputs and from what had arrived at its
results. Of an earlier pass of the same line this works, too: only the numbers differ.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np

from mfdebug.core.timeline.cursor import DebuggerError
from mfdebug.core.timeline.library_ops import HandedOn, LibraryOp, LibraryOps, OpTensor
from mfdebug.debuggee.questions import OpsQuestion
from mfdebug.recording.nodes import RecordedGraph
from mfdebug.recording.passes import NOT_KEPT, RecordedPass
from mfdebug.recording.records import RecordedNode
from mfdebug.running.answers import Answer, read_answer
from mfdebug.running.live_run import LiveRun
from miniflow.errors import GraphError
from miniflow.ops.base import Array, shape_text

# A tensor as the program describes it: what it is, the number of that, which result, its shape.
_Tensor = tuple[str, int, int, tuple[int, ...]]


class _Op(msgspec.Struct, frozen=True):
    """An op: its arguments in pieces, and what it returned: shape, dtype, number in the answer."""

    name: str
    given: list[list[Any]]
    returned: list[tuple[tuple[int, ...], str, int]]


class _Answer(msgspec.Struct, frozen=True):
    """An answer; `kept` says of what its arrays are the numbers."""

    refusal: str
    torch: str = ""
    forward: tuple[_Op, ...] = ()
    backward: tuple[_Op, ...] = ()
    results: tuple[_Tensor, ...] = ()
    gradients: tuple[tuple[int, _Tensor], ...] = ()
    drew: bool = False
    casts: bool = False
    unknown: str = ""
    kept: tuple[tuple[str, int, int], ...] = ()


class AtenOps:
    """An `Opener` that asks the running program."""

    def __init__(self, run: LiveRun) -> None:
        self._run = run

    def ops(
        self, graph: RecordedGraph, recorded: RecordedPass, node: int, *, backward: bool
    ) -> LibraryOps:
        """Return the ops of a node's function, with those of its `backward` if that is wanted.

        Raises `DebuggerError` with the reason if they cannot be known.
        """
        label, row = graph.nodes[node].label, self.row(graph, recorded, node)
        asked = row.question(backward=backward)
        try:
            answers = self.ask(asked)
        except GraphError:
            raise DebuggerError(
                f"{label} was run again, and the process that did so was gone before it answered"
            ) from None
        head = answers[0].value if answers else ""
        try:
            answer = msgspec.json.decode(head if isinstance(head, str) else "", type=_Answer)
        except msgspec.MsgspecError:
            raise DebuggerError(f"{label} was run again, and that failed: {head}") from None
        if answer.refusal:
            raise DebuggerError(f"{label} is not run again: {answer.refusal}")
        found = _Read(row, answer, [found.value for found in answers[1:]]).ops()
        if backward and not asked.upstream:
            return found._replace(no_backward="it is not known what has arrived at its results")
        return found

    def row(self, graph: RecordedGraph, recorded: RecordedPass, node: int) -> Row:
        """Return the row of a node in a pass; raise `DebuggerError` if it cannot be asked about."""
        if recorded.numbers is None:
            raise DebuggerError(
                f"{graph.nodes[node].label}: the numbers of this pass are {NOT_KEPT}"
            )
        waits = self._waits_after(graph, recorded, node)
        numbering, there = self._run.numbering(waits), self._run.numbering(recorded.number)
        if node not in numbering or node not in there:
            raise DebuggerError(
                f"{graph.nodes[node].label} is not in the pass after which the program waits"
            )
        numbers = numbering[node], there[node]
        return Row(graph, recorded, self._run.nodes(recorded.number), node, numbers)

    def ask(self, question: OpsQuestion) -> list[Answer]:
        """Ask the program; raise `GraphError` if it does not answer."""
        return read_answer(self._run.program.ask(question.packed()))

    def _waits_after(self, graph: RecordedGraph, recorded: RecordedPass, node: int) -> int:
        """Return the pass after which the program waits, if that has the same rows."""
        label, run = graph.nodes[node].label, self._run
        waits = run.program.waits_after
        if waits is None:
            ending = run.program.ending or "the program runs on"
            raise DebuggerError(
                f"{label} cannot be run again: {ending}",
                hint="start it again, and ask while it waits at the end of a pass",
            )
        if run.outline(waits).line != recorded.outline.line:
            raise DebuggerError(
                f"{label} cannot be run again: the program waits after a pass over another graph",
                hint="go to a newer pass of this graph",
            )
        here, there = run.nodes(recorded.number), run.nodes(waits)
        if here[node].attributes != there[node].attributes:
            raise DebuggerError(
                f"{label} cannot be run again: it has other arguments in the pass after which the "
                "program waits",
                hint="go to the newest pass",
            )
        return waits


class Row:
    """A row of a pass, with its recorded numbers; `nodes` are those of the pass.

    `at` is the number of its node in the pass after which the program waits, and in its own.
    """

    def __init__(
        self,
        graph: RecordedGraph,
        recorded: RecordedPass,
        nodes: Sequence[RecordedNode],
        node: int,
        at: tuple[int, int],
    ) -> None:
        assert recorded.numbers is not None
        self.node = node
        self._at = at
        self.inbound = graph.inbound[node]
        self.label = graph.nodes[node].label
        self._graph = graph
        self._recorded = recorded
        self._numbers = recorded.numbers
        # The nodes of its results, by their number.
        parts = {nodes[i].attributes.get("part"): i for i in graph.results[node]}
        self.results = {part: i for part, i in parts.items() if isinstance(part, int)} or {0: node}

    def label_of(self, node: int) -> str:
        """Return the name of a node."""
        return self._graph.nodes[node].label

    def value(self, node: int) -> Array | None:
        """Return what a node's value was when it was first used or computed."""
        found = self._numbers.values.get(node)
        return self._recorded.inputs.get(node) if found is None else found

    def sent(self, input_index: int) -> Array | None:
        """Return what the function has sent to an input."""
        return self._numbers.sent.get((self.node, input_index))

    def question(self, *, backward: bool) -> OpsQuestion:
        """Return the question for its ops."""
        inputs: dict[int, Array] = {}
        for index, source in enumerate(self.inbound):
            value = self.value(source)
            if value is not None:
                inputs[index] = value
            elif text := self._recorded.text(source):
                raise DebuggerError(f"{self.label} is not run again: it takes {text}")
        upstream, outside = {}, {}
        if backward:
            upstream = _known({part: self._arrived(i) for part, i in self.results.items()})
            outside = _known({part: self._sum_sent_to(i) for part, i in self.results.items()})
        wanted = [i for i in range(len(self.inbound)) if self.sent(i) is not None]
        number, there = self._at
        return OpsQuestion(
            number,
            _packed(inputs),
            _packed(upstream),
            _packed(outside),
            wanted,
            of=self._recorded.number,
            there=there,
        )

    def _arrived(self, node: int) -> Array | None:
        """Return the gradient that has arrived at a result."""
        own = self._numbers.own.get(node)
        if own is not None:
            return own
        value = self.value(node)
        if node == self._graph.cost and value is not None:
            return np.ones(value.shape, value.dtype)
        return self._sum_sent_to(node)

    def _sum_sent_to(self, node: int) -> Array | None:
        """Return what other functions have sent to a result, added in the order of the engine."""
        total: Array | None = None
        consumers = {consumer for consumer, _ in self._graph.consumers[node]}
        for consumer in sorted(consumers, reverse=True):
            first = self._graph.inbound[consumer].index(node)
            sent = self._numbers.sent.get((consumer, first))
            if sent is not None:
                with np.errstate(all="ignore"):
                    total = sent if total is None else np.asarray(total + sent)
        return total


class _Read:
    """An answer of the program, in the words of the debugger."""

    def __init__(self, row: Row, answer: _Answer, arrays: list[Any]) -> None:
        self._row = row
        self._answer = answer
        self._arrays = arrays
        self._returned = [len(op.returned) for op in (*answer.forward, *answer.backward)]
        self._kept = {(kind, key): array for kind, key, array in answer.kept}

    def ops(self) -> LibraryOps:
        """Return the ops."""
        answer, row = self._answer, self._row
        remarks = []
        if answer.drew:
            remarks.append(
                "it draws random numbers, and the state from which the program drew is not known"
            )
        if answer.casts:
            remarks.append(
                "under autocast a parameter is cast once for all functions that use it: what they "
                "send back through that is part of what the first of them sent"
            )
        results = [
            HandedOn(row.label_of(node), self._handed("result", part, found), row.value(node))
            for part, found in enumerate(answer.results)
            if (node := row.results.get(part)) is not None
        ]
        gradients = [
            HandedOn(
                row.label_of(row.inbound[index]),
                self._handed("gradient", index, found),
                row.sent(index),
            )
            for index, found in answer.gradients
        ]
        return LibraryOps(
            f"PyTorch {answer.torch}",
            [self._op(op, 1 + i) for i, op in enumerate(answer.forward)],
            results,
            [self._op(op, 1 + i + len(answer.forward)) for i, op in enumerate(answer.backward)],
            gradients,
            answer.unknown,
            remarks,
        )

    def _op(self, op: _Op, number: int) -> LibraryOp:
        returned = tuple(
            OpTensor(self._name("op", number, i), shape, dtype, self._array(at))
            for i, (shape, dtype, at) in enumerate(op.returned)
        )
        arguments = ", ".join("".join(map(self._piece, pieces)) for pieces in op.given)
        return LibraryOp(number, op.name, arguments, returned)

    def _piece(self, piece: Any) -> str:
        if isinstance(piece, str):
            return piece
        kind, number, part, shape = piece
        return f"{self._name(kind, number, part) or 'a tensor'} {shape_text(tuple(shape))}"

    def _name(self, kind: str, number: int, part: int) -> str:
        row = self._row
        if kind == "input":
            return row.label_of(row.inbound[number])
        if kind == "upstream":
            return f"{row.label_of(row.results[number])}.grad"
        if kind == "op":
            return f"%{number}.{part}" if self._returned[number - 1] > 1 else f"%{number}"
        return ""

    def _handed(self, kind: str, key: int, found: _Tensor) -> OpTensor:
        value = self._array(self._kept.get((kind, key), -1))
        return OpTensor(self._name(*found[:3]), found[3], "", value)

    def _array(self, at: int) -> Array | None:
        value = self._arrays[at] if 0 <= at < len(self._arrays) else None
        return None if value is None or isinstance(value, str) else value


def _known(arrays: Mapping[int, Array | None]) -> dict[int, Array]:
    return {key: array for key, array in arrays.items() if array is not None}


def _packed(arrays: Mapping[int, Array]) -> dict[int, tuple[str, tuple[int, ...], bytes]]:
    return {
        key: (array.dtype.str, tuple(array.shape), array.tobytes()) for key, array in arrays.items()
    }
