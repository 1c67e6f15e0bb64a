"""A recorder that shares nothing with the one it is compared with: it wraps the nodes' methods.

    python independent.py OUT prog.py [arguments of prog.py]

runs a program as `python prog.py` would, copies what each node holds after each outermost call of
its `forward` or `backward`, and pickles it into OUT when the program ends. Nothing of mfdebug is
imported, and nothing is computed.
"""

from __future__ import annotations

import builtins
import copy
import functools
import os
import pickle
import sys
import types
from typing import Any

INBOUND = ("inbound_nodes", "inbound_neurons", "inbound_layers", "inputs", "parents")
OUTBOUND = ("outbound_nodes", "outbound_neurons", "outbound_layers", "outputs", "children")
BUILD_CLASS, EXIT = builtins.__build_class__, os._exit
OUT, PID = "", os.getpid()

nodes: list[Any] = []  # every node that was met, in that order; kept, so that ids stay theirs
number_of: dict[int, int] = {}
passes: list[dict[str, Any]] = []
depth = 0


def listed(node: Any, names: tuple[str, ...]) -> list[Any] | None:
    """Return the nodes of the first of these lists that a node has, or None without one."""
    for name in names:
        found = getattr(node, name, None)
        if isinstance(found, list | tuple) and all(
            hasattr(neighbour, "forward") for neighbour in found
        ):
            return list(found)
    return None


def number(node: Any) -> int:
    """Return a node's number; a new one's inputs get theirs before it."""
    for source in () if id(node) in number_of else listed(node, INBOUND) or ():
        number(source)
    if id(node) not in number_of:
        number_of[id(node)] = len(nodes)
        nodes.append(node)
    return number_of[id(node)]


def value(node: Any) -> Any:
    """Return a copy of what a node holds now."""
    return copied(getattr(node, "value", None))


def copied(held: Any) -> Any:
    try:
        return copy.deepcopy(held)
    except Exception as error:
        return f"not copied: {error!r}"


def leaves() -> dict[int, Any]:
    """Return what every node without inputs holds now."""
    return {i: value(node) for i, node in enumerate(nodes) if not listed(node, INBOUND)}


def connected(node: Any, called: set[int]) -> bool:
    """Whether a chain of inputs and consumers leads from a node to one that was called."""
    seen, todo = {id(node)}, [node]
    while todo:
        reached = todo.pop()
        if number_of.get(id(reached)) in called:
            return True
        for other in (*(listed(reached, INBOUND) or ()), *(listed(reached, OUTBOUND) or ())):
            if id(other) not in seen:
                seen.add(id(other))
                todo.append(other)
    return False


def begins(node: Any, direction: str) -> bool:
    """Whether a call belongs to a pass of its own."""
    if not passes:
        return True
    last = passes[-1]
    this = number_of.get(id(node))
    if last["fault"]:
        return True
    if direction == "backward":
        return this in last["backward"]
    called = set(last["forward"])
    return bool(last["backward"]) or this in called or not connected(node, called)


def note(node: Any, direction: str, method: Any, given: Any, named: Any) -> Any:
    """Call a method of a node, and note what was there before and after."""
    if begins(node, direction):
        names = ("values", "inputs_before", "inputs_after", "gradients")
        begun: dict[str, Any] = {name: {} for name in names}
        number(node)
        passes.append({"forward": [], "backward": [], "fault": None, "leaves": leaves(), **begun})
    now, this, inbound = passes[-1], number(node), listed(node, INBOUND) or []
    if direction == "forward":
        now["inputs_before"][this] = [value(source) for source in inbound]
    for source in inbound:
        if number(source) not in now["values"] and not listed(source, INBOUND):
            now["values"][number(source)] = value(source)
    try:
        result = method(node, *given, **named)
    except BaseException as error:
        now["fault"] = (direction, this, type(error).__name__, str(error))
        raise
    if direction == "forward":
        now["forward"].append(this)
        now["values"][this] = value(node)
        now["inputs_after"][this] = [value(source) for source in inbound]
    else:
        now["backward"].append(this)
        sent = getattr(node, "gradients", None)
        if isinstance(sent, dict):
            kept = {number(n): copied(g) for n, g in sent.items() if id(n) in number_of}
            now["gradients"][this] = kept
    return result


def wrapped(direction: str, method: Any) -> Any:
    @functools.wraps(method)
    def call(node: Any, *given: Any, **named: Any) -> Any:
        global depth
        if depth or os.getpid() != PID or listed(node, INBOUND) is None:
            return method(node, *given, **named)
        depth += 1
        try:
            return note(node, direction, method, given, named)
        finally:
            depth -= 1

    return call


def build_class(*given: Any, **named: Any) -> Any:
    made = BUILD_CLASS(*given, **named)
    for direction in ("forward", "backward"):
        method = vars(made).get(direction) if isinstance(made, type) else None
        if isinstance(method, types.FunctionType):
            setattr(made, direction, wrapped(direction, method))
    return made


def write() -> None:
    """Write what was noted, with what is there in the end."""
    if os.getpid() == PID:
        shape = [(type(n).__name__, [number(m) for m in listed(n, INBOUND) or ()]) for n in nodes]
        with open(OUT, "wb") as file:
            pickle.dump({"nodes": shape, "passes": passes, "leaves": leaves()}, file)


def leave(status: int) -> None:
    write()
    EXIT(status)


def main() -> None:
    """Run a program, noting what its nodes do."""
    global OUT
    OUT, path = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
    import numpy as np  # noqa: F401 - its classes are none of the program's

    builtins.__build_class__, os._exit = build_class, leave  # type: ignore[assignment]
    sys.argv, sys.path[0] = sys.argv[2:], os.path.dirname(path)
    main = types.ModuleType("__main__")
    main.__dict__.update(__file__=path, __builtins__=builtins)
    sys.modules["__main__"] = main
    with open(path, "rb") as file:
        code = compile(file.read(), path, "exec", dont_inherit=True)
    try:
        exec(code, main.__dict__)
    finally:
        write()


if __name__ == "__main__":
    main()
