"""What a debugger asks a program that waits, about one node, and how it stands in a file."""

from __future__ import annotations

from _struct import Struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

# The node's number, whether its backward is asked for, the numbers of inputs given and of consumers
# given. Then each array: its key, lengths of dtype and shape, how many bytes.
_QUESTION = Struct("=IBII")
_ARRAY = Struct("=IIIQ")


class Question:
    """Asks what a node computes from `inputs`, by input_index.

    With `backward` it asks for what the node sends to its inputs when each of its consumers has
    sent its share: `shares`, by the consumer's number.
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
        """Return the bytes of the question; the arrays are NumPy's."""
        parts = [_QUESTION.pack(self.node, self.backward, len(self.inputs), len(self.shares))]
        for key, array in (*self.inputs.items(), *self.shares.items()):
            dtype = array.dtype.str.encode()
            parts.append(_ARRAY.pack(key, len(dtype), array.ndim, array.nbytes))
            parts += [dtype, Struct(f"={array.ndim}Q").pack(*array.shape), array.tobytes()]
        return b"".join(parts)


def unpacked(data: bytes, numpy: Any) -> Question:
    """Return the question that has these bytes."""
    node, backward, inputs, shares = _QUESTION.unpack_from(data)
    at = _QUESTION.size
    arrays: list[tuple[int, Any]] = []
    for _ in range(inputs + shares):
        key, dtype_length, axes, size = _ARRAY.unpack_from(data, at)
        at += _ARRAY.size
        dtype = data[at : at + dtype_length].decode()
        at += dtype_length
        shape = Struct(f"={axes}Q").unpack_from(data, at)
        at += 8 * axes
        array = numpy.frombuffer(data[at : at + size], dtype).reshape(shape).copy()
        at += size
        arrays.append((key, array if shape else array[()]))
    return Question(node, dict(arrays[:inputs]), dict(arrays[inputs:]), backward=bool(backward))
