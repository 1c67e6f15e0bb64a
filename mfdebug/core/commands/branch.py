"""`branch` computes on from a recorded pass, where numbers can be changed, and returns."""

from __future__ import annotations

from mfdebug.core.commands.rows.change import BRANCH
from mfdebug.core.commands.status import status
from mfdebug.core.session.reply import Reply
from mfdebug.core.session.session import Session
from mfdebug.core.timeline.debugger import DebuggerError


def run_branch(session: Session, text: str) -> Reply:
    if text not in ("", "off"):
        raise DebuggerError(f"{text[:40]!r} is not understood", hint=f"usage: {BRANCH}")
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
