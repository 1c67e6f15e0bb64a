"""The debugger of a computed line: its numbers and learning rate can be changed at any moment."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from msgspec.structs import replace

from mfdebug.core.timeline.checkpoints import DEFAULT_MEMORY
from mfdebug.core.timeline.computed_cursor import ComputedCursor
from mfdebug.core.timeline.cursor import DebuggerError
from mfdebug.core.timeline.debugger import Debugger, index_text
from mfdebug.core.timeline.edits import Edit
from mfdebug.core.timeline.state import Freshness, State
from miniflow.errors import ShapeError
from miniflow.graph import Graph
from miniflow.node import Input
from miniflow.ops.base import Array, Op, shape_text
from miniflow.training.groups import group_for
from miniflow.training.progress import Training
from miniflow.training.schedules import Schedule

if TYPE_CHECKING:
    from mfdebug.core.timeline.graph_diff import GraphComparison
    from miniflow.gradcheck.checker import Verdict


class ComputedDebugger(Debugger):
    """The debugger of a graph, which computes its line; `history_memory` is in bytes."""

    cursor: ComputedCursor

    def __init__(self, graph: Graph, *, history_memory: int = DEFAULT_MEMORY) -> None:
        cursor = ComputedCursor(graph, history_memory=history_memory)
        super().__init__(cursor, State(cursor))

    def set_value(self, node: int, index: tuple[int, ...] | None, value: Any) -> int:
        """Set an input once, or override a computed value: see `Debugger.set_value`."""
        return self._edit(node, index, self._checked(node, index, value), gradient=False)

    def set_gradient(self, node: int, index: tuple[int, ...] | None, value: Any) -> int:
        """Override a gradient: see `Debugger.set_gradient`."""
        return self._edit(node, index, self._checked(node, index, value), gradient=True)

    def scale(
        self, node: int, index: tuple[int, ...] | None, factor: Any, *, gradient: bool = False
    ) -> int:
        """Multiply a value or gradient by one number: see `Debugger.scale`."""
        if index is not None:
            self.check_index(node, index)
        new = self._numeric(factor, "scale")
        if new.size != 1:
            raise DebuggerError("the factor is one number", where="scale")
        return self._edit(node, index, new.reshape(()), gradient=gradient, scales=True)

    def _edit(
        self,
        node: int,
        index: tuple[int, ...] | None,
        new: Array,
        *,
        gradient: bool,
        scales: bool = False,
    ) -> int:
        target = self.graph.nodes[node]
        name = f"{target.label}{'.grad' if gradient else ''}{index_text(index)}"
        if gradient:
            self._require_gradient(node)
        lasts = gradient or not isinstance(target, Input)
        after = self._now if lasts else self._effective_after(node)
        words = f"{name} {'×' if scales else '='} {_short(new)}"
        if index is not None:
            index = tuple(i % n for i, n in zip(index, self.plan.shapes[node], strict=True))
        edit = Edit(after, node, index, new, words, gradient=gradient, scales=scales, lasts=lasts)
        return self._branch(edit)

    def _require_gradient(self, node: int) -> None:
        """Raise `DebuggerError` unless the node's gradient is computed from contributions."""
        label = self.graph.nodes[node].label
        if reason := self.state.no_gradient(node):
            raise DebuggerError(f"{label} has no gradient: {reason}", where="set")
        if node == self.graph.cost:
            inputs = ", ".join(f"{n.label}.grad" for n in self.graph.nodes[node].inbound_nodes[:4])
            hint = f"set what it sends: {inputs}" if inputs else ""
            raise DebuggerError(f"backward starts with {label}.grad = 1", where="set", hint=hint)

    def set_learning_rate(self, rate: float) -> int:
        """Set the learning rate for all updates after the present moment; at least 0.

        A schedule ends with it.
        """
        self._check_trains("set lr")
        if not np.isfinite(rate):
            raise DebuggerError(f"the learning rate must be a finite number, not {rate}")
        if rate < 0:
            raise DebuggerError(
                f"the learning rate is at least 0, not {rate:g}", hint="to ascend, negate the cost"
            )
        name = "lr()" if "lr" in self.graph.by_name else "lr"
        return self._branch(Edit(self._now, None, None, np.array(rate), f"{name} = {rate:g}"))

    def set_schedule(self, schedule: Schedule | None) -> int:
        """Set the schedule of all updates after the present moment, counted from the next one."""
        self._check_trains("set schedule")
        name = "schedule()" if "schedule" in self.graph.by_name else "schedule"
        words = f"{name} = {'none' if schedule is None else schedule}"
        if schedule is not None:
            start = self.plan.update_number(self.cursor.coming_step)
            schedule = replace(schedule, start=start)
        edit = Edit(self._now, None, None, np.array(0.0), words, schedule, sets_schedule=True)
        return self._branch(edit)

    def set_trainable(self, node: int, trainable: bool) -> int:
        """Let the updates after the present moment change a parameter, or freeze it.

        Raises `DebuggerError` for a node that the graph does not train.
        """
        label = self.graph.nodes[node].label
        if node not in self.graph.trainables:
            raise DebuggerError(
                f"{label} is not a parameter",
                where="set",
                hint='parameters are the inputs with "trainable": true in the graph file',
            )
        words = f"{label}.trainable = {str(trainable).lower()}"
        frozen = self.graph.trainables.index(node), not trainable
        return self._branch(Edit(self._now, None, None, np.array(0.0), words, frozen=frozen))

    def _check_trains(self, where: str) -> None:
        if not self.graph.trains:
            raise DebuggerError("nothing is trained here: no learning rate", where=where)

    def _checked(self, node: int, index: tuple[int, ...] | None, value: Any) -> Array:
        name, shape = self.graph.nodes[node].label, self.plan.shapes[node]
        new = self._numeric(value, f"set {name}")
        if index is None:
            try:
                return np.array(np.broadcast_to(new, shape))
            except ValueError:
                raise ShapeError(
                    f"{name} has shape {shape_text(shape)}, "
                    f"the value has shape {shape_text(new.shape)}",
                    where="set",
                ) from None
        self.check_index(node, index)
        if new.shape:
            raise ShapeError(f"{name}{index_text(index)} takes one number", where="set")
        return new

    def _numeric(self, value: Any, where: str) -> Array:
        new = np.asarray(value)
        if new.dtype.kind not in "biuf":
            raise DebuggerError("not a number or rows of numbers", where=where)
        with np.errstate(over="ignore"):
            return new.astype(self.graph.dtype)

    @property
    def _now(self) -> int:
        """The present moment, or the start while the order is found: an edit is made there."""
        return max(self.moment, 0)

    def _effective_after(self, node: int) -> int:
        """Return the moment after which an edit of this input, made now, takes effect."""
        step_ends = (
            self.graph.trains and self.timeline.position(self.moment) == self.timeline.length
        )
        if self._now == 0 or step_ends:
            # The feed overwrites inputs that come from data: the edit is applied after it.
            return self._now + self.graph.fed_from_data(node)
        updated = self.timeline.position_of("update", node)
        if updated is not None and updated <= self.timeline.position(self.moment):
            return self.moment
        return self.timeline.start_of(self.sgd_step) + 1

    def check(self, node: int | None = None) -> list[Verdict]:
        """Check the gradients of one node, or of all, against central differences."""
        # Most sessions check nothing, and the checker has many modules.
        from miniflow.gradcheck.checker import check

        return check(self.plan, node)

    def save(self, path: str | Path) -> None:
        """Save the graph at the present moment: parameters, and all that updates depend on.

        A run from the file continues with the SGD step of the present moment, or with the next one
        if the present step has ended.
        """
        from miniflow.files import save as save_graph

        with self._stored():
            save_graph(self.graph, path)

    def compare_with(self, other: Graph) -> GraphComparison:
        """Compare the graph of the present moment with another: see `Debugger.compare_with`."""
        from mfdebug.core.timeline.graph_diff import compare_graphs, tolerance_of

        with self._stored():
            return compare_graphs(self.graph, other, tolerance_of(self.graph, other))

    @contextmanager
    def _stored(self) -> Iterator[None]:
        """Give the graph the numbers of the present moment within a `with` block."""
        graph = self.graph
        inputs = [node for node in graph.nodes if isinstance(node, Input)]
        before = [(node, node.value) for node in inputs], graph.training, graph.progress
        states = [(node, node.state) for node in graph.nodes if isinstance(node, Op)]
        progress = self.plan.progress(self.timeline.completed_steps(self.moment))
        training = self._present_training()
        try:
            self.plan.store()
            self._store_states_of_the_start()
            graph.training = training
            graph.progress = progress
            yield
        finally:
            for node, value in before[0]:
                node.value = value
            for op, state in states:
                if op.state is not state:
                    op.state = state
            graph.training, graph.progress = before[1:]

    def _store_states_of_the_start(self) -> None:
        """Store what ops kept at the start of an SGD step that a run from the file repeats."""
        if self.timeline.position(self.moment) in (0, self.timeline.length):
            return
        for i, node in enumerate(self.graph.nodes):
            before = self.plan.lasting_before(i)
            computed = before and self.state.value_freshness(i) is Freshness.CURRENT
            if computed and isinstance(node, Op):
                node.state = {name: array.copy() for name, array in before.items()}

    def _present_training(self) -> Training:
        """Return the training settings with the rate, the schedule and what is frozen now."""
        plan, training = self.plan, self.graph.training
        labels = [self.graph.nodes[i].label for i in self.graph.trainables]
        changed = [
            group_for(label, treatment, training.optimizer, frozen=i in plan.frozen)
            for i, (label, treatment) in enumerate(zip(labels, plan.treatments, strict=True))
            if treatment.frozen != (i in plan.frozen)
        ]
        return replace(
            training,
            optimizer=replace(training.optimizer, learning_rate=plan.base_rate),
            schedule=plan.schedule,
            groups=(*changed, *training.groups),
        )


def _short(value: Array) -> str:
    first = float(value.reshape(-1)[0]) if value.size else 0.0
    same = value.size == 1 or (value.size and bool((value == first).all()))
    return f"{first:g}" if same else f"{shape_text(value.shape)} numbers"
