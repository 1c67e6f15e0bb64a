"""What a program trains, and by which rule, from what its inputs were before and after a pass.

A learning rate is shown only where one number of few digits explains every entry that was trained,
bit for bit. Where none does, an update is by a rule of the program's own. Everything else that
changes between passes is data: batches and labels may change in any way, what is trained follows
its gradient.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence, Set

import numpy as np
from msgspec import Struct

from mfdebug.recording.records import Run
from miniflow.ops.base import Array

# A learning rate has no more digits than people type.
MOST_DIGITS = 6
# Entries of one input from which rates are guessed: the others only confirm them.
GUESSED_FROM = 3
# Of what no rate explains, so many entries must have gone downhill, and such a share of them.
ENOUGH, MOSTLY = 8, 0.8
# How much of its average of gradients a momentum keeps, as a rule.
KEPT = 0.9
# A rule that adds a decay or a little more to rate × gradient stays this near to it.
NEARLY = 0.3
# Passes that are looked at from the first on, to know what is trained; later ones when visited.
LEARNED_FROM = 64
# Values of an input that are kept in mind, to know data that comes round again.
REMEMBERED = 4096

# Passes that are asked at a time whether more is known of them.
ASKED = 4

UNKNOWN_RATE = math.nan


class PassUpdates(Struct, frozen=True):
    """What was updated after a pass: the inputs, and the rate of those that one explains.

    `rate` is that of the pass: NaN unless it explains every input that was updated.
    """

    changed: frozenset[int]
    explained: frozenset[int]
    rate: float

    def rate_of(self, node: int) -> float:
        """Return the rate by which an input was updated, NaN if its rule is the program's own."""
        return self.rate if node in self.explained else UNKNOWN_RATE


NOTHING = PassUpdates(frozenset(), frozenset(), UNKNOWN_RATE)


class _Change(Struct, frozen=True):
    """An input over one pass; `gradient` has its value's shape.

    `own` is False where `after` is another graph's, which may be this one built anew: then it is
    an update only if a rate explains it.
    """

    before: Array
    after: Array
    gradient: Array | None
    own: bool = True

    def explained_by(self, rate: float) -> bool:
        """Whether before - rate × gradient is after, bit for bit."""
        if self.gradient is None or self.after.dtype.kind != "f" or math.isnan(rate):
            return False
        with np.errstate(all="ignore"):
            found = np.asarray(self.before - rate * self.gradient)
        return found.shape == self.after.shape and bool(
            np.array_equal(found.astype(self.after.dtype), self.after, equal_nan=True)
        )

    @property
    def whole(self) -> bool:
        """Whether it holds whole numbers before and after, as labels and counters do."""
        return all(bool((np.rint(x) == x).all()) for x in (self.before, self.after))


class Updates:
    """The updates of a line's passes, known as far as the run has come.

    `trained` are the inputs that the program trains, `fed` those that it sets. What is once known
    to be trained stays so. `gradient(step, node)` returns an input's gradient after a pass.
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
        # Of the passes that were looked at, the inputs that were known then.
        self._learned: dict[int, Set[int]] = {}
        self._looked = 0
        # Early passes of whose inputs more may become known: nothing, or what another graph began
        # with, is known of some.
        self._unsure: list[int] = []
        self._next_unsure = 0
        self._sets: dict[frozenset[int], frozenset[int]] = {}
        # What differs in other graphs.
        self._differs: set[int] = set()
        self._ended = False
        # What was found of such passes, when the run had so many.
        self._known_for_now: tuple[int, dict[int, PassUpdates]] = 0, {}
        self._known: dict[int, PassUpdates] = {}
        self._rates: dict[float, int] = {}
        self._last_rate = UNKNOWN_RATE
        # Inputs that are surely data.
        self._data: set[int] = set()
        self._weak: dict[tuple[int, float], int] = {}
        self._averages: dict[int, Array] = {}
        self._moved: dict[int, Array] = {}
        # Entries that went on in their direction so far, and those that turned back.
        self._kept: dict[int, tuple[int, int]] = {}
        # Entries that went downhill so far, and those that moved otherwise.
        self._followed: dict[tuple[int, str], tuple[int, int]] = {}
        self._seen: dict[int, set[int]] = {}

    def known(self, step: int) -> bool:
        """Whether it is known what was updated after a pass."""
        number = self._number(step)
        return number is not None and bool(self._run.inputs_after(number))

    def learn(self) -> bool:
        """Learn from the passes that have come; return whether more is known than before."""
        before = len(self.trained), len(self.fed)
        if self._unsure and self._is_surer():
            again, self._unsure = self._unsure, []
            self.fed -= self._differs
            self._differs.clear()
            self._known.clear()
            self._known_for_now = 0, {}
            for step in again:
                self._look_early(step)
        while self._looked < LEARNED_FROM and self.known(self._looked):
            self._look_early(self._looked)
            self._looked += 1
        return before != (len(self.trained), len(self.fed))

    def _is_surer(self) -> bool:
        """Whether graphs have turned out to come again, or their last values have come."""
        ended, self._ended = self._ended, bool(self._run.ending)
        if ended != self._ended:
            return True
        for _ in range(min(ASKED, len(self._unsure))):
            self._next_unsure += 1
            step = self._unsure[self._next_unsure % len(self._unsure)]
            if self._own(step) != self._learned.get(step):
                return True
        return False

    def _look_early(self, step: int) -> None:
        if not self._is_settled(step):
            self._unsure.append(step)
        self.look_at(step)

    def _own(self, step: int) -> Set[int]:
        """Return the inputs of which it is known what they themselves were after a pass."""
        number = self._number(step)
        if number is None:
            return frozenset()
        return self._run.inputs_after(number).keys() - self._run.others_after(number)

    def _is_settled(self, step: int) -> bool:
        """Whether no more can become known of what the inputs of a pass were after it."""
        number = self._number(step)
        if number is None or self._run.ending:
            return number is not None
        return self._own(step) >= self._run.inputs(number).keys()

    def look_at(self, step: int) -> None:
        """Learn from one pass, once."""
        if not self.known(step):
            return
        own_known = self._own(step)
        if self._learned.get(step) == own_known:
            return
        self._learned[step] = self._kept_set(own_known)
        changes = self._changes(step)
        if not changes.keys() - self.trained - self._data:
            return
        own = {i: change for i, change in changes.items() if change.own}
        for i, change in own.items():
            if self._comes_round(i, change):
                self._data.add(i)
        trained = self._find_trained(changes)
        if trained - self.trained:
            self.trained |= trained
            self._known.clear()
            self._known_for_now[1].clear()
        self._differs |= changes.keys() - own.keys() - self.fed
        self.fed = (self.fed | set(changes)) - self.trained

    def _kept_set(self, inputs: Set[int]) -> Set[int]:
        """Return a set that most passes have in common."""
        kept = frozenset(inputs)
        return self._sets.setdefault(kept, kept)

    def of(self, step: int) -> PassUpdates:
        """Return what was updated after a pass."""
        if not self.known(step):
            return NOTHING
        if step not in self._known:
            if not self._is_settled(step):
                return self._for_now(step)
            self.look_at(step)
            found = self._of(step)
            if len(self._known) > REMEMBERED:
                self._known.clear()
            self._known[step] = found
        return self._known[step]

    def _for_now(self, step: int) -> PassUpdates:
        """Return what was updated after a pass of which more may become known."""
        count, known = self._known_for_now
        if count != len(self._run):
            known = {}
            self._known_for_now = len(self._run), known
        if step not in known:
            self.look_at(step)
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
            # What another graph began with is no update.
            return NOTHING
        if len(explained) < len(changed):
            # One number must explain all that was trained: else it is no rate of this pass.
            return PassUpdates(frozenset(changed), frozenset(), UNKNOWN_RATE)
        return PassUpdates(frozenset(changed), frozenset(explained), rate)

    # One pass ----------------------------------------------------------------------------------

    def _number(self, step: int) -> int | None:
        steps = self._run.steps(self._line)
        return steps[step] if step < len(steps) else None

    def _changes(self, step: int) -> dict[int, _Change]:
        """Return the inputs that changed after a pass in which the program went back."""
        number = self._number(step)
        if number is None:
            return {}
        before, after = self._run.inputs(number), self._run.inputs_after(number)
        others = self._run.others_after(number)
        went_back = self._run.outline(number).backward
        found = {}
        for i in self._inputs:
            old, new = before.get(i), after.get(i)
            if old is None or new is None or _same(old, new):
                continue
            gradient = self._gradient(step, i) if went_back else None
            fits = gradient is not None and gradient.shape == old.shape == new.shape
            found[i] = _Change(old, new, gradient if fits else None, i not in others)
        return found

    def _best_rate(self, changes: Mapping[int, _Change]) -> tuple[float, set[int]]:
        """Return the rate that explains most entries, and the inputs that it explains."""
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
        """Return rates that explain some entries: those of earlier passes first."""
        found = dict.fromkeys(self._rates)
        for change in changes.values():
            if change.gradient is None or change.after.dtype.kind != "f":
                continue
            before, after, gradient = (
                x.reshape(-1) for x in (change.before, change.after, change.gradient)
            )
            with np.errstate(all="ignore"):
                moved = np.asarray(before - after, np.float64)
            # Where it moved most the quotient has the most digits.
            order = np.argsort(-np.abs(np.where(np.isfinite(moved), moved, 0.0)), kind="stable")
            for at in order[:GUESSED_FROM].tolist():
                with np.errstate(all="ignore"):
                    rate = float(moved[at]) / float(gradient[at]) if gradient[at] else math.nan
                if not (math.isfinite(rate) and rate > 0):
                    continue
                rounded = (float(f"{rate:.{digits}g}") for digits in range(1, MOST_DIGITS + 1))
                found.update(dict.fromkeys(one for one in rounded if one > 0))
        return list(found)

    # What is trained ---------------------------------------------------------------------------

    def _find_trained(self, changes: Mapping[int, _Change]) -> set[int]:
        rate, explained = self._best_rate(changes)
        strong = {i for i in explained if not changes[i].whole or i in self.trained}
        if not any(changes[i].own for i in strong):
            entries = sum(changes[i].before.size for i in strong)
            strong = strong if entries > 1 else strong & self.trained
        if explained and not strong:
            # Whole numbers fit some rate by chance, and so does one number of another graph: twice
            # the same rate is none.
            for i in explained:
                self._weak[i, rate] = self._weak.get((i, rate), 0) + 1
            strong = {i for i in explained if self._weak[i, rate] > 1}
            if not strong:
                return set()
        if strong:
            self._rates[rate] = self._rates.get(rate, 0) + 1
            own = {i: change for i, change in changes.items() if change.own}
            found = explained | {i for i, change in own.items() if _is_near(change, rate)}
            entries = sum(changes[i].before.size for i in explained)
            if entries >= ENOUGH or self._rates[rate] > 1:
                self._data |= own.keys() - found
            return found
        return {i for i, change in changes.items() if change.own and self._goes_downhill(i, change)}

    def _goes_downhill(self, node: int, change: _Change) -> bool:
        """Whether an input follows its gradient, as far as this pass and earlier ones show."""
        if change.gradient is None or change.whole or node in self._data:
            return False
        with np.errstate(all="ignore"):
            moved = np.asarray(change.after - change.before, np.float64).reshape(-1)
            slope = np.asarray(change.gradient, np.float64).reshape(-1)
            # What momentum and its kin follow: this gradient, and less and less of earlier ones.
            average = self._averages.get(node, np.zeros(0))
            average = slope if average.shape != slope.shape else KEPT * average + slope
            self._averages[node] = average
            directions = {"now": moved * slope, "average": moved * average}
        steady = self._is_steady(node, moved)
        found = False
        for name, signs in directions.items():
            # What moves without a gradient may be a decay, but is more often data.
            down = int(np.count_nonzero(signs < 0))
            others = int(np.count_nonzero(moved)) - down
            before = self._followed.get((node, name), (0, 0))
            down, others = down + before[0], others + before[1]
            self._followed[node, name] = down, others
            found = found or (down >= ENOUGH and down >= MOSTLY * (down + others))
        return found and steady

    def _is_steady(self, node: int, moved: Array) -> bool:
        """Whether an input has kept its direction from pass to pass more often than not.

        Labels that are drawn anew fall where they were high: downhill, but to and fro.
        """
        before = self._moved.get(node, np.zeros(0))
        self._moved[node] = moved
        kept, turned = self._kept.get(node, (0, 0))
        if before.shape == moved.shape:
            kept += int(np.count_nonzero(before * moved > 0))
            turned += int(np.count_nonzero(before * moved < 0))
        self._kept[node] = kept, turned
        return kept >= ENOUGH and kept > turned

    def _comes_round(self, node: int, change: _Change) -> bool:
        """Whether an input takes a value again that it had, as batches do."""
        seen = self._seen.setdefault(node, set())
        if len(seen) < REMEMBERED:
            seen.add(hash(change.before.tobytes()))
        return node not in self.trained and hash(change.after.tobytes()) in seen


def _is_near(change: _Change, rate: float) -> bool:
    """Whether a change is rate × gradient but for a little, as with a decay of weights."""
    if change.gradient is None or change.whole:
        return False
    with np.errstate(all="ignore"):
        moved = np.asarray(change.after - change.before, np.float64).reshape(-1)
        rest = moved + rate * np.asarray(change.gradient, np.float64).reshape(-1)
        return bool(np.linalg.norm(rest) <= NEARLY * np.linalg.norm(moved))


def _same(a: Array, b: Array) -> bool:
    return a.shape == b.shape and a.dtype == b.dtype and a.tobytes() == b.tobytes()


def _digits(rate: float) -> int:
    return next(d for d in range(1, 18) if float(f"{rate:.{d}g}") == rate)
