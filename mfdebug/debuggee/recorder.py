"""Notes what a program's nodes compute, pass by pass, as the taps tell of each call.

A pass begins where a node is called forward that the open pass cannot take: one that was called in
it already, one after it has gone back or failed, one that no edge connects with it.
"""

from __future__ import annotations

import os
import sys

from . import probe
from .forms import Forms
from .graphs import Graphs
from .kinds import Kinds
from .naming import Names
from .passes import OpenPass
from .reading import OUTBOUND, attribute, encoded, inputs_of, is_node, neighbours
from .ring import (
    COMPLETE,
    END,
    FINAL,
    LAYOUT,
    PASS,
    PROBLEM,
    STOP_AT,
    STRUCTURE,
    WHOLE,
    Record,
    Ring,
)
from .script import Script
from .text import as_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType
    from typing import Any

# Layouts that are remembered.
MOST_LAYOUTS = 5000
# What a node says in words, and an error, is cut.
LONGEST_WORDS = 500


class Recorder:
    """The recorder of this process.

    `engine` is the folder of our own miniflow, `rate` the bytes a second that are written while
    nobody waits.
    """

    def __init__(self, ring: Ring, engine: str, rate: float) -> None:
        self.ring = ring
        self.names = Names(engine)
        self.kinds = Kinds(engine)
        self.layouts = Forms(ring, LAYOUT, MOST_LAYOUTS)
        self.rate = rate
        self.off = False
        self.number = -1
        self.open: OpenPass | None = None
        self.script: Script | None = None
        self.stop: Callable[[], None] = lambda: None
        self.leave_process: Callable[[int], object] = os._exit
        # Whether the program has called `set_trace`, and is to wait at the end of its next pass.
        self.traced = False
        # The nodes of the last pass that is complete, by their numbers.
        self.nodes: list[Any] = []
        self._process = os.getpid()
        # Classes whose nodes have changed their inputs in place.
        self._watched: set[type] = set()
        self._graphs = Graphs(ring)
        self._structures = Forms(ring, STRUCTURE)

    # What the taps tell ------------------------------------------------------------------------

    def begins(self, node: Any) -> None:
        """A node's forward begins: what its inputs hold now is what it uses."""
        one = self.open
        if self.script is None and one is not None and one.takes("f", node) and is_node(node):
            one.note_inputs(node)

    def returned(self, direction: str, node: Any, frame: FrameType) -> None:
        """A node's forward ("f") or backward ("b") has returned; `frame` is the caller's.

        The script, if there is one, has been asked: it is not the call that was expected.
        """
        if self.script is not None:
            if self._follows_another(direction, node):
                return
            self.unlearn()
        if not is_node(node):
            return
        one = self._pass_for(direction, node, frame)
        if direction == "f":
            one.note_inputs(node)
            one.note_value(node, again=True)
            if not self.kinds.is_ours(type(node)) and one.note_changes(node):
                self._watched.add(type(node))
        else:
            one.note_gradients(node)
        one.called(direction, node)
        self._look(one, node)

    def _follows_another(self, direction: str, node: Any) -> bool:
        """Whether the pass that begins is one over another graph that is known."""
        if self.script is None or not self.script.at_start:
            return False
        for graph in self._graphs:
            script = graph.script
            if script is None or script is self.script or script.first is not node:
                continue
            if script.follows(direction, node):
                self.script = script
                return True
        return False

    def raised(self, direction: str, node: Any, error: BaseException, frame: FrameType) -> None:
        """A node's method was left by an error."""
        if self.script is not None:
            self.unlearn()
        if not is_node(node):
            return
        one = self._pass_for(direction, node, frame)
        one.note_inputs(node)
        number = one.number_of(node)
        one.fault = direction, number, type(error).__name__, self._words(error)
        self.close()

    def interrupted(self) -> None:
        """A note was cut short, by a signal's error say: the pass is not known whole."""
        self.script, self.open = None, None

    def changes_inputs(self, kind: type) -> bool:
        """Whether nodes of a class have changed their inputs in place."""
        return kind in self._watched

    # Passes ------------------------------------------------------------------------------------

    def _pass_for(self, direction: str, node: Any, frame: FrameType) -> OpenPass:
        one = self.open
        if one is None or not one.takes(direction, node):
            self.close()
            self.number += 1
            known = (graph for graph in self._graphs if id(node) in graph.numbers)
            variables = self.names.variables(frame)
            one = self.open = OpenPass(self.number, variables, next(known, None))
        return one

    def _look(self, one: OpenPass, node: Any) -> None:
        """Write the pass if it is complete, or if somebody waits for as much as there is."""
        if one.is_complete:
            self._write(one, complete=True)
            self._learn(one)
            self.pause(one.number)
        elif self._is_last_forward(one, node) and self.ring.word(STOP_AT) <= one.number:
            # It may be long until there is more, or for ever.
            self._write(one, complete=False)

    @staticmethod
    def _is_last_forward(one: OpenPass, node: Any) -> bool:
        """Whether nothing takes the value that a node has just computed."""
        return not one.gone_back and neighbours(node, OUTBOUND) in ([], ())

    def close(self) -> None:
        """End the open pass: another begins, it has failed, or the program ends."""
        one = self.open
        if one is None:
            return
        self.open = None
        if not one.calls and one.fault is None:
            return
        if one.complete:
            return
        self._write(one, complete=True)
        self.pause(one.number)

    def pause(self, number: int) -> None:
        """Wait at the end of a pass, if the debugger wants that, or the program itself."""
        traced, self.traced = self.traced, False
        self.ring.wait(number, self.answer, traced=traced)

    def _write(self, one: OpenPass, *, complete: bool) -> None:
        one.drop_what_is_not_used()
        graph = self._graphs.of(one)
        if graph is None:
            structure = self._structures.number_of(as_json(self._described(one)))
            graph = self._graphs.remember(one, structure)
        self.ring.put(
            Record(
                PASS,
                one.number,
                graph=graph.number,
                structure=graph.structure,
                layout=self.layouts.number_of(tuple(one.entries)),
                sharing=graph.sharing,
                flags=(WHOLE if one.whole else 0) | (COMPLETE if complete else 0),
                text=as_json(one.fault).encode() if one.fault else b"",
                data=b"".join(one.parts),
            )
        )
        one.complete = complete
        self.nodes = one.nodes

    def _learn(self, one: OpenPass) -> None:
        """Know the next pass by this one, if it can be."""
        graph = self._graphs.of(one)
        if graph is None or not one.whole:
            return
        self.script = graph.script = Script.of(self, one, graph)
        if self.script is not None:
            self.open = None

    def unlearn(self) -> None:
        """Go on without the script: a pass differs from the last. What it has noted is kept."""
        script, self.script = self.script, None
        if script is not None:
            self.open = script.so_far()

    def _described(self, one: OpenPass) -> dict[str, Any]:
        """Return what a structure says: nodes, calls, the cost, and the names as noted."""
        nodes = []
        for node in one.nodes:
            kind, ours = self.kinds.of(type(node))
            own_name = attribute(node, "name")
            attributes = attribute(node, "attrs") if ours else None
            nodes.append(
                {
                    "kind": kind,
                    "ours": ours,
                    "inbound": [one.numbers[id(source)] for source in inputs_of(node)],
                    "named": own_name if type(own_name) is str else "",
                    "variables": one.variables.get(id(node), []),
                    "made": self.names.place(node),
                    "attributes": attributes if type(attributes) is dict else {},
                }
            )
        forward = [number for direction, number in one.calls if direction == "f"]
        backward = [number for direction, number in one.calls if direction == "b"]
        return {"nodes": nodes, "forward": forward, "backward": backward, "cost": one.cost}

    # Our engine's own training ------------------------------------------------------------------

    def watch_training(self, plan: Any) -> None:
        """Be told of the SGD steps that `Plan`, the class of our engine's plans, runs."""
        if plan is not None:
            plan.watcher = self._trained

    def _trained(self, plan: Any) -> None:
        """Note an SGD step of our engine: its nodes are called by none of their methods."""
        if self.off or os.getpid() != self._process:
            return
        try:
            self._note_step(plan, plan.graph)
        except Exception as error:
            self.failed(error)

    def _note_step(self, plan: Any, graph: Any) -> None:
        self.script = None
        self.close()
        self.number += 1
        known = (one for one in self._graphs if one.has(graph.nodes))
        variables = self.names.variables(sys._getframe(2))
        one = OpenPass(self.number, variables, next(known, None))
        for i, node in enumerate(graph.nodes):
            one.number_of(node)
            one.note("v", i, -1, encoded(plan.typed_value(i)))
            one.called("f", node)
        for i in graph.backward_nodes:
            sums: dict[int, Any] = {}
            for input_index, source in enumerate(graph.inbound[i]):
                sent = plan.contribution(i, input_index)
                first = graph.inbound[i].index(source)
                sums[first] = sums[first] + sent if first in sums else sent
            for input_index, sent in sums.items():
                one.note("s", i, input_index, encoded(sent))
            if not graph.inbound[i]:
                one.note("g", i, -1, encoded(plan.gradient(i)))
            one.called("b", graph.nodes[i])
        self._write(one, complete=True)
        self.pause(one.number)

    # The end -----------------------------------------------------------------------------------

    def _words(self, error: BaseException) -> str:
        """Return what an error says, if saying it runs no code of the program's."""
        kind = type(error)
        plain = all(type(one) in (str, int, float) for one in error.args)
        if self.kinds.is_made_here(kind) or (kind.__module__ == "builtins" and plain):
            return str(error)[:LONGEST_WORDS]
        return ""

    def end(self) -> None:
        """The program ends: write the open pass, and what its inputs hold now."""
        if self.off or os.getpid() != self._process:
            return
        try:
            if self.script is not None:
                self.unlearn()
            self.close()
            self._write_inputs()
            self.ring.put(Record(END, data=as_json(self._last_error()).encode()))
        finally:
            self.leave()

    def _last_error(self) -> dict[str, Any]:
        """Return the error that ends the program, if one does: what it says, and where it arose."""
        error = getattr(sys, "last_exc", None) or getattr(sys, "last_value", None)
        if not isinstance(error, BaseException):
            return {}
        file, line, trace = "", 0, error.__traceback__
        while trace is not None:
            if not self.names.is_ours(trace.tb_frame.f_code.co_filename):
                file, line = trace.tb_frame.f_code.co_filename, trace.tb_lineno
            trace = trace.tb_next
        words = self._words(error)
        if isinstance(error, SyntaxError) and isinstance(error.lineno, int):
            # The line that is meant has not run.
            words, file, line = str(error.msg)[:LONGEST_WORDS], str(error.filename), error.lineno
        return {"error": type(error).__name__, "words": words, "file": file, "line": line}

    def _write_inputs(self) -> None:
        # One graph may be known with several orders of calls.
        for graph in {(one.number, one.structure): one for one in self._graphs}.values():
            last = OpenPass(self.number, {}, graph)
            for node in graph.nodes:
                if not inputs_of(node):
                    last.note_value(node, again=False)
            self.ring.put(
                Record(
                    FINAL,
                    graph=graph.number,
                    structure=graph.structure,
                    layout=self.layouts.number_of(tuple(last.entries)),
                    data=b"".join(last.parts),
                )
            )

    def failed(self, error: BaseException) -> None:
        """The recorder itself has failed: say so, and leave the program alone from here on."""
        if not self.off:
            words = f"{type(error).__name__}: {error}"[:LONGEST_WORDS]
            self.ring.put(Record(PROBLEM, text=words.encode("utf-8", "replace")))
            self.leave()

    def leave(self) -> None:
        """Note nothing more."""
        self.off = True
        self.open = self.script = None
        self.stop()

    def answer(self) -> None:
        """Answer what the debugger asks while the program waits: about a node of the last pass."""
        probe.answer(self.nodes, self.ring.beside, self.leave_process)
