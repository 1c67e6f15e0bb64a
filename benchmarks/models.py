"""Models of other libraries: the time to open one, to show it, and the cost of a key.

    python benchmarks/models.py

ResNet18 is built here as PyTorch exports it, with random weights, which takes the onnx package
alone; the nanoGPT is the one that ships. A file is opened in this process, against reading its
tensors as arrays; a start is a whole process up to the complete first screen, in a
pseudo-terminal; keys are in milliseconds of processor time, as in `app.py`.
"""

from __future__ import annotations

import sys
import tempfile
import zipfile
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from app import LOOK, keys, ran, row, started
from files import large_graph
from harness import Contestant, Result, machine, measure, one_thread, options, show, table

from mfdebug.opening.graphs import open_graph
from mfdebug.opening.shipped import folder

ROUNDS = 15
SHIPPED = folder() / "models"
# What the files are opened with: a cost, and no picture or text.
LABELS: dict[str, Any] = {"labels": [3]}
MISSING = "The onnx package is not installed: `pip install 'mfdebug[onnx]'` adds the .onnx files."
# Opens what is named.
OPEN = "import sys; from mfdebug.opening.graphs import open_graph; open_graph(sys.argv[1])"
# The width and the stride of each of the eight blocks.
BLOCKS = ((64, 1), (64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), (512, 1))


class ResNet18:
    """Writes ResNet18 for 224x224 pictures, its BatchNorms merged into the convolutions."""

    def __init__(self, onnx: Any) -> None:
        self.onnx = onnx
        self.rng = np.random.default_rng(0)
        self.nodes: list[Any] = []
        self.tensors: list[Any] = []

    def write(self, path: Path) -> None:
        """Write the file."""
        onnx, helper = self.onnx, self.onnx.helper
        x = self.relu(self.conv("image", "conv1", 64, 3, size=7, stride=2), "relu")
        x = self.node("MaxPool", [x], "maxpool", kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4)
        inner = 64
        for number, (width, stride) in enumerate(BLOCKS):
            x = self.block(x, f"layer{number // 2 + 1}.{number % 2}", inner, width, stride)
            inner = width
        x = self.node("GlobalAveragePool", [x], "avgpool")
        x = self.node("Flatten", [x], "flatten")
        weights = [self.tensor("fc.weight", 1000, inner), self.tensor("fc.bias", 1000)]
        x = self.node("Gemm", [x, *weights], "fc", transB=1)
        element = onnx.TensorProto.FLOAT
        graph = helper.make_graph(
            self.nodes,
            "resnet18",
            [helper.make_tensor_value_info("image", element, [1, 3, 224, 224])],
            [helper.make_tensor_value_info(x, element, [1, 1000])],
            self.tensors,
        )
        opset = helper.make_opsetid("", 18)
        path.write_bytes(helper.make_model(graph, opset_imports=[opset]).SerializeToString())

    def block(self, x: str, name: str, inner: int, width: int, stride: int) -> str:
        """Add two convolutions and a skip."""
        first = self.conv(x, f"{name}.conv1", width, inner, stride=stride)
        y = self.conv(self.relu(first, f"{name}.relu1"), f"{name}.conv2", width, width)
        if inner != width:
            x = self.conv(x, f"{name}.downsample", width, inner, size=1, stride=stride)
        return self.relu(self.node("Add", [y, x], f"{name}.add"), f"{name}.relu2")

    def conv(
        self, x: str, name: str, width: int, inner: int, *, size: int = 3, stride: int = 1
    ) -> str:
        """Add a convolution."""
        given = [self.tensor(f"{name}.weight", width, inner, size, size)]
        given.append(self.tensor(f"{name}.bias", width))
        attributes = {"kernel_shape": [size] * 2, "strides": [stride] * 2, "pads": [size // 2] * 4}
        return self.node("Conv", [x, *given], name, **attributes)

    def relu(self, x: str, name: str) -> str:
        """Add a ReLU."""
        return self.node("Relu", [x], name)

    def node(self, kind: str, inputs: list[str], name: str, **attributes: Any) -> str:
        """Add a node, and return the name of its value."""
        self.nodes.append(self.onnx.helper.make_node(kind, inputs, [name], **attributes))
        return name

    def tensor(self, name: str, *shape: int) -> str:
        """Add a parameter."""
        deviation = np.sqrt(2 / np.prod(shape[1:])) if len(shape) > 1 else 0.01
        numbers = (self.rng.standard_normal(shape) * deviation).astype(np.float32)
        self.tensors.append(self.onnx.numpy_helper.from_array(numbers, name))
        return name


def arrays_of_onnx(onnx: Any, path: Path) -> list[np.ndarray]:
    """Read the tensors of an .onnx file, in float64."""
    tensors = onnx.load(path).graph.initializer
    return [onnx.numpy_helper.to_array(tensor).astype(np.float64) for tensor in tensors]


def arrays_of_pt2(path: Path) -> list[np.ndarray]:
    """Read the weights of a .pt2 file, in float64."""
    with zipfile.ZipFile(path) as archive:
        names = [name for name in archive.namelist() if "/data/weights/weight_" in name]
        return [np.frombuffer(archive.read(name), np.float32).astype(np.float64) for name in names]


def opening(name: str, path: Path, read: Callable[[], object], rounds: int) -> list[Result]:
    """Measure opening a file against reading its tensors."""
    given = LABELS if name == "ResNet18" else {}

    def repeat(action: Callable[[], object]) -> Callable[[int], object]:
        return lambda times: [action() for _ in range(times)]

    both = [
        Contestant("its tensors as arrays", repeat(read)),
        Contestant(
            f"**mfdebug, opening {path.name}**", repeat(lambda: open_graph(str(path), {}, given))
        ),
    ]
    return measure(lambda: both, rounds)


def run(rounds: int) -> list[str]:
    """Return the Markdown lines of this benchmark."""
    onnx = import_module("onnx") if find_spec("onnx") else None
    lines = ["## Models of other libraries", ""]
    files = {"nanoGPT, .pt2": SHIPPED / "nanogpt.pt2"}
    with tempfile.TemporaryDirectory() as made:
        small, lenet = Path(made, "small.json"), folder() / "lenet.json"
        small.write_bytes(large_graph(100))
        if onnx is None:
            lines += [MISSING, ""]
        else:
            import_module("onnx.numpy_helper")
            resnet = Path(made, "resnet18.onnx")
            ResNet18(onnx).write(resnet)
            files = {"ResNet18": resnet, "nanoGPT, .onnx": SHIPPED / "nanogpt.onnx", **files}
        lines += ["### Opening a file", ""]
        for name, path in files.items():

            def read(path: Path = path) -> object:
                return arrays_of_pt2(path) if path.suffix == ".pt2" else arrays_of_onnx(onnx, path)

            graph = open_graph(str(path), {}, LABELS if name == "ResNet18" else {}).graph
            numbers = sum(np.size(graph.nodes[i].value) for i in graph.trainables)
            results = opening(name, path, read, rounds)
            title = f"{name}: {len(graph):,} nodes, {numbers:,} parameters"
            lines += [title, "", *table(results, "file"), ""]
        lines += starts(files, rounds)
        lines += [
            "### A key on a model, 100 times",
            "",
            "| screen | graph | key | median | 99 % | most |",
            "|:--|:--|:--|--:|--:|--:|",
        ]
        for name, path in {"100 nodes": small, "LeNet, a graph file": lenet, **files}.items():
            given = ["--labels", "3"] if name == "ResNet18" else []
            lines.append(row("80x24", name, "↓ ↑", keys(path, 80, 24, LOOK, given)))
    return [*lines, ""]


def starts(files: dict[str, Path], rounds: int) -> list[str]:
    """Measure new processes: those that open a file, and the app up to its first screen."""

    def opened(name: str, graph: str | Path) -> Contestant:
        command = [sys.executable, "-c", OPEN, str(graph)]
        return Contestant(f"{name}, opened", lambda times: [ran(command) for _ in range(times)])

    def shown(name: str, graph: str | Path) -> Contestant:
        given = ["--labels", "3"] if name == "ResNet18" else []
        command = [sys.executable, "-m", "mfdebug", str(graph), *given]
        title = f"**{name}, the first screen**"
        return Contestant(title, lambda times: [started(command) for _ in range(times)])

    graphs: dict[str, str | Path] = {"xor": "xor", **files}
    apps = [make(*graph) for graph in graphs.items() for make in (opened, shown)]
    results = measure(lambda: apps, rounds)
    lines = ["### A new process", "", *table(results, "start"), ""]
    seconds = [result.seconds for result in results]
    for i, name in enumerate(files, 1):
        more = [(seconds[2 * i + kind] - seconds[kind]) * 1e3 for kind in (0, 1)]
        lines.append(
            f"- {name}: opening takes {_more(more[0])} than for xor, and what comes after it, up "
            f"to the first screen, {_more(more[1] - more[0])}."
        )
    return [*lines, ""]


def _more(milliseconds: float) -> str:
    return f"{abs(milliseconds):,.0f} ms {'more' if milliseconds > 0 else 'less'}"


if __name__ == "__main__":
    one_thread()
    asked = options(__doc__ or "", ROUNDS).parse_args()
    show([*run(asked.rounds), machine()], markdown=asked.markdown)
