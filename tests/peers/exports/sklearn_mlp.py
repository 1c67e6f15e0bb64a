"""Two networks of scikit-learn: a classifier of digits, and a pipeline for a table."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import onnx
import skl2onnx
import sklearn
import torch
from skl2onnx import to_onnx
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor, nn

from tests.peers.exports.digits import SHOWN, digits, shown
from tests.peers.exports.examples import Example
from tests.peers.exports.files import quiet, write_answers
from tests.support.paths import ROOT

MADE_WITH = f"scikit-learn {sklearn.__version__}, skl2onnx {skl2onnx.__version__}"


class SameMLP(nn.Module):
    """The fitted network in PyTorch. Its parameters have skl2onnx's names and shapes."""

    def __init__(self, fitted: MLPClassifier | MLPRegressor, scaler: StandardScaler | None) -> None:
        super().__init__()
        for number, (weight, bias) in enumerate(
            zip(fitted.coefs_, fitted.intercepts_, strict=True)
        ):
            self.register_parameter(f"coefficient{number or ''}", _rounded(weight))
            self.register_parameter(f"intercepts{number or ''}", _rounded(bias[None]))
        self.layers = len(fitted.coefs_)
        self.classifies = isinstance(fitted, MLPClassifier)
        self.scaler = scaler

    def forward(self, x: Tensor) -> Tensor:
        if self.scaler is not None:
            offset, scale = (_rounded(v).to(x) for v in (self.scaler.mean_, 1 / self.scaler.scale_))
            x = (x - offset) * scale
        for number in range(self.layers):
            weight = self.get_parameter(f"coefficient{number or ''}")
            x = x @ weight + self.get_parameter(f"intercepts{number or ''}")
            if number < self.layers - 1:
                x = torch.relu(x)
        return torch.softmax(x, 1) if self.classifies else x


def _rounded(values: np.ndarray) -> nn.Parameter:
    """Return what skl2onnx keeps: float32."""
    return nn.Parameter(torch.from_numpy(values.astype(np.float32)))


def write_classifier(folder: Path) -> str:
    """Write a classifier: its outputs are the classes and their probabilities."""
    images, labels = (values.numpy() for values in digits())
    pixels = images.reshape(len(images), 64)
    fitted = MLPClassifier((24,), max_iter=15, random_state=5, learning_rate_init=0.01)
    with quiet():
        fitted.fit(pixels[:SHOWN], labels[:SHOWN])
    shown_images, shown_labels = shown(16)
    inputs = {"X": shown_images.flatten(1)}
    module = SameMLP(fitted, None)
    outputs = ("probabilities",)
    example = Example("sklearn-digits", module, inputs, "log-loss", shown_labels, outputs)
    model = to_onnx(fitted, pixels[:1], options={"zipmap": False})
    onnx.save(model, folder / f"{example.name}.onnx")
    write_answers(example, folder, made_with=MADE_WITH)
    return f"accuracy {fitted.score(pixels[SHOWN:], labels[SHOWN:]):.3f}"


def write_regressor(folder: Path) -> str:
    """Write a pipeline that standardises its columns; its output is a number for each row."""
    with (ROOT / "graphs" / "diabetes.csv").open(encoding="utf-8") as file:
        table = np.array(list(csv.reader(file))[1:], dtype=np.float32)
    columns, target = table[:, :-1], table[:, -1]
    fitted = make_pipeline(
        StandardScaler(), MLPRegressor(hidden_layer_sizes=(8,), solver="lbfgs", random_state=6)
    )
    with quiet():
        fitted.fit(columns[:300], target[:300])
    module = SameMLP(fitted[-1], fitted[0])
    inputs, labels = (
        {"X": torch.from_numpy(columns[300:316])},
        torch.from_numpy(target[300:316, None]),
    )
    example = Example("sklearn-diabetes", module, inputs, "mse", labels, ("variable",))
    onnx.save(to_onnx(fitted, columns[:1]), folder / f"{example.name}.onnx")
    write_answers(example, folder, made_with=MADE_WITH)
    return f"R2 {fitted.score(columns[300:], target[300:]):.3f}"


def write(folder: Path) -> str:
    """Write both."""
    return f"digits: {write_classifier(folder)}; diabetes: {write_regressor(folder)}"
