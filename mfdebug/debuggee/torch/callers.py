"""Calls functions for the program from frames with the file and the line of its own calls.

A warning names the file and line of the frame that it is about, and is printed once for each: it
must not find our frames there.
"""

from __future__ import annotations

from types import FunctionType

from ..tracebacks import MARK

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType, FrameType
    from typing import Any

# Places remembered.
MAX_PLACES = 10_000


class Callers:
    """Makes a function for each place that calls; `passed_on` is torch's function that calls us."""

    def __init__(self, passed_on: CodeType) -> None:
        self._passed_on = passed_on
        self._known: dict[tuple[int, int], tuple[Any, CodeType]] = {}

    def of(self, frame: FrameType | None, function: Any) -> Any:
        """Return what calls a function for a frame; it takes function, arguments and keywords."""
        if frame is not None and frame.f_code is self._passed_on:
            # A Python function of torch has called it to be called again; its own caller counts.
            frame = frame.f_back
            if frame is not None and type(function) is FunctionType:
                frame = frame.f_back
        if frame is None:
            return _call
        code = frame.f_code
        key = id(code), frame.f_lasti
        known = self._known.get(key)
        if known is None:
            if len(self._known) >= MAX_PLACES:
                self._known.clear()
            known = self._known[key] = _called_from(frame), code
        return known[0]


def _called_from(frame: FrameType) -> Any:
    code = _call.__code__.replace(
        co_filename=frame.f_code.co_filename, co_firstlineno=frame.f_lineno, co_name=MARK
    )
    return FunctionType(code, frame.f_globals)


# In one line, so that all of it has one line number.
_call = lambda function, arguments, keywords: function(*arguments, **keywords)  # noqa: E731
