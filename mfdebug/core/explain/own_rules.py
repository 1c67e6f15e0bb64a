"""What is said of a node that has rules of its own, which are not known here."""

from __future__ import annotations

from mfdebug.core.explain.node_view import NodeView
from miniflow.node import Node
from miniflow.ops.composed import Composed


def whose(node: Node) -> str:
    """Return whose a node's rules are: "its own", or a library's."""
    kind = type(node).__name__
    return f"{kind} is a function of {node.library}" if node.library else f"{kind} has its own"


def value_note(view: NodeView) -> str:
    """Return that it is not known how a value is computed."""
    node = view.op
    if not node.library:
        return f"{whose(node)} forward(): how it computes this number is not known"
    return f"{whose(node)}: how it computes this number is not known here{_refusal(view)}"


def sent_note(view: NodeView) -> str:
    """Return that it is not known how a contribution is computed."""
    node = view.op
    if not node.library:
        return f"{whose(node)} backward(): what it sent is known, not how it was made"
    return f"{whose(node)}: what it sent is known, not how it was made{_refusal(view)}"


def role(view: NodeView) -> str:
    """Return in one sentence that only the numbers of a node are known."""
    node = view.op
    if not node.library:
        return f"{whose(node)} forward() and backward()"
    if view.debugger.state.results(view.node):
        return f"{type(node).__name__} has several results, each a node: it sends what comes to all"
    return f"{whose(node)}: what it computes and sends is known, not how{_refusal(view)}"


def _refusal(view: NodeView) -> str:
    if not isinstance(view.op, Composed):
        return ""
    reason = view.op.refusal(*(x.shape for x in view.inputs))
    return f" ({reason})" if reason else ""
