"""The real app in a real terminal: what it sends, and how it leaves."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.terminal.pty_app import PtyApp

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


@pytest.mark.parametrize("graph", ["wx", "xor", "digits", "vanishing"])
def test_what_steps_send_over_the_line(start: Start, graph: str) -> None:
    app = start(graph)
    steps = [len(app.press("s")) for _ in range(40)]
    steps += [len(app.press("S")) for _ in range(10)]
    app.press("t")
    # With a curve that grows.
    steps += [len(app.press("s")) for _ in range(20)]
    steps.sort()
    assert statistics.median(steps) <= 1200
    assert steps[int(0.95 * len(steps))] <= 2048
    assert app.settle(first=1.0) == b""


def test_playing_sends_little_over_the_line(start: Start) -> None:
    app = start("vanishing")
    app.press("t", "P", "+", "+")
    since = len(app.output)
    played = app.wait_for_moments(8)
    # It plays 4 moments a second, over a line of 8000 bytes a second.
    assert 200 < (len(app.output) - since) / played <= 2000


def test_the_first_screen_is_small(start: Start) -> None:
    app = start("xor")
    assert len(app.output) <= 25_000


def test_a_run_of_many_steps_ends_at_a_key(start: Start) -> None:
    app = start("digits")
    app.send(b"999999t")
    app.wait_for("any key stops", idle=False)
    app.send(b"s")
    app.wait_for("stopped at moment")


def test_q_leaves_a_clean_terminal(start: Start) -> None:
    app = start("xor")
    app.press("s", "s")
    app.send(b"q")
    assert app.wait() == 0
    assert app.not_restored() == []


def test_a_resize_is_followed(start: Start) -> None:
    app = start("xor")
    app.press("t")
    app.resize(60, 20)
    app.wait_for("step 0 update")
    app.resize(200, 50)
    app.wait_for("SGD step 0")
    assert "cost by SGD step" in app.text


def test_a_graph_that_cannot_be_used_is_one_line_and_status_2(tmp_path: Path) -> None:
    path = tmp_path / "bad.json"
    path.write_text('{"miniflow": 1, "nodes": [{"name": "x", "op": "Lniear"}]}')
    with PtyApp([*COMMAND, str(path)], env=IN_256_COLOURS) as app:
        assert app.wait() == 2
        lines = [line for line in app.text.split("\n") if line]
    assert len(lines) <= 3
    assert "Traceback" not in app.text
    assert "did you mean 'Linear'?" in app.text.replace("\n", "")


def test_a_dumb_terminal_gets_the_plain_mode() -> None:
    with PtyApp([*COMMAND, "wx"], env={"TERM": "dumb"}) as app:
        app.wait_for("(mfdebug)")
        app.send(b"sgd\n")
        app.wait_for("w = 5 - 0.001 × 600 = 4.4")
        app.send(b"quit\n")
        assert app.wait() == 0
