"""The example of a model: a file beside it has what it is fed, whatever else is in that file."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from miniflow.errors import FeedError
from miniflow.graph import Graph
from miniflow.importers import pt2
from miniflow.importers.onnx import load
from tests.support.onnx_models import passed
from tests.support.shipped_models import FOLDER, read_answers

X = np.random.default_rng(1).standard_normal((3, 10)).astype(np.float32)
Y = np.array([[1.5], [2.5], [3.5]])
FED = "Fed from m.safetensors: X (3x10), labels (3x1)."
MSE = "The cost is the mean square error of Reshape with labels."


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """Return the path of a regression of ten numbers, whose batch has any size."""
    return Path(shutil.copy(FOLDER / "sklearn-diabetes.onnx", tmp_path / "m.onnx"))


def beside(model: Path, **tensors: np.ndarray) -> Path:
    """Write the example of a model; an underscore in a name stands for a slash."""
    path = model.with_suffix(".safetensors")
    save_file({name.replace("_", "/"): array for name, array in tensors.items()}, path)
    return path


def notes(graph: Graph) -> list[str]:
    return graph.description.splitlines()


@pytest.mark.parametrize("name", ["X", "input_X"])
def test_an_input_and_labels_are_those_of_the_file(model: Path, name: str) -> None:
    beside(model, **{name: X, "labels": Y, "coefficient": X[0], "input_other": X})
    graph = load(model)
    assert notes(graph) == [FED, MSE]
    assert np.array_equal(np.asarray(graph["X"].value), X.astype(np.float64))
    assert np.array_equal(np.asarray(graph["labels"].value), Y)
    assert graph.shapes()[graph.index_of("Reshape")] == (3, 1)


def test_what_is_fed_otherwise_comes_first(model: Path) -> None:
    beside(model, X=X, labels=Y)
    fed = load(model, {"X": X[:2]})
    assert "Fed from" not in fed.description
    assert "The cost is the sum" in fed.description
    labelled = load(model, labels=[[0.0], [1.0], [2.0]])
    assert notes(labelled) == ["Fed from m.safetensors: X (3x10).", MSE]
    assert np.asarray(labelled["labels"].value).ravel().tolist() == [0, 1, 2]
    summed = load(model, cost="sum")
    assert notes(summed)[0] == "Fed from m.safetensors: X (3x10)."
    with pytest.raises(FeedError, match="the model has no input 'Z'"):
        load(model, {"Z": X})


def test_labels_that_are_not_for_the_cost_are_left_out(model: Path) -> None:
    beside(model, X=X, labels=np.array([0, 0, 0]))
    assert "labels (3x1, normal)" in load(model, cost="mse").description
    assert "cross-entropy" in load(model).description


def test_without_an_input_of_the_model_the_file_changes_nothing(model: Path) -> None:
    plain = load(model)
    beside(model, weight=X, input_Z=Y)
    assert load(model).description == plain.description
    assert load(model).fingerprint == plain.fingerprint


def test_another_example_is_another_graph_for_a_session(model: Path) -> None:
    plain = load(model).fingerprint
    beside(model, X=X)
    first = load(model).fingerprint
    beside(model, X=X + 1)
    assert len({plain, first, load(model).fingerprint}) == 3


def test_numbers_that_are_not_finite_are_fed_as_they_are(model: Path) -> None:
    beside(model, X=np.where(X > 0, np.nan, X), labels=Y)
    graph = load(model)
    assert notes(graph) == [FED, MSE]
    assert np.isnan(passed(graph).cost())


WRONG: dict[str, tuple[Callable[[Path], object], str]] = {
    "another shape": (lambda m: beside(m, X=X[:, :4]), "X: its value has shape 3x4"),
    "no axes": (lambda m: beside(m, X=np.array(1.0)), "X: its value has shape ()"),
    "labels of another number": (
        lambda m: beside(m, X=X, labels=Y[:2]),
        "cost: target 2x1 and prediction 3x1 differ in shape",
    ),
    "classes that do not exist": (
        lambda m: beside(m, X=X, labels=np.array([0, 1, 0])),
        "labels: class numbers are from 0 to 0, not 1",
    ),
    "cut": (
        lambda m: m.with_suffix(".safetensors").write_bytes(beside(m, X=X).read_bytes()[:-5]),
        "not a safetensors file",
    ),
    "no tensors at all": (
        lambda m: m.with_suffix(".safetensors").write_bytes(b"\xff" * 400),
        "not a safetensors file",
    ),
    "empty": (lambda m: m.with_suffix(".safetensors").touch(), "not a safetensors file"),
    "a folder": (lambda m: m.with_suffix(".safetensors").mkdir(), "it is a folder, not a file"),
    "a pipe": (lambda m: os.mkfifo(m.with_suffix(".safetensors")), "it is a pipe"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_an_example_that_cannot_be_used_is_left_out_and_that_is_said(
    model: Path, wrong: str
) -> None:
    plain = load(model)
    make, why = WRONG[wrong]
    make(model)
    graph = load(model)
    first, *rest = notes(graph)
    assert first.startswith(f"m.safetensors is not used: {why}")
    assert rest == notes(plain)
    assert graph.fingerprint == plain.fingerprint
    assert np.isfinite(passed(graph).cost())


def test_an_archive_has_its_example_too(tmp_path: Path) -> None:
    path = Path(shutil.copy(FOLDER / "nanogpt.pt2", tmp_path / "gpt.pt2"))
    answers = read_answers("nanogpt")
    beside(path, **answers.inputs)
    graph = pt2.load(path)
    assert "Fed from gpt.safetensors: idx (2x32), targets (2x32)." in notes(graph)
    assert passed(graph).cost() == pytest.approx(answers.cost, rel=1e-10)


@pytest.mark.parametrize("name", ["sklearn-digits", "sklearn-diabetes", "lenet"])
def test_a_shipped_model_has_pytorchs_cost_as_it_is_opened(name: str) -> None:
    graph = load(FOLDER / f"{name}.onnx")
    assert passed(graph).cost() == pytest.approx(read_answers(name).cost, rel=1e-10)
