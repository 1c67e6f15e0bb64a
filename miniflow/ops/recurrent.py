"""Recurrent layers: RNN, LSTM and GRU over a sequence, step by step, and back through time.

The names, shapes, order of the gates and formulas are PyTorch's: x has the shape (T, N, I), T steps
of N sequences; W_ih (G·H, I), W_hh (G·H, H), b_ih and b_hh (G·H), for G gates of H units each.
(LSTM: S. Hochreiter and J. Schmidhuber, "Long short-term memory", Neural Computation 9, 1997, with
the forget gate of F. A. Gers et al., 2000. GRU: K. Cho et al., EMNLP 2014.)

The inputs' share of the gates is one product for all steps. `miniflow/unroll.py` writes the same
calls as nodes: a change of order here changes the last bits there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, NamedTuple

import numpy as np

from miniflow import limits
from miniflow.errors import ShapeError
from miniflow.ops.base import Array, Attribute, Calls, Op, Shape, Targets, register, shape_text
from miniflow.ops.broadcasting import spread, unbroadcast
from miniflow.text.lists import counted

REVERSE = Attribute(False, "true or false", lambda value: isinstance(value, bool))
# The inputs in their order; an LSTM has a state of its cells besides the hidden one.
X, W_IH, W_HH, B_IH, B_HH, H_0, C_0 = range(7)


class Step(NamedTuple):
    """A time step: its number, and that of the step before it, None at the first of them."""

    time: int
    before: int | None


class Recurrent(Op):
    """Base of the recurrent layers; `gates` are the names of the blocks of H rows in the weights.

    Its value has the hidden states of all steps, (T, N, H). With `reverse` it begins with the last
    step; the value at each time is still that of the input at the same time. Without an initial
    state it begins with zeros.
    """

    arity = (5, 6)
    attributes: ClassVar = {"reverse": REVERSE}
    recurrent = True
    gates: ClassVar[tuple[str, ...]] = ()
    # The names of the initial states, among the inputs after the biases.
    states: ClassVar[tuple[str, ...]] = ("h_0",)
    # The buffer with the gradients of the state's share of the gates.
    of_recurring: ClassVar[str] = "of_projected"

    def output_shape(self, *shapes: Shape) -> Shape:
        """(T, N, I) with weights (G·H, I) and (G·H, H) gives (T, N, H)."""
        x, w_ih, w_hh, *biases = shapes[:H_0]
        if len(x) != 3:
            raise ShapeError(
                f"a recurrent layer takes x of shape (steps, sequences, entries), "
                f"not {shape_text(x)}",
                hint="Unsqueeze adds an axis, Transpose exchanges them",
            )
        count = len(self.gates)
        units = w_hh[-1] if w_hh else 0
        rows = count * units
        kind = type(self).__name__
        per_unit = f"{counted(count, 'row')} of weights for each of {counted(units, 'unit')}"
        if len(w_hh) != 2 or w_hh[0] != rows:
            raise ShapeError(
                f"the hidden weights of {kind} have shape ({count}·H, H), not {shape_text(w_hh)}"
            )
        if w_ih != (rows, x[2]):
            wanted = shape_text((rows, x[2]))
            raise ShapeError(
                f"the input weights of {kind} have shape {wanted} here, not {shape_text(w_ih)}",
                hint=f"{per_unit}, and a column for each of "
                f"{counted(x[2], 'entry', 'entries')} of x",
            )
        for bias in biases:
            if bias not in ((rows,), ()):
                raise ShapeError(
                    f"a bias of {kind} has shape {rows} here, or is one number, "
                    f"not {shape_text(bias)}",
                    hint=per_unit.replace("rows of weights", "numbers").replace(
                        "row of weights", "number"
                    ),
                )
        for name, state in zip(self.states, shapes[H_0:], strict=False):
            if state != (x[1], units):
                raise ShapeError(
                    f"the initial state {name} has shape {shape_text((x[1], units))} here, "
                    f"not {shape_text(state)}",
                    hint="a state for each sequence: Expand repeats one",
                )
        if x[0] * x[1] * rows > limits.NUMBERS:
            raise ShapeError(
                f"its gates would have {x[0] * x[1] * rows:,} numbers",
                hint=f"at most {limits.NUMBERS:,}",
            )
        return (*x[:2], units)

    def steps(self, length: int) -> list[Step]:
        """Return the time steps in the order in which they are computed."""
        times = range(length)[:: -1 if self.attrs["reverse"] else 1]
        return [Step(time, before) for time, before in zip(times, [None, *times], strict=False)]

    def is_last(self, step: Step, length: int) -> bool:
        """Whether a step is the last one that is computed."""
        return step.time == (0 if self.attrs["reverse"] else length - 1)

    # Forward ------------------------------------------------------------------------------

    def hidden(self, value: Array) -> Array:
        """Return the hidden states (T, N, H) in a value, as a view."""
        return value

    def forward_calls(self, do: Calls, out: Array, *inputs: Array) -> None:
        """The inputs' share of all gates in one product, then the steps.

        What the backward pass needs is kept apart from `x` and the value, which may be overridden.
        """
        self._project(do, inputs)
        hidden = do.keep("hidden", self.hidden(out).shape)
        for step in self.steps(len(hidden)):
            before = self.state_before(do, step, hidden, inputs, H_0)
            recurring = self.at(do, "recurring", step, hidden)
            do(before.dot, do.keep("w_hh", inputs[W_HH].shape[::-1]), recurring)
            do(np.add, recurring, inputs[B_HH], recurring)
            self.step_calls(do, step, recurring, hidden, inputs)
        do(np.copyto, self.hidden(out), hidden)

    def _project(self, do: Calls, inputs: Sequence[Array]) -> None:
        """List the calls that write x·W_ihᵀ + b_ih for all steps into the buffer `projected`."""
        x, w_ih, w_hh, b_ih = inputs[:B_HH]
        count = x.shape[0] * x.shape[1]
        rows, flat = do.keep("x", (count, x.shape[2])), do.keep("projected", (count, len(w_ih)))
        do(np.copyto, rows, _flat(x))
        for key, weights in (("w_ih", w_ih), ("w_hh", w_hh)):
            do(np.copyto, do.keep(key, weights.shape[::-1]), weights.T)
        do(rows.dot, do.keep("w_ih", w_ih.shape[::-1]), flat)
        do(np.add, flat, spread(do, b_ih, flat.shape), flat)

    def step_calls(
        self, do: Calls, step: Step, recurring: Array, hidden: Array, inputs: Sequence[Array]
    ) -> None:
        """List the calls of a step, which write its state into `hidden`.

        `recurring` is h[t-1]·W_hhᵀ + b_hh, the share of the state before.
        """
        raise NotImplementedError

    def state_before(
        self, do: Calls, step: Step, states: Array, inputs: Sequence[Array], initial: int
    ) -> Array:
        """Return the state before a step; that before the first is input `initial`, or zeros."""
        if step.before is not None:
            state: Array = states[step.before]
            return state
        return inputs[initial] if len(inputs) > initial else do.keep("zeros", states.shape[1:])

    def at(self, do: Calls, key: str, step: Step, hidden: Array) -> Array:
        """Return the part of a kept buffer, with a block of H columns a gate, that is a step's."""
        steps, count, units = hidden.shape
        buffer = do.keep(key, (steps * count, len(self.gates) * units))
        return buffer[step.time * count : (step.time + 1) * count]

    def gate(self, blocks: Array, name: str) -> Array:
        """Return the columns of a gate."""
        k, units = self.gates.index(name), blocks.shape[-1] // len(self.gates)
        columns: Array = blocks[..., k * units : (k + 1) * units]
        return columns

    # Backward -----------------------------------------------------------------------------

    def backward_calls(
        self, do: Calls, targets: Targets, grad: Array, value: Array, inputs: Sequence[Array]
    ) -> None:
        """Back through time to the gates of every step, then from all gates to each input."""
        hidden = do.keep("hidden", self.hidden(value).shape)
        upstream = do.keep("upstream", hidden.shape[1:])
        carried = do.keep("carried", hidden.shape[1:])
        w_hh = do.keep("w_hh", inputs[W_HH].shape[::-1])
        steps = self.steps(len(hidden))
        for step in reversed(steps):
            do(np.copyto, upstream, self.hidden(grad)[step.time])
            if not self.is_last(step, len(steps)):
                self.carried_calls(do, upstream)
                do(np.add, upstream, carried, upstream)
            self.step_vjp_calls(do, step, upstream, grad, hidden, inputs)
            do(self.at(do, self.of_recurring, step, hidden).dot, w_hh.T, carried)
        for input_index, out in targets:
            self._send(do, input_index, out, hidden, inputs)

    def step_vjp_calls(
        self,
        do: Calls,
        step: Step,
        upstream: Array,
        grad: Array,
        hidden: Array,
        inputs: Sequence[Array],
    ) -> None:
        """List the calls from the gradient of a step's hidden state to those of its gates.

        They write the gradient of the inputs' share into the buffer `of_projected`, and that of the
        state's share into the buffer called `self.of_recurring`.
        """
        raise NotImplementedError

    def carried_calls(self, do: Calls, total: Array) -> None:
        """List the calls that add to `total` what the next step sent, but not through its gates."""

    def _send(
        self, do: Calls, input_index: int, out: Array, hidden: Array, inputs: Sequence[Array]
    ) -> None:
        """List the calls that write the contribution to an input, from the gates of all steps."""
        x, w_ih = inputs[X], inputs[W_IH]
        steps, count, units = hidden.shape
        of_projected = do.keep("of_projected", (steps * count, len(w_ih)))
        if input_index == X:
            do(of_projected.dot, do.keep("w_ih", w_ih.shape[::-1]).T, _flat(out))
        elif input_index == W_IH:
            sent = do.scratch(w_ih.shape[::-1])
            do(do.keep("x", (steps * count, x.shape[2])).T.dot, of_projected, sent)
            do(np.copyto, out, sent.T)
        elif input_index == B_IH:
            unbroadcast(do, of_projected, out)
        elif input_index in (W_HH, B_HH):
            self._send_step_by_step(do, input_index, out, hidden, inputs)
        elif input_index == H_0:
            do(out.fill, 0.0)
            self.carried_calls(do, out)
            do(np.add, out, do.keep("carried", (count, units)), out)
        else:
            do(np.copyto, out, do.keep("carried_by_cell", (count, units)))

    def _send_step_by_step(
        self, do: Calls, input_index: int, out: Array, hidden: Array, inputs: Sequence[Array]
    ) -> None:
        """List the calls that add up what each step sends to W_hh or b_hh, the last step first.

        As the nodes of an unrolled layer do: one product for all steps takes 0.6 to 0.9 times as
        long on wide layers, and has other last bits.
        """
        shape = out.shape[::-1]
        total, term = do.scratch(shape), do.scratch(shape)
        steps = self.steps(len(hidden))
        for step in reversed(steps):
            sent = total if self.is_last(step, len(steps)) else term
            of_gates = self.at(do, self.of_recurring, step, hidden)
            if input_index == W_HH:
                before = self.state_before(do, step, hidden, inputs, H_0)
                do(before.T.dot, of_gates, sent)
            else:
                unbroadcast(do, of_gates, sent)
            if sent is term:
                do(np.add, total, term, total)
        do(np.copyto, out, total.T)

    # The texts ----------------------------------------------------------------------------

    def legend(self, *shapes: Shape) -> str:
        """Return how many steps and sequences there are, for inputs of these shapes."""
        steps, count, _ = shapes[0]
        way = ", the last one first" if self.attrs["reverse"] else ""
        return f"{counted(steps, 'step')} of {counted(count, 'sequence')}{way}"


def _flat(x: Array) -> Array:
    """Return an array of three axes as a matrix, as a view."""
    return x.reshape(-1, x.shape[2])


def sigmoid_calls(do: Calls, x: Array, out: Array) -> None:
    """List the calls of Sigmoid, in its order."""
    # Not np.negative: in NumPy 2.4 it is wrong from column to column, if rows are 16 bytes
    # (float32) or 64 bytes (float64).
    do(np.multiply, x, -1.0, out)
    do(np.exp, out, out)
    do(np.add, out, 1.0, out)
    do(np.reciprocal, out, out)


def sigmoid_vjp_calls(do: Calls, grad: Array, value: Array, out: Array) -> None:
    """List the calls of the backward rule of Sigmoid, in its order."""
    do(np.subtract, 1.0, value, out)
    do(np.multiply, out, value, out)
    do(np.multiply, grad, out, out)


def tanh_vjp_calls(do: Calls, grad: Array, value: Array, out: Array) -> None:
    """List the calls of the backward rule of Tanh, in its order."""
    do(np.multiply, value, value, out)
    do(np.subtract, 1.0, out, out)
    do(np.multiply, grad, out, out)


@register
class RNN(Recurrent):
    """h = tanh(x·W_ihᵀ + b_ih + h[t-1]·W_hhᵀ + b_hh) at each step; or a ReLU of the sum."""

    gates = ("h",)
    attributes: ClassVar = {
        "activation": Attribute("tanh", '"tanh" or "relu"', lambda v: v in ("tanh", "relu")),
        "reverse": REVERSE,
    }
    role = (
        "a recurrent layer sends the gradient back step by step: a state gets that of the output "
        "at its step and what the next step sends; every input gets the sum over the steps"
    )

    def step_calls(
        self, do: Calls, step: Step, recurring: Array, hidden: Array, inputs: Sequence[Array]
    ) -> None:
        """The activation of the sum of both shares."""
        state = hidden[step.time]
        do(np.add, self.at(do, "projected", step, hidden), recurring, state)
        if self.attrs["activation"] == "tanh":
            do(np.tanh, state, state)
        else:
            do(np.maximum, state, 0.0, out=state)

    def step_vjp_calls(
        self,
        do: Calls,
        step: Step,
        upstream: Array,
        grad: Array,
        hidden: Array,
        inputs: Sequence[Array],
    ) -> None:
        """upstream × (1 - h²), or where h > 0."""
        state, sent = hidden[step.time], self.at(do, "of_projected", step, hidden)
        if self.attrs["activation"] == "tanh":
            tanh_vjp_calls(do, upstream, state, sent)
        else:
            passes = do.keep("passes", state.shape, np.bool_)
            do(np.greater, state, 0.0, passes)
            do(np.multiply, upstream, passes, sent)
