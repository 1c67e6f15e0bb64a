"""`aten`: the ops of PyTorch's own that a row of a PyTorch program runs."""

from __future__ import annotations

from mfdebug.core.commands.arguments import chosen_node
from mfdebug.core.commands.command import Argument, Command, Key
from mfdebug.core.explain.library_ops import library_ops
from mfdebug.core.session.reply import Reply, reply_of
from mfdebug.core.session.session import Session


def _aten(session: Session, text: str) -> Reply:
    node = chosen_node(session, text, "the ATen ops of which node?", "aten NODE")
    parts, data = library_ops(session.debugger, node)
    return reply_of(*parts, data=data)


ATEN = Command(
    "aten",
    "aten [NODE]",
    "show the ATen ops that PyTorch runs for a function",
    _aten,
    (Key("a", "aten {node}", "the ATen ops of the function under the cursor"),),
    "In a running PyTorch program: the function is run once more, apart from the program, from its "
    "recorded inputs, and its backward from what had arrived. Each op with what it took and "
    "returned, and whether the results are bit for bit the program's. Without NODE: that of the "
    "current moment.",
    shows="text",
    argument=Argument.NODE,
)
