"""Runs to be written: nodes, and entries with their bytes."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from mfdebug.recording.records import Entry, RecordedNode, StepEntry, Structure
from mfdebug.recording.schema import OptimizerForm
from mfdebug.recording.writer import RunWriter

MANY = 1 << 30


def encoded(value: Any) -> tuple[str, tuple[int, ...], bytes]:
    """Return the type, shape and bytes of a value as a recorder notes them."""
    if type(value) is int:
        digits = str(value).encode()
        return "int", (len(digits),), digits
    if type(value) is float:
        return "float", (), struct.pack("<d", value)
    if isinstance(value, str):
        return "text", (len(value.encode()),), value.encode()
    array = np.asarray(value)
    return array.dtype.str, array.shape, array.tobytes()


def noted(*values: tuple[str, int, int, Any]) -> tuple[tuple[Entry, ...], bytes]:
    """Return entries and their bytes, of tag, node, input_index and value each."""
    entries, data = [], []
    for tag, node, input_index, value in values:
        dtype, shape, content = encoded(value)
        entries.append(Entry(tag, node, input_index, dtype, shape))  # type: ignore[arg-type]
        data.append(content)
    return tuple(entries), b"".join(data)


def node(kind: str, *inbound: int, name: str = "", **more: Any) -> RecordedNode:
    return RecordedNode(kind, inbound, name, **more)


def structure(nodes: Sequence[RecordedNode], *, backward: bool = True) -> Structure:
    """Return a structure whose cost is its last node."""
    order = tuple(range(len(nodes)))
    return Structure(tuple(nodes), order, order[::-1] if backward else (), len(nodes) - 1)


def permuted(given: Structure, order: Sequence[int]) -> Structure:
    """Return the same structure with node order[i] as its number i."""
    place = {old: new for new, old in enumerate(order)}

    def moved(numbers: Iterable[int]) -> tuple[int, ...]:
        return tuple(place[number] for number in numbers)

    nodes = tuple(
        msgspec.structs.replace(given.nodes[old], inbound=moved(given.nodes[old].inbound))
        for old in order
    )
    return Structure(nodes, moved(given.forward), moved(given.backward), place[given.cost])


def optimizer(name: str, nodes: Sequence[int], *entries: tuple[int, str, Any]) -> OptimizerForm:
    """Return an optimizer of PyTorch that updates some nodes; entries have an example value."""
    described = tuple(StepEntry(i, what, *encoded(value)[:2]) for i, what, value in entries)
    return OptimizerForm(name, True, (tuple(nodes),), (), described)


SQUARE = structure([node("Input", name="x"), node("Input", name="y"), node("Mul", 0, 1)])


class Recording:
    """A writer that numbers its structures and layouts itself, as a recorder does."""

    def __init__(self, path: Path | None, most_bytes: int = MANY, name: str = "prog.py") -> None:
        self.writer = RunWriter(path, name=name, most_bytes=most_bytes)
        self.path = self.writer.path
        self._structures: dict[bytes, int] = {}
        self._layouts: dict[tuple[Entry, ...], int] = {}
        self._optimizers: dict[bytes, int] = {}

    def structure(self, given: Structure) -> int:
        key = repr(given).encode()
        if key not in self._structures:
            self._structures[key] = len(self._structures)
            self.writer.structure(self._structures[key], given)
        return self._structures[key]

    def layout(self, entries: tuple[Entry, ...]) -> int:
        if entries not in self._layouts:
            self._layouts[entries] = len(self._layouts)
            self.writer.layout(self._layouts[entries], entries)
        return self._layouts[entries]

    def add(
        self,
        given: Structure,
        *values: tuple[str, int, int, Any],
        number: int | None = None,
        graph: int | None = None,
        **more: Any,
    ) -> int:
        number = len(self.writer) if number is None else number
        entries, data = noted(*values)
        how = {"whole": True, "complete": True, "fault": None, **more}
        layout, structure = self.layout(entries), self.structure(given)
        how["graph"] = structure if graph is None else graph
        self.writer.add_pass(number, structure, layout, data=data, **how)
        return number

    def squares(self, count: int, numbers: int = 1) -> None:
        """Write passes over SQUARE: x is the number of the pass, in arrays of so many numbers."""
        for _ in range(count):
            x = float(len(self.writer))
            y = np.full(numbers, x)
            self.add(SQUARE, *square(x, y))

    def step(self, number: int, form: OptimizerForm, settings: str, *values: Any) -> None:
        """Write an optimizer's step after a pass; `values` are those of the form's entries."""
        key = repr(form).encode()
        if key not in self._optimizers:
            self._optimizers[key] = len(self._optimizers)
            self.writer.optimizer(self._optimizers[key], form)
        data = b"".join(encoded(value)[2] for value in values)
        self.writer.step(number, self._optimizers[key], settings.encode(), data)

    def final(
        self, given: Structure, *values: tuple[str, int, int, Any], graph: int | None = None
    ) -> None:
        entries, data = noted(*values)
        structure = self.structure(given)
        graph = structure if graph is None else graph
        self.writer.final(structure, self.layout(entries), data, graph=graph)

    def close(self) -> None:
        self.writer.close()

    def __enter__(self) -> Recording:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def square(x: float, y: Any) -> list[tuple[str, int, int, Any]]:
    product = float(np.sum(x * np.asarray(y)))
    return [
        ("v", 0, -1, x),
        ("v", 1, -1, y),
        ("v", 2, -1, product),
        ("s", 2, 0, float(np.sum(y))),
        ("s", 2, 1, x),
    ]
