"""Records what a program's nodes compute, pass by pass; the call hooks report each call.

A new pass starts with a forward call that cannot belong to the open pass: of a node that it has
called already, of any node after its backward has begun or a node has raised, or of a node that no
edge connects with it.
"""

from __future__ import annotations

import os

from . import probe
from .ending import write_end
from .fast_path import Script
from .forms import Forms
from .graphs import Graphs
from .kinds import Kinds
from .last_error import MAX_MESSAGE
from .name_facts import Names
from .open_pass import OpenPass
from .own_training import OwnTraining
from .questions import asks_for_ops
from .reading import OUTBOUND, attribute, inputs_of, is_node, neighbours
from .ring import (
    AFTER_GAP,
    COMPLETE,
    DETACHED,
    EVERY,
    LAYOUT,
    NEVER,
    OPTIMIZER,
    PASS,
    PROBLEM,
    STOP_AT,
    STRUCTURE,
    SUSPENDED,
    WHOLE,
    Record,
    Ring,
)
from .text import as_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType
    from typing import Any

    from .graph_numbers import GraphNumbers


# Layouts remembered.
MAX_LAYOUTS = 5000


class Recorder:
    """The recorder of this process.

    `engine` is the folder of our own miniflow; `rate` limits the bytes per second that are written
    while the program runs freely.
    """

    def __init__(self, ring: Ring, engine: str, rate: float) -> None:
        self.ring = ring
        self.names = Names(engine)
        self.kinds = Kinds(engine)
        self.structures = Forms(ring, STRUCTURE)
        self.layouts = Forms(ring, LAYOUT, MAX_LAYOUTS)
        self.optimizers = Forms(ring, OPTIMIZER, MAX_LAYOUTS)
        self.rate = rate
        self.off = False
        # Whether it is off for now only: the debugger has detached. The taps then do nothing but
        # `poll` once for each pass.
        self.suspended = False
        self.suspending: list[Callable[[], None]] = []
        self.resuming: list[Callable[[], None]] = []
        # The first pass that was watched again, and whether that is still to begin.
        self._after_gap = -1
        self._aligning = False
        self.number = -1
        self.open: OpenPass | None = None
        self.script: Script | None = None
        self.stop: Callable[[], None] = lambda: None
        self.exit_process: Callable[[int], object] = os._exit
        # Whether the program has called `set_trace`: it then waits at the end of its next pass.
        self.traced = False
        self.tracing: list[Callable[[], None]] = []
        # Of the engines that build their graph anew in each pass.
        self.graph_numbers: list[GraphNumbers] = []
        # Called with each class that the program defines or, from Python 3.12 on, makes an
        # instance of.
        self.class_seen: list[Callable[[type], None]] = []
        # Called before the last record is written, since the program ends.
        self.at_end: list[Callable[[], object]] = []
        self.own_training = OwnTraining(self)
        # Of engines: called when the open pass ends; and with what the program wants to be shown,
        # and its frame, which return whether it is theirs.
        self.closing: list[Callable[[], None]] = []
        # Takes the taps out of a program that goes on without them.
        self.undo: list[Callable[[], None]] = []
        self.showing: list[Callable[[Any, FrameType], bool]] = []
        # Of an engine: answers questions for the ops of a row, in files of this name.
        self.rerun: Callable[[str], None] | None = None
        # The nodes of the last pass that was written, by number.
        self.nodes: list[Any] = []
        self.process = os.getpid()
        # Classes whose nodes have changed their inputs in place.
        self._watched: set[type] = set()
        self.graphs = Graphs(ring)

    # Called by the hooks -----------------------------------------------------------------------

    def started(self, node: Any) -> None:
        """Record the inputs of a node whose forward starts: these are the values it uses."""
        open_pass = self.open
        if (
            self.script is None
            and open_pass is not None
            and open_pass.accepts("f", node)
            and is_node(node)
        ):
            open_pass.record_inputs(node)

    def returned(self, direction: str, node: Any, frame: FrameType) -> None:
        """Record a forward ("f") or backward ("b") that has returned; `frame` is the caller's.

        If there is a script, this is not the call that it expected.
        """
        if self.script is not None:
            if self._switch_script(direction, node):
                return
            self.drop_script()
        if not is_node(node) or self._is_left_over(direction):
            return
        open_pass = self._pass_for(direction, node, frame)
        if direction == "f":
            open_pass.record_inputs(node)
            open_pass.record_value(node, again=True)
            if not self.kinds.is_ours(type(node)) and open_pass.record_changes(node):
                self._watched.add(type(node))
        else:
            open_pass.record_gradients(node)
        open_pass.record_call(direction, node)
        self._write_if_due(open_pass, node)

    def _is_left_over(self, direction: str) -> bool:
        """Whether a call belongs to a pass that began while nothing was watched."""
        self._aligning = self._aligning and direction == "b"
        return self._aligning

    def _switch_script(self, direction: str, node: Any) -> bool:
        """Switch to the script of another known graph if this call starts it; return whether."""
        if self.script is None or not self.script.at_start:
            return False
        for graph in self.graphs:
            script = graph.script
            if script is None or script is self.script or script.first is not node:
                continue
            if script.record(direction, node):
                self.script = script
                return True
        return False

    def raised(self, direction: str, node: Any, error: BaseException, frame: FrameType) -> None:
        """Record that a node's method has raised."""
        if self.script is not None:
            self.drop_script()
        if not is_node(node) or self._is_left_over(direction):
            return
        open_pass = self._pass_for(direction, node, frame)
        open_pass.record_inputs(node)
        number = open_pass.number_of(node)
        open_pass.fault = direction, number, type(error).__name__, self.message(error)
        self.close()

    def see_class(self, cls: type) -> None:
        """Report a class of the program to the taps that look for theirs."""
        for seen in self.class_seen:
            seen(cls)

    def interrupted(self) -> None:
        """Discard the open pass: recording it was interrupted, for instance by a signal."""
        self.script, self.open = None, None

    def changes_inputs(self, cls: type) -> bool:
        """Whether nodes of a class have changed their inputs in place."""
        return cls in self._watched

    # Passes ------------------------------------------------------------------------------------

    def wants(self, number: int) -> bool:
        """Whether a pass is to be written whole: the debugger waits for it, or it is its turn."""
        every = self.every
        return self.is_awaited(number) or not every or (every < NEVER and number % every == 0)

    @property
    def every(self) -> int:
        """How many passes apart those are that the user wants whole; 0 if that is left to us."""
        return self.ring.word(EVERY)

    def is_awaited(self, number: int) -> bool:
        """Whether the debugger waits for a pass."""
        return self.ring.word(STOP_AT) <= number

    def _pass_for(self, direction: str, node: Any, frame: FrameType) -> OpenPass:
        open_pass = self.open
        if open_pass is None or not open_pass.accepts(direction, node):
            self.close()
            self.number += 1
            known = (graph for graph in self.graphs if id(node) in graph.numbers)
            variables = self.names.variables(frame)
            open_pass = self.open = OpenPass(self.number, variables, next(known, None))
        return open_pass

    def _write_if_due(self, open_pass: OpenPass, node: Any) -> None:
        """Write the pass if it is complete, or if the debugger waits for what there is."""
        if open_pass.is_complete:
            self.write(open_pass, complete=True)
            self._make_script(open_pass)
            self.pause(open_pass.number)
        elif self._is_last_forward(open_pass, node) and self.is_awaited(open_pass.number):
            # The next call may come much later, or never.
            self.write(open_pass, complete=False)

    @staticmethod
    def _is_last_forward(open_pass: OpenPass, node: Any) -> bool:
        """Whether the pass is still in its forward, and a node without consumers was computed."""
        return not open_pass.backward_done and neighbours(node, OUTBOUND) in ([], ())

    def close(self) -> None:
        """End the open pass: another one starts, a node has raised, or the program ends."""
        for finish in self.closing:
            finish()
        open_pass = self.open
        if open_pass is None:
            return
        self.open = None
        if not open_pass.calls and open_pass.fault is None:
            return
        if open_pass.complete:
            return
        self.write(open_pass, complete=True)
        self.pause(open_pass.number)

    def pause(self, number: int, *, begun: bool = False) -> None:
        """Wait at the end of a pass, if the debugger or the program itself has asked for it.

        `begun`: the rest of the pass is still to come.
        """
        traced, self.traced = self.traced, False
        self.ring.wait(number, self.answer, traced=traced, begun=begun)
        if self.ring.word(DETACHED):
            self.suspend()

    def trace(self) -> None:
        """Wait at the end of the next pass: the program itself asks for it."""
        self.traced = True
        for act in self.tracing:
            act()

    def gap_flag(self, number: int) -> int:
        """Return the flag of a pass that says whether passes right before it were not watched."""
        return AFTER_GAP if number == self._after_gap else 0

    def suspend(self) -> None:
        """Stop watching for now."""
        self.off = self.suspended = True
        self.ring.set_word(SUSPENDED, 1)
        self.open = self.script = None
        for act in self.suspending:
            act()

    def poll(self) -> None:
        """Watch again, if the debugger wants that; called once for each pass that goes by."""
        if not self.suspended or self.ring.word(DETACHED):
            return
        self.off = self.suspended = False
        self.ring.set_word(SUSPENDED, 0)
        self._after_gap, self._aligning = self.number + 1, True
        for act in self.resuming:
            act()

    def write(self, open_pass: OpenPass, *, complete: bool) -> None:
        """Write a pass, or what there is of it."""
        open_pass.drop_unused()
        graph = self.graphs.of(open_pass)
        if graph is None:
            structure = self.structures.number_of(as_json(self._description(open_pass)))
            graph = self.graphs.remember(open_pass, structure)
        self.ring.put(
            Record(
                PASS,
                open_pass.number,
                graph=graph.number,
                structure=graph.structure,
                layout=self.layouts.number_of(tuple(open_pass.entries)),
                sharing=graph.sharing,
                flags=(WHOLE if open_pass.whole else 0)
                | (COMPLETE if complete else 0)
                | self.gap_flag(open_pass.number),
                text=as_json(open_pass.fault).encode() if open_pass.fault else b"",
                data=b"".join(open_pass.parts),
            )
        )
        open_pass.complete = complete
        self.nodes = open_pass.nodes

    def _make_script(self, open_pass: OpenPass) -> None:
        """Make a script for the passes that follow this one, if possible."""
        graph = self.graphs.of(open_pass)
        if graph is None or not open_pass.whole:
            return
        self.script = graph.script = Script.of(self, open_pass, graph)
        if self.script is not None:
            self.open = None

    def drop_script(self) -> None:
        """Continue without the script, since a pass differs; keep what it has recorded."""
        script, self.script = self.script, None
        if script is not None:
            self.open = script.partial_pass()

    def _description(self, open_pass: OpenPass) -> dict[str, Any]:
        """Return the description of a structure: its nodes, calls, cost and name facts."""
        nodes = []
        for node in open_pass.nodes:
            kind, ours = self.kinds.of(type(node))
            own_name = attribute(node, "name")
            attributes = attribute(node, "attrs") if ours else None
            nodes.append(
                {
                    "kind": kind,
                    "ours": ours,
                    "inbound": [open_pass.numbers[id(source)] for source in inputs_of(node)],
                    "named": own_name if type(own_name) is str else "",
                    "variables": open_pass.variables.get(id(node), []),
                    "made": self.names.creation_site(node),
                    "attributes": attributes if type(attributes) is dict else {},
                }
            )
        forward = [number for direction, number in open_pass.calls if direction == "f"]
        backward = [number for direction, number in open_pass.calls if direction == "b"]
        return {"nodes": nodes, "forward": forward, "backward": backward, "cost": open_pass.cost}

    # The end -----------------------------------------------------------------------------------

    def message(self, error: BaseException) -> str:
        """Return the message of an error, if that runs no code of the program."""
        cls = type(error)
        plain = all(type(argument) in (str, int, float) for argument in error.args)
        if self.kinds.is_from_engine(cls) or (cls.__module__ == "builtins" and plain):
            return str(error)[:MAX_MESSAGE]
        return ""

    def end(self) -> None:
        """Write the open pass and how the program has ended."""
        if (self.off and not self.suspended) or os.getpid() != self.process:
            return
        try:
            if self.script is not None:
                self.drop_script()
            for write in self.at_end:
                write()
            self.close()
            write_end(self)
        finally:
            self.detach()

    def failed(self, error: BaseException) -> None:
        """Report a failure of the recorder itself, and stop recording."""
        if not self.off:
            message = f"{type(error).__name__}: {error}"[:MAX_MESSAGE]
            self.ring.put(Record(PROBLEM, text=message.encode("utf-8", "replace")))
            self.detach()

    def detach(self) -> None:
        """Stop recording."""
        self.off, self.suspended = True, False
        self.open = self.script = None
        self.stop()

    def uninstall(self) -> None:
        """Take the taps out of the program, after recording has ended."""
        undo, self.undo = self.undo, []
        for taken in undo:
            taken()

    def answer(self) -> None:
        """Answer the debugger's question about a node of the last pass, while waiting."""
        if self.rerun is not None and asks_for_ops(self.ring.sidecar + ".ask"):
            self.rerun(self.ring.sidecar)
        else:
            probe.answer(self.nodes, self.ring.sidecar, self.exit_process)
