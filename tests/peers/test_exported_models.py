"""Twelve models that PyTorch exports to .onnx: the gradient of every parameter is autograd's.

Both exporters write files that keep every parameter; the present one has no training mode, so
models with BatchNorm in training are left to the older one.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnxscript")

from miniflow.importers.onnx import load, read  # noqa: E402
from tests.peers.exports.examples import answers, tied  # noqa: E402
from tests.peers.exports.files import write_legacy_onnx, write_onnx  # noqa: E402
from tests.peers.exports.models import MODELS  # noqa: E402
from tests.support.onnx_models import passed  # noqa: E402
from tests.support.sizes import pick  # noqa: E402

NAMES = pick(list(MODELS), ["mlp", "nanogpt", "lstm"])
# In float64 weights, relative to the largest number of a gradient, or of all of them where
# mathematics makes it zero.
TOLERANCE = 1e-10


@pytest.mark.parametrize("exporter", ["older", "present", "optimized"])
@pytest.mark.parametrize("name", NAMES)
def test_the_gradient_of_every_parameter_is_that_of_autograd(
    name: str, exporter: str, tmp_path: Path
) -> None:
    example = MODELS[name]()
    if exporter != "older" and example.module.training:
        pytest.skip("the present exporter has no training mode")
    if exporter == "optimized" and name == "rnn":
        pytest.skip("the optimizer folds the first step of the states, weights included")
    wanted = answers(example)
    if exporter == "older":
        path = write_legacy_onnx(example, tmp_path)
    else:
        options = {} if exporter == "optimized" else {"optimize": False}
        path = write_onnx(example, tmp_path, **options)
    known = {given.node.label for given in read(path).inputs}
    feeds = {n: x.numpy() for n, x in example.inputs.items() if n in known}
    graph = load(path, feeds, labels=None if example.labels is None else example.labels.numpy())
    plan = passed(graph)
    assert plan.cost() == pytest.approx(float(wanted["cost"]), rel=1e-12)
    found = {graph.nodes[i].label: np.array(plan.gradient(i)) for i in graph.trainables}
    gradients = {k[9:]: x for k, x in wanted.items() if k.startswith("gradient/")}
    largest = max(float(np.abs(x).max()) for x in gradients.values())
    same = tied(example.module)
    others: list[str] = []
    for parameter, gradient in gradients.items():
        names = same if parameter in same else [parameter]
        own = next((found.pop(n) for n in names if n in found), None)
        if own is None:
            others.append(parameter)
        else:
            assert _is_near(own, gradient, largest), parameter
    # What the exporter has merged, folded or renamed: another name has the gradient, if any.
    if exporter == "present":
        assert not others
    for parameter in others:
        alike = [n for n, own in found.items() if _is_near(own, gradients[parameter], largest)]
        if exporter == "older":
            assert alike, parameter
        if alike:
            del found[alike[0]]
    assert exporter == "optimized" or not found


def _is_near(own: np.ndarray, gradient: np.ndarray, largest: float) -> bool:
    scale = max(float(np.abs(gradient).max()), largest * 1e-3)
    return any(
        x.shape == gradient.shape and bool((np.abs(x - gradient) <= TOLERANCE * scale).all())
        for x in (own, own.T)
    )
