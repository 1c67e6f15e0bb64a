"""Facts about the names of nodes: the variables that hold them, and where they were created.

The debugger chooses among these facts, since it can read the source: a loop variable, for instance,
is not a name.
"""

from __future__ import annotations

import os
import sys

from .loop_variables import loop_variables
from .reading import has_method

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType, FrameType
    from typing import Any

# At most so many creation sites are remembered.
MAX_SITES = 200_000
# At most so many names of one node are recorded.
MAX_NAMES = 6

# A variable: its name, the function it is local to ("" for a module's), the file.
Variable = tuple[str, str, str]
# A span of source: file, function, first and last line, first and last column.
SourceSpan = tuple[str, str, int, int, int, int]


class Names:
    """Finds the variables that hold nodes, and remembers where nodes were created.

    A node created by a file in the folder `engine` is attributed to the caller; variables of that
    file give no names.
    """

    def __init__(self, engine: str) -> None:
        self._not_program = (engine, os.path.dirname(__file__))
        self._sites: dict[int, tuple[CodeType, int]] = {}
        self._spans: dict[tuple[int, int], tuple[CodeType, SourceSpan]] = {}
        self._is_node_class: dict[type, bool] = {}

    def add_class(self, cls: type) -> None:
        """Take instances of a class for nodes, though they have no `forward`."""
        self._is_node_class[cls] = True

    def is_node_class(self, cls: type) -> bool:
        """Whether the instances of a class are nodes."""
        known = self._is_node_class.get(cls)
        if known is None:
            known = self._is_node_class[cls] = has_method(cls, "forward")
        return known

    def is_ours(self, file: str) -> bool:
        """Whether a source file belongs to the engine or the recorder, not to the program."""
        return file.startswith(self._not_program)

    def record_creation(self, node: Any, frame: FrameType | None) -> None:
        """Remember where `node` is being created; `frame` is that of its `__init__`."""
        while frame is not None and (
            _is_init_of(frame, node) or self.is_ours(frame.f_code.co_filename)
        ):
            frame = frame.f_back
        if frame is not None:
            if len(self._sites) > MAX_SITES:
                self._sites.clear()
            self._sites[id(node)] = frame.f_code, frame.f_lasti

    def creation_site(self, node: Any) -> SourceSpan | None:
        """Return where a node was created, if known."""
        site = self._sites.get(id(node))
        if site is None:
            return None
        code, last = site
        known = self._spans.get((id(code), last))
        if known is None:
            known = self._spans[id(code), last] = code, source_span(code, last)
        return known[1]

    def variables(self, frame: FrameType | None) -> dict[int, list[Variable]]:
        """Return the variables that hold nodes, by the id of the node: a module's first."""
        stack = []
        while frame is not None:
            if not self.is_ours(frame.f_code.co_filename):
                stack.append(frame)
            frame = frame.f_back
        modules: dict[int, tuple[dict[str, Any], str]] = {}
        main = sys.modules.get("__main__")
        if main is not None:
            modules[id(vars(main))] = vars(main), str(vars(main).get("__file__", ""))
        for frame in reversed(stack):
            modules.setdefault(id(frame.f_globals), (frame.f_globals, frame.f_code.co_filename))
        found: dict[int, list[Variable]] = {}
        for variables, file in modules.values():
            self._collect(variables, "", file, found)
        for frame in reversed(stack):
            if frame.f_locals is not frame.f_globals and frame.f_code.co_name != "<module>":
                self._collect(
                    frame.f_locals, frame.f_code.co_qualname, frame.f_code.co_filename, found
                )
        return found

    def _collect(
        self, variables: Any, function: str, file: str, found: dict[int, list[Variable]]
    ) -> None:
        for name, value in list(variables.items()):
            cls = type(value)
            if self.is_node_class(cls) and type(name) is str and not name.startswith("_"):
                known = found.setdefault(id(value), [])
                if len(known) < MAX_NAMES:
                    known.append((name, function, file))


def _is_init_of(frame: FrameType, node: Any) -> bool:
    code = frame.f_code
    if code.co_name != "__init__" or not code.co_argcount:
        return False
    return frame.f_locals.get(code.co_varnames[0]) is node


def source_span(code: CodeType, last: int) -> SourceSpan:
    """Return the source of the instruction at an offset of a code."""
    lines: tuple[int | None, ...] = (None, None, None, None)
    for number, positions in enumerate(code.co_positions()):
        if number == last // 2:
            lines = positions
            break
    first, end, column, end_column = (position or 0 for position in lines)
    return code.co_filename, code.co_qualname, first, end, column, end_column


def variable_of(frame: FrameType | None, thing: Any, *, loops: bool = True) -> str:
    """Return the name of the variable of a frame that holds something, or an empty string.

    A loop variable names it only if no other variable does, and `loops` allows it.
    """
    if frame is None:
        return ""
    in_loops, found = loop_variables(frame.f_code), ""
    for variables in (frame.f_locals, frame.f_globals):
        for name, value in variables.items():
            if value is thing and type(name) is str and not name.startswith("_"):
                if name not in in_loops:
                    return name
                found = found or name
    return found if loops else ""
