"""The table of ATen ops: by name, what makes their nodes.

A rule takes a builder and the call's arguments by their names in ATen's schema
(native_functions.yaml), where `self` and `input` are called `x`. It returns a value, or a tuple of
them, None for an output that has none. All overloads of an op have one rule.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar


class Rule(NamedTuple):
    """What makes the nodes of an op; `folds` if constants are computed when a file is read."""

    make: Callable[..., Any]
    signature: inspect.Signature
    folds: bool


RULES: dict[str, Rule] = {}

Function = TypeVar("Function", bound=Callable[..., Any])


def rule(*names: str, folds: bool = True) -> Callable[[Function], Function]:
    """Enter a function as the rule of the ATen ops `names`."""

    def enter(function: Function) -> Function:
        for name in names:
            RULES[name] = Rule(function, inspect.signature(function), folds)
        return function

    return enter
