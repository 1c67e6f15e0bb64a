"""Every program, alone and watched: it ends as alone, and what was recorded is what it had.

What it had is what an independent recorder has copied (`independent.py`). Here every eighth program
goes one way; with `--long` all go all ways, with each Python that is here.
"""

from __future__ import annotations

import math
import re
import subprocess
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest

from tests.program.compare import (
    PassSeen,
    differences,
    independent_passes,
    opened,
    states,
)
from tests.program.programs import PROGRAMS, Program, environment
from tests.program.running import (
    RUNNING,
    VERSIONS,
    Ended,
    Python,
    alone,
    answers,
    batch,
    independent,
    newest,
    of_the_program,
    printed,
    python_of,
    record,
    run,
)
from tests.program.walks import WAYS, differences_on
from tests.support.pty_app import PtyApp
from tests.support.sizes import pick, quick

STEPS = 45
# With another Python than the running one, a few stand for all unless all are asked for.
FEW = ("housing", "overrides_ours", "raises_in_a_node")
NEWEST = newest()
ENDING = [program for program in PROGRAMS if program.ends and not program.asks]
EIGHTH = [program for i, program in enumerate(ENDING) if i % 8 == 0 or program.name in FEW]


class Lab:
    """A folder in which one program runs again and again, with one Python."""

    def __init__(self, python: Python, program: Program) -> None:
        self.python, self.program = python, program
        # It goes when the tests have ended.
        self._kept = TemporaryDirectory(prefix="mfdebug-kind-")
        self._outside = Path(self._kept.name)
        self._folder = self._outside / "here"
        self.alone = run(self._folder, program, alone(python, program))

    def batch(self, *lines: str, as_json: bool) -> Ended:
        options = ["--json"] if as_json else []
        return run(self._folder, self.program, batch(self.python, self.program, lines, *options))

    def recorded(self) -> tuple[Ended, Path]:
        """Record it; return how that ended, and the run file, which has the program's own text."""
        file = self._outside / f"{self.program.name}.mfrun"
        return run(self._folder, self.program, record(self.python, self.program, file)), file

    def seen_by_others(self) -> list[PassSeen]:
        file = self._outside / "independent.pickle"
        command = independent(self.python, self.program, file)
        run(self._folder, self.program, command)
        return independent_passes(file)


@cache
def lab(version: str, name: str) -> Lab:
    python = python_of(version)
    (program,) = [program for program in PROGRAMS if program.name == name]
    return Lab(python, program)


@pytest.fixture
def place(version: str, program: Program) -> Lab:
    python = python_of(version)
    if python.missing:
        pytest.skip(python.missing)
    return lab(version, program.name)


every_python = pytest.mark.parametrize(
    "version", pick(VERSIONS, tuple(dict.fromkeys((RUNNING.version, NEWEST))))
)


def programs(sample: Sequence[Program]) -> pytest.MarkDecorator:
    """Give a test programs and Pythons: a sample, and a few with other Pythons; or all with all."""
    found = [
        pytest.param(version, program, id=f"{program.name}-{version}")
        for program in pick(ENDING, sample)
        for version in VERSIONS
        if pick(True, version == RUNNING.version or (version == NEWEST and program.name in FEW))
    ]
    return pytest.mark.parametrize(("version", "program"), quick(found, 3))


@programs(EIGHTH)
def test_it_ends_as_alone_and_its_record_has_what_it_had(place: Lab) -> None:
    ended, file = place.recorded()
    assert ended.stdout == place.alone.stdout
    assert of_the_program(ended.stderr, place.python) == of_the_program(
        place.alone.stderr, place.python
    )
    assert ended.status == place.alone.status == place.program.status
    assert ended.files == place.alone.files
    if place.program.called:
        recorded = opened(file)
        expected, seen = place.seen_by_others(), list(states(recorded))
        assert expected
        assert differences(expected, seen) == []
        ways = list(WAYS.values())
        turn = pick(ENDING, EIGHTH).index(place.program) % len(ways)
        for way in pick(ways, [ways[turn]]):
            assert differences_on(way, recorded, expected, seen) == []


@pytest.mark.slow
@programs(ENDING[2::12])
def test_it_ends_as_alone_under_continue(place: Lab) -> None:
    ended = place.batch("continue", as_json=False)
    # What the debugger answers comes after all that the program has printed.
    assert ended.stdout.startswith(place.alone.stdout)
    assert ended.stdout != place.alone.stdout
    own = of_the_program(ended.stderr, place.python)
    assert own.startswith(of_the_program(place.alone.stderr, place.python))
    assert ended.files == place.alone.files
    assert ended.status == int(place.program.status != 0)


@pytest.mark.slow
@programs(ENDING[7::12])
def test_it_ends_as_alone_under_single_steps(place: Lab) -> None:
    ended = place.batch(*["step"] * STEPS, "continue", as_json=True)
    told = answers(ended.stdout)
    assert len(told) == STEPS + 1
    # Each graph of a program counts its own moments.
    for name in {answer.get("graph") for answer in told}:
        moments = [answer["moment"] for answer in told if answer.get("graph") == name]
        assert moments == sorted(moments)
    # An object a line has no place for a last line without an end.
    assert printed(ended.stdout).rstrip(b"\n") == place.alone.stdout.rstrip(b"\n")
    own, right = (of_the_program(process.stderr, place.python) for process in (ended, place.alone))
    assert own == right
    assert ended.files == place.alone.files


@pytest.mark.slow
def test_one_bit_that_differs_is_found() -> None:
    """What compares is itself compared: with a run in which one number after another is changed."""
    place = lab(RUNNING.version, "housing")
    expected, again = place.seen_by_others(), place.seen_by_others()
    for expected_pass in expected:
        expected_pass.cost_node = expected_pass.goes_back_from
        expected_pass.cost = float(expected_pass.values[expected_pass.cost_node])
    for at, expected_pass in enumerate(expected):
        expected_pass.line = 0
        following = expected[at + 1].inputs if at + 1 < len(expected) else expected_pass.end
        expected_pass.after = {i: following[i] for i in expected_pass.inputs}
    assert differences(again, expected) == []
    for numbers in ("values", "sent", "own", "inputs", "after"):
        kept = getattr(expected[5], numbers)
        for key, array in list(kept.items()):
            bits = bytearray(array.tobytes())
            bits[-3] ^= 1
            kept[key] = np.frombuffer(bytes(bits), array.dtype).reshape(array.shape)
            assert differences(again, expected), (numbers, key)
            kept[key] = array
    expected[5].cost = math.nextafter(expected[5].cost, 0)
    assert differences(again, expected)


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc: run it on Linux")
def test_no_descriptor_is_open_in_a_program_that_is_not_open_alone(tmp_path: Path) -> None:
    text = "import os\nfrom miniflow import *\nx = Input()\ny = Mul(x, x)\n"
    text += "forward_and_backward(topological_sort({x: 3.0}))\nprint(os.listdir('/proc/self/fd'))\n"
    (tmp_path / "lists.py").write_text(text)
    shown = []
    for command in (["lists.py"], ["-m", "mfdebug", "record", "lists.py", "-o", "lists.mfrun"]):
        done = subprocess.run(
            [sys.executable, *command],
            cwd=tmp_path,
            env=environment(),
            capture_output=True,
            stdin=subprocess.DEVNULL,
            check=True,
        )
        shown.append(done.stdout)
    assert shown[0] == shown[1]


@pytest.mark.slow
def test_a_run_file_is_resumed_where_it_was_left(tmp_path: Path) -> None:
    program = next(program for program in PROGRAMS if program.name == "housing")
    file = tmp_path / "housing.mfrun"
    assert run(tmp_path / "here", program, record(RUNNING, program, file)).status == 0
    command = [sys.executable, "-m", "mfdebug", str(file)]
    variables: dict[str, str | None] = {
        name: environment().get(name) for name in ("PYTHONPATH", "XDG_STATE_HOME")
    }
    with PtyApp(command, env=variables, cwd=tmp_path) as app:
        app.wait_for("W1")
        app.press(*"ttt", *"sssss")
        left = app.moment
        app.send(b"q")
        assert app.wait() == 0
    lines = ["print cost", "print W1", "print s1"]
    given = [part for line in lines for part in ("-c", line)]
    shown = []
    for resumed in (["--resume"], ["-c", f"goto {left}"]):
        done = subprocess.run(
            [*command, "--batch", "--json", *resumed, *given],
            env=environment(),
            cwd=tmp_path,
            capture_output=True,
            check=True,
        )
        shown.append([answer["result"] for answer in answers(done.stdout)[-3:]])
        assert answers(done.stdout)[-1]["moment"] == left
    assert shown[0] == shown[1]
    states_of = list(states(opened(file)))
    values = [state.values for state in states_of]
    (W1,) = [i for i, node in enumerate(opened(file).lines[0].nodes) if node.name == "W1"]
    assert any(held[W1].tolist() == shown[0][1] for held in values)


# What a program can find out about itself, addresses left out.
LOOKS = """
import sys
print(sorted(sys.modules), sys.path, sys.meta_path, sorted(sys.path_importer_cache), sys.flags)
import os, threading
print(sorted(os.environ.items()), sys.orig_argv, sys.argv, __name__, __file__, sorted(globals()))
print(sys.gettrace(), sys.getprofile(), threading.active_count(), os.getcwd(), sys.warnoptions)
import json, struct, mmap, atexit, typing
print(json.__file__, typing.__file__)
"""


@pytest.mark.slow
@every_python
def test_a_program_finds_nothing_of_the_recorder(tmp_path: Path, version: str) -> None:
    python = python_of(version)
    if python.missing:
        pytest.skip(python.missing)
    (tmp_path / "looks.py").write_text(LOOKS)
    # A module of that name beside the program is the program's.
    (tmp_path / "struct.py").write_text("print('its own')\n")
    found = []
    for command in (["looks.py"], ["-m", "mfdebug", "record", "looks.py", "-o", "looks.mfrun"]):
        done = subprocess.run(
            [python.path, *command],
            cwd=tmp_path,
            env=environment(PYTHONDONTWRITEBYTECODE="1"),
            capture_output=True,
            check=True,
        )
        found.append(re.sub(rb"0x[0-9a-f]+", b"", done.stdout))
    assert b"its own" in found[0]
    assert found[0] == found[1]
