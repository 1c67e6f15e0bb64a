"""The recorded data of a run: its graphs, and what every node computed in each pass.

A *pass* is one forward and perhaps one backward run over a graph; passes are numbered from 0 over
the whole run, whatever their graph. Passes over graphs of the same structure (the same classes,
names and edges) are one *line* of time; nodes are numbered as in the first graph of their line.
A line may have one graph, one that is rebuilt again and again, or several that exist side by side;
the graph number of a pass says which of them it ran.
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

    `ours`: an op or input of this miniflow, with no rule overridden; `attributes` are then its
    settings. `file` and `line` are where the program created it, if known. `engine` is the library
    whose function the node is, such as torch; empty for nodes in the style of the lesson.
    `trained`: an input of which the program wants a gradient.
    """

    kind: str
    inbound: tuple[int, ...] = ()
    name: str = ""
    ours: bool = False
    attributes: dict[str, Any] = {}
    file: str = ""
    line: int = 0
    engine: str = ""
    trained: bool = False

    @property
    def is_result(self) -> bool:
        """Whether it is one of several results of a function, which is the node before it."""
        return bool(self.engine) and self.kind == "result" and len(self.inbound) == 1

    @property
    def is_own(self) -> bool:
        """Whether it is a function of the program's own, with a backward, in a library's engine."""
        return bool(self.engine) and self.attributes.get("own") is True


class Structure(Struct, frozen=True):
    """A graph of a program, as one of its passes ran it.

    `forward` and `backward` are the nodes whose method was called, in call order.
    """

    nodes: tuple[RecordedNode, ...]
    forward: tuple[int, ...]
    backward: tuple[int, ...]
    cost: int

    def reads(self, number: int) -> tuple[int, ...]:
        """Return the nodes whose values a node is computed from.

        For one of several results they are those of the function, whose own value is no number.
        """
        node = self.nodes[number]
        return self.nodes[node.inbound[0]].inbound if node.is_result else node.inbound


class Entry(Struct, frozen=True, array_like=True):
    """One number or array within the bytes of a pass.

    `tag`: v, the value of `node` after its forward (for an input without one, when it was first
    used); c, the value to which `node` changed its input `input_index` in place; s, what it sent to
    that input; g, the gradient that it stores for itself. `input_index` is -1 if there is none.
    `dtype` is NumPy's (`<f8`), or `float` for a Python float, `int` for a Python integer in decimal
    digits, `text` for a description of something that is not a number; for the last two, `shape` is
    the length in bytes.
    """

    tag: Literal["v", "c", "s", "g"]
    node: int
    input_index: int
    dtype: str
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        """The size of the entry in bytes."""
        if self.dtype in ("int", "text"):
            return self.shape[0]
        item = 8 if self.dtype == "float" else int(self.dtype[2:])
        return item * math.prod(self.shape)


class StepEntry(Struct, frozen=True, array_like=True):
    """One number or array within the bytes of an optimizer's step; `dtype` as in `Entry`."""

    node: int
    name: str
    dtype: str
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        """The size of the entry in bytes."""
        return self.as_entry.size

    @property
    def as_entry(self) -> Entry:
        """The same as an entry of a pass."""
        return Entry("v", self.node, -1, self.dtype, self.shape)


class OptimizerStep(Struct, frozen=True):
    """What a step of one of the program's optimizers did to the inputs of a pass.

    `settings` are those of each updated node's group. The nodes in `later` were updated only
    after a later pass. `known`: it is an optimizer of PyTorch itself. `arrays[node, name]` has
    what was `before` and the `gradient`, where they were not those of the pass, what was `after`,
    and `state.NAME`, what the optimizer kept for the node before; empty if that was not kept.
    """

    optimizer: str
    known: bool
    settings: dict[int, dict[str, Any]]
    later: frozenset[int]
    arrays: dict[tuple[int, str], Array]


class Shared(Struct, frozen=True, array_like=True):
    """The inputs that a graph shares with the graph whose number is smaller by `less`.

    `pairs` are the numbers of each input in the structure of the pass and in `structure`.
    """

    less: int
    structure: int
    pairs: tuple[tuple[int, int], ...]


Sharing = tuple[Shared, ...]


class Fault(Struct, frozen=True):
    """A node whose method raised: the direction, and the class and message of the error."""

    direction: Direction
    node: int
    error: str
    words: str


class Outline(Struct, frozen=True):
    """The part of a pass that is always kept.

    `step` counts the passes of its line. `backward`: backward ran. `whole`: every number is kept.
    `complete`: the pass is finished. `cost` is NaN if there is none. Two passes with the same
    `graph` number ran the same node objects. `after_gap`: passes right before it were not watched.
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
    after_gap: bool = False


class Numbers(Struct, frozen=True):
    """The recorded numbers of a pass, by node number of its line.

    `values[i]` is the value after forward; `changed[i, k]` the value to which node i changed its
    input k in place; `sent[i, k]` what it sent to that input (for a node used twice as an input,
    the sum of both under the first k); `own[i]` the gradient that a node stores for itself;
    `texts[i]` describes a value that is not a number.
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
        """Why there will be no further pass, as a message; empty while there may be one."""

    @property
    def lines(self) -> Sequence[Structure]:
        """The structure of each line: of its first pass with forward and backward, if any."""

    def __len__(self) -> int:
        """Return how many passes have started."""

    def steps(self, line: int) -> Sequence[int]:
        """Return the numbers of the passes of a line, in order."""

    def outline(self, number: int) -> Outline:
        """Return the part of a pass that is always kept."""

    def numbers(self, number: int) -> Numbers | None:
        """Return every number of a pass, or None if they were not kept."""

    def nodes(self, number: int) -> Sequence[RecordedNode]:
        """Return the nodes of a pass's line, with the settings that they have in this pass.

        They are those of the line's structure itself if their settings are.
        """

    def inputs(self, number: int) -> Mapping[int, Array]:
        """Return the initial values of a pass's inputs, as far as they were kept."""

    def inputs_after(self, number: int) -> Mapping[int, Array]:
        """Return the next values of a pass's inputs: those at the next pass of its line with them.

        Or at the end of the run. If that is not known: the initial values of the line's next pass,
        over another graph (`others_after`). Empty as long as nothing is known.
        """

    def others_after(self, number: int) -> Set[int]:
        """Return the keys of `inputs_after` with values of another graph, perhaps a rebuilt one."""

    def optimizer_steps(self, number: int) -> Sequence[OptimizerStep]:
        """Return the steps of optimizers that concern the inputs of a pass, in order."""

    @property
    def traced_at(self) -> int | None:
        """The pass at whose end the program waits because it has called `set_trace`, or None."""

    def run_to(self, number: int, should_stop: ShouldStop | None = None) -> None:
        """Run the program until pass `number` is complete, it ends, or `should_stop` is True."""
