"""Functions that a program computes in floats of 16 bits, which are recorded as float32."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mfdebug.recording.op_rule import half_of
from tests.recording.function_records import network, numbers, session_of


def rounded(value: Any, half: str) -> Any:
    """Return numbers rounded to a type of 16 bits, as float32."""
    single = np.asarray(value, np.float32)
    if half == "float16":
        return single.astype(np.float16).astype(np.float32)
    bits = single.reshape(-1).view(np.uint32)
    return (
        ((bits + np.uint32(0x8000)) & np.uint32(0xFFFF0000)).view(np.float32).reshape(single.shape)
    )


def in_half(half: str, factor: float = 1.0) -> list[tuple[str, int, int, Any]]:
    """Return what a network computes if each result is rounded; linear sends `factor` times it."""
    found: list[tuple[str, int, int, Any]] = []
    for tag, node, index, value in numbers(2.0):
        kept = np.asarray(value)
        if kept.dtype.kind == "f":
            kept = np.asarray(kept, np.float32)
            computed = tag == "s" or node >= 4
            kept = (
                rounded(kept * (factor if node == 4 and tag == "s" else 1), half)
                if computed
                else kept
            )
        found.append((tag, node, index, kept))
    return found


@pytest.mark.parametrize("half", ["bfloat16", "float16"])
def test_what_16_bits_cannot_tell_is_not_called_wrong(tmp_path: Path, half: str) -> None:
    session = session_of(tmp_path, (network(2.0), in_half(half)))
    session.run("sgd")
    reply = session.run("check")
    assert "WRONG" not in reply.text
    words = f"it follows the rule to the rounding of {half}, and no further"
    # Numbers of float16 agree to more digits, and are tested like those of float32.
    assert (words in reply.text) == (half == "bfloat16")
    wrong = session_of(tmp_path, (network(2.0), in_half(half, 1.1)))
    wrong.run("sgd")
    assert "WRONG" in wrong.run("check").text


def test_the_type_is_that_of_all_numbers() -> None:
    numbers = np.array([1 / 3, -2.5, 0.0], np.float32)
    assert half_of(numbers) == ""
    assert half_of(rounded(numbers, "float16")) == "float16"
    assert half_of(rounded(numbers, "bfloat16")) == "bfloat16"
    assert half_of(rounded(numbers, "bfloat16").astype(np.float64)) == ""
