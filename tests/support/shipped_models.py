"""What PyTorch computes for the models of `graphs/models`: read from the files beside them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from safetensors import safe_open

from tests.support.paths import ROOT

FOLDER = ROOT / "graphs" / "models"
Arrays = dict[str, np.ndarray]
# How an exporter lays out a parameter: as it is, transposed, or with the gates of PyTorch's LSTM
# (i, f, g, o) in ONNX's order (i, o, f, c) and an axis of directions before them.
Form = Literal["same", "transposed", "gates"]


@dataclass(frozen=True)
class Answers:
    """Inputs, labels and cost of a pass, and its outputs and gradients in float64.

    `gradients` has a gradient for each parameter, by its name in the module. That of a tied
    parameter has the first of its names, all of which are in `tied`, and is the sum over its uses:
    `uses` has the parts, by each of its names. `initializers`
    has the gradient for each initializer of the .onnx file that holds a parameter, by its name and
    in its shape there; it leaves out constants such as a mask. `about` is the file's metadata.
    """

    kind: str
    inputs: Arrays
    labels: np.ndarray
    outputs: Arrays
    cost: float
    gradients: Arrays
    uses: Arrays
    tied: list[str]
    initializers: Arrays
    about: dict[str, Any]


def names() -> list[str]:
    """Return the names of the models that ship."""
    return sorted(path.stem for path in FOLDER.glob("*.safetensors"))


def read_answers(name: str, folder: Path = FOLDER) -> Answers:
    """Read the answers of a model: `read_answers("lenet")`."""
    with safe_open(folder / f"{name}.safetensors", "numpy") as file:
        about = json.loads(file.metadata()["about"])
        arrays = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    laid_out = {
        initializer: in_form([arrays[key] for key in keys], form)
        for initializer, (form, *keys) in about["initializers"].items()
    }
    return Answers(
        about["cost"],
        _under(arrays, "input/"),
        arrays["labels"],
        _under(arrays, "output/"),
        float(arrays["cost"]),
        _under(arrays, "gradient/"),
        _under(arrays, "use/"),
        about["tied"],
        laid_out,
        about,
    )


def _under(arrays: Arrays, prefix: str) -> Arrays:
    """Return the arrays whose key starts with `prefix`, by the rest of the key."""
    return {key.removeprefix(prefix): a for key, a in arrays.items() if key.startswith(prefix)}


def in_form(arrays: list[np.ndarray], form: Form) -> np.ndarray:
    """Return parameters, or their gradients, as an initializer holds them."""
    if form == "gates":
        gates = [np.split(array, 4) for array in arrays]
        return np.concatenate([g[i] for g in gates for i in (0, 3, 1, 2)])[None]
    (array,) = arrays
    return array.T if form == "transposed" else array
