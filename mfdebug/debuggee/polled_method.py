"""The method of a program's nodes that is called least: one call tells that a pass went by."""

from __future__ import annotations

from .reading import DIRECTIONS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any


def polled_method(nodes: Sequence[Any]) -> tuple[type, str] | None:
    """Return class and name of the backward of the last node, else of its forward, if there is one.

    The last node that a pass computes is its cost. The class is the one that defines the method.
    """
    if not nodes:
        return None
    for wanted in ("b", "f"):
        for base in type(nodes[-1]).__mro__:
            for name, direction in DIRECTIONS.items():
                if direction == wanted and callable(base.__dict__.get(name)):
                    return base, name
    return None
