"""Recurrent layers: one miniflow layer for each layer and direction."""

from __future__ import annotations

from typing import Any

from miniflow.importers.pt2.builder import Builder, Constant, Operand, Unsupported, Value
from miniflow.importers.pt2.rules.activations import dropped
from miniflow.importers.pt2.rules.parts import select
from miniflow.importers.pt2.rules.table import rule
from miniflow.ops import GRU, LSTM, RNN, Concat, Op, Stack, Transpose, Unsqueeze


class _Layers:
    """The layers of a call: their weights, initial states and last states."""

    def __init__(self, b: Builder, op: type[Op], params: list[Value], biases: bool, **how: Any):
        self.b = b
        self.op = op
        self.params = params
        self.per_layer = 4 if biases else 2
        self.how = how
        self.last: list[list[Value]] = [[], []]

    def run(self, x: Value, number: int, states: list[Value], reverse: bool) -> Value:
        """Return the hidden states (T, N, H) of one layer in one direction."""
        b = self.b
        weights = self.params[number * self.per_layer : (number + 1) * self.per_layer]
        biases: list[Operand] = [*weights[2:]] or [0.0, 0.0]
        wanted = [select(b, state, 0, number) for state in states if not _is_zero(state)]
        if len(wanted) not in (0, len(states)):
            wanted = [select(b, state, 0, number) for state in states]
        needs_cells = self.op is LSTM and b.produces(2)
        how = {**self.how, **({"output": "both"} if needs_cells else {})}
        made: Value = b.add(self.op, x, *weights[:2], *biases, *wanted, reverse=reverse, **how)
        if needs_cells:
            made, cells = select(b, made, 0, 0), select(b, made, 0, 1)
            self.last[1].append(select(b, cells, 0, 0 if reverse else -1))
        if b.produces(1):
            self.last[0].append(select(b, made, 0, 0 if reverse else -1))
        return made


def _is_zero(state: Value) -> bool:
    return isinstance(state, Constant) and not state.array.any()


def _enter(aten: str, op: type[Op], **how: Any) -> None:
    """Enter the rule of a layer, whose value is the hidden states and the last ones."""

    def layer(
        b: Builder,
        x: Value,
        hx: Value | list[Value],
        params: list[Value],
        has_biases: bool,
        num_layers: int,
        dropout: float,
        train: bool,
        bidirectional: bool,
        batch_first: bool,
    ) -> tuple[Value, ...]:
        if len(b.shape(x)) != 3:
            raise Unsupported("a sequence without a batch")
        states = hx if isinstance(hx, list) else [hx]
        directions = 2 if bidirectional else 1
        layers = _Layers(b, op, params, has_biases, **how)
        if len(params) != layers.per_layer * num_layers * directions:
            raise Unsupported("weights of projections")
        exchanged = [1, 0, 2]
        if batch_first:
            x = b.add(Transpose, x, axes=exchanged)
        for number in range(num_layers):
            both = [
                layers.run(x, number * directions + way, states, reverse=bool(way))
                for way in range(directions)
            ]
            x = b.add(Concat, *both, axis=2) if bidirectional else both[0]
            if dropout and train and number < num_layers - 1:
                x = dropped(b, x, dropout)
        if batch_first:
            x = b.add(Transpose, x, axes=exchanged)
        last: list[Any] = [b.add(Stack, *each, axis=0) if each else None for each in layers.last]
        # An LSTM has a last state of its cells, too.
        return (x, *last)

    rule(aten, folds=False)(layer)


_enter("lstm", LSTM)
_enter("gru", GRU)
_enter("rnn_tanh", RNN, activation="tanh")
_enter("rnn_relu", RNN, activation="relu")


def _cell(
    b: Builder,
    op: type[Op],
    x: Value,
    states: list[Value],
    w_ih: Value,
    w_hh: Value,
    b_ih: Value | None,
    b_hh: Value | None,
    **how: Any,
) -> Value:
    """Return the value of a layer for one step; states are (N, H)."""
    if len(b.shape(x)) != 2:
        raise Unsupported("an input without a batch")
    biases: list[Operand] = [0.0 if bias is None else bias for bias in (b_ih, b_hh)]
    return b.add(op, b.add(Unsqueeze, x, axis=0), w_ih, w_hh, *biases, *states, **how)


@rule("lstm_cell", folds=False)
def lstm_cell(
    b: Builder,
    x: Value,
    hx: list[Value],
    w_ih: Value,
    w_hh: Value,
    b_ih: Value | None = None,
    b_hh: Value | None = None,
) -> tuple[Value, Value]:
    """The hidden and the cell state after one step."""
    both = _cell(b, LSTM, x, hx, w_ih, w_hh, b_ih, b_hh, output="both")
    return select(b, select(b, both, 0, 0), 0, 0), select(b, select(b, both, 0, 1), 0, 0)


def _enter_cell(aten: str, op: type[Op], **how: Any) -> None:
    def cell(
        b: Builder,
        x: Value,
        hx: Value,
        w_ih: Value,
        w_hh: Value,
        b_ih: Value | None = None,
        b_hh: Value | None = None,
    ) -> Value:
        return select(b, _cell(b, op, x, [hx], w_ih, w_hh, b_ih, b_hh, **how), 0, 0)

    rule(aten, folds=False)(cell)


_enter_cell("gru_cell", GRU)
_enter_cell("rnn_tanh_cell", RNN, activation="tanh")
_enter_cell("rnn_relu_cell", RNN, activation="relu")
