"""The report of a comparison of two recorded runs, as lines of text and as data for JSON."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mfdebug.core.format.numbers import scalar
from mfdebug.core.format.results import as_json
from mfdebug.core.format.table import Column, Part, Row, Table
from mfdebug.core.timeline.entry_ref import named
from mfdebug.recording.array_difference import ArrayDifference
from mfdebug.recording.run_diff import (
    CostDifference,
    RowDifference,
    RunComparison,
    StructureDifference,
)
from mfdebug.recording.run_diff import Row as StructureRow
from miniflow.text.lists import counted

# Settings of an operation that are written out.
MOST_SETTINGS = 4


def run_diff_parts(found: RunComparison, names: tuple[str, str]) -> list[Part]:
    """Return the conclusion, a table of the first differences, and what could not be compared.

    `names` are those of the two runs.
    """
    parts: list[Part] = [_conclusion(found)]
    if found.structure is not None:
        parts += _structure_lines(found.structure, names)
    if found.fault is not None:
        for name, words in zip(names, (found.fault.a, found.fault.b), strict=True):
            parts.append(f"  pass {found.fault.number} in {name}: {words or 'no node raised'}")
    table_rows = [
        *_rows("first value", found.value),
        *_rows("first gradient", found.gradient),
        *_cost_rows(found.cost),
    ]
    if table_rows:
        columns = [Column(), Column("pass", "right"), Column("entry", cut="name")]
        columns += [Column(name, "point") for name in names]
        columns += [Column("relative", "point"), Column("entries", "right", rank=1)]
        columns += [Column("made in", rank=2), Column(cut="end", rank=3)]
        parts.append(Table(tuple(columns), tuple(table_rows), indent=2))
    if table_rows and found.gradient is None and found.structure is None and found.fault is None:
        parts.append("  of the gradients that both keep, none differs")
    for row in (found.value, found.gradient):
        parts += [] if row is None else _setting_lines(row, names)
    if found.passes[0] != found.passes[1]:
        counts = zip(names, found.passes, found.endings, strict=True)
        said = (
            f"{name} has {counted(passes, 'pass', 'passes')} ({end})"
            for name, passes, end in counts
        )
        parts.append("; ".join(said))
    return [*parts, *_limits(found, names)]


def _conclusion(found: RunComparison) -> str:
    compared = counted(found.compared, "pass", "passes")
    if not found.same:
        first = _first_pass(found)
        before = (
            f"; {counted(first, 'pass', 'passes')} before it {_is(first)} equal" if first else ""
        )
        where = "the number of passes" if first is None else f"pass {first}"
        if first is None:
            return f"the runs differ in {where}: what both have, {compared}, is equal"
        return f"the first difference is in {where}{before}"
    if not found.compared:
        return "the runs have no passes"
    if found.close:
        least = f"up to {found.tolerance:g}"
        return f"{compared} of both runs are equal {least}; {found.close} entries differ by less"
    if found.zeros:
        zeros = counted(found.zeros, "zero")
        return (
            f"{compared} of both runs have equal numbers, but for the sign of {zeros} "
            "(--bits shows where)"
        )
    return f"{compared} of both runs: the same to the last bit in all that both keep"


def _first_pass(found: RunComparison) -> int | None:
    items = (found.value, found.gradient, found.cost, found.structure, found.fault)
    numbers = [item.number for item in items if item is not None]
    return min(numbers, default=None)


def _is(count: int) -> str:
    return "is" if count == 1 else "are"


def _structure_lines(found: StructureDifference, names: Sequence[str]) -> list[str]:
    lines = [f"  the program ran another graph in pass {found.number}; the first row that differs:"]
    for name, row in zip(names, (found.a, found.b), strict=True):
        lines.append(f"    {name}: {_structure_row(row)}")
    return lines


def _structure_row(row: StructureRow | None) -> str:
    if row is None:
        return "every row is also in the other"
    what = f"row {row.place}, " if row.place else "the input "
    kind = f": {row.kind}" if row.place else ""
    of = f" of {', '.join(row.sources)}" if row.sources else ""
    made = _made(row.file, row.line)
    return f"{what}{row.name}{kind}{of}" + (f", made in {made}" if made else "")


def _rows(head: str, found: RowDifference | None) -> list[Row]:
    if found is None:
        return []
    texts = ("", "") if found.how is None else _texts(found.how)
    if found.only:
        texts = ("yes", "not there") if found.only == "a" else ("not there", "yes")
    how = found.how
    relative = "" if how is None or how.relative is None else scalar(how.relative, 3)
    entries = f"{how.count} of {how.size}" if how is not None and how.words is None else ""
    made = _made(found.file, found.line)
    cells = (head, str(found.number), _entry(found), *texts, relative, entries, made, _what(found))
    return [Row(cells)]


def _entry(found: RowDifference) -> str:
    entry = named(found.name, () if found.how is None else found.how.index)
    return f"∂cost/∂{entry}" if found.what in ("gradient", "sent") else entry


def _what(found: RowDifference) -> str:
    """Return what the number is, where that is not only the value or gradient of the node."""
    words = {
        "value": found.kind,
        "changed": f"as {found.by} changed it, in place",
        "gradient": found.kind,
        "sent": f"as {found.by} sent it",
        "final": "after the last pass",
    }
    return words[found.what]


def _texts(how: ArrayDifference) -> tuple[str, str]:
    """Return both numbers with enough digits to distinguish them."""
    if how.words is not None:
        return how.words
    if isinstance(how.a, complex) or isinstance(how.b, complex):
        return str(how.a), str(how.b)
    if isinstance(how.a, bool | int) and isinstance(how.b, bool | int):
        return str(how.a), str(how.b)
    texts = ("", "")
    for digits in (6, 9, 17):
        texts = _signed(how.a, digits), _signed(how.b, digits)
        if texts[0] != texts[1]:
            break
    return texts


def _signed(number: float, digits: int) -> str:
    minus = "-" if number == 0 and math.copysign(1, number) < 0 else ""
    return minus + scalar(number, digits)


def _cost_rows(found: CostDifference | None) -> list[Row]:
    if found is None:
        return []
    sides = (found.a, found.b)
    texts = [f"{side:.17g}" for side in sides]
    for digits in (6, 9):
        if (fewer := [scalar(side, digits) for side in sides])[0] != fewer[1]:
            texts = fewer
            break
    relative = ArrayDifference((), found.a, found.b, 1, 1).relative
    shown = "" if relative is None else scalar(relative, 3)
    return [Row(("first cost", str(found.number), "cost", *texts, shown, "", "", ""))]


def _setting_lines(found: RowDifference, names: Sequence[str]) -> list[str]:
    lines = []
    for setting, *values in found.settings[:MOST_SETTINGS]:
        said = ", ".join(f"{v} in {name}" for name, v in zip(names, values, strict=True))
        lines.append(f"  {found.by or found.name} is set otherwise: {setting} is {said}")
    if (more := len(found.settings) - MOST_SETTINGS) > 0:
        lines.append(f"  and {more} more of its settings")
    return lines


def _made(file: str, line: int) -> str:
    return f"{Path(file).name}:{line}" if file else ""


def _limits(found: RunComparison, names: Sequence[str]) -> list[str]:
    """Return what the comparison does not cover."""
    lines = []
    for which, name in enumerate(names):
        numbers = [number for number, lacks in found.not_kept.items() if lacks[which]]
        if numbers:
            passes = "pass" if len(numbers) == 1 else "passes"
            lines.append(
                f"{name} keeps only small inputs and the cost of {passes} {spans(numbers)}: "
                "no more of them was compared"
            )
    if not found.same and found.zeros:
        lines.append(f"zeros of another sign were taken for equal ({found.zeros:,}; --bits)")
    return lines


def spans(numbers: Sequence[int]) -> str:
    """Return ascending numbers as text: `1, 3 to 9`; the first of many."""
    found: list[list[int]] = []
    for number in numbers:
        if found and found[-1][-1] == number - 1:
            found[-1] = [found[-1][0], number]
        else:
            found.append([number])
    texts = [str(span[0]) if len(span) == 1 else f"{span[0]} to {span[1]}" for span in found]
    more = f" and {len(texts) - 5} more spans" if len(texts) > 5 else ""
    return ", ".join(texts[:5]) + more


def run_diff_data(found: RunComparison) -> dict[str, Any]:
    """Return the comparison as data for JSON."""
    structure, fault, cost = found.structure, found.fault, found.cost
    data: dict[str, Any] = as_json(
        {
            "same": found.same,
            "passes": found.passes,
            "compared": found.compared,
            "arrays": found.arrays,
            "tolerance": found.tolerance,
            "zeros_of_another_sign": found.zeros,
            "within_tolerance": found.close,
            "not_whole": {
                side: [number for number, lacks in found.not_kept.items() if lacks[which]]
                for which, side in enumerate("ab")
            },
            "value": _row_data(found.value),
            "gradient": _row_data(found.gradient),
            "cost": cost and {"pass": cost.number, "a": cost.a, "b": cost.b},
            "graph": structure
            and {
                "pass": structure.number,
                "a": _structure_data(structure.a),
                "b": _structure_data(structure.b),
            },
            "fault": fault and {"pass": fault.number, "a": fault.a, "b": fault.b},
        }
    )
    return data


def _row_data(found: RowDifference | None) -> dict[str, Any] | None:
    if found is None:
        return None
    data: dict[str, Any] = {
        "pass": found.number,
        "what": found.what,
        "node": found.name,
        "kind": found.kind,
        "by": found.by,
        "file": found.file,
        "line": found.line,
        "settings": [{"name": name, "a": a, "b": b} for name, a, b in found.settings],
    }
    if found.how is None:
        return data | {"only": found.only}
    how = found.how
    if how.words is not None:
        return data | {"a": how.words[0], "b": how.words[1]}
    numbers = [str(x) if isinstance(x, complex) else x for x in (how.a, how.b)]
    return data | {
        "entry": how.index,
        "a": numbers[0],
        "b": numbers[1],
        "relative": how.relative,
        "entries": how.count,
        "size": how.size,
    }


def _structure_data(row: StructureRow | None) -> dict[str, Any] | None:
    if row is None:
        return None
    return {
        "row": row.place,
        "node": row.name,
        "kind": row.kind,
        "sources": list(row.sources),
        "file": row.file,
        "line": row.line,
    }
