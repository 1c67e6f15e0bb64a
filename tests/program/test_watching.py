"""`with mfdebug.watching():` in programs in real processes."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from mfdebug.opening.runs import open_run
from tests.program.small_programs import LESSON, MICROGRAD, in_batch, in_folder

# What replaces parts of the interpreter while something is watched.
STATE = (
    "os._exit, builtins.__build_class__, sys.meta_path[:], sys.gettrace(), sys.getprofile(), "
    "getattr(traceback, '_walk_tb_with_full_positions', None)"
)
WATCHED = """
import builtins, os, sys, traceback
import mfdebug
{program}
before = {state}
print(step(), step())
with mfdebug.watching({arguments}) as run:
    print(step(), step(), step())
assert before == ({state}), "something of mfdebug is left"
assert "methods" not in globals() or methods == (Value.__init__, Value.backward)
print(step())
"""
ALONE = "{program}\nprint(step(), step())\nprint(step(), step(), step())\nprint(step())\n"


def run(folder: Path, text: str, status: int = 0) -> subprocess.CompletedProcess[str]:
    (folder / "program.py").write_text(text)
    done = in_folder(folder, "program.py")
    assert done.returncode == status, done.stderr
    return done


@pytest.mark.parametrize("program", [LESSON, MICROGRAD], ids=["lesson", "micrograd"])
def test_only_the_part_within_is_recorded_and_the_program_is_as_alone(
    tmp_path: Path, program: str
) -> None:
    watched = run(tmp_path, WATCHED.format(program=program, state=STATE, arguments=""))
    assert watched.stderr == ""
    assert watched.stdout == run(tmp_path, ALONE.format(program=program)).stdout
    session = open_run(str(tmp_path / "program.mfrun"))
    session.run("sgd 9")
    assert session.debugger.sgd_step == 2
    # The update after the last pass was made within the block.
    assert session.debugger.where.phase == "update"
    assert session.debugger.cursor.ending == "the watched part has ended"
    # Between the blocks nothing is watched: the first value is that after two steps.
    session.run("goto sgd 0")
    session.run("step")
    before = [float(word) for word in watched.stdout.split()[:2]]
    name = "w" if "w" in session.debugger.graph.by_name else "value"
    shown = float(session.debugger.state.value(session.debugger.graph.by_name[name]))
    assert shown == before[1]


@pytest.mark.slow
def test_each_block_has_a_file_of_its_own(tmp_path: Path) -> None:
    loop = "import mfdebug\nfor _ in range(3):\n    with mfdebug.watching() as run:\n"
    loop += "        step()\n"
    ends = "    print(run.path.name)\nwith mfdebug.watching('mine.mfrun', every=1):\n    step()\n"
    done = run(tmp_path, LESSON + loop + ends)
    names = ["program.mfrun", "program-2.mfrun", "program-3.mfrun"]
    assert done.stdout.split() == names
    for name in [*names, "mine.mfrun"]:
        session = open_run(str(tmp_path / name))
        assert session.debugger.cursor.passes_run == 1


@pytest.mark.slow
def test_an_error_within_passes_through_and_the_passes_before_it_are_kept(tmp_path: Path) -> None:
    fails = "import mfdebug\nwith mfdebug.watching('run.mfrun'):\n    step()\n    1 / 0\n"
    done = run(tmp_path, LESSON + fails, status=1)
    lines = done.stderr.splitlines()
    assert lines[-1] == "ZeroDivisionError: division by zero"
    assert "mfdebug" not in done.stderr.replace("mfdebug.watching", "")
    assert open_run(str(tmp_path / "run.mfrun")).debugger.cursor.passes_run == 1


def test_a_program_goes_on_if_its_file_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "taken.txt").write_text("not a run file")
    within = "import mfdebug\nwith mfdebug.watching('taken.txt') as run:\n    step()\n"
    done = run(tmp_path, LESSON + within + "print(run.path, step())\n")
    assert done.stdout.startswith("None ")
    assert "taken.txt" in done.stderr
    assert (tmp_path / "taken.txt").read_text() == "not a run file"


@pytest.mark.slow
def test_under_the_debugger_it_changes_nothing(tmp_path: Path) -> None:
    within = "import mfdebug\nwith mfdebug.watching() as run:\n    step()\n"
    within += "print(run.path)\nstep()\n"
    (tmp_path / "program.py").write_text(LESSON + within)
    done = in_batch(tmp_path, "program.py", "sgd 9")
    assert "None" in done.stdout.splitlines()
    assert "SGD step 1 ∙ update 1 of 1" in done.stdout
    assert not [*tmp_path.glob("*.mfrun")]


@pytest.mark.slow
def test_a_forked_child_is_not_recorded(tmp_path: Path) -> None:
    within = (
        "import mfdebug, os\nwith mfdebug.watching('run.mfrun'):\n    step()\n"
        "    if not os.fork():\n        step()\n        os._exit(0)\n"
        "    os.wait()\n    step()\n"
    )
    run(tmp_path, LESSON + within)
    assert open_run(str(tmp_path / "run.mfrun")).debugger.cursor.passes_run == 2


@pytest.mark.slow
def test_what_would_be_shown_in_it_is_not_waited_for(tmp_path: Path) -> None:
    within = "import mfdebug\nwith mfdebug.watching():\n    mfdebug.set_trace()\n    step()\n"
    done = run(tmp_path, f"{LESSON}{within}print(step())\n")
    assert done.stderr == ""
    assert open_run(str(tmp_path / "program.mfrun")).debugger.graph.trains
