"""A recurrent layer in numbers: the gates of its steps, and derivatives through time.

The states are those of the layer's value; only what it does not show, its gates, is computed from
them, for the sequences and the units that are asked about.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mfdebug.core.timeline.entry_ref import Index
from miniflow.ops.base import Array
from miniflow.ops.gated import GRU, LSTM
from miniflow.ops.recurrent import B_HH, B_IH, C_0, H_0, W_HH, W_IH, Recurrent, X


class Pass:
    """The gates of some sequences and units: arrays over time, sequence and unit.

    `before` has the hidden states of all units before each step. `gates` are by name; for an RNN
    that is the state itself. `cells` are those of an LSTM, `recurring` is h[t-1]·W_hhᵀ + b_hh by
    gate.
    """

    def __init__(
        self,
        op: Recurrent,
        inputs: Sequence[Array],
        value: Array,
        sequences: slice,
        units: slice,
    ) -> None:
        self.op, self.units = op, units
        x, w_ih, w_hh, b_ih, b_hh = (np.asarray(a, np.float64) for a in inputs[:H_0])
        hidden = np.asarray(op.hidden(value)[:, sequences], np.float64)
        self.steps = op.steps(len(hidden))
        self.hidden = hidden[..., units]
        self.before = _before(op, hidden, inputs, H_0, sequences)
        x = x[:, sequences]
        projected = {k: x @ self._rows(w_ih, k).T + self._rows(b_ih, k) for k in op.gates}
        self.recurring = {
            k: self.before @ self._rows(w_hh, k).T + self._rows(b_hh, k) for k in op.gates
        }
        sums = {k: projected[k] + self.recurring[k] for k in op.gates}
        self.gates = {k: _sigmoid(total) for k, total in sums.items()}
        if isinstance(op, GRU):
            self.gates["n"] = np.tanh(projected["n"] + self.gates["r"] * self.recurring["n"])
        elif isinstance(op, LSTM):
            self.gates["g"] = np.tanh(sums["g"])
            self.cells = self._cells(value, inputs, sequences)
            self.cells_before = _before(op, self.cells, inputs, C_0, sequences, units)
        else:
            self.gates["h"] = self.hidden

    def _rows(self, weights: Array, gate: str) -> Array:
        """Return the rows of a gate's units; a single number is that of every row."""
        if not weights.ndim:
            return weights
        size = len(weights) // len(self.op.gates)
        start = self.op.gates.index(gate) * size
        rows: Array = weights[start : start + size][self.units]
        return rows

    def _cells(self, value: Array, inputs: Sequence[Array], sequences: slice) -> Array:
        if value.ndim == 4:
            shown: Array = np.asarray(value[1][:, sequences, self.units], np.float64)
            return shown
        i, f, g = (self.gates[name] for name in "ifg")
        cells = np.zeros_like(i)
        for time, before in self.steps:
            if before is not None:
                last = cells[before]
            elif len(inputs) > C_0:
                last = np.asarray(inputs[C_0][sequences, self.units], np.float64)
            else:
                last = np.zeros_like(i[0])
            cells[time] = f[time] * last + i[time] * g[time]
        return cells


def _before(
    op: Recurrent,
    states: Array,
    inputs: Sequence[Array],
    initial: int,
    sequences: slice,
    units: slice = slice(None),
) -> Array:
    """Return the states before each step, of which that before the first is an input, or zeros."""
    found = np.zeros_like(states)
    for time, before in op.steps(len(states)):
        if before is not None:
            found[time] = states[before]
        elif len(inputs) > initial:
            found[time] = inputs[initial][sequences, units]
    return found


def derivatives(
    op: Recurrent,
    inputs: Sequence[Array],
    value: Array,
    sequences: slice,
    input_index: int,
    entry: Index,
) -> Array:
    """Return the derivatives of the value of some sequences by an entry of an input.

    They have the value's shape but for the sequences. The entry's own effect on each step goes
    forward with that of the states before it.
    """
    passed = Pass(op, inputs, value, sequences, slice(None))
    own, of_state = _direct(inputs, passed, sequences, input_index, entry)
    w_hh = np.asarray(inputs[W_HH], np.float64)
    steps, count, units = passed.hidden.shape
    hidden, cells = np.zeros((2, steps, count, units))
    first, first_cell = np.zeros((2, count, units))
    if input_index in (H_0, C_0):
        (first if input_index == H_0 else first_cell)[0, entry[1]] = 1.0
    for time, before in passed.steps:
        state = first if before is None else hidden[before]
        cell = first_cell if before is None else cells[before]
        recurring = state @ w_hh.T + of_state[time]
        if isinstance(op, LSTM):
            hidden[time], cells[time] = _lstm(passed, time, own[time] + recurring, cell)
        elif isinstance(op, GRU):
            hidden[time] = _gru(passed, time, own[time], recurring, state)
        else:
            h = passed.hidden[time]
            slope = (h > 0) * 1.0 if op.attrs["activation"] == "relu" else 1 - h * h
            hidden[time] = slope * (own[time] + recurring)
    return np.stack([hidden, cells]) if value.ndim == 4 else hidden


def _direct(
    inputs: Sequence[Array],
    passed: Pass,
    sequences: slice,
    input_index: int,
    entry: Index,
) -> tuple[Array, Array]:
    """Return the derivatives of both shares of the gates by an entry, for constant states."""
    steps, count, _ = passed.hidden.shape
    own, of_state = np.zeros((2, steps, count, len(inputs[W_HH])))
    if input_index == X:
        own[entry[0], 0] = inputs[W_IH][:, entry[2]]
    elif input_index == W_IH:
        own[..., entry[0]] = inputs[X][:, sequences, entry[1]]
    elif input_index == W_HH:
        of_state[..., entry[0]] = passed.before[..., entry[1]]
    elif input_index in (B_IH, B_HH):
        (own if input_index == B_IH else of_state)[(..., *(entry or (slice(None),)))] = 1.0
    return own, of_state


def _lstm(passed: Pass, time: int, sums: Array, cell: Array) -> tuple[Array, Array]:
    """Return the derivatives of a step's states, from those of its gates' sums and of the cell."""
    i, f, g, o = (passed.gates[name][time] for name in "ifgo")
    of_i, of_f, of_g, of_o = np.split(sums, 4, -1)
    before, squashed = passed.cells_before[time], np.tanh(passed.cells[time])
    of_cell = f * (1 - f) * of_f * before + f * cell
    of_cell += i * (1 - i) * of_i * g + i * (1 - g * g) * of_g
    return o * (1 - o) * of_o * squashed + o * (1 - squashed**2) * of_cell, of_cell


def _gru(passed: Pass, time: int, own: Array, recurring: Array, state: Array) -> Array:
    """Return the derivative of a step's state, from those of both shares of its gates."""
    r, z, n = (passed.gates[name][time] for name in "rzn")
    (own_r, own_z, own_n), (of_r, of_z, of_n) = np.split(own, 3, -1), np.split(recurring, 3, -1)
    before = passed.before[time]
    reset, update = r * (1 - r) * (own_r + of_r), z * (1 - z) * (own_z + of_z)
    new = (1 - n * n) * (own_n + reset * passed.recurring["n"][time] + r * of_n)
    mixed: Array = (1 - z) * new + update * (before - n) + z * state
    return mixed


def _sigmoid(x: Array) -> Array:
    with np.errstate(over="ignore"):
        squashed: Array = 1 / (1 + np.exp(-x))
    return squashed
