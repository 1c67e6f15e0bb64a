"""RNN, LSTM and GRU: the gates of one entry in numbers, and what it sends back through time.

An entry of an input reaches the outputs of its own step and of all later ones: a contribution has a
term for each of them, its gradient times the derivative through all steps between.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mfdebug.core.explain.arithmetic import bracketed, checked_formula
from mfdebug.core.explain.entries import Region, single_entry
from mfdebug.core.explain.node_view import NodeView, unique
from mfdebug.core.explain.ops.base import Explainer, Locals, Sent
from mfdebug.core.explain.ops.time_steps import Pass, derivatives
from mfdebug.core.explain.sums import Bundle, Sums, TermText, one_term
from mfdebug.core.format.numbers import scalar
from mfdebug.core.timeline.entry_ref import EntryRef, Index, Subscripts, named
from miniflow.ops.base import Array, Op
from miniflow.ops.recurrent import B_HH, B_IH, C_0, H_0, W_HH, W_IH, Recurrent, Step, X

# Of a step's inputs and of the states before it, the entries that the user can follow.
_REFS = 50
# Products of numbers that a derivative through time may take; it is asked at every key press.
_MOST_PRODUCTS = 4_000_000


class RecurrentExplainer(Explainer):
    """The base of the three: how a number goes back through time."""

    reads_all_inputs = True

    def sent(self, view: NodeView, op: Op, input_index: int, entry: Index) -> Sent:
        """The sum over the outputs that depend on the entry."""
        region = _reached(view, op, input_index, entry)
        return Sent(self.rule_over(region, view, op, input_index, entry), whole=False)

    def locals(self, view: NodeView, op: Op, input_index: int, entry: Index) -> Locals | None:
        """The derivatives of all outputs that depend on the entry, through the steps between."""
        assert isinstance(op, Recurrent)
        region = _reached(view, op, input_index, entry)
        sequences = region[-2]
        steps, _, entries = view.inputs[X].shape
        rows, units = view.inputs[W_HH].shape
        if steps * (sequences.stop - sequences.start) * rows * (units + entries) > _MOST_PRODUCTS:
            return None
        numbers = derivatives(op, view.inputs, view.value, sequences, input_index, entry)
        return Locals(region, numbers[(..., region[-3], slice(None), slice(None))])

    def local(
        self, view: NodeView, op: Op, input_index: int, entry: Index, output: Subscripts
    ) -> str:
        """The derivative of the output, not only of its own step."""
        return f"(∂ {named(view.label, output)} / ∂ {view.entry(input_index, entry)})"

    def leads_to(
        self, view: NodeView, op: Op, input_index: int, entry: Index, output: Index
    ) -> list[EntryRef]:
        """The output."""
        return [EntryRef(view.node, "value", output)]

    def divided(
        self, view: NodeView, op: Op, input_index: int, entry: Index, region: Region, amounts: Array
    ) -> str:
        """Of a step's input: what came from the output at its step, and what through the next."""
        if input_index != X:
            return ""
        sizes = [part.stop - part.start for part in region]
        time, here = entry[0], entry[0] - region[-3].start
        by_time = np.moveaxis(amounts.reshape(sizes), -3, 0)
        if len(by_time) == 1:
            return f"all from the output at step {time}, which is the last"
        later = time + (-1 if op.attrs["reverse"] else 1)
        own = float(by_time[here].sum())
        total = float(np.delete(by_time, here, 0).sum())
        parts = f"{scalar(own)} from the output at step {time}, {scalar(total)} from step {later}"
        return parts + (" and later ones" if len(by_time) > 2 else "")


class RNNExplainer(RecurrentExplainer):
    """RNN: the activation of a sum of four shares."""

    def formula(self, view: NodeView, op: Op, names: list[str]) -> str:
        """tanh(x·W_ihᵀ + b_ih + h[t-1]·W_hhᵀ + b_hh)."""
        before = f"{view.letters.free('h', 'state')}[t-1]"
        x, w_ih, w_hh, b_ih, b_hh = names[:H_0]
        return _activated(op, f"{x}·{w_ih}ᵀ + {b_ih} + {before}·{w_hh}ᵀ + {b_hh}")

    def value(self, view: NodeView, op: Op, index: Index) -> Sums:
        """The four shares of one entry."""
        entry = _Entry(view, op, index)
        numbers, names = entry.shares("h"), entry.share_names("h")
        result = float(view.value[index])
        text = checked_formula(numbers, lambda texts: _activated(op, " + ".join(texts)), result)
        symbols = _activated(op, " + ".join(names))
        term = one_term(result, symbols, text or bracketed(result), entry.refs())
        return Sums(symbols, (term,))


class LSTMExplainer(RecurrentExplainer):
    """LSTM: the output gate of a squashed cell, which keeps and adds."""

    def formula(self, view: NodeView, op: Op, names: list[str]) -> str:
        """o ⊙ tanh(c)."""
        i, f, g, o, c = _letters(view)
        return f"{o} ⊙ tanh({c}), {c} = {f} ⊙ {c}[t-1] + {i} ⊙ {g}"

    def value(self, view: NodeView, op: Op, index: Index) -> Sums:
        """The gates of one entry; of a cell, what it kept and what was added."""
        entry = _Entry(view, op, index)
        i, f, g, o, c = _letters(view)
        one = entry.passed
        numbers = [float(one.gates[name][entry.step.time, 0, 0]) for name in "ifgo"]
        cell = float(one.cells[entry.step.time, 0, 0])
        before = entry.before(C_0)
        kept = [(f"{f}·{before[0]}", numbers[1], before[1])] if before else []
        notes = [entry.gate_note(name, own) for name, own in zip("ifgo", (i, f, g, o), strict=True)]
        result = float(view.value[index])
        if len(index) == 4 and index[0] == 1:
            terms = [*kept, (f"{i}·{g}", numbers[0], numbers[2])]
            rule = " + ".join(symbols for symbols, *_ in terms)
            refs = [*entry.own_refs(C_0), *entry.refs()]
            return Sums(rule, (_products(terms, refs),), tuple(notes[:3]))
        rule = f"{o}·tanh({c})"
        parts = [numbers[3], *(n for _, *pair in kept for n in pair), numbers[0], numbers[2]]

        def write(texts: Sequence[str]) -> str:
            pairs = [" × ".join(texts[k : k + 2]) for k in range(1, len(texts), 2)]
            return f"{texts[0]} × tanh({' + '.join(pairs)})"

        text = checked_formula(parts, write, result)
        cells = [EntryRef(view.node, "value", (1, *index[1:]))] if len(index) == 4 else []
        in_symbols = " + ".join([*(symbols for symbols, *_ in kept), f"{i}·{g}"])
        in_numbers = checked_formula(parts[1:], lambda t: write(("", *t))[8:-1], cell)
        notes.append(f"{c} = {in_symbols} = {in_numbers or bracketed(cell)} = {scalar(cell)}")
        term = one_term(result, rule, text or bracketed(result), [*cells, *entry.refs()])
        return Sums(rule, (term,), tuple(notes))


class GRUExplainer(RecurrentExplainer):
    """GRU: a mix of a new state and the one before."""

    def formula(self, view: NodeView, op: Op, names: list[str]) -> str:
        """(1 - z) ⊙ n + z ⊙ h[t-1]."""
        _, z, n = _gru_letters(view)
        return f"(1 - {z}) ⊙ {n} + {z} ⊙ {view.letters.free('h', 'state')}[t-1]"

    def value(self, view: NodeView, op: Op, index: Index) -> Sums:
        """The share of the new state, and of the one before."""
        entry = _Entry(view, op, index)
        r, z, n = _gru_letters(view)
        _, update, new = (float(entry.passed.gates[k][entry.step.time, 0, 0]) for k in "rzn")
        before = entry.before(H_0)
        terms = [(f"(1 - {z})·{n}", 1.0 - update, new)]
        if before:
            terms.append((f"{z}·{before[0]}", update, before[1]))
        notes = (entry.gate_note("r", r), entry.gate_note("z", z), self._new_note(entry, n))
        rule = " + ".join(symbols for symbols, *_ in terms)
        return Sums(rule, (_products(terms, [*entry.own_refs(H_0), *entry.refs()]),), notes)

    @staticmethod
    def _new_note(entry: _Entry, n: str) -> str:
        """Return how the new state was computed: the reset gate scales the old one's share."""
        shares, time = entry.shares("n"), entry.step.time
        reset, new = (float(entry.passed.gates[name][time, 0, 0]) for name in "rn")
        ours, theirs = sum(shares[:2]), sum(shares[2:])
        text = checked_formula(
            [ours, reset, theirs], lambda t: f"tanh({t[0]} + {t[1]} × {t[2]})", new
        )
        return f"{n} = {text or bracketed(new)} = {scalar(new)}"


def _letters(view: NodeView) -> list[str]:
    """Return the letters of an LSTM's gates and of its cell."""
    words = ("input gate", "forget gate", "new cell", "output gate", "cell")
    return [view.letters.free(k, word) for k, word in zip("ifgoc", words, strict=True)]


def _gru_letters(view: NodeView) -> list[str]:
    words = ("reset gate", "update gate", "new state")
    return [view.letters.free(k, word) for k, word in zip("rzn", words, strict=True)]


def _activated(op: Op, text: str) -> str:
    return f"max({text}, 0)" if op.attrs["activation"] == "relu" else f"tanh({text})"


def _products(terms: list[tuple[str, float, float]], refs: list[EntryRef]) -> Bundle:
    """Return terms that are products of two numbers."""
    amounts = np.array([left * right for _, left, right in terms])

    def term_text(k: int) -> TermText:
        symbols, *pair = terms[k]
        text = checked_formula(pair, " × ".join, float(amounts[k])) or bracketed(float(amounts[k]))
        return TermText(symbols, text, unique(refs))

    return Bundle(amounts, term_text)


class _Entry:
    """An entry of a value: its step, its sequence and its unit, and the gates of that unit."""

    def __init__(self, view: NodeView, op: Op, index: Index) -> None:
        assert isinstance(op, Recurrent)
        self.view, self.op, self.index = view, op, index
        time, self.sequence, self.unit = index[-3:]
        length = view.inputs[X].shape[0]
        self.step: Step = next(step for step in op.steps(length) if step.time == time)
        self.passed = Pass(
            op,
            view.inputs,
            view.value,
            slice(self.sequence, self.sequence + 1),
            slice(self.unit, self.unit + 1),
        )

    def row(self, gate: str) -> int:
        """Return the row of a gate of this unit in the weights."""
        units: int = self.view.inputs[W_HH].shape[1]
        return self.op.gates.index(gate) * units + self.unit

    def shares(self, gate: str) -> list[float]:
        """Return what a gate is a function of: the step's inputs, a bias, the state, a bias."""
        inputs, row, time = self.view.inputs, self.row(gate), self.step.time
        x = inputs[X][time, self.sequence].astype(np.float64)
        shares = [float(x @ inputs[W_IH][row]), self._bias(B_IH, row)]
        if self._has_state:
            before = self.passed.before[time, 0].astype(np.float64)
            shares.append(float(before @ inputs[W_HH][row]))
        return [*shares, self._bias(B_HH, row)]

    def share_names(self, gate: str) -> list[str]:
        """Return the same in symbols."""
        view, row, time = self.view, self.row(gate), self.step.time
        names = [f"{view.entry(X, (time, self.sequence))}·{view.entry(W_IH, (row,))}"]
        names.append(self._bias_name(B_IH, row))
        if self._has_state:
            before = self._state_name((self.step.before, self.sequence), (self.sequence,))
            names.append(f"{before}·{view.entry(W_HH, (row,))}")
        return [*names, self._bias_name(B_HH, row)]

    def gate_note(self, gate: str, letter: str) -> str:
        """Return a gate as a function of its sum, in numbers."""
        gates, time = self.passed.gates[gate], self.step.time
        total, number = sum(self.shares(gate)), float(gates[time, 0, 0])
        function = "tanh" if gate == "g" else "σ"
        text = checked_formula([total], lambda t: f"{function}({t[0].strip('()')})", number)
        return f"{letter} = {text or bracketed(number)} = {scalar(number)}"

    def before(self, initial: int) -> tuple[str, float] | None:
        """Return the name and number of the state before the step; None for zeros.

        `initial` is the input with the first one: `C_0` for the cell, `H_0` for the hidden state.
        """
        if self.step.before is None:
            if initial >= len(self.view.inputs):
                return None
            entry = (self.sequence, self.unit)
            return self.view.entry(initial, entry), self.view.number(initial, entry)
        if initial == C_0:
            number = float(self.passed.cells[self.step.before, 0, 0])
            if len(self.index) == 3:
                c = self.view.letters.free("c", "cell")
                return f"{c}[t-1]", number
            index = (1, self.step.before, *self.index[2:])
            return named(self.view.label, index), number
        index = (self.step.before, *self.index[1:])
        return named(self.view.label, index), float(self.view.value[index])

    def own_refs(self, initial: int) -> list[EntryRef]:
        """Return the ref of the state before, if that can be followed."""
        if self.step.before is not None:
            index = list(self.index)
            index[-3] = self.step.before
            return [EntryRef(self.view.node, "value", tuple(index))]
        entry = (self.sequence, self.unit)
        return [self.view.ref(initial, entry)] if initial < len(self.view.inputs) else []

    def refs(self) -> tuple[EntryRef, ...]:
        """Return refs to the step's inputs, and to the hidden states before it."""
        view, units = self.view, range(min(_REFS, self.view.inputs[W_HH].shape[1]))
        entries = range(min(_REFS, view.inputs[X].shape[2]))
        found = [view.ref(X, (self.step.time, self.sequence, k)) for k in entries]
        if self.step.before is not None:
            lead = self.index[:-3] and (0,)
            index = (*lead, self.step.before, self.sequence)
            found += [EntryRef(view.node, "value", (*index, k)) for k in units]
        elif self._has_state:
            found += [view.ref(H_0, (self.sequence, k)) for k in units]
        return unique(found)

    @property
    def _has_state(self) -> bool:
        return self.step.before is not None or len(self.view.inputs) > H_0

    def _state_name(self, own: tuple[int | None, int], first: Index) -> str:
        if self.step.before is None:
            return self.view.entry(H_0, first)
        return named(self.view.label, [i for i in own if i is not None])

    def _bias(self, which: int, row: int) -> float:
        return self.view.number(which, (row,) if self.view.inputs[which].ndim else ())

    def _bias_name(self, which: int, row: int) -> str:
        return self.view.entry(which, (row,) if self.view.inputs[which].ndim else ())


def _reached(view: NodeView, op: Op, input_index: int, entry: Index) -> Region:
    """Return the entries of the value that depend on an entry of an input."""
    steps, sequences, _ = view.inputs[X].shape
    times, which = slice(0, steps), slice(0, sequences)
    if input_index == X:
        time, which = entry[0], single_entry(entry)[1]
        times = slice(0, time + 1) if op.attrs["reverse"] else slice(time, steps)
    elif input_index in (H_0, C_0):
        which = single_entry(entry)[0]
    both = (slice(0, 2),) if view.value.ndim == 4 else ()
    return (*both, times, which, slice(0, view.value.shape[-1]))
