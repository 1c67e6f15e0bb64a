"""Call hooks for Python 3.12 and later: `sys.monitoring` reports when a node's method returns.

Code objects are found by name when they first run, and through the classes of nodes. Every other
function of the program triggers one event and is disabled from then on.
"""

from __future__ import annotations

import sys
from _thread import get_ident

from .polled_method import polled_method
from .reading import DIRECTIONS, belongs_to_torch, has_method, inputs_of, own_attributes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType, FrameType
    from typing import Any

    from .recorder import Recorder

# Functions of our engine: the training loop; the caller of a node's methods on behalf of a plan;
# the one that makes a node that is not part of a graph.
ENGINE = ("train", "run_method", "seeded")
# Tool ids of sys.monitoring that are not reserved.
FREE_TOOLS = (4, 3)
# With more frames than these between two node methods, the inner call counts as one of its own.
MAX_FRAMES = 2


class TappedCode:
    """The code of a method of nodes: its direction, and where to find its first argument."""

    __slots__ = ("code", "direction", "first", "rest", "wrapped")

    def __init__(self, code: CodeType, direction: str) -> None:
        self.code = code
        self.direction = direction
        # Whether another node method was seen calling it through a frame in between.
        self.wrapped = False
        self.first = code.co_varnames[0] if code.co_argcount else None
        # `def forward(*arguments)`: the node is the first argument.
        self.rest = code.co_varnames[code.co_kwonlyargcount] if self.first is None else None

    def node(self, frame: FrameType) -> Any:
        """Return the first argument of a call: the node."""
        if self.first is not None:
            return frame.f_locals.get(self.first)
        return (frame.f_locals.get(self.rest or "") or (None,))[0]


def install(recorder: Recorder) -> Callable[[], None]:
    """Watch the nodes of this program; return a function that stops watching."""
    monitoring: Any = sys.monitoring  # type: ignore[attr-defined,unused-ignore]
    events = monitoring.events
    tool = next(tool_id for tool_id in FREE_TOOLS if monitoring.get_tool(tool_id) is None)
    monitoring.use_tool_id(tool, "mfdebug")
    disable, frame_of = monitoring.DISABLE, sys._getframe
    tapped: dict[int, TappedCode] = {}
    # Functions of our engine that call a program's nodes for a plan, which reports its own steps.
    by_engine: dict[int, CodeType] = {}
    # A node called from one of these is not a call of the pass.
    node_code: set[int] = set()
    classes: set[type] = set()
    # Only one thread is recorded: the first that calls a node.
    thread = 0

    def tap(code: CodeType, direction: str) -> TappedCode | None:
        known = tapped.get(id(code))
        if known is None and (code.co_argcount or code.co_flags & 4):
            known = tapped[id(code)] = TappedCode(code, direction)
            node_code.add(id(code))
            monitoring.set_local_events(tool, code, events.PY_RETURN)
        return known

    def tap_class(cls: type) -> None:
        """Tap the methods of a node's class, also if they are decorated or have other names."""
        classes.add(cls)
        if belongs_to_torch(cls):
            return
        for name, direction in DIRECTIONS.items():
            for base in cls.__mro__:
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
                if belongs_to_torch(type(node)):
                    monitoring.set_local_events(tool, code, 0)
                    return disable
                if thread in (0, get_ident()):
                    if direction == "f" and has_method(type(node), "forward"):
                        recorder.started(node)
                    return None if recorder.changes_inputs(type(node)) else disable
                return disable
            if code.co_name in ENGINE and recorder.names.is_ours(code.co_filename):
                if code.co_name == "train":
                    recorder.own_training.watch(frame_of(1).f_globals.get("Plan"))
                else:
                    by_engine[id(code)] = code
                    node_code.add(id(code))
            elif code.co_name == "__init__" and code.co_argcount:
                frame = frame_of(1)
                node = frame.f_locals.get(code.co_varnames[0])
                back = frame.f_back
                if back is not None and id(back.f_code) in by_engine:
                    return None
                if belongs_to_torch(type(node)):
                    return disable
                if has_method(type(node), "forward"):
                    if type(node) not in classes:
                        tap_class(type(node))
                    recorder.names.record_creation(node, frame)
                    return None
                recorder.see_class(type(node))
        except Exception as error:
            recorder.failed(error)
        return disable

    def is_nested(found: TappedCode, node: Any, frame: FrameType | None) -> bool:
        """Whether a node method makes this call: `super().forward()`, or a node inside a node."""
        for distance in range(MAX_FRAMES):
            if frame is None:
                return False
            code = frame.f_code
            if id(code) in node_code:
                found.wrapped = found.wrapped or distance > 0
                outer = tapped.get(id(code))
                # Called by our engine, for a plan that reports its own steps.
                if outer is None:
                    return True
                caller = outer.node(frame)
                if caller is node:
                    return True
                if own_attributes(caller) is not None and has_method(type(caller), "forward"):
                    # A node that calls its inputs is only the way this program walks its graph.
                    return all(source is not node for source in inputs_of(caller))
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
                # A frame between a node and its caller was also there in earlier passes.
                if (id(back.f_code) in node_code or found.wrapped) and is_nested(found, node, back):
                    return
                if script.record(found.direction, node):
                    return
            if is_nested(found, node, back):
                return
            recorder.returned(found.direction, node, back)
            if type(node) not in classes:
                tap_class(type(node))
            if recorder.changes_inputs(type(node)):
                monitoring.set_local_events(tool, code, events.PY_START | events.PY_RETURN)
        except (RecursionError, MemoryError):
            recorder.interrupted()
        except Exception as error:
            recorder.failed(error)
        except BaseException:
            # Raised by a signal, such as Ctrl+C: it belongs to the program.
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
            if not is_nested(found, node, back):
                recorder.raised(found.direction, node, error, back)
        except (RecursionError, MemoryError):
            recorder.interrupted()
        except Exception as failure:
            recorder.failed(failure)

    def suspend() -> None:
        monitoring.set_events(tool, 0)
        for method in tapped.values():
            monitoring.set_local_events(tool, method.code, 0)
        monitoring.register_callback(tool, events.PY_RETURN, polled)
        found = polled_method(recorder.nodes)
        if found is not None:
            method = vars(found[0])[found[1]]
            while hasattr(method, "__wrapped__"):
                method = method.__wrapped__
            if hasattr(method, "__code__"):
                monitoring.set_local_events(tool, method.__code__, events.PY_RETURN)

    def polled(_code: CodeType, _offset: int, _value: Any) -> None:
        if thread in (0, get_ident()):
            recorder.poll()

    def resume() -> None:
        monitoring.register_callback(tool, events.PY_RETURN, returned)
        for method in tapped.values():
            monitoring.set_local_events(tool, method.code, events.PY_RETURN)
        monitoring.set_events(tool, events.PY_START | events.PY_UNWIND)
        # Functions that have run in the meantime.
        monitoring.restart_events()

    recorder.suspending.append(suspend)
    recorder.resuming.append(resume)

    def stop() -> None:
        if monitoring.get_tool(tool) != "mfdebug":
            return
        monitoring.set_events(tool, 0)
        for method in tapped.values():
            monitoring.set_local_events(tool, method.code, 0)
        monitoring.free_tool_id(tool)

    monitoring.register_callback(tool, events.PY_START, started)
    monitoring.register_callback(tool, events.PY_RETURN, returned)
    monitoring.register_callback(tool, events.PY_UNWIND, unwound)
    monitoring.set_events(tool, events.PY_START | events.PY_UNWIND)
    # Where an earlier recorder of this process has looked already.
    monitoring.restart_events()
    return stop
