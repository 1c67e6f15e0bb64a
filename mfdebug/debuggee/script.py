"""The fast way: what the next call is, and what is to be read after it, known from the last pass.

Most programs go over one graph again and again. As long as each call is the one that came at this
place of the last pass, and what it leaves has the type and shape that it had, nothing has to be
found out: the bytes are copied. At the first difference the recorder goes on without the script.
"""

from __future__ import annotations

import sys
import time
from _struct import Struct

from .passes import OpenPass
from .reading import GRADIENTS, VALUE, attribute, inputs_of, own_attributes
from .ring import COMPLETE, PASS, STOP_AT, WHOLE, Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .graphs import KnownGraph
    from .recorder import Recorder

    # What is read after a call: from which dictionary (None: the gradients), under which key, the
    # class expected, dtype and shape (None for a Python float).
    Read = tuple[Any, Any, Any, Any, Any]

# Bytes of an input that are kept in any case, and that are compared to see that it was not changed.
SMALL = 4096
# Bytes of an array that is not copied before it is written.
LARGE = 65536
# Bytes that may be written at once, before the rate counts.
BURST = 64 * 2**20

_DOUBLE = Struct("<d")
_pack_double = _DOUBLE.pack


class Step:
    """One call: its direction and node, what to read, and which inputs to compare with what."""

    __slots__ = ("compared", "direction", "few", "gradients", "node", "reads")

    def __init__(self, direction: str, node: Any, gradients: Any) -> None:
        self.direction = direction
        self.node = node
        # The dictionary that holds the node's gradients.
        self.gradients = gradients
        self.reads: tuple[Read, ...] = ()
        # Those of the reads that are kept of every pass.
        self.few: tuple[Read, ...] = ()
        self.compared: tuple[tuple[Any, int], ...] = ()


class Script:
    """The calls of a pass, in their order, for the passes that follow it."""

    @staticmethod
    def of(recorder: Recorder, one: OpenPass, graph: KnownGraph) -> Script | None:
        """Return the script of a pass, or None if what it notes is not of fixed size."""
        if any(tag == "c" or dtype in ("int", "text") for tag, _, _, dtype, _ in one.entries):
            return None
        made = Script(recorder, one, graph)
        return made if made.ready else None

    def __init__(self, recorder: Recorder, one: OpenPass, graph: KnownGraph) -> None:
        self._recorder = recorder
        self._ring = recorder.ring
        self._graph = graph
        self._entries = one.entries
        self._ends = one.ends
        self._small = [
            tag == "v"
            and (
                number == graph.cost
                or (not inputs_of(one.nodes[number]) and _size(one, i) <= SMALL)
            )
            for i, (tag, number, *_) in enumerate(one.entries)
        ]
        few = [entry for entry, small in zip(one.entries, self._small, strict=True) if small]
        self._whole_layout = recorder.layouts.number_of(tuple(one.entries))
        self._few_layout = recorder.layouts.number_of(tuple(few))
        self._steps: list[Step] = []
        self.ready = self._make_steps(one)
        self._count = len(self._steps)
        self._has_large = any(len(part) > LARGE for part in one.parts)
        directions = [step.direction for step in self._steps]
        self._turn = directions.index("b") if "b" in directions else 0
        self._at = 0
        # What was read: bytes, or arrays whose bytes are copied when the pass ends, all at once.
        self._raws: list[Any] = []
        # Rules of ours leave arrays that nobody changes before the next pass.
        self._late = all(recorder.kinds.is_ours(type(node)) for node in one.nodes)
        self._whole = True
        self._written = 0
        self._since = time.monotonic()

    def _make_steps(self, one: OpenPass) -> bool:
        begin = 0
        place_of_value: dict[int, int] = {}
        for (direction, number), end in zip(one.calls, one.ends, strict=True):
            node = one.nodes[number]
            step = Step(direction, node, own_attributes(node))
            reads: list[Read] = []
            for place in range(begin, end):
                read = self._read(one, place)
                if read is None:
                    return False
                reads.append(read)
                if one.entries[place][0] == "v":
                    place_of_value[one.entries[place][1]] = place
            step.reads = tuple(reads)
            step.few = tuple(
                read
                for place, read in zip(range(begin, end), reads, strict=True)
                if self._small[place]
            )
            if direction == "f" and not self._recorder.kinds.is_ours(type(node)):
                sources = [one.numbers[id(source)] for source in inputs_of(node)]
                step.compared = tuple(
                    (own_attributes(one.nodes[source]), place_of_value[source])
                    for source in dict.fromkeys(sources)
                    if source in place_of_value and _size(one, place_of_value[source]) <= SMALL
                )
            self._steps.append(step)
            begin = end
        return bool(self._steps) and begin == len(one.entries)

    def _read(self, one: OpenPass, place: int) -> Read | None:
        tag, number, input_index, dtype, shape = one.entries[place]
        node = one.nodes[number]
        if tag == "v":
            held, key = own_attributes(node), VALUE
            if held is None or key not in held:
                return None
            value = held[key]
        else:
            gradients = attribute(node, GRADIENTS)
            key = node if tag == "g" else inputs_of(node)[input_index]
            # Looked up by the program's own hash and equality they would run its code.
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
        """The node that begins it."""
        return self._steps[0].node

    @property
    def at_start(self) -> bool:
        """Whether no call of the coming pass has come yet."""
        return self._at == 0

    # Following it ------------------------------------------------------------------------------

    def follows(self, direction: str, node: Any) -> bool:
        """Note a call if it is the one expected, with results of the types expected."""
        at = self._at
        step = self._steps[at]
        if step.node is not node or step.direction != direction:
            return False
        if at == 0:
            self._begin()
        raws, late = self._raws, self._late
        begun = len(raws)
        gradients: Any = None
        value: Any
        for held, key, kind, dtype, shape in step.reads if self._whole else step.few:
            if held is not None:
                value = held.get(key)
            else:
                if gradients is None:
                    gradients = step.gradients.get(GRADIENTS)
                    if type(gradients) is not dict:
                        return False
                value = gradients.get(key)
            if type(value) is not kind:
                del raws[begun:]
                return False
            if dtype is None:
                raws.append(_pack_double(value))
            elif value.shape == shape and (value.dtype is dtype or value.dtype == dtype):
                raws.append(value if late else value.tobytes())
            else:
                del raws[begun:]
                return False
        if step.compared and self._whole and not self._is_unchanged(step):
            del raws[begun:]
            return False
        if at == 0:
            self._recorder.number += 1
        self._at = at = at + 1
        if at == self._count:
            self._end()
        elif at == self._turn and self._ring.word(STOP_AT) <= self._recorder.number:
            self._write(self._recorder.layouts.number_of(tuple(self._entries[: len(raws)])), WHOLE)
        return True

    def _is_unchanged(self, step: Step) -> bool:
        """Whether a node has left its small inputs as they were."""
        for held, place in step.compared:
            value = held.get(VALUE)
            same = _pack_double(value) if type(value) is float else value.tobytes()
            if same != self._raws[place]:
                return False
        return True

    def _begin(self) -> None:
        """Decide whether all of the coming pass is noted, or only a little."""
        recorder = self._recorder
        self._raws = []
        allowed = BURST + recorder.rate * (time.monotonic() - self._since)
        self._whole = self._written <= allowed or self._ring.word(STOP_AT) <= recorder.number + 1

    def _end(self) -> None:
        self._at = 0
        self._recorder.nodes = self._graph.nodes
        if self._whole:
            self._write(self._whole_layout, WHOLE | COMPLETE)
        else:
            self._write(self._few_layout, COMPLETE)
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
        """Return the bytes of the pass, large arrays where they are."""
        parts: list[bytes | memoryview] = []
        begin = 0
        try:
            if not self._has_large:
                return [b"".join(self._raws)]
            for i, raw in enumerate(self._raws):
                if type(raw) is not bytes and raw.nbytes > LARGE:
                    parts += [b"".join(self._raws[begin:i]), memoryview(raw).cast("B")]
                    begin = i + 1
            parts.append(b"".join(self._raws[begin:]))
        except (BufferError, TypeError, ValueError):
            # A column of a table, say, whose bytes are not side by side, or complex numbers.
            return [b"".join(self._copies())]
        return parts

    def _copies(self) -> list[bytes]:
        return [one if type(one) is bytes else one.tobytes() for one in self._raws]

    def so_far(self) -> OpenPass | None:
        """Return the pass that it is in the middle of, as far as it has come, or None."""
        if not self._at:
            return None
        one = OpenPass(self._recorder.number, {}, self._graph)
        for step in self._steps[: self._at]:
            number = one.numbers[id(step.node)]
            (one.forwarded if step.direction == "f" else one.gone_back).add(number)
        one.calls = self._graph.calls[: self._at]
        one.ends = self._ends[: self._at]
        end = one.ends[-1]
        if self._whole:
            one.entries = self._entries[:end]
        else:
            few = zip(self._entries[:end], self._small[:end], strict=True)
            one.entries = [entry for entry, small in few if small]
            one.whole = False
        one.parts = self._copies()
        for entry, data in zip(one.entries, one.parts, strict=True):
            if entry[0] == "v":
                one.noted[entry[1]] = data
        return one


def _has_own_hash(kind: type) -> bool:
    return any(
        "__hash__" in base.__dict__ or "__eq__" in base.__dict__ for base in kind.__mro__[:-1]
    )


def _size(one: OpenPass, place: int) -> int:
    return len(one.parts[place])
