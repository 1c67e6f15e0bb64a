"""The table of PyTorch's functions: by name, what makes the nodes of a call.

A maker takes a builder and the call's arguments by the names that PyTorch gives them, where `self`
and `input` are called `x`. Most are the rules of ATen ops, by which models are read from files:
`miniflow/importers/pt2/rules`. Functions that write to their first argument have the rule of the
function whose name has no underscore.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from miniflow.importers.pt2.rules import RULES

FUNCTIONS: dict[str, Callable[..., Any]] = {}

Function = TypeVar("Function", bound=Callable[..., Any])


def function(*names: str) -> Callable[[Function], Function]:
    """Enter a maker for the functions `names`."""

    def enter(make: Function) -> Function:
        for name in names:
            FUNCTIONS[name] = make
        return make

    return enter


def same_as_aten(names: str) -> None:
    """Enter the rules of ATen ops for functions with their names and arguments.

    A name such as `subtract:sub` is that of a function, and of the op that it is.
    """
    for each in names.split():
        name, _, aten = each.partition(":")
        FUNCTIONS[name] = RULES[aten or name].make


def maker_of(name: str) -> Callable[..., Any] | None:
    """Return the maker of a function, or None if it is not in the table."""
    return FUNCTIONS.get(name) or FUNCTIONS.get(name.removesuffix("_"))
