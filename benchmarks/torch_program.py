"""The overhead of recording a PyTorch program, with TorchLens and nansense beside it.

    python benchmarks/torch_program.py

Each way is a process of its own that trains the same model, and they take turns: a first part is
not counted, in which mfdebug keeps every pass. Then the time from requesting a pass of a paused
program to its numbers, from the first pass to its rows on the screen, until the table of a running
program's modules is there and is drawn again, and what a run file takes.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from statistics import median, quantiles
from time import monotonic, perf_counter, sleep

from harness import ROOT, options, show

from mfdebug.running.launcher import Program
from mfdebug.running.live_run import LiveRun
from mfdebug.running.runnable import Runnable
from tests.support.pty_app import PtyApp

ROUNDS = 9
TRAINER = ROOT / "benchmarks" / "torch_trainer.py"
MODELS = {
    "mlp": "MLP, 64-64-10",
    "lenet": "LeNet",
    "gpt": "GPT, 3 blocks of 48",
    "gpt-3m": "GPT, 4 blocks of 256, 3.2 M parameters",
}
# Seconds before anything is counted, and about how long a turn of the program alone lasts.
WARM_SECONDS, TURN_SECONDS = 3.0, 0.3
PEERS = ("torchlens", "nansense")
WAITS, PAUSE, SCREENS = 20, 0.5, 3
# Tables of a running program that are timed, and what stands above them.
TABLES, TITLE = 10, "of the running program"


class Way:
    """A program that trains in turns."""

    def __init__(self, name: str, command: list[str], file: Path | None = None) -> None:
        self.name = name
        self.file = file
        self.turns: list[tuple[float, float]] = []
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
        self._said = tempfile.TemporaryFile("w+")  # noqa: SIM115 - as long as the program
        self._process = subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            text=True,
        )
        if self._line() != "ready":
            raise RuntimeError(self.problem())

    def _line(self) -> str:
        assert self._process.stdout is not None
        line = ""
        while not (line == "ready" or line[:1].isdigit()):
            # A peer may print something of its own.
            line = self._process.stdout.readline()
            if not line:
                raise RuntimeError(self.problem())
            line = line.strip()
        return line

    def problem(self) -> str:
        """Return the last line that the program has said."""
        self._process.kill()
        self._said.seek(0)
        lines = self._said.read().strip().splitlines()
        return (lines or ["it has ended"])[-1][:100]

    def turn(self, steps: int) -> tuple[float, float]:
        """Train; return wall and processor seconds."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{steps}\n")
        self._process.stdin.flush()
        wall, processor = map(float, self._line().split())
        return wall, processor

    def end(self) -> int:
        """End the program; return the kilobytes that it has taken at most."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        taken = int(self._line())
        self._process.wait()
        return taken


def ways(model: str, folder: Path) -> list[Way]:
    """Return all ways that run here; the program alone is the first."""
    trainer, recorded = [str(TRAINER)], [sys.executable, "-m", "mfdebug", "record"]
    found = [Way("alone", [sys.executable, *trainer, model])]
    for name, flags in (("mfdebug record", []), ("mfdebug record --costs", ["--costs"])):
        file = folder / f"{len(found)}.mfrun"
        command = [*recorded, *flags, "-o", str(file), *trainer, "--", model]
        found.append(Way(f"**{name}**", command, file))
    for peer in PEERS:
        if find_spec(peer) is None:
            print(f"skipped: {peer} (not installed)", file=sys.stderr)
            continue
        try:
            found.append(Way(peer, [sys.executable, *trainer, model, peer]))
        except RuntimeError as error:
            print(f"skipped: {peer} ({error})", file=sys.stderr)
    return found


def compared(model: str, rounds: int) -> list[str]:
    """Train a model in all ways, and return rows of Markdown."""
    with tempfile.TemporaryDirectory() as folder:
        found = ways(model, Path(folder))
        alone = found[0]
        steps = max(1, round(5 * TURN_SECONDS / alone.turn(5)[0]))
        counts = {}
        for way in found:
            wall, turned = 0.0, 1
            while wall < WARM_SECONDS:
                taken, _ = way.turn(turned)
                wall += taken
                turned = steps if taken < TURN_SECONDS / 4 else turned
            # A peer that takes a hundred times as long does fewer steps.
            counts[way.name] = max(1, min(steps, round(turned * 4 * TURN_SECONDS / taken)))
        for _ in range(rounds):
            for way in found:
                count = counts[way.name]
                wall, processor = way.turn(count)
                way.turns.append((wall / count, processor / count))
        rows = []
        for way in found:
            pairs = list(zip(way.turns, alone.turns, strict=True))
            wall, processor = (_ratios([mine[i] / base[i] for mine, base in pairs]) for i in (0, 1))
            milliseconds = 1e3 * median(turn[1] for turn in way.turns)
            memory = way.end()
            if way is alone:
                least = memory
            size = f"{way.file.stat().st_size / 2**20:,.0f} MiB" if way.file else ""
            rows.append(
                f"| {MODELS[model]} | {way.name} | {wall} | {processor} "
                f"| {milliseconds:.2f} ms | {memory / least:.2f} | {size} |"
            )
    return rows


def _ratios(found: list[float]) -> str:
    """Return the median and the quartiles of ratios as two cells of a row."""
    low, middle, high = quantiles(found, n=4, method="inclusive")
    return f"{middle:.2f} | {low:.2f}-{high:.2f}"


def run(rounds: int, models: list[str]) -> list[str]:
    """Measure and return the lines of Markdown."""
    lines = [
        "## A PyTorch program recorded",
        "",
        f"One thread; processes that train in turns, in {rounds} rounds. *time* and *processor*",
        "are medians of the ratios to the program alone in the same round, with their quartiles,",
        f"after the first {WARM_SECONDS:.0f} s; *a step* is processor time, *memory* the most that",
        "the program has taken, and *file* the run file. TorchLens logs all values and gradients",
        "of each step, nansense leaves a snapshot of each: both need a changed program.",
        "",
        "| model | | time | quartiles | processor | quartiles | a step | memory | file |",
        "|:--|:--|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for model in models:
        lines += compared(model, rounds)
    return [*lines, "", *waiting()]


def waiting() -> list[str]:
    """Measure how long a user waits, and return lines of Markdown."""
    lines = [
        f"The time from requesting a pass of a paused program to its numbers, {PAUSE:g} s after",
        "the one before; from the start of the first backward to the rows on the screen; and, once",
        "the program runs on, from the key to the table of its modules, and from one table to the",
        "next, as they are drawn.",
        "",
        "| model | next pass, median | most | first rows | table | next table, median | most |",
        "|:--|--:|--:|--:|--:|--:|--:|",
    ]
    for model in ("mlp", "gpt-3m"):
        times = _waits(model)
        screens = [_screens(model) for _ in range(SCREENS)]
        first, table = (median(screen[i] for screen in screens) for i in (0, 1))
        periods = [period for screen in screens for period in screen[2]]
        cells = [median(times), max(times), first, table, median(periods), max(periods)]
        lines.append(f"| {MODELS[model]} | {' | '.join(f'{cell:.0f} ms' for cell in cells)} |")
    return [*lines, ""]


def _program(folder: Path, model: str) -> Path:
    """Write a program that trains by itself."""
    text = TRAINER.read_text(encoding="utf-8")
    file = folder / "train.py"
    text = text.replace("for line in sys.stdin:", 'for line in ["9999"]:')
    text = text.replace(
        'main(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "")', f'main("{model}", "")'
    )
    file.write_text(text, encoding="utf-8")
    return file


def _waits(model: str) -> list[float]:
    with tempfile.TemporaryDirectory() as folder:
        program = str(_program(Path(folder), model))
        run = LiveRun(
            "program",
            lambda sink: Program(Runnable(program), [], sink, streams="piped", stop_at=0),
            most_bytes=2**30,
        )
        try:
            times = []
            for number in range(WAITS + 1):
                begun = perf_counter()
                run.run_to(number)
                assert run.numbers(number) is not None
                times.append(1e3 * (perf_counter() - begun))
                sleep(PAUSE)
            return times[1:]
        finally:
            run.close()


def _screens(model: str) -> tuple[float, float, list[float]]:
    """Return the milliseconds to the first rows, to the live table, and from one to the next."""
    with tempfile.TemporaryDirectory() as folder:
        program, stamp = _program(Path(folder), model), Path(folder) / "stamp"
        command = [sys.executable, "-m", "mfdebug", str(program)]
        environment = {"XDG_STATE_HOME": folder, "STAMP": str(stamp), "OMP_NUM_THREADS": "1"}
        with PtyApp(command, env=environment, warm=False) as app:
            app.wait_for("press s to begin", 120, idle=False)
            first = 1e3 * (monotonic() - float(stamp.read_text()))
            app.settle()
            app.send(b"c")
            drawn = [monotonic()]
            title = ""
            while len(drawn) < TABLES + 2:
                app.settle(first=10, idle=0)
                now = next((row for row in app.text.splitlines() if TITLE in row), "")
                if now != title:
                    title = now
                    drawn.append(monotonic())
            times = [1e3 * (after - before) for before, after in pairwise(drawn)]
            return first, times[0], times[1:]


if __name__ == "__main__":
    parser = options(__doc__ or "", ROUNDS)
    parser.add_argument("--model", action="append", choices=list(MODELS), help="one of them only")
    asked = parser.parse_args()
    if find_spec("torch") is None:
        raise SystemExit("skipped: PyTorch is not installed")
    show(run(asked.rounds, asked.model or list(MODELS)), markdown=asked.markdown)
