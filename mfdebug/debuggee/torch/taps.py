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
from .mode import Mode
from .optimizers import Optimizers
from .own_functions import is_own
from .rerun import Rerun
from .sites import Sites
from .tensors import Tensors
from .uncompiled import leave_out

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


# What the compiler's module calls to have functions compiled from there on: since 2.5, and before.
SWITCHES = ("_maybe_set_eval_frame", "set_eval_frame")

# The level of a warning that is about the caller of a function of torch that calls another; and how
# many frames there are more to those beyond, when it has passed itself on.
DIRECT, TWICE = 3, 3


class Taps:
    """The taps of one torch for one recorder."""

    def __init__(self, torch: Any, recorder: Recorder) -> None:
        self._torch = torch
        self._recorder = recorder
        tensors = Tensors(torch)
        sites = Sites(torch, os.path.dirname(os.path.dirname(__file__)))
        self._tape = Tape(recorder, "torch", ByParameters(recorder, tensors.encoded), sites.span)
        self._sites = sites
        self._forward = Forward(torch, self._tape, tensors, sites)
        self._gradients = Gradients(torch, recorder, self._tape, self._forward, tensors)
        self._faults = Faults(recorder, self._tape, self._forward, self._gradients.pace)
        self._callers = Callers(torch.overrides.handle_torch_function.__code__)
        self._optimizers = Optimizers(torch, recorder, self._tape, tensors, self._gradients.pace)
        self._rerun = Rerun(torch, recorder, self._tape, tensors)
        tensor = torch.Tensor
        self._getters = {getattr(tensor, name).__get__ for name in _PROPERTIES}
        self._data = tensor.data.__get__, tensor.data.__set__
        self._handled: dict[Any, bool] = {}
        # Runs of the engine.
        self._running = 0
        self._mode = Mode(torch, self._call, self._watches)
        # What was replaced in torch: where, the original, and what is there instead.
        self._replaced: list[tuple[Any, str, Any, Any]] = []
        self._modes = torch._C._len_torch_dispatch_stack
        self._traces = torch._C._get_tracing_state
        self._transforms = torch._C._functorch.peek_interpreter_stack

    # The function mode -------------------------------------------------------------------------

    @hidden
    def _call(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        handled = self._handled.get(function)
        if handled is None:
            handled = self._handled[function] = self._is_handled(function)
        caller = sys._getframe(2)
        call = self._callers.of(caller, function)
        if get_ident() != self._mode.thread:
            return call(function, args, kwargs)
        self._mode.inside += 1
        try:
            if self._off:
                return call(function, args, kwargs)
            if not handled:
                if function in self._data:
                    self._forward.forget_input(args[0])
                return call(function, args, kwargs)
            others = types or self._torch._C._len_torch_function_stack()
            begun = self._noted(others, self._forward.before, function, args, kwargs, caller)
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
            self._mode.inside -= 1

    def _noted(self, others: Any, note: Callable[..., Any], *arguments: Any) -> Any:
        """Call `note`, which records something; no exception of it reaches the program.

        `others`: function modes or tensor classes may be active. PyTorch must not call those for
        what `note` does.
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

    def _applying(self, original: Any) -> Any:
        """Return what calls functions with a backward of their own, noting the program's."""
        plain = original.__func__
        mode = self._mode

        @hidden
        def apply(cls: Any, *args: Any, **kwargs: Any) -> Any:
            # Within a function of torch, or without gradients, it is no row of its own.
            ignored = get_ident() != mode.thread or mode.inside or not self._watches()
            if ignored or self._off or not is_own(cls) or not self._torch.is_grad_enabled():
                return plain(cls, *args, **kwargs)
            # PyTorch calls a mode with that mode switched off. This call came through none, so all
            # of them are still on.
            begun = self._noted(True, self._forward.before, cls, args, kwargs, sys._getframe(1))
            try:
                out = plain(cls, *args, **kwargs)
            except Exception as error:
                if begun is not None:
                    self._noted(True, self._faults.raised, begun, error)
                raise
            if begun is not None:
                self._noted(True, self._forward.after, begun, out)
            return out

        return classmethod(apply)

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
        mode = self._mode
        mode.sync()
        kind = torch.set_grad_enabled
        for name in ("__init__", "__call__", "__enter__", "__exit__"):
            self._replace(kind, name, mode.switching)
        for kind in (torch.enable_grad, torch.inference_mode):
            self._replace(kind, "__enter__", mode.entering)
            self._replace(kind, "__exit__", mode.leaving)
        self._replace(torch.overrides, "has_torch_function", mode.without)
        self._replace(torch.autograd, "_engine_run_backward", self._engine)
        self._replace(torch.autograd.Function, "apply", self._applying)
        self._recorder.undo.append(self._uninstall)
        self._recorder.resuming.append(self._resume)
        self._recorder.tracing.append(self._trace)
        self._recorder.rerun = self._rerun.answer

    def _replace(self, owner: Any, name: str, tap: Callable[[Any], Any]) -> None:
        """Put a tap in the place of a function of torch."""
        original = vars(owner)[name]
        made = tap(original)
        self._replaced.append((owner, name, original, made))
        setattr(owner, name, made)

    def _uninstall(self) -> None:
        """Leave the mode, and put back what is still in its place."""
        self._mode.sync()
        self._optimizers.forget()
        for owner, name, original, made in reversed(self._replaced):
            if vars(owner)[name] is made:
                setattr(owner, name, original)

    def watch_compiler(self, module: Any) -> None:
        """Leave the mode while compiled functions run; `module` is torch's that calls them.

        Where those are left for a while, our functions are not compiled either.
        """
        name = next((name for name in SWITCHES if hasattr(module, name)), "")
        if name:
            self._replace(module, name, self._mode.compiled)
        if hasattr(module, "skip_code"):
            replacing = [made for _, _, _, made in self._replaced]
            leave_out(module.skip_code, [*vars(type(self)).values(), *replacing])

    def show(self, thing: Any, frame: FrameType) -> bool:
        """Show what a tensor was computed from, and wait; return whether it is a tensor's pass.

        The variables of the frame name the modules.
        """
        if not isinstance(thing, self._torch.Tensor) or get_ident() != self._mode.thread:
            return False
        self._noted(True, self._show, thing, frame)
        self._mode.sync()
        return True

    def _show(self, tensor: Any, frame: FrameType) -> None:
        self._faults.settle([tensor])
        self._sites.learn_variables(frame)
        self._gradients.show(tensor, variable_of(frame, tensor))

    def _poll(self) -> None:
        """Watch again, if the debugger wants that."""
        if get_ident() == self._mode.thread:
            self._recorder.poll()

    def _resume(self) -> None:
        """Watch the next pass from its start on."""
        self._optimizers.forget()
        self._optimizers.watch()
        self._faults.forget()
        self._forward.end_pass()
        self._gradients.pace.ask()
        self._mode.sync()

    def _trace(self) -> None:
        """Watch the next pass from here on, if it is not watched already."""
        if get_ident() == self._mode.thread and not self._watches():
            self._gradients.pace.ask()
            self._mode.sync()

    def _is_plain(self, roots: Any) -> bool:
        """Whether no code of the program is called for what is asked of tensors."""
        stack = self._torch._C._len_torch_function_stack()
        return not stack and len(roots) == 1 and type(roots[0]) is self._torch.Tensor

    def _engine(self, engine: Any) -> Any:
        """Return the function that runs the engine, noting what it sends."""
        begins, ended = self._gradients.alike.begins, self._gradients.alike.ended
        mode, pace, recorder = self._mode, self._gradients.pace, self._recorder
        modes, traces, transforms = self._modes, self._traces, self._transforms

        @hidden
        def run(roots: Any, *args: Any, **kwargs: Any) -> Any:
            # As `_off`, without a call: this runs in each pass.
            off = recorder.off or self._running > 0 or modes() > 0
            off = off or traces() is not None or transforms() is not None
            if off or get_ident() != mode.thread:
                try:
                    return engine(roots, *args, **kwargs)
                finally:
                    if recorder.suspended and not (self._running or mode.inside):
                        self._poll()
            self._running += 1
            if not mode.active and begins(roots):
                try:
                    return engine(roots, *args, **kwargs)
                finally:
                    self._running -= 1
                    ended()
                    if pace.whole and self._watches():
                        mode.sync()
            # Torch passes them by position: seeds, two truths, inputs.
            inputs = args[3] if len(args) > 3 and not kwargs.get("accumulate_grad") else ()
            others = mode.active or not self._is_plain(roots)
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
                if mode.active or self._watches():
                    mode.sync()

        return run
