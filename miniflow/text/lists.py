"""Lists in a text: a node may have thousands of inputs, and a sentence has room for a few."""

from __future__ import annotations

from collections.abc import Sequence

# So many terms are written out; of more, the first few.
ALL_UP_TO = 8
FIRST = 3


def series(terms: Sequence[str], sign: str) -> str:
    """Return `terms` with `sign` between them: `a + b`, `a1 + a2 + a3 + … 1,997 more`."""
    if len(terms) <= ALL_UP_TO:
        return sign.join(terms)
    return sign.join([*terms[:FIRST], f"… {len(terms) - FIRST:,} more"])
