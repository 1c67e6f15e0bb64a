"""Installs the taps in the program's torch.

They stay installed: when recording stops, or in a forked child, they pass everything on, and the
function mode is left where the program next switches gradients on or off.
"""

from __future__ import annotations

import os
import sys
from _thread import get_ident

from ..graph_numbers import ByParameters
from ..name_facts import variable_of
from ..tape import Tape
from ..tracebacks import hidden
from .callers import Callers
from .faults import Faults
from .forward import Forward
from .gradients import Gradients
from .mode import WithoutMode, new_mode
from .optimizers import Optimizers
from .sites import Sites
from .tensors import Tensors

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType
    from typing import Any

    from ..recorder import Recorder

# Functions that ask about a tensor, or change nothing that a gradient flows through.
_PASSIVE = {
    "__bool__",
    "__contains__",
    "__deepcopy__",
    "__float__",
    "__format__",
    "__hash__",
    "__int__",
    "__len__",
    "__reduce_ex__",
    "__repr__",
    "backward",
    "data_ptr",
    "dim",
    "element_size",
    "get_device",
    "grad",
    "is_contiguous",
    "is_floating_point",
    "item",
    "ndimension",
    "nelement",
    "numel",
    "numpy",
    "register_hook",
    "retain_grad",
    "size",
    "storage_offset",
    "stride",
    "tolist",
    "untyped_storage",
    "requires_grad_",
}
# Properties that return a tensor with a gradient.
_PROPERTIES = ("H", "T", "imag", "mH", "mT", "real")


# What the compiler's module calls to have functions compiled from there on: since 2.5, and before;
# and what calls it around a compiled function, by the versions.
SWITCHES = ("_maybe_set_eval_frame", "set_eval_frame")
WRAPPERS = ("compile_wrapper", "_fn")

# The level of a warning that is about the caller of a function of torch that calls another; and how
# many frames there are more to those beyond, when it has passed itself on.
DIRECT, TWICE = 3, 3


class Taps:
    """The taps of one torch for one recorder."""

    def __init__(self, torch: Any, recorder: Recorder) -> None:
        self._torch = torch
        self._recorder = recorder
        # Only this thread is recorded: the one that imports torch.
        self._thread = get_ident()
        tensors = Tensors(torch)
        sites = Sites(torch, os.path.dirname(os.path.dirname(__file__)))
        self._tape = Tape(recorder, "torch", ByParameters(recorder, tensors.encoded), sites.span)
        self._sites = sites
        self._forward = Forward(torch, self._tape, tensors, sites)
        self._gradients = Gradients(torch, recorder, self._tape, self._forward, tensors)
        self._faults = Faults(recorder, self._tape, self._forward)
        self._callers = Callers(torch.overrides.handle_torch_function.__code__)
        self._optimizers = Optimizers(torch, recorder, self._tape, tensors, self._gradients.pace)
        tensor = torch.Tensor
        self._getters = {getattr(tensor, name).__get__ for name in _PROPERTIES}
        self._data = tensor.data.__get__, tensor.data.__set__
        self._handled: dict[Any, bool] = {}
        # Calls of functions that are being handled, and runs of the engine.
        self._inside = self._running = 0
        # Frames of torch that run something compiled.
        self._compiled: list[Any] = []
        # Whether the mode was on where the program has enabled gradients for a while.
        self._before: list[bool] = []
        self._mode = new_mode(torch, self._call)
        # What was replaced in torch: where, the original, and what is there instead.
        self._replaced: list[tuple[Any, str, Any, Any]] = []
        # Whether functions are noted, or the mode has yet to be left.
        self._active = True
        self._modes = torch._C._len_torch_dispatch_stack
        self._traces = torch._C._get_tracing_state
        self._transforms = torch._C._functorch.peek_interpreter_stack

    # The function mode -------------------------------------------------------------------------

    @hidden
    def _call(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        handled = self._handled.get(function)
        if handled is None:
            handled = self._handled[function] = self._is_handled(function)
        call = self._callers.of(sys._getframe(2), function)
        if get_ident() != self._thread:
            return call(function, args, kwargs)
        self._inside += 1
        try:
            if self._off:
                return call(function, args, kwargs)
            if not handled:
                if function in self._data:
                    self._forward.forget_input(args[0])
                return call(function, args, kwargs)
            others = types or self._torch._C._len_torch_function_stack()
            begun = self._noted(others, self._forward.before, function, args, kwargs)
            if kwargs.get("_stacklevel", 0) > DIRECT:
                # Its warning is about a frame beyond those that are in the stack twice.
                kwargs = {**kwargs, "_stacklevel": kwargs["_stacklevel"] + TWICE}
            try:
                out = call(function, args, kwargs)
            except Exception as error:
                if begun is not None:
                    self._noted(others, self._faults.raised, begun, error)
                raise
            if begun is not None:
                self._noted(others, self._forward.after, begun, out)
            return out
        finally:
            self._inside -= 1

    def _noted(self, others: Any, note: Callable[..., Any], *arguments: Any) -> Any:
        """Note something; the program never sees an error of ours.

        `others`: the program has modes or classes of tensors of its own, which must not see it.
        """
        pace = self._gradients.pace
        pace.enter()
        try:
            if others:
                with self._torch._C.DisableTorchFunction():
                    return note(*arguments)
            return note(*arguments)
        except (RecursionError, MemoryError):
            # The program is about to have it, too.
            self._forward.end_pass()
        except Exception as error:
            self._recorder.failed(error)
        finally:
            pace.leave()
        return None

    def _is_handled(self, function: Any) -> bool:
        name = getattr(function, "__name__", "")
        if name in ("__get__", "__set__", "__delete__"):
            return function in self._getters
        return name not in _PASSIVE

    @property
    def _off(self) -> bool:
        """Whether nothing is noted now; nor is it while torch traces or transforms functions."""
        return (
            self._recorder.off
            or self._running > 0
            or self._modes() > 0
            or self._traces() is not None
            or self._transforms() is not None
        )

    @property
    def _watches(self) -> bool:
        """Whether functions are noted: not in passes of which only the cost is."""
        return self._gradients.pace.whole and not self._recorder.off

    # Installing --------------------------------------------------------------------------------

    def install(self) -> None:
        """Start noting."""
        torch = self._torch
        self._recorder.at_end.append(lambda: self._noted(True, self._faults.write))
        self._recorder.showing.append(self.show)
        self._optimizers.watch()
        self._enter()
        kind = torch.set_grad_enabled
        for name in ("__init__", "__call__", "__enter__", "__exit__"):
            self._replace(kind, name, self._switching)
        for kind in (torch.enable_grad, torch.inference_mode):
            self._replace(kind, "__enter__", self._entering)
            self._replace(kind, "__exit__", self._leaving)
        self._replace(
            torch.overrides, "has_torch_function", lambda has: WithoutMode(has, self._without_mode)
        )
        self._replace(torch.autograd, "_engine_run_backward", self._engine)
        self._recorder.undo.append(self._uninstall)
        self._recorder.resuming.append(self._resume)

    def _replace(self, owner: Any, name: str, tap: Callable[[Any], Any]) -> None:
        """Put a tap in the place of a function of torch."""
        original = vars(owner)[name]
        made = tap(original)
        self._replaced.append((owner, name, original, made))
        setattr(owner, name, made)

    def _uninstall(self) -> None:
        """Leave the mode, and put back what is still in its place."""
        self._sync()
        self._optimizers.forget()
        for owner, name, original, made in reversed(self._replaced):
            if vars(owner)[name] is made:
                setattr(owner, name, original)

    def watch_compiler(self, module: Any) -> None:
        """Leave the mode while compiled functions run; `module` is torch's that calls them."""
        name = next((name for name in SWITCHES if hasattr(module, name)), "")
        if not name:
            return
        switch, compiled = getattr(module, name), self._compiled

        def switched(callback: Any) -> Any:
            caller = sys._getframe(1)
            if compiled and compiled[-1] is caller:
                # It calls this a second time in the end.
                before = switch(callback)
                compiled.pop()
                self._sync()
                return before
            # None is the callback of what is not to be compiled.
            if caller.f_code.co_name not in WRAPPERS or callback is None:
                return switch(callback)
            # Nothing of ours may be called after the switch: it would be compiled.
            compiled.append(caller)
            self._sync()
            return switch(callback)

        self._replace(module, "_maybe_set_eval_frame", lambda _: switched)

    def _switching(self, method: Any) -> Any:
        def switched(*args: Any, **kwargs: Any) -> Any:
            if not self._active:
                return method(*args, **kwargs)
            before = self._torch.is_grad_enabled()
            out = method(*args, **kwargs)
            # In the forward of a function with a backward of its own, gradients are off without
            # such a call, and come back without one.
            if self._torch.is_grad_enabled() is not before:
                self._sync()
            return out

        return switched

    def _entering(self, method: Any) -> Any:
        def entered(*args: Any, **kwargs: Any) -> Any:
            out = method(*args, **kwargs)
            if get_ident() == self._thread:
                self._before.append(self._is_on())
                self._sync()
            return out

        return entered

    def _leaving(self, method: Any) -> Any:
        def left(*args: Any, **kwargs: Any) -> Any:
            out = method(*args, **kwargs)
            if get_ident() == self._thread and self._before:
                self._sync(on=self._before.pop())
            return out

        return left

    def _is_on(self) -> bool:
        c = self._torch._C
        depth = range(c._len_torch_function_stack())
        return any(c._get_function_stack_at(i) is self._mode for i in depth)

    def _sync(self, *, on: bool | None = None) -> None:
        """Enter the mode where gradients are wanted or it is to be `on`, and leave it elsewhere.

        While any mode is active, torch computes some things in another way: with gradients off,
        as in an evaluation, the results would differ in their last bits.
        """
        if self._inside or get_ident() != self._thread:
            # While a call is handled, torch has taken the mode off its stack.
            return
        c = self._torch._C
        depth = c._len_torch_function_stack()
        on_top = depth > 0 and c._get_function_stack_at(depth - 1) is self._mode
        wanted = self._torch.is_grad_enabled() if on is None else on
        wanted = wanted and self._watches and not self._compiled
        if wanted and not self._is_on():
            c._push_on_torch_function_stack(self._mode)
        elif on_top and not wanted:
            c._pop_torch_function_stack()
        self._active = self._watches or self._is_on()

    def _enter(self) -> None:
        """Enter the mode, if it is wanted, below those of the program, which leaves its own.

        Modes for devices stay below it: torch expects them at the bottom.
        """
        c, above = self._torch._C, []
        # Imported when a device is first chosen.
        device = getattr(sys.modules.get("torch.utils._device"), "DeviceContext", ())
        if get_ident() != self._thread or self._is_on():
            return
        while depth := c._len_torch_function_stack():
            if isinstance(c._get_function_stack_at(depth - 1), device):
                break
            above.append(c._pop_torch_function_stack())
        self._sync()
        for mode in reversed(above):
            c._push_on_torch_function_stack(mode)

    def _without_mode(self, function: Any, arguments: Any) -> Any:
        """Call a function without the mode, if no other mode is active."""
        c = self._torch._C
        alone = c._len_torch_function_stack() == 1 and c._get_function_stack_at(0) is self._mode
        if not alone or not c._is_torch_function_enabled():
            return function(*arguments)
        c._pop_torch_function_stack()
        try:
            return function(*arguments)
        finally:
            c._push_on_torch_function_stack(self._mode)

    def show(self, thing: Any, frame: FrameType) -> bool:
        """Show what a tensor was computed from, and wait; return whether it is a tensor's pass.

        The variables of the frame name the modules.
        """
        if not isinstance(thing, self._torch.Tensor) or get_ident() != self._thread:
            return False
        self._noted(True, self._show, thing, frame)
        self._sync()
        return True

    def _show(self, tensor: Any, frame: FrameType) -> None:
        self._sites.learn_variables(frame)
        self._gradients.show(tensor, variable_of(frame, tensor))

    def _poll(self) -> None:
        """Watch again, if the debugger wants that."""
        if get_ident() == self._thread:
            self._recorder.poll()

    def _resume(self) -> None:
        """Watch the next pass from its start on."""
        self._optimizers.forget()
        self._optimizers.watch()
        self._forward.end_pass()
        self._gradients.pace.whole = True
        self._gradients.pace.start()
        self._enter()

    def _is_plain(self, roots: Any) -> bool:
        """Whether no code of the program is called for what is asked of tensors."""
        stack = self._torch._C._len_torch_function_stack()
        return not stack and len(roots) == 1 and type(roots[0]) is self._torch.Tensor

    def _engine(self, engine: Any) -> Any:
        """Return the function that runs the engine, noting what it sends."""
        begins, ended = self._gradients.alike.begins, self._gradients.ended_alike

        @hidden
        def run(roots: Any, *args: Any, **kwargs: Any) -> Any:
            if get_ident() != self._thread or self._off:
                try:
                    return engine(roots, *args, **kwargs)
                finally:
                    if self._recorder.suspended and not (self._running or self._inside):
                        self._poll()
            self._running += 1
            if not self._active and begins(roots):
                try:
                    return engine(roots, *args, **kwargs)
                finally:
                    self._running -= 1
                    ended()
                    if self._watches:
                        self._sync()
            # Torch passes them by position: seeds, two truths, inputs.
            inputs = args[3] if len(args) > 3 and not kwargs.get("accumulate_grad") else ()
            others = self._active or not self._is_plain(roots)
            self._noted(others, self._faults.settle, roots)
            pass_ = self._noted(others, self._gradients.before, roots, inputs)
            out = error = None
            try:
                out = engine(roots, *args, **kwargs)
                return out
            except BaseException as raised:
                error = raised
                raise
            finally:
                self._running -= 1
                if pass_ is not None:
                    self._noted(others, self._gradients.after, pass_, out, error)
                if self._active or self._watches:
                    self._sync()

        return run
