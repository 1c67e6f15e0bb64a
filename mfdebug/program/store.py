"""Arrays by number: the latest in memory, older ones in a file that has no name."""

from __future__ import annotations

import tempfile
from collections import OrderedDict
from typing import IO, NamedTuple

import numpy as np

from miniflow.ops.base import Array


class _Place(NamedTuple):
    """Where in the file an array lies."""

    offset: int
    shape: tuple[int, ...]
    dtype: np.dtype[np.generic]


class Store:
    """Keeps arrays as they were given, at most `memory` bytes of them in memory.

    Numbers count from 0. What is kept is never changed: who changes an array gives a copy.
    """

    def __init__(self, memory: int) -> None:
        self._memory = memory
        self._held: OrderedDict[int, Array] = OrderedDict()
        self._held_bytes = 0
        self._filed: dict[int, _Place] = {}
        self._file: IO[bytes] | None = None
        self._count = 0

    @property
    def bytes(self) -> int:
        """The memory that the arrays take."""
        return self._held_bytes

    def put(self, array: Array) -> int:
        """Keep an array, and return its number."""
        number = self._count
        self._count += 1
        self._held[number] = array
        self._held_bytes += array.nbytes
        while self._held_bytes > self._memory and len(self._held) > 1:
            self._spill()
        return number

    def _spill(self) -> None:
        number, array = self._held.popitem(last=False)
        self._held_bytes -= array.nbytes
        if self._file is None:
            self._file = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as this does
        offset = self._file.seek(0, 2)
        self._file.write(np.ascontiguousarray(array).tobytes())
        self._filed[number] = _Place(offset, array.shape, array.dtype)

    def get(self, number: int) -> Array:
        """Return an array by its number."""
        if number in self._held:
            return self._held[number]
        place = self._filed[number]
        assert self._file is not None
        self._file.seek(place.offset)
        size = int(np.prod(place.shape, dtype=np.int64)) * place.dtype.itemsize
        read: Array = np.frombuffer(self._file.read(size), place.dtype)
        return read.reshape(place.shape)
