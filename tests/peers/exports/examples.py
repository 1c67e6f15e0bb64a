"""A model with inputs, and what PyTorch computes for it in float64: outputs, cost, gradients."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

Cost = Literal["cross-entropy", "log-loss", "mse", "sum"]
Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class Example:
    """A module, the inputs of a pass by name, and the cost of its first output.

    `labels` are class numbers for the cross-entropy, which takes scores, and for the log loss,
    which takes probabilities; and targets of the output's shape for the mean square error.
    """

    name: str
    module: nn.Module
    inputs: dict[str, Tensor]
    cost: Cost
    labels: Tensor | None = None
    outputs: tuple[str, ...] = ("scores",)


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Draw the same random numbers within, whatever was drawn before and is drawn after."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


def cost_of(scores: Tensor, cost: Cost, labels: Tensor | None) -> Tensor:
    """Return the scalar cost of `scores`; classes lie along the last axis."""
    if cost == "sum":
        return scores.sum()
    assert labels is not None
    if cost == "mse":
        return functional.mse_loss(scores, labels)
    if cost == "log-loss":
        return functional.nll_loss(scores.log(), labels)
    return functional.cross_entropy(scores.reshape(-1, scores.shape[-1]), labels.reshape(-1))


def in_double(value: Tensor) -> Tensor:
    """Return a floating tensor in float64, and any other as it is."""
    return value.double() if value.is_floating_point() else value


def answers(example: Example, *, attributes: Literal["float32", "float64"] = "float32") -> Arrays:
    """Return what a pass and its gradients are in float64, starting from the float32 weights.

    The attributes of layers, such as an epsilon, are float32 in .onnx files and float64 in .pt2.

    The keys are `input/NAME`, `labels`, `output/NAME`, `cost`, `gradient/PARAMETER` with the
    parameter's name in the module, and `use/PARAMETER` for each name of a tied parameter: the part
    of its gradient that comes through that use. The parts add up to its gradient.
    """
    arrays = {f"input/{name}": value.numpy() for name, value in example.inputs.items()}
    if example.labels is not None:
        arrays["labels"] = example.labels.numpy()
    module = copy.deepcopy(example.module).double()
    if attributes == "float32":
        _round_attributes(module)
    outputs, cost = _backward(module, example)
    arrays |= {
        f"output/{name}": y.numpy() for name, y in zip(example.outputs, outputs, strict=True)
    }
    arrays["cost"] = cost.numpy()
    arrays |= {f"gradient/{name}": g for name, g in _gradients(module)}
    uses = tied(module)
    if uses:
        for name in uses:
            module.get_submodule(name.rpartition(".")[0]).register_parameter(
                name.rpartition(".")[2], nn.Parameter(module.get_parameter(name).detach().clone())
            )
        _backward(module, example)
        arrays |= {f"use/{name}": g for name, g in _gradients(module) if name in uses}
    return arrays


def _backward(module: nn.Module, example: Example) -> tuple[list[Tensor], Tensor]:
    """Run a pass and its gradients; return its outputs and its cost, detached."""
    module.zero_grad(set_to_none=True)
    outputs = module(*(in_double(value) for value in example.inputs.values()))
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    labels = None if example.labels is None else in_double(example.labels)
    cost = cost_of(outputs[0], example.cost, labels)
    cost.backward()  # type: ignore[no-untyped-call]
    return [output.detach() for output in outputs], cost.detach()


def _round_attributes(module: nn.Module) -> None:
    for part in module.modules():
        for name in ("eps", "negative_slope"):
            if hasattr(part, name):
                setattr(part, name, float(np.float32(getattr(part, name))))


def _gradients(module: nn.Module) -> Iterator[tuple[str, np.ndarray]]:
    for name, parameter in module.named_parameters():
        assert parameter.grad is not None, f"the cost does not depend on {name}"
        yield name, parameter.grad.numpy().copy()


def tied(module: nn.Module) -> list[str]:
    """Return every name of each parameter that has several."""
    names: dict[int, list[str]] = {}
    for name, parameter in module.named_parameters(remove_duplicate=False):
        names.setdefault(id(parameter), []).append(name)
    return [name for several in names.values() if len(several) > 1 for name in several]
