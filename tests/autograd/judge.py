"""A recorder of programs that use autograd that shares nothing with mfdebug's.

    python judge.py OUT prog.py [arguments of prog.py]

runs a program as `python prog.py` would, with autograd's loop over the nodes written out: what each
node gets and sends is copied there. It pickles that into OUT when the program ends.
"""

from __future__ import annotations

import copy
import pickle
import runpy
import sys
from pathlib import Path
from typing import Any

import autograd.core as core
from autograd.tracer import getval
from autograd.util import toposort

passes: list[dict[str, Any]] = []
# Of a node, by its id: the name of its function, a copy of its result; and itself and its result,
# so that ids stay theirs.
made: dict[int, tuple[str, Any, Any, Any]] = {}
START = core.VJPNode.__init__
TRACE = core.trace


def start(node: Any, value: Any, fun: Any, args: Any, kwargs: Any, nums: Any, parents: Any) -> None:
    START(node, value, fun, args, kwargs, nums, parents)
    made[id(node)] = fun.__name__.strip("_"), copied(value), node, value


def trace(node: Any, fun: Any, x: Any) -> Any:
    made[id(node)] = "argument", copied(x), node, x
    return TRACE(node, fun, x)


def copied(thing: Any) -> Any:
    thing = getval(thing)
    if isinstance(thing, core.SparseObject):
        thing = thing.mut_add(thing.vs.zeros())
    return copy.deepcopy(thing)


def backward_pass(gradient: Any, end: Any) -> Any:
    order = list(toposort(end))
    number = {id(node): i for i, node in enumerate(reversed(order))}
    count = len(order)
    this_pass: dict[str, Any] = {
        "kinds": [made[id(node)][0] for node in reversed(order)],
        "values": [made[id(node)][1] for node in reversed(order)],
        "ids": [id(getval(made[id(node)][3])) for node in reversed(order)],
        "inbound": [[number[id(parent)] for parent in node.parents] for node in reversed(order)],
        "own": [None] * count,
        "sent": [[] for _ in range(count)],
    }
    outgrads = {end: (gradient, False)}
    for node in order:
        outgrad = outgrads.pop(node)
        this_pass["own"][number[id(node)]] = copied(outgrad[0])
        for parent, ingrad in zip(node.parents, node.vjp(outgrad[0]), strict=False):
            this_pass["sent"][number[id(node)]].append(copied(ingrad))
            outgrads[parent] = core.add_outgrads(outgrads.get(parent), ingrad)
    passes.append(this_pass)
    return outgrad[0]


def main() -> None:
    out, program = sys.argv[1:3]
    sys.argv = sys.argv[2:]
    sys.path.insert(0, str(Path(program).parent))
    core.VJPNode.__init__ = start
    core.trace = trace
    core.backward_pass = backward_pass
    try:
        runpy.run_path(program, run_name="__main__")
    finally:
        Path(out).write_bytes(pickle.dumps(passes))


if __name__ == "__main__":
    main()
