"""How a panel shows a node: in which size, with which styles and keys."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct
from rich.style import Style

from mfdebug.config.bindings import Keys
from mfdebug.tui.widgets.tensor_view import View


class Look(Struct, frozen=True):
    """How a panel shows a node: its size, styles and keys.

    `style` returns a style of the panel by name. With `zoomed`, matrices are always shown at work.
    A `brief` one begins with what is computed: few lines are in view.
    For an audience (`roomy`) there are fewer lines, more space, and only new numbers in bold.
    `view` is how tensors are shown, heatmaps in `half_blocks` where there are colours for them.
    """

    width: int
    height: int
    keys: Keys
    style: Callable[[str], Style]
    zoomed: bool = False
    brief: bool = False
    roomy: bool = False
    ascii_only: bool = False
    view: View = "numbers"
    half_blocks: bool = False
