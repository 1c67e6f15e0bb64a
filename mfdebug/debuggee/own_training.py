"""The SGD steps of our own engine's training, which does not call the methods of its nodes."""

from __future__ import annotations

import os
import sys

from .open_pass import OpenPass
from .reading import encoded

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .recorder import Recorder


class OwnTraining:
    """Records the SGD steps of our engine's plans for a recorder."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder

    def watch(self, plan: Any) -> None:
        """Record the SGD steps of `plan`, the class of our engine's plans; None is ignored."""
        if plan is not None:
            plan.watcher = self._record_step

            def unwatch() -> None:
                plan.watcher = None

            self._recorder.undo.append(unwatch)

    def _record_step(self, plan: Any) -> None:
        recorder = self._recorder
        if recorder.off or os.getpid() != recorder.process:
            recorder.poll()
            return
        try:
            self._write_step(plan, plan.graph)
        except Exception as error:
            recorder.failed(error)

    def _write_step(self, plan: Any, graph: Any) -> None:
        recorder = self._recorder
        recorder.script = None
        recorder.close()
        recorder.number += 1
        known = (other for other in recorder.graphs if other.has(graph.nodes))
        variables = recorder.names.variables(sys._getframe(2))
        open_pass = OpenPass(recorder.number, variables, next(known, None))
        for i, node in enumerate(graph.nodes):
            open_pass.number_of(node)
            open_pass.add_entry("v", i, -1, encoded(plan.typed_value(i)))
            open_pass.record_call("f", node)
        for i in graph.backward_nodes:
            sums: dict[int, Any] = {}
            for input_index, source in enumerate(graph.inbound[i]):
                sent = plan.contribution(i, input_index)
                first = graph.inbound[i].index(source)
                sums[first] = sums[first] + sent if first in sums else sent
            for input_index, sent in sums.items():
                open_pass.add_entry("s", i, input_index, encoded(sent))
            if not graph.inbound[i]:
                open_pass.add_entry("g", i, -1, encoded(plan.gradient(i)))
            open_pass.record_call("b", graph.nodes[i])
        recorder.write(open_pass, complete=True)
        recorder.pause(open_pass.number)
