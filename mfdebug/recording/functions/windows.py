"""Convolutions, pools, and lookups of rows."""

from __future__ import annotations

from typing import Any

from mfdebug.recording.functions.table import FUNCTIONS, function, same_as_aten
from miniflow.importers.pt2.builder import Builder, Unsupported, Value
from miniflow.importers.pt2.rules import RULES
from miniflow.importers.pt2.rules import picks as aten_picks

same_as_aten(
    "conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d "
    "avg_pool1d avg_pool2d avg_pool3d"
)


def _enter(axes: int) -> None:
    largest, adaptive = RULES[f"max_pool{axes}d"].make, RULES[f"adaptive_max_pool{axes}d"].make
    average = RULES[f"adaptive_avg_pool{axes}d"].make

    def max_pool(
        b: Builder,
        x: Value,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        dilation: Any = 1,
        ceil_mode: bool = False,
        return_indices: bool = False,
    ) -> Value:
        made: Value = largest(b, x, kernel_size, stride or (), padding, dilation, ceil_mode)[0]
        return made

    def adaptive_avg_pool(b: Builder, x: Value, output_size: Any) -> Value:
        made: Value = average(b, x, _known(b, x, output_size))
        return made

    def adaptive_max_pool(
        b: Builder, x: Value, output_size: Any, return_indices: bool = False
    ) -> Value:
        made: Value = adaptive(b, x, _known(b, x, output_size))[0]
        return made

    def _known(b: Builder, x: Value, size: Any) -> Any:
        """Return sizes, where None is the input's."""
        if not isinstance(size, list):
            return size
        own = b.shape(x)[-axes:]
        return [n if given is None else given for given, n in zip(size, own, strict=True)]

    FUNCTIONS[f"max_pool{axes}d"] = FUNCTIONS[f"_max_pool{axes}d"] = max_pool
    FUNCTIONS[f"adaptive_avg_pool{axes}d"] = adaptive_avg_pool
    FUNCTIONS[f"adaptive_max_pool{axes}d"] = adaptive_max_pool
    FUNCTIONS[f"_adaptive_max_pool{axes}d"] = adaptive_max_pool


for _axes in (1, 2, 3):
    _enter(_axes)


@function("interpolate", "upsample")
def interpolate(
    b: Builder,
    x: Value,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Value:
    """An image in another size."""
    axes = len(b.shape(x)) - 2
    kinds = {"nearest": ("nearest", axes), "linear": ("linear", 1), "bilinear": ("bilinear", 2)}
    word, wanted = kinds.get(mode, ("", 0))
    if wanted != axes or axes not in (1, 2, 3) or antialias:
        raise Unsupported(f"mode={mode!r:.20}")
    sizes = [size] * axes if isinstance(size, int) else size
    factors = [scale_factor] * axes if isinstance(scale_factor, int | float) else scale_factor
    resize = RULES[f"upsample_{word}{axes}d"].make
    made: Value = resize(b, x, sizes, scale_factors=factors, align_corners=bool(align_corners))
    return made


@function("embedding")
def embedding(
    b: Builder,
    x: Value,
    weight: Value,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Value:
    """The rows of a table."""
    if max_norm is not None:
        raise Unsupported(
            "max_norm: the rows that are looked up are first scaled down to that norm, in the "
            "table itself, which is not differentiated"
        )
    rows = b.shape(weight)[0]
    padding = -1 if padding_idx is None else padding_idx % rows
    return aten_picks.embedding(b, weight, x, padding, scale_grad_by_freq)
