"""A landscape computed in slices, so that keys are read in between.

All costs are those of the engine, in a plan of its own (`EngineCopy`).
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator

import numpy as np

from mfdebug.core.landscape.directions import principal_directions
from mfdebug.core.landscape.landscape import Axis, Landing, Landscape, Mark, View
from mfdebug.core.landscape.notes import notes_of
from mfdebug.core.landscape.path import Point, path_of
from mfdebug.core.landscape.views import entry_name
from mfdebug.core.timeline.computed_cursor import ComputedCursor
from mfdebug.core.timeline.debugger import Debugger, DebuggerError
from mfdebug.core.timeline.engine_copy import EngineCopy, copied_state, parameters_of
from mfdebug.core.timeline.entry_ref import descended_name
from mfdebug.core.timeline.prepared import Prepared
from miniflow.ops.base import Array

# Costs along a line, and over a plane: across and down. For a large graph there are fewer.
SAMPLES, FEW_SAMPLES = 161, 41
GRID, SMALL_GRID = (48, 24), (24, 12)
# From so many numbers a pass on, a graph is large.
LARGE = 1_000_000
# Multiples of the present learning rate whose landings are shown, and the most of them.
MULTIPLES = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
FEW, MOST_LANDINGS = 4, 5
# An axis is longer than what lies on it by this part of it at each end.
MARGIN = 0.06
# If the cost rises less than this towards one end, as a part of its rise towards the other, the
# axis may be longer there, by one of these parts of it: both sides of a valley are shown.
UPHILL, FURTHER = 0.25, (0.25, 0.5, 1, 1.5, 2, 3, 4, 6)
# A line along the gradient ends where it has risen again, at this multiple of the rate at most.
MOST_RATES = 1024


class Surveyor:
    """Computes landscapes of one debugger; keeps its engine and its path from one to the next."""

    def __init__(self, debugger: Debugger) -> None:
        self.debugger = debugger
        self._path = Prepared(debugger.graph, lambda: path_of(debugger))
        self._engine = Prepared(debugger.graph, lambda: EngineCopy(debugger))

    def key(self, view: View) -> object:
        """Return what a landscape depends on: as long as it is equal, so is the landscape."""
        return view, *copied_state(self.debugger)

    def survey(self, view: View) -> Iterator[str | Landscape]:
        """Yield words about the progress after each slice, and the landscape at the end.

        Valid while the debugger does not move. Raises `DebuggerError` if there is no landscape.
        """
        debugger = self.debugger
        present = parameters_of(debugger)
        if not np.isfinite(present).all():
            raise DebuggerError(
                "a parameter is infinite or NaN here: no landscape",
                hint="go back to an earlier SGD step",
            )
        points, stride = [], 1
        if view.kind != "gradient":
            # No step of the past lies on the line along the present gradient.
            path = yield from self._path.slices("the path")
            path.begin()
            while not path.advance():
                yield f"the path: SGD step {path.points[-1].step if path.points else 0}"
            points, stride = path.points, path.stride
        if not isinstance(debugger.cursor, ComputedCursor):
            yield _Sketch(debugger, view, points, present).path_only()
            return
        engine = yield from self._engine.slices("the engine")
        yield from _Sketch(debugger, view, points, present).computed(engine, stride)


class _Sketch:
    """A landscape in the making."""

    def __init__(self, debugger: Debugger, view: View, points: list[Point], present: Array) -> None:
        self.debugger, self.view, self.present = debugger, view, present
        self.points = [p for p in points if np.isfinite(p.parameters).all()]
        self.shares: tuple[float, ...] = ()
        self.names: tuple[str, ...]
        if view.kind == "entries":
            self.rows = np.zeros((len(view.entries), present.size))
            for row, entry in zip(self.rows, view.entries, strict=True):
                row[entry] = 1.0
            self.names = tuple(entry_name(debugger, entry) for entry in view.entries)
            # The coordinates of an entry are its own numbers.
            self.origin = present.copy()
            self.origin[list(view.entries)] = 0.0
        elif view.kind == "path":
            self._find_directions()
        else:
            self.rows, self.names = np.zeros((1, present.size)), ("learning rate",)
            self.origin = present

    def _find_directions(self) -> None:
        path = np.array([p.parameters for p in self.points]).reshape(-1, self.present.size)
        found = principal_directions(path, self.present)
        if not len(found.rows):
            raise DebuggerError(
                "the parameters have not moved yet: no path", hint="run some SGD steps first"
            )
        self.rows, self.shares, self.origin = found.rows, found.shares, self.present
        self.names = tuple(
            f"direction {k} ({100 * share:.3g} %)" for k, share in enumerate(found.shares, 1)
        )

    def _at(self, parameters: Array) -> tuple[float, ...]:
        if self.view.kind == "entries":
            return tuple(float(parameters[entry]) for entry in self.view.entries)
        return tuple(float(x) for x in self.rows @ (parameters - self.origin))

    def _parameters(self, at: tuple[float, ...]) -> Array:
        if self.view.kind == "entries":
            moved = self.present.copy()
            moved[list(self.view.entries)] = at
            return moved
        return np.asarray(self.origin + np.asarray(at) @ self.rows)

    def _marks(self) -> tuple[Mark, ...]:
        costs = self.debugger.cursor.costs
        return tuple(
            Mark(p.step, self._at(p.parameters), costs[p.step] if p.step < len(costs) else None)
            for p in self.points
        )

    def path_only(self) -> Landscape:
        """Return the path alone, of a program whose cost cannot be computed again."""
        marks = self._marks()
        extents = [_extent([mark.at[k] for mark in marks]) for k in range(len(self.names))]
        axes = [Axis(n, np.array(e)) for n, e in zip(self.names, extents, strict=True)]
        notes = ("a program is not run again: only the path is known, not the cost beside it",)
        return Landscape(
            self.view,
            descended_name(self.debugger),
            tuple(axes),
            None,
            marks,
            Mark(self.debugger.sgd_step, self._at(self.present), None),
            notes=notes,
        )

    def computed(self, engine: EngineCopy, stride: int) -> Iterator[str | Landscape]:
        """Yield progress, then the landscape, with costs of the engine."""
        self.engine = engine
        with engine.nodes_kept():
            engine.take()
            cost = engine.cost_at(self.present)
            gradient = engine.gradient_at(self.present)
        yield "the gradient"
        present = Mark(engine.step, self._at(self.present), cost)
        slope: float | None = None
        if self.view.kind == "gradient":
            self.rows = -gradient[None, :]
            # Per unit of the learning rate.
            slope = -float(gradient @ gradient)
        elif len(self.rows) == 1:
            slope = float(self.rows[0] @ gradient)
        landings: list[Landing] = []
        marks = self._marks()
        known = [present.at, *(mark.at for mark in marks)]
        if self.view.kind == "entries":
            # Far landings would make two axes much longer than the path.
            few = MULTIPLES[: FEW if len(self.names) == 1 else 1]
            landings = yield from self._landings(engine, few)
            known += [landing.at for landing in landings]
        axes = []
        for k, name in enumerate(self.names):
            with engine.nodes_kept():
                ends = self._ends(k, [at[k] for at in known], cost)
            yield "the axes"
            axes.append(Axis(name, np.linspace(*ends, self._samples(k))))
        if self.view.kind == "gradient":
            landings = yield from self._landings(engine, self._multiples(axes[0].at[-1]))
        costs = np.zeros([len(axis.at) for axis in reversed(axes)])
        indices, per_slice = list(np.ndindex(costs.shape)), engine.passes_per_slice
        for start in range(0, len(indices), per_slice):
            with engine.nodes_kept():
                for index in indices[start : start + per_slice]:
                    at = tuple(axis.at[i] for axis, i in zip(axes, reversed(index), strict=True))
                    costs[index] = engine.cost_at(self._parameters(at))
            yield f"{100 * start // len(indices)} %"
        yield Landscape(
            self.view,
            descended_name(self.debugger),
            tuple(axes),
            costs,
            marks,
            present,
            slope,
            tuple(landings),
            notes_of(self.debugger, engine, self.view, self.shares, stride, self.present.size),
        )

    def _samples(self, axis: int) -> int:
        large = self.engine.work > LARGE
        if len(self.names) == 1:
            return FEW_SAMPLES if large else SAMPLES
        return (SMALL_GRID if large else GRID)[axis]

    def _multiples(self, end: float) -> tuple[int, ...]:
        """Return multiples of the present learning rate along the axis: the first and the last."""
        rate = self.debugger.state.learning_rate
        inside = [multiple for multiple in MULTIPLES if multiple * rate <= end]
        stride = -(-len(inside) // MOST_LANDINGS)
        return tuple(inside[:: max(1, stride)])

    def _landings(
        self, engine: EngineCopy, multiples: tuple[int, ...]
    ) -> Generator[str, None, list[Landing]]:
        """Return where updates with other learning rates would lead, if the next moments update."""
        debugger, rate = self.debugger, self.debugger.state.learning_rate
        timeline = debugger.timeline
        position = timeline.position(debugger.moment)
        between = timeline.length - len(timeline.update) < position < timeline.length
        found: list[Landing] = []
        if between or not rate > 0 or not engine.plan.updates_in(engine.step):
            return found
        rates = self.view.rates or tuple(multiple * rate for multiple in multiples)
        for chosen in (float(f"{rate:.12g}") for rate in rates):
            with engine.nodes_kept():
                parameters = engine.landing(self.present, chosen)
                if np.isfinite(parameters).all():
                    at = (chosen,) if self.view.kind == "gradient" else self._at(parameters)
                    found.append(Landing(chosen, at, engine.cost_at(parameters)))
            yield "the learning rates"
        return found

    def _ends(self, axis: int, known: list[float], cost: float) -> tuple[float, float]:
        """Return the ends of an axis: all that lies on it, and both sides of a valley."""

        def cost_at(x: float) -> float:
            at = list(self._at(self.present))
            at[axis] = x
            return self.engine.cost_at(self._parameters(tuple(at)))

        if self.view.kind == "gradient":
            return self._rate_ends(cost_at, cost)
        low, high = _extent(known)
        span = high - low
        left, right = cost_at(low) - cost, cost_at(high) - cost
        if left < right * UPHILL:
            further = (low - part * span for part in FURTHER)
            low = next((x for x in further if cost_at(x) - cost >= right / 2), low)
        elif right < left * UPHILL:
            further = (high + part * span for part in FURTHER)
            high = next((x for x in further if cost_at(x) - cost >= left / 2), high)
        return low, high

    def _rate_ends(self, cost_at: Callable[[float], float], cost: float) -> tuple[float, float]:
        rate = self.debugger.state.learning_rate
        end = rate if np.isfinite(rate) and rate > 0 else 0.01
        most = end * MOST_RATES
        while end < most and cost_at(end) <= cost:
            end *= 2
        return -0.1 * end, end


def _extent(numbers: list[float]) -> tuple[float, float]:
    """Return the ends of an axis for these numbers, with a margin."""
    low, high = min(numbers), max(numbers)
    if low == high:
        low, high = low - max(abs(low), 1.0), high + max(abs(high), 1.0)
    margin = MARGIN * (high - low)
    return low - margin, high + margin
