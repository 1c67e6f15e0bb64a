"""What it costs a program to be run under mfdebug, from its start to its end, without a stop.

    python benchmarks/program.py

The lesson's last program, 36,000 passes of 13-10-1 with batches of 11: alone, then under
`mfdebug prog.py --batch -c continue`, which keeps every pass. Whole processes, start and end
included; both must print the same.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from harness import ROOT, Contestant, measure, one_thread, options, show, table

ROUNDS = 7
EPOCHS, PASSES = 9_000, 4 * 9_000
SOURCE = ROOT / "tests" / "programs" / "housing.py"


def make(folder: Path) -> list[Contestant]:
    """Return the two ways, once both have printed the same."""
    program = folder / "housing.py"
    text = SOURCE.read_text(encoding="utf-8").replace("epochs = 3\n", f"epochs = {EPOCHS}\n")
    program.write_text(text, encoding="utf-8")
    alone = [sys.executable, str(program)]
    debugged = [sys.executable, "-m", "mfdebug", str(program), "--batch", "-c", "continue"]
    printed = _done(alone)
    assert printed
    assert _done(debugged).startswith(printed), "it prints something else under mfdebug"
    return [
        Contestant("alone", _runner(alone)),
        Contestant("**under mfdebug**", _runner(debugged)),
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
    with tempfile.TemporaryDirectory() as folder:
        results = measure(lambda: make(Path(folder)), rounds)
    return [
        "## A program under mfdebug",
        "",
        f"the lesson's last program, {PASSES:,} passes, whole processes",
        "",
        *table(results, "pass", per=PASSES),
        "",
    ]


if __name__ == "__main__":
    one_thread()
    asked = options(__doc__ or "", ROUNDS).parse_args()
    show(run(asked.rounds), markdown=asked.markdown)
