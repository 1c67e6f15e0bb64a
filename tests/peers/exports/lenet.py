"""LeNet on the digits: two convolutions, two poolings, three linear layers, as LeCun drew them.

Y. LeCun, L. Bottou, Y. Bengio and P. Haffner (1998), *Gradient-Based Learning Applied to Document
Recognition*; smaller, for images of 8x8 pixels.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from tests.peers.exports.digits import shown, train_on_digits
from tests.peers.exports.examples import Example, seeded
from tests.peers.exports.files import write_answers, write_onnx


class LeNet(nn.Module):
    """Images [batch, 1, 8, 8] to scores [batch, 10]."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, 3, padding=1)
        self.pool1 = nn.AvgPool2d(2)
        self.conv2 = nn.Conv2d(6, 16, 3)
        self.pool2 = nn.MaxPool2d(2)
        self.fc1 = nn.Linear(16, 32)
        self.fc2 = nn.Linear(32, 24)
        self.fc3 = nn.Linear(24, 10)

    def forward(self, image: Tensor) -> Tensor:
        x = self.pool1(torch.tanh(self.conv1(image)))
        x = self.pool2(torch.tanh(self.conv2(x)))
        x = torch.tanh(self.fc1(torch.flatten(x, 1)))
        x = torch.tanh(self.fc2(x))
        return self.fc3(x)


def write(folder: Path) -> str:
    """Write it as `torch.onnx.export` does if only the batch is named: weights in a second file."""
    with seeded(1):
        module = LeNet()
        accuracy = train_on_digits(module, steps=150)
    images, labels = shown(16)
    example = Example("lenet", module, {"image": images}, "cross-entropy", labels)
    write_onnx(
        example, folder, external=True, dynamic_shapes={"image": {0: torch.export.Dim("batch")}}
    )
    write_answers(example, folder)
    return f"accuracy {accuracy:.3f}"
