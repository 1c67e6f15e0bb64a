"""Installs the taps in the program's torch.

They stay installed: when recording stops, or in a forked child, they pass everything on, and the
function mode is left where the program next switches gradients on or off.
"""

from __future__ import annotations

import os
import sys
from _thread import get_ident

from ..graph_numbers import ByParameters
from ..tape import Tape
from ..tracebacks import hidden
from .callers import Callers
from .forward import Forward
from .gradients import Gradients
from .optimizers import Optimizers
from .sites import Sites
from .tensors import Tensors

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
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
        self._forward = Forward(torch, self._tape, tensors, sites)
        self._gradients = Gradients(torch, recorder, self._tape, self._forward, tensors)
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
        # Whether functions are noted, or the mode has yet to be left.
        self._active = True
        self._mode = _mode(torch, self._call)
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
            out = call(function, args, kwargs)
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
        self._optimizers.watch()
        self._sync()
        kind = torch.set_grad_enabled
        for name in ("__init__", "__call__", "__enter__", "__exit__"):
            setattr(kind, name, self._switching(vars(kind)[name]))
        for kind in (torch.enable_grad, torch.inference_mode):
            kind.__enter__ = self._entering(vars(kind)["__enter__"])
            kind.__exit__ = self._leaving(vars(kind)["__exit__"])
        has = _WithoutMode(torch.overrides.has_torch_function, self._without_mode)
        torch.overrides.has_torch_function = has
        torch.autograd._engine_run_backward = self._engine(torch.autograd._engine_run_backward)

    def watch_compiler(self, module: Any) -> None:
        """Leave the mode while compiled functions run; `module` is torch's that calls them."""
        switch, compiled = module._maybe_set_eval_frame, self._compiled

        def switched(callback: Any) -> Any:
            caller = sys._getframe(1)
            if caller.f_code.co_name != "compile_wrapper":
                return switch(callback)
            if compiled and compiled[-1] is caller:
                # It calls this a second time in the end.
                before = switch(callback)
                compiled.pop()
                self._sync()
                return before
            # Nothing of ours may be called after the switch: it would be compiled.
            compiled.append(caller)
            self._sync()
            return switch(callback)

        module._maybe_set_eval_frame = switched

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
                return engine(roots, *args, **kwargs)
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


class _WithoutMode:
    """Torch's question whether a function is passed on: layers that ask it compute in another way.

    It is found where the original is looked up, as the compiler does.
    """

    def __init__(self, function: Any, call: Callable[[Any, Any], Any]) -> None:
        self._function = function
        self._apply = call

    def __call__(self, *arguments: Any) -> Any:
        return self._apply(self._function, arguments)

    def __eq__(self, other: object) -> bool:
        return other is self or other is self._function

    def __hash__(self) -> int:
        return hash(self._function)


def _mode(torch: Any, call: Callable[[Any, Any, Any, Any], Any]) -> Any:
    """Return a function mode of `torch` that passes each call to `call`."""

    def __torch_function__(  # noqa: N807
        _: Any, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        return call(function, types, args, kwargs or {})

    body = {"__torch_function__": hidden(__torch_function__)}
    return type("Mode", (torch.overrides.TorchFunctionMode,), body)()
