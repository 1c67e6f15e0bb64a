"""Costs and gradients of .pt2 files are those that PyTorch computed in float64."""

from __future__ import annotations

import numpy as np
import pytest

from miniflow.importers.model import graph_of
from miniflow.importers.pt2 import load, read
from miniflow.importers.pt2.not_computed import NotComputed
from miniflow.importers.pt2.rules import RULES
from miniflow.plans.compile import compile_plan
from tests.miniflow.importers.pt2.archives import (
    FILES,
    NAMES,
    costs_and_gradients,
    entries_of,
    feeds_of,
    judged,
)
from tests.support.shipped_models import FOLDER, read_answers

# Where PyTorch has constants in float32 in its rules for float64.
LESS_EXACT = {"families.hard.values.0": 1e-8}


@pytest.mark.parametrize("name", NAMES)
def test_cost_and_gradients_are_pytorchs(name: str) -> None:
    graph = load(FILES / f"{name}.pt2", feeds_of(name))
    wanted = judged(name)
    cost, gradients = costs_and_gradients(graph)
    assert abs(cost - wanted["cost"][0]) <= 1e-10 * max(1.0, abs(cost))
    of_parameters = {key[9:]: x for key, x in wanted.items() if key.startswith("gradient ")}
    assert gradients.keys() == of_parameters.keys()
    for key, gradient in of_parameters.items():
        scale = max(1.0, float(np.abs(gradient).max()))
        tolerance = LESS_EXACT.get(key, 1e-10)
        assert np.abs(gradients[key] - gradient).max() <= tolerance * scale, key


def test_the_files_have_every_op_that_is_translated() -> None:
    found = set()
    for name in NAMES:
        graph = load(FILES / f"{name}.pt2", feeds_of(name))
        assert not [node.aten for node in graph.nodes if isinstance(node, NotComputed)]
        model = next(text for entry, text in entries_of(name).items() if "/models/" in entry)
        found |= {part.split(b".")[0].decode() for part in model.split(b'"torch.ops.aten.')[1:]}
    assert not set(RULES) - found - {name.rstrip("_") for name in found}


def test_the_shipped_nanogpt_has_pytorchs_output_cost_and_gradients() -> None:
    answers = read_answers("nanogpt")
    model = read(FOLDER / "nanogpt.pt2")
    scores = graph_of(model, cost="sum", feeds=answers.inputs)
    output = scores.index_of(model.outputs[0].label)
    plan = compile_plan(scores)
    for node in scores.forward_nodes:
        plan.forward(node)
    wanted = next(x for x in answers.outputs.values() if x.ndim == 3)
    # The answers are for the epsilon of the .onnx file, 1e-5 in float32; the archive has 1e-5.
    assert np.abs(plan.value(output) - wanted).max() <= 1e-10 * np.abs(wanted).max()
    graph = load(FOLDER / "nanogpt.pt2", answers.inputs)
    cost, gradients = costs_and_gradients(graph)
    assert abs(cost - answers.cost) <= 1e-10
    assert gradients.keys() == answers.gradients.keys()
    for name, gradient in answers.gradients.items():
        assert np.abs(gradients[name] - gradient).max() <= 1e-10, name
