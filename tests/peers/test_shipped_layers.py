"""The shipped networks with layers of larger ones, against the same networks in PyTorch.

The numbers that PyTorch gives are in `shipped_by_pytorch.json`, which the tests without PyTorch
compare with, too: `python -m tests.peers.test_shipped_layers` writes it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest

from mfdebug.core.timeline.computed_debugger import ComputedDebugger
from miniflow.files import load
from miniflow.node import Input
from tests.support.paths import ROOT
from tests.support.shipped_by_pytorch import FILE, SHIPPED_LAYERS

torch: Any = pytest.importorskip("torch", reason="needs PyTorch: pip install -e '.[test,peers]'")
nn = torch.nn.functional
Tensors = dict[str, Any]


def lenet(p: Tensors) -> Any:
    x = p["X"].reshape(-1, 1, 8, 8)
    x = nn.avg_pool2d(torch.tanh(nn.conv2d(x, p["conv1/W"], p["conv1/b"], padding=1)), 2)
    x = nn.max_pool2d(torch.tanh(nn.conv2d(x, p["conv2/W"], p["conv2/b"], padding=1)), 2)
    x = torch.tanh(x.reshape(-1, 64) @ p["full/W"] + p["full/b"])
    return nn.cross_entropy(x @ p["out/W"] + p["out/b"], p["t"].long())


def batchnorm(p: Tensors) -> Any:
    x = p["X"]
    for layer in range(1, 7):
        weight, bias = p[f"layer{layer}/gamma"], p[f"layer{layer}/beta"]
        x = nn.batch_norm(x @ p[f"layer{layer}/W"], None, None, weight, bias, training=True)
        x = torch.sigmoid(x)
    return nn.mse_loss(torch.sigmoid(x @ p["out/W"] + p["out/b"]), p["t"])


def transformer(p: Tensors) -> Any:
    def norm(x: Any, name: str) -> Any:
        return nn.layer_norm(x, (8,), p[f"block/{name}/gamma"], p[f"block/{name}/beta"])

    x = p["words"][p["tokens"].long()] + p["places"]
    rows = norm(x, "norm1")
    q, k, v = (
        (rows @ p[f"block/attention/W_{name}"]).reshape(16, 6, 2, 4).transpose(1, 2)
        for name in "qkv"
    )
    mix = nn.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2)
    x = x + mix.reshape(16, 6, 8) @ p["block/attention/W_o"]
    inner = norm(x, "norm2") @ p["block/mlp/W1"] + p["block/mlp/b1"]
    x = x + nn.gelu(inner, approximate="tanh") @ p["block/mlp/W2"] + p["block/mlp/b2"]
    return nn.cross_entropy(x.reshape(-1, 8) @ p["out/W"] + p["out/b"], p["next"].long())


def lstm(p: Tensors) -> Any:
    weights = [p["lstm/W_ih"], p["lstm/W_hh"], p["lstm/b"], torch.zeros(8, dtype=torch.float64)]
    start = torch.zeros(1, 6, 2, dtype=torch.float64)
    flags = (True, 1, 0.0, False, False, False)
    h, _, _ = torch._VF.lstm(p["x"], (start, start), weights, *flags)
    return nn.cross_entropy(h.reshape(-1, 2) @ p["W"] + p["b"], p["next"].long())


class Network(NamedTuple):
    """The network in PyTorch, and the optimizer of its graph."""

    cost: Callable[[Tensors], Any]
    optimizer: Callable[[list[Any]], Any]


NETWORKS = {
    "lenet": Network(lenet, lambda parameters: torch.optim.Adam(parameters, 0.01)),
    "batchnorm": Network(batchnorm, lambda parameters: torch.optim.SGD(parameters, 0.5)),
    "transformer": Network(transformer, lambda parameters: torch.optim.Adam(parameters, 0.01)),
    "lstm": Network(lstm, lambda parameters: torch.optim.Adam(parameters, 0.05)),
}


def by_pytorch(name: str) -> dict[str, Any]:
    """Return the first cost and gradients' norms, and the cost after the steps, in float64."""
    network = NETWORKS[name]
    debugger = ComputedDebugger(load(ROOT / "graphs" / f"{name}.json"))
    debugger.move(1)  # the feed: the first batch
    tensors, parameters = {}, {}
    for i, node in enumerate(debugger.graph.nodes):
        if isinstance(node, Input):
            array = np.array(debugger.state.value(i), np.float64)
            tensors[node.label] = torch.tensor(array, requires_grad=node.trainable)
            if node.trainable:
                parameters[node.label] = tensors[node.label]
    optimizer = network.optimizer(list(parameters.values()))
    found: dict[str, Any] = {}
    for _ in range(SHIPPED_LAYERS[name] + 1):
        optimizer.zero_grad()
        cost = network.cost(tensors)
        cost.backward()
        if not found:
            norms = {label: float(tensor.grad.norm()) for label, tensor in parameters.items()}
            found = {"cost": cost.item(), "gradients": norms}
        found["last"] = cost.item()
        optimizer.step()
    return found


@pytest.mark.parametrize("name", NETWORKS)
def test_the_numbers_written_down_are_pytorchs(name: str) -> None:
    written, found = json.loads(FILE.read_text())[name], by_pytorch(name)
    assert written["cost"] == pytest.approx(found["cost"], rel=1e-12)
    assert written["last"] == pytest.approx(found["last"], rel=1e-6)
    assert written["gradients"] == pytest.approx(found["gradients"], rel=1e-10)


if __name__ == "__main__":
    FILE.write_text(json.dumps({name: by_pytorch(name) for name in NETWORKS}, indent=1) + "\n")
