"""Programs in the app: their passes on the screen, what they print in its pane."""

from __future__ import annotations

import os
import re
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import pytest

from mfdebug.opening.programs import open_program
from mfdebug.running.runnable import Runnable
from mfdebug.tui.screens.text import TextScreen
from tests.program.program_app import done, opened, press
from tests.program.programs import FOLDER, environment
from tests.support.app_driver import opened as opened_graph
from tests.support.pty_app import SHELL, PtyApp

# Kernels that BLAS chooses by the processor differ in the last bit.
BLAS = {key: value for key, value in os.environ.items() if key.startswith("OPENBLAS")}
ENVIRONMENT: Mapping[str, str | None] = {"PYTHONPATH": environment()["PYTHONPATH"], **BLAS}
LOOPS = (
    "from miniflow import *\nx = Input()\ny = Mul(x, x)\n"
    "forward_pass(y, topological_sort({x: 3.0}))\nprint('looping')\n"
    "while True:\n    pass\n"
)


@pytest.mark.slow
async def test_keys_step_it_and_what_it_prints_appears_in_order() -> None:
    async with opened(FOLDER / "housing.py", (120, 40)) as driver:
        assert driver.moment == 0
        for name in ("X", "W1   Input   13x10", "l1   Linear  11x10", "cost MSE"):
            assert name in driver.text
        assert "Total number of examples = 44" in driver.text
        await press(driver, "n", "n", "s")
        assert "backward 1 of 10" in driver.text
        await press(driver, "t", "t", "t", "t")
        assert "W1*  Input   13x10" in driver.text
        # The update of the last pass of an epoch is known when the next epoch has begun.
        assert "Epoch: 1, Loss: 478.225037320892" in driver.text
        assert "Epoch: 2" not in driver.text
        await press(driver, "c")
        shown = [line for line in driver.text.split("\n") if "Epoch: " in line]
        assert [line.partition("Epoch: ")[2][:1] for line in shown] == ["1", "2", "3"]
        assert "the program has ended" in driver.text
        await press(driver, "T", "T")
        assert "SGD step 10" in driver.text
        await driver.press("o")
        assert isinstance(driver.app.screen, TextScreen)
        assert "Epoch: 3, Loss: 232.91482241784405" in driver.text


@pytest.mark.slow
async def test_what_is_printed_is_shown_from_its_end_and_can_do_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "prints.py"
    text = "from miniflow import *\nx = Input()\ny = Mul(x, x)\n"
    text += "graph = topological_sort({x: 3.0})\nfor i in range(2):\n"
    text += "    forward_and_backward(graph)\n    for j in range(9000):\n"
    text += "        print('over\\rit \\x1b[31mred\\x1b[2J [bold]\\t', i, j)\n"
    path.write_text(text)
    async with opened(path) as driver:
        await press(driver, "c")
        assert re.search(r"it red \[bold\] +1 8999", driver.text)
        assert "31m" not in driver.text
        await driver.press("o")
        assert isinstance(driver.app.screen, TextScreen)
        assert re.search(r"it red \[bold\] +1 8999", driver.text)
        assert "31m" not in driver.text
        assert "over" not in driver.text


async def test_o_without_a_program_says_so() -> None:
    async with opened_graph("wx") as driver:
        await driver.press("o")
        assert "no program's output is captured here" in driver.text


@pytest.mark.slow
async def test_another_graph_gets_a_screen_of_its_own() -> None:
    async with opened(FOLDER / "two_graphs.py") as driver:
        assert "first Mul" in driver.text
        await press(driver, "n", "n", "n")
        assert "two_graphs 2" in driver.text
        assert "second MSE" in driver.text
        assert "first" not in driver.text
        await press(driver, "n", "n")
        assert driver.message == "this pass ends here; s continues"
        await press(driver, "t")
        assert "update" in driver.text
        await press(driver, "T", "S")
        assert "first Mul" in driver.text


@pytest.mark.slow
async def test_a_program_that_does_not_come_back_is_waited_for_no_more(tmp_path: Path) -> None:
    path = tmp_path / "loops.py"
    path.write_text(LOOPS)
    async with opened(path) as driver:
        await driver.press("c")
        assert "any key stops" in driver.text
        await driver.press("escape")
        await done(driver)
        assert "was not finished" in driver.text
        moment = driver.moment
        await press(driver, "S")
        assert driver.moment == moment - 1
        assert "looping" in driver.text


# In a real terminal ---------------------------------------------------------------------------


@contextmanager
def on_a_terminal(path: Path, *options: str, columns: int = 80, rows: int = 24) -> Iterator[PtyApp]:
    command = [sys.executable, "-P", "-m", "mfdebug", *options, str(path)]
    with PtyApp(command, columns=columns, rows=rows, env=ENVIRONMENT) as app:
        app.wait_for("press s to begin")
        yield app


@pytest.mark.slow
def test_a_node_that_raises_is_shown_and_time_goes_back() -> None:
    with on_a_terminal(FOLDER / "raises_in_a_node.py") as app:
        app.press("c")
        app.wait_for("[its inputs: X 2x4, W 3x1, b 1]")
        # Its own traceback, in the pane.
        assert "miniflow.errors.ShapeError: linear#4" in app.text
        assert re.search(r"X +Input +2x4", app.text)
        end = app.moment
        app.press("S")
        assert app.moment == end - 1
        assert re.search(r"X +Input +2x3", app.text)
        app.press("q")
        assert app.wait() == 1
        assert app.not_restored() == []


@pytest.mark.slow
def test_the_app_is_suspended_and_goes_on_with_its_program_until_that_is_killed(
    tmp_path: Path,
) -> None:
    path = tmp_path / "endless.py"
    text = (
        "import os\nfrom miniflow import *\nx = Input()\ny = Mul(x, x)\nprint('I', os.getpid())\n"
    )
    text += "graph = topological_sort({x: 3.0})\nwhile True:\n    forward_and_backward(graph)\n"
    path.write_text(text)
    with PtyApp(SHELL, env={"PS1": "shell> ", **ENVIRONMENT}) as shell:
        shell.wait_for("shell>")
        shell.send(f"{sys.executable} -P -m mfdebug {path}\r".encode())
        shell.wait_for("press s to begin")
        shell.press("t")
        moment = shell.moment
        shell.press("ctrl+z")
        shell.wait_for("Stopped")
        shell.send(b"fg\r")
        shell.wait_for("SGD step 0")
        assert shell.moment == moment
        shell.press("t")
        shell.wait_for("SGD step 1")
        found = re.search(r"I (\d+)", shell.text)
        assert found is not None
        os.kill(int(found[1]), signal.SIGKILL)
        shell.press("c")
        shell.wait_for("killed by SIGKILL")
        end = shell.moment
        shell.press("S")
        assert shell.moment == end - 1
        shell.press("q")
        shell.wait_for("shell>")
        shell.send(b"echo status $?\r")
        shell.wait_for("status 1")


def test_the_costs_of_a_long_run_are_known_while_it_goes_on(tmp_path: Path) -> None:
    file = tmp_path / "long.py"
    file.write_text(
        "import miniflow as mf\n"
        "x = mf.parameter(9.0, 'x')\n"
        "mf.Graph.of(x * x, optimizer=mf.SGD(0.001)).train(10**9)\n"
    )
    running = open_program(Runnable(str(file)), [], memory=2**24, streams="piped")
    debugger, known = running.session.debugger, [0]

    def progress(moment: int) -> bool:
        known.append(len(debugger.cursor.costs))
        assert known[-1] <= debugger.timeline.sgd_step(moment)
        return len(set(known)) > 3

    try:
        running.session.progress = progress
        running.session.run("sgd 1000000000")
        assert known == sorted(known)
        assert len(set(known)) > 3
        # The run was stopped: the curve ends where the cursor is.
        assert len(debugger.cursor.costs) == debugger.cursor.costs_reached
        assert all(a > b for a, b in pairwise(debugger.cursor.costs))
    finally:
        running.run.close()


@pytest.mark.slow
@pytest.mark.parametrize("columns", [80, 130])
def test_what_a_running_program_prints_stands_with_the_table(tmp_path: Path, columns: int) -> None:
    path, go = tmp_path / "endless.py", tmp_path / "go"
    path.write_text(
        "import os\nfrom miniflow import *\nw, x, t = Input(), Input(), Input()\n"
        "cost = MSE(t, Mul(w, x))\ngraph = topological_sort({w: 5.0, x: 10.0, t: 20.0})\n"
        "while True:\n    forward_and_backward(graph)\n    sgd_update([w], 1e-9)\n"
        f"    if os.path.exists({str(go)!r}):\n"
        f"        os.remove({str(go)!r})\n        print('it prints')\n"
    )
    command = [sys.executable, "-P", "-m", "mfdebug", path]
    with PtyApp(command, env=ENVIRONMENT, cwd=tmp_path, columns=columns) as app:
        app.wait_for("press s to begin")
        app.send(b"c")
        app.wait_for("the running program", idle=False)
        go.touch()
        app.wait_for("it prints", idle=False)
        assert "of the running program" in app.text
        assert "\nmul1 " in app.text
        app.send(b"s")
        app.wait_for("━ order")
        assert "it prints" in app.text
        app.press("q")
        assert app.wait() == 0


@pytest.mark.slow
def test_while_a_program_runs_its_nodes_are_a_live_table(tmp_path: Path) -> None:
    path = tmp_path / "endless.py"
    path.write_text(
        "from miniflow import *\nw, x, t = Input(), Input(), Input()\n"
        "cost = MSE(t, Mul(w, x))\ngraph = topological_sort({w: 5.0, x: 10.0, t: 20.0})\n"
        "while True:\n    forward_and_backward(graph)\n    sgd_update([w], 1e-9)\n"
    )
    command = [sys.executable, "-P", "-m", "mfdebug", path]
    with PtyApp(command, env=ENVIRONMENT, cwd=tmp_path) as app:
        app.wait_for("press s to begin")
        assert "modules" not in app.text
        app.send(b"c")
        app.wait_for("the running program", idle=False)
        app.wait_for("last gradients", idle=False)
        lines = app.text.splitlines()
        head = next(i for i, line in enumerate(lines) if "of the running program" in line)
        assert lines[head].startswith("─ nodes of")
        assert re.search(r"SGD step \d+ ∙ cost 8\d\d\.\d", lines[head])
        names = [line.split()[0] for line in lines[head + 2 : head + 5]]
        assert names == ["w", "mul1", "cost"]
        # The order and the node of the moment at which it was resumed are not shown with it.
        assert "━ order" not in app.text
        assert "─ order" not in app.text
        # A few rows a few times a second: little for a slow line.
        before = len(app.output)
        shown = set()
        while len(shown) < 4:
            app.settle(first=0.5, idle=0.05)
            shown.add(app.text.splitlines()[head])
        assert (len(app.output) - before) / len(shown) < 4000
        app.send(b"s")
        # The list has the focus again.
        app.wait_for("━ order")
        assert "of the running program" not in app.text
        app.press("q")
        assert app.wait() == 0


@pytest.mark.slow
def test_what_is_waited_for_before_the_first_pass_is_said(tmp_path: Path) -> None:
    path, go = tmp_path / "slow_start.py", tmp_path / "go"
    path.write_text(
        f"import os, time\nwhile not os.path.exists({str(go)!r}):\n    time.sleep(0.001)\n"
        "from miniflow import *\nx = Input()\nforward_and_backward(topological_sort({x: 3.0}))\n"
    )
    command = [sys.executable, "-P", "-m", "mfdebug", path]
    said = "slow_start.py runs to the end of its first pass"
    with PtyApp(command, env=ENVIRONMENT, cwd=tmp_path) as app:
        app.wait_for(f"{said}; an interrupt ends it", idle=False)
        go.touch()
        app.wait_for("press s to begin")
        assert said not in app.text
        app.press("q")
        assert app.wait() == 0
        assert said not in app.text
    go.unlink()
    with PtyApp(command, env=ENVIRONMENT, cwd=tmp_path) as app:
        app.wait_for(said, idle=False)
        app.send(b"\x03")
        assert app.wait() == -signal.SIGINT
        assert said not in app.text
        assert app.not_restored() == []


# Until `go` is there, it has run one pass only.
WAITS = """
import os, time
from miniflow import *
x, w = Input(), Input()
y = Mul(x, w)
number = 0
while True:
    forward_and_backward(topological_sort({x: 3.0, w: 2.0 - number / 100}))
    number += 1
    while not os.path.exists("go"):
        time.sleep(0.005)
"""


@pytest.mark.slow
def test_live_the_first_frame_is_the_table_of_the_first_pass(tmp_path: Path) -> None:
    (tmp_path / "waits.py").write_text(WAITS)
    command = [sys.executable, "-m", "mfdebug", "waits.py"]
    on = {**ENVIRONMENT, "MFDEBUG_LIVE": "true"}
    with PtyApp([*command, "--no-live"], env=on, cwd=tmp_path) as app:
        app.wait_for("press s to begin: the feed gives every input its value; c runs it, live")
        app.send(b"q")
        assert app.wait() == 0
    with PtyApp(command, env=on, cwd=tmp_path) as app:
        app.wait_for("nodes of the running program")
        app.wait_for("SGD step 0")
        assert re.search(r"^y +6 +1 *$", app.text, re.MULTILINE)
        assert "any key stops" in app.text
        assert "press s to begin" not in app.output.decode()
        assert "order" not in app.output.decode()
        (tmp_path / "go").touch()
        app.wait_for("SGD step 1", idle=False)
        app.send(b"x")
        app.wait_for("order")
        app.send(b"q")
        assert app.wait() == 0


async def test_a_recorder_that_fails_is_told_although_the_program_runs_on(tmp_path: Path) -> None:
    path = tmp_path / "fails.py"
    path.write_text(
        "import os, time\nfrom miniflow import *\nx = Input()\ny = Mul(x, x)\n"
        "for i in range(2):\n    forward_pass(y, topological_sort({x: float(i)}))\n"
        "os._exit.recorder.failed(ValueError('out of ink'))\n"
        "print('still here', flush=True)\ntime.sleep(600)\n"
    )
    async with opened(path, (100, 24)) as driver:
        await press(driver, "n", "n", "n", "s", "s")
        ending = "end of the run (recording stopped: ValueError: out of ink; 2 passes are kept)"
        assert ending in driver.text
        await press(driver, "S", "S")
        assert driver.moment == 2
