"""The tap of Python 3.12 and later: `sys.monitoring` tells when a method of a node returns.

Code is found by its name when it is first run, and by the methods of the classes that nodes have.
Every other function of the program is looked at once and never again.
"""

from __future__ import annotations

import sys
from _thread import get_ident

from .reading import DIRECTIONS, has_method, inputs_of, own_attributes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType, FrameType
    from typing import Any

    from .recorder import Recorder

# Of our engine: what trains; what calls a node's methods for a plan; what makes a node that is no
# part of a graph.
ENGINE = ("train", "run_method", "seeded")
# Tools of sys.monitoring that nobody has reserved.
FREE_TOOLS = (4, 3)
# A function with more frames than these between a node and the node that called it is its own.
NEAR = 2


class Tapped:
    """A piece of code that is a method of nodes: its direction, and where its first argument is."""

    __slots__ = ("code", "direction", "first", "rest", "wrapped")

    def __init__(self, code: CodeType, direction: str) -> None:
        self.code = code
        self.direction = direction
        # Whether another method of nodes was found to call it over one frame of its own.
        self.wrapped = False
        self.first = code.co_varnames[0] if code.co_argcount else None
        # `def forward(*arguments)`: the node is the first of them.
        self.rest = code.co_varnames[code.co_kwonlyargcount] if self.first is None else None

    def node(self, frame: FrameType) -> Any:
        """Return the first argument of a call."""
        if self.first is not None:
            return frame.f_locals.get(self.first)
        return (frame.f_locals.get(self.rest or "") or (None,))[0]


def install(recorder: Recorder) -> Callable[[], None]:
    """Watch the nodes of this program; return what ends that."""
    monitoring: Any = sys.monitoring  # type: ignore[attr-defined,unused-ignore]
    events = monitoring.events
    tool = next(one for one in FREE_TOOLS if monitoring.get_tool(one) is None)
    monitoring.use_tool_id(tool, "mfdebug")
    disable, frame_of = monitoring.DISABLE, sys._getframe
    tapped: dict[int, Tapped] = {}
    # Functions of our engine that call a program's nodes for a plan, which tells of itself.
    by_engine: dict[int, CodeType] = {}
    # Whoever calls a node from one of these calls no node of a pass.
    parts: set[int] = set()
    kinds: set[type] = set()
    # One thread is recorded: the first that calls a node.
    thread = 0

    def tap(code: CodeType, direction: str) -> Tapped | None:
        known = tapped.get(id(code))
        if known is None and (code.co_argcount or code.co_flags & 4):
            known = tapped[id(code)] = Tapped(code, direction)
            parts.add(id(code))
            monitoring.set_local_events(tool, code, events.PY_RETURN)
        return known

    def tap_class(kind: type) -> None:
        """Find the methods of a node's class that have other names, or were decorated."""
        kinds.add(kind)
        for name, direction in DIRECTIONS.items():
            for base in kind.__mro__:
                method = base.__dict__.get(name)
                if method is not None:
                    while hasattr(method, "__wrapped__"):
                        method = method.__wrapped__
                    if hasattr(method, "__code__"):
                        tap(method.__code__, direction)
                    break

    def started(code: CodeType, _offset: int) -> Any:
        try:
            direction = DIRECTIONS.get(code.co_name)
            if direction is not None:
                found = tap(code, direction)
                if found is None:
                    return disable
                node = found.node(frame_of(1))
                if thread in (0, get_ident()):
                    if direction == "f" and has_method(type(node), "forward"):
                        recorder.begins(node)
                    return None if recorder.changes_inputs(type(node)) else disable
                return disable
            if code.co_name in ENGINE and recorder.names.is_ours(code.co_filename):
                if code.co_name == "train":
                    recorder.watch_training(frame_of(1).f_globals.get("Plan"))
                else:
                    by_engine[id(code)] = code
                    parts.add(id(code))
            elif code.co_name == "__init__" and code.co_argcount:
                frame = frame_of(1)
                node = frame.f_locals.get(code.co_varnames[0])
                back = frame.f_back
                if back is not None and id(back.f_code) in by_engine:
                    return None
                if has_method(type(node), "forward"):
                    if type(node) not in kinds:
                        tap_class(type(node))
                    recorder.names.made(node, frame)
                    return None
        except Exception as error:
            recorder.failed(error)
        return disable

    def is_part(found: Tapped, node: Any, frame: FrameType | None) -> bool:
        """Whether a node's method calls this: `super().forward()`, or a node inside a node."""
        for distance in range(NEAR):
            if frame is None:
                return False
            code = frame.f_code
            if id(code) in parts:
                found.wrapped = found.wrapped or distance > 0
                outer = tapped.get(id(code))
                # By our engine, for a plan that tells of itself.
                if outer is None:
                    return True
                caller = outer.node(frame)
                if caller is node:
                    return True
                if own_attributes(caller) is not None and has_method(type(caller), "forward"):
                    # A node that calls its inputs is no more than a way to go through them.
                    return all(one is not node for one in inputs_of(caller))
            frame = frame.f_back
        return False

    def returned(code: CodeType, _offset: int, _value: Any) -> Any:
        nonlocal thread
        if get_ident() != thread:
            if thread:
                return
            thread = get_ident()
        try:
            frame = frame_of(1)
            found = tapped[id(code)]
            first = found.first
            node = found.node(frame) if first is None else frame.f_locals[first]
            back: Any = frame.f_back
            script = recorder.script
            if script is not None:
                # A frame between a node and its caller was there in the passes before, too.
                if (id(back.f_code) in parts or found.wrapped) and is_part(found, node, back):
                    return
                if script.follows(found.direction, node):
                    return
            if is_part(found, node, back):
                return
            recorder.returned(found.direction, node, back)
            if type(node) not in kinds:
                tap_class(type(node))
            if recorder.changes_inputs(type(node)):
                monitoring.set_local_events(tool, code, events.PY_START | events.PY_RETURN)
        except (RecursionError, MemoryError):
            recorder.interrupted()
        except Exception as error:
            recorder.failed(error)
        except BaseException:
            # A signal's error, Ctrl+C say: it is the program's.
            recorder.interrupted()
            raise

    def unwound(code: CodeType, _offset: int, error: BaseException) -> Any:
        found = tapped.get(id(code))
        if found is None or thread != get_ident():
            return
        try:
            frame = frame_of(1)
            back: Any = frame.f_back
            node = found.node(frame)
            if not is_part(found, node, back):
                recorder.raised(found.direction, node, error, back)
        except (RecursionError, MemoryError):
            recorder.interrupted()
        except Exception as failure:
            recorder.failed(failure)

    def stop() -> None:
        if monitoring.get_tool(tool) != "mfdebug":
            return
        monitoring.set_events(tool, 0)
        for one in tapped.values():
            monitoring.set_local_events(tool, one.code, 0)
        monitoring.free_tool_id(tool)

    monitoring.register_callback(tool, events.PY_START, started)
    monitoring.register_callback(tool, events.PY_RETURN, returned)
    monitoring.register_callback(tool, events.PY_UNWIND, unwound)
    monitoring.set_events(tool, events.PY_START | events.PY_UNWIND)
    return stop
