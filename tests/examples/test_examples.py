"""Every example runs to its end, without a terminal, and prints what it is there to show."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.sizes import quick

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
# For each example, a pattern of the line that matters.
SHOWS = {
    "adam_and_sgd": r"the lowest cost: Adam",
    "classifier": r"1[12]\d of 120 points are classified correctly",
    "custom_op": r"W = 0\.9\d+, b = .*",
    "descent": r"w = 2\.000000 .*",
    "gradient_check": r"wrong to tanh1: wrong \(backward -0\.24\d+, difference -0\.48\d+\)",
    "housing": r"Epoch: 50, Loss: \d\.\d+",
    "linear_regression": r"largest difference 0\.00\d",
    "open_debugger": r"w\.grad = 600",
    "save_and_load": r"the same bits: True",
    "xor": r"1 xor 1 = 0 .*",
}


def test_every_example_is_tried_and_listed() -> None:
    names = sorted(path.stem for path in EXAMPLES.glob("*.py"))
    assert names == sorted(SHOWS)
    page = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    assert sorted(re.findall(r"^\| \[(\w+)\.py\]\(\1\.py\) \|", page, re.MULTILINE)) == names


@pytest.mark.parametrize("name", quick(SHOWS, 4))
def test_an_example_shows_what_it_promises(name: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, EXAMPLES / f"{name}.py"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert any(re.fullmatch(SHOWS[name], line) for line in done.stdout.splitlines()), done.stdout
    assert not list(tmp_path.iterdir())
