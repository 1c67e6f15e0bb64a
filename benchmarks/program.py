"""The overhead of recording a program, and of running it under mfdebug without a stop.

    python benchmarks/program.py

The lesson's last program, 36,000 passes of 13-10-1 with batches of 11, and a medium network,
784-256-128-10 with batches of 64: alone, then `mfdebug record`, then `mfdebug --batch -c continue`.
Whole processes, including start and end; all must print the same. Then the time from requesting a
pass of a paused program to its numbers, and the time to the first screen.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import perf_counter, sleep

from harness import ROOT, Contestant, measure, one_thread, options, show, table

from mfdebug.running.launcher import Program
from mfdebug.running.live_run import LiveRun
from mfdebug.running.runnable import Runnable
from tests.support.pty_app import PtyApp

ROUNDS = 5
EPOCHS, PASSES = 9_000, 4 * 9_000
SOURCE = ROOT / "tests" / "programs" / "housing.py"
MIDDLE_PASSES = 1_500
WAITS = 100
# Seconds between two requested passes: a user who presses a key again.
PAUSE = 0.05
SCREENS = 10
MIDDLE = """
import numpy as np
from miniflow import *

rng = np.random.default_rng(0)
X, y, W1, b1, W2, b2, W3, b3 = [Input() for _ in range(8)]
cost = MSE(y, Linear(Sigmoid(Linear(Sigmoid(Linear(X, W1, b1)), W2, b2)), W3, b3))
A, B = rng.normal(size=(512, 784)), rng.normal(size=(512, 10))
graph = topological_sort({
    X: A[:64], y: B[:64], b1: np.zeros(256), b2: np.zeros(128), b3: np.zeros(10),
    W1: rng.normal(size=(784, 256)) / 28, W2: rng.normal(size=(256, 128)) / 16,
    W3: rng.normal(size=(128, 10)) / 11,
})
for step in range(PASSES):
    first = step % 8 * 64
    X.value, y.value = A[first : first + 64], B[first : first + 64]
    forward_and_backward(graph)
    sgd_update([W1, b1, W2, b2, W3, b3], 0.01)
print(float(cost.value))
"""


def make(folder: Path, text: str) -> list[Contestant]:
    """Return the three ways, once all have printed the same."""
    program = folder / "program.py"
    program.write_text(text, encoding="utf-8")
    alone = [sys.executable, str(program)]
    mfdebug = [sys.executable, "-m", "mfdebug"]
    recorded = [*mfdebug, "record", str(program), "-o", str(folder / "run.mfrun")]
    debugged = [*mfdebug, str(program), "--batch", "-c", "continue"]
    printed = _done(alone)
    assert printed
    for command in (recorded, debugged):
        assert _done(command).startswith(printed), f"it prints something else: {command}"
    return [
        Contestant("alone", _runner(alone)),
        Contestant("**mfdebug record**", _runner(recorded)),
        Contestant("**mfdebug --batch -c continue**", _runner(debugged)),
    ]


def _done(command: list[str]) -> str:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return done.stdout


def _runner(command: list[str]) -> Callable[[int], object]:
    def run(times: int) -> None:
        for _ in range(times):
            _done(command)

    return run


def run(rounds: int) -> list[str]:
    """Measure and return the lines of Markdown."""
    small = SOURCE.read_text(encoding="utf-8").replace("epochs = 3\n", f"epochs = {EPOCHS}\n")
    middle = MIDDLE.replace("PASSES", str(MIDDLE_PASSES))
    lines = ["## A program recorded, and under mfdebug", ""]
    for title, text, passes in (
        ("the lesson's last program, 13-10-1", small, PASSES),
        ("784-256-128-10", middle, MIDDLE_PASSES),
    ):
        with tempfile.TemporaryDirectory() as folder:
            results = measure(lambda: make(Path(folder), text), rounds)  # noqa: B023 - run at once
        lines += [f"{title}, {passes:,} passes, whole processes", ""]
        lines += [*table(results, "pass", per=passes), ""]
    return lines


def waiting() -> list[str]:
    """Measure the time to the first pass and to each later one; return lines of Markdown."""
    lines = [
        "The time from requesting a pass to its numbers, with a request every",
        f"{1e3 * PAUSE:.0f} ms. The times to the first pass and to the first screen start with the",
        "program, whose own imports take the time in the second column.",
        "",
        "| program | its imports | first pass | first screen | next pass, median | 99 % | most |",
        "|---|---|---|---|---|---|---|",
    ]
    imports = min(_imported() for _ in range(5))
    small = SOURCE.read_text(encoding="utf-8").replace("epochs = 3\n", f"epochs = {EPOCHS}\n")
    for title, text in (
        ("13-10-1", small),
        ("784-256-128-10", MIDDLE.replace("PASSES", str(MIDDLE_PASSES))),
    ):
        with tempfile.TemporaryDirectory() as folder:
            program = Path(folder) / "program.py"
            program.write_text(text, encoding="utf-8")
            first, following = _waits(str(program))
            screen = median(_first_screen(program) for _ in range(SCREENS))
        worst = sorted(following)
        lines.append(
            f"| {title} | {imports:.0f} ms | {first:.0f} ms | {screen:.0f} ms "
            f"| {median(worst):.1f} ms | {worst[int(0.99 * len(worst))]:.1f} ms "
            f"| {worst[-1]:.1f} ms |"
        )
    return [*lines, ""]


def _imported() -> float:
    begun = perf_counter()
    subprocess.run([sys.executable, "-c", "import numpy, miniflow"], cwd=ROOT, check=True)
    return 1e3 * (perf_counter() - begun)


def _first_screen(program: Path) -> float:
    begun = perf_counter()
    command = [sys.executable, "-m", "mfdebug", str(program)]
    with (
        tempfile.TemporaryDirectory() as state,
        PtyApp(command, env={"XDG_STATE_HOME": state}, warm=False) as app,
    ):
        app.wait_for("press s to begin", 60, idle=False)
        return 1e3 * (perf_counter() - begun)


def _waits(program: str) -> tuple[float, list[float]]:
    begun = perf_counter()
    run = LiveRun(
        "program",
        lambda sink: Program(Runnable(program), [], sink, streams="piped", stop_at=0),
        most_bytes=2**30,
    )
    try:
        times = []
        for number in range(WAITS):
            run.run_to(number)
            assert run.numbers(number) is not None
            now = perf_counter()
            times.append(1e3 * (now - begun))
            sleep(PAUSE)
            begun = perf_counter()
        return times[0], times[1:]
    finally:
        run.close()


if __name__ == "__main__":
    one_thread()
    asked = options(__doc__ or "", ROUNDS).parse_args()
    show([*run(asked.rounds), *waiting()], markdown=asked.markdown)
