"""The function mode that torch passes calls to, and torch's question without it."""

from __future__ import annotations

from ..tracebacks import hidden

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


class WithoutMode:
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


def new_mode(torch: Any, call: Callable[[Any, Any, Any, Any], Any]) -> Any:
    """Return a function mode of `torch` that passes each call to `call`."""

    def __torch_function__(  # noqa: N807
        _: Any, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        return call(function, types, args, kwargs or {})

    body = {"__torch_function__": hidden(__torch_function__)}
    return type("Mode", (torch.overrides.TorchFunctionMode,), body)()
