"""Recurrent layers: the weights of ONNX in the order of our gates, a layer for each direction."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from miniflow import ops
from miniflow.importers.onnx.call import Call, Result
from miniflow.importers.onnx.rules.table import rule
from miniflow.node import Node
from miniflow.ops.base import Array, Op

X, W, R, B, LENGTHS, H_0, C_0, PEEPHOLES = range(8)

# Which block of rows in the file each of our gates has: i o f c, and z r h.
_BLOCKS = {"RNN": (0,), "LSTM": (0, 2, 3, 1), "GRU": (1, 0, 2)}
_KINDS: dict[str, type[Op]] = {"RNN": ops.RNN, "LSTM": ops.LSTM, "GRU": ops.GRU}
_ACTIVATIONS = {
    "RNN": (["Tanh"], ["Relu"]),
    "LSTM": (["Sigmoid", "Tanh", "Tanh"],),
    "GRU": (["Sigmoid", "Tanh"],),
}


@rule("RNN LSTM GRU")
def recurrent(call: Call) -> Sequence[Result]:
    """The states of all steps (T, D, N, H), and those of the last step (D, N, H)."""
    batch_first = bool(call.attribute("layout", 0))
    x = call.node(X)
    if batch_first:
        x = call.make(ops.Transpose, x, suffix="steps_first", axes=[1, 0, 2])
    steps = call.shape_of(x)[0]
    _check(call, steps)
    direction = str(call.attribute("direction", "forward"))
    reverses = {"forward": [False], "reverse": [True], "bidirectional": [False, True]}[direction]
    level = call.layer()
    layers = [_Layer(call, x, level, d, reverse) for d, reverse in enumerate(reverses)]
    outputs: list[Result] = [None] * len(call.proto.output)
    for i, name in enumerate(call.proto.output):
        if not name:
            continue
        suffix = ("", "h_n", "c_n")[i]
        if i == 0:
            axis = 2 if batch_first else 1
            each = [layer.states() for layer in layers]
        else:
            axis = 1 if batch_first else 0
            each = [layer.last(cells=i == 2) for layer in layers]
        if batch_first and i == 0:
            each = [
                call.make(ops.Transpose, node, suffix=f"batch_first_{d}", axes=[1, 0, 2])
                for d, node in enumerate(each)
            ]
        if not each:
            return outputs
        outputs[i] = call.make(ops.Stack, *each, suffix=suffix, axis=axis)
    return outputs


def _check(call: Call, steps: int) -> None:
    """Raise `UntranslatableError` for what our layers have not."""
    call.require(call.attribute("clip") is None, "it clips its gates")
    call.require(not call.attribute("input_forget", 0), "its input and forget gates are coupled")
    call.require(not call.has(PEEPHOLES), "it has peepholes")
    if call.kind == "GRU":
        after = bool(call.attribute("linear_before_reset", 0))
        call.require(after, "its reset gate comes before the product")
    if call.has(LENGTHS):
        lengths = call.integers(LENGTHS)
        call.require(set(lengths) == {steps}, "its sequences have different lengths")
    given = call.attribute("activations")
    if given:
        names = [n.decode() if isinstance(n, bytes) else str(n) for n in given]
        size = len(_ACTIVATIONS[call.kind][0])
        parts = [names[i : i + size] for i in range(0, len(names), size)]
        call.require(
            all(part in _ACTIVATIONS[call.kind] and part == parts[0] for part in parts),
            f"its activations are {', '.join(names)}",
        )


class _Layer:
    """One direction, number `d`, of the layer number `level` of a module."""

    def __init__(self, call: Call, x: Node, level: int, d: int, reverse: bool) -> None:
        self.call, self.d, self.reverse = call, d, reverse
        self.units = call.shape(R)[2]
        self.steps = call.shape_of(x)[0]
        blocks = _BLOCKS[call.kind]
        rows = np.concatenate([np.arange(self.units) + b * self.units for b in blocks])
        self.end = f"_l{level}" + "_reverse" * reverse
        inputs = [
            x,
            self._rows(W, "weight_ih", lambda w: w[d][rows], rows),
            self._rows(R, "weight_hh", lambda w: w[d][rows], rows),
        ]
        count = len(rows)
        if call.has(B):
            inputs += [
                self._rows(B, "bias_ih", lambda b: b[d, :count][rows], rows),
                self._rows(B, "bias_hh", lambda b: b[d, count:][rows], rows + count),
            ]
        else:
            zeros = call.constant(np.zeros(count), f"no_bias{self.end}")
            inputs += [zeros, zeros]
        if call.has(H_0) or (call.kind == "LSTM" and call.has(C_0)):
            inputs.append(self._state(H_0, "h_0"))
            if call.kind == "LSTM":
                inputs.append(self._state(C_0, "c_0"))
        attributes: dict[str, object] = {"reverse": reverse}
        names = [name for name in call.proto.output[2:] if name]
        self.both = call.kind == "LSTM" and bool(names)
        if self.both:
            attributes["output"] = "both"
        activations = call.attribute("activations") or ["Tanh"]
        if call.kind == "RNN":
            first = activations[0]
            text = first.decode() if isinstance(first, bytes) else str(first)
            attributes["activation"] = text.lower()
        self.node = call.make(_KINDS[call.kind], *inputs, suffix=f"layer{self.end}", **attributes)
        self._hidden: Node | None = None

    def _rows(self, index: int, role: str, change: Callable[[Array], Array], rows: Array) -> Node:
        """Return the rows of a weight in the order of our gates."""
        call = self.call
        found = call.derived(index, role + self.end, change)
        if found is not None:
            return found
        name = role + self.end
        node = self._direction(index, name)
        numbers = call.integer_constant(rows, f"{name}_gates")
        return call.make(ops.Take, node, numbers, suffix=name, axis=0)

    def _direction(self, index: int, name: str, *, is_state: bool = False) -> Node:
        """Return an input of (D, ...) for this direction; an initial state is no parameter."""
        call = self.call
        shape = call.shape(index)
        node = call.fixed(index) if is_state else call.node(index)
        if shape[0] > 1:
            stop = self.d + 1
            node = call.make(
                ops.Slice, node, suffix=f"{name}_direction", start=self.d, stop=stop, axis=0
            )
        return call.reshape(node, shape[1:], suffix=f"{name}_flat")

    def _state(self, index: int, name: str) -> Node:
        call = self.call
        if not call.has(index):
            batch = call.shape(X)[0 if call.attribute("layout", 0) else 1]
            return call.constant(np.zeros((batch, self.units)), name + self.end)
        if call.attribute("layout", 0):
            axes = [1, 0, 2]
            node = call.make(
                ops.Transpose, call.fixed(index), suffix=f"{name}{self.end}_moved", axes=axes
            )
            n, _, h = call.shape(index)
            if call.shape(index)[1] > 1:
                node = call.make(
                    ops.Slice,
                    node,
                    suffix=f"{name}{self.end}_direction",
                    start=self.d,
                    stop=self.d + 1,
                    axis=0,
                )
            return call.reshape(node, (n, h), suffix=f"{name}{self.end}")
        return self._direction(index, name + self.end, is_state=True)

    def states(self) -> Node:
        """Return the hidden states (T, N, H)."""
        if not self.both:
            return self.node
        if self._hidden is None:
            self._hidden = self._half(0, "hidden")
        return self._hidden

    def _half(self, number: int, name: str) -> Node:
        call = self.call
        part = call.make(
            ops.Slice,
            self.node,
            suffix=f"{name}{self.end}_half",
            start=number,
            stop=number + 1,
            axis=0,
        )
        return call.reshape(part, call.shape_of(self.node)[1:], suffix=f"{name}{self.end}")

    def last(self, *, cells: bool) -> Node:
        """Return the state (N, H) after the last step, hidden or of the cells."""
        call = self.call
        source = self._half(1, "cells") if cells else self.states()
        time = 0 if self.reverse else self.steps - 1
        name = f"last_{'c' if cells else 'h'}{self.end}"
        part = call.make(
            ops.Slice, source, suffix=f"{name}_step", start=time, stop=time + 1, axis=0
        )
        return call.reshape(part, call.shape_of(source)[1:], suffix=name)
