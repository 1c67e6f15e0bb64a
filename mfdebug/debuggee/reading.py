"""Reads a program's objects without running any of its code.

Attributes are read from an object's own dictionary or slots, never through a property,
`__getattr__` or `__len__` of the program.
"""

from __future__ import annotations

import sys
from _struct import Struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# Attributes in which engines in the style of the lesson store a node's inputs and consumers.
INBOUND = ("inbound_nodes", "inbound_neurons", "inbound_layers", "inputs", "parents")
OUTBOUND = ("outbound_nodes", "outbound_neurons", "outbound_layers", "outputs", "consumers")
# The methods that make up a pass, and the letter that stands for their direction.
DIRECTIONS = {"forward": "f", "backward": "b"}
# Attributes that forward and backward set.
VALUE = "value"
GRADIENTS = "gradients"
# At most so many numbers in a list that is a value: nobody types a longer one.
MAX_LIST = 100_000
# Characters shown of a string that is found in place of a number.
MAX_TEXT = 80

_DOUBLE = Struct("<d")
_MISSING = object()


def attribute(thing: Any, name: str) -> Any:
    """Return an attribute as stored, or None."""
    own = own_attributes(thing)
    if own is not None and name in own:
        return own[name]
    for cls in type(thing).__mro__:
        found = cls.__dict__.get(name, _MISSING)
        if found is _MISSING:
            continue
        if type(found).__name__ == "member_descriptor":
            # A slot: the interpreter's own code reads it.
            try:
                return found.__get__(thing)
            except AttributeError:
                return None
        return None if hasattr(type(found), "__get__") else found
    return None


def own_attributes(thing: Any) -> dict[str, Any] | None:
    """Return an object's own `__dict__`, if it has a plain one."""
    try:
        own = object.__getattribute__(thing, "__dict__")
    except AttributeError:
        return None
    return own if type(own) is dict else None


def has_method(cls: type, name: str) -> bool:
    """Whether instances of a class have a method of this name."""
    return any(name in base.__dict__ for base in cls.__mro__)


def neighbours(node: Any, names: tuple[str, ...]) -> Any:
    """Return the list that a node stores under the first of these names, or None."""
    for name in names:
        found = attribute(node, name)
        if isinstance(found, list | tuple):
            return found
    return None


def encoded(value: Any) -> tuple[str, tuple[int, ...], bytes] | None:
    """Return the dtype, shape and bytes of a value as records hold them; None for None."""
    if value is None:
        return None
    cls = type(value)
    numpy: Any = sys.modules.get("numpy")
    if numpy is not None and isinstance(value, numpy.ndarray | numpy.generic):
        return _array(numpy, value)
    if cls is float or isinstance(value, float):
        return "float", (), _DOUBLE.pack(value)
    if isinstance(value, int):
        digits = int.__repr__(value).encode() if int.bit_length(value) < 1000 else b"1e300"
        return "int", (len(digits),), digits
    if cls in (list, tuple) and numpy is not None and _is_numeric(numpy, value):
        try:
            return _array(numpy, numpy.asarray(value))
        except ValueError:
            return _text("a list whose rows differ in length")
    if isinstance(value, str):
        return _text(f"the text {str.__repr__(value)[:MAX_TEXT]}")
    return _text(f"an object of class {cls.__name__}")


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


def _is_numeric(numpy: Any, value: Any) -> bool:
    """Whether nested lists hold only plain numbers and arrays."""
    plain = (float, int, bool, numpy.ndarray)
    stack, seen = [value], 0
    while stack:
        for item in stack.pop():
            seen += 1
            if seen > MAX_LIST:
                return False
            if type(item) in (list, tuple):
                stack.append(item)
            elif type(item) not in plain and not isinstance(item, numpy.generic):
                return False
    return True


def belongs_to_torch(cls: type) -> bool:
    """Whether a class is PyTorch's or derived from one: its `forward` is no node's."""
    for base in cls.__mro__:
        module = base.__dict__.get("__module__")
        if type(module) is str and (module == "torch" or module.startswith("torch.")):
            return True
    return False


def is_node(thing: Any) -> bool:
    """Whether an object is a node: it has a `forward`, and a list of inputs that have one."""
    if not has_method(type(thing), "forward"):
        return False
    inbound = neighbours(thing, INBOUND)
    return inbound is not None and all(has_method(type(source), "forward") for source in inbound)


def inputs_of(node: Any) -> tuple[Any, ...]:
    """Return the inputs of a node, in order."""
    return tuple(neighbours(node, INBOUND) or ())
