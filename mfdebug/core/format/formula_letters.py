"""The letters of formulas: no node of the graph is called like one of them.

A formula speaks of m entries, sums over j, keeps a velocity v. Where a node has that name, the next
letter of a list is taken, always the same one, so that a letter never reads as a node.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from functools import cached_property
from itertools import count

# For the axes that a sum runs over, from the last axis on, and what else has a lowered form.
_AXES, _MORE_AXES = "jnstpkl", "ihruvxao"
_LOWERED = str.maketrans("jnstpklihruvxao0123456789", "ⱼₙₛₜₚₖₗᵢₕᵣᵤᵥₓₐₒ₀₁₂₃₄₅₆₇₈₉")
# None of these is a letter for an axis.
_COUNTS, _MASKS, _LOGS = ("m", "M", "N", "C"), ("mask", "kept"), ("log", "ln")
# A node of such a name before a bracket would be read as the function of what is in it.
_FUNCTIONS = frozenset(("exp", "gelu", "log", "max", "min", "sign", "softmax", "tanh", "σ"))
# What formulas have besides names.
_SPECIAL = ("m", "mask", "e", *sorted(_FUNCTIONS))
_STATES = {"m": ("m", "p", "q", "g"), "v": ("v", "u", "w", "h"), "t": ("t", "T"), "ε": ("ε", "eps")}
_MARK = re.compile("\0(\\d+)\0(\\(?)")
_POWER_OF_E = re.compile("(?<!\\w)e\\^(-?)(\0\\d+\0|\\|\0\\d+\0\\||\\([^()]*\\))")
_WHOLE_BRACKETS = re.compile(r"\([^()]*\)")


class Letters:
    """Letters that none of `names` is, whose `in` is cheap; `avoided` are no letters for counts."""

    def __init__(self, names: Collection[str], avoided: Iterable[str] = ()) -> None:
        self._names = names
        self._avoided = frozenset(avoided)

    def free(self, *wanted: str, avoided: Iterable[str] = ()) -> str:
        """Return the first of some letters that is free; else the first with primes."""
        primed = (wanted[0] + "'" * more for more in count(1))
        found = (one for letters in (wanted, primed) for one in letters)
        return next(one for one in found if one not in self._names and one not in avoided)

    @cached_property
    def count(self) -> str:
        """The letter for the number of entries in a mean."""
        return self.free(*_COUNTS, avoided=self._avoided)

    @cached_property
    def mask(self) -> str:
        """The word for what a dropout multiplies by."""
        return self.free(*_MASKS)

    @cached_property
    def log(self) -> str:
        """The name of the natural logarithm."""
        return self.free(*_LOGS)

    def state(self, letter: str) -> str:
        """Return the letter for a number that an optimizer keeps, or that its rule has."""
        return self.free(*_STATES[letter])

    @cached_property
    def _axes(self) -> list[str]:
        wanted = (f"{letter}{end}" for end in _endings() for letter in _AXES + _MORE_AXES)
        others = (one for one in wanted if one not in self._names and one not in _AXES)
        return [letter if letter not in self._names else next(others) for letter in _AXES]

    def axis(self, last: int) -> str:
        """Return the letter for an axis, counted from the last one."""
        return self._axes[last % len(_AXES)] + "'" * (last // len(_AXES))

    @property
    def product(self) -> str:
        """The letter for the products that an entry of a matrix product sums."""
        return self._axes[_AXES.index("k")]

    @staticmethod
    def lowered(letters: str) -> str:
        """Return letters as they stand beside a Σ."""
        return letters.translate(_LOWERED)

    def exp(self, text: str) -> str:
        """Return e to some power; with a node called e as a function."""
        if "e" not in self._names:
            return f"e^{text}"
        return f"exp{text}" if _WHOLE_BRACKETS.fullmatch(text) else f"exp({text})"

    def written(self, make: Callable[..., str], names: Sequence[str]) -> str:
        """Return the formula that `make` makes of names, with these letters in it."""
        if "m" not in self._avoided and not any(one in self._names for one in _SPECIAL):
            return make(*names)
        text = make(*(f"\0{i}\0" for i in range(len(names))))
        text = re.sub(r"(?<!\w)m(?!\w)", self.count, text)
        text = re.sub(r"(?<!\w)mask(?!\w)", self.mask, text)
        text = re.sub(r"(?<!\w)log(?!\w)", self.log, text)
        if "e" in self._names:
            text = _POWER_OF_E.sub(lambda found: self.exp(found[1] + found[2]), text)

        def named(found: re.Match[str]) -> str:
            name = names[int(found[1])]
            return name + ("·(" if found[2] and name in _FUNCTIONS else found[2])

        return _MARK.sub(named, text)

    def updated(self, make: Callable[..., Sequence[str]], rate: str, *names: str) -> list[str]:
        """Return the rules of an optimizer for names, with these letters and word for the rate."""
        marks = [f"\0{i}\0" for i in range(len(names))]
        rules = []
        for rule in make(*marks):
            text = re.sub(r"(?<!\w)lr(?!\w)", rate, rule)
            text = re.sub(r"(?<!\w)[mv](?!\w)", lambda found: self.state(found[0]), text)
            rules.append(_MARK.sub(lambda found: names[int(found[1])] + found[2], text))
        return rules


def _endings() -> Iterator[str]:
    yield ""
    yield from map(str, count(1))
