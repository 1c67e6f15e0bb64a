"""What a function is differentiated by: numbers and arrays, or lists and the like of them."""

from __future__ import annotations

from ..pass_nodes import Node

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .taps import Taps

    # The keys that lead from the differentiated argument to a part of it.
    Path = tuple[Any, ...]

_FUNCTION: Any = type(lambda: None)


class Part(Node):
    """An input that is the differentiated argument, or a part of it at a path."""

    __slots__ = ("path",)

    path: Path


class Container:
    """The differentiated argument, or a part of it, that holds further ones; `names` of them."""

    def __init__(self, value: Any, name: str, path: Path = (), names: tuple[str, ...] = ()) -> None:
        self.value = value
        self.name = name
        self.path = path
        self.names = names
        self._parts: dict[Any, Container | Part] = {}
        self._node: Node | None = None

    def part(self, key: Any, taps: Taps) -> Container | Part | None:
        """Return what it holds under a key, or in a slice; None if it cannot be told."""
        if isinstance(self.value, list | tuple):
            if type(key) is slice:
                return Slice(self, range(len(self.value))[key])
            key = range(len(self.value))[key] if type(key) is int else None
        if type(key) not in (int, str):
            return None
        known = self._parts.get(key)
        if known is None:
            path = (*self.path, key)
            named = type(key) is int and key < len(self.names)
            name = self.names[key] if named else f"{self.name}.{key}" if self.name else str(key)
            known = self._parts[key] = taps.argument(self.value[key], name, path)
        return known

    def as_node(self, taps: Taps) -> Node:
        """Return a node for all of it, which some function takes as a whole."""
        if self._node is None:
            kind = type(self.value).__name__
            self._node = taps.input_node(kind, self.name, self.value)
        return self._node


class Slice(Container):
    """Some of what a list or tuple holds."""

    def __init__(self, whole: Container, places: range) -> None:
        super().__init__([whole.value[i] for i in places], whole.name)
        self._whole = whole
        self._places = places

    def part(self, key: Any, taps: Taps) -> Container | Part | None:
        """Return what it holds under a key, or in a slice."""
        if type(key) is slice:
            return Slice(self._whole, self._places[key])
        return self._whole.part(self._places[key], taps) if type(key) is int else None


def argument_names(function: Any) -> tuple[str, ...]:
    """Return the names of the arguments that a function of one argument stands for, if known.

    `grad(f, argnum)` differentiates a function of its own, which holds `f` and `argnum`.
    """
    if type(function) is not _FUNCTION or function.__closure__ is None:
        return ()
    held = dict(zip(function.__code__.co_freevars, function.__closure__, strict=True))
    if not held.keys() >= {"fun", "argnum"}:
        return ()
    inner, argnum = held["fun"].cell_contents, held["argnum"].cell_contents
    if type(inner) is not _FUNCTION:
        return ()
    code = inner.__code__
    names = code.co_varnames[: code.co_argcount]
    numbers = (argnum,) if type(argnum) is int else tuple(argnum)
    if any(type(i) is not int or not 0 <= i < len(names) for i in numbers):
        return ()
    return tuple([names[i] for i in numbers])
