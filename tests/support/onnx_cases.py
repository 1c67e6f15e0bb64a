"""The cases with which the onnx package tests what runs models: made in memory, or on its disk."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper
from onnx.backend.test.loader import load_model_tests

from miniflow.graph import Graph
from miniflow.importers.model import ImportedModel
from miniflow.importers.onnx.names import clean
from miniflow.importers.onnx.reference import ReferenceOp
from miniflow.importers.onnx.walk import Walk
from miniflow.node import Input
from miniflow.ops import Add, Mul, Sum
from miniflow.structure import with_inputs

DATA = Path(onnx.__file__).parent / "backend" / "test" / "data"
# Older releases have other cases, without their numbers in memory, and a reference implementation
# that reverses no recurrent layer.
IS_RECENT = tuple(map(int, onnx.__version__.split(".")[:2])) >= (1, 20)
FLOATS = {
    onnx.TensorProto.FLOAT,
    onnx.TensorProto.FLOAT16,
    onnx.TensorProto.BFLOAT16,
    onnx.TensorProto.DOUBLE,
}


@dataclass
class Case:
    """A model, what is fed to it, and what its outputs must be."""

    name: str
    model: onnx.ModelProto
    inputs: list[Any]
    outputs: list[Any]

    @property
    def has_float_outputs(self) -> bool:
        """Whether all outputs are tensors of floats."""
        outputs = self.model.graph.output
        return bool(outputs) and all(
            value.type.HasField("tensor_type") and value.type.tensor_type.elem_type in FLOATS
            for value in outputs
        )

    @property
    def tolerance(self) -> float:
        """The relative difference that the narrowest type of an output leaves."""
        return 5e-2 if any(x.dtype.itemsize < 4 for x in self.outputs) else 1e-3

    def feeds(self) -> dict[str, Any]:
        """Return the values of the inputs by name, floats in float64."""
        initializers = {tensor.name for tensor in self.model.graph.initializer}
        names = [v.name for v in self.model.graph.input if v.name not in initializers]
        return {clean(name): _plain(x) for name, x in zip(names, self.inputs, strict=False)}


def _plain(x: Any) -> Any:
    """Return an array in a type that NumPy has itself, if it is one of numbers."""
    return x.astype(np.float64) if "float" in x.dtype.name else x


@cache
def node_cases() -> list[Case]:
    """Return the cases of single nodes with floats as outputs; making them takes 2 s."""
    with warnings.catch_warnings():
        # Of casts that overflow, as some cases must.
        warnings.simplefilter("ignore")
        tests = load_model_tests(kind="node")
    cases = [Case(t.name, t.model, *map(_arrays, t.data_sets[0])) for t in tests]
    return [case for case in cases if case.has_float_outputs]


def _arrays(values: Sequence[Any]) -> list[Any]:
    return [
        numpy_helper.to_array(value) if isinstance(value, onnx.TensorProto) else np.asarray(value)
        for value in values
        if isinstance(value, onnx.TensorProto | np.ndarray | np.generic)
    ]


def disk_cases(kind: str) -> Iterator[Case]:
    """Yield the cases in a folder of the package's data."""
    for folder in sorted((DATA / kind).iterdir()):
        data = folder / "test_data_set_0"
        yield Case(
            folder.name,
            onnx.load(folder / "model.onnx"),
            _files(data, "input"),
            _files(data, "output"),
        )


def _files(folder: Path, kind: str) -> list[Any]:
    paths = sorted(folder.glob(f"{kind}_*.pb"), key=lambda path: int(path.stem.split("_")[1]))
    return [_file(path) for path in paths]


def _file(path: Path) -> Any:
    return numpy_helper.to_array(onnx.TensorProto.FromString(path.read_bytes()))


def light_cases() -> Iterator[Case]:
    """Yield the large networks, without weights of their own: ones are fed."""
    for path in sorted((DATA / "light").glob("*.onnx")):
        model = onnx.load(path)
        given = {tensor.name for tensor in model.graph.initializer}
        shapes = [
            [axis.dim_value for axis in value.type.tensor_type.shape.dim]
            for value in model.graph.input
            if value.name not in given
        ]
        output = _file(path.with_name(f"{path.stem}_output_0.pb"))
        yield Case(path.stem, model, [np.ones(s, np.float32) for s in shapes], [output])


def opened(case: Case) -> ImportedModel:
    """Return the nodes of a case, its inputs fed."""
    feeds = case.feeds()
    model = Walk(case.model, Path("case.onnx"), feeds).run()
    for given in model.inputs:
        value = np.asarray(feeds[given.node.label])
        given.node.value = value.astype(np.int64 if value.dtype.kind in "biu" else np.float64)
    return model


def forward(model: ImportedModel) -> list[Any]:
    """Return the values of the outputs, by the protocol of the lesson."""
    for node in with_inputs(model.outputs):
        node.forward()
    return [np.asarray(output.value) for output in model.outputs]


def lacking(model: ImportedModel) -> list[str]:
    """Return the ops without a rule."""
    nodes = with_inputs(model.outputs)
    return [type(n).__name__ for n in nodes if isinstance(n, ReferenceOp) and not n.in_jumps]


def weighted(model: ImportedModel) -> Graph:
    """Return a graph with all outputs in its cost, each entry with a weight of its own."""
    rng = np.random.default_rng(0)
    sums = []
    for i, output in enumerate(model.outputs):
        weights = Input(f"weights {i}", value=rng.uniform(0.5, 1.5, np.shape(output.value)))
        sums.append(Sum(Mul(output, weights, name=f"weighted {i}"), name=f"sum {i}"))
    return Graph.of(Add(*sums, name="the cost"))
