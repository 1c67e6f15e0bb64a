"""The tensors of a graph by their names, and which of them share their numbers.

A call in place, such as `relu_`, changes a tensor: a later use of it, by any of its names, has the
new value. So has a later use of a view of it; such a file is refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from miniflow.errors import FileError

# Calls whose result shares its numbers with their first tensor.
VIEWS = frozenset(
    """
    alias broadcast_tensors broadcast_to chunk contiguous detach dropout expand expand_as flatten
    feature_dropout mT movedim narrow numpy_T permute positive reshape reshape_as select slice split
    split_with_sizes squeeze swapaxes t to transpose type_as unbind unflatten unsqueeze view view_as
    """.split()  # noqa: SIM905 - a list of them has a line each
)


@dataclass(eq=False)
class Cell:
    """A tensor, which calls in place change; `names` are those of its values so far.

    Tensors of one `family` share their numbers: one and its views.
    """

    value: Any
    family: int
    names: list[str]


class Cells:
    """The tensors by name. `last_use` has the number of the last call that uses each name."""

    def __init__(self, last_use: dict[str, int], file: str) -> None:
        self._cells: dict[str, Cell] = {}
        self._families: list[list[Cell]] = []
        self._last_use = last_use
        self._file = file

    def get(self, name: str) -> Cell | None:
        """Return the tensor of a name, if there is one."""
        return self._cells.get(name)

    def enter(self, name: str, value: Any, family: int | None = None) -> Cell:
        """Enter a new tensor; raise `FileError` if there is one of that name."""
        if name in self._cells:
            raise FileError(f"two values are called {name!r}", where=self._file)
        if family is None:
            family = len(self._families)
            self._families.append([])
        cell = Cell(value, family, [name])
        self._families[family].append(cell)
        self._cells[name] = cell
        return cell

    def rename(self, cell: Cell, name: str) -> None:
        """Give a tensor one more name."""
        cell.names.append(name)
        self._cells[name] = cell

    def change(self, cell: Cell, number: int, name: str, value: Any) -> None:
        """Give a tensor a new value, which call `number` computed in place under this name.

        Raises `FileError` if a later call uses a tensor that shares its numbers.
        """
        for other in self._families[cell.family]:
            if other is not cell and any(self._last_use.get(n, -1) > number for n in other.names):
                raise FileError(
                    f"it changes {cell.names[0]!r} in place, and {other.names[0]!r}, which shares "
                    "its numbers, is used later",
                    hint="export the model with run_decompositions() before saving it",
                )
        cell.value = value
        self.rename(cell, name)
