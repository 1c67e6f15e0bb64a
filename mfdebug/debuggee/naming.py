"""What a program calls its nodes: the variables that hold them, and where they were made.

Only facts are noted here, names and lines; the debugger chooses among them, since it can read the
source (a loop's variable is no name).
"""

from __future__ import annotations

import os
import sys

from .reading import has_method

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType, FrameType
    from typing import Any

# Places where nodes were made that are remembered, at most.
MOST_SITES = 200_000
# Names that are noted of one node, at most.
MOST_NAMES = 6

# A variable: its name, the function that it is local to ("" for a module's), the file.
Variable = tuple[str, str, str]
# A place in the source: file, function, first and last line, first and last column.
Place = tuple[str, str, int, int, int, int]


class Names:
    """The variables of a moment by the nodes that they hold, and the places that made nodes.

    What the files in the folder `engine` make, they make for whoever called them; their variables
    name nothing.
    """

    def __init__(self, engine: str) -> None:
        self._not_the_program = (engine, os.path.dirname(__file__))
        self._sites: dict[int, tuple[CodeType, int]] = {}
        self._places: dict[tuple[int, int], tuple[CodeType, Place]] = {}
        self._kinds: dict[type, bool] = {}

    def is_ours(self, file: str) -> bool:
        """Whether a source file is the engine's or the recorder's, and not the program's."""
        return file.startswith(self._not_the_program)

    def made(self, node: Any, frame: FrameType | None) -> None:
        """Note that `node` is being made; `frame` is its class's `__init__`."""
        while frame is not None and (
            _is_init_of(frame, node) or self.is_ours(frame.f_code.co_filename)
        ):
            frame = frame.f_back
        if frame is not None:
            if len(self._sites) > MOST_SITES:
                self._sites.clear()
            self._sites[id(node)] = frame.f_code, frame.f_lasti

    def place(self, node: Any) -> Place | None:
        """Return where a node was made, if that is known."""
        site = self._sites.get(id(node))
        if site is None:
            return None
        code, last = site
        known = self._places.get((id(code), last))
        if known is None:
            known = self._places[id(code), last] = code, _place(code, last)
        return known[1]

    def variables(self, frame: FrameType | None) -> dict[int, list[Variable]]:
        """Return the variables that hold nodes, by the node's id: a module's first."""
        frames = []
        while frame is not None:
            if not self.is_ours(frame.f_code.co_filename):
                frames.append(frame)
            frame = frame.f_back
        modules: dict[int, tuple[dict[str, Any], str]] = {}
        main = sys.modules.get("__main__")
        if main is not None:
            modules[id(vars(main))] = vars(main), str(vars(main).get("__file__", ""))
        for one in reversed(frames):
            modules.setdefault(id(one.f_globals), (one.f_globals, one.f_code.co_filename))
        found: dict[int, list[Variable]] = {}
        for variables, file in modules.values():
            self._look(variables, "", file, found)
        for one in reversed(frames):
            if one.f_locals is not one.f_globals and one.f_code.co_name != "<module>":
                self._look(one.f_locals, one.f_code.co_qualname, one.f_code.co_filename, found)
        return found

    def _look(
        self, variables: Any, function: str, file: str, found: dict[int, list[Variable]]
    ) -> None:
        for name, value in list(variables.items()):
            kind = type(value)
            nodes = self._kinds.get(kind)
            if nodes is None:
                nodes = self._kinds[kind] = has_method(kind, "forward")
            if nodes and type(name) is str and not name.startswith("_"):
                known = found.setdefault(id(value), [])
                if len(known) < MOST_NAMES:
                    known.append((name, function, file))


def _is_init_of(frame: FrameType, node: Any) -> bool:
    code = frame.f_code
    if code.co_name != "__init__" or not code.co_argcount:
        return False
    return frame.f_locals.get(code.co_varnames[0]) is node


def _place(code: CodeType, last: int) -> Place:
    lines: tuple[int | None, ...] = (None, None, None, None)
    for number, positions in enumerate(code.co_positions()):
        if number == last // 2:
            lines = positions
            break
    first, end, column, end_column = (one or 0 for one in lines)
    return code.co_filename, code.co_qualname, first, end, column, end_column
