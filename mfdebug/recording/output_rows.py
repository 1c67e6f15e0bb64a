"""The output of a program as rows of a run file: an eighth of the file, the newest part."""

from __future__ import annotations

from collections import deque

from mfdebug.recording.schema import PIECES, Stream, checksum

# Bytes of a row besides its data.
_ROW = 50

OutputRow = tuple[int, Stream, bytes, int]


class OutputRows:
    """The output that is still to be written, and the places of the rows that were."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._pending: list[tuple[int, Stream, list[bytes]]] = []
        self._last_pass = -1
        self._pieces = {-1: 0}
        self._written: deque[tuple[int, int]] = deque()
        self._bytes = 0

    def add(self, number: int, stream: Stream, data: bytes) -> int:
        """Add output printed while `number` was the last pass; return how large it is."""
        # Output is never assigned to an earlier pass than the output before it.
        number = self._last_pass = max(number, self._last_pass)
        last = self._pending[-1] if self._pending else None
        if last is not None and last[:2] == (number, stream):
            last[2].append(data)
        else:
            self._pending.append((number, stream, [data]))
        return len(data) + _ROW

    def take(self) -> list[OutputRow]:
        """Return the rows that are to be written now."""
        rows: list[OutputRow] = []
        for number, stream, parts in self._pending:
            piece = self._pieces.get(number, 0)
            if piece >= PIECES:
                continue
            # Only the count of the latest pass is still needed.
            self._pieces = {number: piece + 1}
            place, data = (number + 1) * PIECES + piece, b"".join(parts)
            crc = checksum(stream.encode() + b"\0" + data, place)
            rows.append((place, stream, data, crc))
            self._written.append((place, len(data) + _ROW))
            self._bytes += len(data) + _ROW
        self._pending = []
        return rows

    def drop(self) -> list[int]:
        """Return the places of the oldest rows, which have no more room."""
        dropped = []
        while self._bytes > self._most_bytes:
            place, size = self._written.popleft()
            self._bytes -= size
            dropped.append(place)
        return dropped
