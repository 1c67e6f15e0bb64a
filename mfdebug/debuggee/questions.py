"""A question of the debugger about one node of the paused program, and its file format."""

from __future__ import annotations

from _struct import Struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

# The number of the node, whether its backward is asked for, how many inputs and how many consumers
# are given. Then for each array: its key, the lengths of its dtype and shape, its size in bytes.
_QUESTION = Struct("=IBII")
_ARRAY = Struct("=IIIQ")


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
    """Return the question that `packed` has turned into these bytes."""
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
        array = numpy.frombuffer(data[offset : offset + size], dtype).reshape(shape).copy()
        offset += size
        arrays.append((key, array if shape else array[()]))
    return Question(node, dict(arrays[:inputs]), dict(arrays[inputs:]), backward=bool(backward))
