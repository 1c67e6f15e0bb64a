"""The arguments of a call: Python values, and the tensors that they name."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from miniflow.errors import FileError
from miniflow.importers.pt2.builder import Constant, Value
from miniflow.importers.pt2.forms import (
    Argument,
    ByName,
    Float,
    OptionalTensor,
    SymbolicFloat,
    SymbolicInt,
)
from miniflow.node import Node

_WORDS = {"Infinity": math.inf, "-Infinity": -math.inf, "NaN": math.nan}


class Arguments:
    """Reads arguments: `value_of` returns a tensor by its name, `sizes` has what was computed."""

    def __init__(self, value_of: Callable[[str], Any], sizes: dict[str, int]) -> None:
        self._value_of = value_of
        self._sizes = sizes

    def read(self, form: Argument) -> Any:
        """Return the value of an argument, None for what is of no known kind.

        Raises `FileError` for a tensor or a size that is not known.
        """
        if form.as_tensor is not None:
            return self._tensor(form.as_tensor)
        if form.as_tensors is not None:
            return [self._tensor(by) for by in form.as_tensors]
        if form.as_optional_tensor is not None:
            return self._optional(form.as_optional_tensor)
        if form.as_optional_tensors is not None:
            return [self._optional(each) for each in form.as_optional_tensors]
        if form.as_sym_int is not None:
            return self._whole(form.as_sym_int)
        if form.as_sym_ints is not None:
            return [self._whole(each) for each in form.as_sym_ints]
        if form.as_float is not None:
            return _number(form.as_float)
        if form.as_floats is not None:
            return [_number(each) for each in form.as_floats]
        if form.as_sym_float is not None:
            return _real(form.as_sym_float)
        plain = (
            form.as_int,
            form.as_ints,
            form.as_bool,
            form.as_bools,
            form.as_string,
            form.as_scalar_type,
        )
        return next((each for each in plain if each is not None), None)

    def _tensor(self, by: ByName) -> Any:
        value = self._value_of(by.name)
        if value is None:
            raise FileError(f"{by.name!r} is an output that is not computed")
        return value

    def _optional(self, form: OptionalTensor) -> Any:
        return None if form.as_tensor is None else self._tensor(form.as_tensor)

    def _whole(self, form: SymbolicInt) -> int:
        if form.as_int is not None:
            return form.as_int
        if form.as_name not in self._sizes:
            raise FileError(f"the size {form.as_name!r} is not known")
        return self._sizes[form.as_name]


def _real(form: SymbolicFloat) -> float:
    if form.as_float is None:
        raise FileError(f"the number {form.as_name!r} is not known")
    return _number(form.as_float)


def _number(number: Float) -> float:
    if not isinstance(number, str):
        return number
    if number not in _WORDS:
        raise FileError(f"{number!r:.40} is not a number")
    return _WORDS[number]


def names_in(form: Argument) -> list[str]:
    """Return the names of the tensors in an argument or an output."""
    optional = [form.as_optional_tensor] if form.as_optional_tensor else []
    optional += form.as_optional_tensors or []
    found = [
        *([form.as_tensor] if form.as_tensor else []),
        *(form.as_tensors or []),
        *(each.as_tensor for each in optional if each.as_tensor),
    ]
    return [by.name for by in found]


def values_in(arguments: Any) -> list[Value]:
    """Return the tensors among the values of arguments, and in lists among them."""
    found: list[Value] = []
    for argument in arguments:
        each = argument if type(argument) is list else [argument]
        found += [x for x in each if isinstance(x, Node | Constant)]
    return found
