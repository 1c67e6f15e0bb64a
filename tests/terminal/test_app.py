"""The real app in a real terminal: what it sends, and how it leaves."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.pty_app import PtyApp
from tests.support.sizes import pick

COMMAND = [sys.executable, "-m", "mfdebug"]
IN_256_COLOURS = {"TERM": "xterm-256color", "COLORTERM": None}

Start = Callable[..., PtyApp]


@pytest.fixture
def start() -> Iterator[Start]:
    apps: list[PtyApp] = []

    def run(*arguments: str, ready: str = "press s to begin", **options: Any) -> PtyApp:
        apps.append(PtyApp([*COMMAND, *arguments], env=IN_256_COLOURS, **options))
        apps[-1].wait_for(ready)
        apps[-1].settle()
        return apps[-1]

    yield run
    for app in apps:
        app.close()


@pytest.mark.slow
@pytest.mark.parametrize(
    "graph",
    # The others go over the line of ssh.
    pick(["wx", "xor", "digits", "vanishing"], ["digits"]),
)
def test_what_goes_over_the_line_from_the_first_screen_to_the_last(
    start: Start, graph: str
) -> None:
    app = start(graph)
    assert len(app.output) <= 25_000
    # In the first SGD step the node's panel has the space of the curve too.
    steps = [len(app.press("s")) for _ in range(pick(20, 10))]
    assert statistics.median(steps) <= 1600
    app.press("t", "t")
    assert_followed(app)
    # With a curve that grows.
    steps = [len(app.press("s")) for _ in range(pick(40, 30))]
    steps += [len(app.press("S")) for _ in range(pick(10, 6))]
    steps.sort()
    assert statistics.median(steps) <= 1200
    assert steps[int(0.95 * len(steps))] <= 2048
    assert app.settle(first=1.0) == b""
    assert_played_with_little(app)
    app.send(b"999999t")
    app.wait_for("any key stops", idle=False)
    app.send(b"s")
    app.wait_for("stopped at moment")
    app.send(b"q")
    assert app.wait() == 0
    assert app.not_restored() == []


def assert_followed(app: PtyApp) -> None:
    app.resize(60, 20)
    app.wait_for("  step ")
    app.resize(200, 50)
    app.wait_for("cost by SGD step")
    app.resize(80, 24)
    app.settle(first=0.2, idle=0.2)


def assert_played_with_little(app: PtyApp) -> None:
    app.send(b":goto 2\r")
    app.wait_for(" at 2 " if " at " in app.text.split("\n")[0] else "moment 2 ")
    app.press("P", "+", "+")
    since = len(app.output)
    played = app.wait_for_moments(pick(8, 4))
    # It plays 4 moments a second, over a line of 8000 bytes a second.
    assert 200 < (len(app.output) - since) / played <= 2000


def test_a_graph_that_cannot_be_used_is_one_line_and_status_2(tmp_path: Path) -> None:
    path = tmp_path / "bad.json"
    path.write_text('{"miniflow": 1, "nodes": [{"name": "x", "op": "Lniear"}]}')
    with PtyApp([*COMMAND, str(path)], env=IN_256_COLOURS) as app:
        assert app.wait() == 2
        assert app.not_restored() == []
        # It never enters the screen.
        assert b"\x1b" not in app.output
        lines = [line for line in app.text.split("\n") if line]
    assert len(lines) <= 3
    assert "Traceback" not in app.text
    assert "did you mean 'Linear'?" in app.text.replace("\n", "")
