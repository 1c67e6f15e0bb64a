"""Functions with a backward of their own (`torch.autograd.Function`) that the program defines.

Torch passes their calls to no mode, so `apply` itself is replaced.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def is_own(cls: Any) -> bool:
    """Whether a class of such functions is the program's, not one of torch.

    It may have the name of a function of torch, which it need not compute.
    """
    return cls is not None and not cls.__module__.startswith("torch.")


def is_made_by_own(engine_node: Any) -> bool:
    """Whether a node of the engine was made by a class of the program."""
    return is_own(getattr(type(engine_node), "_forward_cls", None))
