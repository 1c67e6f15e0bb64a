"""Boxes and wires: what is drawn, before and after it has its coordinates.

Rows and columns are cells, from 0 at the top and at the left. The passes of a layout fill in the
fields of the second part, in the order in which they stand.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, auto

from mfdebug.core.circuit.cells import plain

# Rows from one output of a box to the next: its wire, a number above and one below.
PITCH = 3


class Kind(Enum):
    """What a box stands for."""

    OP = auto()
    INPUT = auto()
    SCOPE = auto()
    REPEAT = auto()
    # Where a wire comes from elsewhere, under its name; where one goes elsewhere.
    ENTRY = auto()
    EXIT = auto()


@dataclass(eq=False)
class Box:
    """A node, a folded scope, a run of repeated blocks, or an end of a wire that goes elsewhere.

    `key` is the node's name or the fold's key; `lines` stand in the frame; `takes` has a wire for
    each port, `gives` the wires of the outputs; `pins` are letters at the ports; `foot` is the
    width of the longest name that a fold may have at its foot.
    """

    key: str
    kind: Kind
    label: str
    nodes: tuple[int, ...] = ()
    lines: tuple[str, ...] = ()
    pins: str = ""
    trained: bool = False
    units: tuple[tuple[int, ...], ...] = ()
    foot: int = 0
    takes: list[Wire] = field(default_factory=list)
    gives: list[Wire] = field(default_factory=list)

    layer: int = 0
    # The row of the first output; the rows kept free above and below it.
    row: int = 0
    above: int = 1
    below: int = 1
    # The rows of the ports, and of the frame's borders (for a box without a frame, of its numbers).
    ports: list[int] = field(default_factory=list)
    top: int = 0
    bottom: int = 0
    # The first column, the width of the frame, the column before which numbers end, and the cells
    # for a number.
    x: int = 0
    frame: int = 0
    right: int = 0
    room: int = 0
    # The text on each output's wire, and its shape.
    names: list[str] = field(default_factory=list)
    shapes: list[str] = field(default_factory=list)
    # Whether it is drawn with a frame; whether a wire starts there under a name, without one.
    framed: bool = field(init=False)
    input_like: bool = field(init=False)

    def __post_init__(self) -> None:
        """Note what a layout asks of each box a hundred times."""
        self.framed = self.kind in (Kind.OP, Kind.SCOPE, Kind.REPEAT)
        self.input_like = self.kind in (Kind.INPUT, Kind.ENTRY)

    @property
    def folds(self) -> bool:
        """Whether it stands for several nodes."""
        return self.kind in (Kind.SCOPE, Kind.REPEAT)

    def name_inside(self, label: str) -> str:
        """Return how a fold calls a node in it; "" for a box of one node."""
        if self.kind is Kind.SCOPE:
            return plain(label.removeprefix(self.key))
        return plain(label) if self.kind is Kind.REPEAT else ""

    def is_shared(self, port: int) -> bool:
        """Whether what an op sends back at a port is one of several contributions to a node."""
        wire = self.takes[port]
        return self.kind is Kind.OP and wire.node is not None and len(wire.ends) > 1

    @property
    def last_row(self) -> int:
        """The row of the last output."""
        return self.row + PITCH * max(0, len(self.gives) - 1)


@dataclass(eq=False)
class Wire:
    """A value's way from its box to all its ports: one trunk, with branches.

    `node` is None for several values that are drawn as one; `name` is its own one within a scope.
    `last` is the last layer that the trunk leaves; `rows` has its row at the right edge of each
    layer from its box's to the last.
    """

    node: int | None
    source: Box
    name: str = ""
    ends: list[tuple[Box, int]] = field(default_factory=list)
    last: int = 0
    rows: dict[int, int] = field(default_factory=dict)


# What has a position in a layer: a box, or a wire that passes.
Item = Box | Wire


@dataclass
class Parts:
    """The boxes and wires of one drawing."""

    boxes: list[Box]
    wires: list[Wire]

    @property
    def edges(self) -> int:
        """The number of ports."""
        return sum(len(box.takes) for box in self.boxes)
