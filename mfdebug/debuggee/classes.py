"""The tap of Python 3.11: the methods of each class that is made are wrapped.

It can be seen where the other one cannot: a frame more in tracebacks and in the depth of recursion,
`inspect` finds the wrapper, and classes made by `type()` are not watched.
"""

from __future__ import annotations

import builtins
import functools
import sys
from _thread import get_ident
from types import FunctionType

from .reading import DIRECTIONS, has_method, inputs_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType
    from typing import Any

    from .recorder import Recorder


def install(recorder: Recorder, *, made_already: bool = False) -> Callable[[], None]:
    """Watch the nodes of classes made from now on; return what ends that.

    `made_already`: watch those that were made before, too.
    """
    build = builtins.__build_class__
    undo: list[tuple[type, str, Any]] = []
    # The nodes whose methods run now, the outermost first.
    running: list[Any] = []
    thread: list[int] = []

    def is_ours_to_note(node: Any) -> bool:
        mine = get_ident()
        if recorder.off or not has_method(type(node), "forward"):
            return False
        caller = sys._getframe(2).f_code
        if caller.co_name == "run_method" and recorder.names.is_ours(caller.co_filename):
            # Our engine's plan calls it, and tells of itself.
            return False
        if not thread:
            thread.append(mine)
        if thread[0] != mine:
            return False
        # `super().forward()`, or a node inside a node; but a node may call its inputs.
        return not running or (
            running[-1] is not node and any(one is node for one in inputs_of(running[-1]))
        )

    def method(plain: FunctionType, direction: str) -> Any:
        @functools.wraps(plain)
        def call(*arguments: Any, **keywords: Any) -> Any:
            node = arguments[0] if arguments else None
            if not is_ours_to_note(node):
                return plain(*arguments, **keywords)
            frame = sys._getframe(1)
            running.append(node)
            try:
                if direction == "f":
                    note(recorder.begins, node)
                result = plain(*arguments, **keywords)
            except BaseException as error:
                note(recorder.raised, direction, node, error, frame)
                raise
            finally:
                running.pop()
            note(has_returned, direction, node, frame)
            return result

        return call

    def has_returned(direction: str, node: Any, frame: FrameType) -> None:
        script = recorder.script
        if script is None or not script.follows(direction, node):
            recorder.returned(direction, node, frame)

    def note(what: Callable[..., None], *arguments: Any) -> None:
        try:
            what(*arguments)
        except (RecursionError, MemoryError):
            recorder.interrupted()
        except Exception as failure:
            recorder.failed(failure)
        except BaseException:
            recorder.interrupted()
            raise

    def init(plain: FunctionType) -> Any:
        @functools.wraps(plain)
        def call(*arguments: Any, **keywords: Any) -> None:
            if arguments and not recorder.off:
                note(recorder.names.made, arguments[0], sys._getframe(1))
            plain(*arguments, **keywords)

        return call

    def wrap(kind: type) -> None:
        for name, direction in DIRECTIONS.items():
            plain = kind.__dict__.get(name)
            if type(plain) is FunctionType:
                undo.append((kind, name, plain))
                setattr(kind, name, method(plain, direction))
        plain = kind.__dict__.get("__init__")
        if type(plain) is FunctionType and has_method(kind, "forward"):
            undo.append((kind, "__init__", plain))
            setattr(kind, "__init__", init(plain))  # noqa: B010 - mypy knows the name

    def build_class(*arguments: Any, **keywords: Any) -> Any:
        made = build(*arguments, **keywords)
        if isinstance(made, type) and not recorder.off:
            note(wrap, made)
            if made.__name__ == "Plan" and recorder.kinds.is_ours(made):
                recorder.watch_training(made)
        return made

    def stop() -> None:
        if builtins.__build_class__ is build_class:
            builtins.__build_class__ = build
        for kind, name, plain in undo:
            setattr(kind, name, plain)
        undo.clear()

    if made_already:
        todo: list[type] = [object]
        for one in todo:
            todo.extend(type.__subclasses__(one))
            if one is not object and one is not type and has_method(one, "forward"):
                note(wrap, one)
    builtins.__build_class__ = build_class
    return stop
