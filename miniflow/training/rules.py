"""The assignments of an update as text: an optimizer's rules in letters, to be shown.

A rule assigns a sum of terms to a letter. In a term, names in braces are the letters and constants
of the update: `p` the parameter, `g` the gradient as the optimizer receives it, `lr` the learning
rate, `t` the number of the update from 1, the letters of the optimizer's state, and its constants.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

_LETTER = re.compile(r"\{([^{}]+)\}")


class Rule(NamedTuple):
    """An assignment: the letter assigned to, and the terms of its sum (negative ones with a -).

    A letter with a hat, `m̂`, is neither kept nor the parameter: it is only a part of a later rule.
    """

    target: str
    terms: tuple[str, ...]

    def text(self, letters: Mapping[str, str]) -> str:
        """Return the rule with each letter replaced: `v ← 0.9 × v + ∂cost/∂W`."""
        return f"{filled('{' + self.target + '}', letters)} ← {filled(self.sum, letters)}"

    @property
    def sum(self) -> str:
        """The sum of the terms, with letters in braces."""
        first, *others = self.terms
        signed = (f" - {term[1:]}" if term[0] == "-" else f" + {term}" for term in others)
        return first + "".join(signed)

    @property
    def letters(self) -> list[str]:
        """The letters of the sum, in order."""
        return letters_of(self.sum)


def letters_of(form: str) -> list[str]:
    """Return the letters of a form, in order, each once."""
    return list(dict.fromkeys(_LETTER.findall(form)))


def filled(form: str, letters: Mapping[str, str]) -> str:
    """Return a form with each letter in braces replaced."""
    return _LETTER.sub(lambda found: letters[found[1]], form)
