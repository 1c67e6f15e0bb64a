"""`mfdebug.debug` and `mfdebug.set_trace`, called by programs in real processes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import pytest

from tests.program.programs import FOLDER, environment
from tests.support.pty_app import PtyApp

# Kernels that BLAS chooses by the processor differ in the last bit.
BLAS = {key: value for key, value in os.environ.items() if key.startswith("OPENBLAS")}
ON_A_TERMINAL: Mapping[str, str | None] = {"PYTHONPATH": environment()["PYTHONPATH"], **BLAS}


def traced(tmp_path: Path) -> Path:
    """The lesson's last program, with a stop before the second epoch, and a question at the end."""
    text = (FOLDER / "housing.py").read_text()
    text = text.replace("graph = topo", "import mfdebug\ngraph = topo")
    text = text.replace(
        "    loss = 0\n", "    loss = 0\n    if i == 1:\n        mfdebug.set_trace()\n"
    )
    assert text.count("mfdebug.set_trace()") == 1
    path = tmp_path / "traced.py"
    path.write_text(text + "\nimport sys\nprint('said:', sys.stdin.read(), file=sys.stderr)\n")
    return path


def piped(path: Path, given: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(path)],
        input=given,
        capture_output=True,
        text=True,
        env=environment(PYTHONUNBUFFERED="1"),
        timeout=60,
        check=True,
    )


@cache
def alone() -> list[str]:
    """Return what the lesson's last program prints."""
    return printed(piped(FOLDER / "housing.py").stdout)


def printed(stdout: str) -> list[str]:
    """Return what the program itself has printed."""
    return [line for line in stdout.splitlines() if line.startswith(("Total", "Epoch"))]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("given", "left"),
    [
        ("quit\nfor the program\n", "for the program\n"),
        ("step 5\nback 2\nfinish\nsgd 2\nprint W1[0,0]\nquit\nthis\nand that", "this\nand that"),
        ("break nan\ncontinue\n", ""),
    ],
)
def test_a_stop_in_a_program_changes_nothing_of_it(tmp_path: Path, given: str, left: str) -> None:
    done = piped(traced(tmp_path), given)
    assert printed(done.stdout) == alone()
    assert done.stderr == f"said: {left}\n"


@pytest.mark.slow
def test_it_stops_at_the_next_pass_and_goes_on_pass_by_pass(tmp_path: Path) -> None:
    given = "print X[0,0]\nnext 2\nprint cost\nfinish\nnext\nprint cost\n"
    lines = piped(traced(tmp_path), given).stdout.splitlines()
    at = lines.index("Epoch: 1, Loss: 478.225037320892")
    costs = [line for line in lines[at:] if line.startswith("cost = ")]
    assert len(costs) == 2
    assert costs[0] != costs[1]


@pytest.mark.slow
def test_the_app_opens_in_the_program_which_goes_on_alone_when_it_is_left(tmp_path: Path) -> None:
    with PtyApp([sys.executable, str(traced(tmp_path))], env=ON_A_TERMINAL, cwd=tmp_path) as app:
        app.wait_for("traced")
        app.wait_for("W1")
        app.press("s")
        assert "feed" in app.text
        app.press("t")
        app.wait_for("update 4 of 4")
        app.press("q")
        app.wait_for("Epoch: 3")
        # Ctrl+C is the program's again, which reads its standard input.
        app.press("ctrl+c")
        app.wait()
        assert "KeyboardInterrupt" in app.text
        since = app.output.rindex(b"\x1b[?1049l")
        assert b"Epoch: 2, Loss" in app.output[since:]
        assert app.not_restored() == []


@pytest.mark.slow
def test_what_a_program_prints_that_runs_on_while_the_app_is_left_is_not_lost(
    tmp_path: Path,
) -> None:
    path, go = tmp_path / "runs_on.py", tmp_path / "go"
    path.write_text(
        "import os, time, mfdebug\nfrom miniflow import *\nx = Input()\ny = Mul(x, x)\n"
        "graph = topological_sort({x: 3.0})\nmfdebug.set_trace()\nforward_and_backward(graph)\n"
        f"print('it waits')\nwhile not os.path.exists({str(go)!r}):\n    time.sleep(0.001)\n"
        "for i in range(1500):\n    print('after', i)\n"
        "forward_and_backward(graph)\nprint('its end')\n"
    )
    with PtyApp([sys.executable, str(path)], env=ON_A_TERMINAL, cwd=tmp_path) as app:
        app.wait_for("press s to begin")
        app.press("c")
        app.wait_for("it waits")
        app.press("q")
        app.wait_for_bytes(b"\x1b[?1049l")
        since = app.output.rindex(b"\x1b[?1049l")
        go.touch()
        assert app.wait() == 0
        left = app.output[since:].decode().splitlines()
        wanted = [f"after {i}" for i in range(1500)]
        assert [line for line in left if line.startswith("after")] == wanted
        assert left[-1] == "its end"
        assert app.not_restored() == []


@pytest.mark.slow
def test_what_goes_elsewhere_goes_there_while_the_app_is_open(tmp_path: Path) -> None:
    path, file = traced(tmp_path), tmp_path / "out"
    command = ["bash", "-c", f"{sys.executable} -u {path} > {file}"]
    with PtyApp(command, env=ON_A_TERMINAL, cwd=tmp_path) as app:
        app.wait_for("W1")
        assert "Epoch: 1" in file.read_text()
        app.press("t", "q")
        while "Epoch: 3" not in file.read_text():
            app.settle(first=0.1)
        app.press("ctrl+d")
        assert app.wait() == 0
        assert app.not_restored() == []
    assert printed(file.read_text()) == alone()


@pytest.mark.slow
def test_a_live_graph_opens_in_the_app(tmp_path: Path) -> None:
    path = tmp_path / "live.py"
    path.write_text(
        "import mfdebug\nfrom miniflow import *\n"
        "w, x, t = Input(), Input(), Input()\n"
        "cost = MSE(t, Mul(w, x))\n"
        "mfdebug.debug(cost, {w: 5.0, x: 10.0, t: 20.0}, trainables=[w])\n"
        "print('w is', w.value, 'and called', w.name)\n"
    )
    with PtyApp([sys.executable, str(path)], env=ON_A_TERMINAL, cwd=tmp_path) as app:
        app.wait_for("press s to begin")
        app.press("t")
        assert "update of w" in app.text or "update 1 of 1" in app.text
        app.press("q")
        app.wait_for("w is 5.0 and called None")
        assert app.wait() == 0
        assert app.not_restored() == []
    assert "miniflow.save(cost" in piped(path).stdout


def test_a_graph_that_cannot_run_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "unfed.py"
    path.write_text(
        "import mfdebug\nfrom miniflow import *\nfrom miniflow.errors import MiniflowError\n"
        "x = Input('x')\n"
        "try:\n    mfdebug.debug(Mul(x, x), {Mul(x, x): 1})\n"
        "except MiniflowError as error:\n    print(error)\n"
    )
    assert "is fed, but it is not an Input" in piped(path).stdout


def test_a_notebook_is_told_what_to_do_instead(tmp_path: Path) -> None:
    path = tmp_path / "notebook.py"
    path.write_text(
        # What tells a kernel from other programs: its package, and the socket of its output.
        "import sys, types, mfdebug\nsys.modules['ipykernel'] = types.ModuleType('ipykernel')\n"
        "class Out:\n    pub_thread, flush = None, sys.stdout.flush\n"
        "    def write(self, text): sys.__stdout__.write(text)\n"
        "sys.stdout = Out()\nmfdebug.set_trace()\nprint('it goes on')\n"
    )
    said = piped(path).stdout
    assert "mfdebug needs a terminal, and a notebook has none" in said
    assert 'mfdebug.watching("run.mfrun")' in said
    assert said.endswith("it goes on\n")
