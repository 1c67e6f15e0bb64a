"""Call hooks for Python 3.11: wrap the methods of every class that the program defines.

Unlike `sys.monitoring`, the wrappers are visible: tracebacks and the recursion depth have one more
frame per call, `inspect` finds the wrapper, and classes made by `type()` are not watched.
"""

from __future__ import annotations

import builtins
import functools
import sys
from _thread import get_ident
from types import FunctionType

from .polled_method import polled_method
from .reading import DIRECTIONS, belongs_to_torch, has_method, inputs_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType
    from typing import Any

    from .recorder import Recorder


def install(recorder: Recorder, *, existing: bool = False) -> Callable[[], None]:
    """Watch the nodes of classes defined from now on; return a function that stops watching.

    `existing`: watch classes that are already defined, too.
    """
    build = builtins.__build_class__
    undo: list[tuple[type, str, Any]] = []
    wrapped: list[tuple[type, str, Any]] = []
    # The nodes whose methods are running, outermost first.
    running: list[Any] = []
    thread: list[int] = []

    def should_record(node: Any) -> bool:
        current = get_ident()
        if recorder.off or not has_method(type(node), "forward"):
            return False
        caller = sys._getframe(2).f_code
        if caller.co_name == "run_method" and recorder.names.is_ours(caller.co_filename):
            # Called by a plan of our engine, which reports its own steps.
            return False
        if not thread:
            thread.append(current)
        if thread[0] != current:
            return False
        # Skip `super().forward()` and nodes inside nodes; but a node may call its inputs.
        return not running or (
            running[-1] is not node and any(source is node for source in inputs_of(running[-1]))
        )

    def wrap_method(original: FunctionType, direction: str) -> Any:
        @functools.wraps(original)
        def call(*arguments: Any, **keywords: Any) -> Any:
            node = arguments[0] if arguments else None
            if not should_record(node):
                return original(*arguments, **keywords)
            frame = sys._getframe(1)
            running.append(node)
            try:
                if direction == "f":
                    guarded(recorder.started, node)
                result = original(*arguments, **keywords)
            except BaseException as error:
                guarded(recorder.raised, direction, node, error, frame)
                raise
            finally:
                running.pop()
            guarded(finished, direction, node, frame)
            return result

        return call

    def finished(direction: str, node: Any, frame: FrameType) -> None:
        script = recorder.script
        if script is None or not script.record(direction, node):
            recorder.returned(direction, node, frame)

    def guarded(function: Callable[..., None], *arguments: Any) -> None:
        try:
            function(*arguments)
        except (RecursionError, MemoryError):
            recorder.interrupted()
        except Exception as failure:
            recorder.failed(failure)
        except BaseException:
            recorder.interrupted()
            raise

    def wrap_init(original: FunctionType) -> Any:
        @functools.wraps(original)
        def call(*arguments: Any, **keywords: Any) -> None:
            if arguments and not recorder.off:
                guarded(recorder.names.record_creation, arguments[0], sys._getframe(1))
            original(*arguments, **keywords)

        return call

    def replace(cls: type, name: str, original: Any, wrapper: Any) -> None:
        undo.append((cls, name, original))
        wrapped.append((cls, name, wrapper))
        setattr(cls, name, wrapper)

    def suspend() -> None:
        for cls, name, original in undo:
            setattr(cls, name, original)
        found = polled_method(recorder.nodes)
        if found is not None:
            setattr(*found, polling(vars(found[0])[found[1]]))

    def polling(original: Any) -> Any:
        @functools.wraps(original)
        def call(*arguments: Any, **keywords: Any) -> Any:
            result = original(*arguments, **keywords)
            recorder.poll()
            return result

        return call

    def resume() -> None:
        for cls, name, wrapper in wrapped:
            setattr(cls, name, wrapper)

    recorder.suspending.append(suspend)
    recorder.resuming.append(resume)

    def wrap(cls: type) -> None:
        if belongs_to_torch(cls):
            return
        recorder.see_class(cls)
        for name, direction in DIRECTIONS.items():
            original = cls.__dict__.get(name)
            if type(original) is FunctionType:
                replace(cls, name, original, wrap_method(original, direction))
        original = cls.__dict__.get("__init__")
        if type(original) is FunctionType and has_method(cls, "forward"):
            replace(cls, "__init__", original, wrap_init(original))

    def build_class(*arguments: Any, **keywords: Any) -> Any:
        cls = build(*arguments, **keywords)
        if isinstance(cls, type) and (recorder.suspended or not recorder.off):
            guarded(wrap, cls)
            if cls.__name__ == "Plan" and recorder.kinds.is_ours(cls):
                recorder.own_training.watch(cls)
        return cls

    def stop() -> None:
        if builtins.__build_class__ is build_class:
            builtins.__build_class__ = build
        for cls, name, original in undo:
            setattr(cls, name, original)
        undo.clear()
        wrapped.clear()

    if existing:
        classes: list[type] = [object]
        for cls in classes:
            classes.extend(type.__subclasses__(cls))
            if cls is object or cls is type:
                continue
            if has_method(cls, "forward"):
                guarded(wrap, cls)
            else:
                guarded(recorder.see_class, cls)
    builtins.__build_class__ = build_class
    return stop
