"""Memory shared by a program and its debugger: records one way, a few control words both ways.

It is a file that both sides have mapped. The program writes records, the debugger reads them. The
contents survive a kill -9 of either side, and the mapping needs no file descriptor, which a program
might close. Each word is written by one side only, in one instruction.
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

# Offsets of the words: bytes written and taken; the pass from whose end on the program waits, and
# how often it was resumed; where it waits now (the pass + 1, or 0), and where it does so because it
# has called `set_trace`; how many questions it was asked, and has answered; how many passes apart
# those are that are written whole while nobody waits for one (0: as many as there is time for);
# whether the debugger wants nothing to be watched for now, and whether nothing is.
WRITTEN, TAKEN, STOP_AT, RESUMED, WAITS_AT, TRACED_AT, ASKED, ANSWERED = range(0, 64, 8)
EVERY, DETACHED, SUSPENDED = range(64, 88, 8)
DATA = 128
# A pass that no program reaches.
NEVER = 2**64 - 1

STRUCTURE, LAYOUT, PASS, FINAL, PROBLEM, END, PIECE, SHARING, OPTIMIZER, STEP = range(1, 11)
# Flags of a pass; passes right before one that is `AFTER_GAP` were not watched.
WHOLE, COMPLETE, AFTER_GAP = 1, 2, 4

# Size of a ring in bytes: the program waits while it is full.
RING_BYTES = DATA + 16 * 2**20

_WORD = Struct("=Q")
_LENGTH = Struct("=I")
# Bytes taken in the ring, bytes of the record, kind, flags, number, graph, structure, layout,
# sharing, bytes of text.
_HEAD = Struct("=IIHHQQiiiI")
# The same with a record of four bytes, and the bytes that it takes.
_SHORT = Struct(_HEAD.format + "4s")
_SHORT_BYTES = -(-_SHORT.size // 8) * 8
# Bytes for which it is asked at once whether they are free, for many of these.
_SHORT_ROOM = 64 * _SHORT_BYTES
# Bytes of the ring in use while the reader keeps up.
CACHED_BYTES = 2**20
# A file descriptor that few programs reach.
HIGH_DESCRIPTOR = 900
# Seconds between two polls of a word.
_POLL, _LONGEST_POLL = 0.0002, 0.002


class Record:
    """A record in a ring: its kind, some numbers, flags, a text and bytes."""

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
    """Return a new ring, in memory if possible.

    `nameless`: it has no file name, if the system supports that, so that nothing is left behind
    whichever side is killed. It stays open in this process until `Ring.unlink`.
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
    """Map a file without occupying a descriptor that the program would get without us."""
    if sys.version_info >= (3, 13):
        return mmap.mmap(descriptor, size, trackfd=False)
    # The mapping would keep a copy of the descriptor and close it at the end: the copy gets a
    # number that no program reaches, and is closed at once. The mapping itself does not need it.
    taken: list[int] = []
    try:
        while not taken or taken[-1] < HIGH_DESCRIPTOR:
            taken.append(os.dup(descriptor))
    except OSError:  # the limit on descriptors is lower
        os.close(taken.pop())
    try:
        copy = os.dup(descriptor)
        os.close(copy)
        mapped = mmap.mmap(descriptor, size)
        os.close(copy)
        return mapped
    finally:
        for number in taken:
            os.close(number)


class Ring:
    """A mapping of `path`, which is resized to `size` bytes if that is given.

    Data that does not go through the ring is in files named `sidecar` plus a suffix. `peer_ended`
    returns whether the other side has ended; nothing is written after that.
    """

    def __init__(self, path: str, sidecar: str, size: int = 0, kept_open: int = -1) -> None:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        try:
            if size:
                os.ftruncate(descriptor, size)
                if hasattr(os, "posix_fallocate"):
                    # A sparse file on a full disk would cause a SIGBUS later.
                    os.posix_fallocate(descriptor, 0, size)
            self.memory = _map(descriptor, os.fstat(descriptor).st_size)
        finally:
            os.close(descriptor)
        self.path = path
        self.sidecar = sidecar
        self._kept_open = kept_open
        self.capacity = len(self.memory) - DATA
        self.peer_ended: Callable[[], bool] = lambda: False
        self.dead = False
        self._at = self.word(WRITTEN)
        # The control words, by their number, for what is read in each pass; and up to where it is
        # known that bytes in a row are free.
        self.words = memoryview(self.memory)[:DATA].cast("Q")
        self._free_to = 0
        # The bytes of a record that arrives in pieces, and how many are there.
        self._joined: bytearray | None = None
        self._joined_bytes = 0

    def unlink(self) -> None:
        """Remove its name, so that it cannot be opened again; existing mappings stay valid."""
        if self._kept_open >= 0:
            os.close(self._kept_open)
            self._kept_open = -1
        elif self.path == self.sidecar and os.path.exists(self.path):
            os.unlink(self.path)

    def word(self, offset: int) -> int:
        """Return the word at an offset."""
        value: int = _WORD.unpack_from(self.memory, offset)[0]
        return value

    def set_word(self, offset: int, value: int) -> None:
        """Write the word at an offset."""
        _WORD.pack_into(self.memory, offset, value)

    # The program's side ------------------------------------------------------------------------

    def put(self, record: Record, parts: Sequence[Bytes] = ()) -> None:
        """Write a record; wait for room as long as the debugger lives.

        `parts` are its bytes if they are not contiguous; they replace `record.data`.
        """
        parts = parts or (record.data,)
        size, limit = sum(map(len, parts)), self.capacity // 4
        if size > limit:
            pieces = _split(parts, limit)
            last = pieces.pop()
            for piece in pieces:
                # The total size, for the reader, which joins the pieces.
                self._put(Record(PIECE, size), piece, sum(map(len, piece)))
            parts, size = last, sum(map(len, last))
        self._put(record, parts, size)

    def put_short(self, record: Record, number: int) -> None:
        """Write a record of four bytes without a text once more, as that of another pass."""
        at = self._at
        if at + _SHORT_BYTES > self._free_to:
            self._room(_SHORT_ROOM)
            if self.dead:
                return
            at = self._at
            self._free_to = at + _SHORT_ROOM
        _SHORT.pack_into(
            self.memory,
            DATA + at % self.capacity,
            _SHORT_BYTES,
            _SHORT.size,
            record.kind,
            record.flags,
            number,
            record.graph,
            record.structure,
            record.layout,
            record.sharing,
            0,
            record.data,
        )
        self._at = self.words[WRITTEN // 8] = at + _SHORT_BYTES

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
        """Wait until `count` contiguous bytes are free; return their offset."""
        at = self._at % self.capacity
        if at + count > self.capacity or (at > CACHED_BYTES and self.word(TAKEN) == self._at):
            # It does not fit before the end, or everything is taken and the start is in the CPU
            # cache: wrap around, which a length of 0 marks.
            _LENGTH.pack_into(self.memory, DATA + at, 0)
            self._at += self.capacity - at
            at = 0
        delay = _POLL
        while self._at + count - self.word(TAKEN) > self.capacity and not self.dead:
            # The reader must skip those bytes too, or there will never be room.
            _WORD.pack_into(self.memory, WRITTEN, self._at)
            time.sleep(delay)
            delay = min(2 * delay, _LONGEST_POLL)
            self.dead = self.peer_ended()
        return DATA + at

    def wait(
        self,
        number: int,
        answer: Callable[[], None],
        *,
        traced: bool = False,
        begun: bool = False,
    ) -> None:
        """Wait at the end of a pass as long as the debugger wants; answer its questions.

        `traced`: the program itself asked to stop here; wait until the debugger resumes it.
        `begun`: the rest of the pass is still to come, which the debugger may resume it for.
        """
        if self.dead or not (traced or number >= self.word(STOP_AT)):
            return
        resumed = self.word(RESUMED)
        self.set_word(TRACED_AT, number + 1 if traced else 0)
        self.set_word(WAITS_AT, number + 1)
        delay = _POLL
        while not self.dead and (
            (number >= self.word(STOP_AT) and not begun)
            or ((traced or begun) and resumed == self.word(RESUMED))
        ):
            if self.word(ASKED) != self.word(ANSWERED):
                answer()
                self.set_word(ANSWERED, self.word(ASKED))
                delay = _POLL
            time.sleep(delay)
            delay = min(1.1 * delay, _LONGEST_POLL)
            self.dead = self.peer_ended()
        self.set_word(WAITS_AT, 0)

    # The debugger's side -----------------------------------------------------------------------

    def take(self) -> Iterator[Record]:
        """Take the records that have been written so far, in order."""
        taken, written = self.word(TAKEN), self.word(WRITTEN)
        memory = self.memory
        while taken < written:
            at = taken % self.capacity
            if not _LENGTH.unpack_from(memory, DATA + at)[0]:
                taken += self.capacity - at
                self.set_word(TAKEN, taken)
                continue
            head = _HEAD.unpack_from(memory, DATA + at)
            total, size, kind, flags, number, graph, structure, layout, sharing, text_length = head
            start = DATA + at + _HEAD.size
            text = memory[start : start + text_length]
            start, end = start + text_length, DATA + at + size
            data: bytes | bytearray = b""
            if kind == PIECE or self._joined is not None:
                with memoryview(memory)[start:end] as piece:
                    self._add(piece, number)
            else:
                data = memory[start:end]
            taken += total
            self.set_word(TAKEN, taken)
            if kind == PIECE:
                continue
            if self._joined is not None:
                data, self._joined = self._joined, None
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
        """Append a piece to a record of `size` bytes in all."""
        if self._joined is None:
            self._joined, self._joined_bytes = bytearray(size), 0
        end = self._joined_bytes + len(piece)
        self._joined[self._joined_bytes : end] = piece
        self._joined_bytes = end


def _split(parts: Sequence[Bytes], limit: int) -> list[list[memoryview]]:
    """Split `parts` into lists of at most `most` bytes each."""
    pieces: list[list[memoryview]] = [[]]
    room = limit
    for part in parts:
        view = memoryview(part)
        while len(view) > room:
            pieces[-1].append(view[:room])
            view, room = view[room:], limit
            pieces.append([])
        pieces[-1].append(view)
        room -= len(view)
    return pieces
