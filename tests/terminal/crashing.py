"""The real app with something broken in it, for what it says and leaves behind when it ends.

    python -m tests.terminal.crashing WHERE GRAPH

WHERE is `widget` (a panel raises at moment 4), `mount` (at the start), `key` (a key's own handler),
`thread` (a command that runs in the background), or `input` (what reads the terminal, at `l`).
"""

from __future__ import annotations

import sys
import time
from typing import Any, NoReturn

from mfdebug.cli.main import main
from mfdebug.core.commands.status import status
from mfdebug.core.session.session import Session
from mfdebug.tui.screens.debug import DebugScreen
from mfdebug.tui.terminal.escapes import EscapeParser
from mfdebug.tui.widgets.node_panel import NodePanel


def fail(*_: Any) -> NoReturn:
    raise ZeroDivisionError("a panel fell off the wall")


def break_it(where: str) -> None:
    if where == "widget":
        whole = NodePanel.show

        def show(self: NodePanel) -> None:
            if self.debugger.moment == 4:
                fail()
            whole(self)

        NodePanel.show = show  # type: ignore[method-assign]
    elif where == "mount":
        DebugScreen.follow = fail  # type: ignore[method-assign]
    elif where == "key":
        DebugScreen.action_log = fail  # type: ignore[method-assign]
    elif where == "thread":
        run = Session.run

        def run_long(self: Session, line: str) -> Any:
            if line.startswith("sgd"):
                run(self, "step 4")
                # Long enough to go on in the background.
                time.sleep(0.6)
                fail(status(self.debugger))
            return run(self, line)

        Session.run = run_long  # type: ignore[method-assign]
    elif where == "input":
        feed = EscapeParser.feed

        def feed_until(self: EscapeParser, data: str) -> Any:
            return fail() if data == "l" else feed(self, data)

        EscapeParser.feed = feed_until  # type: ignore[method-assign]


if __name__ == "__main__":
    break_it(sys.argv[1])
    sys.exit(main(sys.argv[2:]))
