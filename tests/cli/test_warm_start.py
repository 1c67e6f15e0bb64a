"""An `mfdebug` that is forked from a process that has imported it is as one started by Python."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import sizes, warm_start
from tests.support.paths import ROOT

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or sizes.long, reason="all processes are started by Python here"
)
MFDEBUG = [sys.executable, "-m", "mfdebug"]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}


@pytest.fixture(autouse=True)
def _from_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warm_start, "COLD", 0)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "given"),
    [
        (["wx", "--batch", "--json", "-c", "sgd", "-c", "print w"], ""),
        (["no-such-graph", "--batch"], ""),
        (["--no-such-option"], ""),
        (["wx", "--plain"], "step\nprint moment\nxyzzy\n"),
        (["prog.py", "--batch", "-c", "continue", "3", "--", "a b", "--plain"], "four lines\n"),
    ],
    ids=["graph", "no graph", "no option", "prompt", "program"],
)
def test_what_it_writes_and_how_it_ends(tmp_path: Path, arguments: list[str], given: str) -> None:
    (tmp_path / "prog.py").write_text(
        "import os, sys\nfrom miniflow import *\nx = Input()\ny = Mul(x, x)\n"
        "forward_and_backward(topological_sort({x: 3.0}))\n"
        "print(sys.argv, os.getcwd(), sorted(os.environ.items()), os.listdir('/proc/self/fd'))\n"
        "print(input(), file=sys.stderr)\nsys.exit(5)\n"
    )
    command = [*MFDEBUG, *arguments]
    cold = subprocess.run(
        command, input=given, capture_output=True, text=True, cwd=tmp_path, env=ENVIRONMENT
    )
    warm = warm_start.run(command, given, text=True, cwd=tmp_path, env=ENVIRONMENT)
    assert warm.stdout == cold.stdout
    assert warm.stderr == cold.stderr
    assert warm.returncode == cold.returncode


def test_how_it_is_ended() -> None:
    command = [*MFDEBUG, "wx", "--plain"]
    for number in (signal.SIGTERM, signal.SIGKILL):
        with warm_start.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(b"step\n")
            process.stdin.flush()
            assert process.stdout.readline()
            assert process.poll() is None
            process.send_signal(number)
            process.wait(60)
        assert process.returncode == -number
        assert not Path(f"/proc/{process.pid}").exists()
