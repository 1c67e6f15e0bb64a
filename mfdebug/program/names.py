"""Names for a program's nodes: those of the variables that hold them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import FrameType
from typing import Any

from mfdebug.program.taps import INBOUND, neighbours

# Lists so called hold what is updated, as far as they hold inputs alone.
TRAINED = ("train", "param")


def names_in(frame: FrameType, nodes: Sequence[Any]) -> dict[Any, str]:
    """Return the variable that holds each node: the innermost function's, then its callers'."""
    wanted = set(nodes)
    found: dict[Any, str] = {}
    for variables in _scopes(frame):
        for name, value in variables.items():
            if name.startswith("_"):
                continue
            if _is_in(value, wanted):
                found.setdefault(value, name)
    return found


def trainables_in(frame: FrameType, nodes: Sequence[Any]) -> list[Any]:
    """Return what a list of the program, by its name and contents, says is trained."""
    wanted = set(nodes)
    for variables in _scopes(frame):
        for name, value in variables.items():
            if not any(word in name.lower() for word in TRAINED):
                continue
            if isinstance(value, list | tuple | set) and value:
                members = list(value)
                if all(_is_in(one, wanted) and not neighbours(one, INBOUND) for one in members):
                    return members
    return []


def _is_in(value: Any, wanted: set[Any]) -> bool:
    try:
        return value in wanted
    except TypeError:  # an array or a list cannot be looked up
        return False


def _scopes(frame: FrameType | None) -> Iterator[dict[str, Any]]:
    modules: dict[int, dict[str, Any]] = {}
    while frame is not None:
        if frame.f_locals is not frame.f_globals:
            yield dict(frame.f_locals)
        modules.setdefault(id(frame.f_globals), frame.f_globals)
        if frame.f_globals.get("__name__") == "__main__" and frame.f_code.co_name == "<module>":
            break
        frame = frame.f_back
    for variables in modules.values():
        yield dict(variables)
