"""Killed with SIGKILL at any moment, in the middle of saves and sessions.

    python -m tests.faults.killed [--kills 1000]

A writer saves a graph with a tensor file over and over, each time with other numbers, and keeps a
session after every command. After each kill the graph must be one that was written, whole, and so
must the session. Another writes a run file, and says how many passes it has flushed: they must all
be there.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from random import Random

import numpy as np

from mfdebug.core.commands.interpreter import check_known, open_session
from mfdebug.core.session.script import Origin, read_session
from mfdebug.core.session.store import BEFORE, SUFFIX, AutoSaver, SessionStore
from mfdebug.core.timeline.computed_debugger import ComputedDebugger
from mfdebug.recording.reader import RunReader
from miniflow.files import load, save
from miniflow.graph import Graph
from miniflow.node import Input
from miniflow.ops.reduce import Sum
from tests.recording.runs import SQUARE, Recording, square
from tests.support.paths import ROOT

SIDE = 60
# Files that a killed writer may leave: they are taken for nothing, and cleared later.
MOST_LEFT = 3
# A run file that is thinned all the time.
RUN_BYTES = 4 << 20


def written(number: int) -> Graph:
    """Return the graph that is saved as the `number`th: its numbers and its words say so."""
    w = Input("W", value=np.full((SIDE, SIDE), float(number)), trainable=True)
    return Graph.of(Sum(w, name="cost"), name="killed", description=f"number {number}")


def write(folder: Path) -> None:
    """Save and keep sessions until somebody ends it."""
    store = SessionStore(check_known, folder / "sessions")
    session = open_session(ComputedDebugger(written(0)))
    autosaver = AutoSaver(store, Origin("killed", "0" * 64))
    number = 0
    while True:
        number += 1
        save(written(number), folder / "graph.json")
        session.run("step")
        autosaver.keep(session)
        if number == 1:
            print("begun", flush=True)


def check(folder: Path) -> None:
    """Raise `AssertionError` unless all that is there is whole."""
    graph = load(folder / "graph.json")
    number = float(graph.description.removeprefix("number "))
    value = np.asarray(graph.nodes[graph.by_name["W"]].value)
    assert (value == number).all(), f"{graph.description}, but the tensor has {np.unique(value)}"
    sessions = [
        *(folder / "sessions").glob(f"*{SUFFIX}"),
        *(folder / "sessions").glob(f"*{BEFORE}"),
    ]
    assert sessions, "no session is left"
    for path in sessions:
        script, _ = read_session(path, check_known)
        assert script.lines[-1][1].startswith("goto ")


def write_run(path: Path) -> None:
    """Write passes, bounded, until somebody ends it; print how many have been flushed."""
    random = Random()
    recording = Recording(path, RUN_BYTES)
    print("begun", flush=True)
    while True:
        for _ in range(random.choice((1, 1, 10, 100))):
            x = float(len(recording.writer))
            recording.add(SQUARE, *square(x, np.full(random.choice((1, 500, 5000)), x)))
        recording.writer.flush()
        print(len(recording.writer), flush=True)


def check_run(path: Path, flushed: int) -> None:
    """Raise `AssertionError` unless a run has all passes that were flushed, and they are right."""
    reader = RunReader(path)
    try:
        assert len(reader) >= flushed, f"{len(reader)} of {flushed} passes"
        for number in range(len(reader)):
            outline, numbers = reader.outline(number), reader.numbers(number)
            assert outline.whole == (numbers is not None)
            if numbers is not None:
                y = numbers.values[1]
                assert (y == number).all()
                assert outline.cost == numbers.values[2] == number * y.sum()
        assert not flushed or reader.outline(len(reader) - 1).whole
    finally:
        reader.close()


def kill_runs(kills: int, seed: int = 0) -> list[str]:
    """Kill a writer of a run file so often; return what to tell."""
    random = Random(f"run {seed}")
    begun, passes = time.monotonic(), 0
    with tempfile.TemporaryDirectory() as name:
        # One path: each run takes the place of what the one before it has left.
        path = Path(name) / "run.mfrun"
        command = [sys.executable, "-m", "tests.faults.killed", "--write-run", str(path)]
        for _ in range(kills):
            with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as writer:
                assert writer.stdout is not None
                assert writer.stdout.readline() == b"begun\n"
                time.sleep(random.uniform(0.0, random.choice((0.02, 0.5))))
                writer.kill()
                lines = writer.stdout.read().split(b"\n")
            # What follows the last newline was not printed to its end.
            flushed = int(lines[-2]) if len(lines) > 1 else 0
            check_run(path, flushed)
            passes += flushed
    taken = time.monotonic() - begun
    return [f"{kills:,} kills of a recording in {taken:.0f} s, all of {passes:,} passes there"]


def left_behind(folder: Path) -> list[Path]:
    """Return the half-written files."""
    return [path for path in folder.rglob(".*") if path.is_file()]


def kill_often(kills: int, seed: int = 0) -> list[str]:
    """Kill a writer so often; return what to tell."""
    random = Random(f"{seed}")
    most = 0
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        command = [sys.executable, "-m", "tests.faults.killed", "--write", name]
        done = 0
        while done < kills:
            # Several at once would keep sessions of their own: one writer, killed once.
            with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as writer:
                assert writer.stdout is not None
                assert writer.stdout.readline() == b"begun\n"
                time.sleep(random.uniform(0.0, 0.02))
                writer.kill()
            check(folder)
            most = max(most, len(left_behind(folder)))
            for path in left_behind(folder):
                _age(path)
            done += 1
        load(folder / "graph.json")
        save(written(-1), folder / "graph.json")
        AutoSaver(SessionStore(check_known, folder / "sessions"), Origin("killed", "0" * 64))
        assert left_behind(folder) == []
        # A kill leaves the tensors of one save at most; the other saves remove those before them.
        tensors = len(list(folder.glob("*.safetensors")))
        assert tensors <= kills + 1, f"{tensors} tensor files have piled up"
    assert most <= MOST_LEFT, f"{most} half-written files have piled up"
    return [f"{kills:,} kills in {time.monotonic() - begun:.0f} s, all files whole"]


def _age(path: Path) -> None:
    """Let a file be an hour old: what is younger may be another writer's."""
    hour_ago = time.time() - 3600
    os.utime(path, (hour_ago, hour_ago))


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--write", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--write-run", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.write is not None:
        write(asked.write)
    if asked.write_run is not None:
        write_run(asked.write_run)
    print("\n".join([*kill_often(asked.kills), *kill_runs(asked.kills)]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
