"""Norms: entries shifted and scaled to mean 0 and variance 1, times a weight, plus a bias.

x̂ = (x - mean)/√(variance + eps) and y = x̂ × weight + bias. With g the gradient of x̂, the gradient
of x is (g - mean of g - x̂ × mean of g·x̂)/√(variance + eps): g without the parts that would move
the mean and the variance. (S. Ioffe and C. Szegedy, "Batch normalization", ICML 2015, section 3;
the algebra is the same whichever entries have one mean.)
"""

from __future__ import annotations

import math
from typing import ClassVar, NamedTuple

import numpy as np

from miniflow.errors import ShapeError
from miniflow.ops.base import (
    Array,
    Attribute,
    Calls,
    Op,
    Shape,
    is_integer,
    is_number,
    register,
    shape_text,
)

EPS = Attribute(1e-5, "a number from 0", lambda value: is_number(value) and 0 <= value < math.inf)


class Grid(NamedTuple):
    """How a contiguous array is reduced: by sums over an outer and an inner axis."""

    outer: int
    kept: int
    inner: int

    def of(self, x: Array) -> Array:
        """Return the array with the axes of the grid, without an inner axis of size 1."""
        return x.reshape((self.outer, self.kept) if self.inner == 1 else self)

    def spread(self, x: Array) -> Array:
        """Return a vector of the kept axis in a shape that broadcasts to the grid."""
        return x.reshape(-1) if self.inner == 1 else x.reshape(-1, 1)

    def sum_calls(self, do: Calls, x: Array, out: Array) -> None:
        """List the calls that write the sums of `x` into `out`, a vector of the kept axis.

        Products with ones take 0.25 times as long as `np.add.reduce`.
        """
        outer, kept, inner = self
        rows = x
        if inner > 1:
            rows = out if outer == 1 else do.scratch((outer * kept,))
            do(np.dot, x.reshape(-1, inner), np.ones(inner, do.dtype), rows)
        if outer > 1 or inner == 1:
            do(np.dot, np.ones(outer, do.dtype), rows.reshape(outer, kept), out)

    def mean_calls(self, do: Calls, x: Array, out: Array) -> None:
        """List the calls that write the means of `x` into `out`."""
        self.sum_calls(do, x, out)
        do(np.divide, out, float(self.summed), out)

    @property
    def summed(self) -> int:
        """The number of entries in a sum."""
        return self.outer * self.inner


class Normalization(Op):
    """Base of the norms, whose inputs are x, a weight if there are two, and a bias.

    A subclass says which entries have one mean (`grid`) and which one weight (`weight_grid`). The
    shapes that these methods take are those of all inputs.
    """

    arity = (1, 3)
    attributes: ClassVar = {"eps": EPS}
    # Whether the mean is subtracted.
    centred: ClassVar[bool] = True

    def grid(self, *shapes: Shape) -> Grid:
        """Return the grid whose sums are over the entries of x that have one mean."""
        raise NotImplementedError

    def weight_grid(self, *shapes: Shape) -> Grid:
        """Return the grid whose sums are over the entries of x that share one weight."""
        raise NotImplementedError

    def weight_shape(self, *shapes: Shape) -> Shape:
        """Return the shape of weight and bias; raise `ShapeError` if x cannot be normalised."""
        raise NotImplementedError

    def output_shape(self, *shapes: Shape) -> Shape:
        """The shape of x."""
        wanted = self.weight_shape(*shapes)
        for name, found in zip(("weight", "bias"), shapes[1:], strict=False):
            if found != wanted:
                raise ShapeError(
                    f"a {name} of shape {shape_text(found)} does not fit x of shape "
                    f"{shape_text(shapes[0])}: it takes {shape_text(wanted)}"
                )
        return shapes[0]

    def forward_calls(self, do: Calls, out: Array, *inputs: Array) -> None:
        """(x - mean)/√(variance + eps) × weight + bias."""
        shapes = [x.shape for x in inputs]
        normal = do.keep("normal", out.shape)
        self.normal_calls(do, self.grid(*shapes), inputs[0], normal, out)
        weighted = self.weight_grid(*shapes)
        if len(inputs) > 1:
            weight = weighted.spread(inputs[1])
            do(np.multiply, weighted.of(normal), weight, weighted.of(out))
        else:
            do(np.copyto, out, normal)
        if len(inputs) > 2:
            do(np.add, weighted.of(out), weighted.spread(inputs[2]), weighted.of(out))

    def normal_calls(self, do: Calls, grid: Grid, x: Array, normal: Array, scratch: Array) -> None:
        """List the calls that write x̂ into `normal`, and keep 1/√(variance + eps) as "scale"."""
        variance = do.keep("variance", (grid.kept,))
        away = x
        if self.centred:
            mean = do.keep("mean", (grid.kept,))
            grid.mean_calls(do, x, mean)
            do(np.subtract, grid.of(x), grid.spread(mean), grid.of(normal))
            away = normal
        do(np.multiply, away, away, scratch)
        grid.mean_calls(do, scratch, variance)
        self.scale_calls(do, grid, away, variance, normal)

    def scale_calls(
        self, do: Calls, grid: Grid, away: Array, variance: Array, normal: Array
    ) -> None:
        """List the calls that write `away`/√(variance + eps) into `normal`."""
        scale = do.keep("scale", (grid.kept,))
        do(np.add, variance, float(self.attrs["eps"]), scale)
        do(np.sqrt, scale, scale)
        do(np.divide, 1.0, scale, scale)
        do(np.multiply, grid.of(away), grid.spread(scale), grid.of(normal))

    # The texts ---------------------------------------------------------------------------

    def spread_text(self, name: str) -> str:
        """Return √(variance + eps) as a formula; x is called `name`."""
        what = "variance" if self.centred else "mean square"
        return f"√({what} of {name} + {self.attrs['eps']:g})"

    def normal_text(self, entry: str, name: str) -> str:
        """Return x̂ as a formula for an entry of x, which is called `name`."""
        away = f"({entry} - mean of {name})" if self.centred else entry
        return f"{away}/{self.spread_text(name)}"

    def formula(self, *names: str) -> str:
        """(x - mean of x)/√(variance of x + eps) × weight + bias."""
        factors = (f" {sign} {name}" for sign, name in zip("×+", names[1:], strict=False))
        return self.normal_text(names[0], names[0]) + "".join(factors)

    def local(self, input_index: int, name: str, *names: str) -> str:
        """x̂ for the weight, 1 for the bias."""
        if input_index == 2:
            return "1"
        return self.normal_text(names[0], names[0]) if input_index else f"∂{name}/∂{names[0]}"


class OverLastAxes(Normalization):
    """A norm over the last axes of x: as many as the weight has, or as the attribute says."""

    attributes: ClassVar = {
        "axes": Attribute(
            None,
            "how many of the last axes, from 1, or null: as many as the weight has, or 1",
            lambda value: value is None or (is_integer(value) and value >= 1),
        ),
        "eps": EPS,
    }

    def weight_shape(self, *shapes: Shape) -> Shape:
        """The last axes of x."""
        axes = self.attrs["axes"] or (len(shapes[1]) if len(shapes) > 1 else 0) or 1
        if axes > len(shapes[0]):
            raise ShapeError(
                f"a norm over the last {axes} axes does not fit x of shape {shape_text(shapes[0])}"
                if axes > 1
                else "a norm over the last axis takes an x with axes"
            )
        return shapes[0][len(shapes[0]) - axes :]

    def grid(self, *shapes: Shape) -> Grid:
        """A mean for each row of the last axes."""
        size = math.prod(self.weight_shape(*shapes))
        return Grid(1, math.prod(shapes[0]) // size, size)

    def weight_grid(self, *shapes: Shape) -> Grid:
        """A weight for each entry of the last axes."""
        _, rows, size = self.grid(*shapes)
        return Grid(rows, size, 1)

    def vjp_calls(
        self, do: Calls, input_index: int, out: Array, grad: Array, value: Array, *inputs: Array
    ) -> None:
        """To x the three terms, to the weight Σ grad × x̂, to the bias Σ grad."""
        shapes = [x.shape for x in inputs]
        weighted, normal = self.weight_grid(*shapes), do.keep("normal", grad.shape)
        if input_index == 2:
            weighted.sum_calls(do, grad, out.reshape(-1))
        elif input_index == 1:
            product = do.scratch(grad.shape)
            do(np.multiply, grad, normal, product)
            weighted.sum_calls(do, product, out.reshape(-1))
        else:
            g = grad
            if len(inputs) > 1:
                g = do.scratch(grad.shape)
                weight = weighted.spread(inputs[1])
                do(np.multiply, weighted.of(grad), weight, weighted.of(g))
            self.input_calls(do, self.grid(*shapes), g, normal, out)

    def input_calls(self, do: Calls, grid: Grid, g: Array, normal: Array, out: Array) -> None:
        """List the calls that write (g - mean of g - x̂ × mean of g·x̂) × scale into `out`."""
        along, scale = do.scratch((grid.kept,)), do.keep("scale", (grid.kept,))
        do(np.multiply, g, normal, out)
        grid.mean_calls(do, out, along)
        do(np.multiply, grid.of(normal), grid.spread(along), grid.of(out))
        do(np.subtract, g, out, out)
        if self.centred:
            grid.mean_calls(do, g, along)
            do(np.subtract, grid.of(out), grid.spread(along), grid.of(out))
        do(np.multiply, grid.of(out), grid.spread(scale), grid.of(out))

    def legend(self, *shapes: Shape) -> str:
        """Which entries have one mean."""
        axes = len(self.weight_shape(*shapes))
        of = "mean and variance" if self.centred else "mean square"
        return f"{of} along the last {f'{axes} axes' if axes > 1 else 'axis'}"


@register
class LayerNorm(OverLastAxes):
    """Mean 0 and variance 1 along the last axes. J. L. Ba et al., arXiv:1607.06450, 2016."""

    role = (
        "a layer norm sends to {to[0]} the gradient without what moves the mean or the variance "
        "of its last axes, over their deviation"
    )


@register
class RMSNorm(OverLastAxes):
    """Mean square 1 along the last axes. B. Zhang and R. Sennrich, NeurIPS 2019."""

    centred = False
    role = (
        "an RMS norm sends to {to[0]} the gradient without what moves the mean square of its last "
        "axes, over the root of that mean"
    )
