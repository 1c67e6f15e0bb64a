"""A model that was left is opened again as it was: cost, labels, feeds, moment and edits."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from tests.support import warm_start
from tests.support.pty_app import PtyApp
from tests.support.shipped_models import read_answers
from tests.support.sizes import some

COMMAND = [sys.executable, "-m", "mfdebug"]
TERMINAL = {"TERM": "xterm-256color", "COLORTERM": None}

# A model, what is given with it, the edit of a parameter, and what is asked for at the end.
MODELS = [
    ("lenet.onnx", ["--labels", "3", "--feed", "image=image.npy"], "fc3.bias[0] = 0.5"),
    ("nanogpt.pt2", [], "transformer.ln_f.weight[1] = -2"),
    ("resnet-block.onnx", ["--cost", "mse", "--labels", "y.npy"], "fc.bias[0] = 0.25"),
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    np.save(tmp_path / "image.npy", read_answers("lenet").inputs["image"][:1])
    rng = np.random.default_rng(0)
    np.save(tmp_path / "y.npy", rng.normal(size=(16, 10)))
    return tmp_path


def printed(folder: Path, *arguments: str, lines: list[str]) -> str:
    """Return the output of a batch run of commands."""
    commands = [part for line in lines for part in ("-c", line)]
    command = [*COMMAND, *arguments, "--batch", *commands]
    answered: str = warm_start.run(command, text=True, check=True, cwd=folder).stdout
    return answered


@pytest.mark.slow
@pytest.mark.parametrize(("name", "given", "edit"), some(MODELS, 2), ids=lambda x: str(x)[:12])
def test_a_model_is_resumed_with_what_was_given(
    name: str, given: list[str], edit: str, folder: Path
) -> None:
    edited = edit.partition("[")[0]
    by_hand = ["sgd", f"set {edit}", "step 5", f"break {edited}"]
    asked = [f"print {edited}", f"print {edited}.grad", "print lr", "stops", "branches", "sgd"]
    with PtyApp([*COMMAND, name, *given], env=TERMINAL, cwd=folder) as app:
        app.wait_for("press s to begin")
        for line in by_hand:
            app.send(f":{line}\r".encode())
            app.settle()
        app.send(b"q")
        assert app.wait() == 0
    straight = printed(folder, name, *given, lines=[*by_hand, *asked])
    straight = straight[straight.index(f"{edited} =") :]
    # Elsewhere, without a word of what was given; and by name.
    elsewhere = folder / "elsewhere"
    elsewhere.mkdir()
    for arguments in (["--resume"], [name, "--resume"]):
        there = printed(elsewhere, *arguments, lines=asked)
        assert "session restored\n" in there
        assert there[there.index(f"{edited} =") :] == straight
    if given:
        # Opened as another graph, it is restored as far as it goes, which is said.
        there = printed(elsewhere, name, lines=["resume"])
        assert there.splitlines()[-2].startswith(f"session restored; it was left with {given[0]} ")
