"""An update in numbers: the optimizer's assignments for one entry of a parameter."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
from msgspec import Struct

from mfdebug.core.explain.arithmetic import bracketed, checked_formula
from mfdebug.core.explain.sums import Bundle, Sums, TermText
from mfdebug.core.expressions.names import word_typed
from mfdebug.core.format.formula_letters import Letters
from mfdebug.core.format.numbers import scalar
from mfdebug.core.timeline.debugger import Debugger, Update
from mfdebug.core.timeline.entry_ref import Attribute, EntryRef, Index, gradient_name, named
from miniflow.training.optimizers import Adam, Momentum, Optimizer

OWN_RULE = "by the program's own rule"


class Assignment(Struct, frozen=True):
    """One assignment: the rule in symbols, the name assigned to, and the result.

    `working` is the formula in numbers, empty if no known rule gives the result.
    """

    rule: str
    name: str
    working: str
    number: float


def assignments(debugger: Debugger, node: int, index: Index) -> tuple[Assignment, ...]:
    """Return the assignments of the present moment's update; empty if there was none."""
    update = debugger.cursor.last_update
    if update is None or debugger.where.node != node:
        return ()
    name = named(debugger.graph.nodes[node].label, index)
    made = _EntryUpdate(debugger, node, index, update).assignments(name)
    if all(assignment.working for assignment in made) and not math.isnan(update.rate):
        return made
    before, after = float(update.before[index]), float(update.after[index])
    return (Assignment(f"{name}: {scalar(before)} before, {OWN_RULE}", name, "", after),)


class _EntryUpdate:
    """The update of one entry of a parameter, with the optimizer's state before and after."""

    def __init__(self, debugger: Debugger, node: int, index: Index, update: Update) -> None:
        self.debugger, self.node, self.index = debugger, node, index
        self.optimizer: Optimizer = debugger.graph.training.optimizer
        self.before, self.after = float(update.before[index]), float(update.after[index])
        self.rate = update.rate
        present = debugger.state.gradient(node)
        used = present if update.gradient is None else update.gradient
        self.gradient = float(used[index])
        self.gradient_ref = EntryRef(node, "grad", index)
        self.gradient_words = self.gradient_ref.text(debugger)
        if used[index] != present[index] and update.gradient is not None:
            # An edit has changed it right after this moment.
            self.gradient_ref = EntryRef(node, "grad", index, debugger.moment - 1)
            self.gradient_words += " before"
        self.letters = Letters(debugger.graph.by_name)
        self.lr = word_typed("lr", debugger.graph.by_name)
        names = self.optimizer.state_names
        self.old = {n: float(a[index]) for n, a in zip(names, update.state_before, strict=False)}
        self.new = {n: float(a[index]) for n, a in zip(names, update.state_after, strict=False)}

    def _rules(self, name: str) -> list[str]:
        """Return the optimizer's rules for the entry, in letters that are not node names."""
        gradient = gradient_name(self.debugger, self.node, self.index)
        return self.letters.updated(self.optimizer.formula, self.lr, name, gradient)

    def assignments(self, name: str) -> tuple[Assignment, ...]:
        rules = self._rules(name)
        if isinstance(self.optimizer, Adam) and self.new:
            return self._adam(name, rules)
        if isinstance(self.optimizer, Momentum) and self.new:
            v = _assigned(
                rules[0],
                self.letters.state("v"),
                (self.optimizer.momentum, self.old["v"], self.gradient),
                "{0} × {1} + {2}",
                self.new["v"],
            )
            numbers = self.before, self.rate, self.new["v"]
            return v, _assigned(rules[1], name, numbers, "{0} - {1} × {2}", self.after)
        numbers = self.before, self.rate, self.gradient
        return (_assigned(rules[-1], name, numbers, "{0} - {1} × {2}", self.after),)

    def _adam(self, name: str, rules: Sequence[str]) -> tuple[Assignment, ...]:
        assert isinstance(self.optimizer, Adam)
        beta1, beta2 = self.optimizer.beta1, self.optimizer.beta2
        m, v, step = self.new["m"], self.new["v"], self._adam_step
        m_hat, v_hat = self.corrected()
        average = "{0} × {1} + (1 - {0}) × {2}"
        m_, v_, t, *_ = map(self.letters.state, "mvtε")
        hats = f"{m_}̂", f"{v_}̂"
        corrected = [
            f"{hat} ← {letter} / (1 - β{lowered}^{t})"
            for hat, letter, lowered in zip(hats, (m_, v_), "₁₂", strict=True)
        ]
        return (
            _assigned(rules[0], m_, (beta1, self.old["m"], self.gradient), average, m),
            _assigned(rules[1], v_, (beta2, self.old["v"], self.gradient), average + "²", v),
            _assigned(corrected[0], hats[0], (m, beta1), f"{{0}} / (1 - {{1}}^{step})", m_hat),
            _assigned(corrected[1], hats[1], (v, beta2), f"{{0}} / (1 - {{1}}^{step})", v_hat),
            _assigned(
                rules[2],
                name,
                (self.before, self.rate, m_hat, v_hat, self.optimizer.epsilon),
                "{0} - {1} × {2} / (√{3} + {4})",
                self.after,
            ),
        )

    @property
    def _adam_step(self) -> int:
        """Adam's t: SGD steps counted from 1, including those of a run that this one continues."""
        return self.debugger.plan.steps_before + self.debugger.sgd_step + 1

    def corrected(self) -> tuple[float, float]:
        """Return m̂ and v̂, Adam's bias-corrected moments."""
        assert isinstance(self.optimizer, Adam)
        step = self._adam_step
        betas = self.optimizer.beta1, self.optimizer.beta2
        first, second = (
            self.new[name] / (1.0 - beta**step) for name, beta in zip("mv", betas, strict=True)
        )
        return first, second

    # As terms of a sum -------------------------------------------------------------------

    def sums(self, attribute: Attribute) -> Sums:
        """Return the updated value, or an entry of the optimizer's state, as a sum."""
        own = EntryRef(self.node, "value", self.index)
        name = own.text(self.debugger)
        rules = self._rules(name)
        if attribute == "m" or attribute == "v":
            position = self.optimizer.state_names.index(attribute)
            return self._state_sums(attribute, rules[position])
        change = None if math.isnan(self.rate) else self._change(name)
        if change is None:
            before = f"{scalar(self.before)} before, {OWN_RULE}"
            return Sums("", (), (f"{name}: {before}",))
        notes: tuple[str, ...] = ()
        if isinstance(self.optimizer, Adam) and self.new:
            _, _, m_hat, v_hat, _ = self._adam(name, rules)
            notes = tuple(
                f"{hat.name} = {hat.working} = {scalar(hat.number)}" for hat in (m_hat, v_hat)
            )
        first = TermText(f"{name} before", bracketed(self.before), (self._before("value"),))
        return _two_terms(rules[-1], self.before, change[1], first, change[0], notes)

    def _change(self, name: str) -> tuple[TermText, float] | None:
        """Return the term added to the value and its amount, or None if no known rule gives it.

        The amount is computed by the rule: the difference of the two values has fewer digits.
        """
        own: tuple[EntryRef, ...] = (self.gradient_ref,)
        lr, (m, v, eps) = self.lr, map(self.letters.state, "mvε")
        symbols, form = f"-{lr}·{self.gradient_words}", "-{0} × {1}"
        numbers: tuple[float, ...] = (self.rate, self.gradient)
        if isinstance(self.optimizer, Momentum) and self.new:
            symbols, numbers = f"-{lr}·{v}", (self.rate, self.new["v"])
            own = (EntryRef(self.node, "v", self.index),)
        elif isinstance(self.optimizer, Adam) and self.new:
            symbols, form = f"-{lr}·{m}̂/(√{v}̂ + {eps})", "-{0} × {1}/(√{2} + {3})"
            numbers = (self.rate, *self.corrected(), self.optimizer.epsilon)
            own = (EntryRef(self.node, "m", self.index), EntryRef(self.node, "v", self.index))
        whole = checked_formula(
            (self.before, *numbers), lambda texts: _sum(texts[0], form, texts[1:]), self.after
        )
        if whole is None:
            return None
        amount = -numbers[0] * numbers[1]
        if len(numbers) > 2:
            amount /= math.sqrt(numbers[2]) + numbers[3]
        return TermText(symbols, form.format(*map(bracketed, numbers)), own), amount

    def _state_sums(self, name: Literal["m", "v"], rule: str) -> Sums:
        old = self.old[name]
        gradient, g = self.gradient_ref, self.gradient_words
        if isinstance(self.optimizer, Adam):
            beta = self.optimizer.beta1 if name == "m" else self.optimizer.beta2
            square = "²" if name == "v" else ""
            symbols = f"(1-{beta:g})·{f'({g})²' if square else g}"
            numbers = f"(1-{beta:g}) × {bracketed(self.gradient)}{square}"
        else:
            assert isinstance(self.optimizer, Momentum)
            beta, symbols, numbers = self.optimizer.momentum, g, bracketed(self.gradient)
        letter = self.letters.state(name)
        first = TermText(
            f"{beta:g}·{letter} before", f"{beta:g} × {bracketed(old)}", (self._before(name),)
        )
        share = 1.0 - beta if isinstance(self.optimizer, Adam) else 1.0
        amount = share * (self.gradient**2 if name == "v" and share != 1.0 else self.gradient)
        return _two_terms(
            rule, beta * old, amount, first, TermText(symbols, numbers, (gradient,)), ()
        )

    def _before(self, attribute: Attribute) -> EntryRef:
        return EntryRef(self.node, attribute, self.index, self.debugger.moment - 1)


def update_sums(debugger: Debugger, node: int, index: Index, attribute: Attribute) -> Sums:
    """Return an entry of a parameter, or of its optimizer state, as the present update set it."""
    update = debugger.cursor.last_update
    assert update is not None
    return _EntryUpdate(debugger, node, index, update).sums(attribute)


def _two_terms(
    rule: str,
    before: float,
    added: float,
    first: TermText,
    second: TermText,
    notes: tuple[str, ...],
) -> Sums:
    texts = (first, second)
    return Sums(rule, (Bundle(np.array([before, added]), lambda k: texts[k]),), notes)


def _assigned(
    rule: str, name: str, numbers: Sequence[float], form: str, result: float
) -> Assignment:
    text = checked_formula(numbers, lambda texts: form.format(*texts), result)
    return Assignment(rule, name, text or "", result)


def _sum(before: str, form: str, texts: Sequence[str]) -> str:
    change = form.format(*texts)
    return f"{before} - {change[1:]}"
