"""A residual block on the digits, exported as it trains: BatchNorm by the batch's own statistics.

K. He, X. Zhang, S. Ren and J. Sun (2016), *Deep Residual Learning for Image Recognition*.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from tests.peers.exports.digits import shown, train_on_digits
from tests.peers.exports.examples import Example, seeded
from tests.peers.exports.files import write_answers, write_legacy_onnx


class BasicBlock(nn.Module):
    """Two convolutions, and a skip that a convolution of 1x1 brings to their shape."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.relu = nn.ReLU()
        self.downsample: nn.Module | None = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
            )

    def forward(self, x: Tensor) -> Tensor:
        skip = x if self.downsample is None else self.downsample(x)
        x = self.relu(self.bn1(self.conv1(x)))
        return self.relu(self.bn2(self.conv2(x)) + skip)


class ResNetBlock(nn.Module):
    """Images [batch, 1, 8, 8] to scores [batch, 10]."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 8, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(8)
        self.relu = nn.ReLU()
        self.maxpool = nn.MaxPool2d(3, 2, padding=1)
        self.layer1 = BasicBlock(8, 8)
        self.layer2 = BasicBlock(8, 16, 2)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(16, 10)

    def forward(self, image: Tensor) -> Tensor:
        x = self.maxpool(self.relu(self.bn1(self.conv1(image))))
        x = self.layer2(self.layer1(x))
        return self.fc(torch.flatten(self.avgpool(x), 1))


def write(folder: Path) -> str:
    """Write it by PyTorch's first exporter: the present one exports BatchNorm as in evaluation."""
    with seeded(2):
        module = ResNetBlock()
        accuracy = train_on_digits(module, steps=60)
    images, labels = shown(16)
    example = Example("resnet-block", module.train(), {"image": images}, "cross-entropy", labels)
    write_legacy_onnx(example, folder)
    write_answers(example, folder)
    return f"accuracy {accuracy:.3f}"
