"""Formatting, lint, and types with `--long`, as part of the one command that checks everything."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from tests.support.paths import ROOT
from tests.support.sizes import pick

# Types take as long as forty tests: `make check` and `.ci/run` look at them, here `--long` alone.
COMMANDS = ["ruff check .", "ruff format --check .", *pick(["mypy"], [])]


@pytest.mark.parametrize("command", COMMANDS)
def test_the_tools_find_nothing(command: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", *command.split()], capture_output=True, text=True, cwd=ROOT
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_ci_runs_exactly_the_test_command_of_the_readme() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (command,) = re.findall(r"^\s*(python3 -m venv .*pytest.*)$", readme, re.MULTILINE)
    ci = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    assert command in ci
    # What the command leaves to `--long`.
    assert ".venv/bin/python -m mypy" in ci
    assert command in (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
