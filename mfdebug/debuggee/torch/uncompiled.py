"""Keeps torch's compiler from our functions: it would compile those that a program's tensors reach.

What a program has had compiled runs partly uncompiled, as where it prints or goes backward. What is
called there is compiled by itself, and our taps are called there, too.
"""

from __future__ import annotations

from types import CodeType, FunctionType

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any


def leave_out(skip: Callable[[CodeType], object], functions: Iterable[Any]) -> None:
    """Call `skip`, torch's function for it, with the code of all our functions.

    These are the `functions`, and what can be reached from here.
    """
    # By their ids: codes are equal also if they differ in the name of their file.
    codes: dict[int, CodeType] = {}
    package = __name__.rpartition(".torch.")[0]
    met: set[int] = set()
    waiting: list[Any] = [leave_out, *functions]
    while waiting:
        thing = waiting.pop()
        if id(thing) in met:
            continue
        met.add(id(thing))
        if isinstance(thing, property):
            waiting += [thing.fget, thing.fset]
        elif isinstance(thing, staticmethod | classmethod):
            waiting.append(thing.__func__)
        elif isinstance(thing, FunctionType):
            waiting.append(thing.__code__)
            if _is_ours(thing.__globals__.get("__name__"), package):
                waiting += thing.__globals__.values()
        elif isinstance(thing, CodeType):
            codes[id(thing)] = thing
            waiting += thing.co_consts
        elif isinstance(thing, type) and _is_ours(thing.__module__, package):
            waiting += vars(thing).values()
    for code in codes.values():
        skip(code)


def _is_ours(module: Any, package: str) -> bool:
    return isinstance(module, str) and module.startswith(f"{package}.")
