"""The command that lists the modules of a graph, and its table, which the app shows live."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mfdebug.core.breakpoints.module_table import PASSES, ModuleRow, ModuleTable, sparkline
from mfdebug.core.format.numbers import scalar
from mfdebug.core.format.table import Column, Row, Table
from mfdebug.core.session.reply import Reply, reply_of
from mfdebug.core.session.session import Session
from mfdebug.core.timeline.debugger import Debugger, Freshness
from mfdebug.core.timeline.entry_ref import EntryRef
from miniflow.ops.base import Array


class PresentNumbers:
    """The numbers of the present moment: what is computed there or left from the step before."""

    def __init__(self, debugger: Debugger) -> None:
        self._state = debugger.state
        self.sgd_step = debugger.sgd_step

    def value(self, node: int) -> Array | None:
        """Return a node's value; None if there is none."""
        fresh = self._state.value_freshness(node) in (Freshness.CURRENT, Freshness.STALE)
        return self._state.value(node) if fresh else None

    def gradient(self, node: int) -> Array | None:
        """Return a node's gradient; None if there is none."""
        known = (Freshness.CURRENT, Freshness.STALE, Freshness.PARTIAL)
        fresh = self._state.gradient_freshness(node) in known
        return self._state.gradient(node) if fresh else None


def table_of(rows: Sequence[ModuleRow], *, modules: bool) -> Table:
    """Return rows as a table; `modules`: they are modules, and not single nodes."""
    columns = (
        Column("module" if modules else "node", cut="name"),
        Column("value", "right"),
        Column("gradient", "right"),
        Column("health", cut="end"),
        Column("last gradients", rank=1),
    )
    return Table(columns, tuple(_row(row) for row in rows))


def _row(row: ModuleRow) -> Row:
    line = sparkline(row.history) if len(row.history) > 1 else ""
    cells = (row.name, _number(row.value), _number(row.gradient), row.label, line)
    return Row(cells, EntryRef(row.node, "value", ()))


def _number(size: float | None) -> str:
    return "-" if size is None else scalar(size, 3)


def run_modules(session: Session, _text: str) -> Reply:
    debugger = session.debugger
    table = ModuleTable(debugger)
    for numbers in debugger.kept_passes(PASSES):
        if numbers.sgd_step < debugger.sgd_step:
            table.add(numbers)
    present = PresentNumbers(debugger)
    table.add(present)
    rows = table.rows(present)
    what = "mean |value| and mean |gradient| of each module's last op"
    if not table.has_modules:
        what = "mean |value| and mean |gradient| of each parameter and op"
    return reply_of(what, table_of(rows, modules=table.has_modules), data=[_data(r) for r in rows])


def _data(row: ModuleRow) -> dict[str, Any]:
    return {
        "name": row.name,
        "value": row.value,
        "gradient": row.gradient,
        "label": row.label,
        "history": list(row.history),
    }
