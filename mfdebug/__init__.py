"""mfdebug: a step-through debugger for backpropagation, in the terminal.

From Python: `mfdebug.debug(cost)` opens the app on a live graph, `mfdebug.set_trace()` inside a
program stops at its next pass, `with mfdebug.watching():` records the passes within it.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from os import PathLike

    from mfdebug.watched_part import Watching
    from miniflow.graph import Graph
    from miniflow.node import Node
    from miniflow.training.optimizers import Optimizer

__version__ = "0.4.0"
__all__ = ["debug", "set_trace", "watching"]


def debug(
    cost: Graph | Node | Sequence[Node] | Any,
    feed_dict: Mapping[Node, Any] | None = None,
    trainables: Sequence[Node] = (),
    optimizer: Optimizer | None = None,
) -> None:
    """Open the debugger on a live graph: a `Graph`, its cost, or what `topological_sort` returned.

    `feed_dict` gives inputs their values, `trainables` says what training changes, `optimizer` how.
    The graph's own nodes keep the values that they have. Where there is no terminal, as in a
    notebook, it says what to do. Raises `MiniflowError` for a graph that cannot run.

    `cost` may also be a tensor of PyTorch, without further arguments: the program waits while the
    debugger shows what it was computed from. What was computed before mfdebug watched has no
    values. If the program goes back from the tensor later, its gradients follow.
    """
    if _is_tensor(cost):
        from mfdebug.api import debug_tensor

        if feed_dict or trainables or optimizer is not None:
            raise TypeError("a tensor is debugged without feed_dict, trainables and optimizer")
        debug_tensor(cost, sys._getframe(1))
        return
    from mfdebug.api import debug_graph

    debug_graph(cost, feed_dict or {}, trainables, optimizer, sys._getframe(1))


def _is_tensor(thing: Any) -> bool:
    """Whether a thing is a tensor of the program's PyTorch, which is not imported here."""
    torch = sys.modules.get("torch")
    kind = getattr(torch, "Tensor", None)
    return isinstance(kind, type) and isinstance(thing, kind)


def set_trace() -> None:
    """Stop at the end of the next pass that this program runs over a graph.

    Under `mfdebug prog.py` the program waits there. Otherwise a debugger opens on the terminal, in
    a process of its own; `q` quits it, and the program continues without it.
    """
    from mfdebug.debuggee.trace import stop_at_next_pass

    stop_at_next_pass()


def watching(file: str | PathLike[str] | None = None, *, every: int = 0) -> Watching:
    """Return a context within which the passes of this program are recorded into a run file.

    `with mfdebug.watching("run.mfrun") as run:` records; when the block ends, `run.path` is the
    file, to be opened with `mfdebug run.mfrun`. Without `file` it is named after the program.
    Every `every`-th pass is kept whole; 0 means as many as there is time for. Outside of the block
    nothing is watched, and the program runs as alone.
    """
    from mfdebug.watched_part import Watching

    return Watching(file, every)
