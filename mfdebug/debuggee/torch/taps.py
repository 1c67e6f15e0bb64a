"""Installs the taps in the program's torch, and removes them."""

from __future__ import annotations

import os

from ..tape import Tape
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


class Taps:
    """The taps of one torch for one recorder."""

    def __init__(self, torch: Any, recorder: Recorder) -> None:
        self._torch = torch
        self._recorder = recorder
        tensors = Tensors(torch)
        sites = Sites(torch, os.path.dirname(os.path.dirname(__file__)))
        self._tape = Tape(recorder, "torch", tensors.encoded, sites.span)
        self._forward = Forward(torch, self._tape, tensors, sites)
        self._gradients = Gradients(self._tape, self._forward, tensors)
        self._optimizers = Optimizers(torch, recorder, self._tape, tensors)
        tensor = torch.Tensor
        self._getters = {getattr(tensor, name).__get__ for name in _PROPERTIES}
        self._data = tensor.data.__get__, tensor.data.__set__
        self._handled: dict[Any, bool] = {}
        # Calls of functions that are being handled, and runs of the engine.
        self._inside = self._running = 0
        self._undo: list[Callable[[], None]] = []
        self._mode = _mode(torch, self._call)

    # The function mode -------------------------------------------------------------------------

    def _call(self, function: Any, args: Any, kwargs: Any) -> Any:
        handled = self._handled.get(function)
        if handled is None:
            handled = self._handled[function] = self._is_handled(function)
        self._inside += 1
        try:
            if not handled or self._off:
                if function in self._data and not self._off:
                    self._forward.forget_input(args[0])
                return function(*args, **kwargs)
            return self._forward.call(function, args, kwargs)
        finally:
            self._inside -= 1

    def _is_handled(self, function: Any) -> bool:
        name = getattr(function, "__name__", "")
        if name in ("__get__", "__set__", "__delete__"):
            return function in self._getters
        return name not in _PASSIVE

    @property
    def _off(self) -> bool:
        return self._recorder.off or self._running > 0

    @property
    def _watches(self) -> bool:
        """Whether functions are noted: not in passes of which only the cost is."""
        return self._gradients.pace.whole and not self._recorder.off

    # Installing --------------------------------------------------------------------------------

    def install(self) -> None:
        """Start noting."""
        torch = self._torch
        self._undo.append(self._leave_mode)
        self._undo.append(self._optimizers.forget)
        self._optimizers.watch()
        recorder = self._recorder
        stop = recorder.stop

        def stop_all() -> None:
            stop()
            self.remove()

        recorder.stop = stop_all
        self._sync()
        for kind, names in (
            (torch.set_grad_enabled, ("__init__", "__call__", "__enter__", "__exit__")),
            (torch.enable_grad, ("__enter__", "__exit__")),
            (torch.inference_mode, ("__enter__", "__exit__")),
        ):
            for name in names:
                self._replace(kind, name, self._synced(vars(kind)[name]))
        self._replace(
            torch.autograd,
            "_engine_run_backward",
            self._engine(torch.autograd._engine_run_backward),
        )

    def _replace(self, owner: Any, name: str, new: Any) -> None:
        old = vars(owner)[name]
        setattr(owner, name, new)
        self._undo.append(lambda: setattr(owner, name, old))

    def remove(self) -> None:
        """Stop noting, and leave torch as it was."""
        while self._undo:
            self._undo.pop()()

    def _synced(self, method: Any) -> Any:
        def switched(*args: Any, **kwargs: Any) -> Any:
            out = method(*args, **kwargs)
            self._sync()
            return out

        return switched

    def _sync(self) -> None:
        """Enter the mode where gradients are wanted, and leave it where they are not.

        While any mode is active, torch computes some things in another way: with gradients off,
        as in an evaluation, the results would differ in their last bits.
        """
        if self._inside:
            # While a call is handled, torch has taken the mode off its stack.
            return
        c = self._torch._C
        depth = c._len_torch_function_stack()
        on_top = depth > 0 and c._get_function_stack_at(depth - 1) is self._mode
        wanted = self._watches and self._torch.is_grad_enabled()
        if wanted and not any(c._get_function_stack_at(i) is self._mode for i in range(depth)):
            c._push_on_torch_function_stack(self._mode)
        elif on_top and not wanted:
            c._pop_torch_function_stack()

    def _leave_mode(self) -> None:
        c = self._torch._C
        depth = c._len_torch_function_stack()
        if depth and c._get_function_stack_at(depth - 1) is self._mode:
            c._pop_torch_function_stack()

    def _engine(self, engine: Any) -> Any:
        """Return the function that runs the engine, noting what it sends."""

        def run(roots: Any, *args: Any, **kwargs: Any) -> Any:
            if self._off:
                return engine(roots, *args, **kwargs)
            self._running += 1
            try:
                return self._gradients.run(lambda: engine(roots, *args, **kwargs), list(roots))
            finally:
                self._running -= 1
                self._sync()

        return run


def _mode(torch: Any, call: Callable[[Any, Any, Any], Any]) -> Any:
    """Return a function mode of `torch` that passes each call to `call`."""

    def __torch_function__(  # noqa: N807
        _: Any, function: Any, _types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        return call(function, args, kwargs or {})

    body = {"__torch_function__": __torch_function__}
    return type("Mode", (torch.overrides.TorchFunctionMode,), body)()
