"""`branch` computes on from a recorded pass, where numbers can be changed, and returns."""

from __future__ import annotations

from mfdebug.core.commands.command import Command
from mfdebug.core.commands.status import status
from mfdebug.core.session.reply import Reply
from mfdebug.core.session.session import Session
from mfdebug.core.timeline.debugger import DebuggerError

_USAGE = "branch [off]"


def _branch(session: Session, text: str) -> Reply:
    if text not in ("", "off"):
        raise DebuggerError(f"{text[:40]!r} is not understood", hint=f"usage: {_USAGE}")
    trunk = session.debugger.trunk
    if trunk is None and text == "off":
        raise DebuggerError("this is no branch", where="branch")
    if trunk is None:
        step = session.debugger.sgd_step
        target = session.debugger.branched()
        words = (
            f"a branch from SGD step {step}, computed by the rules of miniflow and updated by "
            "plain SGD: `set` and `scale` change it, later steps have the same data; `branch` "
            "returns to the run"
        )
    else:
        target, words = trunk, "back in the run"
    session.use(target)
    return Reply(f"{words}\n{status(target)}", {"branch": trunk is None})


BRANCHING = [
    Command(
        "branch",
        _USAGE,
        "continue from a recorded pass with computed numbers, which can be changed; or return",
        _branch,
        (),
        "The graph, the inputs and the moment are those of the pass. Nothing runs in the program.",
        shows="line",
    ),
]
