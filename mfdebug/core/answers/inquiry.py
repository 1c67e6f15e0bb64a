"""The answers computed in slices, by the engine in a plan of its own (`EngineCopy`)."""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator

import numpy as np

from mfdebug.core.answers.answers import Answers
from mfdebug.core.answers.rows import depends_on_others
from mfdebug.core.answers.subject import Subject
from mfdebug.core.timeline.debugger import Debugger, DebuggerError
from mfdebug.core.timeline.engine_copy import EngineCopy, copied_state
from mfdebug.core.timeline.prepared import Prepared
from miniflow.ops.base import Array, shape_text

# Answers over a plane, across and down, and along a line.
GRID, SAMPLES = (41, 21), 121
# The axes are longer than the data by this part of it at each end.
MARGIN = 0.25
# A table of more classes is not read by anybody, and its memory is quadratic.
MOST_CLASSES = 1000
# Answers of one row in two batches that differ by more than this part are not the row's alone.
CLOSE = 1e-4


class Inquirer:
    """Computes the answers of one debugger; keeps its engine from one moment to the next."""

    def __init__(self, debugger: Debugger) -> None:
        self.debugger = debugger
        self._engine = Prepared(debugger.graph, lambda: EngineCopy(debugger))

    def key(self, subject: Subject) -> object:
        """Return what the answers depend on: as long as it is equal, so are the answers."""
        return subject, *copied_state(self.debugger)

    def inquire(self, subject: Subject) -> Iterator[str | Answers]:
        """Yield words about the progress after each slice, and the answers at the end.

        Valid while the debugger does not move. Raises `DebuggerError` if they cannot be shown.
        """
        engine = yield from self._engine.slices("the engine")
        yield from _Inquiry(self.debugger, engine, subject).slices()


class _Inquiry:
    """The answers in the making."""

    def __init__(self, debugger: Debugger, engine: EngineCopy, subject: Subject) -> None:
        self.graph, self.engine, self.subject = debugger.graph, engine, subject
        with engine.nodes_kept():
            engine.take()
        self.shape = engine.plan.shapes[subject.source]
        self.answer_shape = engine.plan.shapes[subject.answer]

    def slices(self) -> Iterator[str | Answers]:
        """Yield progress, then the answers."""
        scalar = self.shape == () and self.answer_shape == ()
        if not scalar and self.shape[:1] != self.answer_shape[:1]:
            label = self._label(self.subject.answer)
            raise DebuggerError(
                f"{label} ({shape_text(self.answer_shape)}) has no answer for each row of "
                f"{self._label(self.subject.source)} ({shape_text(self.shape)})"
            )
        rows, targets = self._table(self.subject.source), None
        if self.subject.target is not None:
            targets = self._table(self.subject.target)
            if len(targets) != len(rows):
                # An input that is not fed beside rows that are: of another batch size.
                targets = None
        depends = yield from self._depends_on_others(rows)
        given = yield from self._answers_to(rows)
        width = math.prod(self.shape[1:])
        columns = math.prod(self.answer_shape[1:])
        if targets is not None and columns > 1 and len(self.answer_shape) == 2:
            classes = _classes(targets, given)
        else:
            classes = None
        values: Array | None = None
        axes: tuple[Array, ...] = ()
        if len(self.shape) < 3 and width <= 2 and (columns == 1 or classes is not None):
            if depends:
                raise DebuggerError(
                    "the answer to a row depends on the rows beside it: "
                    "there is no answer to one point",
                    where="answers",
                )
            if columns == 1 or width == 2:
                axes = tuple(_axis(column, width) for column in rows.reshape(len(rows), -1).T)
                values = yield from self._over(axes)
        if values is None and classes is None and (targets is None or columns != 1):
            source, answer = self._label(self.subject.source), self._label(self.subject.answer)
            raise DebuggerError(
                f"there is no picture of {answer} ({shape_text(self.answer_shape)}) "
                f"for {source} ({shape_text(self.shape)})",
                hint="one or two columns in, or classes, or one number a row with its target",
            )
        yield self._answers(rows, targets, given, classes, (axes, values), depends)

    def _answers(
        self,
        rows: Array,
        targets: Array | None,
        given: Array,
        classes: tuple[Array, Array] | None,
        over: tuple[tuple[Array, ...], Array | None],
        depends: bool,
    ) -> Answers:
        axes, values = over
        counts = None
        if classes is not None:
            targets, given = classes
            if self.answer_shape[-1] <= MOST_CLASSES:
                counts = np.zeros((self.answer_shape[-1],) * 2, int)
                np.add.at(counts, (targets, given), 1)
            if values is not None:
                values = values.argmax(-1)
        kind = "classes" if classes is not None else "scatter"
        if values is not None:
            kind = "plane" if len(axes) == 2 else "curve"
        target = self.subject.target
        return Answers(
            kind,  # type: ignore[arg-type]
            self._label(self.subject.answer),
            "" if target is None else self._label(target),
            self._names(),
            axes,
            None if values is None else values.reshape([len(axis) for axis in reversed(axes)]),
            rows.reshape(len(rows), -1),
            None if targets is None else targets.reshape(-1),
            given.reshape(-1),
            classes is not None,
            counts,
            tuple(self._notes(depends)),
        )

    def _names(self) -> tuple[str, ...]:
        label = self._label(self.subject.source)
        width = math.prod(self.shape[1:])
        return (label,) if width == 1 else tuple(f"{label}[:,{k}]" for k in range(width))

    def _notes(self, depends: bool) -> Iterator[str]:
        if depends:
            yield "an answer depends on the rows beside it: these are of whole batches"
        if dropped := self.engine.dropped:
            yield dropped

    def _label(self, node: int) -> str:
        return str(self.graph.nodes[node].label)

    def _table(self, node: int) -> Array:
        """Return all rows of an input: those of the data, or of its value."""
        batches, data = self.engine.plan.batches, self.graph.data
        if data is not None and batches is not None and batches.size < data.rows:
            table = data.feeds.get(self._label(node))
            if table is not None:
                return np.asarray(table, float)
        # As edits have changed it.
        value = np.array(self.engine.plan.value(node), float)
        return value.reshape(1) if value.ndim == 0 else value

    def _depends_on_others(self, rows: Array) -> Generator[str, None, bool]:
        """Yield progress; return whether a row's answer depends on the rows beside it."""
        if not self.shape or self.shape[0] == 1:
            return False
        batch = self._batch(rows[: self.shape[0]])
        with self.engine.nodes_kept():
            found = depends_on_others(self._value, batch, CLOSE)
        yield "the rows"
        return found

    def _batch(self, rows: Array) -> Array:
        """Return rows as a whole batch; the last one is repeated."""
        missing = self.shape[0] - len(rows)
        return np.concatenate([rows, np.repeat(rows[-1:], missing, 0)]) if missing > 0 else rows

    def _value(self, batch: Array) -> Array:
        return self.engine.value_at(self.subject.answer, {self.subject.source: batch})

    def _answers_to(self, rows: Array) -> Generator[str, None, Array]:
        """Yield progress; return the answers to any number of rows."""
        size = self.shape[0] if self.shape else 1
        parts: list[Array] = []
        starts = range(0, len(rows), size)
        per_slice = self.engine.passes_per_slice
        for first in range(0, len(starts), per_slice):
            with self.engine.nodes_kept():
                for start in starts[first : first + per_slice]:
                    part = rows[start : start + size]
                    if self.shape:
                        answers = self._value(self._batch(part))[: len(part)]
                    else:
                        answers = self._value(part.reshape(())).reshape(1)
                    parts.append(answers)
            yield f"{100 * first // len(starts)} %"
        return np.concatenate(parts)

    def _over(self, axes: tuple[Array, ...]) -> Generator[str, None, Array]:
        """Yield progress; return the answers over the axes, the first axis fastest."""
        grid = np.stack([g.ravel() for g in np.meshgrid(*axes)], -1)
        return (yield from self._answers_to(grid.reshape(len(grid), *self.shape[1:])))


def _classes(targets: Array, given: Array) -> tuple[Array, Array] | None:
    """Return the classes that are wanted and answered, or None if the targets are no classes."""
    count = given.shape[-1]
    answered = given.argmax(-1)
    if targets.shape == given.shape:
        one_hot = ((targets == 0) | (targets == 1)).all() and (targets.sum(-1) == 1).all()
        return (targets.argmax(-1), answered) if one_hot else None
    wanted = targets.reshape(-1)
    if len(wanted) != len(given):
        return None
    if (wanted == np.rint(wanted)).all() and wanted.min() >= 0 and wanted.max() < count:
        return wanted.astype(int), answered
    return None


def _axis(column: Array, width: int) -> Array:
    low, high = float(column.min()), float(column.max())
    span = high - low or 2 * max(1.0, abs(low))
    count = SAMPLES if width == 1 else GRID[0]
    return np.linspace(low - MARGIN * span, high + MARGIN * span, count)
