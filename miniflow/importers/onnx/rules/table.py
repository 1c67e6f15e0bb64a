"""The table of rules: each op of ONNX with the function that translates it.

A rule returns a node, or a value, for each output. It raises `UntranslatableError` for a form that
it does not know.
"""

from __future__ import annotations

from collections.abc import Callable

from miniflow.importers.onnx.call import Rule

RULES: dict[str, Rule] = {}
# Ops whose rule is also that of integers and bools: they move numbers, or compare them.
ANY_TYPE: set[str] = set()


def rule(kinds: str, *, any_type: bool = False) -> Callable[[Rule], Rule]:
    """Enter a function as the rule of ops, whose names are separated by spaces."""

    def enter(function: Rule) -> Rule:
        for kind in kinds.split():
            RULES[kind] = function
            if any_type:
                ANY_TYPE.add(kind)
        return function

    return enter
