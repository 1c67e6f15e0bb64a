"""Compares the engine's graph of a pass with one known form, in straight-line code made for that.

Each pass makes the engine's nodes anew, so all of them have to be looked at, in caches that the
program's own work has filled: `walk` took 25 us for the 11 nodes of a small network, a loop over
what is expected 16 us, this 10 us, of which 8 us are torch's, which hands the nodes out.
"""

from __future__ import annotations

from .pass_kinds import ACCUMULATE, walk

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

# Nodes of the largest graph for which code is made: it takes about 0.1 ms for each of them.
MAX_NODES = 2000


def comparer(root: Any) -> Callable[[Any], bool] | None:
    """Return a function that says whether a node of the engine has the graph of `root`.

    It says so only where `walk` returns the same form for both. None: the graph is too large.
    """
    found, _ = walk((root,))
    if len(found) > MAX_NODES:
        return None
    numbers = {engine_node: number for number, (engine_node, _) in enumerate(found)}
    # Numbers only are put into the code; what nodes are is in its names `t0`, `s0` and so on.
    names: dict[str, Any] = {}
    lines = ["def same(n0):"]
    met = 1
    for number, (engine_node, edges) in enumerate(found):
        node, kind = f"n{number}", type(engine_node)
        names[f"t{number}"] = kind
        differs = [f"type({node}) is not t{number}"]
        name = engine_node.name()
        if name == ACCUMULATE:
            differs.append(f"id({node}.variable) != {id(engine_node.variable)}")
        elif kind.__name__ != name:
            # Nodes without a class of their own have one in common.
            names[f"s{number}"] = name
            differs.append(f"{node}.name() != s{number}")
        lines.append(f" if {' or '.join(differs)}: return False")
        if name == ACCUMULATE:
            continue
        lines.append(f" edges = {node}.next_functions")
        lines.append(f" if len(edges) != {len(edges)}: return False")
        if not edges:
            continue
        targets, differs = [], []
        for at, (below, output) in enumerate(edges):
            known = -1 if below is None else numbers[below]
            target = f"n{known}" if known == met else f"x{at}"
            targets.append(f"({target}, o{at})")
            differs.append(f"o{at} != {output}")
            if known == met:
                met += 1
            else:
                differs.append(f"{target} is not {'None' if below is None else f'n{known}'}")
        lines.append(f" {', '.join(targets)}, = edges")
        lines.append(f" if {' or '.join(differs)}: return False")
    # Two nodes that are one now are none of the graph.
    lines.append(f" return len({{{', '.join(f'n{number}' for number in range(len(found)))}}}) == ")
    lines[-1] += str(len(found))
    exec(compile("\n".join(lines), __file__, "exec"), names)
    same: Callable[[Any], bool] = names["same"]
    return same
