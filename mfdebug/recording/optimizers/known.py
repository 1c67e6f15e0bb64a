"""What the rules of PyTorch's optimizers have in common: settings, what is kept, the step."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from mfdebug.recording.optimizers.floats import Floats
from miniflow.ops.base import Array
from miniflow.training.rules import Rule

Arrays = dict[str, Array]


# Units in the last place by which a result may differ.
MOST_ULPS = 2


class UnknownRuleError(Exception):
    """A step that is not one of a known rule, or why its rule is not shown."""


class Settings:
    """The settings of a group of parameters.

    Its methods raise `UnknownRuleError` for what is not as expected.
    """

    def __init__(self, given: Mapping[str, Any]) -> None:
        self._given = given

    def number(self, name: str, default: float | None = None) -> float:
        """Return a number."""
        value = self._given.get(name, default)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise UnknownRuleError
        try:
            return float(value)
        except OverflowError:
            raise UnknownRuleError from None

    def numbers(self, name: str, count: int, missing: float | None = None) -> list[float]:
        """Return so many numbers, `missing` for one that is None."""
        value = self._given.get(name)
        if not isinstance(value, tuple) or len(value) != count:
            raise UnknownRuleError
        given = (missing if item is None else item for item in value)
        return [Settings({"": item}).number("") for item in given]

    def pair(self, name: str, missing: float | None = None) -> tuple[float, float]:
        """Return a pair of numbers, `missing` for one that is None."""
        first, second = self.numbers(name, 2, missing)
        return first, second

    def text(self, name: str) -> str:
        """Return a text, an empty one for None."""
        value = self._given.get(name)
        if not isinstance(value, str | None):
            raise UnknownRuleError
        return value or ""

    def on(self, name: str, *, default: bool = False) -> bool:
        """Return whether something is switched on."""
        value = self._given.get(name, default)
        if not isinstance(value, bool):
            raise UnknownRuleError
        return value


def rate_of(settings: Mapping[str, Any]) -> float:
    """Return the learning rate of a group, NaN if it has none."""
    try:
        return Settings(settings).number("lr")
    except UnknownRuleError:
        return math.nan


def is_plain_descent(optimizer: str, settings: Mapping[str, Any]) -> bool:
    """Whether PyTorch's optimizer of this name and settings moves against the gradient, no more."""
    changed = ("momentum", "weight_decay", "maximize")
    return optimizer == "SGD" and not any(settings.get(name) for name in changed)


class Known(ABC):
    """An optimizer with a group's settings; `t` is the number of the step, from 1.

    `letters` are those of what it keeps, by PyTorch's names; `kept` has what is there before the
    step, and `scalars` numbers by PyTorch's names. `constants` are those of its rules. Raises
    `UnknownRuleError` for settings that it does not know.
    """

    letters: ClassVar[Mapping[str, str]]

    def __init__(
        self, settings: Settings, kept: Arrays, scalars: Arrays, t: int, parameter: Array
    ) -> None:
        self.kept, self.scalars, self.t = kept, scalars, t
        self._zeros = np.zeros_like(parameter)
        self.rate = settings.number("lr")
        self.decay = settings.number("weight_decay", 0.0)
        self.maximize = settings.on("maximize")
        self.constants: dict[str, float] = {"decay": self.decay}
        self.read(settings)

    @abstractmethod
    def read(self, settings: Settings) -> None:
        """Take what is needed of the settings, and add to the constants."""

    @abstractmethod
    def own_rules(self) -> tuple[Rule, ...]:
        """Return the assignments of a step for the gradient `g`; the last one is to `p`."""

    @abstractmethod
    def run(self, do: Floats, p: Array, g: Array) -> tuple[Arrays, Array]:
        """Return what is kept after the step, by letter, and the new parameter."""

    @property
    def added_decay(self) -> float:
        """The weight decay that is added to the gradient."""
        return self.decay

    @property
    def rules(self) -> tuple[Rule, ...]:
        """The assignments of a step; the first may make `d` of the gradient `grad`."""
        return self.directed(self.own_rules())

    def directed(self, rules: tuple[Rule, ...]) -> tuple[Rule, ...]:
        """Return rules for `g`, after that of `d` if this is not the gradient itself."""
        if not self.maximize and not self.added_decay:
            return rules
        terms: tuple[str, ...] = ("-{grad}" if self.maximize else "{grad}",)
        if self.added_decay:
            terms = (*terms, "{decay} × {p}")
        return (Rule("d", terms), *rules)

    @property
    def cases(self) -> tuple[tuple[Rule, ...], ...]:
        """The assignments of entries that have not all the same ones, by the number of the case."""
        return ()

    def case(self, new: Arrays) -> Array | None:
        """Return the case of each entry after the step; None: its rules are those of all."""
        return None

    @property
    def legend(self) -> str:
        """What the letters are that no rule assigns to, with letters in braces."""
        return ""

    @classmethod
    def shape_of(cls, letter: str, shape: tuple[int, ...]) -> tuple[int, ...]:  # noqa: ARG003
        """Return the shape of what is kept for a parameter of a shape."""
        return shape

    def step(self, do: Floats, p: Array, g: Array) -> tuple[Arrays, Array]:
        """Return what is kept after the step, by letter, and the new parameter."""
        if self.maximize:
            g = np.asarray(-g)
        if self.added_decay:
            g = do.add(g, p, self.added_decay)
        return self.run(do, p, g)

    def rounding(self, new: Arrays, before: Array, after: Array) -> Array:
        """Return by how much each entry may differ from what the program has, after a step.

        A step is rounded as a number of its own size: an entry that it takes across zero is
        smaller.
        """
        step = np.abs(after - before)
        unit = np.spacing(np.maximum(step, np.maximum(np.abs(before), np.abs(after))))
        return np.asarray(MOST_ULPS * unit)

    def left(self, g: Array) -> Array | None:
        """Return the entries that the step leaves as they are; None: its rule is that of all."""
        return None

    def _start_at_zero(self, letters: str) -> None:
        """Let what is kept be zeros before the first step, when nothing is there."""
        if self.t == 1 and not any(letter in self.kept for letter in letters):
            self.kept = {**self.kept, **dict.fromkeys(letters, self._zeros)}

    def old(self, letter: str) -> Array:
        """Return what was kept before the step."""
        if letter not in self.kept:
            raise UnknownRuleError
        return self.kept[letter]
