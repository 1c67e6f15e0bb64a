"""The error that ends a program."""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from .name_facts import Names

# Characters kept of an error message.
MAX_MESSAGE = 500


def last_error(names: Names, message_of: Callable[[BaseException], str]) -> dict[str, Any]:
    """Return the error that ends the program, if any: class, message, file and line."""
    error = getattr(sys, "last_exc", None) or getattr(sys, "last_value", None)
    if not isinstance(error, BaseException):
        return {}
    file, line, trace = "", 0, error.__traceback__
    while trace is not None:
        if not names.is_ours(trace.tb_frame.f_code.co_filename):
            file, line = trace.tb_frame.f_code.co_filename, trace.tb_lineno
        trace = trace.tb_next
    message = message_of(error)
    if isinstance(error, SyntaxError) and isinstance(error.lineno, int):
        # The line with the error has not run, so the traceback does not have it.
        message, file, line = str(error.msg)[:MAX_MESSAGE], str(error.filename), error.lineno
    return {"error": type(error).__name__, "words": message, "file": file, "line": line}
