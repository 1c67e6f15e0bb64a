"""The table of modules while a program runs: read from its newest pass, a few times a second."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from mfdebug.core.format.numbers import scalar
from mfdebug.core.timeline.entry_ref import cost_name

if TYPE_CHECKING:
    from mfdebug.core.breakpoints.module_table import ModuleRow, ModuleTable
    from mfdebug.core.format.table import Table
    from mfdebug.core.session.session import Session
    from mfdebug.core.timeline.debugger import Debugger

# Seconds between two readings, and how many times as long as the last one has taken.
PERIOD, REST = 0.3, 9.0


class LiveModules:
    """The modules of the program of a session; `rows` are those of the newest pass, if any."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._debugger: Debugger | None = None
        self._table: ModuleTable | None = None
        # The inputs that were known to be trained when the table was made: the first update shows
        # more of them.
        self._trained: list[int] = []
        self._due = 0.0
        self.rows: list[ModuleRow] = []
        self.words = ""

    def start(self) -> None:
        """Forget the rows: another run starts."""
        self.rows, self._due = [], 0.0

    def refresh(self) -> None:
        """Read the newest pass, unless that was done just before; called from the run's thread."""
        now = time.monotonic()
        if now < self._due:
            return
        self._read(self._session.debugger)
        took = time.monotonic() - now
        self._due = now + took + max(PERIOD, REST * took)

    def _read(self, debugger: Debugger) -> None:
        newest = debugger.kept_passes(1, newest=True)
        if not newest:
            return
        numbers = newest[0]
        trained = list(debugger.graph.trainables)
        if self._table is None or self._debugger is not debugger or self._trained != trained:
            # Most sessions run no program.
            from mfdebug.core.breakpoints.module_table import ModuleTable

            self._debugger, self._table = debugger, ModuleTable(debugger)
            self._trained = trained
        if numbers.sgd_step == self._table.sgd_step and self.rows:
            return
        if numbers.sgd_step != self._table.sgd_step:
            self._table.add(numbers)
        self.rows = self._table.rows(numbers)
        cost = numbers.value(debugger.graph.cost)
        name = cost_name(debugger.graph)
        equals = "" if name == "cost" else "= "
        self.words = f"SGD step {numbers.sgd_step}"
        if cost is not None and cost.size == 1:
            self.words += f" ∙ {name} {equals}{scalar(float(cost), 6)}"

    def table(self, height: int) -> Table:
        """Return the rows that fit in a height with heads; those with something wrong come first.

        The others are counted below.
        """
        from mfdebug.core.commands.modules import table_of
        from mfdebug.core.format.table import Table

        assert self._table is not None
        rows, room = self.rows, max(1, height - 1)
        if len(rows) > room:
            by_need = sorted(range(len(rows)), key=lambda i: (not rows[i].label, i))
            rows = [rows[i] for i in sorted(by_need[: room - 1])]
        modules = self._table.has_modules
        found = table_of(rows, modules=modules)
        left, what = len(self.rows) - len(rows), "modules" if modules else "nodes"
        return Table(found.columns, found.rows, left_out=left, more=f"more {what}")
