"""The models that ship: each has its answers beside it, and the page about them is right."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from tests.support.shipped_models import FOLDER, names, read_answers

RUNS = sorted((FOLDER.parent / "runs").glob("*.mfrun"))
MODELS = sorted(path for path in FOLDER.iterdir() if path.suffix in {".onnx", ".pt2"})


def test_every_model_has_answers_and_the_answers_a_model() -> None:
    assert {path.stem for path in MODELS} == {*names()}
    assert {path.suffix for path in MODELS} == {".onnx", ".pt2"}


def test_the_page_has_each_model_with_its_size() -> None:
    page = (FOLDER / "README.md").read_text(encoding="utf-8")
    stated = dict(re.findall(r"^\| `([\w.-]+)` \| ([\d,]+) \|", page, re.MULTILINE))
    files = [path for path in FOLDER.iterdir() if path.name != "README.md"]
    assert stated == {path.name: f"{path.stat().st_size:,}" for path in files}
    assert sum(path.stat().st_size for path in files) < 1_500_000


@pytest.mark.parametrize("name", names())
def test_answers_are_whole(name: str) -> None:
    right = read_answers(name)
    assert np.isfinite(right.cost)
    assert right.inputs
    assert right.outputs
    for values in (*right.outputs.values(), *right.gradients.values(), right.labels):
        assert np.isfinite(values).all()
    for gradient in right.gradients.values():
        assert gradient.dtype == np.float64
        assert gradient.any()
    # An LSTM of ONNX has both its biases in one initializer.
    both = sum(name.endswith("bias_hh_l0") for name in right.gradients)
    alone = len(right.gradients) - both + max(len(right.tied) - 1, 0)
    assert len(right.initializers) == alone


def test_the_uses_of_a_tied_parameter_add_up_to_its_gradient() -> None:
    right = read_answers("nanogpt")
    assert sorted(right.uses) == sorted(right.tied) == ["lm_head.weight", "transformer.wte.weight"]
    whole = right.gradients[right.tied[0]]
    np.testing.assert_allclose(sum(right.uses.values()), whole, rtol=0, atol=1e-14)


@pytest.mark.parametrize("path", [*MODELS, *RUNS], ids=lambda path: path.name)
def test_no_model_or_run_has_a_path_of_the_machine_that_made_it(path: Path) -> None:
    assert not re.findall(rb'File \\*"/|/tmp/|/home/|site-packages', path.read_bytes())
