"""The rows of optimizers and their steps: those that a writer still has to write."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable

import msgspec

from mfdebug.recording.encoding import check_entries
from mfdebug.recording.schema import STEPS, OptimizerForm, checksum

# Passes whose steps are counted: a step concerns the last passes.
_COUNTED = 4096

_ExecuteMany = Callable[[str, Iterable[tuple[object, ...]]], object]


class StepRows:
    """Pending rows of the tables `optimizer` and `step`."""

    def __init__(self) -> None:
        self._sizes: dict[int, int] = {}
        self._counts: OrderedDict[int, int] = OrderedDict()
        self.clear()

    def clear(self) -> None:
        """Forget the pending rows: they have been written."""
        self._optimizers: list[tuple[object, ...]] = []
        self._steps: list[tuple[object, ...]] = []

    def add_optimizer(self, number: int, optimizer: OptimizerForm) -> int:
        """Add an optimizer under its number; return the bytes that it takes.

        Raises `ValueError` if an entry has no valid type or size.
        """
        entries = [entry.as_entry for entry in optimizer.entries]
        check_entries(entries)
        self._sizes[number] = sum(entry.size for entry in entries)
        form = msgspec.json.encode(optimizer)
        self._optimizers.append((number, form.decode(), checksum(form, number)))
        return len(form)

    def add(
        self, number: int, optimizer: int, settings: bytes, data: bytes | bytearray, most: int
    ) -> tuple[int, int]:
        """Add a step after pass `number`; return the bytes of its settings and of its numbers.

        More than `most` bytes of numbers are not kept. Raises `ValueError` if the size of `data`
        is not that of the optimizer's entries.
        """
        if len(data) != self._sizes.get(optimizer):
            raise ValueError(f"a step after pass {number} has {len(data)} bytes")
        count = self._counts.get(number, 0)
        oldest = next(iter(self._counts), 0)
        if count == STEPS or (len(self._counts) == _COUNTED and number < oldest):
            return 0, 0
        self._counts[number] = count + 1
        if len(self._counts) > _COUNTED:
            self._counts.popitem(last=False)
        kept = bytes(data) if len(data) <= most else None
        size, data_crc = (0, 0) if kept is None else (len(kept), checksum(kept, number))
        place = number * STEPS + count
        crc = checksum(settings, place, optimizer, size, data_crc)
        self._steps.append((place, optimizer, settings.decode(), size, data_crc, kept, crc))
        return len(settings), size

    def write(self, execute_many: _ExecuteMany) -> None:
        """Write the pending rows."""
        execute_many("INSERT OR REPLACE INTO optimizer VALUES (?,?,?)", self._optimizers)
        execute_many("INSERT OR REPLACE INTO step VALUES (?,?,?,?,?,?,?)", self._steps)

    @staticmethod
    def thin(execute_many: _ExecuteMany, table: str, passes: Iterable[int]) -> None:
        """Drop what steps have beside dropped rows of passes in a table."""
        places = [(number * STEPS, number * STEPS + STEPS - 1) for number in passes]
        if table == "inputs":
            execute_many("DELETE FROM step WHERE place BETWEEN ? AND ?", places)
        else:
            execute_many("UPDATE step SET data=NULL WHERE place BETWEEN ? AND ?", places)
