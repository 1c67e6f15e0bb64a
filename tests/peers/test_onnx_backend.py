"""The onnx package's own tests of backends: forward, and each gradient by differences.

With `--long` all of them; a sample otherwise.
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from miniflow import limits
from miniflow.errors import MiniflowError
from miniflow.gradcheck import check
from miniflow.importers.model import graph_of
from miniflow.importers.onnx.walk import Walk
from tests.support import sizes
from tests.support.onnx_cases import (
    IS_RECENT,
    Case,
    disk_cases,
    forward,
    lacking,
    light_cases,
    node_cases,
    opened,
    weighted,
)
from tests.support.onnx_models import passed
from tests.support.sizes import pick, some

pytestmark = pytest.mark.skipif(not IS_RECENT, reason="the cases are those of onnx 1.20 or later")

# Of all cases, how many are tried at each check, and how many of those have their gradients tried.
SAMPLE, GRADIENTS = 40, 8
# What a dropout in training keeps is drawn by another generator; thresholds in float32 are not
# those in float64.
NOT_COMPARED = re.compile(
    "test_training_dropout(_default)?|test_ai_onnx_ml_tree_ensemble_single_tree"
)
# Drawn anew in each pass, repeated as often as a pass decides, or holding what is not a number.
REFUSED = re.compile(
    "draws other random numbers|repeats nodes as often as a pass decides|nothing to step through"
    "|not numbers|not a number|what is not a tensor|is not a tensor|cannot be computed"
    "|unsupported type|inconsistent type|must be (a )?scalar"
)


def outcome(case: Case, *, gradients: bool) -> str:
    """Return what came of a case: right, without a rule, or why it was refused."""
    try:
        model = opened(case)
    except MiniflowError as error:
        if not REFUSED.search(str(error)):
            raise
        return "refused"
    if len(model.outputs) < len(case.outputs):
        return "an output does not depend on an input"
    if re.fullmatch("test_reduce_(max|min)_empty_set", case.name):  # NumPy has none of nothing
        return "empty"
    values = forward(model)
    for value, wanted in zip(values, case.outputs, strict=True):
        assert value.shape == wanted.shape, case.name
        if not NOT_COMPARED.fullmatch(case.name):
            near = np.asarray(wanted, np.float64)
            np.testing.assert_allclose(
                value, near, rtol=case.tolerance, atol=case.tolerance / 100, err_msg=case.name
            )
    if lacking(model):
        return "without a rule"
    if gradients:
        verdicts = check(weighted(model))
        assert not [v for v in verdicts if v.judgement == "wrong"], case.name
    return "right"


@pytest.mark.slow
def test_nodes() -> None:
    cases = some(node_cases(), SAMPLE)
    tried = {case.name for case in some(cases, GRADIENTS)}
    counts = Counter(outcome(case, gradients=case.name in tried) for case in cases)
    assert counts["right"] >= pick(1_160, len(cases) * 8 // 10), counts
    if sizes.long:
        assert counts["without a rule"] <= 100


def test_converted_models() -> None:
    cases = some(disk_cases("pytorch-converted"), 12)
    counts = Counter(outcome(case, gradients=False) for case in cases)
    assert counts == {"right": len(cases)}
    if sizes.long:
        assert len(cases) == 82


def test_light_models(monkeypatch: pytest.MonkeyPatch) -> None:
    # Some have more numbers in a matrix than a file of ours may have.
    monkeypatch.setattr(limits, "NUMBERS", 2**27)
    small = ("light_squeezenet",)
    count = 0
    for case in light_cases():
        if sizes.long or case.name in small:
            assert outcome(case, gradients=False) == "right", case.name
            count += 1
    assert count == pick(9, len(small))


def test_gradients_that_a_model_computes_itself() -> None:
    """Of the only models that have an op for them: a backward pass has the same numbers."""
    cases = [case for case in disk_cases("simple") if "gradient" in case.name]
    assert len(cases) == 2
    for case in cases:
        feeds = case.feeds()
        (operator,) = [node for node in case.model.graph.node if node.op_type == "Gradient"]
        of = next(a.strings for a in operator.attribute if a.name == "xs")
        model = Walk(case.model, Path(f"{case.name}.onnx"), feeds).run()
        assert "the model's own gradients are left out" in model.notes[0]
        graph = graph_of(model, cost="sum", feeds=feeds)
        plan = passed(graph)
        for name, wanted in zip(of, case.outputs[1:], strict=True):
            np.testing.assert_allclose(plan.gradient(graph.by_name[name.decode()]), wanted)


@pytest.mark.slow
def test_updates_of_optimizers() -> None:
    found = [c for c in node_cases() if re.match("test_(adam|adagrad|momentum|nesterov)", c.name)]
    assert len(found) == 7
    assert {outcome(case, gradients=True) for case in found} == {"right"}
