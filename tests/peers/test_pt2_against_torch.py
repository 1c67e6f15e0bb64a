"""Models that PyTorch exports to .pt2: costs and gradients are those of PyTorch's autograd."""

from __future__ import annotations

import warnings
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from miniflow.graph import Graph
from miniflow.importers.model import graph_of
from miniflow.importers.pt2 import load, read
from miniflow.importers.pt2.not_computed import NotComputed
from miniflow.plans.compile import compile_plan

# Older ones save another format, and refuse to export some of the models.
torch: Any = pytest.importorskip(
    "torch", minversion="2.9", reason="needs PyTorch 2.9: pip install -e '.[test,peers]'"
)
pytest.importorskip("onnx", reason="the exports need it: pip install -e '.[test,peers]'")

from tests.peers import pt2_cases, pt2_models  # noqa: E402
from tests.peers.exports import models  # noqa: E402
from tests.peers.exports.examples import answers  # noqa: E402
from tests.peers.exports.files import quiet, write_pt2  # noqa: E402

TOLERANCE = 1e-10


def costs_and_gradients(graph: Graph) -> tuple[float, dict[str, Any]]:
    """Return the cost of one pass, and the gradient of each parameter by its name."""
    plan = compile_plan(graph)
    for node in graph.forward_nodes:
        plan.forward(node)
    for node in graph.backward_nodes:
        plan.backward(node)
    found = {graph.nodes[i].label: np.array(plan.gradient(i)) for i in graph.trainables}
    return float(plan.value(graph.cost)), found


def check(
    module: Any,
    inputs: tuple[Any, ...],
    path: Path,
    tolerance: float = TOLERANCE,
    *,
    decomposed: bool,
    as_saved: bool = False,
) -> Graph:
    """Compare a module whose output is the cost with its .pt2 file; return the file's graph."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exported = torch.export.export(module, inputs)
        if decomposed:
            exported = exported.run_decompositions()
            module = exported.module() if as_saved else module
        torch.export.save(exported, path)
        cost = module(*inputs)
    cost.backward()
    names = [spec.arg.name for spec in exported.graph_signature.input_specs if not spec.target]
    graph = load(path, {name: x.numpy() for name, x in zip(names, inputs, strict=True)})
    unknown = [(node.aten, node.reason) for node in graph.nodes if isinstance(node, NotComputed)]
    assert not unknown
    found, gradients = costs_and_gradients(graph)
    scale = max(1.0, abs(float(cost.detach())))
    assert abs(found - float(cost.detach())) <= tolerance * scale
    wanted = {name: p.grad.numpy() for name, p in module.named_parameters() if p.grad is not None}
    assert gradients.keys() == wanted.keys()
    for name, gradient in wanted.items():
        scale = max(1.0, float(np.abs(gradient).max()))
        assert np.abs(gradients[name] - gradient).max() <= tolerance * scale, name
    return graph


@pytest.mark.parametrize("decomposed", [False, True], ids=["as exported", "decomposed"])
@pytest.mark.parametrize("family", pt2_cases.FAMILIES)
def test_every_op_has_pytorchs_gradient(family: str, decomposed: bool, tmp_path: Path) -> None:
    made = pt2_cases.FAMILIES[family]
    path = tmp_path / "m.pt2"
    check(
        pt2_cases.Joined(made),
        (),
        path,
        made.tolerance,
        decomposed=decomposed,
        as_saved=made.as_saved,
    )


@cache
def exports_states() -> bool:
    """Whether PyTorch knows the shape of an LSTM's states in an export; 2.9 adds an axis."""
    module, inputs = pt2_models.MODELS["lstm"]()
    try:
        torch.export.export(module, inputs)
    except RuntimeError as error:
        if "dimensions of tensors must match" not in str(error):
            raise
        return False
    return True


@pytest.mark.parametrize("decomposed", [False, True], ids=["as exported", "decomposed"])
@pytest.mark.parametrize("name", pt2_models.MODELS)
def test_a_model_has_pytorchs_gradients(name: str, decomposed: bool, tmp_path: Path) -> None:
    if "lstm" in name and not exports_states():
        pytest.skip("this PyTorch does not export it")
    module, inputs = pt2_models.MODELS[name]()
    check(module, inputs, tmp_path / "m.pt2", decomposed=decomposed)


@pytest.mark.parametrize("name", models.MODELS)
def test_the_twelve_models_have_pytorchs_outputs_and_gradients(name: str, tmp_path: Path) -> None:
    if name == "lstm" and not exports_states():
        pytest.skip("this PyTorch does not export it")
    example = models.MODELS[name]()
    wanted = answers(example, attributes="float64")
    with quiet():
        model = read(write_pt2(example, tmp_path))
    feeds = dict(zip((given.node.label for given in model.inputs), _inputs(wanted), strict=True))
    graph = graph_of(model, cost=example.cost, labels=wanted.get("labels"), feeds=feeds)
    assert not [node for node in graph.nodes if isinstance(node, NotComputed)]
    cost, gradients = costs_and_gradients(graph)
    assert abs(cost - wanted["cost"]) <= TOLERANCE * max(1.0, abs(cost))
    of_parameters = {key[9:]: x for key, x in wanted.items() if key.startswith("gradient/")}
    assert gradients.keys() == of_parameters.keys()
    for key, gradient in of_parameters.items():
        scale = max(1.0, float(np.abs(gradient).max()))
        assert np.abs(gradients[key] - gradient).max() <= TOLERANCE * scale, key


def _inputs(numbers: dict[str, Any]) -> list[Any]:
    return [value for key, value in numbers.items() if key.startswith("input/")]
