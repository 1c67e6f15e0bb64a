"""`mfdebug.debug` and `mfdebug.set_trace`, called by programs in real processes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.program.test_programs import ENVIRONMENT, PROGRAMS, ROOT, alone
from tests.terminal.pty_app import PtyApp


def traced(tmp_path: Path) -> Path:
    """The lesson's last program, with a stop before the second epoch."""
    text = (PROGRAMS / "housing.py").read_text()
    text = text.replace("graph = topo", "import mfdebug\ngraph = topo")
    text = text.replace(
        "    loss = 0\n", "    loss = 0\n    if i == 1:\n        mfdebug.set_trace()\n"
    )
    path = tmp_path / "traced.py"
    path.write_text(text)
    return path


def piped(path: Path, *lines: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, str(path)],
        input="".join(f"{line}\n" for line in lines),
        capture_output=True,
        text=True,
        env=ENVIRONMENT,
        timeout=60,
        check=True,
    )
    return done.stdout.splitlines()


def printed(lines: list[str]) -> list[str]:
    """What the program itself has printed."""
    return [line for line in lines if line.startswith(("Total", "Epoch"))]


@pytest.mark.parametrize(
    "lines",
    [
        ["quit"],
        ["step", "step 5", "back 2", "quit"],
        ["sgd", "finish", "sgd 2", "back 3", "print W1[0,0]", "quit"],
        ["continue"],
        ["break nan", "continue"],
        [],
    ],
)
def test_a_stop_in_a_program_changes_nothing_of_it(tmp_path: Path, lines: list[str]) -> None:
    assert printed(piped(traced(tmp_path), *lines)) == alone("housing")


def test_it_stops_at_the_next_pass_and_goes_on_pass_by_pass(tmp_path: Path) -> None:
    lines = piped(
        traced(tmp_path), "print X[0,0]", "next 2", "print cost", "finish", "next", "print cost"
    )
    at = lines.index("Epoch: 1, Loss: 478.225037320892")
    costs = [line for line in lines[at:] if line.startswith("cost = ")]
    assert len(costs) == 2
    assert costs[0] != costs[1]


def test_the_app_opens_in_the_program_and_again_at_its_next_pass(tmp_path: Path) -> None:
    command = [sys.executable, str(traced(tmp_path))]
    environment = {"TERM": "xterm-256color", "PYTHONPATH": str(ROOT)}
    with PtyApp(command, columns=80, rows=24, env=environment) as app:
        app.wait_for("traced")
        assert "W1  *Input   13x10" in app.text
        app.press("s")
        assert "feed" in app.text
        app.press("t")
        app.wait_for("update 4 of 4")
        app.press("q")
        app.settle(first=5)


def test_a_live_graph_opens_in_the_app(tmp_path: Path) -> None:
    path = tmp_path / "live.py"
    path.write_text(
        "import mfdebug\nfrom miniflow import *\n"
        "w, x, t = Input('w'), Input('x'), Input('t')\n"
        "cost = MSE(t, Mul(w, x, name='y'), name='cost')\n"
        "mfdebug.debug(cost, {w: 5.0, x: 10.0, t: 20.0}, trainables=[w])\n"
        "print('w is', w.value)\n"
    )
    environment = {"TERM": "xterm-256color", "PYTHONPATH": str(ROOT)}
    with PtyApp([sys.executable, str(path)], columns=80, rows=24, env=environment) as app:
        app.wait_for("press s to begin")
        app.press("t")
        assert "update of w" in app.text or "update 1 of 1" in app.text
        app.press("q")
        app.wait_for("w is 5.0")
    assert "miniflow.save(cost" in piped(path)[2]


def test_a_graph_that_cannot_run_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "unfed.py"
    path.write_text(
        "import mfdebug\nfrom miniflow import *\nfrom miniflow.errors import MiniflowError\n"
        "x = Input('x')\n"
        "try:\n    mfdebug.debug(Mul(x, x), {Mul(x, x): 1})\n"
        "except MiniflowError as error:\n    print(error)\n"
    )
    assert "is fed, but it is not an Input" in piped(path)[0]
