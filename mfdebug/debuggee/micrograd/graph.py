"""The graph below a value, read from the cells of the functions that will send gradients."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType
    from typing import Any

    # What a value is the result of: the code of its `_backward`, and the numbers that it uses.
    Operation = tuple[Any, tuple[float, ...]]

# The class of functions; `types` may not have been imported yet.
FunctionType: Any = type(lambda: None)
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
    start: Any = found.get("__init__")
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

    `sources` are the operands of each by number, `operations` what it is the result of. Few objects
    are kept: each is one more that the interpreter's garbage collector looks at.
    """

    __slots__ = ("operations", "sources", "values")

    def __init__(self, cost: Any) -> None:
        self.values: list[Any] = []
        self.sources: list[tuple[int, ...]] = []
        self.operations: list[Operation] = []
        numbers: dict[int, int] = {}
        # What has been read of the values whose operands come first.
        read: dict[int, tuple[list[Any], Operation]] = {}
        kind = type(cost)
        stack = [cost]
        while stack:
            value = stack[-1]
            key = id(value)
            if key in numbers:
                stack.pop()
                continue
            found = read.pop(key, None)
            if found is None:
                found = _operation(value, kind)
                # A value that depends on itself is left out where it does.
                missing = [x for x in found[0] if id(x) not in numbers and id(x) not in read]
                if missing:
                    read[key] = found
                    missing.reverse()
                    stack += missing
                    continue
            stack.pop()
            numbers[key] = len(self.values)
            self.values.append(value)
            self.sources.append(tuple([numbers[id(x)] for x in found[0] if id(x) in numbers]))
            self.operations.append(found[1])

    @property
    def key(self) -> tuple[tuple[Operation, ...], tuple[tuple[int, ...], ...]]:
        """What distinguishes graphs of different operations."""
        return tuple(self.operations), tuple(self.sources)

    @property
    def inputs(self) -> list[int]:
        """The numbers of the values that have no operands."""
        return [i for i, sources in enumerate(self.sources) if not sources]

    def form(self, number: int) -> tuple[str, dict[str, Any]]:
        """Return the kind of a value, and the arguments of its operation as records hold them."""
        code, numbers = self.operations[number]
        if code is None:
            return type(self.values[number]).__name__, {}
        name = code if isinstance(code, str) else _outer_name(code).strip("_") or "result"
        places = [f"@{k}" for k in range(len(self.sources[number]))]
        return name, {"arguments": [*places, *numbers], "options": []}


class Cells:
    """Which cells of a `_backward` hold operands, and which the numbers of the operation.

    First come those that hold arguments of the method, in their order. A number that is not one of
    them is computed: it is no setting.
    """

    __slots__ = ("numbers", "operation", "order")

    def __init__(self, code: CodeType, kind: type) -> None:
        names = code.co_freevars
        method: Any = getattr(kind, _outer_name(code), None)
        arguments: tuple[str, ...] = ()
        if type(method) is FunctionType:
            arguments = method.__code__.co_varnames[: method.__code__.co_argcount]
        place = {name: i for i, name in enumerate(arguments)}
        self.order = sorted(range(len(names)), key=lambda i: place.get(names[i], len(place)))
        self.numbers = {i for i in self.order if names[i] in place}
        self.operation: Operation = code, ()


_cells: dict[CodeType, Cells] = {}


def _operation(value: Any, kind: type) -> tuple[list[Any], Operation]:
    """Return the operands of a value, and what it is the result of."""
    function = value._backward
    if type(function) is FunctionType and function.__closure__ is not None:
        code = function.__code__
        cells = function.__closure__
        known = _cells.get(code)
        if known is None:
            known = _cells[code] = Cells(code, kind)
        operands: list[Any] = []
        numbers: list[float] = []
        for i in known.order:
            try:
                held = cells[i].cell_contents
            except ValueError:
                continue
            if isinstance(held, kind):
                if held is not value:
                    operands.append(held)
            elif type(held) is float or type(held) is int:
                if i in known.numbers:
                    numbers.append(held)
            elif type(held) in (list, tuple) and len(held) <= MAX_OPERANDS:
                operands += [x for x in held if isinstance(x, kind) and x is not value]
        if operands:
            return operands, (code, tuple(numbers)) if numbers else known.operation
    for name in OPERANDS:
        listed = getattr(value, name, None)
        if type(listed) in (set, frozenset, list, tuple) and listed:
            operands = [x for x in listed if isinstance(x, kind) and x is not value]
            label = getattr(value, "_op", "")
            return operands, (label if type(label) is str and label else "result", ())
    return [], INPUT


def _outer_name(code: CodeType) -> str:
    """Return the name of the method that has made a `_backward`."""
    outer = [part for part in code.co_qualname.split(".")[:-1] if part != "<locals>"]
    return outer[-1] if outer else ""


class Edges:
    """The edges of the graphs of one key: a value and the first position of each operand.

    `first` is where those of each value begin, `operands` their numbers.
    """

    __slots__ = ("all", "first", "operands")

    def __init__(self, sources: list[tuple[int, ...]]) -> None:
        self.all: list[tuple[int, int]] = []
        self.first: list[int] = []
        self.operands: list[tuple[int, ...]] = []
        for number, numbers in enumerate(sources):
            once = tuple(dict.fromkeys(numbers))
            self.first.append(len(self.all))
            self.operands.append(once)
            self.all += [(number, numbers.index(i)) for i in once]
