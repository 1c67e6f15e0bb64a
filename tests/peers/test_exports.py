"""The models that ship are what their answers say, and the twelve of the judge can be built.

It needs PyTorch and onnx: `pip install -e '.[test,peers]'`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.shipped_models import FOLDER, Answers, names, read_answers

torch = pytest.importorskip("torch")
onnx = pytest.importorskip("onnx")

from onnx import TensorProto, numpy_helper  # noqa: E402
from onnx.reference import ReferenceEvaluator  # noqa: E402
from onnx.reference.op_run import OpRun  # noqa: E402

from tests.peers.exports.examples import answers, cost_of  # noqa: E402
from tests.peers.exports.files import write_legacy_onnx  # noqa: E402
from tests.peers.exports.models import MODELS  # noqa: E402


class LayerNormalization(OpRun):
    """The op over the last axis. The one of onnx computes in float32 whatever comes in."""

    def _run(self, X: Any, Scale: Any, B: Any, **attributes: Any) -> tuple[np.ndarray]:
        centred = X - X.mean(-1, keepdims=True)
        deviation = np.sqrt(X.var(-1, keepdims=True) + np.float64(attributes["epsilon"]))
        return (centred / deviation * Scale + B,)


class Gelu(OpRun):
    """The op by erf. The one of onnx computes in float32, too."""

    def _run(self, X: Any, **attributes: Any) -> tuple[np.ndarray]:
        return (0.5 * X * (1 + torch.erf(torch.from_numpy(X / np.sqrt(2))).numpy()),)


def in_double(model: Any) -> dict[str, np.ndarray]:
    """Let a model compute in float64, and return its floating initializers, which become inputs."""
    held = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    floats = {name: a.astype(np.float64) for name, a in held.items() if a.dtype == np.float32}
    for tensor in [t for t in model.graph.initializer if t.name in floats]:
        model.graph.initializer.remove(tensor)
        model.graph.input.append(
            onnx.helper.make_tensor_value_info(tensor.name, TensorProto.DOUBLE, tensor.dims)
        )
    for node in model.graph.node:
        for attribute in node.attribute:
            if attribute.name == "to" and attribute.i == TensorProto.FLOAT:
                attribute.i = TensorProto.DOUBLE
    return floats


def cost_in_double(run: ReferenceEvaluator, right: Answers, parameters: Any) -> float:
    """Return the cost by onnx's own implementation of its ops, with these initializers."""
    inputs = {
        name: value.astype(np.float64) if value.dtype == np.float32 else value
        for name, value in right.inputs.items()
        if name in run.input_names
    }
    scored = next(name for name in right.outputs if name != "cost")
    (scores,) = run.run([scored], {**inputs, **parameters})
    labels = torch.from_numpy(right.labels)
    labels = labels.double() if labels.is_floating_point() else labels
    return float(cost_of(torch.from_numpy(scores), right.kind, labels))


@pytest.mark.parametrize("name", names())
def test_an_onnx_file_gives_the_outputs_and_gradients_of_its_answers(name: str) -> None:
    right = read_answers(name)
    model = onnx.load(FOLDER / f"{name}.onnx")
    parameters = in_double(model)
    run = ReferenceEvaluator(model, new_ops=[LayerNormalization, Gelu])
    assert cost_in_double(run, right, parameters) == pytest.approx(right.cost, rel=1e-12)
    rng = np.random.default_rng(0)
    for parameter, gradient in right.initializers.items():
        assert gradient.shape == parameters[parameter].shape
        direction = rng.standard_normal(gradient.shape)
        step = 1e-6 * direction
        above, below = (
            cost_in_double(run, right, {**parameters, parameter: parameters[parameter] + s})
            for s in (step, -step)
        )
        slope = float(np.sum(gradient * direction))
        assert (above - below) / 2e-6 == pytest.approx(slope, rel=1e-6, abs=1e-9), parameter


def test_the_archive_gives_the_outputs_and_gradients_of_its_answers() -> None:
    pytest.importorskip("torch", minversion="2.9", reason="older ones load another format")
    right = read_answers("nanogpt")
    module = torch.export.load(FOLDER / "nanogpt.pt2").module().double()
    inputs = [torch.from_numpy(right.inputs[name]) for name in ("idx", "targets")]
    logits, cost = module(*inputs)
    cost.backward()
    np.testing.assert_allclose(cost.detach(), right.cost, rtol=1e-10)
    np.testing.assert_allclose(logits.detach(), right.outputs["logits"], rtol=1e-9, atol=1e-9)
    gradients = {
        name: p.grad.numpy() for name, p in module.named_parameters() if p.grad is not None
    }
    # The archive calls a tied parameter by its last name.
    first, last = right.tied
    gradients[first] = gradients.pop(last)
    assert {*gradients} == {*right.gradients}
    for name, gradient in gradients.items():
        np.testing.assert_allclose(gradient, right.gradients[name], rtol=0, atol=1e-10)


@pytest.mark.parametrize("name", MODELS)
def test_a_model_of_the_judge_has_a_gradient_for_each_parameter(name: str) -> None:
    first, second = answers(MODELS[name]()), answers(MODELS[name]())
    assert np.isfinite(first["cost"])
    parameters = dict(MODELS[name]().module.named_parameters())
    for parameter, values in parameters.items():
        gradient = first[f"gradient/{parameter}"]
        assert gradient.shape == tuple(values.shape)
        assert np.isfinite(gradient).all()
    assert all(np.array_equal(first[key], second[key]) for key in first)


@pytest.mark.parametrize("name", MODELS)
def test_an_export_that_does_not_fold_keeps_every_parameter(name: str, tmp_path: Path) -> None:
    example = MODELS[name]()
    graph = onnx.load(write_legacy_onnx(example, tmp_path)).graph
    # Of parameters with the same values one is written; Identity gives it the names of the others.
    merged = {node.output[0] for node in graph.node if node.op_type == "Identity"}
    kept = {tensor.name for tensor in graph.initializer} | merged
    assert {parameter for parameter, _ in example.module.named_parameters()} <= kept


def test_the_uses_of_a_tied_parameter_add_up_to_its_gradient() -> None:
    right = answers(MODELS["nanogpt"]())
    uses = [right["use/transformer.wte.weight"], right["use/lm_head.weight"]]
    np.testing.assert_allclose(sum(uses), right["gradient/transformer.wte.weight"], atol=1e-14)
