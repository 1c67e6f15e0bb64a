"""Where each pass of a line ends, and why: at a fault, before the updates, or as others do."""

from __future__ import annotations

from pathlib import Path

from mfdebug.recording.plan import RecordedPlan
from mfdebug.recording.records import Fault
from miniflow.ops.base import shape_text


class PassEnds:
    """The last positions of the passes of a line, as far as they are known."""

    def __init__(self, plan: RecordedPlan) -> None:
        self._plan = plan
        self._run, self._graph = plan.recorded_run, plan.recorded_graph

    def last_position(self, step: int) -> int:
        """Return the last position of a pass, as far as known."""
        timeline, outline = self._plan.timeline, self._plan.outline(step)
        if outline.fault is not None:
            position = timeline.position_of(outline.fault.direction, outline.fault.node)
            if position is not None:
                return position - 1
        forward = 1 + len(timeline.forward)
        if outline.fault is not None:
            return 1 if outline.fault.direction == "forward" else forward
        if not outline.complete and self._run.ending:
            return self._position_at_exit(step)
        if not outline.backward:
            return forward
        backward = forward + len(timeline.backward)
        return timeline.length if self._plan.updates.of(step).changed else backward

    def _position_at_exit(self, step: int) -> int:
        """Return the last position of a pass during which the program ended."""
        found = self._plan.pass_of(step)
        if found is None or found.numbers is None:
            return 1
        position = 1
        for i in self._plan.timeline.forward:
            if i not in found.numbers.values and i not in found.numbers.texts:
                return position
            position += 1
        sent = {consumer for consumer, _ in found.numbers.sent} | found.numbers.own.keys()
        for i in self._plan.timeline.backward:
            if i not in sent:
                break
            position += 1
        return position

    def last_moment(self, step: int) -> int:
        """Return the last moment of a pass, as far as known."""
        return self._plan.timeline.start_of(step) + self.last_position(step)

    def end_of_line(self) -> int | None:
        """Return the last moment of the line, None if it may have further ones."""
        steps = self._run.steps(self._plan.line)
        last = len(steps) - 1
        if self._run.ending and steps[last] == len(self._run) - 1:
            return self.last_moment(last)
        return None

    def ending(self) -> str:
        """Return how the program ended, and the node that raised in the last pass, if any."""
        last, ending = len(self._run.steps(self._plan.line)) - 1, self._run.ending
        fault = self._plan.outline(last).fault
        if fault is None:
            return ending
        message = self.fault_message(fault, last)
        if not ending or fault.error in ending:
            return f"the program ended: {message}" if ending else message
        return f"{message}; {ending}"

    def fault_message(self, fault: Fault, step: int) -> str:
        """Return which node raised what, and the shapes of its inputs."""
        node = self._graph.nodes[fault.node]
        found = self._plan.pass_of(step)
        shapes = []
        for i in self._graph.inbound[fault.node]:
            shape = None if found is None else found.shape(i)
            text = "?" if shape is None else shape_text(shape)
            shapes.append(f"{self._graph.nodes[i].label} {text}")
        inputs = ", ".join(shapes) or "none"
        message = f"{fault.error}: {fault.words}" if fault.words else fault.error
        # A function is called where its node is made.
        file, line = self._graph.made_at[fault.node] if node.library else ("", 0)
        at = f" in {Path(file).name}, line {line}" if file else ""
        return f"{fault.direction} of {node.label}{at} raised {message} [its inputs: {inputs}]"
