"""LogSoftmax, NLL and KL: logarithms of probabilities, and means of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mfdebug.core.explain.arithmetic import bracketed, checked_formula
from mfdebug.core.explain.entries import same_position
from mfdebug.core.explain.node_view import NodeView
from mfdebug.core.explain.ops.base import Explainer, Locals, Sent, factor, in_numbers
from mfdebug.core.explain.ops.softmax import ROW_REFS, ROW_SHOWN, SoftmaxExplainer, along, axis_of
from mfdebug.core.explain.sums import Bundle, Sums, TermText, one_term
from mfdebug.core.timeline.entry_ref import EntryRef, Index, Subscripts, named
from miniflow.ops.base import Op
from miniflow.ops.likelihood import KL


class LogSoftmaxExplainer(SoftmaxExplainer):
    """lᵢ = xᵢ - log Σⱼ e^xⱼ; ∂lⱼ/∂xᵢ = [i = j] - e^lᵢ."""

    def value(self, view: NodeView, op: Op, index: Index) -> Sums:
        """The entry minus the logarithm of the row's sum, which is written out for a short row."""
        axis, number = axis_of(view, op), float(view.value[index])
        row = [along(index, axis, j) for j in range(view.value.shape[axis])]
        letters, name, x = view.letters, view.entry(0, index), view.number(0, index)
        j = letters.axis(0)
        every = view.entry(0, (*index[:axis], j, *index[axis + 1 :]))
        rule = f"{name} - {letters.log}(Σ{letters.lowered(j)} {letters.exp(every)})"
        text = None
        if len(row) <= ROW_SHOWN:

            def written_out(texts: Sequence[str]) -> str:
                return f"{texts[0]} - {letters.log}({' + '.join(map(letters.exp, texts[1:]))})"

            text = checked_formula([x, *(view.number(0, e) for e in row)], written_out, number)
        if text is None:
            # The row is long, or its exponentials are no floats.
            text = checked_formula([x, x - number], " - ".join, number)
        refs = [view.ref(0, index), *(view.ref(0, entry) for entry in row[:ROW_REFS])]
        return Sums(rule, (one_term(number, rule, text or bracketed(number), refs),))

    def sent(self, view: NodeView, op: Op, input_index: int, entry: Index) -> Sent:
        """grad - e^l ⊙ Σ grad, the sum along the axis."""
        gradient = view.gradient()
        return Sent(f"{gradient} - {view.letters.exp(view.label)} ⊙ Σ {gradient}")

    def locals(self, view: NodeView, op: Op, input_index: int, entry: Index) -> Locals | None:
        """[i = j] - e^lᵢ along the axis."""
        found = super().locals(view, op, input_index, entry)
        assert found is not None
        axis = axis_of(view, op)
        same = np.arange(view.value.shape[axis]) == entry[axis]
        with np.errstate(all="ignore"):
            numbers = same.reshape(found.numbers.shape) - np.exp(view.value[entry])
        return Locals(found.region, numbers)

    def local(
        self, view: NodeView, op: Op, input_index: int, entry: Index, output: Subscripts
    ) -> str:
        """1 - e^l for the entry itself, -e^l for the others of its row."""
        own = view.letters.exp(named(view.label, entry))
        if output == entry:
            return f"1 - {own}"
        if any(isinstance(i, str) for i in output):
            letter = next(i for i in output if isinstance(i, str))
            return f"[{letter} = {entry[axis_of(view, op)]}] - {own}"
        return f"-{own}"

    def local_numbers(
        self, view: NodeView, op: Op, input_index: int, entry: Index, output: Index, number: float
    ) -> str:
        """The same in numbers."""
        front = "1 - " if output == entry else "-"
        text = checked_formula(
            [float(view.value[entry])], lambda texts: front + view.letters.exp(texts[0]), number
        )
        return text or bracketed(number)

    def leads_to(
        self, view: NodeView, op: Op, input_index: int, entry: Index, output: Index
    ) -> list[EntryRef]:
        """The entry's own logarithm."""
        return [EntryRef(view.node, "value", entry)]


class NLLExplainer(Explainer):
    """The mean over m rows of the negative log-probability at the row's label."""

    def value(self, view: NodeView, op: Op, index: Index) -> Sums:
        """One term per row."""
        logs, labels = view.inputs
        classes = labels.reshape(-1).astype(np.intp)
        taken = np.take_along_axis(logs.reshape(len(classes), -1), classes[:, None], -1)[:, 0]
        amounts = -taken.astype(np.float64) / classes.size

        def term_text(k: int) -> TermText:
            row = same_position((k,), (classes.size,), labels.shape)
            entry = (*row, int(classes[k]))
            return TermText(
                f"-{view.entry(0, entry)}/{view.letters.count}",
                f"-{bracketed(view.number(0, entry))}/{classes.size}",
                (view.ref(0, entry), view.ref(1, row)),
            )

        rule = self.formula(view, op, view.labels)
        return Sums(rule, (Bundle(amounts, term_text),), (view.legend(),))

    def sent(self, view: NodeView, op: Op, input_index: int, entry: Index) -> Sent:
        """-1/m at the labels."""
        return Sent(f"{view.gradient()} × (-onehot({view.labels[1]})/{view.letters.count})")

    def locals(self, view: NodeView, op: Op, input_index: int, entry: Index) -> Locals | None:
        """-1/m at the row's label, else 0."""
        labels = view.inputs[1]
        hit = int(labels[entry[:-1]]) == entry[-1]
        return Locals((), np.asarray(-1.0 / labels.size if hit else 0.0))

    def local(
        self, view: NodeView, op: Op, input_index: int, entry: Index, output: Subscripts
    ) -> str:
        """-[label = k]/m."""
        return f"-[{view.entry(1, entry[:-1])} = {entry[-1]}]/{view.letters.count}"

    def leads_to(
        self, view: NodeView, op: Op, input_index: int, entry: Index, output: Index
    ) -> list[EntryRef]:
        """The label."""
        return [view.ref(1, entry[:-1])]


class KLExplainer(Explainer):
    """The divergence of log-probabilities from a target; each pair of entries is a term."""

    def value(self, view: NodeView, op: Op, index: Index) -> Sums:
        """One term per pair."""
        assert isinstance(op, KL)
        shape, m = view.inputs[0].shape, op.count(view.inputs[0].shape)
        logs, target = (x.reshape(-1).astype(np.float64) for x in view.inputs)
        with np.errstate(all="ignore"):
            p = np.exp(target) if op.attrs["log_target"] else target
            log_p = target if op.attrs["log_target"] else np.log(target)
            amounts = np.where(p == 0, 0.0, p * (log_p - logs)) / m

        def term_text(k: int) -> TermText:
            entry = same_position((k,), (logs.size,), shape)
            refs = (view.ref(0, entry), view.ref(1, entry))
            if p[k] == 0:
                # 0 log 0 is no arithmetic: the term is the probability itself.
                name = view.entry(1, entry)
                in_logs = op.attrs["log_target"]
                return TermText(view.letters.exp(name) if in_logs else name, "0", refs)
            text = checked_formula(
                [float(logs[k]), float(target[k])],
                lambda texts: in_numbers(view.written(op.term, texts)) + f"/{m}",
                float(amounts[k]),
            )
            symbols = view.written(op.term, [view.entry(i, entry) for i in (0, 1)])
            return TermText(
                f"{symbols}/{view.letters.count}", text or bracketed(float(amounts[k])), refs
            )

        rule = self.formula(view, op, view.labels)
        return Sums(rule, (Bundle(amounts, term_text),), (view.legend(),))

    def sent(self, view: NodeView, op: Op, input_index: int, entry: Index) -> Sent:
        """The gradient of the cost times the derivative of a term."""
        return Sent(
            f"{view.gradient()} × {factor(self._words(view, op, input_index, view.labels))}"
        )

    def locals(self, view: NodeView, op: Op, input_index: int, entry: Index) -> Locals | None:
        """The derivative of this pair's term."""
        assert isinstance(op, KL)
        logs, target = (np.float64(view.number(i, entry)) for i in (0, 1))
        in_logs = op.attrs["log_target"]
        with np.errstate(all="ignore"):
            p = np.exp(target) if in_logs else target
            if input_index == 0:
                number = -p
            elif p == 0:
                number = np.float64(0.0)
            else:
                number = (target + 1 - logs) * p if in_logs else np.log(p) + 1 - logs
        return Locals((), np.asarray(number / op.count(view.inputs[0].shape)))

    def local(
        self, view: NodeView, op: Op, input_index: int, entry: Index, output: Subscripts
    ) -> str:
        """The derivative with the names of the pair; 0 for a target of 0."""
        if input_index and self._of_0(view, op, entry):
            return "0"
        return self._words(view, op, input_index, [view.entry(i, entry) for i in (0, 1)])

    def local_numbers(
        self, view: NodeView, op: Op, input_index: int, entry: Index, output: Index, number: float
    ) -> str:
        """The same in numbers."""
        assert isinstance(op, KL)
        m = str(op.count(view.inputs[0].shape))

        def written(texts: Sequence[str]) -> str:
            words = self._words(view, op, input_index, texts)
            return in_numbers(words.removesuffix(view.letters.count) + m)

        numbers = [view.number(i, entry) for i in (0, 1)]
        return checked_formula(numbers, written, number) or bracketed(number)

    def leads_to(
        self, view: NodeView, op: Op, input_index: int, entry: Index, output: Index
    ) -> list[EntryRef]:
        """The pair."""
        return [view.ref(0, entry), view.ref(1, entry)]

    @staticmethod
    def _words(view: NodeView, op: Op, input_index: int, names: Sequence[str]) -> str:
        return view.written(lambda *n: op.local(input_index, *n), [view.label, *names])

    @staticmethod
    def _of_0(view: NodeView, op: Op, entry: Index) -> bool:
        target = view.number(1, entry)
        return (np.exp(target) if op.attrs["log_target"] else target) == 0
