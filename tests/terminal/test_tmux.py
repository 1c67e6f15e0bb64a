"""Inside tmux: drawn whole, redrawn for whoever attaches, and its prefix left to it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mfdebug.config.bindings import BOUND
from tests.support.paths import ROOT
from tests.support.pty_app import PtyApp

pytestmark = pytest.mark.skipif(
    shutil.which("tmux") is None,
    reason="needs tmux: apt-get install tmux (macOS: brew install tmux)",
)
PREFIX = "ctrl+b"


class Tmux:
    """A server of its own, with a shell in its only window."""

    def __init__(self, name: str) -> None:
        self.name = name
        environment = {**os.environ, "LANG": "C.UTF-8", "PYTHONPATH": str(ROOT)}
        environment.pop("TMUX", None)
        shell = ["bash", "--norc", "--noprofile"]
        subprocess.run(
            [*self.tmux, "new-session", "-d", "-x", "80", "-y", "24", *shell],
            check=True,
            timeout=20,
            env=environment,
            cwd=ROOT,
        )

    @property
    def tmux(self) -> list[str]:
        return ["tmux", "-L", self.name, "-f", "/dev/null"]

    def run(self, *arguments: str) -> str:
        return subprocess.run(
            [*self.tmux, *arguments], capture_output=True, text=True, check=True, timeout=20
        ).stdout

    def press(self, *keys: str) -> None:
        for key in keys:
            self.run("send-keys", "-t", ":.0", key)
            time.sleep(0.05)

    def shown(self, pane: str = ":.0") -> str:
        text = self.run("capture-pane", "-p", "-t", pane)
        return "\n".join(line.rstrip() for line in text.split("\n")).rstrip("\n")

    def wait_for(self, wanted: str, *, gone: bool = False) -> str:
        end = time.monotonic() + 20
        while (wanted in self.shown()) is gone:
            assert time.monotonic() < end, f"{wanted!r}:\n{self.shown()}"
            time.sleep(0.05)
        # A frame may arrive in parts.
        before, text = "", self.shown()
        while text != before and time.monotonic() < end:
            time.sleep(0.2)
            before, text = text, self.shown()
        return text


@pytest.fixture
def tmux(tmp_path: Path) -> Iterator[Tmux]:
    server = Tmux(f"mfdebug-{os.getpid()}-{tmp_path.name}")
    try:
        server.press(f"{sys.executable} -m mfdebug xor", "Enter")
        server.wait_for("press s to begin")
        yield server
    finally:
        subprocess.run([*server.tmux, "kill-server"], check=False, capture_output=True, timeout=20)


def test_the_screen_is_the_one_of_any_terminal(tmux: Tmux) -> None:
    tmux.press("3", "t", "n", "n", "s", "s", "s")
    shown = tmux.wait_for("backward 3 of 11")
    golden = (Path(__file__).with_name("golden") / "signs.txt").read_text(encoding="utf-8")
    end = time.monotonic() + 10
    while shown != golden.rstrip("\n") and time.monotonic() < end:
        shown = tmux.shown()
    assert shown == golden.rstrip("\n")
    tmux.press("q")
    tmux.wait_for("backward", gone=True)
    # The shell has its own screen again, with nothing typed into it.
    end = time.monotonic() + 10
    while not (last := tmux.shown().split("\n")[-1]).endswith(("$", "#")):
        assert time.monotonic() < end, last
        time.sleep(0.05)


@pytest.mark.slow
def test_whoever_attaches_sees_all_of_it(tmux: Tmux) -> None:
    tmux.press("s", "s")
    before = tmux.wait_for("moment 2")
    env = {"TERM": "xterm-256color", "COLORTERM": None}
    for _ in range(2):
        with PtyApp([*tmux.tmux, "attach"], env=env, rows=25) as client:
            client.wait_for("moment 2")
            client.settle(first=1.0, idle=0.3)
            rows = client.text.split("\n")
            assert "\n".join(rows[:24]).rstrip("\n") == tmux.shown()
            client.press(PREFIX, "d")
            client.wait()
    # A client of another size was attached and detached; the size is the same again.
    tmux.run("resize-window", "-x", "80", "-y", "24")
    end = time.monotonic() + 10
    while tmux.shown() != before and time.monotonic() < end:
        time.sleep(0.05)
    assert tmux.shown() == before


@pytest.mark.slow
def test_the_prefix_is_left_to_tmux(tmux: Tmux) -> None:
    assert not [binding.id for binding in BOUND.values() if PREFIX in binding.keys]
    env = {"TERM": "xterm-256color", "COLORTERM": None}
    with PtyApp([*tmux.tmux, "attach"], env=env, columns=160, rows=41) as client:
        client.wait_for("press s to begin")
        client.press(PREFIX, "%")
        tmux.wait_for("press s to begin")
        assert len(tmux.run("list-panes").splitlines()) == 2
        # Beside another pane it has half the width, and follows.
        tmux.press("s", "s", "s")
        tmux.wait_for("3 ")
        assert max(len(line) for line in tmux.shown().split("\n")) <= 80
        client.press(PREFIX, "[", "q")
        tmux.press("S")
        tmux.wait_for("2 ")


def test_to_the_shell_and_back(tmux: Tmux) -> None:
    tmux.press("s", "s")
    before = tmux.wait_for("moment 2")
    tmux.press("C-z")
    tmux.wait_for("Stopped")
    tmux.press("echo $((40 + 2))", "Enter")
    tmux.wait_for("42")
    tmux.press("fg", "Enter")
    assert tmux.wait_for("moment 2") == before
    tmux.press("s")
    tmux.wait_for("moment 3")
