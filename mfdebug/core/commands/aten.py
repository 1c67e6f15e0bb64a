"""`aten`: the ops of PyTorch's own that a row of a PyTorch program runs."""

from __future__ import annotations

from mfdebug.core.commands.arguments import chosen_node
from mfdebug.core.explain.library_ops import library_ops
from mfdebug.core.session.reply import Reply, reply_of
from mfdebug.core.session.session import Session


def run_aten(session: Session, text: str) -> Reply:
    node = chosen_node(session, text, "the ATen ops of which node?", "aten NODE")
    parts, data = library_ops(session.debugger, node)
    return reply_of(*parts, data=data)
