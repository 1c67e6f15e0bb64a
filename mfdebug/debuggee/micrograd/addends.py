"""What each `_backward` adds to the gradients of its operands, noted by the numbers themselves.

While a `_backward` runs, the gradients of its operands are numbers that note what is added to them;
they compute as before, and afterwards they are the plain results. A program that assigns instead of
adding is seen to do so.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from .graph import ValueGraph


class Noted:
    """What one run of `backward` does.

    `order`: the values in the order of the calls; `sent`: for each edge of the graph what was added
    along it, None if that is not known. Remove it when the run has ended.
    """

    def __init__(self, graph: ValueGraph) -> None:
        self.order: list[int] = []
        self.sent: list[Any] = [None] * len(graph.edges)
        self._taps: list[tuple[Any, Any, Any]] = []
        values, sources, first = graph.values, graph.sources, graph.first_edge
        for i, value in enumerate(values):
            operands = [values[k] for k in dict.fromkeys(sources[i])]
            original = value._backward
            tap = self._tap(i, original, operands, first[i])
            value._backward = tap
            self._taps.append((value, original, tap))

    def remove(self) -> None:
        """Leave the values as they were."""
        for value, original, tap in self._taps:
            if value._backward is tap:
                value._backward = original

    def _tap(
        self, number: int, original: Callable[[], Any], operands: list[Any], edge: int
    ) -> Callable[[], Any]:
        called, sent, noting = self.order.append, self.sent, _noting

        if not operands:

            def call() -> Any:
                called(number)
                return original()

            return call

        def noted() -> Any:
            called(number)
            before = []
            for operand in operands:
                held = operand.grad
                before.append(held)
                kind = type(held)
                make = noting[kind] if kind in noting else _learn(kind)
                if make is not None:
                    operand.grad = make(held)
            try:
                return original()
            finally:
                at = edge
                for operand, held in zip(operands, before, strict=True):
                    found = operand.grad
                    plain = _plain.get(type(found))
                    if plain is not None:
                        sent[at] = _sum(sent[at], found.added)
                        operand.grad = plain(found, held)
                    elif type(held) in noting and noting.get(type(found)) is not None:
                        # It was assigned.
                        sent[at] = _copy(found)
                    at += 1

        return noted


def _sum(first: Any, second: Any) -> Any:
    """Return the sum of what was added before, if anything was, and now."""
    if first is None:
        return second
    return first if second is None else first + second


# Numbers that note ---------------------------------------------------------------------------

# The class of numbers that note, by the class of numbers; None if there is none.
_noting: dict[type, Any] = {}
# How to get the plain number of one that notes, by its class; it is given the number before, too.
_plain: dict[type, Callable[[Any, Any], Any]] = {}


def _learn(cls: type) -> Any:
    """Return the class of numbers that note for a class of numbers, or None."""
    numpy: Any = sys.modules.get("numpy")
    made: Any = None
    if cls in (int, float) or (numpy is not None and cls in (numpy.float64, numpy.float32)):
        made = _scalars(cls)
    elif numpy is not None and cls is numpy.ndarray:
        made = _arrays(cls)
    _noting[cls] = made
    return made


def _scalars(cls: Any) -> Any:
    class Noting(cls):  # type: ignore[misc]
        added: Any = None

        def __add__(self, other: Any) -> Any:
            return self._result(cls(self) + other, other)

        def __radd__(self, other: Any) -> Any:
            return self._result(other + cls(self), other)

        def __sub__(self, other: Any) -> Any:
            return self._result(cls(self) - other, -other)

        def _result(self, result: Any, added: Any) -> Any:
            kind = type(result)
            make = _noting[kind] if kind in _noting else _learn(kind)
            if make is None:
                return result
            made = make(result)
            made.added = _sum(self.added, added)
            return made

    _plain[Noting] = lambda number, before: before if number.added is None else cls(number)
    return Noting


def _arrays(cls: Any) -> Any:
    class Noting(cls):  # type: ignore[misc]
        added: Any = None
        # The plain array with the same numbers.
        plain: Any = None

        def __iadd__(self, other: Any) -> Any:
            self.plain += other
            self.added = _sum(self.added, _copy(other))
            return self

        def __add__(self, other: Any) -> Any:
            return self._result(self.plain + other, other)

        def __radd__(self, other: Any) -> Any:
            return self._result(other + self.plain, other)

        def __sub__(self, other: Any) -> Any:
            return self._result(self.plain - other, -other)

        def _result(self, result: Any, added: Any) -> Any:
            if type(result) is not cls:
                return result
            made = _noting[cls](result)
            made.added = _sum(self.added, _copy(added))
            return made

    def noting(array: Any) -> Any:
        made = array.view(Noting)
        made.plain = array
        return made

    _plain[Noting] = lambda array, before: array.plain
    return noting


def _copy(number: Any) -> Any:
    """Return a number that the program cannot change in place."""
    numpy: Any = sys.modules.get("numpy")
    is_array = numpy is not None and type(number) is numpy.ndarray
    return number.copy() if is_array else number
