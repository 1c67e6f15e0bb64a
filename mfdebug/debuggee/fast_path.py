"""The fast path: the next call, and what to read after it, are known from the last pass.

Most programs run the same graph again and again. As long as each call is the one that came at this
point of the last pass, and its results have the same types and shapes, the recorder only copies
bytes. At the first difference it continues without the script.
"""

from __future__ import annotations

import sys
import time
from _struct import Struct

from .open_pass import OpenPass
from .reading import GRADIENTS, VALUE, attribute, inputs_of, own_attributes
from .ring import COMPLETE, PASS, WHOLE, Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Protocol

    from .forms import Forms
    from .kinds import Kinds
    from .known_graph import KnownGraph
    from .ring import Ring

    # What to read after a call: the dictionary (None: the gradients), the key, the expected class,
    # dtype and shape (None for a Python float).
    Read = tuple[Any, Any, Any, Any, Any]

    class Host(Protocol):
        """The recorder that a script records for."""

        ring: Ring
        kinds: Kinds
        layouts: Forms
        rate: float
        number: int
        nodes: list[Any]

        def wants(self, number: int) -> bool:
            """Whether a pass is to be written whole."""

        def is_awaited(self, number: int) -> bool:
            """Whether the debugger waits for a pass."""

        def pause(self, number: int) -> None:
            """Wait at the end of a pass if the debugger asks for it."""


# Up to so many bytes, an input is recorded in every pass, and compared to detect in-place changes.
SMALL_BYTES = 4096
# An array of more bytes is written without being copied first.
LARGE_BYTES = 65536
# Bytes that may be written before the rate limit applies.
BURST_BYTES = 64 * 2**20

_DOUBLE = Struct("<d")
_pack_double = _DOUBLE.pack


class Step:
    """One call: its direction and node, what to read after it, and which inputs to compare."""

    __slots__ = ("compared", "direction", "gradients", "node", "reads", "small_reads")

    def __init__(self, direction: str, node: Any, gradients: Any) -> None:
        self.direction = direction
        self.node = node
        # The dictionary that holds the node's gradients.
        self.gradients = gradients
        self.reads: tuple[Read, ...] = ()
        # The reads that are recorded of every pass.
        self.small_reads: tuple[Read, ...] = ()
        self.compared: tuple[tuple[Any, int], ...] = ()


class Script:
    """The calls of a pass, in order, as a script for the passes that follow."""

    @staticmethod
    def of(recorder: Host, open_pass: OpenPass, graph: KnownGraph) -> Script | None:
        """Return the script of a pass, or None if its entries are not of fixed size."""
        if any(tag == "c" or dtype in ("int", "text") for tag, _, _, dtype, _ in open_pass.entries):
            return None
        made = Script(recorder, open_pass, graph)
        return made if made.ready else None

    def __init__(self, recorder: Host, open_pass: OpenPass, graph: KnownGraph) -> None:
        self._recorder = recorder
        self._ring = recorder.ring
        self._graph = graph
        self._entries = open_pass.entries
        self._ends = open_pass.ends
        self._small = [
            tag == "v"
            and (
                number == graph.cost
                or (not inputs_of(open_pass.nodes[number]) and _size(open_pass, i) <= SMALL_BYTES)
            )
            for i, (tag, number, *_) in enumerate(open_pass.entries)
        ]
        small_entries = [
            entry for entry, small in zip(open_pass.entries, self._small, strict=True) if small
        ]
        self._whole_layout = recorder.layouts.number_of(tuple(open_pass.entries))
        self._small_layout = recorder.layouts.number_of(tuple(small_entries))
        self._steps: list[Step] = []
        self.ready = self._make_steps(open_pass)
        self._count = len(self._steps)
        self._has_large = any(len(part) > LARGE_BYTES for part in open_pass.parts)
        directions = [step.direction for step in self._steps]
        self._first_backward = directions.index("b") if "b" in directions else 0
        self._position = 0
        # What was read: bytes, or arrays, which are copied together when the pass ends.
        self._raws: list[Any] = []
        # Our own rules produce arrays that do not change before the next pass.
        self._copy_late = all(recorder.kinds.is_ours(type(node)) for node in open_pass.nodes)
        self._whole = True
        self._written = 0
        self._since = time.monotonic()

    def _make_steps(self, open_pass: OpenPass) -> bool:
        start = 0
        index_of_value: dict[int, int] = {}
        for (direction, number), end in zip(open_pass.calls, open_pass.ends, strict=True):
            node = open_pass.nodes[number]
            step = Step(direction, node, own_attributes(node))
            reads: list[Read] = []
            for index in range(start, end):
                read = self._read(open_pass, index)
                if read is None:
                    return False
                reads.append(read)
                if open_pass.entries[index][0] == "v":
                    index_of_value[open_pass.entries[index][1]] = index
            step.reads = tuple(reads)
            step.small_reads = tuple(
                read
                for index, read in zip(range(start, end), reads, strict=True)
                if self._small[index]
            )
            if direction == "f" and not self._recorder.kinds.is_ours(type(node)):
                sources = [open_pass.numbers[id(source)] for source in inputs_of(node)]
                step.compared = tuple(
                    (own_attributes(open_pass.nodes[source]), index_of_value[source])
                    for source in dict.fromkeys(sources)
                    if source in index_of_value
                    and _size(open_pass, index_of_value[source]) <= SMALL_BYTES
                )
            self._steps.append(step)
            start = end
        return bool(self._steps) and start == len(open_pass.entries)

    def _read(self, open_pass: OpenPass, index: int) -> Read | None:
        tag, number, input_index, dtype, shape = open_pass.entries[index]
        node = open_pass.nodes[number]
        if tag == "v":
            held, key = own_attributes(node), VALUE
            if held is None or key not in held:
                return None
            value = held[key]
        else:
            gradients = attribute(node, GRADIENTS)
            key = node if tag == "g" else inputs_of(node)[input_index]
            # A lookup with the program's own hash and equality would run its code.
            if type(gradients) is not dict or _has_own_hash(type(key)):
                return None
            if GRADIENTS not in (own_attributes(node) or {}):
                return None
            held, value = None, gradients.get(key)
        if dtype == "float":
            return (held, key, float, None, None) if type(value) is float else None
        numpy: Any = sys.modules.get("numpy")
        if type(value) is not numpy.ndarray and not isinstance(value, numpy.generic):
            return None
        return held, key, type(value), value.dtype, shape

    @property
    def first(self) -> Any:
        """The node of the first call."""
        return self._steps[0].node

    @property
    def at_start(self) -> bool:
        """Whether no call of the next pass has been recorded yet."""
        return self._position == 0

    # Recording ---------------------------------------------------------------------------------

    def record(self, direction: str, node: Any) -> bool:
        """Record a call if it is the expected one, with results of the expected types.

        Returns whether it was.
        """
        at = self._position
        step = self._steps[at]
        if step.node is not node or step.direction != direction:
            return False
        if at == 0:
            self._start_pass()
        raws, copy_late = self._raws, self._copy_late
        already = len(raws)
        gradients: Any = None
        value: Any
        for held, key, cls, dtype, shape in step.reads if self._whole else step.small_reads:
            if held is not None:
                value = held.get(key)
            else:
                if gradients is None:
                    gradients = step.gradients.get(GRADIENTS)
                    if type(gradients) is not dict:
                        return False
                value = gradients.get(key)
            if type(value) is not cls:
                del raws[already:]
                return False
            if dtype is None:
                raws.append(_pack_double(value))
            elif value.shape == shape and (value.dtype is dtype or value.dtype == dtype):
                raws.append(value if copy_late else value.tobytes())
            else:
                del raws[already:]
                return False
        if step.compared and self._whole and not self._is_unchanged(step):
            del raws[already:]
            return False
        if at == 0:
            self._recorder.number += 1
        self._position = at = at + 1
        if at == self._count:
            self._end_pass()
        elif at == self._first_backward and self._recorder.is_awaited(self._recorder.number):
            self._write(self._recorder.layouts.number_of(tuple(self._entries[: len(raws)])), WHOLE)
        return True

    def _is_unchanged(self, step: Step) -> bool:
        """Whether a node has left its small inputs unchanged."""
        for held, index in step.compared:
            value = held.get(VALUE)
            same = _pack_double(value) if type(value) is float else value.tobytes()
            if same != self._raws[index]:
                return False
        return True

    def _start_pass(self) -> None:
        """Decide whether to record the next pass in full, or only its small entries."""
        recorder = self._recorder
        self._raws = []
        allowed = BURST_BYTES + recorder.rate * (time.monotonic() - self._since)
        number = recorder.number + 1
        self._whole = recorder.is_awaited(number) or (
            self._written <= allowed and recorder.wants(number)
        )

    def _end_pass(self) -> None:
        self._position = 0
        self._recorder.nodes = self._graph.nodes
        if self._whole:
            self._write(self._whole_layout, WHOLE | COMPLETE)
        else:
            self._write(self._small_layout, COMPLETE)
        self._recorder.pause(self._recorder.number)

    def _write(self, layout: int, flags: int) -> None:
        parts = self._parts()
        self._written += sum(map(len, parts))
        number, graph = self._recorder.number, self._graph
        self._ring.put(
            Record(
                PASS,
                number,
                graph=graph.number,
                structure=graph.structure,
                layout=layout,
                sharing=graph.sharing,
                flags=flags,
            ),
            parts,
        )

    def _parts(self) -> list[bytes | memoryview]:
        """Return the bytes of the pass; large arrays are views, not copies."""
        parts: list[bytes | memoryview] = []
        start = 0
        try:
            if not self._has_large:
                return [b"".join(self._raws)]
            for i, raw in enumerate(self._raws):
                if type(raw) is not bytes and raw.nbytes > LARGE_BYTES:
                    parts += [b"".join(self._raws[start:i]), memoryview(raw).cast("B")]
                    start = i + 1
            parts.append(b"".join(self._raws[start:]))
        except (BufferError, TypeError, ValueError):
            # An array that is not contiguous, such as a column of a table, or complex numbers.
            return [b"".join(self._copies())]
        return parts

    def _copies(self) -> list[bytes]:
        return [raw if type(raw) is bytes else raw.tobytes() for raw in self._raws]

    def partial_pass(self) -> OpenPass | None:
        """Return the unfinished pass as recorded so far, or None between passes."""
        if not self._position:
            return None
        open_pass = OpenPass(self._recorder.number, {}, self._graph)
        for step in self._steps[: self._position]:
            number = open_pass.numbers[id(step.node)]
            (open_pass.forward_done if step.direction == "f" else open_pass.backward_done).add(
                number
            )
        open_pass.calls = self._graph.calls[: self._position]
        open_pass.ends = self._ends[: self._position]
        end = open_pass.ends[-1]
        if self._whole:
            open_pass.entries = self._entries[:end]
        else:
            small = zip(self._entries[:end], self._small[:end], strict=True)
            open_pass.entries = [entry for entry, small in small if small]
            open_pass.whole = False
        open_pass.parts = self._copies()
        for entry, data in zip(open_pass.entries, open_pass.parts, strict=True):
            if entry[0] == "v":
                open_pass.recorded[entry[1]] = data
        return open_pass


def _has_own_hash(cls: type) -> bool:
    return any(
        "__hash__" in base.__dict__ or "__eq__" in base.__dict__ for base in cls.__mro__[:-1]
    )


def _size(open_pass: OpenPass, index: int) -> int:
    return len(open_pass.parts[index])
