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

    from .graph import Edges, ValueGraph


# Whether a `_backward` has only ever added one float to each operand where a float came in, by its
# code.
_habits: dict[Any, bool] = {}
# Adding to it gives what is added, with its sign.
_MINUS_ZERO = -0.0


class Noted:
    """What one run of `backward` does.

    `order`: the values in the order of the calls; `sent`: for each edge of the graph what was added
    along it, None if that is not known. Remove it when the run has ended.
    """

    __slots__ = ("_taps", "learns", "order", "sent")

    def __init__(self, graph: ValueGraph, edges: Edges, *, learns: bool) -> None:
        self.learns = learns
        self.order: list[int] = []
        self.sent: list[Any] = [None] * len(edges.all)
        self._taps: list[_Call] = []
        values, sources = graph.values, graph.sources
        for i, (value, numbers) in enumerate(zip(values, edges.operands, strict=True)):
            operands = tuple([values[k] for k in numbers])
            tap = _Call(self, i, value, operands, edges.first[i])
            if not learns and len(numbers) == len(sources[i]):
                tap.quick = _habits.get(graph.operations[i][0], False)
            self._taps.append(tap)

    def remove(self) -> None:
        """Leave the values as they were."""
        for tap in self._taps:
            if tap.value._backward is tap:
                tap.value._backward = tap.original


class _Call:
    """The tap of one `_backward`; `quick` as `_habits` says."""

    __slots__ = ("edge", "noted", "number", "operands", "original", "quick", "value")

    def __init__(
        self, noted: Noted, number: int, value: Any, operands: tuple[Any, ...], edge: int
    ) -> None:
        self.noted = noted
        self.number = number
        self.value = value
        self.original = value._backward
        self.operands = operands
        self.edge = edge
        self.quick = False
        value._backward = self

    def __call__(self) -> Any:
        self.noted.order.append(self.number)
        if not self.operands:
            return self.original()
        quick = self.quick and type(self.value.grad) is float
        before = []
        for operand in self.operands:
            held = operand.grad
            kind = type(held)
            if quick and not held and (kind is int or kind is float):
                start: Any = _MINUS_ZERO
            else:
                make = _noting_class(kind)
                start = held if make is None else make(held)
            operand.grad = start
            before.append((held, start))
        try:
            return self.original()
        finally:
            sent, at = self.noted.sent, self.edge
            for operand, (held, start) in zip(self.operands, before, strict=True):
                found = operand.grad
                kind = type(found)
                if found is start and start is not held and kind is float:
                    operand.grad = held
                elif start is _MINUS_ZERO:
                    sent[at] = found
                    if kind is not float or not found:
                        operand.grad = held + found
                elif kind in _plain:
                    sent[at] = found.added
                    operand.grad = _plain[kind](found, held)
                elif start is not held and _noting_class(kind) is not None:
                    # It was assigned.
                    sent[at] = _copy(found)
                at += 1
            if self.noted.learns:
                self._learn_habit(before)

    def __getattr__(self, name: str) -> Any:
        # What a program asks of the function, it answers.
        return getattr(self.original, name)

    def _learn_habit(self, before: list[tuple[Any, Any]]) -> None:
        """Learn whether the function adds one float to each operand where a float came in."""
        code = getattr(self.original, "__code__", None)
        sent = self.noted.sent[self.edge : self.edge + len(before)]
        habit = _habits.get(code, True)
        if type(self.value.grad) is float:
            habit = habit and all(
                type(number) is float and start is not held and type(operand.grad) is float
                for number, operand, (held, start) in zip(sent, self.operands, before, strict=True)
            )
        _habits[code] = habit


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


def _noting_class(cls: type) -> Any:
    """Return what makes numbers that note of numbers of a class, or None."""
    return _noting[cls] if cls in _noting else _learn(cls)


def _learn(cls: type) -> Any:
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
            make = _noting_class(type(result))
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

    _plain[Noting] = lambda array, _: array.plain
    return noting


def _copy(number: Any) -> Any:
    """Return a number that the program cannot change in place."""
    numpy: Any = sys.modules.get("numpy")
    is_array = numpy is not None and type(number) is numpy.ndarray
    return number.copy() if is_array else number
