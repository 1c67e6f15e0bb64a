"""What is known of a program's run: its graphs, and of each pass what every node worked out.

A *pass* is one forward and perhaps one backward run over a graph; passes are numbered from 0 over
the whole run, whatever their graph. Passes over graphs of the same structure (the same classes,
names and edges) are one *line* of time; nodes are numbered as in the first graph of their line.
A line may be of one graph, of one that is built anew again and again, or of several that live
side by side: which of them a pass went over, the number of its graph says.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence, Set
from typing import Any, Literal, Protocol

from msgspec import Struct

from miniflow.ops.base import Array

Direction = Literal["forward", "backward"]
# Called now and then while the program runs; True means: do not wait any longer.
ShouldStop = Callable[[], bool]


class RecordedNode(Struct, frozen=True):
    """A node of a program: its class, its inputs by number, and the program's name for it.

    `ours`: an op or input of this miniflow whose rules nobody has overridden; `attributes` are
    then its settings. `file` and `line` are where the program made it, if that is known.
    """

    kind: str
    inbound: tuple[int, ...] = ()
    name: str = ""
    ours: bool = False
    attributes: dict[str, Any] = {}
    file: str = ""
    line: int = 0


class Structure(Struct, frozen=True):
    """A graph of a program, as one of its passes went through it.

    `forward` and `backward` are the nodes whose method was called, in the order of the calls.
    """

    nodes: tuple[RecordedNode, ...]
    forward: tuple[int, ...]
    backward: tuple[int, ...]
    cost: int


class Entry(Struct, frozen=True, array_like=True):
    """One number or array within the bytes of a pass.

    `tag`: v, the value of `node` after its forward (of an input without one, when it was first
    used); c, what `node` made in place of its input number `input_index`; s, what it sent to that
    input; g, the gradient that it keeps of itself. `input_index` is -1 where there is none.
    `dtype` is NumPy's (`<f8`), or `float` for a Python float, `int` for a Python integer in decimal
    digits, `text` for a few words on what is no number; of the last two `shape` is the length in
    bytes.
    """

    tag: Literal["v", "c", "s", "g"]
    node: int
    input_index: int
    dtype: str
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        """The number of bytes that it takes."""
        if self.dtype in ("int", "text"):
            return self.shape[0]
        item = 8 if self.dtype == "float" else int(self.dtype[2:])
        return item * math.prod(self.shape)


class Shared(Struct, frozen=True, array_like=True):
    """The inputs that a graph shares with the one whose number is less by `less`.

    `pairs` are their numbers in the structure of the pass, and in the other one's `structure`.
    """

    less: int
    structure: int
    pairs: tuple[tuple[int, int], ...]


Sharing = tuple[Shared, ...]


class Fault(Struct, frozen=True):
    """A node whose method raised: in which direction, the error's class and its words."""

    direction: Direction
    node: int
    error: str
    words: str


class Outline(Struct, frozen=True):
    """What is always kept of a pass.

    `step` counts the passes of its line. `backward`: it went back. `whole`: every number is kept.
    `complete`: nothing more will happen in it. `cost` is NaN where there is none. `graph` is the
    number of the graph: two passes with the same one went over the same nodes.
    """

    number: int
    line: int
    step: int
    backward: bool
    whole: bool
    complete: bool
    cost: float
    fault: Fault | None
    graph: int


class Numbers(Struct, frozen=True):
    """Every number of a pass, or those that were kept, by nodes of its line.

    `values[i]` is the value after forward; `changed[i, k]` what node i made in place of its input
    number k; `sent[i, k]` what it sent there (for a node used twice as an input, the sum of both
    under the first k); `own[i]` a gradient that a node keeps of itself; `texts[i]` what a node held
    that is not a number.
    """

    values: dict[int, Array]
    changed: dict[tuple[int, int], Array]
    sent: dict[tuple[int, int], Array]
    own: dict[int, Array]
    texts: dict[int, str]


class Run(Protocol):
    """The run of a program, as far as it has come."""

    @property
    def name(self) -> str:
        """The name of the program."""

    @property
    def ending(self) -> str:
        """Why there will be no further pass, in words; empty while there may be."""

    @property
    def lines(self) -> Sequence[Structure]:
        """The structure of each line: the first of its passes that went both ways, if one did."""

    def __len__(self) -> int:
        """Return how many passes have begun."""

    def steps(self, line: int) -> Sequence[int]:
        """Return the numbers of the passes of a line, in their order."""

    def outline(self, number: int) -> Outline:
        """Return what is always kept of a pass."""

    def numbers(self, number: int) -> Numbers | None:
        """Return every number of a pass, or None if they were not kept."""

    def inputs(self, number: int) -> Mapping[int, Array]:
        """Return what the inputs of a pass began with, as far as it was kept."""

    def inputs_after(self, number: int) -> Mapping[int, Array]:
        """Return what the inputs of a pass held next: when a pass of its line began with them.

        Or at the end of the run. Where that is not known, it is what the next pass of the line
        began with, over another graph (`others_after`). Empty while there is nothing of it.
        """

    def others_after(self, number: int) -> Set[int]:
        """Return which of `inputs_after` are another graph's, which may be this one built anew."""

    @property
    def traced_at(self) -> int | None:
        """The pass at whose end the program waits because it has called `set_trace`."""

    def run_to(self, number: int, impatience: ShouldStop | None = None) -> None:
        """Run the program until pass `number` is complete, it ends, or `should_stop` is True."""
