"""A summary as a table of modules and a line of totals, and as data for JSON."""

from __future__ import annotations

from typing import Any

from mfdebug.core.explain.summary import Module, Summary
from mfdebug.core.format.table import Column, Part, Row, Table
from miniflow.ops.base import shape_text
from miniflow.text.lists import counted, series

# Ops of a module that are named; more are counted.
MOST_KINDS = 3


def summary_parts(found: Summary) -> list[Part]:
    """Return the name, the table of modules, and the totals."""
    table = Table(
        (
            Column("module", cut="name"),
            Column("op", cut="end", rank=2),
            Column("shape", "right"),
            Column("parameters", "right"),
            Column("size", "right"),
            Column(cut="end", rank=1),
        ),
        tuple(_row(module) for module in found.modules),
    )
    return [found.name, table, *_totals(found)]


def _row(module: Module) -> Row:
    shape = "" if module.shape is None else shape_text(module.shape)
    count = f"{module.parameters:,}" if module.parameters else ""
    size = size_text(module.bytes) if module.parameters else ""
    name = "  " * module.depth + (module.label if module.is_node else module.label.rstrip("/."))
    return Row((name, _kinds(module.kinds), shape, count, size, _remark(module)))


def _kinds(kinds: tuple[str, ...]) -> str:
    if len(kinds) > MOST_KINDS:
        return f"{len(kinds)} ops"
    return ", ".join(kinds)


def _remark(module: Module) -> str:
    remarks = []
    for tied in module.tied:
        others = series([other.rstrip("/.") for other in tied.others], ", ")
        remarks.append(f"{tied.parameter} is also used by {others}")
    frozen = module.parameters - module.trained
    if frozen and module.parameters:
        remarks.append("not trained" if frozen == module.parameters else f"{frozen:,} not trained")
    if module.unknown:
        remarks.append(f"not kept: {counted(module.unknown, 'parameter tensor')}")
    return "; ".join(remarks)


def _totals(found: Summary) -> list[str]:
    total = found.total
    frozen = total.parameters - total.trained
    trained = f", {frozen:,} of them not trained" if frozen else ""
    tied = sum(len(module.tied) for module in found.modules)
    once = f"; {counted(tied, 'tied one')} counted once" if tied else ""
    lines = [
        f"{counted(total.parameters, 'parameter')}{trained}, {size_text(total.bytes)}{once}",
        f"{counted(found.ops, 'op')}, whose values take {size_text(found.value_bytes)} in a pass",
    ]
    if total.unknown:
        lines.append(f"not kept, so not counted: {counted(total.unknown, 'parameter tensor')}")
    return lines


def size_text(size: int) -> str:
    """Return a number of bytes with its unit: 320 B, 1.24 kB, 12.4 MB; 1 MB is 10^6 B."""
    if size < 1000:
        return f"{size} B"
    number, unit = (size / 1e3, "kB") if size < 10**6 else (size / 1e6, "MB")
    return f"{number:,.0f} {unit}" if number >= 999.5 else f"{number:.3g} {unit}"


def summary_data(found: Summary) -> dict[str, Any]:
    """Return the summary as data for JSON."""
    return {
        "graph": found.name,
        "modules": [_data(module) for module in found.modules],
        "total": {
            key: value
            for key, value in _data(found.total).items()
            if key in ("parameters", "trained", "bytes", "unknown")
        },
        "ops": found.ops,
        "value_bytes": found.value_bytes,
    }


def _data(module: Module) -> dict[str, Any]:
    return {
        "name": module.name,
        "depth": module.depth,
        "is_node": module.is_node,
        "ops": list(module.kinds),
        "shape": None if module.shape is None else list(module.shape),
        "parameters": module.parameters,
        "trained": module.trained,
        "bytes": module.bytes,
        "unknown": module.unknown,
        "tied": [{"parameter": t.parameter, "others": list(t.others)} for t in module.tied],
    }
