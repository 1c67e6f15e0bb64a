"""A thousand hostile files; `python -m tests.hostile` judges as many as one likes."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.hostile.inputs import damaged
from tests.hostile.sources import SOURCES, drawn
from tests.support.paths import ROOT
from tests.support.sizes import pick

INPUTS = pick(3000, 600)


@pytest.mark.slow
def test_none_does_harm() -> None:
    command = [sys.executable, "-m", "tests.hostile", "--inputs", str(INPUTS), "--workers", "1"]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=170
    )
    assert done.returncode == 0, done.stdout + done.stderr
    counts: Counter[str] = Counter()
    for line in done.stdout.splitlines():
        count, _, told = line.strip().partition("  ")
        counts[told] = int(count.replace(",", ""))
    loaded = sum(count for told, count in counts.items() if "loaded" in told)
    # Not only the reader of JSON is tried.
    assert loaded > INPUTS / 10
    for kind in {kind for kind, _ in SOURCES}:
        assert counts[f"{kind}: loaded"], kind
    assert counts["example: loaded without"]


@given(st.integers(), st.integers(0, 10**6))
def test_an_input_is_the_same_in_every_run(seed: int, number: int) -> None:
    assert drawn(seed, number) == drawn(seed, number)


@given(st.randoms(use_true_random=False), st.binary(max_size=200))
def test_any_bytes_can_be_damaged(random: object, data: bytes) -> None:
    assert isinstance(damaged(random, data), bytes)  # type: ignore[arg-type]
