"""The paths that lead from a program's variables to its objects: `model.layers.0.w.2`."""

from __future__ import annotations

import sys

from .loop_variables import loop_variables
from .reading import own_attributes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Set
    from types import FrameType
    from typing import Any

    from .name_facts import Names

# Things that are looked at, and how long a path may be.
MAX_SEEN = 200_000
MAX_STEPS = 8
_LEAVES = (str, bytes, int, float, complex, type, type(None), type(lambda: None), type(sys))


def paths_to(wanted: Set[int], frame: FrameType | None, names: Names) -> dict[int, str]:
    """Return paths to the objects with these ids, from the variables of a frame and its callers.

    None of the program's code runs: only lists, tuples, dictionaries and plain attributes are read.
    """
    found: dict[int, str] = {}
    missing = set(wanted)
    queue: list[tuple[Any, str, int]] = []
    in_loops: list[tuple[Any, str, int]] = []
    modules: set[int] = set()
    for variables, loops in _scopes(frame, names):
        if id(variables) not in modules:
            modules.add(id(variables))
            for name, thing in [*variables.items()]:
                if _is_name(name):
                    (in_loops if name in loops else queue).append((thing, name, 1))
    seen: set[int] = set()
    for thing, path, steps in _then(queue, in_loops):
        key = id(thing)
        if key in missing:
            found[key] = path
            missing.discard(key)
            continue
        if not missing or len(seen) > MAX_SEEN:
            break
        if key in seen or steps == MAX_STEPS or isinstance(thing, _LEAVES):
            continue
        seen.add(key)
        if type(thing) in (list, tuple):
            queue += [(x, f"{path}.{i}", steps + 1) for i, x in enumerate(thing)]
            continue
        parts = thing if type(thing) is dict else own_attributes(thing)
        if parts is not None and not names.is_node_class(type(thing)):
            queue += [(parts[n], f"{path}.{n}", steps + 1) for n in [*parts] if _is_name(n)]
    return found


def _scopes(frame: FrameType | None, names: Names) -> Iterator[tuple[Any, Set[str]]]:
    """Yield the variables of a frame and its callers, and which of them are loop variables."""
    frames = []
    while frame is not None:
        if not names.is_ours(frame.f_code.co_filename):
            frames.append(frame)
        frame = frame.f_back
    of_modules = {
        id(caller.f_globals): loop_variables(caller.f_code)
        for caller in frames
        if caller.f_locals is caller.f_globals
    }
    for caller in frames:
        yield caller.f_locals, loop_variables(caller.f_code)
        yield caller.f_globals, of_modules.get(id(caller.f_globals), frozenset())


def _then(queue: list[Any], last: list[Any]) -> Iterator[Any]:
    """Yield the items of a queue, which grows meanwhile, then the last ones and what they add."""
    yield from queue
    at = len(queue)
    queue += last
    while at < len(queue):
        yield queue[at]
        at += 1


def _is_name(name: Any) -> bool:
    return type(name) is str and not name.startswith("_")
