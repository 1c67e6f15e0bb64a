"""The window may be resized at any time, also during a run."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from tests.support.pty_app import PtyApp
from tests.support.sizes import pick

COMMAND = [sys.executable, "-m", "mfdebug"]
IN_256_COLOURS = {"TERM": "xterm-256color", "COLORTERM": None}
SMALL = "mfdebug needs 60 x 20 characters"

Start = Callable[..., PtyApp]


@pytest.fixture
def start() -> Iterator[Start]:
    apps: list[PtyApp] = []

    def run(
        *arguments: str,
        ready: str = "press s to begin",
        command: Sequence[str] = COMMAND,
        **options: Any,
    ) -> PtyApp:
        apps.append(PtyApp([*command, *arguments], env=IN_256_COLOURS, **options))
        apps[-1].wait_for(ready)
        return apps[-1]

    yield run
    for app in apps:
        app.close()


def assert_whole(app: PtyApp) -> None:
    """What is shown is what is shown when all of it is drawn again."""
    app.rest()
    shown = app.text
    app.press("ctrl+l")
    app.rest()
    assert app.text == shown


def leave(app: PtyApp) -> None:
    app.send(b"q")
    assert app.wait() == 0
    assert app.not_restored() == []
    assert "Traceback" not in app.output.decode()


@pytest.mark.slow
def test_a_window_of_any_size_is_followed(start: Start) -> None:
    app = start("xor")
    assert_many_sizes_between_keys_are_followed(app)
    app.press(":", *"goto 2", "enter")
    assert_too_small_is_a_sentence_until_it_grows(app)
    leave(app)


def assert_many_sizes_between_keys_are_followed(app: PtyApp) -> None:
    chance = random.Random(5)
    steps = 0
    for _ in range(pick(60, 8)):
        columns, rows = chance.randint(1, 160), chance.randint(1, 50)
        app.set_size(columns, rows)
        app.settle(first=0.05, idle=0.01)
        if chance.random() < 0.5:
            app.send(b"s")
            steps += 1
    assert steps
    app.resize(80, 24)
    app.wait_for("moment")
    assert_whole(app)
    assert SMALL not in app.text


def assert_too_small_is_a_sentence_until_it_grows(app: PtyApp) -> None:
    for columns, rows in ((59, 24), (80, 19), (30, 6), (59, 19)):
        app.resize(columns, rows)
        app.wait_for("mfdebug needs")
        assert f"{columns} x {rows}" in app.text.replace("\n", " ")
        assert "order" not in app.text
    # What cannot be seen cannot be changed.
    app.press("s", "t")
    for columns, rows in ((10, 3), (2, 2), (1, 1)):
        app.resize(columns, rows)
    app.resize(80, 24)
    app.wait_for("moment 2")
    assert_whole(app)
    app.resize(60, 20)
    app.wait_for("moment 2")
    assert_whole(app)
    app.resize(40, 10)
    app.wait_for("mfdebug needs")


SCREENS = [
    ("?", "/ find"),
    ("ctrl+p", "what do you want to do"),
    ("x", "Esc closes"),
    ("tab", "node"),
    (":", "print no"),
]


@pytest.mark.slow
def test_each_screen_comes_back_as_it_was(start: Start) -> None:
    app = start("xor")
    app.press("s", "s")
    for keys, shown in SCREENS:
        app.press(keys)
        if keys == ":":
            app.send(b"print no")
        app.wait_for(shown)
        before = app.text
        app.resize(50, 12)
        app.wait_for("mfdebug needs")
        app.resize(80, 24)
        app.wait_for(before)
        app.press("tab" if keys == "tab" else "escape")


@pytest.mark.slow
def test_a_run_goes_on_while_the_window_changes(start: Start) -> None:
    app = start("digits")
    app.send(b":sgd 100000\r")
    app.wait_for("any key stops", idle=False)
    sizes = [(60, 20), (200, 50), (59, 19), (80, 24), (10, 3), (1, 1), (120, 40), (80, 24)]
    for columns, rows in sizes:
        app.set_size(columns, rows)
        app.settle(first=0.1, idle=0.05)
    app.wait_for("any key stops", idle=False)
    app.send(b"s")
    app.wait_for("stopped at moment")
    assert_whole(app)
    leave(app)


@pytest.mark.slow
def test_drawing_does_not_disturb_a_run(start: Start) -> None:
    # Threads take turns at nearly every instruction, and a small graph appends costs all the time.
    code = "import sys; sys.setswitchinterval(1e-6); "
    code += "from mfdebug.cli.main import main; sys.exit(main())"
    app = start("xor", command=[sys.executable, "-c", code])
    app.send(b":sgd 9999999\r")
    app.wait_for("any key stops", idle=False)
    for _ in range(pick(25, 5)):
        for columns, rows in ((100, 30), (80, 24)):
            # Not waiting for the answer: as many frames as there can be.
            app.set_size(columns, rows)
            app.settle(first=0.03, idle=0.01)
    app.wait_for("any key stops", idle=False)
    app.send(b"s")
    app.wait_for("stopped at moment")
    leave(app)


def test_a_demo_follows_the_window(start: Start) -> None:
    app = start("demo", "five-to-two", ready="space starts")
    app.press("space", "space", "space")
    for columns, rows in ((120, 40), (60, 20), (50, 10), (100, 30)):
        app.resize(columns, rows)
    app.wait_for("3/22")
    assert_whole(app)
    leave(app)
