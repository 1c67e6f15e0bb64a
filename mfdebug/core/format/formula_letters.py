"""Letters for formulas that do not clash with the names of nodes.

A formula has m entries, a sum over j, a velocity v. If a node has that name, the next free letter
of a fixed list is used, always the same one, so a letter is never mistaken for a node.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from functools import cached_property
from itertools import count

# Letters for the axes of a sum, last axis first, then all others that have a subscript form.
_AXES, _MORE_AXES = "jnstpkl", "ihruvxao"
_LOWERED = str.maketrans("jnstpklihruvxao0123456789", "ⱼₙₛₜₚₖₗᵢₕᵣᵤᵥₓₐₒ₀₁₂₃₄₅₆₇₈₉")
# None of these is also a letter for an axis.
_COUNTS, _MASKS, _LOGS = ("m", "M", "N", "C"), ("mask", "kept"), ("log", "ln")
# A node with such a name before a bracket would read as a call of that function.
_FUNCTIONS = frozenset(
    (
        "cos",
        "detach",
        "erf",
        "exp",
        "gelu",
        "huber",
        "log",
        "max",
        "min",
        "sign",
        "sin",
        "softmax",
        "tanh",
        "trunc",
        "σ",
    )
)
# Words in formulas besides names of nodes.
_SPECIAL = ("m", "mask", "e", *sorted(_FUNCTIONS))
_WEIGHTS = ("w", "W", "weight")
_STATES = {
    "m": ("m", "p", "q", "g"),
    "v": ("v", "u", "w", "h"),
    "t": ("t", "T"),
    "ε": ("ε", "eps"),
    "a": ("a", "A", "acc"),
    "d": ("d", "D", "dir"),
    "s": ("s", "S", "scale"),
    "b": ("b", "B", "buf"),
    "g": ("g", "G", "grad"),
    "u": ("u", "U", "largest"),
    "Δ": ("Δ",),
    "η": ("η", "eta"),
    "r": ("r", "R", "row"),
    "c": ("c", "C", "column"),
    "q": ("q", "Q", "of_row"),
    "k": ("k", "K", "of_column"),
    "z": ("z", "Z", "mean"),
    "o": ("o", "O", "out"),
}
_MARK = re.compile("\0(\\d+)\0(\\(?)")
_POWER_OF_E = re.compile("(?<!\\w)e\\^(-?)(\0\\d+\0|\\|\0\\d+\0\\||\\([^()]*\\))")
_WHOLE_BRACKETS = re.compile(r"\([^()]*\)")


class Letters:
    """Letters not in `names` (a dict or set: `in` must be cheap).

    Letters in `avoided` are not used for counts.
    """

    def __init__(self, names: Collection[str], avoided: Iterable[str] = ()) -> None:
        self._names = names
        self._avoided = frozenset(avoided)

    def free(self, *wanted: str, avoided: Iterable[str] = ()) -> str:
        """Return the first free letter of `wanted`, else the first of them with primes."""
        primed = (wanted[0] + "'" * primes for primes in count(1))
        candidates = (letter for letters in (wanted, primed) for letter in letters)
        return next(c for c in candidates if c not in self._names and c not in avoided)

    @cached_property
    def count(self) -> str:
        """The letter for the number of entries in a mean."""
        return self.free(*_COUNTS, avoided=self._avoided)

    @cached_property
    def mask(self) -> str:
        """The name of the mask of a dropout."""
        return self.free(*_MASKS)

    @cached_property
    def log(self) -> str:
        """The name of the natural logarithm."""
        return self.free(*_LOGS)

    @cached_property
    def weight(self) -> str:
        """The name of the weights of an attention."""
        return self.free(*_WEIGHTS)

    def state(self, letter: str) -> str:
        """Return the letter for an optimizer's state (m, v, t) or constant (ε)."""
        return self.free(*_STATES[letter])

    @cached_property
    def _axes(self) -> list[str]:
        wanted = (f"{letter}{suffix}" for suffix in _suffixes() for letter in _AXES + _MORE_AXES)
        others = (name for name in wanted if name not in self._names and name not in _AXES)
        return [letter if letter not in self._names else next(others) for letter in _AXES]

    def axis(self, last: int) -> str:
        """Return the letter for an axis; 0 is the last axis."""
        return self._axes[last % len(_AXES)] + "'" * (last // len(_AXES))

    @property
    def product(self) -> str:
        """The index that a matrix product sums over."""
        return self._axes[_AXES.index("k")]

    @staticmethod
    def lowered(letters: str) -> str:
        """Return letters as subscripts, as beside a Σ."""
        return letters.translate(_LOWERED)

    def exp(self, text: str) -> str:
        """Return e to a power: `e^x`, or `exp(x)` if a node is called e."""
        if "e" not in self._names:
            return f"e^{text}"
        return f"exp{text}" if _WHOLE_BRACKETS.fullmatch(text) else f"exp({text})"

    def written(self, make: Callable[..., str], names: Sequence[str]) -> str:
        """Return the formula `make(*names)`, with its letters replaced by free ones."""
        if "m" not in self._avoided and not any(word in self._names for word in _SPECIAL):
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


def _suffixes() -> Iterator[str]:
    yield ""
    yield from map(str, count(1))
