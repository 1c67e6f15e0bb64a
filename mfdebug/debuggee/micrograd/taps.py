"""Taps the classes of values, and writes a pass for each `backward`."""

from __future__ import annotations

import gc
import os
import sys
from _struct import Struct

from ..graph_numbers import ByResult, reference
from ..name_facts import source_span
from ..paths import paths_to
from ..reading import encoded
from ..tape import Tape
from ..text import as_json
from .addends import Noted
from .graph import Edges, FunctionType, ValueGraph, is_value_class

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType, FrameType
    from typing import Any

    from ..name_facts import SourceSpan
    from ..recorder import Recorder

    # A code and an offset in it.
    Site = tuple[CodeType, int]

# Graphs of different operations that are remembered.
MAX_KNOWN = 1000
# Values whose place in the source is remembered.
MAX_SITES = 1_000_000
# Passes over known graphs after which places in the source are no longer noted.
SETTLED = 2
# Up to this one, integers are floats exactly.
_EXACT = 2**53


class Known:
    """What passes over graphs of the same operations have in common.

    `layout` describes the numbers of a pass if all are floats, `short` those of inputs and cost.
    """

    __slots__ = ("edges", "ends", "layout", "pack", "pack_ends", "short", "structure")

    def __init__(self, structure: int, graph: ValueGraph, edges: Edges) -> None:
        self.structure = structure
        self.edges = edges
        count = len(graph.values)
        self.ends = sorted({*graph.inputs, count - 1})
        self.layout = as_json([(*place, "float", ()) for place in _places(count, edges)])
        self.short = as_json([("v", i, -1, "float", ()) for i in self.ends])
        self.pack = Struct(f"<{2 * count + len(edges.all)}d").pack
        self.pack_ends = Struct(f"<{len(self.ends)}d").pack


class _Run:
    """One run of `backward`: the data of the values before it, and what is noted; `whole`: all."""

    __slots__ = ("edges", "graph", "key", "known", "noted", "values", "whole")

    def __init__(
        self,
        graph: ValueGraph,
        key: Any,
        known: Known | None,
        edges: Edges,
        values: list[Any],
        noted: Noted | None,
        *,
        whole: bool,
    ) -> None:
        self.graph = graph
        self.key = key
        self.known = known
        self.edges = edges
        self.values = values
        self.noted = noted
        self.whole = whole


class Taps:
    """The taps of all classes of values, for one recorder."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._pid = os.getpid()
        self._graphs = ByResult(recorder, lambda value: encoded(value.data))
        self._tape = Tape(recorder, "micrograd", self._graphs)
        self._known: dict[Any, Known] = {}
        self._sites: dict[int, Site] = {}
        # The `__init__` of each class: the program's, and the one that notes places in the source.
        self._inits: dict[type, tuple[Any, Any]] = {}
        # The `backward` of each class, likewise.
        self._backwards: dict[type, tuple[Any, Any]] = {}
        recorder.undo.append(self._uninstall)
        self._classes: set[type] = set()
        self._settled = 0
        self._running = False

    @property
    def _off(self) -> bool:
        return self._recorder.off or self._running or os.getpid() != self._pid

    # Classes -----------------------------------------------------------------------------------

    def see(self, cls: type) -> None:
        """Tap a class that the program defines or uses, and its bases, if it is one of values."""
        ended = self._recorder.off and not self._recorder.suspended
        if cls in self._classes or ended or not is_value_class(cls):
            return
        self._classes.add(cls)
        for base in cls.__mro__[1:]:
            self.see(base)
        self._recorder.names.add_class(cls)
        own = vars(cls)
        if "__init__" in own:
            self._inits[cls] = own["__init__"], self._tapped_init(cls, own["__init__"])
        if "backward" in own:
            self._backwards[cls] = own["backward"], self._tapped_backward(own["backward"])
            setattr(cls, "backward", self._backwards[cls][1])  # noqa: B010
        self._note_sites()

    def _uninstall(self) -> None:
        for name, methods in (("__init__", self._inits), ("backward", self._backwards)):
            for cls, (original, tapped) in methods.items():
                if vars(cls).get(name) is tapped:
                    setattr(cls, name, original)

    def _tapped_backward(self, original: Any) -> Any:
        def backward(*arguments: Any, **keywords: Any) -> Any:
            if self._off or not arguments:
                result = original(*arguments, **keywords)
                self._recorder.poll()
                return result
            return self._run(lambda: original(*arguments, **keywords), arguments[0])

        return _like(original, backward)

    def _tapped_init(self, cls: type, original: Any) -> Any:
        sites, get_frame = self._sites, sys._getframe
        methods = {
            method.__code__
            for base in cls.__mro__
            for method in vars(base).values()
            if type(method) is FunctionType
        }

        def __init__(value: Any, *arguments: Any, **keywords: Any) -> None:  # noqa: N807
            frame: FrameType | None = get_frame(1)
            while frame is not None and frame.f_code in methods:
                frame = frame.f_back
            if frame is not None:
                sites[id(value)] = frame.f_code, frame.f_lasti
            original(value, *arguments, **keywords)

        return _like(original, __init__)

    def _note_sites(self) -> None:
        """Note from now on where values are made."""
        self._settled = 0
        for cls, (_, tapped) in self._inits.items():
            setattr(cls, "__init__", tapped)  # noqa: B010 - mypy rejects the assignment

    def _see_known(self) -> None:
        """Note no longer where values are made once the graphs that come are known."""
        self._settled += 1
        if self._settled == SETTLED:
            for cls, (original, _) in self._inits.items():
                setattr(cls, "__init__", original)  # noqa: B010
            self._sites.clear()
        elif len(self._sites) > MAX_SITES:
            self._sites.clear()

    # Passes ------------------------------------------------------------------------------------

    def _run(self, original: Callable[[], Any], cost: Any) -> Any:
        """Run the program's `backward` of a cost, and write the pass."""
        try:
            run = self._begin(cost)
        except Exception as failure:
            self._recorder.failed(failure)
            return original()
        fault = None
        self._running = True
        try:
            return original()
        except Exception as error:
            order = () if run.noted is None else run.noted.order
            at = order[-1] if order else len(run.values) - 1
            fault = "b", at, type(error).__name__, self._recorder.message(error)
            raise
        finally:
            self._running = False
            if run.noted is not None:
                run.noted.remove()
            if not self._recorder.off:
                try:
                    self._write(run, fault)
                except Exception as failure:
                    self._recorder.failed(failure)

    def _begin(self, cost: Any) -> _Run:
        """Read the graph of a cost, and note what its values will do."""
        enabled = gc.isenabled()
        # Otherwise it would look at all values again and again while many taps are made.
        gc.disable()
        try:
            graph = ValueGraph(cost)
            key = graph.key
            known = self._known.get(key)
            edges = Edges(graph.sources) if known is None else known.edges
            values = [value.data for value in graph.values]
            whole = self._tape.due or self._tape.fits
            noted = None
            if whole or known is None:
                noted = Noted(graph, edges, learns=known is None)
            return _Run(graph, key, known, edges, values, noted, whole=whole)
        finally:
            if enabled:
                gc.enable()

    def _write(self, run: _Run, fault: tuple[str, int, str, str] | None) -> None:
        graph, known = run.graph, run.known
        if known is None:
            assert run.noted is not None
            if len(self._known) >= MAX_KNOWN:
                self._known.clear()
            known = self._known[run.key] = self._new(graph, run.edges, run.noted.order)
        else:
            self._see_known()
        inputs = [(i, reference(graph.values[i])) for i in graph.inputs]
        number, sharing = self._graphs.of(known.structure, graph.values[-1], inputs)
        noted = run.noted if run.whole else None
        entries, parts = _written(known, graph, run.values, noted)
        self._tape.put(
            known.structure,
            number,
            entries,
            parts,
            whole=run.whole,
            sharing=sharing,
            fault=fault,
        )

    def _new(self, graph: ValueGraph, edges: Edges, order: list[int]) -> Known:
        """Write down a graph of new operations."""
        names, frame = self._recorder.names, sys._getframe(1)
        variables = names.variables(frame)
        paths = paths_to({id(graph.values[i]) for i in graph.inputs}, frame, names)
        spans: dict[Site, SourceSpan] = {}
        nodes = []
        for i, value in enumerate(graph.values):
            kind, attributes = graph.form(i)
            site = self._sites.get(id(value))
            if site is not None and site not in spans:
                spans[site] = source_span(*site)
            nodes.append(
                {
                    "kind": kind,
                    "engine": "micrograd",
                    "inbound": graph.sources[i],
                    "named": paths.get(id(value), ""),
                    "variables": variables.get(id(value), []),
                    "made": None if site is None else spans[site],
                    "attributes": attributes,
                }
            )
        description = {
            "nodes": nodes,
            "forward": [i for i, sources in enumerate(graph.sources) if sources],
            "backward": order,
            "cost": len(nodes) - 1,
        }
        structure = self._recorder.structures.number_of(as_json(description))
        self._note_sites()
        return Known(structure, graph, edges)


def _written(
    known: Known, graph: ValueGraph, values: list[Any], noted: Noted | None
) -> tuple[Any, list[bytes]]:
    """Return the entries of a pass and their bytes; if nothing is noted, of inputs and cost."""
    if noted is None:
        numbers = [values[i] for i in known.ends]
        entries = [("v", i, -1) for i in known.ends]
        layout, pack = known.short, known.pack_ends
    else:
        numbers = [*values, *noted.sent, *[value.grad for value in graph.values]]
        entries, layout, pack = [], known.layout, known.pack
    if _are_floats(numbers):
        return layout, [pack(*numbers)]
    made, parts = [], []
    for (tag, i, k), number in zip(
        entries or _places(len(values), known.edges), numbers, strict=True
    ):
        found = encoded(number)
        if found is not None:
            dtype, shape, data = found
            made.append((tag, i, k, dtype, shape))
            parts.append(data)
    return tuple(made), parts


def _places(count: int, edges: Edges) -> list[tuple[str, int, int]]:
    """Return where the numbers of a whole pass belong: tag, node and input index."""
    sent = [("s", i, k) for i, k in edges.all]
    return [*[("v", i, -1) for i in range(count)], *sent, *[("g", i, -1) for i in range(count)]]


def _are_floats(numbers: list[Any]) -> bool:
    """Whether all are Python's floats, or integers and NumPy's numbers equal to such."""
    for kind in set(map(type, numbers)):
        if kind is int:
            whole = [number for number in numbers if type(number) is int]
            if max(whole) > _EXACT or min(whole) < -_EXACT:
                return False
        elif not issubclass(kind, float):
            return False
    return True


def _like(original: Any, tap: Any) -> Any:
    """Return a tap that looks like the method of the program."""
    for name in ("__module__", "__name__", "__qualname__", "__doc__"):
        setattr(tap, name, getattr(original, name))
    tap.__wrapped__ = original
    return tap
