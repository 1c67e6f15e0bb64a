"""Dropout of PyTorch in training: the mask is what the recorded numbers show."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mfdebug.core.session.session import Session
from mfdebug.recording.records import Structure
from tests.recording.function_records import called, session_of, tensor

X = np.array([[1.0, -2.0, 3.0], [0.0, 0.0, 0.5]])
KEPT = np.array([[1, 0, 1], [1, 0, 0]])
P = 0.25


def dropping(folder: Path, kind: str = "dropout", **wrong: float) -> Session:
    """Return a session on sum(dropout(x)); `wrong` is added to what it computed or sent."""
    options = (("p", P), ("training", True), ("inplace", False))
    nodes = [
        tensor("x"),
        called(kind, 0, name="drop", options=options),
        called("sum", 1, name="loss"),
    ]
    value = X * KEPT / (1 - P) + wrong.get("value", 0.0)
    numbers: list[tuple[str, int, int, Any]] = [
        ("v", 0, -1, X),
        ("v", 1, -1, value),
        ("v", 2, -1, value.sum()),
        ("s", 2, 0, np.ones_like(X)),
        ("s", 1, 0, KEPT / (1 - P) + wrong.get("sent", 0.0)),
    ]
    return session_of(folder, (Structure(tuple(nodes), (1, 2), (2, 1, 0), 2), numbers))


@pytest.mark.parametrize(
    ("entry", "factor"),
    [("0,0", "1.33333"), ("0,1", "0"), ("1,0", "1.33333"), ("1,1", "0"), ("1,2", "0")],
)
def test_an_entry_is_its_input_times_the_mask_both_ways(
    tmp_path: Path, entry: str, factor: str
) -> None:
    session = dropping(tmp_path)
    session.run("until drop")
    assert "drop = x × mask" in session.run("explain").text
    assert f"× {factor}\n" in session.run(f"why drop[{entry}]").text
    session.run("until x backward")
    assert f"= 1 × {factor}\n" in session.run(f"why grad x[{entry}]").text
    assert "no gradient is wrong" in session.run("check").text


def test_the_mask_of_a_pass_is_computed_with_in_a_branch(tmp_path: Path) -> None:
    session = dropping(tmp_path)
    session.run("step")
    session.run("branch")
    session.run("set x = 2")
    session.run("until drop")
    kept = np.asarray(session.run("print drop").data)
    assert np.allclose(kept, 2 * KEPT / (1 - P))


def test_numbers_that_no_mask_gives_are_not_explained(tmp_path: Path) -> None:
    session = dropping(tmp_path, value=0.1)
    session.run("until drop")
    words = session.run("why drop[0,0]").text
    assert "not known here (random numbers that PyTorch has drawn)" in words


def test_what_is_sent_otherwise_is_found(tmp_path: Path) -> None:
    session = dropping(tmp_path, sent=0.1)
    session.run("sgd")
    assert "WRONG" in session.run("check").text


def test_the_mask_of_an_alpha_dropout_is_not_known(tmp_path: Path) -> None:
    session = dropping(tmp_path, "alpha_dropout")
    session.run("until drop")
    assert "random numbers that PyTorch has drawn" in session.run("why drop[0,0]").text
