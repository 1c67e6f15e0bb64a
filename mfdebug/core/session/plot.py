"""The plot that the session shows beside its numbers, if there is one."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

PlotKind = Literal["landscape", "answers"]


class Plot(Struct, frozen=True):
    """A plot by the command that shows it, and the argument of that command."""

    kind: PlotKind
    argument: str = ""
