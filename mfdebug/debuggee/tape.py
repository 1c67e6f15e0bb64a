"""Writes the passes of engines that build their graph anew in each pass, as PyTorch does.

The taps of such an engine make a `Node` for each tensor that a gradient flows through, with the
nodes it was computed from, and collect in a `Backward` what the engine sends. A pass consists of
the nodes that its cost depends on.
"""

from __future__ import annotations

import time

from .ring import COMPLETE, PASS, STEP, WHOLE, Record
from .text import as_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable
    from typing import Any

    from .name_facts import SourceSpan
    from .open_pass import Encoded
    from .recorder import Recorder
    from .shared_inputs import SharedInputs

    # Returns an object, or None if it is gone.
    Held = Callable[[], Any]
    # What a node is: its function, its name, where it was called, settings of the call.
    Form = tuple[str, str, Any, tuple[Any, ...]]

# Up to so many bytes, an input is recorded in every pass.
SMALL_BYTES = 4096
# Bytes that may be written before the rate limit applies.
BURST_BYTES = 64 * 2**20
# Structures and sets of parameters remembered; a program whose graph keeps changing makes new ones.
MAX_STRUCTURES = 2000
MAX_GRAPHS = 1000
# Graphs that a graph is compared with, and of which final values are written.
MAX_RECENT = 8


class Node:
    """A tensor of a pass: an input, or the result of a function.

    `form` says what it is, `sources` are the nodes it was computed from, `value` its bytes, None if
    they were not copied. `instance` refers to a trained input, weakly if that is possible.
    `serial` orders nodes by when they were made.
    """

    __slots__ = (
        "__weakref__",
        "first",
        "form",
        "hidden",
        "instance",
        "last",
        "output",
        "sequence",
        "serial",
        "sources",
        "value",
    )

    def __init__(
        self, serial: int, form: Form, sources: list[Node], value: Encoded | None = None
    ) -> None:
        self.serial = serial
        self.form = form
        self.sources = sources
        self.value = value
        self.instance: Held | None = None
        # For engines that number what they do: the numbers from `first` to before `last` are of
        # this node's function; `sequence` and `output` are where its gradient arrives.
        self.first = self.last = 0
        self.sequence = self.output = -1
        # Whether it stands for something unseen.
        self.hidden = False


class Backward:
    """What an engine has sent in one backward pass.

    `order`: the nodes in the order in which they have sent; `sent`: what a node has sent to one of
    its sources; `own`: gradients that are not simply the one contribution that there is.
    """

    def __init__(self) -> None:
        self.order: dict[Node, None] = {}
        self.sent: dict[tuple[Node, Node], Encoded] = {}
        self.own: dict[Node, Encoded] = {}

    def leaf_gradients(self) -> dict[Node, Encoded]:
        """Return the gradients of the inputs that are trained."""
        found = {
            target: sent for (_, target), sent in self.sent.items() if target.instance is not None
        }
        return found | {node: own for node, own in self.own.items() if node.instance is not None}


class Fault:
    """An error raised by the function of a node, forward ("f") or backward ("b")."""

    def __init__(self, direction: str, node: Node, error: str, message: str) -> None:
        self.direction = direction
        self.node = node
        self.error = error
        self.message = message


class Outline:
    """The nodes of a pass, as known from an earlier one over the same parameters.

    `trained` are the numbers of the inputs that are trained, `hidden` counts nodes that stand for
    something unseen.
    """

    __slots__ = ("cost", "hidden", "structure", "trained")

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


class Tape:
    """Numbers and writes passes for a recorder; `engine` is the name of the program's engine.

    `encode` returns the bytes of a trained input, `site` the source of where a form was made.
    `shared`: trained inputs may be other objects in each pass; else they tell graphs apart.
    """

    def __init__(
        self,
        recorder: Recorder,
        engine: str,
        encode: Callable[[Any], Encoded],
        site: Callable[[Any], SourceSpan | None],
        shared: SharedInputs | None = None,
    ) -> None:
        self._recorder = recorder
        self._engine = engine
        self._encode = encode
        self._site = site
        self._shared = shared
        self._structures: dict[Any, int] = {}
        # The passes that were written whole, by what the engine's own graph was.
        self._outlines: dict[Hashable, Outline] = {}
        self._graphs: dict[Any, tuple[int, list[Held]]] = {}
        self._graph_count = 0
        # The trained inputs of the last graphs, with their numbers in a structure.
        self._recent: dict[tuple[int, int], list[tuple[int, Held]]] = {}
        self._written = 0
        self._since = time.monotonic()
        self._serial = 0
        # Called when a pass is written, before the program may have to wait.
        self.on_written: Callable[[], None] = lambda: None
        # Called before a pass is written whole, with its number, its trained inputs and their
        # gradients; or before one is written in part.
        self.on_whole: Callable[..., None] = lambda *_: None
        self.on_part: Callable[[], None] = lambda: None
        recorder.tapes.append(self)

    def new_serial(self) -> int:
        """Return a number larger than any before."""
        self._serial += 1
        return self._serial

    @property
    def due(self) -> bool:
        """Whether the debugger waits for the next pass."""
        return self._recorder.is_awaited(self._recorder.number + 1)

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
        kind: Hashable = None,
    ) -> None:
        """Write the pass of a cost, and wait if the debugger asks for it.

        Passes of the same `kind` have the same nodes; None if that is not known.
        """
        nodes = ancestors([cost])
        numbers = {node: i for i, node in enumerate(nodes)}
        whole = all(node.value is not None for node in nodes)
        structure = self._structure(nodes, numbers, backward, cost)
        trained = [(i, node.instance) for i, node in enumerate(nodes) if node.instance is not None]
        if self._shared is None:
            graph, sharing = self._graph(structure, trained)
        else:
            shared = self._shared.graph_of(structure, cost, [(i, held()) for i, held in trained])
            graph, sharing = shared.number, shared.sharing
        if kind is not None:
            hidden = sum(node.hidden for node in nodes)
            known = self._outlines.get(kind)
            if known is None or hidden <= known.hidden:
                outline = Outline(structure, numbers[cost], trained, hidden)
                self._remember(kind, outline)
            elif fault is None and cost.value is not None:
                # Its beginning was not watched: an earlier pass shows what it consists of.
                self.write_outline(known, cost.value, all_inputs=True)
                return
        if whole and fault is None:
            leaves = [(i, node) for i, node in enumerate(nodes) if node.instance is not None]
            self.on_whole(self._recorder.number + 1, leaves, backward.leaf_gradients())
        else:
            self.on_part()
        entries, parts = self._entries(nodes, numbers, backward, cost, whole=whole)
        place = None
        if fault is not None:
            place = fault.direction, numbers[fault.node], fault.error, fault.message
        self.put(structure, graph, tuple(entries), parts, whole=whole, sharing=sharing, fault=place)

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
        recorder = self._recorder
        recorder.close()
        recorder.number += 1
        self._written += sum(map(len, parts))
        recorder.ring.put(
            Record(
                PASS,
                recorder.number,
                graph=graph,
                structure=structure,
                layout=recorder.layouts.number_of(entries),
                sharing=sharing,
                flags=(WHOLE if whole else 0) | COMPLETE,
                text=b"" if fault is None else as_json(fault).encode(),
            ),
            parts,
        )
        self.on_written()
        recorder.pause(recorder.number)

    def _remember(self, kind: Hashable, outline: Outline) -> None:
        if len(self._outlines) >= MAX_STRUCTURES:
            self._outlines.clear()
        self._outlines[kind] = outline

    def outline(self, kind: Hashable) -> Outline | None:
        """Return what passes of a kind consist of, if one was written whole."""
        known = self._outlines.get(kind)
        if known is None or any(instance() is None for _, instance in known.trained):
            return None
        return known

    def write_outline(self, outline: Outline, cost: Encoded, *, all_inputs: bool) -> None:
        """Write a pass with its cost only, or also the inputs that are trained."""
        self.on_part()
        entries: list[Any] = []
        parts: list[bytes] = []
        for number, instance in outline.trained if all_inputs else ():
            held = instance()
            if held is not None:
                dtype, shape, data = self._encode(held)
                entries.append(("v", number, -1, dtype, shape))
                parts.append(data)
        entries.append(("v", outline.cost, -1, *cost[:2]))
        parts.append(cost[2])
        graph, sharing = self._graph(outline.structure, outline.trained)
        self.put(outline.structure, graph, tuple(entries), parts, whole=False, sharing=sharing)

    def write_step(self, number: int, form: str, settings: str, parts: list[bytes]) -> None:
        """Write what a step of an optimizer did after a pass; `form` describes `parts`."""
        recorder = self._recorder
        self._written += sum(map(len, parts))
        layout = recorder.optimizers.number_of(form)
        recorder.ring.put(Record(STEP, number, layout=layout, text=settings.encode()), parts)

    def _structure(
        self, nodes: list[Node], numbers: dict[Node, int], backward: Backward, cost: Node
    ) -> int:
        calls = tuple([numbers[node] for node in backward.order if node in numbers])
        key = (
            tuple([(node.form, tuple([numbers[s] for s in node.sources])) for node in nodes]),
            calls,
            numbers[cost],
        )
        known = self._structures.get(key)
        if known is None:
            if len(self._structures) >= MAX_STRUCTURES:
                self._structures.clear()
            description = {
                "nodes": [self._description(node, numbers) for node in nodes],
                "forward": [i for i, node in enumerate(nodes) if node.sources],
                "backward": calls,
                "cost": numbers[cost],
            }
            known = self._recorder.structures.number_of(as_json(description))
            self._structures[key] = known
        return known

    def _description(self, node: Node, numbers: dict[Node, int]) -> dict[str, Any]:
        kind, name, site, settings = node.form
        return {
            "kind": kind,
            "engine": self._engine,
            "trained": node.instance is not None,
            "inbound": [numbers[source] for source in node.sources],
            "named": name,
            "made": self._site(site),
            "attributes": dict(settings),
        }

    def _graph(self, structure: int, trained: list[tuple[int, Held]]) -> tuple[int, int]:
        """Return the number of the graph, and that of the inputs it shares with others.

        Passes over the same parameters have the same graph.
        """
        key = tuple([id(instance()) for _, instance in trained])
        known = self._graphs.pop(key, None)
        if known is None or any(instance() is None for instance in known[1]):
            known = self._graph_count, [instance for _, instance in trained]
            self._graph_count += 1
            if len(self._graphs) >= MAX_GRAPHS:
                del self._graphs[next(iter(self._graphs))]
        self._graphs[key] = known
        graph = known[0]
        self._recent.pop((graph, structure), None)
        sharing = self._sharing(graph, trained)
        self._recent[graph, structure] = trained
        if len(self._recent) > MAX_RECENT:
            del self._recent[next(iter(self._recent))]
        return graph, sharing

    def _sharing(self, graph: int, trained: list[tuple[int, Held]]) -> int:
        """Return the number of the inputs that a graph shares with recent ones, or -1."""
        found = {}
        for (other, structure), inputs in self._recent.items():
            if other == graph:
                continue
            # An id is the same tensor's only while it lives.
            numbers = {id(held): n for n, x in inputs if (held := x()) is not None}
            pairs = tuple([(i, numbers[id(x())]) for i, x in trained if id(x()) in numbers])
            if pairs:
                found[graph - other] = graph - other, structure, pairs
        if not found:
            return -1
        return self._recorder.graphs.sharings.number_of(tuple(sorted(found.values())))

    @staticmethod
    def _entries(
        nodes: list[Node],
        numbers: dict[Node, int],
        backward: Backward,
        cost: Node,
        *,
        whole: bool,
    ) -> tuple[list[Any], list[bytes]]:
        """Return the entries of a pass and their bytes; if not `whole`, only the small ones."""
        entries, parts = [], []
        for number, node in enumerate(nodes):
            if node.value is None:
                continue
            dtype, shape, data = node.value
            if whole or node is cost or (not node.sources and len(data) <= SMALL_BYTES):
                entries.append(("v", number, -1, dtype, shape))
                parts.append(data)
        if whole:
            for (node, source), (dtype, shape, data) in backward.sent.items():
                index = node.sources.index(source)
                entries.append(("s", numbers[node], index, dtype, shape))
                parts.append(data)
            for node, (dtype, shape, data) in backward.own.items():
                entries.append(("g", numbers[node], -1, dtype, shape))
                parts.append(data)
        return entries, parts

    # The end -----------------------------------------------------------------------------------

    def final_values(self) -> Iterable[tuple[int, int, list[Any], list[bytes]]]:
        """Yield graph, structure, entries and bytes of the inputs of the last graphs, as now."""
        for (graph, structure), trained in self._recent.items():
            entries, parts = [], []
            for number, instance in trained:
                held = instance()
                if held is not None:
                    dtype, shape, data = self._encode(held)
                    entries.append(("v", number, -1, dtype, shape))
                    parts.append(data)
            if entries:
                yield graph, structure, entries, parts


def ancestors(roots: Iterable[Node]) -> list[Node]:
    """Return the nodes that some nodes depend on, and these, in the order they were made in."""
    found = set(roots)
    stack = list(found)
    while stack:
        for source in stack.pop().sources:
            if source not in found:
                found.add(source)
                stack.append(source)
    return sorted(found, key=_serial_of)


def _serial_of(node: Node) -> int:
    return node.serial
