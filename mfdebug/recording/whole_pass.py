"""The numbers of a recorded pass as a whole, whichever moment is the present one."""

from __future__ import annotations

from mfdebug.core.timeline.timeline import Timeline
from mfdebug.recording.arrays import as_floats, is_numeric
from mfdebug.recording.nodes import RecordedGraph
from mfdebug.recording.passes import RecordedPass
from mfdebug.recording.records import Run
from miniflow.ops.base import Array

# Passes that are looked at for each one that is wanted: of many, only the cost may be kept.
SEARCHED = 8


class WholePass:
    """A pass of a line, read once: values before its updates, gradients at its end."""

    def __init__(self, recorded: RecordedPass, timeline: Timeline) -> None:
        self._pass = recorded
        self._computed = timeline.length - len(timeline.update)
        self._end = timeline.length

    @property
    def sgd_step(self) -> int:
        """The number of the pass in its line."""
        return self._pass.outline.step

    def value(self, node: int) -> Array | None:
        """Return a node's value as floats, None if it is not known."""
        value = self._pass.value(node, self._computed)
        return None if value is None or not is_numeric(value) else as_floats(value)

    def gradient(self, node: int) -> Array | None:
        """Return a node's gradient, None if it is not known."""
        return self._pass.gradient(node, self._end)


def whole_passes(
    run: Run, line: int, graph: RecordedGraph, timeline: Timeline, last: int, most: int
) -> list[WholePass]:
    """Return the last passes of a line up to number `last` of it that are kept whole, in order."""
    steps, found = run.steps(line), list[WholePass]()
    for step in range(min(last, len(steps) - 1), max(-1, last - SEARCHED * most), -1):
        outline = run.outline(steps[step])
        if outline.whole and outline.complete:
            found.append(WholePass(RecordedPass(run, steps[step], graph, timeline), timeline))
            if len(found) == most:
                break
    return found[::-1]
