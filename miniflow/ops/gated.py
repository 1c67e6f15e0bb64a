"""Recurrent layers with gates: LSTM and GRU."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from miniflow.errors import ShapeError
from miniflow.ops.base import Array, Attribute, Calls, Shape, register
from miniflow.ops.recurrent import (
    C_0,
    H_0,
    REVERSE,
    Recurrent,
    Step,
    sigmoid_calls,
    sigmoid_vjp_calls,
    tanh_vjp_calls,
)


@register
class LSTM(Recurrent):
    """c = f ⊙ c[t-1] + i ⊙ g and h = o ⊙ tanh(c) at each step.

    The gates i, f and o are sigmoids, g a tanh, of x·W_ihᵀ + b_ih + h[t-1]·W_hhᵀ + b_hh, whose
    blocks are those of i, f, g and o. `output` is "h", the hidden states (T, N, H), or "both": the
    hidden states and those of the cells, (2, T, N, H).
    """

    arity = (5, 7)
    gates = ("i", "f", "g", "o")
    states = ("h_0", "c_0")
    attributes: ClassVar = {
        "output": Attribute("h", '"h" or "both"', lambda value: value in ("h", "both")),
        "reverse": REVERSE,
    }
    role = (
        "an LSTM sends the gradient back step by step: a cell gets what "
        "its output gate lets through, and of what the next cell has, the share that the forget "
        "gate kept; every input gets the sum over the steps"
    )

    def _check_arity(self, count: int, name: str | None) -> None:
        super()._check_arity(count, name)
        if count == C_0:
            raise ShapeError(
                "an LSTM begins with two states, h_0 and c_0, or with none", where=name or ""
            )

    def output_shape(self, *shapes: Shape) -> Shape:
        """(T, N, H), or (2, T, N, H) for both states."""
        hidden = super().output_shape(*shapes)
        return (2, *hidden) if self.attrs["output"] == "both" else hidden

    def hidden(self, value: Array) -> Array:
        """All of the value, or its first half."""
        return value[0] if self.attrs["output"] == "both" else value

    def forward_calls(self, do: Calls, out: Array, *inputs: Array) -> None:
        """The steps, then a copy of the cells if they are shown."""
        super().forward_calls(do, out, *inputs)
        if self.attrs["output"] == "both":
            do(np.copyto, out[1], do.keep("cells", out[1].shape))

    def step_calls(
        self, do: Calls, step: Step, recurring: Array, hidden: Array, inputs: Sequence[Array]
    ) -> None:
        """The gates, the cell, the hidden state."""
        cells = do.keep("cells", hidden.shape)
        gates, cell = self.at(do, "gates", step, hidden), cells[step.time]
        do(np.add, self.at(do, "projected", step, hidden), recurring, gates)
        i, f, g, o = (self.gate(gates, name) for name in self.gates)
        both = gates[:, : 2 * hidden.shape[2]]
        sigmoid_calls(do, both, both)
        do(np.tanh, g, g)
        sigmoid_calls(do, o, o)
        before = self.state_before(do, step, cells, inputs, C_0)
        term = do.keep("term", cell.shape)
        do(np.multiply, f, before, cell)
        do(np.multiply, i, g, term)
        do(np.add, cell, term, cell)
        squashed = do.keep("squashed", hidden.shape)[step.time]
        do(np.tanh, cell, squashed)
        do(np.multiply, o, squashed, hidden[step.time])

    def step_vjp_calls(
        self,
        do: Calls,
        step: Step,
        upstream: Array,
        grad: Array,
        hidden: Array,
        inputs: Sequence[Array],
    ) -> None:
        """To the output gate and the cell; from the cell to i, f, g and the cell before."""
        shape = upstream.shape
        gates, sent = (self.at(do, key, step, hidden) for key in ("gates", "of_projected"))
        i, f, g, o = (self.gate(gates, name) for name in self.gates)
        of_i, of_f, of_g, of_o = (self.gate(sent, name) for name in self.gates)
        squashed = do.keep("squashed", hidden.shape)[step.time]
        of_cell, term = do.keep("of_cell", shape), do.keep("term", shape)
        do(np.multiply, upstream, squashed, term)
        sigmoid_vjp_calls(do, term, o, of_o)
        do(np.multiply, upstream, o, term)
        tanh_vjp_calls(do, term, squashed, of_cell)
        self._add_to_cell(do, step, len(hidden), grad, of_cell)
        do(np.multiply, of_cell, i, term)
        tanh_vjp_calls(do, term, g, of_g)
        do(np.multiply, of_cell, g, term)
        sigmoid_vjp_calls(do, term, i, of_i)
        before = self.state_before(do, step, do.keep("cells", hidden.shape), inputs, C_0)
        do(np.multiply, of_cell, before, term)
        sigmoid_vjp_calls(do, term, f, of_f)
        do(np.multiply, of_cell, f, do.keep("carried_by_cell", shape))

    def _add_to_cell(self, do: Calls, step: Step, length: int, grad: Array, of_cell: Array) -> None:
        """List the calls that add what a cell gets as an output, and from the next cell."""
        carried = do.keep("carried_by_cell", of_cell.shape)
        both, last = self.attrs["output"] == "both", self.is_last(step, length)
        if both and last:
            do(np.add, grad[1][step.time], of_cell, of_cell)
        elif both:
            do(np.add, grad[1][step.time], carried, carried)
        if not last:
            do(np.add, carried, of_cell, of_cell)


@register
class GRU(Recurrent):
    """h = (1 - z) ⊙ n + z ⊙ h[t-1] at each step.

    With a = x·W_ihᵀ + b_ih and b = h[t-1]·W_hhᵀ + b_hh, whose blocks are those of r, z and n, the
    gates are r = σ(a_r + b_r), z = σ(a_z + b_z) and n = tanh(a_n + r ⊙ b_n).
    """

    gates = ("r", "z", "n")
    of_recurring = "of_recurring"
    role = (
        "a GRU sends the gradient back step by step: a state gets the share that it has in the "
        "next one, by the update gate, and what comes through the gates; every input gets the sum "
        "over the steps"
    )

    def step_calls(
        self, do: Calls, step: Step, recurring: Array, hidden: Array, inputs: Sequence[Array]
    ) -> None:
        """The gates, then the mix of the new state and the one before."""
        both = slice(None, 2 * hidden.shape[2])
        gates = self.at(do, "gates", step, hidden)
        projected = self.at(do, "projected", step, hidden)
        r, z, n = (self.gate(gates, name) for name in self.gates)
        do(np.add, projected[:, both], recurring[:, both], gates[:, both])
        sigmoid_calls(do, gates[:, both], gates[:, both])
        do(np.multiply, r, self.gate(recurring, "n"), n)
        do(np.add, self.gate(projected, "n"), n, n)
        do(np.tanh, n, n)
        state, term = hidden[step.time], do.keep("term", hidden.shape[1:])
        do(np.subtract, 1.0, z, term)
        do(np.multiply, term, n, state)
        do(np.multiply, z, self.state_before(do, step, hidden, inputs, H_0), term)
        do(np.add, state, term, state)

    def step_vjp_calls(
        self,
        do: Calls,
        step: Step,
        upstream: Array,
        grad: Array,
        hidden: Array,
        inputs: Sequence[Array],
    ) -> None:
        """To n and z; from n to r and to the state's share; and z of it to the state before."""
        keys = ("gates", "of_projected", self.of_recurring, "recurring")
        gates, sent, back, recurring = (self.at(do, key, step, hidden) for key in keys)
        r, z, n = (self.gate(gates, name) for name in self.gates)
        of_r, of_z, of_n = (self.gate(sent, name) for name in self.gates)
        term, product = (do.keep(key, upstream.shape) for key in ("term", "product"))
        do(np.multiply, upstream, n, term)
        do(np.multiply, upstream, self.state_before(do, step, hidden, inputs, H_0), product)
        do(np.subtract, product, term, term)
        sigmoid_vjp_calls(do, term, z, of_z)
        do(np.subtract, 1.0, z, term)
        do(np.multiply, upstream, term, term)
        tanh_vjp_calls(do, term, n, of_n)
        do(np.multiply, of_n, self.gate(recurring, "n"), term)
        sigmoid_vjp_calls(do, term, r, of_r)
        do(np.copyto, back, sent)
        do(np.multiply, of_n, r, self.gate(back, "n"))
        do(np.multiply, upstream, z, do.keep("carried_by_z", upstream.shape))

    def carried_calls(self, do: Calls, total: Array) -> None:
        """z of the gradient of the state after it."""
        do(np.add, total, do.keep("carried_by_z", total.shape), total)
