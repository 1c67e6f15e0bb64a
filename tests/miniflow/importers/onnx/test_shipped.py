"""The .onnx models that ship have PyTorch's numbers and names."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from miniflow.graph import Graph
from miniflow.importers.model import graph_of
from miniflow.importers.onnx import load, read
from miniflow.node import Input
from miniflow.ops import NLL, Log
from tests.support.onnx_models import passed
from tests.support.shipped_models import FOLDER, Answers, names, read_answers

MODELS = [name for name in names() if (FOLDER / f"{name}.onnx").exists()]
PATHS = {name: FOLDER / f"{name}.onnx" for name in MODELS}


def opened(name: str, answers: Answers) -> Graph:
    path = PATHS[name]
    known = {given.node.label for given in read(path).inputs}
    feeds: Mapping[str, Any] = {n: x for n, x in answers.inputs.items() if n in known}
    if answers.kind == "log-loss":
        # The cost of probabilities: no cost of ours takes them.
        model = read(path, feeds)
        (output,) = model.outputs
        labels = Input("labels", value=answers.labels)
        graph_of(model, cost="sum", feeds=feeds)
        return Graph.of(NLL(Log(output, name="log"), labels, name="cost"))
    if "cost" in answers.outputs and {*known} >= {*answers.inputs}:
        return load(path, feeds)
    return load(path, feeds, labels=answers.labels)


@pytest.mark.parametrize("name", MODELS)
def test_the_cost_and_every_gradient_are_those_of_pytorch(name: str) -> None:
    answers = read_answers(name)
    graph = opened(name, answers)
    plan = passed(graph)
    assert plan.cost() == pytest.approx(answers.cost, rel=1e-10)
    found = {graph.nodes[i].label: plan.gradient(i) for i in graph.trainables}
    wanted = dict(answers.gradients)
    if name == "nanogpt":
        # One name of the tied parameter, and one that the exporter has made up.
        wanted["lm_head.weight"] = wanted.pop("transformer.wte.weight")
        wanted["embedding_1"] = wanted.pop("transformer.wpe.weight")
    assert set(found) == set(wanted)
    check_scopes(graph)
    for parameter, gradient in wanted.items():
        own = found[parameter]
        if own.shape != gradient.shape or not np.allclose(own, gradient, rtol=1e-6):
            own = own.T
        scale = np.abs(gradient).max()
        np.testing.assert_allclose(own / scale, gradient / scale, atol=1e-10, err_msg=parameter)


def test_what_was_tied_is_one_parameter_again() -> None:
    model = read(PATHS["nanogpt"])
    assert (
        "val_172 has the numbers of the transpose of lm_head.weight: they are tied." in model.notes
    )


def test_no_mask_is_a_parameter() -> None:
    graph = load(PATHS["nanogpt"])
    attention = "scaled_dot_product_attention."
    masks = [n for n in graph.nodes if isinstance(n, Input) and attention in n.label]
    masks = [mask for mask in masks if np.shape(mask.value) == (32, 32)]
    assert [mask.trainable for mask in masks] == [False]


def test_without_an_example_the_numbers_are_drawn_and_that_is_said(tmp_path: Path) -> None:
    lines = load(PATHS["lenet"], example=tmp_path / "none").description.splitlines()
    assert lines[0].startswith("image has the shape 1x1x8x8: a size that the file leaves open")
    assert lines[1].startswith("Drawn at random with seed 0, as nothing was fed: image")
    assert lines[2].startswith("The cost is the sum of the entries of fc3.linear_2")


def test_a_scalar_output_is_the_cost() -> None:
    graph = load(PATHS["lstm"])
    assert graph.nodes[graph.cost].label == "cross_entropy_loss.output.loss"


def check_scopes(graph: Graph) -> None:
    """Check that each scope is in one piece, unless the graph leaves it and comes back to it."""
    names = graph.names()
    starts = {name[: end + 1] for name in names for end in range(len(name)) if name[end] in "./"}
    for scope in starts:
        if sum(inside for inside, _ in groupby(name.startswith(scope) for name in names)) == 1:
            continue
        after: set[int] = set()
        for node, sources in enumerate(graph.inbound):
            if any(names[s].startswith(scope) or s in after for s in sources):
                if names[node].startswith(scope) and not after.isdisjoint(sources):
                    break
                if not names[node].startswith(scope):
                    after.add(node)
        else:
            raise AssertionError(f"{scope} is in several pieces")
