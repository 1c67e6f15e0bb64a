"""The bytes of tensors."""

from __future__ import annotations

import ctypes
from _struct import Struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..open_pass import Encoded

# Shown as float32, which holds each of their numbers exactly.
_HALF = ("bfloat16", "float16")
_DTYPES = {
    "float32": "<f4",
    "float64": "<f8",
    "int64": "<i8",
    "int32": "<i4",
    "int16": "<i2",
    "int8": "|i1",
    "uint8": "|u1",
    "bool": "|b1",
    "complex64": "<c8",
    "complex128": "<c16",
}


_FLOAT = Struct("<f")


class Tensors:
    """Reads tensors of `torch`."""

    def __init__(self, torch: Any) -> None:
        self._torch = torch
        self._dtypes = {getattr(torch, name): dtype for name, dtype in _DTYPES.items()}
        self._half = {getattr(torch, name) for name in _HALF}
        self.type = torch.Tensor
        self._float = torch.float32
        self._plain: dict[Any, bool] = {}

    def encoded(self, tensor: Any) -> Encoded:
        """Return dtype, shape and bytes of a tensor, or a text if it has no numbers of its own."""
        found = self._numbers(tensor) if self._is_plain(type(tensor)) else None
        return found or text(f"a {type(tensor).__name__} of {tensor.dtype} on {tensor.device}")

    def _is_plain(self, kind: Any) -> bool:
        """Whether tensors of a class are computed with as torch does, not by code of the class."""
        known = self._plain.get(kind)
        if known is None:
            alike = kind.__torch_dispatch__ is self._torch._C._disabled_torch_dispatch_impl
            known = self._plain[kind] = kind is self.type or alike
        return known

    def _numbers(self, tensor: Any) -> Encoded | None:
        torch = self._torch
        try:
            if tensor.dtype is self._float and not tensor.dim():
                # As a cost mostly is.
                return "<f4", (), _FLOAT.pack(tensor.item())
            plain = tensor.detach()
            if plain.layout is not torch.strided:
                plain = plain.to_dense()
            if plain.dtype in self._half:
                plain = plain.to(torch.float32)
            dtype = self._dtypes.get(plain.dtype)
            if dtype is None or plain.is_meta:
                return None
            if plain.device.type != "cpu":
                plain = plain.cpu()
            if not plain.is_contiguous() or plain.is_conj() or plain.is_neg():
                plain = plain.resolve_conj().resolve_neg().contiguous()
            return dtype, tuple(plain.shape), ctypes.string_at(plain.data_ptr(), plain.nbytes)
        except (RuntimeError, NotImplementedError, ValueError):
            # It has no storage, or sizes that differ within a dimension.
            return None

    def mark(self, tensor: Any) -> tuple[int, int] | None:
        """Return what tells a tensor that lives from others: its address, and its version.

        None: it has no storage of its own, as a sparse gradient.
        """
        if tensor.layout is not self._torch.strided:
            return None
        return tensor.data_ptr(), tensor._version

    def strides(self, tensor: Any) -> tuple[int, ...] | None:
        """Return the strides of a tensor that does not lie in memory as usual."""
        if tensor.layout is not self._torch.strided or tensor.is_nested or tensor.is_contiguous():
            return None
        strides: tuple[int, ...] = tensor.stride()
        return strides

    def added(self, first: Encoded, second: Any) -> Encoded:
        """Return the sum of what was recorded of a tensor and another one."""
        dtype, shape, data = first
        if dtype == "text":
            return first
        found = self.dtype_of(dtype)
        total = self._torch.frombuffer(bytearray(data), dtype=found).reshape(shape)
        return self.encoded(total + second.detach().to(found))

    def dtype_of(self, name: str) -> Any:
        """Return the type of tensors whose numbers are recorded under a name, or None."""
        return next((known for known, written in self._dtypes.items() if written == name), None)

    def flat(self, thing: Any, found: list[Any]) -> list[Any]:
        """Append the tensors within arguments or results to `found`, in order."""
        if isinstance(thing, self.type):
            found.append(thing)
        elif isinstance(thing, list | tuple):
            for item in thing:
                self.flat(item, found)
        elif isinstance(thing, dict):
            for item in thing.values():
                self.flat(item, found)
        elif isinstance(thing, slice):
            self.flat((thing.start, thing.stop, thing.step), found)
        return found


def text(words: str) -> Encoded:
    """Return a description of what is not a number, as records hold it."""
    data = words.encode()
    return "text", (len(data),), data


def version(tensor: Any) -> int:
    """Return how often the storage of a tensor was written to."""
    return -1 if tensor.is_inference() else tensor._version
