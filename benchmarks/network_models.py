"""The networks of `networks.py`: each as a graph of miniflow and as a cost in PyTorch.

A network is a list of parameters with their first values, by the name of the node, and the same
steps on them twice: `graph_cost` makes nodes, `torch_cost` calls `torch.nn.functional`. Weights of
linear layers are (inputs, outputs), as miniflow has them.
"""

# ruff: noqa: D102  (each network's methods are those its base class describes)

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
from harness import Array

import miniflow as mf
from miniflow.graph import Graph
from miniflow.node import Node
from miniflow.training.data import Batches, Data
from miniflow.training.optimizer import Optimizer
from miniflow.training.progress import Training

ROWS = 256


class Network(ABC):
    """A network with its data and first parameters, from which every engine starts."""

    name: str
    batch: int
    optimizer: Optimizer

    def __init__(self, dtype: str) -> None:
        self.dtype = np.dtype(dtype)
        self._rng = np.random.default_rng(0)
        self.parameters: dict[str, Array] = {}
        # The channels of each batch norm, by the name of the convolution before it.
        self.normalised: dict[str, int] = {}
        self.x, self.y = self.make_data(self._rng)
        self.make_parameters()

    @abstractmethod
    def make_data(self, rng: np.random.Generator) -> tuple[Array, Array]:
        """Return a table of examples, and one of labels."""

    @abstractmethod
    def make_parameters(self) -> None:
        """Add all parameters."""

    @abstractmethod
    def graph_cost(self, x: Any, y: Any, p: dict[str, Any]) -> Node:
        """Return the node of the cost."""

    @abstractmethod
    def torch_cost(self, torch: Any, x: Any, y: Any, p: dict[str, Any]) -> Any:
        """Return the tensor of the cost."""

    def torch_state(self, torch: Any) -> None:
        """Make the running mean and variance of each batch norm."""
        dtype = getattr(torch, self.dtype.name)
        self.running = {
            name: (torch.zeros(count, dtype=dtype), torch.ones(count, dtype=dtype))
            for name, count in self.normalised.items()
        }

    def graph(self) -> Graph:
        """Return the network as a graph of its own."""
        x = mf.Input("x", shape=(None, *self.x.shape[1:]))
        y = mf.Input("y", shape=(None, *self.y.shape[1:]))
        p = {name: mf.parameter(value, name) for name, value in self.parameters.items()}
        return Graph.of(
            self.graph_cost(x, y, p),
            dtype=self.dtype.name,
            training=Training(self.optimizer, self.batch, "replacement", 0),
            data=Data({"x": self.x.astype(self.dtype), "y": self.y.astype(self.dtype)}),
        )

    def drawn(self, steps: int) -> list[Array]:
        """Return the row numbers of SGD steps 0 .. steps-1."""
        batches = Batches(len(self.x), self.batch, "replacement", 0)
        return [np.array(batches.rows_of(step)) for step in range(steps)]

    def __str__(self) -> str:
        return f"{self.name}, {self.dtype}"

    # The parameters of layers ------------------------------------------------------------

    def add(self, name: str, shape: tuple[int, ...], scale: float) -> None:
        """Add a parameter with normal values."""
        self.parameters[name] = (scale * self._rng.normal(size=shape)).astype(self.dtype)

    def add_constant(self, name: str, size: int, value: float) -> None:
        """Add a vector of equal values."""
        self.parameters[name] = np.full(size, value, self.dtype)

    def add_linear(self, name: str, inputs: int, outputs: int, scale: float | None = None) -> None:
        """Add the weight and the bias of a linear layer."""
        self.add(f"{name}/W", (inputs, outputs), 1 / np.sqrt(inputs) if scale is None else scale)
        self.add_constant(f"{name}/b", outputs, 0.0)

    def add_norm(self, name: str, size: int) -> None:
        """Add the weight and the bias of a norm."""
        self.add_constant(f"{name}/g", size, 1.0)
        self.add_constant(f"{name}/b", size, 0.0)


class LeNet(Network):
    """LeNet-5: two convolutions 5x5, each with a tanh and a mean of 2x2, and three dense layers.

    Y. LeCun, L. Bottou, Y. Bengio and P. Haffner, "Gradient-based learning applied to document
    recognition", Proc. IEEE 86, 1998; with 28x28 images padded to its 32x32, means for its trained
    subsampling, and a softmax for its radial basis functions.
    """

    name = "LeNet-5, batch 32 of 28x28"
    batch = 32
    optimizer = mf.Momentum(0.05, 0.9)

    def make_data(self, rng: np.random.Generator) -> tuple[Array, Array]:
        return rng.normal(size=(ROWS, 1, 28, 28)), rng.integers(10, size=ROWS)

    def make_parameters(self) -> None:
        for name, outputs, inputs in (("c1", 6, 1), ("c3", 16, 6)):
            self.add(f"{name}/W", (outputs, inputs, 5, 5), 1 / np.sqrt(25 * inputs))
            self.add_constant(f"{name}/b", outputs, 0.0)
        for name, inputs, outputs in (("c5", 400, 120), ("f6", 120, 84), ("out", 84, 10)):
            self.add_linear(name, inputs, outputs)

    def graph_cost(self, x: Any, y: Any, p: dict[str, Any]) -> Node:
        for name, padding in (("c1", 2), ("c3", 0)):
            a = mf.tanh(mf.conv(x, p[f"{name}/W"], p[f"{name}/b"], padding=padding))
            x = mf.average_pool(a, kernel=2)
        x = mf.Reshape(x, shape=[-1, 400])
        for name in ("c5", "f6"):
            x = mf.tanh(mf.linear(x, p[f"{name}/W"], p[f"{name}/b"]))
        return mf.softmax_cross_entropy(mf.linear(x, p["out/W"], p["out/b"]), y)

    def torch_cost(self, torch: Any, x: Any, y: Any, p: dict[str, Any]) -> Any:
        f = torch.nn.functional
        for name, padding in (("c1", 2), ("c3", 0)):
            a = torch.tanh(f.conv2d(x, p[f"{name}/W"], p[f"{name}/b"], padding=padding))
            x = f.avg_pool2d(a, 2)
        x = x.reshape(-1, 400)
        for name in ("c5", "f6"):
            x = torch.tanh(torch.addmm(p[f"{name}/b"], x, p[f"{name}/W"]))
        return f.cross_entropy(torch.addmm(p["out/b"], x, p["out/W"]), y)


class ResNet(Network):
    """A residual network for 32x32 images: a stem and 3 stages of a block, 16, 32 and 64 channels.

    K. He, X. Zhang, S. Ren and J. Sun, "Deep residual learning for image recognition", CVPR 2016,
    section 4.2 with n = 1; the shortcuts between stages are 1x1 convolutions, as in section 3.3, B.
    """

    name = "ResNet-8, batch 16 of 32x32"
    batch = 16
    optimizer = mf.Momentum(0.05, 0.9)
    STAGES = ((16, 16, 1), (16, 32, 2), (32, 64, 2))

    def make_data(self, rng: np.random.Generator) -> tuple[Array, Array]:
        return rng.normal(size=(ROWS, 3, 32, 32)), rng.integers(10, size=ROWS)

    def make_parameters(self) -> None:
        self._add_conv("stem", 3, 16, 3)
        for stage, (inputs, outputs, stride) in enumerate(self.STAGES, 1):
            self._add_conv(f"s{stage}/1", inputs, outputs, 3)
            self._add_conv(f"s{stage}/2", outputs, outputs, 3)
            if stride > 1:
                self._add_conv(f"s{stage}/cut", inputs, outputs, 1)
        self.add_linear("out", 64, 10)

    def _add_conv(self, name: str, inputs: int, outputs: int, kernel: int) -> None:
        shape = (outputs, inputs, kernel, kernel)
        self.add(f"{name}/W", shape, np.sqrt(2 / (inputs * kernel * kernel)))
        self.add_norm(f"{name}/bn", outputs)
        self.normalised[name] = outputs

    def graph_cost(self, x: Any, y: Any, p: dict[str, Any]) -> Node:
        def conv(x: Node, name: str, stride: int = 1) -> Node:
            weights = p[f"{name}/W"]
            padding = self.parameters[f"{name}/W"].shape[-1] // 2
            found = mf.conv(x, weights, stride=stride, padding=padding)
            return mf.batch_norm(found, p[f"{name}/bn/g"], p[f"{name}/bn/b"])

        x = mf.relu(conv(x, "stem"))
        for stage, (_, _, stride) in enumerate(self.STAGES, 1):
            inner = mf.relu(conv(x, f"s{stage}/1", stride))
            cut = conv(x, f"s{stage}/cut", stride) if stride > 1 else x
            x = mf.relu(conv(inner, f"s{stage}/2") + cut)
        x = mf.Reshape(mf.adaptive_average_pool(x), shape=[-1, 64])
        return mf.softmax_cross_entropy(mf.linear(x, p["out/W"], p["out/b"]), y)

    def torch_cost(self, torch: Any, x: Any, y: Any, p: dict[str, Any]) -> Any:
        f = torch.nn.functional

        def conv(x: Any, name: str, stride: int = 1) -> Any:
            weights = p[f"{name}/W"]
            found = f.conv2d(x, weights, stride=stride, padding=weights.shape[-1] // 2)
            weight, bias = p[f"{name}/bn/g"], p[f"{name}/bn/b"]
            return f.batch_norm(found, *self.running[name], weight, bias, training=True)

        x = f.relu(conv(x, "stem"))
        for stage, (_, _, stride) in enumerate(self.STAGES, 1):
            inner = f.relu(conv(x, f"s{stage}/1", stride))
            cut = conv(x, f"s{stage}/cut", stride) if stride > 1 else x
            x = f.relu(conv(inner, f"s{stage}/2") + cut)
        x = f.adaptive_avg_pool2d(x, 1).reshape(-1, 64)
        return f.cross_entropy(torch.addmm(p["out/b"], x, p["out/W"]), y)


class NanoGPT(Network):
    """nanoGPT (A. Karpathy, github.com/karpathy/nanoGPT, model.py): a GPT-2 in small.

    Its token embedding is tied to the last layer, and its linear layers have biases; the GELU is
    the exact one, as there. No dropout.
    """

    name = "nanoGPT, 4 layers of width 128, 4 heads, batch 4 of 64 tokens"
    batch = 4
    optimizer = mf.AdamW(1e-3, beta2=0.99, weight_decay=0.1)
    LAYERS, WIDTH, HEADS, LENGTH, WORDS = 4, 128, 4, 64, 65

    def make_data(self, rng: np.random.Generator) -> tuple[Array, Array]:
        text = rng.integers(self.WORDS, size=(ROWS, self.LENGTH + 1))
        return text[:, :-1], text[:, 1:]

    def make_parameters(self) -> None:
        width = self.WIDTH
        self.add("wte", (self.WORDS, width), 0.02)
        self.add("wpe", (self.LENGTH, width), 0.02)
        for layer in range(self.LAYERS):
            to_sum = 0.02 / np.sqrt(2 * self.LAYERS)
            self.add_norm(f"h{layer}/ln1", width)
            self.add_linear(f"h{layer}/qkv", width, 3 * width, 0.02)
            self.add_linear(f"h{layer}/proj", width, width, to_sum)
            self.add_norm(f"h{layer}/ln2", width)
            self.add_linear(f"h{layer}/up", width, 4 * width, 0.02)
            self.add_linear(f"h{layer}/down", 4 * width, width, to_sum)
        self.add_norm("ln", width)

    def graph_cost(self, x: Any, y: Any, p: dict[str, Any]) -> Node:
        def norm(x: Node, name: str) -> Node:
            return mf.layer_norm(x, p[f"{name}/g"], p[f"{name}/b"])

        def linear(x: Node, name: str) -> Node:
            return mf.linear(x, p[f"{name}/W"], p[f"{name}/b"])

        x = mf.take(p["wte"], x) + p["wpe"]
        for layer in range(self.LAYERS):
            at = f"h{layer}"
            q, k, v = mf.split(linear(norm(x, f"{at}/ln1"), f"{at}/qkv"), 3, axis=-1)
            x = x + linear(mf.attention(q, k, v, heads=self.HEADS, causal=True), f"{at}/proj")
            up = mf.gelu(linear(norm(x, f"{at}/ln2"), f"{at}/up"), form="erf")
            x = x + linear(up, f"{at}/down")
        return mf.softmax_cross_entropy(mf.matmul(norm(x, "ln"), mf.Transpose(p["wte"])), y)

    def torch_cost(self, torch: Any, x: Any, y: Any, p: dict[str, Any]) -> Any:
        f = torch.nn.functional

        def norm(x: Any, name: str) -> Any:
            return f.layer_norm(x, (self.WIDTH,), p[f"{name}/g"], p[f"{name}/b"], 1e-5)

        def linear(x: Any, name: str) -> Any:
            return f.linear(x, p[f"{name}/W"].T, p[f"{name}/b"])

        def by_head(x: Any) -> Any:
            return x.view(*x.shape[:2], self.HEADS, -1).transpose(1, 2)

        x = f.embedding(x, p["wte"]) + p["wpe"]
        for layer in range(self.LAYERS):
            at = f"h{layer}"
            parts = linear(norm(x, f"{at}/ln1"), f"{at}/qkv").split(self.WIDTH, dim=2)
            q, k, v = map(by_head, parts)
            mixed = f.scaled_dot_product_attention(q, k, v, is_causal=True)
            x = x + linear(mixed.transpose(1, 2).reshape(x.shape), f"{at}/proj")
            x = x + linear(f.gelu(linear(norm(x, f"{at}/ln2"), f"{at}/up")), f"{at}/down")
        logits = f.linear(norm(x, "ln"), p["wte"])
        return f.cross_entropy(logits.view(-1, self.WORDS), y.view(-1))


NETWORKS: dict[str, type[Network]] = {"lenet": LeNet, "resnet": ResNet, "nanogpt": NanoGPT}
