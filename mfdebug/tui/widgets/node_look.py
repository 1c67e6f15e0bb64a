"""How a panel shows a node: in which size, with which styles and keys."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct
from rich.style import Style

from mfdebug.config.bindings import Keys


class Look(Struct, frozen=True):
    """How a panel shows a node: its size, styles and keys.

    `style` returns a style of the panel by name. With `zoomed`, matrices are always shown at work.
    For an audience (`roomy`) there are fewer lines, more space, and only new numbers in bold.
    """

    width: int
    height: int
    keys: Keys
    style: Callable[[str], Style]
    zoomed: bool = False
    roomy: bool = False
    ascii_only: bool = False
