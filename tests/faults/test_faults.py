"""External faults: nothing is lost, every fault is reported, and the debugger continues."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.faults.killed import kill_often, kill_runs
from tests.support import warm_start
from tests.support.paths import ROOT
from tests.support.permissions import ordinary
from tests.support.pty_app import PtyApp
from tests.support.sizes import pick

COMMAND = [sys.executable, "-m", "mfdebug"]
GRAPHS = ROOT / "graphs"
# What Linux calls them, in <linux/prctl.h> and <linux/capability.h>.

Prepare = Callable[[], None]


def batch(
    graph: Path | str, *lines: str, state: Path, prepare: Prepare | None = None
) -> subprocess.CompletedProcess[str]:
    """Run commands without a screen; `prepare` runs in the child before it begins."""
    options = [part for line in lines for part in ("-c", line)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "XDG_STATE_HOME": str(state)}
    first = {} if prepare is None else {"preexec_fn": prepare}
    command = [*COMMAND, str(graph), "--batch", *options]
    return warm_start.run(command, text=True, env=environment, cwd=state, **first)


def refused(done: subprocess.CompletedProcess[str], *words: str) -> None:
    """Check that it ended with a sentence that has these words, and with no traceback."""
    said = done.stdout + done.stderr
    assert done.returncode in (1, 2), said
    assert "Traceback" not in said
    for word in words:
        assert word in said, said


def test_killed_at_any_moment_nothing_is_half_written() -> None:
    assert "all files whole" in kill_often(pick(12, 3))[0]


@pytest.mark.slow
def test_a_killed_recording_has_all_that_was_flushed() -> None:
    assert "passes there" in kill_runs(pick(10, 3))[0]


def full_disk() -> None:
    """Let no file of this process become longer than 1 KiB."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (1024, 1024))
    # Otherwise the signal that comes with it ends the process.
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)


@pytest.mark.parametrize("word", ["save", "record", "transcript"])
def test_a_disk_that_is_full_leaves_the_old_file(tmp_path: Path, word: str) -> None:
    command, old = f"{word} saved.json", tmp_path / "saved.json"
    # A transcript is added to, and a record is written over sessions alone.
    if word == "save":
        old.write_text("the old one")
    before = old.read_text() if old.exists() else None
    lines = [command, *(f"set lr = 0.{i}" for i in range(1, 90)), "sgd", "print cost"]
    done = batch("digits", *lines, state=tmp_path, prepare=full_disk)
    assert "Traceback" not in done.stdout + done.stderr
    if before is not None:
        refused(done, "cannot be written", "File too large")
        assert old.read_text() == before
        assert [path.name for path in tmp_path.glob(".*")] == []
    # It went on after the command that failed.
    assert "cost = " in done.stdout


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """Return a folder on a file system of 64 KiB."""
    folder = tmp_path / "tiny"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k,mode=0777", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("needs the right to mount a file system: run the tests as root")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.slow
def test_a_file_system_without_room(tiny_disk: Path, tmp_path: Path) -> None:
    refused(
        batch("digits", f"save {tiny_disk}/big.json", "print cost", state=tmp_path),
        "No space left on device",
    )
    assert list(tiny_disk.iterdir()) == []
    filled = tiny_disk / "filler"
    filled.write_bytes(bytes(60 * 1024))
    app_state = {"XDG_STATE_HOME": str(tiny_disk)}
    with PtyApp([*COMMAND, "xor"], env=app_state) as app:
        app.wait_for("press s to begin")
        filled.write_bytes(bytes(64 * 1024))
        # One key: the next would take the words away that say so.
        app.press("s")
        app.wait_for("cannot save this session")
        app.press(*"ss")
        app.wait_for("moment 3")
        filled.unlink()
        app.press("s")
        app.send(b"q")
        assert app.wait() == 0
        assert app.not_restored() == []
    assert list((tiny_disk / "mfdebug" / "sessions").glob("*.session"))


@pytest.fixture
def locked(tmp_path: Path) -> Iterator[Path]:
    """Return a folder in which nothing may be written."""
    folder = tmp_path / "locked"
    folder.mkdir()
    folder.chmod(0o555)
    yield folder
    folder.chmod(0o755)


def test_folders_that_may_not_be_written(locked: Path) -> None:
    lines = ["save here.json", "record here.script", "sgd", "print cost"]
    done = batch("xor", *lines, state=locked, prepare=ordinary)
    refused(
        done,
        "cannot be written: Permission denied",
        "here.script: cannot be written: Permission denied",
    )
    assert "cost = " in done.stdout
    assert list(locked.iterdir()) == []


@pytest.mark.slow
def test_a_session_that_cannot_be_kept_is_told_and_the_app_goes_on(locked: Path) -> None:
    starter = "import os, sys; from tests.support.permissions import ordinary; ordinary(); "
    starter += f"os.execv(sys.executable, {[*COMMAND, 'xor']!r})"
    state = {"XDG_STATE_HOME": str(locked)}
    with PtyApp([sys.executable, "-c", starter], env=state) as app:
        app.wait_for("press s to begin")
        app.press(*"ss")
        app.wait_for("cannot save this session: [Errno 13] Permission denied")
        app.press("s")
        app.wait_for("moment 3")
        app.send(b"q")
        assert app.wait() == 0
        assert app.not_restored() == []


def test_a_graph_that_may_not_be_read(tmp_path: Path) -> None:
    secret = tmp_path / "secret.json"
    shutil.copy(GRAPHS / "wx.json", secret)
    secret.chmod(0)
    done = batch(secret, "step", state=tmp_path, prepare=ordinary)
    refused(done, "secret.json: Permission denied")


@pytest.mark.slow
@pytest.mark.parametrize("what", ["replaced", "cut", "removed"])
def test_a_graph_file_that_changes_while_it_is_open(tmp_path: Path, what: str) -> None:
    graph = tmp_path / "mine.json"
    shutil.copy(GRAPHS / "wx.json", graph)
    environment: dict[str, str | None] = {"XDG_STATE_HOME": str(tmp_path / "state")}
    with PtyApp([*COMMAND, graph], env=environment, cwd=tmp_path) as app:
        app.wait_for("press s to begin")
        app.press(*"ss")
        if what == "replaced":
            form = json.loads(graph.read_text())
            form["nodes"][0]["value"] = 7.5
            graph.write_text(json.dumps(form))
        elif what == "cut":
            graph.write_bytes(graph.read_bytes()[:100])
        else:
            graph.unlink()
        app.press(*"sSst")
        app.press(*":save again.json", "enter")
        app.press(*"ttt")
        assert "SGD step 3" in app.text
        assert (tmp_path / "again.json").exists()
        app.send(b"q")
        assert app.wait() == 0
        assert app.not_restored() == []
    told = {"replaced": "has changed since", "cut": "mine.json", "removed": "no such file"}
    with PtyApp([*COMMAND, "--resume"], env=environment, cwd=tmp_path) as app:
        app.settle(first=10, idle=0.5)
        assert told[what] in app.text.replace("\n", " "), app.text
        assert "Traceback" not in app.text


@pytest.mark.slow
def test_two_on_one_graph_go_their_own_ways(tmp_path: Path) -> None:
    environment: dict[str, str | None] = {"XDG_STATE_HOME": str(tmp_path)}
    with (
        PtyApp([*COMMAND, "xor"], env=environment) as one,
        PtyApp([*COMMAND, "xor"], env=environment) as two,
    ):
        for app in (one, two):
            app.wait_for("press s to begin")
        one.press(*"sss")
        two.press(*"ttttt")
        one.press(*"ss")
        two.press("s")
        assert "moment 5" in one.text
        assert "SGD step 5" in two.text
        for app in (one, two):
            app.send(b"q")
            assert app.wait() == 0
            assert app.not_restored() == []
    kept = sorted(path.suffix for path in (tmp_path / "mfdebug" / "sessions").iterdir())
    assert kept == [".previous", ".session"]
