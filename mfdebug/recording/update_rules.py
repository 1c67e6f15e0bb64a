"""Which inputs a program trains and by which rule, from their values before and after a pass.

A learning rate is shown only if one number of few digits explains every trained entry, bit for bit.
Otherwise the update follows a rule of the program's own. All other inputs that change between
passes are data: batches and labels may change in any way, while a trained input follows its
gradient.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping, Sequence, Set

from msgspec import Struct

from mfdebug.recording.descent import MIN_ENTRIES, Descent
from mfdebug.recording.optimizers.known import is_plain_descent, rate_of
from mfdebug.recording.passes_between import passes_between
from mfdebug.recording.rates import UNKNOWN_RATE, Change, Rates
from mfdebug.recording.records import Run
from miniflow.ops.base import Array

# The first passes are examined to learn what is trained; later ones when they are visited.
EXAMINED_PASSES = 64
# Values of an input that are remembered, to recognize data that repeats.
MAX_REMEMBERED = 4096

# Unsettled passes that are checked for news at a time.
CHECKED_AT_ONCE = 4


class PassUpdates(Struct, frozen=True):
    """The inputs updated after a pass, and those explained by the learning rate.

    `rate` is NaN unless it is that of every updated input. `plain`: the updates are plain descent
    at that rate; an optimizer may have any rule.
    """

    changed: frozenset[int]
    explained: frozenset[int]
    rate: float
    plain: bool = True

    def rate_of(self, node: int) -> float:
        """Return the rate of an input's update, NaN if the rule is the program's own."""
        return self.rate if node in self.explained else UNKNOWN_RATE


NOTHING = PassUpdates(frozenset(), frozenset(), UNKNOWN_RATE)


class Updates:
    """The updates of a line's passes, as far as the run has come.

    `trained` are the inputs that the program trains, `fed` those that it sets. An input that is
    known to be trained stays so. `gradient(step, node)` returns an input's gradient after a pass.
    """

    def __init__(
        self,
        run: Run,
        line: int,
        inputs: Sequence[int],
        gradient: Callable[[int, int], Array | None],
        trained: Iterable[int] = (),
    ) -> None:
        self._run, self._line = run, line
        self._inputs = list(inputs)
        self._gradient = gradient
        self.trained: set[int] = set(trained)
        self.fed: set[int] = set()
        # For each examined pass, the inputs that were known at that time.
        self._learned: dict[int, Set[int]] = {}
        self._examined = 0
        # Early passes about which more may become known: of some inputs, nothing is known, or only
        # the initial value in another graph.
        self._unsure: list[int] = []
        self._next_unsure = 0
        self._sets: dict[frozenset[int], frozenset[int]] = {}
        # Inputs that only differ in other graphs.
        self._differs: set[int] = set()
        self._ended = False
        # Provisional results for unsettled passes, valid while the run has that many passes.
        self._provisional_known: tuple[int, dict[int, PassUpdates]] = 0, {}
        self._known: dict[int, PassUpdates] = {}
        self._rates = Rates()
        self._descent = Descent()
        # Inputs that are certainly data.
        self._data: set[int] = set()
        self._weak: dict[tuple[int, float], int] = {}
        self._seen: dict[int, set[int]] = {}

    def known(self, step: int) -> bool:
        """Whether the updates after a pass are known."""
        number = self._number(step)
        return number is not None and bool(self._run.inputs_after(number))

    def learn(self) -> bool:
        """Learn from new passes; return whether more is known than before."""
        before = len(self.trained), len(self.fed)
        if self._unsure and self._has_news():
            again, self._unsure = self._unsure, []
            self.fed -= self._differs
            self._differs.clear()
            self._known.clear()
            self._provisional_known = 0, {}
            for step in again:
                self._examine_early(step)
        while self._examined < EXAMINED_PASSES:
            if self.known(self._examined):
                self._examine_early(self._examined)
            elif not self._is_before_gap(self._examined):
                break
            self._examined += 1
        return before != (len(self.trained), len(self.fed))

    def _is_before_gap(self, step: int) -> bool:
        """Whether passes right after a pass were not watched: nothing becomes known about it."""
        number = self._number(step)
        if number is None or number + 1 >= len(self._run):
            return False
        return self._run.outline(number + 1).after_gap

    def _has_news(self) -> bool:
        """Whether a graph was seen again, or the final values have arrived."""
        ended, self._ended = self._ended, bool(self._run.ending)
        if ended != self._ended:
            return True
        for _ in range(min(CHECKED_AT_ONCE, len(self._unsure))):
            self._next_unsure += 1
            step = self._unsure[self._next_unsure % len(self._unsure)]
            if self._own(step) != self._learned.get(step):
                return True
        return False

    def _examine_early(self, step: int) -> None:
        if not self._is_settled(step):
            self._unsure.append(step)
        self.examine(step)

    def _own(self, step: int) -> Set[int]:
        """Return the inputs whose own values after a pass are known."""
        number = self._number(step)
        if number is None:
            return frozenset()
        return self._run.inputs_after(number).keys() - self._run.others_after(number)

    def _is_settled(self, step: int) -> bool:
        """Whether nothing more can become known about the inputs after a pass."""
        number = self._number(step)
        if number is None or self._run.ending:
            return number is not None
        return self._own(step) >= self._run.inputs(number).keys()

    def examine(self, step: int) -> None:
        """Learn from one pass, once."""
        if not self.known(step):
            return
        own_known = self._own(step)
        if self._learned.get(step) == own_known:
            return
        self._learned[step] = self._shared_set(own_known)
        changes = self._changes(step)
        if not changes.keys() - self.trained - self._data:
            return
        own = {i: change for i, change in changes.items() if change.own}
        for i, change in own.items():
            if self._repeats_value(i, change):
                self._data.add(i)
        trained = self._find_trained(changes)
        if trained - self.trained:
            self.trained |= trained
            self._known.clear()
            self._provisional_known[1].clear()
        self._differs |= changes.keys() - own.keys() - self.fed
        self.fed = (self.fed | set(changes)) - self.trained

    def _shared_set(self, inputs: Set[int]) -> Set[int]:
        """Return an equal set that passes share, to save memory."""
        kept = frozenset(inputs)
        return self._sets.setdefault(kept, kept)

    def of(self, step: int) -> PassUpdates:
        """Return what was updated after a pass."""
        if not self.known(step):
            return NOTHING
        if step not in self._known:
            if not self._is_settled(step):
                return self._provisional(step)
            self.examine(step)
            found = self._of(step)
            if len(self._known) > MAX_REMEMBERED:
                self._known.clear()
            self._known[step] = found
        return self._known[step]

    def _provisional(self, step: int) -> PassUpdates:
        """Return the provisional updates of a pass about which more may become known."""
        count, known = self._provisional_known
        if count != len(self._run):
            known = {}
            self._provisional_known = len(self._run), known
        if step not in known:
            self.examine(step)
            known[step] = self._of(step)
        return known[step]

    def _of(self, step: int) -> PassUpdates:
        changes = self._changes(step)
        changed = {i: change for i, change in changes.items() if i in self.trained}
        rates, plain = self._optimizer_rates(step, changed)
        changed = {i: change for i, change in changed.items() if i not in rates}
        if rates:
            rate = _shared(rates.values()) if not changed else UNKNOWN_RATE
            return PassUpdates(frozenset({*rates, *changed}), frozenset(), rate, plain)
        if not changed:
            return NOTHING
        if any(self._may_have_more(step, i) for i in changed):
            # A number that explains several updates at once does so by chance.
            return PassUpdates(frozenset(changed), frozenset(), UNKNOWN_RATE)
        rate, explained = self._rates.best(changed)
        self._rates.last = rate
        if any(not change.own and i not in explained for i, change in changed.items()):
            # The initial value in another graph is not an update.
            return NOTHING
        if len(explained) < len(changed):
            # One number must explain every trained input, otherwise it is not the pass's rate.
            return PassUpdates(frozenset(changed), frozenset(), UNKNOWN_RATE)
        return PassUpdates(frozenset(changed), frozenset(explained), rate)

    def _may_have_more(self, step: int, node: int) -> bool:
        """Whether passes over other graphs may have changed an input too before it was seen."""
        name = self._run.lines[self._line].nodes[node].name
        return passes_between(self._run, self._line, step, name) > 0

    def _optimizer_rates(self, step: int, changed: Container[int]) -> tuple[dict[int, float], bool]:
        """Return the rates of the trained inputs that optimizers have updated after a pass.

        And whether all of them were moved by plain descent.
        """
        number = self._number(step)
        rates: dict[int, float] = {}
        plain = True
        for made in () if number is None else self._run.optimizer_steps(number):
            for i, settings in made.settings.items():
                if i in self.trained and (i in changed or (i, "after") in made.arrays):
                    rates[i] = rate_of(settings)
                    plain = plain and made.known and is_plain_descent(made.optimizer, settings)
        return rates, plain

    # One pass ----------------------------------------------------------------------------------

    def _number(self, step: int) -> int | None:
        steps = self._run.steps(self._line)
        return steps[step] if step < len(steps) else None

    def _changes(self, step: int) -> dict[int, Change]:
        """Return the inputs that changed after a pass, with gradients if backward ran."""
        number = self._number(step)
        if number is None:
            return {}
        before, after = self._run.inputs(number), self._run.inputs_after(number)
        others = self._run.others_after(number)
        has_backward = self._run.outline(number).backward
        found = {}
        for i in self._inputs:
            old, new = before.get(i), after.get(i)
            if old is None or new is None or _same(old, new):
                continue
            gradient = self._gradient(step, i) if has_backward else None
            fits = gradient is not None and gradient.shape == old.shape == new.shape
            found[i] = Change(old, new, gradient if fits else None, i not in others)
        return found

    # What is trained ---------------------------------------------------------------------------

    def _find_trained(self, changes: Mapping[int, Change]) -> set[int]:
        rate, explained = self._rates.best(changes)
        strong = {i for i in explained if not changes[i].whole or i in self.trained}
        if not any(changes[i].own for i in strong):
            entries = sum(changes[i].before.size for i in strong)
            strong = strong if entries > 1 else strong & self.trained
        if explained and not strong:
            # Integers fit some rate by chance, and so does a single number of another graph. The
            # same rate twice is not chance.
            for i in explained:
                self._weak[i, rate] = self._weak.get((i, rate), 0) + 1
            strong = {i for i in explained if self._weak[i, rate] > 1}
            if not strong:
                return set()
        if strong:
            count = self._rates.confirm(rate)
            own = {i: change for i, change in changes.items() if change.own}
            found = explained | {i for i, change in own.items() if change.is_close_to(rate)}
            entries = sum(changes[i].before.size for i in explained)
            if entries >= MIN_ENTRIES or count > 1:
                self._data |= own.keys() - found
            return found
        return {
            i
            for i, change in changes.items()
            if change.own and i not in self._data and self._descent.follows_gradient(i, change)
        }

    def _repeats_value(self, node: int, change: Change) -> bool:
        """Whether an input returns to an earlier value, as batches do."""
        seen = self._seen.setdefault(node, set())
        if len(seen) < MAX_REMEMBERED:
            seen.add(hash(change.before.tobytes()))
        return node not in self.trained and hash(change.after.tobytes()) in seen


def _shared(rates: Iterable[float]) -> float:
    """Return the rate that all rates are, NaN if they differ."""
    different = set(rates)
    return different.pop() if len(different) == 1 else UNKNOWN_RATE


def _same(a: Array, b: Array) -> bool:
    return a.shape == b.shape and a.dtype == b.dtype and a.tobytes() == b.tobytes()
