"""The memory that a program and its debugger share: records one way, a few words both ways.

A file that both have mapped. The program writes records, the debugger takes them out; what is in
it survives a kill -9 of either side, and needs no file descriptor, which a program might close.
Each word is written by one side only, in one instruction.
"""

from __future__ import annotations

import mmap
import os
import sys
import time
from _struct import Struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    Bytes = bytes | bytearray | memoryview

# Where the words are: how many bytes were written and taken; at the end of which pass the program
# waits, and how often it was let go on; where it waits now (the pass + 1, or 0), and where it does
# so because it has called `set_trace`; how often it was asked something, and has answered.
WRITTEN, TAKEN, STOP_AT, RESUMED, WAITS_AT, TRACED_AT, ASKED, ANSWERED = range(0, 64, 8)
DATA = 64
# A pass that no program comes to.
NEVER = 2**64 - 1

STRUCTURE, LAYOUT, PASS, FINAL, PROBLEM, END, PIECE, SHARING = range(1, 9)
WHOLE, COMPLETE = 1, 2

# Bytes of a ring: the program waits while they are full.
RING_BYTES = DATA + 16 * 2**20

_WORD = Struct("=Q")
_LENGTH = Struct("=I")
# Bytes in the ring, bytes of the record, kind, flags, number, graph, structure, layout, sharing,
# bytes of text.
_HEAD = Struct("=IIHHQQiiiI")
# Bytes of the ring that are used as long as its reader keeps up.
NEAR = 2**20
# A descriptor that few programs come to.
HIGH = 900
# Seconds between two looks at a word.
_NAP, _LONGEST_NAP = 0.0002, 0.002


class Record:
    """What goes through a ring: its kind, some numbers, flags, a text and bytes."""

    __slots__ = (
        "data",
        "flags",
        "graph",
        "kind",
        "layout",
        "number",
        "sharing",
        "structure",
        "text",
    )

    def __init__(
        self,
        kind: int,
        number: int = 0,
        *,
        graph: int = 0,
        structure: int = 0,
        layout: int = 0,
        sharing: int = -1,
        flags: int = 0,
        text: bytes = b"",
        data: bytes | bytearray = b"",
    ) -> None:
        self.kind = kind
        self.number = number
        self.graph = graph
        self.structure = structure
        self.layout = layout
        self.sharing = sharing
        self.flags = flags
        self.text = text
        self.data = data


def new_ring(*, nameless: bool) -> Ring:
    """Return a new ring, in memory where that can be.

    `nameless`: it has no file, where the system can do without one, so that nothing of it is left
    whoever is killed. It is open in this process until `Ring.forget`.
    """
    folder = "/dev/shm"
    if not os.access(folder, os.W_OK | os.X_OK):
        folder = os.environ.get("TMPDIR", "/tmp")
    name = os.path.join(folder, f"mfdebug-{os.getpid()}-{os.urandom(6).hex()}")
    if nameless and hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("mfdebug")
        path = f"/proc/{os.getpid()}/fd/{descriptor}"
        if os.path.exists(path):
            return Ring(path, name, RING_BYTES, descriptor)
        os.close(descriptor)
    os.close(os.open(name, os.O_RDWR | os.O_CLOEXEC | os.O_CREAT | os.O_EXCL, 0o600))
    return Ring(name, name, RING_BYTES)


def _map(descriptor: int, size: int) -> mmap.mmap:
    """Map a file, so that a program finds the same descriptors free that it finds alone."""
    if sys.version_info >= (3, 13):
        return mmap.mmap(descriptor, size, trackfd=False)
    # The mapping would keep a copy of the descriptor, and close it at its end: it gets a number
    # that no program comes to, and is closed at once. The mapping itself needs none.
    taken: list[int] = []
    try:
        while not taken or taken[-1] < HIGH:
            taken.append(os.dup(descriptor))
    except OSError:  # there are no such numbers
        os.close(taken.pop())
    try:
        copy = os.dup(descriptor)
        os.close(copy)
        mapped = mmap.mmap(descriptor, size)
        os.close(copy)
        return mapped
    finally:
        for one in taken:
            os.close(one)


class Ring:
    """One mapping of `path`, made with room for `size` bytes if that is given.

    Files of the name `beside` and an ending hold what does not go through it. `gone` tells whether
    the other side has ended; then nothing is written any more.
    """

    def __init__(self, path: str, beside: str, size: int = 0, kept_open: int = -1) -> None:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        try:
            if size:
                os.ftruncate(descriptor, size)
                if hasattr(os, "posix_fallocate"):
                    # A sparse file on a full disk would be a SIGBUS later.
                    os.posix_fallocate(descriptor, 0, size)
            self.memory = _map(descriptor, os.fstat(descriptor).st_size)
        finally:
            os.close(descriptor)
        self.path = path
        self.beside = beside
        self._kept_open = kept_open
        self.capacity = len(self.memory) - DATA
        self.gone: Callable[[], bool] = lambda: False
        self.dead = False
        self._at = self.word(WRITTEN)
        # The bytes of a record that is taken out piece by piece, and how many are there.
        self._whole: bytearray | None = None
        self._there = 0

    def forget(self) -> None:
        """Let nobody open it any more: who has it mapped keeps it."""
        if self._kept_open >= 0:
            os.close(self._kept_open)
            self._kept_open = -1
        elif self.path == self.beside and os.path.exists(self.path):
            os.unlink(self.path)

    def word(self, place: int) -> int:
        """Return one of the words."""
        value: int = _WORD.unpack_from(self.memory, place)[0]
        return value

    def set_word(self, place: int, value: int) -> None:
        """Write one of the words."""
        _WORD.pack_into(self.memory, place, value)

    # The program's side ------------------------------------------------------------------------

    def put(self, record: Record, parts: Sequence[Bytes] = ()) -> None:
        """Write a record; wait for room as long as the debugger lives.

        `parts` are its bytes where they are not in one place.
        """
        parts = parts or (record.data,)
        size, most = sum(map(len, parts)), self.capacity // 4
        if size > most:
            pieces = _cut(parts, most)
            last = pieces.pop()
            for piece in pieces:
                # How much there is in all, for whoever puts it together.
                self._put(Record(PIECE, size), piece, sum(map(len, piece)))
            parts, size = last, sum(map(len, last))
        self._put(record, parts, size)

    def _put(self, record: Record, parts: Sequence[Bytes], length: int) -> None:
        text = record.text
        size = _HEAD.size + len(text) + length
        total = -(-size // 8) * 8
        at = self._room(total)
        if self.dead:
            return
        memory = self.memory
        _HEAD.pack_into(
            memory,
            at,
            total,
            size,
            record.kind,
            record.flags,
            record.number,
            record.graph,
            record.structure,
            record.layout,
            record.sharing,
            len(text),
        )
        at += _HEAD.size
        for part in (text, *parts):
            end = at + len(part)
            memory[at:end] = part
            at = end
        self._at += total
        _WORD.pack_into(memory, WRITTEN, self._at)

    def _room(self, count: int) -> int:
        """Return where `count` bytes can be written in one piece, once they can."""
        at = self._at % self.capacity
        if at + count > self.capacity or (at > NEAR and self.word(TAKEN) == self._at):
            # It does not fit before the end, or all is taken and the start is in the processor's
            # cache: on to there, which the length 0 says.
            _LENGTH.pack_into(self.memory, DATA + at, 0)
            self._at += self.capacity - at
            at = 0
        nap = _NAP
        while self._at + count - self.word(TAKEN) > self.capacity and not self.dead:
            # What was skipped must be taken too, or there will never be room.
            _WORD.pack_into(self.memory, WRITTEN, self._at)
            time.sleep(nap)
            nap = min(2 * nap, _LONGEST_NAP)
            self.dead = self.gone()
        return DATA + at

    def wait(self, number: int, answer: Callable[[], None], *, traced: bool = False) -> None:
        """Wait at the end of a pass as long as the debugger wants; answer what it asks.

        `traced`: the program wants to wait here, until the debugger lets it go on.
        """
        if self.dead or not (traced or number >= self.word(STOP_AT)):
            return
        resumed = self.word(RESUMED)
        self.set_word(TRACED_AT, number + 1 if traced else 0)
        self.set_word(WAITS_AT, number + 1)
        nap = _NAP
        while not self.dead and (
            number >= self.word(STOP_AT) or (traced and resumed == self.word(RESUMED))
        ):
            if self.word(ASKED) != self.word(ANSWERED):
                answer()
                self.set_word(ANSWERED, self.word(ASKED))
                nap = _NAP
            time.sleep(nap)
            nap = min(1.1 * nap, _LONGEST_NAP)
            self.dead = self.gone()
        self.set_word(WAITS_AT, 0)

    # The debugger's side -----------------------------------------------------------------------

    def take(self) -> Iterator[Record]:
        """Take out what was written up to now, each record as it came."""
        taken, written = self.word(TAKEN), self.word(WRITTEN)
        memory = self.memory
        while taken < written:
            at = taken % self.capacity
            if not _LENGTH.unpack_from(memory, DATA + at)[0]:
                taken += self.capacity - at
                self.set_word(TAKEN, taken)
                continue
            head = _HEAD.unpack_from(memory, DATA + at)
            total, size, kind, flags, number, graph, structure, layout, sharing, words = head
            begin = DATA + at + _HEAD.size
            text = memory[begin : begin + words]
            begin, end = begin + words, DATA + at + size
            data: bytes | bytearray = b""
            if kind == PIECE or self._whole is not None:
                with memoryview(memory)[begin:end] as piece:
                    self._add(piece, number)
            else:
                data = memory[begin:end]
            taken += total
            self.set_word(TAKEN, taken)
            if kind == PIECE:
                continue
            if self._whole is not None:
                data, self._whole = self._whole, None
            yield Record(
                kind,
                number,
                graph=graph,
                structure=structure,
                layout=layout,
                sharing=sharing,
                flags=flags,
                text=text,
                data=data,
            )

    def _add(self, piece: memoryview, size: int) -> None:
        """Put a piece to the others of a record, which has `size` bytes in all."""
        if self._whole is None:
            self._whole, self._there = bytearray(size), 0
        end = self._there + len(piece)
        self._whole[self._there : end] = piece
        self._there = end


def _cut(parts: Sequence[Bytes], most: int) -> list[list[memoryview]]:
    """Return the bytes of `parts` in lists of at most so many."""
    pieces: list[list[memoryview]] = [[]]
    room = most
    for part in parts:
        view = memoryview(part)
        while len(view) > room:
            pieces[-1].append(view[:room])
            view, room = view[room:], most
            pieces.append([])
        pieces[-1].append(view)
        room -= len(view)
    return pieces
