"""Writes the passes of engines that build their graph anew in each pass, as PyTorch does.

A pass consists of the nodes that its cost depends on.
"""

from __future__ import annotations

import time
from _weakref import ref

from .fast_path import BURST_BYTES
from .numbered_pass import NumberedPass
from .pass_nodes import Backward
from .ring import COMPLETE, PASS, STEP, WHOLE, Record
from .text import as_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Hashable
    from typing import Any

    from .graph_numbers import GraphNumbers
    from .name_facts import SourceSpan
    from .open_pass import Encoded
    from .pass_nodes import Fault, Held, Node
    from .recorder import Recorder

# Structures remembered; a program whose graph keeps changing makes new ones.
MAX_STRUCTURES = 2000


class Outline:
    """The nodes of a pass, as known from an earlier one over the same parameters.

    `trained` are the numbers of the inputs that are trained, `hidden` counts nodes that stand for
    something unseen.
    """

    __slots__ = (
        "cost",
        "gone",
        "hidden",
        "record",
        "structure",
        "trained",
        "watched",
        "written_as",
    )

    def __init__(
        self,
        structure: int,
        cost: int,
        trained: list[tuple[int, Held]],
        hidden: int,
    ) -> None:
        self.structure = structure
        self.cost = cost
        self.trained = trained
        self.hidden = hidden
        # Whether one of the inputs is gone: then another object may have its id.
        self.gone = False
        self.watched = [self._watch(instance()) for _, instance in trained]
        # The record of a pass with its cost only, and the dtype and shape of that.
        self.record = Record(PASS)
        self.written_as: tuple[str, tuple[int, ...]] | None = None

    def _watch(self, thing: Any) -> Any:
        def end(_: Any) -> None:
            self.gone = True

        if thing is None:
            self.gone = True
            return None
        return ref(thing, end)


class Tape:
    """Numbers and writes passes for a recorder; `engine` is the name of the program's engine.

    `graphs` numbers the graphs of passes, `site` returns the source of where a form was made.
    """

    def __init__(
        self,
        recorder: Recorder,
        engine: str,
        graphs: GraphNumbers,
        site: Callable[[Any], SourceSpan | None] = lambda _: None,
    ) -> None:
        self._recorder = recorder
        self._engine = engine
        self._graphs = graphs
        self._site = site
        self._structures: dict[Any, int] = {}
        # The passes that were written whole, by what the engine's own graph was.
        self._outlines: dict[int, Outline] = {}
        self._written = 0
        self._since = time.monotonic()
        self._serial = 0
        # That of the last pass, if only its cost was written.
        self._last: Outline | None = None
        # Called when a pass is written, before the program may have to wait.
        self.on_written: Callable[[], None] = lambda: None
        # Called before a pass is written whole, with its number, its trained inputs and their
        # gradients; or before one is written in part.
        self.on_whole: Callable[..., None] = lambda *_: None
        self.on_part: Callable[[], None] = lambda: None
        # The nodes of the pass at whose end the program waits, and what is called before that.
        self.waiting: list[Node] = []
        self.on_waiting: Callable[[], None] = lambda: None
        # The cost whose forward was written, and what finishes its pass if no backward follows.
        self._shown: tuple[Node, Callable[[], None]] | None = None
        recorder.closing.append(self._finish_shown)

    def new_serial(self) -> int:
        """Return a number larger than any before."""
        self._serial += 1
        return self._serial

    @property
    def due(self) -> bool:
        """Whether the debugger or the program itself wants to stop at the next pass."""
        recorder = self._recorder
        return recorder.traced or recorder.is_awaited(recorder.number + 1)

    @property
    def fits(self) -> bool:
        """Whether the limit on bytes and the user allow to write the next pass whole."""
        allowed = BURST_BYTES + self._recorder.rate * (time.monotonic() - self._since)
        return self._written <= allowed and self._recorder.wants(self._recorder.number + 1)

    # Passes ------------------------------------------------------------------------------------

    def write(
        self,
        cost: Node,
        backward: Backward,
        fault: Fault | None = None,
        *,
        kind: int = -1,
    ) -> None:
        """Write the pass of a cost, and wait if the debugger asks for it.

        Passes of the same `kind` have the same nodes; -1 if that is not known.
        """
        numbered = NumberedPass(cost, backward)
        # A function that has raised has no value.
        failed = None if fault is None else fault.node
        whole = all(node.value is not None or node is failed for node in numbered.nodes)
        # Of what was computed before it was watched, there are no values.
        again = self._shown is not None and self._shown[0] is cost
        whole = whole or again
        structure, trained = self._structure(numbered), _held(numbered)
        graph, sharing = self._graphs.of(structure, cost, trained)
        if kind >= 0:
            hidden = sum(node.hidden for node in numbered.nodes)
            known = self._outlines.get(kind)
            if known is None or known.gone or hidden <= known.hidden:
                outline = Outline(structure, numbered.numbers[cost], trained, hidden)
                self._remember(kind, outline)
            elif fault is None and cost.value is not None and not again:
                # Its beginning was not watched: an earlier pass shows what it consists of.
                self.write_inputs(known, cost.value)
                return
        if whole and fault is None:
            number = self._recorder.number + (not again)
            self.on_whole(number, numbered.leaves, backward.leaf_gradients())
        else:
            self.on_part()
        entries, parts = numbered.entries(whole=whole)
        at = None
        if fault is not None:
            at = fault.direction, numbered.numbers[fault.node], fault.error, fault.message
        if again:
            self._shown = None
        else:
            self._recorder.close()
            self._recorder.number += 1
        self._put(structure, graph, entries, parts, whole=whole, sharing=sharing, fault=at)
        self._wait(numbered.nodes)

    def show(self, cost: Node) -> None:
        """Write the forward of a cost, and wait if the debugger asks for it.

        If its backward follows, that belongs to the same pass.
        """
        numbered = NumberedPass(cost, Backward())
        structure = self._structure(numbered)
        graph, sharing = self._graphs.of(structure, cost, _held(numbered))
        entries, parts = numbered.entries(whole=True)
        self._recorder.close()
        self._recorder.number += 1

        def write(*, complete: bool) -> None:
            self._put(
                structure, graph, entries, parts, whole=True, sharing=sharing, complete=complete
            )

        self._shown = cost, lambda: write(complete=True)
        write(complete=False)
        self._pause(numbered.nodes, begun=True)

    def _finish_shown(self) -> None:
        """Finish the pass whose forward was shown: no backward has followed."""
        shown, self._shown = self._shown, None
        if shown is not None:
            shown[1]()
            self._recorder.pause(self._recorder.number)

    def put(
        self,
        structure: int,
        graph: int,
        entries: Hashable,
        parts: list[bytes],
        *,
        whole: bool,
        sharing: int = -1,
        fault: tuple[str, int, str, str] | None = None,
    ) -> None:
        """Write the next pass, and wait if the debugger asks for it; the open one is closed.

        `entries` describe the `parts`: as tuples, or as the JSON of such.
        """
        self._recorder.close()
        self._recorder.number += 1
        self._put(structure, graph, entries, parts, whole=whole, sharing=sharing, fault=fault)
        self._wait([])

    def _wait(self, nodes: list[Node]) -> None:
        """Wait at the end of a pass of these nodes if the debugger asks for it."""
        self.on_written()
        self._pause(nodes)

    def _pause(self, nodes: list[Node], *, begun: bool = False) -> None:
        recorder = self._recorder
        self.waiting = nodes
        if recorder.traced or recorder.is_awaited(recorder.number):
            self.on_waiting()
        try:
            recorder.pause(recorder.number, begun=begun)
        finally:
            self.waiting = []

    def _put(
        self,
        structure: int,
        graph: int,
        entries: Hashable,
        parts: list[bytes],
        *,
        whole: bool,
        sharing: int,
        fault: tuple[str, int, str, str] | None = None,
        complete: bool = True,
    ) -> None:
        recorder = self._recorder
        self._written += sum(map(len, parts))
        self._last = None
        recorder.ring.put(
            Record(
                PASS,
                recorder.number,
                graph=graph,
                structure=structure,
                layout=recorder.layouts.number_of(entries),
                sharing=sharing,
                flags=(WHOLE if whole else 0)
                | (COMPLETE if complete else 0)
                | recorder.gap_flag(recorder.number),
                text=b"" if fault is None else as_json(fault).encode(),
            ),
            parts,
        )

    def _remember(self, kind: int, outline: Outline) -> None:
        if len(self._outlines) >= MAX_STRUCTURES:
            self._outlines.clear()
        self._outlines[kind] = outline

    def outline(self, kind: int) -> Outline | None:
        """Return what passes of a kind consist of, if one was written whole."""
        known = self._outlines.get(kind)
        return None if known is None or known.gone else known

    def write_inputs(self, outline: Outline, cost: Encoded) -> None:
        """Write a pass with its cost and the inputs that are trained."""
        self.on_part()
        entries: list[Any] = []
        parts: list[bytes] = []
        for number, instance in outline.trained:
            held = instance()
            found = None if held is None else self._graphs.encode(held)
            if found is not None:
                dtype, shape, data = found
                entries.append(("v", number, -1, dtype, shape))
                parts.append(data)
        entries.append(("v", outline.cost, -1, *cost[:2]))
        parts.append(cost[2])
        graph, sharing = self._graphs.of(outline.structure, None, outline.trained)
        self.put(outline.structure, graph, tuple(entries), parts, whole=False, sharing=sharing)
        self._prepare(outline, *cost[:2])

    def write_cost(self, outline: Outline, cost: Encoded) -> None:
        """Write a pass with its cost only, as shortly as possible."""
        recorder, record = self._recorder, outline.record
        dtype, shape, data = cost
        if self._last is not outline or outline.written_as != (dtype, shape):
            self.on_part()
            self._prepare(outline, dtype, shape)
        recorder.close()
        record.number = recorder.number = recorder.number + 1
        record.data = data
        recorder.ring.put(record)
        self.on_written()
        recorder.pause(recorder.number)

    def _prepare(self, outline: Outline, dtype: str, shape: tuple[int, ...]) -> None:
        """Make the record of passes with their cost only."""
        record = outline.record
        layout = self._recorder.layouts.number_of((("v", outline.cost, -1, dtype, shape),))
        graph, sharing = self._graphs.of(outline.structure, None, outline.trained)
        record.graph, record.structure, record.sharing = graph, outline.structure, sharing
        record.layout, record.flags = layout, COMPLETE
        outline.written_as, self._last = (dtype, shape), outline

    def is_prepared(self, outline: Outline) -> bool:
        """Whether the last pass was of this outline, and its cost a float32."""
        return self._last is outline and outline.written_as == ("<f4", ())

    def write_step(self, number: int, form: str, settings: str, parts: list[bytes]) -> None:
        """Write what a step of an optimizer did after a pass; `form` describes `parts`."""
        recorder = self._recorder
        self._written += sum(map(len, parts))
        layout = recorder.optimizers.number_of(form)
        recorder.ring.put(Record(STEP, number, layout=layout, text=settings.encode()), parts)

    def _structure(self, numbered: NumberedPass) -> int:
        key = numbered.key()
        known = self._structures.get(key)
        if known is None:
            if len(self._structures) >= MAX_STRUCTURES:
                self._structures.clear()
            description = as_json(numbered.structure(self._engine, self._site))
            known = self._structures[key] = self._recorder.structures.number_of(description)
        return known


def _held(numbered: NumberedPass) -> list[tuple[int, Held]]:
    """Return the inputs that are trained, as the program holds them."""
    return [(i, node.instance) for i, node in numbered.leaves if node.instance is not None]
