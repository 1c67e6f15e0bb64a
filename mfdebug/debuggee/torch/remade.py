"""Tensors made again from recorded numbers, laid in memory as those of the program were."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..open_pass import Encoded
    from .calls import Form
    from .tensors import Tensors


class Refused(Exception):  # noqa: N818 - it says why, and is no failure
    """Why a function is not run again."""


class Remade:
    """Makes tensors of `torch`."""

    def __init__(self, torch: Any, tensors: Tensors) -> None:
        self._torch = torch
        self._tensors = tensors

    def made(self, number: Encoded, dtype: Any, device: Any, form: Form | None = None) -> Any:
        """Return a tensor of recorded numbers, which lies in memory as one of some form did."""
        torch = self._torch
        name, shape, data = number
        own = self._tensors.dtype_of(name)
        if own is None or dtype.is_complex != own.is_complex:
            raise Refused(f"a tensor of {dtype} cannot be made again")
        plain = torch.frombuffer(bytearray(data), dtype=own) if data else torch.empty(0, dtype=own)
        plain = plain.reshape(shape)
        if form is None:
            return plain.clone().to(dtype=dtype, device=device)
        if form.shape != tuple(shape):
            if not _in_order(form.shape, form.strides):
                raise Refused("the program waits after a pass in which an input had another shape")
            return plain.clone().to(dtype=dtype, device=device)
        return self.laid_out(plain, dtype, device, form.strides, form.place)

    def laid_out(
        self, plain: Any, dtype: Any, device: Any, strides: tuple[int, ...], place: int
    ) -> Any:
        """Return a tensor of some numbers with these strides, so many entries into its memory."""
        torch, shape = self._torch, tuple(plain.shape)
        if not plain.numel():
            return torch.empty_strided(shape, strides, dtype=dtype, device=device)
        # Kernels begin differently at another distance from the next 64 bytes.
        place %= 64
        size = place + 1 + sum((n - 1) * stride for n, stride in zip(shape, strides, strict=True))
        base = torch.empty(size, dtype=dtype, device=device)
        once = [1 if stride == 0 else n for n, stride in zip(shape, strides, strict=True)]
        for axis, stride in enumerate(strides):
            if stride == 0:
                plain = plain.narrow(axis, 0, 1)
        target = torch.as_strided(base, once, strides, place)
        if _overlaps(target):
            raise Refused("an input overlaps itself in memory")
        target.copy_(plain)
        laid = torch.as_strided(base, shape, strides, place)
        # A view would be changed in place in another way.
        return laid.detach()


def _in_order(shape: tuple[int, ...], strides: tuple[int, ...]) -> bool:
    """Whether a tensor lies in memory row by row, without gaps."""
    expected = 1
    for n, stride in zip(reversed(shape), reversed(strides), strict=True):
        if n != 1 and stride != expected:
            return False
        expected *= n
    return True


def _overlaps(tensor: Any) -> bool:
    """Whether two entries of a tensor may be one in memory."""
    pairs = zip(tensor.stride(), tensor.shape, strict=True)
    reach = 0
    for stride, n in sorted((stride, n) for stride, n in pairs if n > 1):
        if stride <= reach:
            return True
        reach += (n - 1) * stride
    return False
