"""Either side of a recording is killed with SIGKILL, at any moment.

    python -m tests.faults.killed_programs [--kills 200]

A program trains without an end and prints a sign after each pass; after a random number of signs
the debugger is killed, or the program. Whichever it was: soon nothing runs any more, and the run
file opens, with passes that are whole and have the numbers that the program had. Of a program that
was killed no pass is lost that it has printed a mark for, and the debugger says how it ended.
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from random import Random
from typing import Literal

from miniflow.lesson import forward_and_backward, sgd_update, topological_sort
from miniflow.node import Input, Node
from miniflow.ops import MSE, Linear
from tests.program.compare import opened
from tests.program.programs import environment

Victim = Literal["debugger", "program"]
Way = Literal["record", "batch"]
# Signs after which a side is killed, at most.
MOST = 300
RATE = 0.001
PROGRAM = f"""\
import os
from miniflow import *
x, w, b, t = Input(), Input(), Input(), Input()
cost = MSE(t, Linear(x, w, b))
graph = topological_sort({{x: [[1.0], [2.0]], w: [[0.5]], b: [0.25], t: [[3.0], [-1.0]]}})
os.write(1, b"%d\\n" % os.getpid())
while True:
    forward_and_backward(graph)
    os.write(1, b".")
    sgd_update([w, b], {RATE})
"""


class Costs:
    """The costs of that program, computed here, as far as they are asked for."""

    def __init__(self) -> None:
        self._nodes = x, w, b, t = Input(), Input(), Input(), Input()
        self._cost = MSE(t, Linear(x, w, b))
        feed = {x: [[1.0], [2.0]], w: [[0.5]], b: [0.25], t: [[3.0], [-1.0]]}
        self._graph: list[Node] = topological_sort(feed)
        self._known: list[float] = []

    def __getitem__(self, number: int) -> float:
        while len(self._known) <= number:
            forward_and_backward(self._graph)
            self._known.append(float(self._cost.value))
            sgd_update(self._nodes[1:3], RATE)
        return self._known[number]


def kill_once(folder: Path, victim: Victim, way: Way, signs: int, costs: Costs) -> int:
    """Kill one side after so many signs; return how many passes the run file has.

    Raises `AssertionError` where something is left that should not be, or is not whole.
    """
    (folder / "endless.py").write_text(PROGRAM)
    file = folder / f"{victim}-{way}-{signs}.mfrun"
    started = {
        "record": ["record", "endless.py", "-o", str(file)],
        "batch": ["endless.py", "--batch", "-c", "continue"],
    }[way]
    with subprocess.Popen(
        [sys.executable, "-m", "mfdebug", *started],
        cwd=folder,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as debugger:
        assert debugger.stdout is not None
        program = int(debugger.stdout.readline())
        seen = len(debugger.stdout.read(signs))
        os.kill(debugger.pid if victim == "debugger" else program, signal.SIGKILL)
        # It ends when nobody has it any more: neither side is left.
        rest, errors = debugger.communicate()
    while runs(program):
        time.sleep(0.005)
    assert b"Traceback" not in errors, errors.decode()
    seen += len(rest.partition(b"\n")[0].rstrip(b"\n")) if way == "record" else 0
    if victim == "program":
        said = rest + errors
        assert way == "record" or b"SIGKILL" in said or b"killed" in said, said.decode()
        assert debugger.returncode in (-signal.SIGKILL, 128 + signal.SIGKILL, 1)
    if way == "batch":
        return 0
    run = opened(file)
    count = len(run)
    for number in range(count):
        outline = run.outline(number)
        if outline.complete or number < count - 1:
            assert outline.cost == costs[number], f"pass {number}"
            assert not outline.whole or run.numbers(number) is not None
    if victim == "program":
        assert count >= seen, f"{seen} passes were printed, {count} are in the file"
        assert "SIGKILL" in run.ending, run.ending
    assert run.ending
    return count


def runs(process: int) -> bool:
    """Whether a process is there that is more than an entry that nobody has asked for."""
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        if Path("/proc/self").exists():
            return False
        done = subprocess.run(["ps", "-o", "stat=", "-p", str(process)], capture_output=True)
        state = done.stdout.decode().strip()[:1]
    return state not in ("", "Z", "X")


def rings_left() -> list[str]:
    """Return shared memory of recordings that no process has any more."""
    found = {str(path) for path in Path("/dev/shm").glob("mfdebug-*")}
    for path in Path("/proc").glob("[0-9]*/maps"):
        try:
            mapped = path.read_text()
        except OSError:
            continue
        # A question about a node stands beside its ring for a moment.
        found -= {ring for ring in found if re.sub(r"\.(ask|answer)$", "", ring) in mapped}
    return sorted(found)


def kill_often(kills: int, seed: int = 0) -> list[str]:
    """Kill so often, in turn either side in either way; return what to tell."""
    random = Random(f"{seed}")
    costs, passes, begun = Costs(), 0, time.monotonic()
    victims: tuple[Victim, ...] = ("debugger", "program")
    before = set(rings_left())
    with tempfile.TemporaryDirectory() as name:
        for number in range(kills):
            # A recording leaves a file, which is what is looked at: it is killed more often.
            way: Way = "batch" if number % 5 == 4 else "record"
            victim = victims[number // 5 % 2] if way == "batch" else victims[number % 2]
            passes += kill_once(Path(name), victim, way, random.randrange(MOST), costs)
    left = [ring for ring in rings_left() if ring not in before]
    assert not left, f"left in memory: {left}"
    return [
        f"{kills:,} kills in {time.monotonic() - begun:.0f} s, "
        f"{passes:,} passes in files that all open"
    ]


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    print("\n".join(kill_often(asked.kills, asked.seed)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
