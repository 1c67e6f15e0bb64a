"""The graph below a value, read from the cells of the functions that will send gradients."""

from __future__ import annotations

from types import CodeType, FunctionType

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    # What a value is the result of: the code of its `_backward`, and the numbers that it uses.
    Operation = tuple[Any, tuple[float, ...]]

# What a class sets in `__init__`.
ATTRIBUTES = {"data", "grad", "_backward"}
# Attributes that list the operands of a value.
OPERANDS = ("_prev", "_children", "_parents", "prev", "children", "parents")
# No function: an input.
INPUT: Operation = (None, ())
# Operands in a list that one operation may have.
MAX_OPERANDS = 100_000


def is_value_class(cls: type) -> bool:
    """Whether the instances of a class are values: seen from its code, which does not run."""
    found: dict[str, Any] = {}
    for base in reversed(cls.__mro__[:-1]):
        found |= vars(base)
    start = found.get("__init__")
    return (
        type(start) is FunctionType
        and type(found.get("backward")) is FunctionType
        and "forward" not in found
        and "__setattr__" not in found
        and "__getattribute__" not in found
        and set(start.__code__.co_names) >= ATTRIBUTES
        and not any(isinstance(found.get(name), property) for name in ATTRIBUTES)
    )


class ValueGraph:
    """A value and all that it depends on, numbered after their operands; the value is the last.

    `sources` are the operands of each by number, `operations` what it is the result of. `edges`
    are the pairs of a value and the first position of each of its operands, `first_edge` where
    those of a value begin.
    """

    def __init__(self, cost: Any) -> None:
        self.values: list[Any] = []
        self.sources: list[tuple[int, ...]] = []
        self.operations: list[Operation] = []
        self.edges: list[tuple[int, int]] = []
        self.first_edge: list[int] = []
        self._read(cost)
        self.key = tuple(self.operations), tuple(self.sources)

    def _read(self, cost: Any) -> None:
        numbers: dict[int, int] = {}
        read: dict[int, tuple[list[Any], Operation]] = {}
        kind = type(cost)
        stack = [cost]
        while stack:
            value = stack[-1]
            key = id(value)
            if key in numbers:
                stack.pop()
                continue
            found = read.get(key)
            if found is None:
                found = read[key] = _operation(value, kind)
                missing = [x for x in found[0] if id(x) not in numbers]
                if missing:
                    missing.reverse()
                    stack += missing
                    continue
            stack.pop()
            number = numbers[key] = len(self.values)
            # What would be in a cycle is left out.
            sources = tuple([numbers[id(x)] for x in found[0] if id(x) in numbers])
            self.values.append(value)
            self.sources.append(sources)
            self.operations.append(found[1])
            self.first_edge.append(len(self.edges))
            self.edges += [
                (number, k) for k, i in enumerate(sources) if not k or sources.index(i) == k
            ]

    @property
    def inputs(self) -> list[int]:
        """The numbers of the values that have no operands."""
        return [i for i, sources in enumerate(self.sources) if not sources]

    def form(self, number: int) -> tuple[str, dict[str, Any]]:
        """Return the kind of a value, and the arguments of its operation as records hold them."""
        code, numbers = self.operations[number]
        if code is None:
            return type(self.values[number]).__name__, {}
        name = code if isinstance(code, str) else _method(code)
        places = [f"@{k}" for k in range(len(self.sources[number]))]
        return name, {"arguments": [*places, *numbers], "options": []}


# Of a code, the positions of its cells, `self` first.
_cells: dict[CodeType, list[int]] = {}


def _operation(value: Any, kind: type) -> tuple[list[Any], Operation]:
    """Return the operands of a value, and what it is the result of."""
    function = value._backward
    if type(function) is FunctionType and function.__closure__ is not None:
        code = function.__code__
        cells = function.__closure__
        order = _cells.get(code)
        if order is None:
            names = code.co_freevars
            order = _cells[code] = sorted(range(len(names)), key=lambda i: names[i] != "self")
        operands: list[Any] = []
        numbers: list[float] = []
        for i in order:
            try:
                held = cells[i].cell_contents
            except ValueError:
                continue
            if isinstance(held, kind):
                if held is not value:
                    operands.append(held)
            elif type(held) is float or type(held) is int:
                numbers.append(held)
            elif type(held) in (list, tuple) and len(held) <= MAX_OPERANDS:
                operands += [x for x in held if isinstance(x, kind) and x is not value]
        if operands:
            return operands, (code, tuple(numbers))
    for name in OPERANDS:
        listed = getattr(value, name, None)
        if type(listed) in (set, frozenset, list, tuple) and listed:
            operands = [x for x in listed if isinstance(x, kind) and x is not value]
            label = getattr(value, "_op", "")
            return operands, (label if type(label) is str and label else "result", ())
    return [], INPUT


def _method(code: CodeType) -> str:
    """Return the name of the operation that has made a `_backward`: `add` of `__add__`."""
    parts = code.co_qualname.split(".")
    outer = [part for part in parts[:-1] if part != "<locals>"]
    return (outer[-1].strip("_") if outer else "") or "result"
