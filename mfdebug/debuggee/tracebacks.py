"""Takes our frames out of the tracebacks that are printed.

An audit event announces that of an uncaught error just before it is printed; one that the program
prints itself is walked by a function of the module traceback. A frame is ours by its file or its
name; where torch has passed a function to us, the same function is in the stack twice.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType, TracebackType
    from typing import Any

# The name of code that runs in our stead and has the file and the line of its caller.
MARK = "_mfdebug"
# What all functions of the module traceback read a traceback with.
_WALK = "_walk_tb_with_full_positions"
# Python's own warnings are about the first caller that is not in a file of such a name.
HIDDEN_FILE = "<mfdebug: importlib._bootstrap>"


# An audit hook stays for ever, so there is one for each folder.
_watched: set[str] = set()


def cut_when_uncaught(ours: str) -> None:
    """From now on, cut the tracebacks of uncaught errors; `ours` is the folder of our files."""
    if ours in _watched:
        return
    _watched.add(ours)

    def see(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "sys.excepthook":
            _cut_all(arguments[2], arguments[3], ours)

    sys.addaudithook(see)


def cut_when_walked(traceback: Any, ours: str) -> Callable[[], None]:
    """Cut the tracebacks that the module `traceback` reads for a program; return what ends that."""
    walk: Any = getattr(traceback, _WALK, None)

    def walked(trace: TracebackType | None) -> Any:
        _cut(trace, ours)
        return walk(trace)

    def undo() -> None:
        if getattr(traceback, _WALK, None) is walked:
            setattr(traceback, _WALK, walk)

    if walk is not None:
        setattr(traceback, _WALK, walked)
    return undo


def hidden(function: Any) -> Any:
    """Make a function of ours invisible to warnings, and return it."""
    function.__code__ = function.__code__.replace(co_filename=HIDDEN_FILE)
    return function


def _cut_all(error: Any, trace: Any, ours: str) -> None:
    """Cut the traceback of an error and those of the errors that have caused it."""
    _cut(trace, ours)
    met, waiting = set(), [error]
    while waiting:
        error = waiting.pop()
        if isinstance(error, BaseException) and id(error) not in met:
            met.add(id(error))
            _cut(error.__traceback__, ours)
            waiting += [error.__cause__, error.__context__]


def _cut(trace: TracebackType | None, ours: str) -> None:
    traces = []
    while trace is not None:
        traces.append(trace)
        trace = trace.tb_next
    kept: list[TracebackType] = []
    for item in traces:
        code = item.tb_frame.f_code
        if _is_ours(code, ours):
            if kept and _passes_on(kept[-1].tb_frame.f_code):
                kept.pop()
                twice = kept.pop() if len(kept) > 1 else None
                if twice is not None and not _comes_again(twice, traces, item):
                    kept.append(twice)
        else:
            kept.append(item)
    if len(kept) < len(traces):
        for item, following in zip(kept, [*kept[1:], None], strict=True):
            item.tb_next = following


def _is_ours(code: CodeType, ours: str) -> bool:
    file = code.co_filename
    return file.startswith(ours) or file == HIDDEN_FILE or code.co_name == MARK


def _passes_on(code: CodeType) -> bool:
    """Whether this is the function of torch that calls a function mode."""
    return code.co_name == "handle_torch_function" and code.co_filename.endswith("overrides.py")


def _comes_again(twice: TracebackType, traces: list[TracebackType], since: TracebackType) -> bool:
    code = twice.tb_frame.f_code
    later = traces[traces.index(since) :]
    return any(item.tb_frame.f_code is code for item in later)
