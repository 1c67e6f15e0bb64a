"""The advance of a program: it runs as far as a move on a line needs, and no further."""

from __future__ import annotations

from collections.abc import Callable

from mfdebug.core.timeline.cursor import Progress
from mfdebug.recording.plan import RecordedPlan


class ProgramAdvance:
    """Runs the program of a line until a pass of the line, or what was updated after it, is known.

    Nothing happens once the program has ended, or if the run is a file.
    """

    def __init__(self, plan: RecordedPlan) -> None:
        self._plan, self._run = plan, plan.recorded_run

    def is_complete(self, step: int) -> bool:
        """Whether nothing more happens in a pass of the line."""
        return self._plan.outline(step).complete or bool(self._run.ending)

    def is_known(self, step: int, position: int) -> bool:
        """Whether a position of a pass of the line is recorded: the forward is before the rest."""
        forward = 1 + len(self._plan.timeline.forward)
        if self._plan.recorded_graph.has_engine and position <= forward:
            return True
        return self.is_complete(step)

    def finish(self, step: int, progress: Progress | None) -> bool:
        """Run the program to the end of a pass whose forward was shown; return whether it did."""
        if not self._plan.recorded_graph.has_engine or self.is_complete(step):
            return False
        return self.is_last(step) and self.towards(step, progress)

    def is_last(self, step: int) -> bool:
        """Whether a pass of the line is the last one of the run so far."""
        return self._run.steps(self._plan.line)[step] == len(self._run) - 1

    def towards(self, step: int, progress: Progress | None) -> bool:
        """Run the program towards a pass of the line; return whether it advanced."""
        run, count = self._run, len(self._run)
        if run.ending:
            return False
        running = not run.outline(count - 1).complete
        beyond = step - len(run.steps(self._plan.line))
        if running:
            run.run_to(count - 1, self._stop_test(progress))
            return bool(run.ending) or run.outline(count - 1).complete
        run.run_to(count + max(beyond, 0), self._stop_test(progress))
        return bool(run.ending) or len(run) > count

    def to_updates(self, step: int, progress: Progress | None) -> bool:
        """Run the program until the updates after a pass are known.

        It does not run past a pass of another line. Returns whether more is known than before.
        """
        run, steps = self._run, self._run.steps(self._plan.line)
        if step >= len(steps) or run.inputs_after(steps[step]) or run.ending:
            return False
        outline = run.outline(steps[step])
        if not outline.complete or not self.is_last(step):
            return False
        if not outline.backward and not self._plan.recorded_graph.has_backward:
            return False
        run.run_to(len(run), self._stop_test(progress))
        self._plan.forget_passes()
        return bool(run.inputs_after(steps[step])) or bool(run.ending)

    def by_one_pass(self, progress: Progress | None) -> bool:
        """Run the program to the end of its next pass; return whether it advanced."""
        run, count = self._run, len(self._run)
        if run.ending:
            return False
        run.run_to(count, self._stop_test(progress))
        return bool(run.ending) or len(run) > count

    def _stop_test(self, progress: Progress | None) -> Callable[[], bool] | None:
        if progress is None:
            return None
        return lambda: progress(self._plan.timeline.start_of(len(self._run.steps(self._plan.line))))
