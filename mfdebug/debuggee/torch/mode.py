"""The function mode that torch passes calls to, and where it is on torch's stack.

While any mode is active, torch computes some things in another way: with gradients off, as in an
evaluation, the results would differ in their last bits. So the mode is there only where gradients
are wanted, and is left where nothing is noted.
"""

from __future__ import annotations

import sys
from _thread import get_ident

from ..tracebacks import hidden

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType
    from typing import Any

# What the compiler's module calls around a compiled function, by the versions.
WRAPPERS = ("compile_wrapper", "_fn")


class Mode:
    """A function mode of `torch` that passes each call of this thread to `call`.

    `watches` says whether functions are noted at present.
    """

    def __init__(
        self, torch: Any, call: Callable[[Any, Any, Any, Any], Any], watches: Callable[[], bool]
    ) -> None:
        self._torch = torch
        self._watches = watches
        self._mode = _new_mode(torch, call)
        # Only this thread is recorded: the one that imports torch.
        self.thread = get_ident()
        # Calls of functions that are being handled: torch has taken the mode off its stack.
        self.inside = 0
        # Whether functions are noted, or the mode has yet to be left.
        self.active = True
        # Frames of torch that run something compiled, or something that is not to be compiled
        # within that; and which of both.
        self._regions: list[tuple[FrameType, bool]] = []
        # Whether the mode was on where the program has enabled gradients for a while.
        self._before: list[bool] = []

    def sync(self, *, on: bool = False) -> None:
        """Enter the mode where gradients are wanted or it is to be `on`, and leave it elsewhere."""
        if self.inside or get_ident() != self.thread:
            return
        wanted = on or self._torch.is_grad_enabled()
        self.active = self._watches()
        wanted = wanted and self.active and not any(compiled for _, compiled in self._regions)
        if wanted is not self._is_on():
            self._place(on=wanted)

    def _is_on(self) -> bool:
        c = self._torch._C
        depth = range(c._len_torch_function_stack())
        return any(c._get_function_stack_at(i) is self._mode for i in depth)

    def _place(self, *, on: bool) -> None:
        """Put the mode below those of the program, which leaves its own; or take it out there.

        Modes for devices stay below it: torch expects them at the bottom.
        """
        c, above = self._torch._C, []
        # Imported when a device is first chosen.
        device = getattr(sys.modules.get("torch.utils._device"), "DeviceContext", ())
        while depth := c._len_torch_function_stack():
            top = c._get_function_stack_at(depth - 1)
            if on and isinstance(top, device):
                break
            c._pop_torch_function_stack()
            if top is self._mode:
                break
            above.append(top)
        if on:
            c._push_on_torch_function_stack(self._mode)
        for mode in reversed(above):
            c._push_on_torch_function_stack(mode)

    # What torch's own functions are replaced by ------------------------------------------------

    def switching(self, method: Any) -> Any:
        """Return what switches gradients on or off in the place of a method."""

        def switched(*args: Any, **kwargs: Any) -> Any:
            if not self.active:
                return method(*args, **kwargs)
            before = self._torch.is_grad_enabled()
            out = method(*args, **kwargs)
            # In the forward of a function with a backward of its own, gradients are off without
            # such a call, and come back without one.
            if self._torch.is_grad_enabled() is not before:
                self.sync()
            return out

        return switched

    def entering(self, method: Any) -> Any:
        """Return what enables gradients, or disables them altogether, for a while."""

        def entered(*args: Any, **kwargs: Any) -> Any:
            out = method(*args, **kwargs)
            if get_ident() == self.thread:
                self._before.append(self._is_on())
                self.sync()
            return out

        return entered

    def leaving(self, method: Any) -> Any:
        """Return what ends that."""

        def left(*args: Any, **kwargs: Any) -> Any:
            out = method(*args, **kwargs)
            if get_ident() == self.thread and self._before:
                self.sync(on=self._before.pop())
            return out

        return left

    def compiled(self, switch: Any) -> Any:
        """Return what has functions compiled from there on: while they run, the mode is left."""
        regions = self._regions

        def switched(callback: Any) -> Any:
            # While something compiled runs, what this calls would be compiled, too.
            caller = sys._getframe(1)
            if caller.f_code.co_name not in WRAPPERS or get_ident() != self.thread:
                return switch(callback)
            frame = caller
            while regions and frame is not regions[-1][0]:
                if frame.f_back is not None:
                    frame = frame.f_back
                else:
                    # It has returned, and called this only at its end.
                    regions.pop()
                    frame = caller
            # None is the callback of what is not to be compiled.
            compiled = callback is not None
            if regions and frame is caller:
                # It calls this a second time in the end, with what was there before.
                regions.pop()
                before = switch(callback)
                if not compiled and self.active:
                    self.sync()
                return before
            regions.append((caller, compiled))
            if compiled and self.active:
                self.sync()
            return switch(callback)

        return switched

    def without(self, function: Any) -> Any:
        """Return torch's question whether a function is passed on, asked without the mode."""
        return _Without(function, self._call_without)

    def _call_without(self, function: Any, arguments: Any) -> Any:
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


class _Without:
    """Torch's question whether a function is passed on: layers that ask it compute in another way.

    It is found where the original is looked up, as the compiler does.
    """

    def __init__(self, function: Any, call: Callable[[Any, Any], Any]) -> None:
        self._function = function
        self._apply = call

    def __call__(self, *arguments: Any) -> Any:
        """Ask it without the mode."""
        return self._apply(self._function, arguments)

    def __eq__(self, other: object) -> bool:
        return other is self or other is self._function

    def __hash__(self) -> int:
        return hash(self._function)


def _new_mode(torch: Any, call: Callable[[Any, Any, Any, Any], Any]) -> Any:
    def __torch_function__(  # noqa: N807
        _: Any, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        return call(function, types, args, kwargs or {})

    body = {"__torch_function__": hidden(__torch_function__)}
    return type("Mode", (torch.overrides.TorchFunctionMode,), body)()
