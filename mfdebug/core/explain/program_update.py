"""One entry of a parameter, as a step of a program's optimizer changed it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

from msgspec.structs import replace

from mfdebug.core.explain.entry_update import Assignment, EntryUpdate
from mfdebug.core.explain.sums import Sums
from mfdebug.core.expressions.names import word_typed
from mfdebug.core.format.numbers import scalar
from mfdebug.core.timeline.debugger import Update
from mfdebug.core.timeline.entry_ref import Attribute, EntryRef
from miniflow.training.rules import Rule, filled, letters_of

NO_GRADIENT_CAME = "no gradient came to its row, which is left as it is"


class ProgramUpdate(EntryUpdate):
    """The update of one entry of a parameter by a program's optimizer."""

    frozen = False

    def read(self, update: Update) -> None:
        """Take from the update what the optimizer's rules need."""
        assert update.method is not None
        self.method = update.method
        index, method = self.index, update.method
        self.gradient_ref = EntryRef(self.node, "grad", index)
        self.changed = method.gradient is not None
        if method.gradient is not None:
            self.gradient = float(method.gradient[index])
        elif method.rules:
            self.gradient = float(self.debugger.state.gradient(self.node)[index])
        self.old = {letter: float(array[index]) for letter, array in method.old.items()}
        self.new = {letter: float(array[index]) for letter, array in method.new.items()}

    @property
    def shown(self) -> tuple[Assignment, ...]:
        """The assignments, if they give what the step did, and who made them."""
        made = self.assignments if self.known else ()
        if not made or not all(assignment.working for assignment in made):
            rule = f"{self.name}: {scalar(self.before)} before, {self.author}"
            return (Assignment(rule, self.name, "", self.after),)
        return replace(made[0], by=self.author), *made[1:]

    @property
    def author(self) -> str:
        """The optimizer in words, and how the parameter was changed besides."""
        words = [self.method.sentence]
        if self._left:
            words.append(NO_GRADIENT_CAME)
        elif self.method.rules and self.method.legend:
            words.append(filled(self.method.legend, self._symbols))
        return "; ".join(words)

    @property
    def _left(self) -> bool:
        return self.method.left is not None and bool(self.method.left[self.index])

    # The rules and their numbers ------------------------------------------------------------

    @cached_property
    def rules(self) -> tuple[Rule, ...]:
        """The rules of the optimizer, in order; empty if they are not known."""
        return self.method.rules_of(self.index)

    @cached_property
    def _symbols(self) -> Mapping[str, str]:
        letters = {x: self.letters.state(x) for x in "mvtabcdkoqrsuzεηΔ"}
        gradient = (
            self.letters.state("g") if self.changed else self.gradient_ref.text(self.debugger)
        )
        directed = any(rule.target == "d" for rule in self.rules)
        constants = {name: f"{number:g}" for name, number in self._constants.items()}
        return {
            **letters,
            "p": self.name,
            "grad": gradient,
            "g": letters["d"] if directed else gradient,
            "lr": word_typed("lr", self.debugger.graph.by_name),
            "m̂": f"{letters['m']}̂",
            "v̂": f"{letters['v']}̂",
            **constants,
        }

    @cached_property
    def _constants(self) -> dict[str, float]:
        return dict(self.method.constants)

    def _numbers(self) -> dict[str, float]:
        assigned = {rule.target for rule in self.rules}
        return {
            **self._constants,
            **{letter: number for letter, number in self.new.items() if letter not in assigned},
            "p": self.before,
            "grad": self.gradient,
            "g": self.gradient,
            "lr": self.rate,
            "t": float(self.method.t),
            **self.old,
        }

    @property
    def known(self) -> bool:
        """Whether the rules and their numbers are known, and those of this entry."""
        return bool(self.method.rules) and not self._left

    def _assignment(self, rule: Rule, numbers: Mapping[str, float], result: float) -> Assignment:
        made = super()._assignment(rule, numbers, result)
        exact = self.method.exact
        if rule.target != "p" or exact is None or exact[self.index]:
            return made
        return replace(made, exact=False)

    # As terms of a sum -------------------------------------------------------------------

    def sums(self, attribute: Attribute) -> Sums:
        """Return the updated value as a sum."""
        found = super().sums(attribute) if self.known else None
        if found is None or not found.bundles:
            note = f"{self.name}: {scalar(self.before)} before, {self.author}"
            return Sums("", (), (note,))
        same = self.method.exact
        exact = attribute != "value" or same is None or bool(same[self.index])
        return replace(found, notes=(self.author, *found.notes), exact=exact)

    def _leads_to(self, term: str) -> tuple[EntryRef, ...]:
        """The entries that a term was computed from: what an optimizer keeps is no node's."""
        refs: list[EntryRef] = []
        for letter in letters_of(term):
            if letter == "p":
                refs.append(self._ref("value", before=True))
            elif letter in ("g", "grad") and not self.changed:
                refs.append(self.gradient_ref)
        return tuple(dict.fromkeys(refs))
