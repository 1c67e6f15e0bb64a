"""Decodes the bytes of a pass into numbers, by its layout and its structure.

Structures, layouts and the passes just decoded are kept in memory, a few of each.
"""

from __future__ import annotations

from array import array
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from mfdebug.recording.encoding import (
    Plan,
    check_entries,
    check_references,
    large_offsets,
    plan,
    value_of,
)
from mfdebug.recording.open_run_file import damaged
from mfdebug.recording.pass_index import PassIndex, StructureLine
from mfdebug.recording.records import Entry, Numbers, Structure
from mfdebug.recording.run_rows import RunRows
from mfdebug.recording.schema import WORDS, Bytes, Head, SharedForm
from miniflow.errors import FileError, printable
from miniflow.ops.base import Array

# Passes, structures and layouts kept in memory.
_NUMBERS, _NUMBERS_BYTES = 8, 64 << 20
_STRUCTURES = 4
_LAYOUTS = 16


class Numbered(NamedTuple):
    """A structure, the number of inputs of each node, and the node numbers in its line."""

    structure: Structure
    input_counts: array[int]
    mapping: list[int]


class PassDecoder:
    """The numbers of the passes in `index`, by the structures and layouts among `rows`.

    Call its methods within a snapshot of the file. They raise `FileError` for what is damaged.
    """

    def __init__(self, rows: RunRows, index: PassIndex) -> None:
        self._rows, self._index = rows, index
        self._where = rows.where
        self._numbered: OrderedDict[int, Numbered] = OrderedDict()
        self._layouts: OrderedDict[int, tuple[Entry, ...]] = OrderedDict()
        self._plans: OrderedDict[tuple[int, int], Plan] = OrderedDict()
        self._sharings: OrderedDict[int, dict[int, SharedForm]] = OrderedDict()
        self._numbers: OrderedDict[int, tuple[int, int, Numbers]] = OrderedDict()

    # Structures and layouts -----------------------------------------------------------------------

    def line_of(self, number: int) -> StructureLine:
        """Return the line of a structure, after adding that to the index if it is new."""
        if (found := self._index.of_structure.get(number)) is None:
            if self._index.add_structure(number, self._rows.structure(number, first=True)):
                # The line has more nodes now.
                self._numbered.clear()
                self._numbers.clear()
            found = self._index.of_structure[number]
        return found

    def structure(self, number: int) -> Numbered:
        """Return a structure with the numbers of its nodes in its line."""
        if (found := self._numbered.get(number)) is None:
            structure = self._rows.structure(number, first=False)
            line = self._index.lines.all[self.line_of(number).line]
            input_counts = array("I", [len(node.inbound) for node in structure.nodes])
            try:
                found = Numbered(structure, input_counts, line.mapping(structure))
            except ValueError:
                # The structure has changed since its line was determined.
                raise damaged(f"structure {number}", self._where) from None
            _remember(self._numbered, number, found, _STRUCTURES)
        return found

    def sharing(self, number: int) -> dict[int, SharedForm]:
        """Return the inputs that a graph shares with others, by the difference of their numbers."""
        if (found := self._sharings.get(number)) is None:
            found = self._rows.sharing(number)
            _remember(self._sharings, number, found, _LAYOUTS)
        return found

    def _entries(self, number: int) -> tuple[Entry, ...]:
        if (found := self._layouts.get(number)) is None:
            found = self._rows.layout(number)
            try:
                check_entries(found)
            except (ValueError, OverflowError) as error:
                raise FileError(
                    f"layout {number} has {error}", where=self._where, hint="record it again"
                ) from None
            _remember(self._layouts, number, found, _LAYOUTS)
        return found

    def _plan(self, structure: int, layout: int) -> tuple[Numbered, tuple[Entry, ...], Plan]:
        numbered, entries = self.structure(structure), self._entries(layout)
        key = structure, layout
        if (found := self._plans.get(key)) is None:
            check_references(entries, numbered.input_counts)
            found = plan(entries, numbered.input_counts, numbered.structure.cost)
            _remember(self._plans, key, found, _LAYOUTS)
        return numbered, entries, found

    @contextmanager
    def _checking(self, what: str) -> Iterator[None]:
        """Turn inconsistencies into `FileError`."""
        try:
            yield
        except (ValueError, TypeError, OverflowError, UnicodeError):
            raise damaged(what, self._where) from None

    # Numbers --------------------------------------------------------------------------------------

    def decoded(self, number: int) -> Numbers | None:
        """Return the numbers of a pass if they are in memory and have not changed since."""
        kept = self._numbers.get(number)
        if kept is None or kept[0] != self._index.crc[number]:
            return None
        self._numbers.move_to_end(number)
        return kept[2]

    def numbers(self, head: Head, inputs: Bytes, body: Bytes) -> Numbers:
        """Return every number of a pass from its bytes; the arrays are read-only."""
        with self._checking(f"pass {head.number}"):
            found = self._all_numbers(head, inputs, body)
        self._numbers[head.number] = head.crc, len(inputs) + len(body), found
        self._numbers.move_to_end(head.number)
        while len(self._numbers) > 1 and (
            len(self._numbers) > _NUMBERS
            or sum(kept[1] for kept in self._numbers.values()) > _NUMBERS_BYTES
        ):
            self._numbers.popitem(last=False)
        return found

    def _all_numbers(self, head: Head, inputs: Bytes, body: Bytes) -> Numbers:
        numbered, entries, layout_plan = self._plan(head.structure, head.layout)
        sizes = [
            sum(stop - start for start, stop in parts)
            for parts in (layout_plan.inputs, layout_plan.rest)
        ]
        if sizes != [len(inputs), len(body)]:
            raise ValueError("rows of another size than the layout says")
        found = Numbers({}, {}, {}, {}, {})
        for entry, (small, at) in zip(entries, layout_plan.positions, strict=True):
            node = numbered.mapping[entry.node]
            if node < 0:
                continue
            value = value_of(entry, inputs if small else body, at)
            if isinstance(value, str):
                if entry.tag == "v" or node not in found.texts:
                    found.texts[node] = printable(value, WORDS)
            elif entry.tag == "v":
                found.values[node] = value
            elif entry.tag == "g":
                found.own[node] = value
            else:
                sent_or_changed = found.sent if entry.tag == "s" else found.changed
                sent_or_changed[node, entry.input_index] = value
        return found

    def inputs(self, head: Head, inputs: Bytes | None, body: Bytes | None) -> dict[int, Array]:
        """Return the initial values of a pass's inputs from its bytes; None was not kept."""
        with self._checking(f"pass {head.number}"):
            return self._input_values(head, inputs, body)

    def _input_values(
        self, head: Head, inputs: Bytes | None, body: Bytes | None
    ) -> dict[int, Array]:
        numbered, entries, layout_plan = self._plan(head.structure, head.layout)
        parts = layout_plan.rest if head.whole else layout_plan.large
        for data, expected in ((inputs, layout_plan.inputs), (body, parts)):
            # A pass that was too large for a row has no data.
            if data and len(data) != sum(stop - start for start, stop in expected):
                raise ValueError("rows of another size than the layout says")
        in_large: Iterator[int] | Sequence[int]
        in_large = (
            [-1] * len(entries) if head.whole else large_offsets(entries, numbered.input_counts)
        )
        found = {}
        for entry, (small, at), large in zip(entries, layout_plan.positions, in_large, strict=True):
            node = numbered.mapping[entry.node]
            if node < 0 or entry.tag != "v" or numbered.input_counts[entry.node]:
                continue
            data = inputs if small else body
            offset = at if small or head.whole else large
            if data is None or len(data) < offset + entry.size or (entry.size and not data):
                continue
            value = value_of(entry, data, offset)
            if not isinstance(value, str):
                found[node] = value
        return found

    def final(self, line: int, graph: int) -> dict[int, Array]:
        """Return the values of a graph's inputs at the end of the run."""
        row = self._rows.final(self._index.finals[line][graph], graph)
        if self.line_of(row.structure).line != line:
            raise damaged("the end of the run", self._where)
        found = {}
        with self._checking("the end of the run"):
            numbered, entries, layout_plan = self._plan(row.structure, row.layout)
            if layout_plan.size != len(row.data):
                raise ValueError("final values of another size than the layout says")
            at = 0
            for entry in entries:
                node = numbered.mapping[entry.node]
                value = value_of(entry, row.data, at)
                if node >= 0 and entry.tag == "v" and not isinstance(value, str):
                    found[node] = value
                at += entry.size
        return found


def _remember(kept: OrderedDict[Any, Any], key: Any, value: Any, most: int) -> None:
    kept[key] = value
    if len(kept) > most:
        kept.popitem(last=False)
