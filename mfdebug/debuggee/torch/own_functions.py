"""Calls of functions with a backward of their own (`torch.autograd.Function`), as far as known.

Torch passes such a call to no mode. What it was applied to is seen afterwards, from the engine's
node, if that is all it takes: tensors that want a gradient.
"""

from __future__ import annotations

from .calls import Before, Call, Form

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# Flags of code that takes any number of arguments.
_ANY_NUMBER = 0x04 | 0x08


def is_own(made: Any) -> bool:
    """Whether a node of the engine was made by a class of the program, not by one of torch.

    Such a class may have the name of a function of torch, which it need not compute.
    """
    cls = getattr(type(made), "_forward_cls", None)
    return cls is not None and not cls.__module__.startswith("torch.")


def own_call(torch: Any, made: Any) -> Call | None:
    """Return the call that has made a node of the engine, or None if it cannot be known.

    The node depends on as many different tensors as it has edges.
    """
    cls = getattr(type(made), "_forward_cls", None)
    if cls is None or len(getattr(made, "_input_metadata", ())) != 1:
        return None
    code = getattr(cls.forward, "__code__", None)
    if code is None or code.co_flags & _ANY_NUMBER or code.co_kwonlyargcount:
        return None
    with_context = cls.setup_context is torch.autograd.Function.setup_context
    if code.co_argcount - with_context != len(made.next_functions):
        return None
    forms: list[Form | str] = []
    for below, output in made.next_functions:
        tensor = getattr(below, "variable", None)
        if tensor is not None:
            forms.append(Form(tensor))
            continue
        held = getattr(below, "_input_metadata", ())
        if len(held) <= output:
            return None
        forms.append(Form.in_order(held[output]))
    # It may change what it is given.
    call = Call(cls.apply, Before(forms, [], []), range(len(forms)))
    call.args = tuple(call.slots())
    call.own = cls.__name__
    return call
