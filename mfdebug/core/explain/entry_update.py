"""One entry of a parameter, as an update changed it: by the rules of our own optimizers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cached_property

import numpy as np
from msgspec import Struct

from mfdebug.core.explain.arithmetic import bracketed, checked_formula, evaluate
from mfdebug.core.explain.sums import Bundle, Sums, TermText
from mfdebug.core.expressions.names import word_typed
from mfdebug.core.format.formula_letters import Letters
from mfdebug.core.format.numbers import scalar
from mfdebug.core.timeline.debugger import Debugger, Update
from mfdebug.core.timeline.entry_ref import Attribute, EntryRef, Index, named
from miniflow.training.direction import NORM_EPSILON, scale_of
from miniflow.training.rules import Rule, filled, letters_of

OWN_RULE = "by the program's own rule"
LEFT_AS_IT_IS = "left as it is by the program"
NEVER_UPDATED = "unchanged: no optimizer of the program has updated it so far"
LEFT_OUT = "unchanged: the optimizer's step after this pass has left it out"
NOT_SEEN = "changed by the program, by no optimizer's step that was seen"


class Assignment(Struct, frozen=True):
    """One assignment: the rule in symbols, the name assigned to, and the result.

    `working` is the formula in numbers, empty if no known rule gives the result; it gives that to
    the last bit if it is `exact`, else to rounding. `by` says who made the assignments that follow.
    """

    rule: str
    name: str
    working: str
    number: float
    exact: bool = True
    by: str = ""


class EntryUpdate:
    """The update of one entry of a parameter, with what is kept for it before and after."""

    def __init__(self, debugger: Debugger, node: int, index: Index, update: Update) -> None:
        self.debugger, self.node, self.index = debugger, node, index
        self.before, self.after = float(update.before[index]), float(update.after[index])
        self.letters = Letters(debugger.graph.by_name)
        self.name = named(debugger.graph.nodes[node].label, index)
        self.rate = update.rate
        self._between = update.between
        self._left_out, self._left_alone = update.left_out, update.left_alone
        self.same = np.array_equal(update.before, update.after, equal_nan=True)
        self.read(update)

    def read(self, update: Update) -> None:
        """Take from the update what the rules of our own optimizers need."""
        debugger, node, index = self.debugger, self.node, self.index
        plan, training = debugger.plan, debugger.graph.training
        self.trainable = debugger.graph.trainables.index(node)
        label = debugger.graph.nodes[node].label
        self.optimizer, self.factor, _ = training.treatment(label)
        self.frozen = self.trainable in plan.frozen
        self.direction = training.direction(self.optimizer)
        present = debugger.state.gradient(node)
        used = present if update.gradient is None else update.gradient
        self.gradient = float(used[index])
        self.gradient_ref = EntryRef(node, "grad", index)
        self.gradient_words = self.gradient_ref.text(debugger)
        if used[index] != present[index] and update.gradient is not None:
            # An edit has changed it right after this moment.
            self.gradient_ref = EntryRef(node, "grad", index, debugger.moment - 1)
            self.gradient_words += " before"
        names = training.state_names
        self.old = {n: float(a[index]) for n, a in zip(names, update.state_before, strict=False)}
        self.new = {n: float(a[index]) for n, a in zip(names, update.state_after, strict=False)}

    @property
    def shown(self) -> tuple[Assignment, ...]:
        """The assignments if they give what the update did, else only that it was made."""
        made = self.assignments
        if self.frozen or (all(rule.working for rule in made) and not math.isnan(self.rate)):
            return made
        rule = f"{self.name}: {scalar(self.before)} before, {self.author}"
        return (Assignment(rule, self.name, "", self.after),)

    @property
    def author(self) -> str:
        """Who made an update whose rule is not known."""
        if not self.same and self._between:
            words = "left out by the optimizer's step, and " if self._left_out else ""
            passes = "1 pass" if self._between == 1 else f"{self._between} passes"
            words += "changed by the next pass over this graph, with "
            return f"{words}{passes} over others between"
        if not self.same:
            return NOT_SEEN if self._left_out else OWN_RULE
        if self._left_alone:
            return NEVER_UPDATED
        return LEFT_OUT if self._left_out else LEFT_AS_IT_IS

    # The rules and their numbers ------------------------------------------------------------

    @cached_property
    def rules(self) -> tuple[Rule, ...]:
        """The rules of this update, in order; of a frozen parameter none."""
        if self.frozen:
            return ()
        if not self.debugger.plan.updates_in(self.debugger.sgd_step):
            step = self.debugger.plan.steps_before + self.debugger.sgd_step
            first = step % self.direction.passes == 0
            return (Rule("a", ("{grad}",) if first else ("{a}", "{grad}")),)
        rules = self.optimizer.rules
        if self.factor != 1.0:
            rules = tuple(
                Rule(rule.target, tuple(t.replace("{lr}", "{factor} × {lr}") for t in rule.terms))
                for rule in rules
            )
        return (*self.direction.rules, *rules)

    @cached_property
    def _symbols(self) -> Mapping[str, str]:
        """The letters of the rules as they are shown; constants as numbers."""
        letters = {x: self.letters.state(x) for x in "mvtadsε"}
        gradient = self.gradient_words
        known = {
            "p": self.name,
            "grad": gradient,
            "g": gradient if self.direction.plain else letters["d"],
            "lr": word_typed("lr", self.debugger.graph.by_name),
            "m̂": f"{letters['m']}̂",
            "v̂": f"{letters['v']}̂",
            "norm": "‖all gradients‖",
        }
        constants = {name: f"{number:g}" for name, number in self._constants.items()}
        return {**letters, **known, **constants}

    @cached_property
    def _constants(self) -> dict[str, float]:
        return {
            **self.optimizer.constants,
            **self.direction.constants,
            "epsilon_norm": NORM_EPSILON,
            "factor": self.factor,
        }

    def _numbers(self) -> dict[str, float]:
        """The number of each letter before the first assignment."""
        constants = self._constants
        known = {"p": self.before, "grad": self.gradient, "g": self.gradient, "lr": self.rate}
        step = float(self.debugger.plan.update_number(self.debugger.sgd_step) + 1)
        norms = {"norm": self._norm()} if self.direction.clip_norm is not None else {}
        return {**constants, **known, "t": step, **norms, **self.old}

    def _norm(self) -> float:
        """The norm of all gradients that are used, as the update computed it."""
        debugger, plan, passes = self.debugger, self.debugger.plan, self.direction.passes
        total = 0.0
        for i, node in enumerate(debugger.graph.trainables):
            if i in plan.frozen:
                continue
            g = np.asarray(debugger.state.gradient(node), np.float64)
            if passes > 1:
                g = (plan.optimizer_state(i)[-1] + g) / passes
            with np.errstate(all="ignore"):
                total += float(np.sum(g * g))
        return math.sqrt(total)

    def _result(self, rule: Rule, numbers: Mapping[str, float]) -> float:
        """The number that a rule assigned: as the update left it, else as the rule gives it."""
        if rule.target == "p":
            return self.after
        if rule.target in self.new:
            return self.new[rule.target]
        if rule.target == "s":
            return scale_of(numbers["norm"] ** 2, numbers["limit"])
        return evaluate(filled(rule.sum, {x: bracketed(numbers[x], 17) for x in rule.letters}))

    @cached_property
    def _steps(self) -> tuple[tuple[Rule, dict[str, float], float], ...]:
        """Each rule, the numbers that it used, and its result."""
        steps = []
        numbers = self._numbers()
        for rule in self.rules:
            result = self._result(rule, numbers)
            steps.append((rule, dict(numbers), result))
            numbers[rule.target] = result
            if rule.target == "d":
                numbers["g"] = result
        return tuple(steps)

    @property
    def known(self) -> bool:
        """Whether the rules and their numbers are known; a program's are not."""
        return set(self.debugger.graph.training.state_names) <= set(self.new)

    def _text(self, rule: Rule) -> str:
        """A rule in symbols: `v ← 0.9 × v + ∂cost/∂W`."""
        return _squared(rule, self._symbols["g"]).text(self._symbols)

    @property
    def assignments(self) -> tuple[Assignment, ...]:
        """The assignments of the update, in symbols and in numbers."""
        if self.frozen:
            rule = f"{self.name}: frozen, not updated"
            return (Assignment(rule, self.name, "", self.after),)
        steps = self._steps if self.known else self._steps[-1:]
        return tuple(self._assignment(*step) for step in steps)

    def _assignment(self, rule: Rule, numbers: Mapping[str, float], result: float) -> Assignment:
        letters = rule.letters
        working = checked_formula(
            [numbers[x] for x in letters],
            lambda texts: filled(rule.sum, dict(zip(letters, texts, strict=True))),
            result,
        )
        return Assignment(self._text(rule), self._symbols[rule.target], working or "", result)

    # As terms of a sum -------------------------------------------------------------------

    def sums(self, attribute: Attribute) -> Sums:
        """Return the updated value, or an entry of what is kept for it, as a sum."""
        target = "p" if attribute == "value" else attribute
        if self.frozen:
            return Sums("", (), (f"{self.name}: frozen, not updated",))
        found = [step for step in self._steps if step[0].target == target] if self.known else []
        if not found:
            kept = "unchanged: the gradient was accumulated" if self.known else self.author
            before = self.before if target == "p" else self.old.get(target, math.nan)
            return Sums("", (), (f"{self.name}: {scalar(before)} before, {kept}",))
        rule, numbers, result = found[0]
        assigned = self._assignment(rule, numbers, result)
        if not assigned.working or math.isnan(self.rate):
            return Sums("", (), (f"{self.name}: {scalar(self.before)} before, {self.author}",))
        parts = [self._term(term, numbers) for term in rule.terms]
        texts = tuple(text for text, _ in parts)
        amounts = np.array([amount for _, amount in parts])
        notes = self._notes(target)
        return Sums(assigned.rule, (Bundle(amounts, lambda k: texts[k]),), notes)

    def _term(self, term: str, numbers: Mapping[str, float]) -> tuple[TermText, float]:
        """Return one term of a rule, and its amount."""
        letters = letters_of(term)
        inside = {x: bracketed(numbers[x]) for x in letters}
        spaced = term.replace(" / ", "/").replace("(1 - ", "(1-")
        shown = _squared(Rule("", (spaced.replace(" × ", "·"),)), self._symbols["g"]).sum
        names = {**self._symbols, "epsilon": self._symbols["ε"]}
        symbols = filled(shown, names)
        if self._from_before(term):
            symbols = f"{symbols} before"
        amount = evaluate(filled(term, {x: bracketed(numbers[x], 17) for x in letters}))
        return TermText(symbols, filled(spaced, inside), self._leads_to(term)), amount

    def _from_before(self, term: str) -> bool:
        """Whether a term is what was there before the update, perhaps times a constant."""
        variable = [x for x in letters_of(term) if x not in ("lr", *self._constants)]
        if len(variable) != 1 or not term.endswith("}"):
            return False
        return variable[0] == "p" or (variable[0] in self.old and not term.startswith("-"))

    def _leads_to(self, term: str) -> tuple[EntryRef, ...]:
        """The entries that a term was computed from."""
        earlier = self._from_before(term)
        refs: list[EntryRef] = []
        for letter in letters_of(term):
            if letter == "p":
                refs.append(self._ref("value", before=True))
            elif letter in ("g", "grad"):
                refs.append(self.gradient_ref)
            elif letter == "a":
                refs.append(self._ref("a", before=True))
            elif letter in ("m", "m̂"):
                refs.append(self._ref("m", before=earlier))
            elif letter in ("v", "v̂"):
                refs.append(self._ref("v", before=earlier))
        return tuple(dict.fromkeys(refs))

    def _ref(self, attribute: Attribute, *, before: bool = False) -> EntryRef:
        moment = self.debugger.moment - 1 if before else None
        return EntryRef(self.node, attribute, self.index, moment)

    def _notes(self, target: str) -> tuple[str, ...]:
        """What is computed on the way and is neither kept nor shown: m̂, v̂, d and s, in numbers."""
        notes = []
        for rule, numbers, result in self._steps:
            if rule.target == target:
                break
            if rule.target not in self.new:
                made = self._assignment(rule, numbers, result)
                notes.append(f"{made.name} = {made.working} = {scalar(made.number)}")
        return tuple(notes)


def _squared(rule: Rule, gradient: str) -> Rule:
    """Return a rule with brackets around a gradient that is squared, unless it is one letter."""
    if gradient.isalnum():
        return rule
    return Rule(rule.target, tuple(term.replace("{g}^2", "({g})^2") for term in rule.terms))
