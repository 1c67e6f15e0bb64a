"""Scopes in names: `layer1/` in `layer1/W`, `h.0.` in `h.0.attn`."""

from __future__ import annotations

import re
from itertools import pairwise

# Deeper scopes are part of their nodes' names: a screen has no columns to indent them.
MOST_LEVELS = 6
# A dot separates names as in `h.0.attn`, but `x.5` is a number.
_DOTTED = re.compile(r"\.(?=[^./]*[^\W\d])")


def split_name(name: str) -> tuple[str, ...]:
    """Return the names of a node's scopes, each with its separator, and its name within them.

    `layer1/W` is `layer1/`, `W`. A name with an empty part has no scope.
    """
    pieces = name.split("/")
    if "." not in name:
        if len(pieces) == 1:
            return (name,)
        parts = [f"{piece}/" for piece in pieces]
        parts[-1] = pieces[-1]
    else:
        parts = []
        for i, piece in enumerate(pieces):
            cuts = [0, *(match.end() for match in _DOTTED.finditer(piece)), len(piece)]
            inner = [piece[a:b] for a, b in pairwise(cuts)]
            if i < len(pieces) - 1:
                inner[-1] += "/"
            parts += inner
    if not all(part.rstrip("/.") for part in parts):
        return (name,)
    if len(parts) > MOST_LEVELS + 1:
        parts[MOST_LEVELS:] = ["".join(parts[MOST_LEVELS:])]
    return tuple(parts)
