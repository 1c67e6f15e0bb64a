"""Norms: mean and variance in numbers, the normalised entry, weight and bias, what is kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from mfdebug.core.explain.arithmetic import bracketed, checked_formula
from mfdebug.core.explain.entries import single_entry
from mfdebug.core.explain.node_view import NodeView
from mfdebug.core.explain.ops.base import Explainer, Locals, Sent, factor
from mfdebug.core.explain.ops.norm_gradient import NormGradient, gradient_letters, gradient_rule
from mfdebug.core.explain.ops.norm_statistics import Statistics, weight_index
from mfdebug.core.explain.sums import Sums, one_term
from mfdebug.core.format.numbers import scalar
from mfdebug.core.timeline.debugger import Freshness
from mfdebug.core.timeline.entry_ref import EntryRef, Index, Subscripts
from miniflow.ops.base import Op
from miniflow.ops.norms import Normalization, OverLastAxes


class NormalizationExplainer(Explainer):
    """(x - mean)/√(variance + eps) × weight + bias."""

    reads_all_inputs = True

    def value(self, view: NodeView, op: Op, index: Index) -> Sums:
        """The normalised entry times its weight, and the bias."""
        assert isinstance(op, Normalization)
        found = Statistics.of(view, op, index)
        if found is None:
            return self._unknown(view, op, index)
        rule, refs = op.normal_text(view.entry(0, index), view.labels[0]), [view.ref(0, index)]
        numbers, write = found.normal_form(view.number(0, index))
        amount, bundles = found.normal(view.number(0, index)), []
        if len(view.inputs) > 1:
            entry = weight_index(view, op, index)
            weight = view.number(1, entry)
            rule, refs = f"{rule}·{view.entry(1, entry)}", [*refs, view.ref(1, entry)]
            amount *= weight
            numbers, write = [*numbers, weight], _times(write)
        text = checked_formula(numbers, write, amount) or bracketed(amount)
        bundles.append(one_term(amount, rule, text, [*refs, *found.refs()]))
        if len(view.inputs) > 2:
            name, bias = view.entry(2, entry), view.number(2, entry)
            bundles.append(one_term(bias, name, bracketed(bias), [view.ref(2, entry)]))
            rule = f"{rule} + {name}"
        return Sums(
            rule, tuple(bundles), (*found.notes(), found.normal_note(view.number(0, index)))
        )

    def _unknown(self, view: NodeView, op: Normalization, index: Index) -> Sums:
        number, at = float(view.value[index]), weight_index(view, op, index)
        others = (view.entry(input_index, at) for input_index in range(1, len(view.inputs)))
        rule = op.formula(view.entry(0, index), *others)
        term = one_term(number, rule, bracketed(number), [view.ref(0, index)])
        return Sums(rule, (term,), ("the running mean and variance are not known",))

    # Backward ----------------------------------------------------------------------------

    def sent(self, view: NodeView, op: Op, input_index: int, entry: Index) -> Sent:
        """The three terms; for weight and bias the sum over the entries that share them."""
        assert isinstance(op, Normalization)
        if input_index == 0 and not op.reads_lasting:
            return Sent(gradient_rule(view, op), whole=False)
        region = self._region(view, op, input_index, entry)
        return Sent(self.rule_over(region, view, op, input_index, entry), whole=False)

    def sums(self, view: NodeView, op: Op, input_index: int, entry: Index) -> Sums | None:
        """To x: three terms."""
        assert isinstance(op, Normalization)
        found = Statistics.of(view, op, entry) if input_index == 0 else None
        if found is None or op.reads_lasting:
            return None
        return NormGradient(view, op, entry, found).sums()

    def _region(
        self, view: NodeView, op: Normalization, input_index: int, entry: Index
    ) -> tuple[slice, ...]:
        """Return the entries of the value that depend on an entry of an input."""
        if input_index == 0:
            return single_entry(entry)
        every = [slice(0, n) for n in view.value.shape]
        if isinstance(op, OverLastAxes):
            return (*every[: len(every) - len(entry)], *single_entry(entry))
        return (every[0], *single_entry(entry), *every[2:])

    def locals(self, view: NodeView, op: Op, input_index: int, entry: Index) -> Locals | None:
        """z for a weight, 1 for a bias; in inference weight/√(variance + eps) for x."""
        assert isinstance(op, Normalization)
        region = self._region(view, op, input_index, entry)
        shape = tuple(part.stop - part.start for part in region)
        if input_index == 2:
            return Locals(region, np.ones(shape))
        found = Statistics.of(view, op, entry if input_index == 0 else _first(region))
        if found is None:
            return None
        if input_index == 0:
            weight = view.number(1, weight_index(view, op, entry)) if len(view.inputs) > 1 else 1.0
            return Locals(region, np.full(shape, weight / found.spread))
        return Locals(region, found.normals_in(region).reshape(shape))

    def local(
        self, view: NodeView, op: Op, input_index: int, entry: Index, output: Subscripts
    ) -> str:
        """The same in symbols."""
        assert isinstance(op, Normalization)
        if input_index == 2:
            return "1"
        if input_index == 1:
            return op.normal_text(view.entry(0, output), view.labels[0])
        above = "1"
        if len(view.inputs) > 1:
            above = view.entry(1, weight_index(view, op, entry))
        return f"{above}/{op.spread_text(view.labels[0])}"

    def local_numbers(
        self, view: NodeView, op: Op, input_index: int, entry: Index, output: Index, number: float
    ) -> str:
        """The same in numbers."""
        assert isinstance(op, Normalization)
        found = Statistics.of(view, op, output)
        if input_index == 2 or found is None:
            return bracketed(number)
        numbers, write = found.normal_form(view.number(0, output))
        if input_index == 0:
            weight = view.number(1, weight_index(view, op, entry)) if len(view.inputs) > 1 else 1.0
            numbers = [weight, *found.below_numbers]
            write = "{0[0]}/√({0[1]} + {0[2]})".format
        return checked_formula(numbers, write, number) or bracketed(number)

    def leads_to(
        self, view: NodeView, op: Op, input_index: int, entry: Index, output: Index
    ) -> list[EntryRef]:
        """The entry of x for a weight, the weight for x."""
        if input_index == 1:
            return [view.ref(0, output)]
        weighted = input_index == 0 and len(view.inputs) > 1
        assert isinstance(op, Normalization)
        return [view.ref(1, weight_index(view, op, entry))] if weighted else []

    # Words -------------------------------------------------------------------------------

    def role(self, view: NodeView, op: Op) -> str:
        """What is sent to x, to the weight and to the bias."""
        assert isinstance(op, Normalization)
        names, x = [view.target(i) for i in range(len(view.labels))], view.labels[0]
        g, z = gradient_letters(view)
        if op.reads_lasting:
            local = factor(f"{[*view.labels[1:], 1][0]}/{op.spread_text(x)}")
            text = f"a batch norm with running statistics scales the gradient by {local}"
            text, z = f"{text} towards {names[0]}", f"the normalised {x}"
        else:
            times = f" × {view.labels[1]}" if len(names) > 1 else ""
            words = f"({g} is {view.gradient()}{times}, {z} the normalised {x})"
            text = f"{super().role(view, op)} {words}"
        text += f"; to {names[1]} the gradient times {z}" if len(names) > 1 else ""
        return text + (f", to {names[2]} the gradient" if len(names) > 2 else "")

    def kept(self, view: NodeView, op: Op, index: Index) -> tuple[str, ...]:
        """The running mean and variance of the entry's channel, and how this pass moved them."""
        debugger, node = view.debugger, view.node
        arrays = debugger.plan.lasting(node)
        if not arrays:
            return ()
        channel, lines = index[1], []
        moved = debugger.state.value_freshness(node) is Freshness.CURRENT and not op.reads_lasting
        before = debugger.plan.lasting_before(node) if moved else {}
        for name, word in (("running_mean", "mean"), ("running_var", "variance")):
            now = float(arrays[name][channel])
            line = f"running {word} of channel {channel}: "
            if moved:
                was = float(before[name][channel])
                lines.append(
                    f"{line}{scalar(was)} → {self._followed(view, op, index, was, now, word)}"
                )
            else:
                lines.append(f"{line}{scalar(now)}")
        return tuple(lines)

    def _followed(
        self, view: NodeView, op: Op, index: Index, was: float, now: float, word: str
    ) -> str:
        """Return how a running number followed that of the batch."""
        assert isinstance(op, Normalization)
        found = Statistics.of(view, op, index)
        assert found is not None
        momentum, batch, note = float(op.attrs["momentum"]), found.mean, ""
        if word == "variance":
            batch = found.variance * found.size / (found.size - 1)
            note = f" ({found.size}/{found.size - 1} of the batch's: unbiased)"
        text = checked_formula(
            [1.0 - momentum, was, momentum, batch],
            "{0[0]} × {0[1]} + {0[2]} × {0[3]}".format,
            now,
        )
        return f"{scalar(now)} = {text}{note}" if text else scalar(now)


def _first(region: Sequence[slice]) -> Index:
    return tuple(part.start for part in region)


def _times(write: Callable[[Sequence[str]], str]) -> Callable[[Sequence[str]], str]:
    return lambda texts: f"{write(texts[:-1])} × {texts[-1]}"
