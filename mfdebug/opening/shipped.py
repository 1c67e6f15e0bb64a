"""The shipped graphs, models, runs and demos: found by name, and listed with their descriptions.

Listing reads the files as plain JSON, so that it does not wait for numpy to be imported.
"""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

# The shipped graphs by what they show, in the order in which to read them.
GROUPS = {
    "what a learning rate does": ("wx", "parabola"),
    "what add, max and multiply do": ("circuit-a", "circuit-b", "sigmoid-neuron"),
    "why gradients add up": ("diamond", "square"),
    "the MiniFlow lesson": (
        "lesson-linear",
        "lesson-backward",
        "lesson-mse",
        "lesson-neuron",
        "diabetes",
    ),
    "a network that learns": ("linear-regression", "xor", "softmax", "digits"),
    "layers of larger networks": (
        "edge",
        "lenet",
        "batchnorm",
        "norm-or-not",
        "transformer",
        "lstm",
    ),
    "what can go wrong": ("vanishing", "exploding", "dead-relu", "log-nan", "log-safe"),
    "why momentum helps": ("valley", "valley-momentum"),
}

# The shipped models of other libraries, with what they are; graphs/models/README.md says more.
MODELS = {
    "lenet.onnx": "LeNet on digits of 8x8 pixels, as PyTorch exports it. It gives scores.",
    "resnet-block.onnx": "A small ResNet on the digits, BatchNorm as in training. It gives scores.",
    "lstm.onnx": "An LSTM that counts letters. It gives scores and the cost.",
    "nanogpt.onnx": "nanoGPT on the characters of a nursery rhyme. It gives scores.",
    "nanogpt.pt2": "The same nanoGPT as torch.export saves it. It gives scores and the cost.",
    "sklearn-digits.onnx": "scikit-learn's MLPClassifier on the digits. It gives probabilities.",
    "sklearn-diabetes.onnx": "scikit-learn's MLPRegressor on the diabetes table, after a scaler.",
}

# The graphs of the quiz's course, from simple to hard.
COURSE = (
    "circuit-a",
    "wx",
    "circuit-b",
    "diamond",
    "square",
    "sigmoid-neuron",
    "linear-regression",
    "xor",
    "softmax",
    "dead-relu",
)
# The shipped runs of programs, with what they are.
RUNS = {
    "gpt-with-a-nan.mfrun": "A small GPT trained in PyTorch; its loss stops falling in SGD step 6. "
    "Recorded: no PyTorch is needed.",
}

# The shipped demos, in the order in which to watch them.
DEMOS = (
    "five-to-two",
    "chain-rule",
    "gates",
    "diamond",
    "xor-learns",
    "convolution",
    "attention",
    "why-normalise",
    "where-did-nan-come-from",
    "where-does-pytorch-turn-nan",
)


class Shipped(NamedTuple):
    """A shipped graph, model or run: its name, file and description."""

    name: str
    path: Path
    description: str


def folder() -> Path:
    """Return the folder of the shipped graphs: in the package, or next to it in a checkout."""
    package = Path(__file__).parents[1]
    inside = package / "graphs"
    return inside if inside.is_dir() else package.parent / "graphs"


def shipped() -> list[Shipped]:
    """Return the shipped graphs, in the order of their groups."""
    order = [name for names in GROUPS.values() for name in names]
    rank = {name: position for position, name in enumerate(order)}
    graphs = [_read(path) for path in sorted(folder().glob("*.json"))]
    return sorted(graphs, key=lambda graph: (rank.get(graph.name, len(rank)), graph.name))


def find(name: str) -> Path | None:
    """Return the file of the shipped graph or model called `name`, or None."""
    if name in MODELS:
        path = folder() / "models" / name
        return path if path.is_file() else None
    if not name or set("/\\.") & set(name):
        return None
    path = folder() / f"{name}.json"
    return path if path.is_file() else None


def find_run(name: str) -> Path | None:
    """Return the shipped run file called `name`, with its suffix, or None."""
    path = folder() / "runs" / name
    return path if name in RUNS and path.is_file() else None


def names() -> list[str]:
    """Return the names of the shipped graphs, models and runs, without reading the files."""
    return [*sorted(path.stem for path in folder().glob("*.json")), *MODELS, *RUNS]


def shipped_models() -> list[Shipped]:
    """Return the shipped models of other libraries."""
    return [Shipped(name, folder() / "models" / name, text) for name, text in MODELS.items()]


def shipped_runs() -> list[Shipped]:
    """Return the shipped runs of programs."""
    return [Shipped(name, folder() / "runs" / name, text) for name, text in RUNS.items()]


class ShippedDemo(NamedTuple):
    """A shipped demo: its name, file, title and first caption."""

    name: str
    path: Path
    title: str
    opening: str


def shipped_demos() -> list[ShippedDemo]:
    """Return the shipped demos, in the order in which to watch them."""
    rank = {name: position for position, name in enumerate(DEMOS)}
    demos = [_read_demo(path) for path in (folder() / "demos").glob("*.demo")]
    return sorted(demos, key=lambda demo: (rank.get(demo.name, len(rank)), demo.name))


def next_demo(name: str) -> ShippedDemo | None:
    """Return the demo to watch after the one called `name`, or None."""
    following = dict(pairwise(DEMOS)).get(name)
    return next((demo for demo in shipped_demos() if demo.name == following), None)


def _read_demo(path: Path) -> ShippedDemo:
    rows = path.read_text(encoding="utf-8").splitlines()

    def first(prefix: str) -> str:
        texts = (row.removeprefix(prefix).strip() for row in rows if row.startswith(prefix))
        return next(texts, "")

    return ShippedDemo(path.stem, path, first("# title ") or path.stem, first("say "))


def _read(path: Path) -> Shipped:
    content = json.loads(path.read_text(encoding="utf-8"))
    return Shipped(path.stem, path, content.get("description", ""))
