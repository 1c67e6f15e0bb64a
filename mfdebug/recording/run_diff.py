"""Compares two recorded runs of a program: the first value and the first gradient that differ.

Both files are read pass by pass, in the order of time, until both are found. Of a pass that one of
the files does not keep whole, only what both have is compared: small inputs and the cost.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from msgspec import Struct

from mfdebug.recording.array_difference import ArrayDifference, Comparer
from mfdebug.recording.nodes import labels_of
from mfdebug.recording.reader import RunReader
from mfdebug.recording.records import Fault, Numbers, Outline, RecordedNode, Structure
from mfdebug.recording.row_pairs import RowPairs, row_pairs, rows, setting_differences
from miniflow.ops.base import Array

# A value; one that another node changed in place; the gradient that a node has for itself; what a
# node sent to one of its inputs; a value after the last pass.
What = Literal["value", "changed", "gradient", "sent", "final"]


class RowDifference(Struct, frozen=True):
    """A number of a pass that differs: what it is of the node called `name`, and how it differs.

    `by` is the node that changed or sent it, or "". `kind`, `file` and `line` are those of the node
    (of `by`, if there is one); `settings` those of its operation that differ. `only` is a side that
    alone has it: then there is no `how`.
    """

    number: int
    what: What
    name: str
    kind: str
    file: str
    line: int
    by: str = ""
    how: ArrayDifference | None = None
    only: str = ""
    settings: tuple[tuple[str, str, str], ...] = ()


class Row(Struct, frozen=True):
    """A row of one structure: its place among the rows, its node, and where it was made."""

    place: int
    name: str
    kind: str
    file: str
    line: int
    sources: tuple[str, ...]


class StructureDifference(Struct, frozen=True):
    """The first row of a pass that only one of the runs has, of each; None if it has none."""

    number: int
    a: Row | None
    b: Row | None


class CostDifference(Struct, frozen=True):
    """The first cost that differs; NaN if a pass has none."""

    number: int
    a: float
    b: float


class FaultDifference(Struct, frozen=True):
    """The first pass in which a node raised in one run and not in the other."""

    number: int
    a: str
    b: str


class RunComparison(Struct):
    """What of two runs differs first, None for what does not; `bits` if zeros were told apart.

    `passes` are how many each has, `compared` how many were compared; of those in `not_kept`, only
    inputs and costs (True for each run that does not keep them). `arrays` were compared; `zeros`
    differ only in their sign, `close` entries by no more than the `tolerance`.
    """

    passes: tuple[int, int]
    endings: tuple[str, str]
    tolerance: float
    bits: bool
    value: RowDifference | None = None
    gradient: RowDifference | None = None
    cost: CostDifference | None = None
    structure: StructureDifference | None = None
    fault: FaultDifference | None = None
    compared: int = 0
    not_kept: dict[int, tuple[bool, bool]] = {}
    arrays: int = 0
    zeros: int = 0
    close: int = 0

    @property
    def same(self) -> bool:
        """Whether nothing differs of what was compared, and there are as many passes."""
        found = self.value, self.gradient, self.cost, self.structure, self.fault
        return all(item is None for item in found) and self.passes[0] == self.passes[1]


class _Side(NamedTuple):
    """A pass of one of the runs."""

    run: RunReader
    outline: Outline
    structure: Structure
    names: list[str]
    numbers: Numbers | None
    inputs: Mapping[int, Array]


class _Runs:
    """Two runs, and what is remembered of their lines."""

    def __init__(self, a: RunReader, b: RunReader) -> None:
        self._runs = a, b
        self._lines = a.lines, b.lines
        self._names: dict[tuple[int, int], list[str]] = {}
        self._pairs: dict[tuple[int, int], RowPairs] = {}

    def sides(self, number: int) -> tuple[_Side, _Side]:
        """Return a pass of both."""
        return self._side(0, number), self._side(1, number)

    def _side(self, which: int, number: int) -> _Side:
        run = self._runs[which]
        outline = run.outline(number)
        structure = self._lines[which][outline.line]
        key = which, outline.line
        if key not in self._names:
            self._names[key] = labels_of(structure.nodes)
        return _Side(
            run,
            outline,
            structure,
            self._names[key],
            run.numbers(number),
            run.inputs(number),
        )

    def pairs(self, a: _Side, b: _Side) -> RowPairs:
        """Return which nodes of the lines of two passes are the same."""
        key = a.outline.line, b.outline.line
        if key not in self._pairs:
            self._pairs[key] = row_pairs(a.structure, b.structure)
        return self._pairs[key]


def compare_files(a: Path, b: Path, tolerance: float = 0.0, *, bits: bool = False) -> RunComparison:
    """Return the comparison of two run files; raise `FileError` for one that cannot be used."""
    with closing(RunReader(a)) as first, closing(RunReader(b)) as second:
        return compare_runs(first, second, tolerance, bits=bits)


def compare_runs(
    a: RunReader, b: RunReader, tolerance: float = 0.0, *, bits: bool = False
) -> RunComparison:
    """Return the first differences of two runs; raise `FileError` for a damaged file.

    Numbers are equal up to a relative difference of `tolerance`; with `bits`, -0.0 is not 0.0.
    """
    found = RunComparison((len(a), len(b)), (a.ending, b.ending), tolerance, bits, not_kept={})
    comparer, runs = Comparer(tolerance, bits=bits), _Runs(a, b)
    last: dict[tuple[int, int], int] = {}
    for number in range(min(found.passes)):
        sides = runs.sides(number)
        pairs = runs.pairs(*sides)
        _compare_pass(found, sides, pairs, comparer)
        found.compared += 1
        last[sides[0].outline.line, sides[1].outline.line] = number
        if pairs.first is not None:
            found.structure = _structure(number, sides, pairs)
        if found.structure or found.fault or (found.value and found.gradient):
            break
    if found.value is None and found.passes[0] == found.passes[1] == found.compared:
        for number in sorted(last.values()):
            sides = runs.sides(number)
            after = a.inputs_after(number), b.inputs_after(number)
            final = _mapped("final", sides, runs.pairs(*sides), after, comparer)
            found.value = found.value or final
    found.arrays, found.zeros, found.close = comparer.compared, comparer.zeros, comparer.close
    return found


def _compare_pass(
    found: RunComparison, sides: tuple[_Side, _Side], pairs: RowPairs, comparer: Comparer
) -> None:
    a, b = sides
    number = a.outline.number
    if a.numbers is None or b.numbers is None:
        found.not_kept[number] = a.numbers is None, b.numbers is None
    if found.value is None:
        found.value = next(_values(sides, pairs, comparer), None)
    if found.gradient is None:
        found.gradient = next(_gradients(sides, pairs, comparer), None)
    costs = np.array(a.outline.cost), np.array(b.outline.cost)
    if found.cost is None and comparer.difference(*costs) is not None:
        found.cost = CostDifference(number, a.outline.cost, b.outline.cost)
    words = tuple(_fault(side) for side in sides)
    if words[0] != words[1]:
        found.fault = FaultDifference(number, words[0], words[1])


def _fault(side: _Side) -> str:
    fault: Fault | None = side.outline.fault
    if fault is None:
        return ""
    return f"{side.names[fault.node]} raised {fault.error} in its {fault.direction}"


def _structure(
    number: int, sides: tuple[_Side, _Side], pairs: RowPairs
) -> StructureDifference | None:
    first = pairs.first
    if first is None:
        return None
    return StructureDifference(number, _row(sides[0], first.a), _row(sides[1], first.b))


def _row(side: _Side, node: int | None) -> Row | None:
    if node is None:
        return None
    computed = [i for i in rows(side.structure) if side.structure.nodes[i].inbound]
    found = side.structure.nodes[node]
    place = computed.index(node) + 1 if found.inbound else 0
    sources = tuple(side.names[source] for source in found.inbound)
    return Row(place, side.names[node], found.kind, found.file, found.line, sources)


# Values ---------------------------------------------------------------------------------------


def _values(
    sides: tuple[_Side, _Side], pairs: RowPairs, comparer: Comparer
) -> Iterator[RowDifference]:
    """Yield the values that differ, in the order of time."""
    a, b = sides
    if a.numbers is None or b.numbers is None:
        # A whole pass keeps an input as it was when it was first used.
        inputs = [{**side.inputs, **_input_values(side)} for side in sides]
        found = _mapped("value", sides, pairs, (inputs[0], inputs[1]), comparer)
        if found is not None:
            yield found
        return
    for i in rows(a.structure):
        j = pairs.partner.get(i)
        if j is None:
            continue
        x, y = _value(a, i), _value(b, j)
        if (found := _difference("value", sides, i, j, x, y, comparer)) is not None:
            yield found
        for k in range(len(a.structure.nodes[i].inbound)):
            x, y = a.numbers.changed.get((i, k)), b.numbers.changed.get((j, k))
            found = _difference("changed", sides, i, j, x, y, comparer, input_index=k)
            if found is not None:
                yield found


def _input_values(side: _Side) -> dict[int, Array]:
    if side.numbers is None:
        return {}
    nodes = side.structure.nodes
    return {i: value for i, value in side.numbers.values.items() if not nodes[i].inbound}


def _value(side: _Side, node: int) -> Array | None:
    assert side.numbers is not None
    value = side.numbers.values.get(node)
    if value is None and node in side.numbers.texts:
        # It is not a number: what it is called is compared.
        return np.array(side.numbers.texts[node])
    return side.inputs.get(node) if value is None else value


def _mapped(
    what: What,
    sides: tuple[_Side, _Side],
    pairs: RowPairs,
    found: tuple[Mapping[int, Array], Mapping[int, Array]],
    comparer: Comparer,
) -> RowDifference | None:
    """Return the first difference of inputs, as far as both runs keep them."""
    for i in rows(sides[0].structure):
        j = pairs.partner.get(i)
        if j is None or i not in found[0] or j not in found[1]:
            continue
        difference = _difference(what, sides, i, j, found[0][i], found[1][j], comparer)
        if difference is not None:
            return difference
    return None


# Gradients ------------------------------------------------------------------------------------


def _gradients(
    sides: tuple[_Side, _Side], pairs: RowPairs, comparer: Comparer
) -> Iterator[RowDifference]:
    """Yield the gradients and contributions that differ, in the order of time."""
    a, b = sides
    if a.numbers is None or b.numbers is None:
        return
    back = dict.fromkeys([*a.structure.backward, *reversed(range(len(a.structure.nodes)))])
    for i in back:
        j = pairs.partner.get(i)
        if j is None:
            continue
        x, y = a.numbers.own.get(i), b.numbers.own.get(j)
        if (found := _difference("gradient", sides, i, j, x, y, comparer)) is not None:
            yield found
        for k in range(len(a.structure.nodes[i].inbound)):
            x, y = a.numbers.sent.get((i, k)), b.numbers.sent.get((j, k))
            found = _difference("sent", sides, i, j, x, y, comparer, input_index=k)
            if found is not None:
                yield found


def _difference(
    what: What,
    sides: tuple[_Side, _Side],
    i: int,
    j: int,
    x: Array | None,
    y: Array | None,
    comparer: Comparer,
    *,
    input_index: int | None = None,
) -> RowDifference | None:
    """Return how a number of node `i` differs from that of its partner `j`, None if it is equal."""
    only, how = "", None
    if x is None and y is None:
        return None
    if x is None or y is None:
        only = "b" if x is None else "a"
    elif (how := comparer.difference(x, y)) is None:
        return None
    a = sides[0]
    nodes = a.structure.nodes
    at = i if input_index is None else nodes[i].inbound[input_index]
    own = _own(sides[0], i), _own(sides[1], j)
    return RowDifference(
        a.outline.number,
        what,
        a.names[at],
        nodes[i].kind,
        own[0].file,
        own[0].line,
        "" if input_index is None else a.names[i],
        how,
        only,
        tuple(setting_differences(own[0], own[1])),
    )


def _own(side: _Side, node: int) -> RecordedNode:
    """Return a node of the line as it was in this pass: its settings and its source line."""
    mapping = [*side.run.mapping(side.outline.number)]
    if node not in mapping:
        return side.structure.nodes[node]
    return side.run.structure(side.outline.number).nodes[mapping.index(node)]
