"""Run files and programs on the command line: `diff`, `--twice` and `--summary`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from mfdebug.opening.runs import open_run
from tests.recording.runs import SQUARE, Recording, square
from tests.support.command_line import in_turn
from tests.support.paths import ROOT

DRAWS = """\
import random, sys
import numpy as np
from miniflow import Input, Mul
x, w = Input(), Input()
y = Mul(x, w)
x.value, w.value = 1.0, 2.0
for i in range(4):
    if i == 2 and "draw" in sys.argv:
        x.value = random.random()
    for node in (x, w, y):
        node.forward()
    for node in (y, w, x):
        node.backward()
    print("pass", i)
"""

SUMMARY = """\
xor
module  op       shape  parameters  size
X       Input      4x2
t       Input      4x1
W1      Input      2x2           4  32 B
b1      Input        2           2  16 B
l1      Linear     4x2
s1      Sigmoid    4x2
W2      Input      2x1           2  16 B
b2      Input        1           1   8 B
l2      Linear     4x1
s2      Sigmoid    4x1
cost    MSE         ()
9 parameters, 72 B
5 ops, whose values take 200 B in a pass
"""


def mfdebug(*arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "mfdebug", *arguments],
        capture_output=True,
        text=True,
        cwd=cwd,
        timeout=60,
        check=False,
    )


def test_diff_compares_two_run_files(tmp_path: Path) -> None:
    for name, y in (("a", 2.0), ("b", 2.0), ("c", 2.5)):
        with Recording(tmp_path / f"{name}.mfrun") as run:
            run.add(SQUARE, *square(1.0, y))
    (tmp_path / "broken.mfrun").write_bytes(b"no run")
    same, other, data, graph, feed, bits, broken = in_turn(
        [
            ["diff", "a.mfrun", "b.mfrun"],
            ["diff", "a.mfrun", "c.mfrun"],
            ["diff", "a.mfrun", "c.mfrun", "--json"],
            ["diff", "a.mfrun", "xor"],
            ["diff", "a.mfrun", "b.mfrun", "--feed", "x=1"],
            ["diff", "xor", "--bits"],
            ["diff", "a.mfrun", "broken.mfrun"],
        ],
        tmp_path,
    )
    assert (same.returncode, other.returncode, data.returncode) == (0, 1, 1)
    assert same.stdout.startswith("1 pass of both runs: the same to the last bit")
    assert "a.mfrun  c.mfrun" in other.stdout
    assert json.loads(data.stdout)["value"]["node"] == "y"
    assert [done.returncode for done in (graph, feed, bits, broken)] == [2] * 4
    assert "a run file is compared with another run file" in graph.stderr
    assert "a run has its own inputs" in feed.stderr
    assert "--bits is for two run files" in bits.stderr
    assert "broken.mfrun" in broken.stderr


@pytest.mark.slow
def test_twice_says_whether_a_program_repeats_itself_and_where_not(tmp_path: Path) -> None:
    program = tmp_path / "draws.py"
    program.write_text(DRAWS)
    steady = mfdebug("--twice", str(program))
    assert (steady.returncode, steady.stderr) == (0, "mfdebug: run 1 of 2\nmfdebug: run 2 of 2\n")
    assert steady.stdout.splitlines()[-2:] == [
        "draws.py repeats itself",
        "4 passes of both runs: the same to the last bit in all that both keep",
    ]
    assert steady.stdout.count("pass 3\n") == 2
    drawing = mfdebug("--twice", "--json", str(program), "--", "draw")
    assert drawing.returncode == 1, drawing.stderr
    *printed, found = map(json.loads, drawing.stdout.splitlines())
    assert printed == [{"output": f"pass {i}"} for i in range(4)] * 2
    assert (found["value"]["pass"], found["value"]["node"]) == (2, "x")
    assert found["gradient"]["pass"] == 2
    assert not any(found["not_whole"].values())
    assert (found["repeats"], found["statuses"]) == (False, [0, 0])


@pytest.mark.slow
def test_twice_compares_how_a_program_ends(tmp_path: Path) -> None:
    program, flag = tmp_path / "leaves.py", tmp_path / "flag"
    ending = f"import os\nif os.path.exists({str(flag)!r}): sys.exit(3)\nopen({str(flag)!r}, 'w')\n"
    program.write_text(DRAWS + ending)
    done = mfdebug("--twice", str(program))
    assert done.returncode == 1
    assert "leaves.py does not repeat itself\n4 passes of both runs: the same" in done.stdout
    assert "the second run: the program ended with status 3" in done.stdout


@pytest.mark.slow
def test_a_program_that_fails_alike_repeats_itself(tmp_path: Path) -> None:
    program = tmp_path / "fails.py"
    program.write_text(DRAWS + "sys.exit(4)\n")
    done = mfdebug("--twice", str(program))
    assert done.returncode == 0
    assert done.stdout.endswith("both runs: the program ended with status 4\n")


@pytest.mark.slow
def test_a_summary_lists_modules_and_parameters(tmp_path: Path) -> None:
    program = tmp_path / "trains.py"
    program.write_text(DRAWS.replace("    print", "    w.value -= 0.1\n    print"))
    with Recording(tmp_path / "run.mfrun") as run:
        run.squares(2)
    text, data, whole, recorded, missing = in_turn(
        [
            ["xor", "--summary"],
            ["transformer", "--summary", "--json"],
            [str(program), "--summary"],
            ["run.mfrun", "--summary"],
            ["--summary"],
        ],
        tmp_path,
    )
    assert text.stdout == SUMMARY
    found = json.loads(data.stdout)
    assert found["total"] == {"parameters": 803, "trained": 803, "bytes": 6424, "unknown": 0}
    modules = {module["name"]: module for module in found["modules"]}
    assert modules["block/attention/"]["parameters"] == 256
    assert modules["block/"]["parameters"] == 568
    assert "w       Input     ()           1   8 B" in whole.stdout
    assert "1 op, whose values take 8 B in a pass" in recorded.stdout
    assert (missing.returncode, "name a graph file" in missing.stderr) == (2, True)


@pytest.mark.slow
def test_what_does_not_fit_together_is_said(tmp_path: Path) -> None:
    lines = {
        ("xor", "--twice"): "--twice requires a program",
        ("prog.py", "--twice", "--summary"): "--twice and --summary are mutually exclusive",
        ("xor", "--summary", "-c", "step"): "--summary and -c are mutually exclusive",
        ("xor", "--html", "x.html", "--draw"): "--html and --draw are mutually exclusive",
        ("xor", "--html", "x.txt"): "does not end in .html",
        ("prog.py", "--html", "x.html"): "mfdebug record prog.py -o RUN.mfrun makes one",
        ("prog.py", "--twice"): "no such program",
        ("xor", "--html", "no/x.html"): "cannot be written",
    }
    for words, done in zip(lines.values(), in_turn(lines, tmp_path), strict=True):
        assert words in done.stderr
        assert done.returncode != 0


@pytest.mark.slow
def test_a_recorder_that_fails_says_so_and_leaves_the_program_alone(tmp_path: Path) -> None:
    fail = "import os; os._exit.recorder.failed(ValueError('out of ink'))"
    broken = DRAWS.replace("    if i == 2", f"    if i == 2: {fail}\n    if i == 2")
    (tmp_path / "prog.py").write_text(broken)
    run = tmp_path / "run.mfrun"
    done = mfdebug("record", str(tmp_path / "prog.py"), "-o", str(run), cwd=tmp_path)
    assert done.stdout.splitlines() == [f"pass {i}" for i in range(4)]
    problem = "recording stopped: ValueError: out of ink"
    assert done.stderr == f"mfdebug: {problem}; the passes before are in {run}\n"
    assert done.returncode == 1
    session = open_run(str(run))
    assert len(session.debugger.cursor.steps) == 2
    session.run("goto end")
    assert session.debugger.cursor.ending == problem
