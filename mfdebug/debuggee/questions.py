"""Questions of the debugger about one node of the paused program, and their file format."""

from __future__ import annotations

from _struct import Struct

from .text import as_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from .open_pass import Encoded

# The number of the node, whether its backward is asked for, how many inputs and how many consumers
# are given. Then for each array: its key, the lengths of its dtype and shape, its size in bytes.
_QUESTION = Struct("=IBII")
_ARRAY = Struct("=IIIQ")
# How numbers that are not arrays are unpacked, by the dtype in which they were recorded.
_PLAIN = {"<f8": "<d", ">f8": ">d", "<i8": "<q", ">i8": ">q", "|b1": "?"}
# What the number of the node is in a question for the ops of a row, and the length of its head.
_OPS, _HEAD = 2**32 - 1, Struct("=II")


class Question:
    """Asks what a node computes from `inputs`, which are given by input index.

    With `backward` it asks what the node sends to its inputs when its consumers have sent `shares`,
    which are given by the number of the consumer.
    """

    __slots__ = ("backward", "inputs", "node", "shares")

    def __init__(
        self, node: int, inputs: Mapping[int, Any], shares: Mapping[int, Any], *, backward: bool
    ) -> None:
        self.node = node
        self.inputs = inputs
        self.shares = shares
        self.backward = backward

    def packed(self) -> bytes:
        """Return the question as bytes; `inputs` and `shares` must hold NumPy arrays."""
        parts = [_QUESTION.pack(self.node, self.backward, len(self.inputs), len(self.shares))]
        for key, array in (*self.inputs.items(), *self.shares.items()):
            dtype = array.dtype.str.encode()
            parts.append(_ARRAY.pack(key, len(dtype), array.ndim, array.nbytes))
            parts += [dtype, Struct(f"={array.ndim}Q").pack(*array.shape), array.tobytes()]
        return b"".join(parts)


def unpacked(data: bytes, numpy: Any) -> Question:
    """Return the question that `packed` has turned into these bytes.

    Without `numpy` (None), numbers are Python's own: a program that has not imported it has no
    others.
    """
    node, backward, inputs, shares = _QUESTION.unpack_from(data)
    offset = _QUESTION.size
    arrays: list[tuple[int, Any]] = []
    for _ in range(inputs + shares):
        key, dtype_length, ndim, size = _ARRAY.unpack_from(data, offset)
        offset += _ARRAY.size
        dtype = data[offset : offset + dtype_length].decode()
        offset += dtype_length
        shape = Struct(f"={ndim}Q").unpack_from(data, offset)
        offset += 8 * ndim
        raw = data[offset : offset + size]
        offset += size
        if numpy is None:
            arrays.append((key, Struct(_PLAIN[dtype]).unpack(raw)[0]))
            continue
        array = numpy.frombuffer(raw, dtype).reshape(shape).copy()
        arrays.append((key, array if shape else array[()]))
    return Question(node, dict(arrays[:inputs]), dict(arrays[inputs:]), backward=bool(backward))


class OpsQuestion:
    """Asks which ops the function of a node of the last pass consists of.

    `inputs` are given by input index. `upstream` is what has arrived at the results, by number, and
    `outside` the part of it that others than the function itself have sent, if that is known. The
    gradients of the `wanted` inputs are asked for. All these numbers are of the pass `of`, in which
    the node has the number `there`.

    With `moves` it asks for no ops, but for what the function computes in float64: at the inputs,
    and for each move with one entry of one of them changed.
    """

    __slots__ = ("inputs", "moves", "node", "of", "outside", "there", "upstream", "wanted")

    def __init__(
        self,
        node: int,
        inputs: dict[int, Encoded],
        upstream: dict[int, Encoded],
        outside: dict[int, Encoded],
        wanted: list[int],
        *,
        of: int,
        there: int,
        moves: list[tuple[int, int, float]] | None = None,
    ) -> None:
        self.node = node
        self.inputs = inputs
        self.upstream = upstream
        self.outside = outside
        self.wanted = wanted
        self.of = of
        self.there = there
        self.moves = moves

    def packed(self) -> bytes:
        """Return the question as bytes."""
        arrays = [
            (kind, key, *array)
            for kind, given in enumerate((self.inputs, self.upstream, self.outside))
            for key, array in given.items()
        ]
        described = [(*array[:-1], len(array[-1])) for array in arrays]
        numbers = self.node, self.of, self.there
        head = as_json([*numbers, self.wanted, self.moves, described]).encode()
        return b"".join([_HEAD.pack(_OPS, len(head)), head, *(array[-1] for array in arrays)])

    @classmethod
    def read(cls, path: str) -> OpsQuestion:
        """Read a question from a file."""
        # Torch has imported it.
        from json import loads

        with open(path, "rb") as file:
            data = memoryview(file.read())
        start = _HEAD.size + _HEAD.unpack_from(data)[1]
        node, of, there, wanted, moves, described = loads(bytes(data[_HEAD.size : start]))
        inputs: dict[int, Encoded] = {}
        upstream: dict[int, Encoded] = {}
        outside: dict[int, Encoded] = {}
        given = inputs, upstream, outside
        for kind, key, dtype, shape, size in described:
            given[kind][key] = dtype, tuple(shape), bytes(data[start : start + size])
            start += size
        return cls(node, inputs, upstream, outside, wanted, of=of, there=there, moves=moves)


def asks_for_ops(path: str) -> bool:
    """Whether the question in a file is one for the ops of a row."""
    with open(path, "rb") as file:
        return file.read(4) == Struct("=I").pack(_OPS)
