"""The app: time to the first screen, and the cost of a key.

    python benchmarks/app.py

It runs in a pseudo-terminal. A start is a whole process up to the complete first screen; the peer
is a one-line Textual app that imports NumPy. The cost of the key `s` is in milliseconds of
processor time, to the end of its frame.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from itertools import cycle, islice
from pathlib import Path

from files import large_graph
from harness import ROOT, Contestant, machine, measure, one_thread, options, show, table

from tests.support.pty_app import PtyApp

ROUNDS = 15
KEYS = 100
SCREENS = ((80, 24), (200, 50))
LARGE = 100_000
READY = "press s to begin"
# Keys that show another node.
LOOK = ("down", "up")

ARGPARSE = "import argparse; argparse.ArgumentParser().parse_args()"
MINIMAL = """\
import numpy
from textual.app import App
from textual.widgets import Static
class Minimal(App):
    def compose(self):
        yield Static("press s to begin")
Minimal().run()
"""


def started(command: Sequence[str | Path]) -> None:
    """Start an app, wait for its first screen, and end it."""
    with (
        tempfile.TemporaryDirectory() as state,
        PtyApp(command, env={"XDG_STATE_HOME": state}, warm=False) as app,
    ):
        app.wait_for(READY, 60, idle=False)


def ran(command: Sequence[str]) -> None:
    """Run a command to its end."""
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "LANG": "C.UTF-8"}
    subprocess.run(command, check=True, capture_output=True, env=environment)


def processor_seconds(process: int) -> float:
    """Return the processor time of all threads of a process, in seconds."""
    threads = Path(f"/proc/{process}/task").iterdir()
    return sum(int((thread / "schedstat").read_text().split()[0]) for thread in threads) / 1e9


def keys(
    graph: Path,
    columns: int,
    rows: int,
    pressed: Sequence[str] = ("s",),
    given: Sequence[str] = (),
) -> list[float]:
    """Return the milliseconds of processor time that each press took, of these keys in turn.

    `given` are options of the command line.
    """
    command = [sys.executable, "-m", "mfdebug", graph, *given]
    with tempfile.TemporaryDirectory() as state:
        environment = {"XDG_STATE_HOME": state}
        with PtyApp(command, columns=columns, rows=rows, env=environment, warm=False) as app:
            app.wait_for(READY, 60)
            app.press(*"ssssssssss")
            found = []
            for key in islice(cycle(pressed), KEYS):
                before = processor_seconds(app.process.pid)
                app.press(key)
                found.append((processor_seconds(app.process.pid) - before) * 1e3)
    return sorted(found)


def tensor_graph(side: int) -> str:
    """Return a graph file of a square matrix and two ops on it."""
    value = {"init": "normal", "shape": [side, side], "seed": 1}
    nodes = [
        {"name": "W", "op": "Input", "trainable": True, "value": value},
        {"name": "S", "op": "Sigmoid", "inputs": ["W"]},
        {"name": "cost", "op": "Mean", "inputs": ["S"]},
    ]
    return json.dumps({"miniflow": 1, "nodes": nodes})


def run(rounds: int) -> list[str]:
    """Return the Markdown lines of this benchmark."""
    python = sys.executable
    with tempfile.TemporaryDirectory() as folder:
        minimal, large, small, wide, narrow = (
            Path(folder, name) for name in ("m.py", "large.json", "small.json", "w.json", "n.json")
        )
        minimal.write_text(MINIMAL)
        large.write_bytes(large_graph(LARGE))
        small.write_bytes(large_graph(100))
        wide.write_text(tensor_graph(4000))
        narrow.write_text(tensor_graph(4))

        def command(name: str, *words: str) -> Contestant:
            return Contestant(name, lambda times: [ran([python, *words]) for _ in range(times)])

        def app(name: str, *words: str | Path) -> Contestant:
            return Contestant(name, lambda times: [started([python, *words]) for _ in range(times)])

        lines = ["## The app", "", "### The command line", ""]
        commands = [
            command("Python, an empty argparse", "-c", ARGPARSE),
            command("**mfdebug --version**", "-m", "mfdebug", "--version"),
            command("**mfdebug --help**", "-m", "mfdebug", "--help"),
        ]
        lines += [*table(measure(lambda: commands, 2 * rounds), "start"), ""]
        lines += ["### To the first screen", ""]
        apps = [
            app("a minimal Textual app with NumPy", minimal),
            app("**mfdebug xor**", "-m", "mfdebug", "xor"),
            app(f"**mfdebug, {LARGE:,} nodes**", "-m", "mfdebug", large),
        ]
        lines += [*table(measure(lambda: apps, rounds), "start"), ""]
        lines += [
            f"### A key, {KEYS} times",
            "",
            "| screen | graph | key | median | 99 % | most |",
            "|:--|:--|:--|--:|--:|--:|",
        ]
        for columns, rows in SCREENS:
            for name, graph in (("100 nodes", small), (f"{LARGE:,} nodes", large)):
                lines.append(row(f"{columns}x{rows}", name, "s", keys(graph, columns, rows)))
        for name, graph in (("4x4", narrow), ("4000x4000", wide)):
            lines.append(row("80x24", f"a tensor of {name}", "↓ ↑", keys(graph, 80, 24, LOOK)))
    return [*lines, ""]


def row(screen: str, graph: str, key: str, times: list[float]) -> str:
    """Return a row of the table of keys."""
    late = times[int(0.99 * len(times)) - 1]
    middle = statistics.median(times)
    return f"| {screen} | {graph} | {key} | {middle:.1f} ms | {late:.1f} ms | {times[-1]:.1f} ms |"


if __name__ == "__main__":
    one_thread()
    asked = options(__doc__ or "", ROUNDS).parse_args()
    show([*run(asked.rounds), machine()], markdown=asked.markdown)
