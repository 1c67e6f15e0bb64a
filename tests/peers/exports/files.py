"""Write a model as people export it, with what PyTorch computes for it beside it."""

from __future__ import annotations

import copy
import json
import logging
import site
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import safetensors.numpy
import torch
from torch import nn

from tests.peers.exports.examples import Example, answers, tied
from tests.support.paths import ROOT
from tests.support.shipped_models import Form, in_form

TORCH = f"torch {torch.__version__.partition('+')[0]}"


def write_answers(
    example: Example, folder: Path, *, made_with: str = TORCH, **more: str | Sequence[str]
) -> None:
    """Write `NAME.safetensors`: inputs, outputs, cost and gradients, and `more` as metadata.

    The metadata has where the parameters lie in `NAME.onnx`, which is written before. It is one
    entry, of JSON: several are written in any order.
    """
    about = {
        "cost": example.cost,
        "made with": made_with,
        "initializers": find_parameters(folder / f"{example.name}.onnx", example.module),
        "tied": tied(example.module),
        **more,
    }
    path = folder / f"{example.name}.safetensors"
    # It writes the memory of an array as it lies there, whatever its strides.
    arrays = {key: np.array(array, order="C") for key, array in answers(example).items()}
    safetensors.numpy.save_file(arrays, path, metadata={"about": json.dumps(about)})
    path.chmod(0o644)


def find_parameters(path: Path, module: nn.Module) -> dict[str, list[str]]:
    """Return, for each initializer that holds a parameter, its form and the keys of its gradient.

    Parameters are recognised by their values, and by their names if their values are equal.
    """
    graph = onnx.load(path).graph
    embedded = {node.input[0] for node in graph.node if node.op_type == "Gather"}
    found: dict[str, list[str]] = {}
    for tensor in graph.initializer:
        held = onnx.numpy_helper.to_array(tensor)
        fits = [
            [form, *keys]
            for form, keys, values in _layouts(module, in_gather=tensor.name in embedded)
            if np.array_equal(in_form(values, form), held)
        ]
        if len(fits) > 1:
            fits = [fit for fit in fits if fit[1].endswith(f"/{tensor.name}")]
            assert len(fits) == 1, f"{tensor.name} may be several parameters"
        if fits:
            (found[tensor.name],) = fits
    return found


def _layouts(
    module: nn.Module, *, in_gather: bool
) -> Iterator[tuple[Form, list[str], list[np.ndarray]]]:
    """Yield every way to lay out a parameter: the form, the keys of its gradient, its values.

    Of a tied parameter only the embedding is a use in a Gather, and only the rest is one elsewhere.
    """
    uses = tied(module)
    for name, parameter in module.named_parameters(remove_duplicate=False):
        embeds = isinstance(module.get_submodule(name.rpartition(".")[0]), nn.Embedding)
        if name not in uses or embeds == in_gather:
            key = f"use/{name}" if name in uses else f"gradient/{name}"
            values = parameter.detach().numpy()
            yield "same", [key], [values]
            if values.ndim == 2 and values.size > 1:
                yield "transposed", [key], [values]
    for place, part in module.named_modules():
        if isinstance(part, nn.LSTM):
            for names in (["weight_ih_l0"], ["weight_hh_l0"], ["bias_ih_l0", "bias_hh_l0"]):
                several = [part.get_parameter(name).detach().numpy() for name in names]
                yield "gates", [f"gradient/{place}.{name}" for name in names], several


def write_onnx(example: Example, folder: Path, *, external: bool = False, **options: Any) -> Path:
    """Export with PyTorch's present exporter (dynamo); `external` weights lie in a second file."""
    path = folder / f"{example.name}.onnx"
    with quiet():
        program = torch.onnx.export(
            example.module,
            tuple(example.inputs.values()),
            input_names=list(example.inputs),
            output_names=list(example.outputs),
            verbose=False,
            **options,
        )
    assert program is not None
    for node in program.model.graph.all_nodes():
        for key, text in node.metadata_props.items():
            node.metadata_props[key] = without_folders(text)
    program.save(path, external_data=external)
    return path


def write_legacy_onnx(example: Example, folder: Path, *, fold: bool = False) -> Path:
    """Export with PyTorch's first exporter, which keeps the training mode of layers.

    Unless it is to `fold` what depends on constants alone, each parameter is there as it is.
    """
    path = folder / f"{example.name}.onnx"
    with quiet():
        torch.onnx.export(
            # It runs the module, which moves the running statistics.
            copy.deepcopy(example.module),
            tuple(example.inputs.values()),
            path,
            dynamo=False,
            input_names=list(example.inputs),
            output_names=list(example.outputs),
            training=torch.onnx.TrainingMode.PRESERVE,
            do_constant_folding=fold,
        )
    return path


def write_pt2(example: Example, folder: Path, **options: Any) -> Path:
    """Write the archive of `torch.export.save`."""
    path = folder / f"{example.name}.pt2"
    exported = torch.export.export(example.module, tuple(example.inputs.values()), **options)
    for node in exported.graph.nodes:
        if "stack_trace" in node.meta:
            node.meta["stack_trace"] = without_folders(node.meta["stack_trace"])
    torch.export.save(exported, path)
    return path


def without_folders(trace: str) -> str:
    """Return a stack trace with paths from the project's folder and from that of the packages."""
    for folder in (*site.getsitepackages(), str(ROOT)):
        trace = trace.replace(f"{folder}/", "")
    return trace


@contextmanager
def quiet() -> Iterator[None]:
    """Hide what the exporters say about packages that are not installed, and about themselves."""
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(logging.NOTSET)
