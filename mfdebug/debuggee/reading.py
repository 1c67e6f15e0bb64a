"""Reading a program's objects without running a line of its code.

Attributes are read from an object's own dictionary or slots, never through a property, a
`__getattr__` or a `__len__` of the program's.
"""

from __future__ import annotations

import sys
from _struct import Struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# The attributes under which engines in the style of the lesson keep a node's inputs and consumers.
INBOUND = ("inbound_nodes", "inbound_neurons", "inbound_layers", "inputs", "parents")
OUTBOUND = ("outbound_nodes", "outbound_neurons", "outbound_layers", "outputs", "consumers")
# The methods of a node that are calls of a pass, and how their direction is noted.
DIRECTIONS = {"forward": "f", "backward": "b"}
# What a node holds once it was called forward, and once it was called backward.
VALUE = "value"
GRADIENTS = "gradients"
# Numbers in a list that stands for a value, at most: more are no list that somebody typed.
LONGEST_LIST = 100_000
# Characters of a text that stands where a number should.
LONGEST_TEXT = 80

_DOUBLE = Struct("<d")
_MISSING = object()


def attribute(thing: Any, name: str) -> Any:
    """Return an attribute as it is stored, or None."""
    own = own_attributes(thing)
    if own is not None and name in own:
        return own[name]
    for kind in type(thing).__mro__:
        found = kind.__dict__.get(name, _MISSING)
        if found is _MISSING:
            continue
        if type(found).__name__ == "member_descriptor":
            # A input_index: read by the interpreter's own code.
            try:
                return found.__get__(thing)
            except AttributeError:
                return None
        return None if hasattr(type(found), "__get__") else found
    return None


def own_attributes(thing: Any) -> dict[str, Any] | None:
    """Return an object's own dictionary, if it has one and nobody has replaced it."""
    try:
        own = object.__getattribute__(thing, "__dict__")
    except AttributeError:
        return None
    return own if type(own) is dict else None


def has_method(kind: type, name: str) -> bool:
    """Whether instances of a class have a method of this name."""
    return any(name in base.__dict__ for base in kind.__mro__)


def neighbours(node: Any, names: tuple[str, ...]) -> Any:
    """Return the list of a node's inputs, or of its consumers, or None if it has none."""
    for name in names:
        found = attribute(node, name)
        if isinstance(found, list | tuple):
            return found
    return None


def encoded(value: Any) -> tuple[str, tuple[int, ...], bytes] | None:
    """Return a value's type, shape and bytes, as records hold them; None for None."""
    if value is None:
        return None
    kind = type(value)
    numpy: Any = sys.modules.get("numpy")
    if numpy is not None and isinstance(value, numpy.ndarray | numpy.generic):
        return _array(numpy, value)
    if kind is float or isinstance(value, float):
        return "float", (), _DOUBLE.pack(value)
    if isinstance(value, int):
        digits = int.__repr__(value).encode() if int.bit_length(value) < 1000 else b"1e300"
        return "int", (len(digits),), digits
    if kind in (list, tuple) and numpy is not None and _is_of_numbers(numpy, value):
        try:
            return _array(numpy, numpy.asarray(value))
        except ValueError:
            return _text("a list whose rows differ in length")
    if isinstance(value, str):
        return _text(f"the text {str.__repr__(value)[:LONGEST_TEXT]}")
    return _text(f"an object of class {kind.__name__}")


def _array(numpy: Any, value: Any) -> tuple[str, tuple[int, ...], bytes]:
    dtype = value.dtype
    if dtype.kind not in "biufc":
        return _text(f"an array of type {dtype}")
    if isinstance(value, numpy.generic):
        value = numpy.asarray(value)
    return dtype.str, value.shape, numpy.ndarray.tobytes(value)


def _text(words: str) -> tuple[str, tuple[int, ...], bytes]:
    data = words.encode("utf-8", "replace")
    return "text", (len(data),), data


def _is_of_numbers(numpy: Any, value: Any) -> bool:
    """Whether nested lists hold nothing but plain numbers and arrays."""
    plain = (float, int, bool, numpy.ndarray)
    todo, seen = [value], 0
    while todo:
        for one in todo.pop():
            seen += 1
            if seen > LONGEST_LIST:
                return False
            if type(one) in (list, tuple):
                todo.append(one)
            elif type(one) not in plain and not isinstance(one, numpy.generic):
                return False
    return True


def is_node(thing: Any) -> bool:
    """Whether a thing is a node: it has a forward method, and a list of inputs that are nodes."""
    if not has_method(type(thing), "forward"):
        return False
    inbound = neighbours(thing, INBOUND)
    return inbound is not None and all(has_method(type(one), "forward") for one in inbound)


def inputs_of(node: Any) -> tuple[Any, ...]:
    """Return a node's inputs in their order."""
    return tuple(neighbours(node, INBOUND) or ())
