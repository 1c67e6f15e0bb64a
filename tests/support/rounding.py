"""Texts with numbers, equal but for the rounding of a machine.

A product of matrices adds in the order that suits the processor, so the last digit of what is
printed may be another one elsewhere.
"""

from __future__ import annotations

import math
import re

NUMBER = re.compile(r"-?\d+\.\d+(?:e[+-]\d+)?")
# The printed digits of two such numbers differ by one in the last of six.
TOLERANCE = 1e-5


def same(text: str, other: str) -> bool:
    """Whether two texts are equal, up to the last digit of decimal fractions of one length."""
    ours, theirs = NUMBER.findall(text), NUMBER.findall(other)
    return NUMBER.sub("#", text) == NUMBER.sub("#", other) and all(
        len(a) == len(b) and math.isclose(float(a), float(b), rel_tol=TOLERANCE)
        for a, b in zip(ours, theirs, strict=True)
    )


def assert_same(text: str, other: str) -> None:
    """Fail with the difference of two texts that differ by more than rounding."""
    if not same(text, other):
        assert text == other
