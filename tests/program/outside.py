"""What the debugger says of programs of which something wrong was once shown."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.program.programs import BY_NAME
from tests.program.running import RUNNING, Ended, answers, batch, run

Answer = dict[str, Any]

STAY = ("catches_everything", "holds_the_interpreter", "sleeps", "waits_for_a_lock")
# From the feed of a pass, forward and back through it; to that feed at first.
PASS = ("next", "next")
FIRST = ("goto sgd 0", *PASS)


def watched(tmp_path: Path, name: str, *lines: str, options: tuple[str, ...] = ()) -> Ended:
    program = BY_NAME[name]
    command = batch(RUNNING, program, lines, "--json", *options)
    return run(tmp_path / "here", program, command, probed=False)


def told(tmp_path: Path, name: str, *lines: str) -> list[Answer]:
    """Return the answers to commands; none of them may have failed for a bug."""
    ended = watched(tmp_path, name, *lines)
    found = answers(ended.stdout)
    assert len(found) == len(lines), ended.stderr.decode()
    return found


def results(tmp_path: Path, name: str, *lines: str) -> list[Any]:
    """Return the results of the `print` commands."""
    found = told(tmp_path, name, *lines)
    wanted = [answer for answer in found if answer["command"].startswith("print")]
    assert all(answer["ok"] for answer in wanted), wanted
    return [answer["result"] for answer in wanted]


def words(answer: Answer) -> str:
    return json.dumps(answer, ensure_ascii=False)


def verdicts(answer: Answer) -> dict[tuple[str, str], str]:
    """Return what a check says of each node and its input."""
    found = answer["result"]["verdicts"]
    return {(verdict["node"], verdict["input"]): verdict["judgement"] for verdict in found}


def near(value: Any) -> Any:
    """Return what equals a value whose last digits are those of another order of summing."""
    if isinstance(value, list):
        return [near(item) for item in value]
    return pytest.approx(value, rel=1e-12, abs=1e-12)
