"""Which inputs a program trains and by which rule, from their values before and after a pass.

A learning rate is shown only if one number of few digits explains every trained entry, bit for bit.
Otherwise the update follows a rule of the program's own. All other inputs that change between
passes are data: batches and labels may change in any way, while a trained input follows its
gradient.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence, Set

import numpy as np
from msgspec import Struct

from mfdebug.recording.records import Run
from miniflow.ops.base import Array

# People type learning rates of few digits.
MAX_DIGITS = 6
# Entries of one input from which rates are guessed; the others only confirm them.
GUESSED_FROM = 3
# Without a rate, an input is trained if so many entries, and such a share, went downhill.
MIN_ENTRIES, MIN_SHARE = 8, 0.8
# The usual momentum coefficient.
MOMENTUM = 0.9
# A rule that adds weight decay or the like to rate × gradient stays this close to it.
MAX_REST = 0.3
# The first passes are examined to learn what is trained; later ones when they are visited.
EXAMINED_PASSES = 64
# Values of an input that are remembered, to recognize data that repeats.
MAX_REMEMBERED = 4096

# Unsettled passes that are checked for news at a time.
CHECKED_AT_ONCE = 4

UNKNOWN_RATE = math.nan


class PassUpdates(Struct, frozen=True):
    """The inputs updated after a pass, and those explained by the learning rate.

    `rate` is NaN unless it explains every updated input.
    """

    changed: frozenset[int]
    explained: frozenset[int]
    rate: float

    def rate_of(self, node: int) -> float:
        """Return the rate of an input's update, NaN if the rule is the program's own."""
        return self.rate if node in self.explained else UNKNOWN_RATE


NOTHING = PassUpdates(frozenset(), frozenset(), UNKNOWN_RATE)


class _Change(Struct, frozen=True):
    """The change of an input over one pass; `gradient` has its value's shape.

    `own` is False if `after` comes from another graph, which may be this one rebuilt: then the
    change counts as an update only if a rate explains it.
    """

    before: Array
    after: Array
    gradient: Array | None
    own: bool = True

    def explained_by(self, rate: float) -> bool:
        """Whether before - rate × gradient equals after, bit for bit."""
        if self.gradient is None or self.after.dtype.kind != "f" or math.isnan(rate):
            return False
        with np.errstate(all="ignore"):
            found = np.asarray(self.before - rate * self.gradient)
        return found.shape == self.after.shape and bool(
            np.array_equal(found.astype(self.after.dtype), self.after, equal_nan=True)
        )

    @property
    def whole(self) -> bool:
        """Whether all values before and after are integers, as of labels and counters."""
        return all(bool((np.rint(x) == x).all()) for x in (self.before, self.after))


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
    ) -> None:
        self._run, self._line = run, line
        self._inputs = list(inputs)
        self._gradient = gradient
        self.trained: set[int] = set()
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
        self._rates: dict[float, int] = {}
        self._last_rate = UNKNOWN_RATE
        # Inputs that are certainly data.
        self._data: set[int] = set()
        self._weak: dict[tuple[int, float], int] = {}
        self._averages: dict[int, Array] = {}
        self._moved: dict[int, Array] = {}
        # Counts of entries that kept their direction, and of entries that reversed it.
        self._kept: dict[int, tuple[int, int]] = {}
        # Counts of entries that went downhill, and of entries that moved otherwise.
        self._followed: dict[tuple[int, str], tuple[int, int]] = {}
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
        while self._examined < EXAMINED_PASSES and self.known(self._examined):
            self._examine_early(self._examined)
            self._examined += 1
        return before != (len(self.trained), len(self.fed))

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
        if not changed:
            return NOTHING
        rate, explained = self._best_rate(changed)
        self._last_rate = rate
        if any(not change.own and i not in explained for i, change in changed.items()):
            # The initial value in another graph is not an update.
            return NOTHING
        if len(explained) < len(changed):
            # One number must explain every trained input, otherwise it is not the pass's rate.
            return PassUpdates(frozenset(changed), frozenset(), UNKNOWN_RATE)
        return PassUpdates(frozenset(changed), frozenset(explained), rate)

    # One pass ----------------------------------------------------------------------------------

    def _number(self, step: int) -> int | None:
        steps = self._run.steps(self._line)
        return steps[step] if step < len(steps) else None

    def _changes(self, step: int) -> dict[int, _Change]:
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
            found[i] = _Change(old, new, gradient if fits else None, i not in others)
        return found

    def _best_rate(self, changes: Mapping[int, _Change]) -> tuple[float, set[int]]:
        """Return the rate that explains the most entries, and the inputs that it explains."""
        if all(change.explained_by(self._last_rate) for change in changes.values()):
            return self._last_rate, set(changes)
        best, explained, rank = UNKNOWN_RATE, set[int](), (0, 0, 0, 0.0)
        for rate in self._candidates(changes):
            fits = {i for i, change in changes.items() if change.explained_by(rate)}
            if not fits:
                continue
            entries = sum(changes[i].before.size for i in fits)
            this = entries, self._rates.get(rate, 0), -_digits(rate), -rate
            if this > rank or not explained:
                best, explained, rank = rate, fits, this
        return best, explained

    def _candidates(self, changes: Mapping[int, _Change]) -> list[float]:
        """Return rates that explain some entries, those of earlier passes first."""
        found = dict.fromkeys(self._rates)
        for change in changes.values():
            if change.gradient is None or change.after.dtype.kind != "f":
                continue
            before, after, gradient = (
                x.reshape(-1) for x in (change.before, change.after, change.gradient)
            )
            with np.errstate(all="ignore"):
                moved = np.asarray(before - after, np.float64)
            # The quotient is most precise where the input moved most.
            order = np.argsort(-np.abs(np.where(np.isfinite(moved), moved, 0.0)), kind="stable")
            for i in order[:GUESSED_FROM].tolist():
                with np.errstate(all="ignore"):
                    rate = float(moved[i]) / float(gradient[i]) if gradient[i] else math.nan
                if not (math.isfinite(rate) and rate > 0):
                    continue
                rounded = (float(f"{rate:.{digits}g}") for digits in range(1, MAX_DIGITS + 1))
                found.update(dict.fromkeys(value for value in rounded if value > 0))
        return list(found)

    # What is trained ---------------------------------------------------------------------------

    def _find_trained(self, changes: Mapping[int, _Change]) -> set[int]:
        rate, explained = self._best_rate(changes)
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
            self._rates[rate] = self._rates.get(rate, 0) + 1
            own = {i: change for i, change in changes.items() if change.own}
            found = explained | {i for i, change in own.items() if _is_approximate(change, rate)}
            entries = sum(changes[i].before.size for i in explained)
            if entries >= MIN_ENTRIES or self._rates[rate] > 1:
                self._data |= own.keys() - found
            return found
        return {
            i for i, change in changes.items() if change.own and self._follows_gradient(i, change)
        }

    def _follows_gradient(self, node: int, change: _Change) -> bool:
        """Whether an input follows its gradient, judging by this pass and earlier ones."""
        if change.gradient is None or change.whole or node in self._data:
            return False
        with np.errstate(all="ignore"):
            moved = np.asarray(change.after - change.before, np.float64).reshape(-1)
            slope = np.asarray(change.gradient, np.float64).reshape(-1)
            # Momentum and related rules follow a decaying average of gradients.
            average = self._averages.get(node, np.zeros(0))
            average = slope if average.shape != slope.shape else MOMENTUM * average + slope
            self._averages[node] = average
            directions = {"now": moved * slope, "average": moved * average}
        steady = self._keeps_direction(node, moved)
        found = False
        for name, signs in directions.items():
            # A change without a gradient may be weight decay, but is more often data.
            down = int(np.count_nonzero(signs < 0))
            others = int(np.count_nonzero(moved)) - down
            before = self._followed.get((node, name), (0, 0))
            down, others = down + before[0], others + before[1]
            self._followed[node, name] = down, others
            found = found or (down >= MIN_ENTRIES and down >= MIN_SHARE * (down + others))
        return found and steady

    def _keeps_direction(self, node: int, moved: Array) -> bool:
        """Whether an input kept its direction between passes more often than it reversed it.

        Redrawn labels fall where they were high: that is downhill, but back and forth.
        """
        before = self._moved.get(node, np.zeros(0))
        self._moved[node] = moved
        kept, turned = self._kept.get(node, (0, 0))
        if before.shape == moved.shape:
            kept += int(np.count_nonzero(before * moved > 0))
            turned += int(np.count_nonzero(before * moved < 0))
        self._kept[node] = kept, turned
        return kept >= MIN_ENTRIES and kept > turned

    def _repeats_value(self, node: int, change: _Change) -> bool:
        """Whether an input returns to an earlier value, as batches do."""
        seen = self._seen.setdefault(node, set())
        if len(seen) < MAX_REMEMBERED:
            seen.add(hash(change.before.tobytes()))
        return node not in self.trained and hash(change.after.tobytes()) in seen


def _is_approximate(change: _Change, rate: float) -> bool:
    """Whether a change is approximately rate × gradient, for instance with weight decay."""
    if change.gradient is None or change.whole:
        return False
    with np.errstate(all="ignore"):
        moved = np.asarray(change.after - change.before, np.float64).reshape(-1)
        rest = moved + rate * np.asarray(change.gradient, np.float64).reshape(-1)
        return bool(np.linalg.norm(rest) <= MAX_REST * np.linalg.norm(moved))


def _same(a: Array, b: Array) -> bool:
    return a.shape == b.shape and a.dtype == b.dtype and a.tobytes() == b.tobytes()


def _digits(rate: float) -> int:
    return next(d for d in range(1, 18) if float(f"{rate:.{d}g}") == rate)
