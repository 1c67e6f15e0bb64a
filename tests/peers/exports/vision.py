"""Models of images for the judge: ResNet18, MobileNetV2, ViT, autoencoder, U-Net; all thin."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from tests.peers.exports.resnet_block import BasicBlock


class ResNet18(nn.Module):
    """Images [batch, 3, side, side] to scores [batch, 10]; `width` is torchvision's 64."""

    def __init__(self, width: int = 4) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 7, 2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, padding=1)
        widths = [width, width, 2 * width, 4 * width, 8 * width]
        self.layer1, self.layer2, self.layer3, self.layer4 = (
            nn.Sequential(
                BasicBlock(before, after, 1 + (before != after)), BasicBlock(after, after)
            )
            for before, after in pairwise(widths)
        )
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(8 * width, 10)

    def forward(self, image: Tensor) -> Tensor:
        x = self.maxpool(self.relu(self.bn1(self.conv1(image))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(torch.flatten(self.avgpool(x), 1))


def normed(
    inputs: int, outputs: int, kernel: int = 1, stride: int = 1, groups: int = 1
) -> nn.Module:
    """Return a convolution, BatchNorm and ReLU6."""
    conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(outputs), nn.ReLU6(inplace=True))


class InvertedResidual(nn.Module):
    """Wider by a convolution of 1x1, one of 3x3 for each channel, and narrow again."""

    def __init__(self, inputs: int, outputs: int, stride: int, expand: int) -> None:
        super().__init__()
        wide = inputs * expand
        self.skips = stride == 1 and inputs == outputs
        self.conv = nn.Sequential(
            *([normed(inputs, wide)] if expand != 1 else []),
            normed(wide, wide, 3, stride, groups=wide),
            nn.Conv2d(wide, outputs, 1, bias=False),
            nn.BatchNorm2d(outputs),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv(x) if self.skips else self.conv(x)


class MobileNetV2(nn.Module):
    """Images [batch, 3, side, side] to scores [batch, 10]."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            normed(3, 8, 3, 2),
            InvertedResidual(8, 4, 1, 1),
            InvertedResidual(4, 6, 2, 6),
            InvertedResidual(6, 6, 1, 6),
            InvertedResidual(6, 8, 2, 6),
            InvertedResidual(8, 8, 1, 6),
            normed(8, 24),
        )
        self.classifier = nn.Sequential(nn.Dropout(0.0), nn.Linear(24, 10))

    def forward(self, image: Tensor) -> Tensor:
        x = functional.adaptive_avg_pool2d(self.features(image), (1, 1))
        return self.classifier(torch.flatten(x, 1))


class EncoderBlock(nn.Module):
    """A block of a ViT: norms first, attention by `nn.MultiheadAttention`."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.ln_1 = nn.LayerNorm(width, eps=1e-6)
        self.self_attention = nn.MultiheadAttention(width, heads, batch_first=True)
        self.ln_2 = nn.LayerNorm(width, eps=1e-6)
        self.mlp = nn.Sequential(
            nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width)
        )

    def forward(self, x: Tensor) -> Tensor:
        y = self.ln_1(x)
        y, _ = self.self_attention(y, y, y, need_weights=False)
        x = x + y
        return x + self.mlp(self.ln_2(x))


class ViT(nn.Module):
    """Images [batch, 3, 16, 16], cut in patches of 4x4, to scores [batch, 10]."""

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        self.conv_proj = nn.Conv2d(3, width, 4, 4)
        self.class_token = nn.Parameter(torch.zeros(1, 1, width))
        self.pos_embedding = nn.Parameter(torch.empty(1, 17, width).normal_(std=0.02))
        self.layers = nn.Sequential(EncoderBlock(width, 2), EncoderBlock(width, 2))
        self.ln = nn.LayerNorm(width, eps=1e-6)
        self.head = nn.Linear(width, 10)

    def forward(self, image: Tensor) -> Tensor:
        x = self.conv_proj(image).flatten(2).permute(0, 2, 1)
        x = torch.cat([self.class_token.expand(x.shape[0], -1, -1), x], dim=1)
        x = self.ln(self.layers(x + self.pos_embedding))
        return self.head(x[:, 0])


class Autoencoder(nn.Module):
    """Images [batch, 1, 8, 8] through 12 numbers and back."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(1, 4, 3, 2, padding=1),
            nn.LeakyReLU(0.1),
            nn.Conv2d(4, 8, 3, 2, padding=1),
            nn.LeakyReLU(0.1),
            nn.Flatten(),
            nn.Linear(32, 12),
        )
        self.decoder = nn.Sequential(
            nn.Linear(12, 32),
            nn.Unflatten(1, (8, 2, 2)),
            nn.ConvTranspose2d(8, 4, 3, 2, padding=1, output_padding=1),
            nn.LeakyReLU(0.1),
            nn.ConvTranspose2d(4, 1, 2, 2),
            nn.Sigmoid(),
        )

    def forward(self, image: Tensor) -> Tensor:
        return self.decoder(self.encoder(image))


def double_conv(inputs: int, outputs: int) -> nn.Module:
    """Return two convolutions of 3x3 with ReLU."""
    first, second = (
        nn.Conv2d(inputs, outputs, 3, padding=1),
        nn.Conv2d(outputs, outputs, 3, padding=1),
    )
    return nn.Sequential(first, nn.ReLU(), second, nn.ReLU())


class UNet(nn.Module):
    """Images [batch, 1, 16, 16] to images: twice down by pooling, twice up by interpolation."""

    def __init__(self) -> None:
        super().__init__()
        self.inc, self.down1, self.down2 = double_conv(1, 4), double_conv(4, 8), double_conv(8, 8)
        self.pool = nn.MaxPool2d(2)
        self.up_nearest = nn.Upsample(scale_factor=2)
        self.up_linear = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False)
        self.conv1, self.conv2 = double_conv(16, 4), double_conv(8, 4)
        self.outc = nn.Conv2d(4, 1, 1)

    def forward(self, image: Tensor) -> Tensor:
        whole = self.inc(image)
        half = self.down1(self.pool(whole))
        quarter = self.down2(self.pool(half))
        x = self.conv1(torch.cat([half, self.up_nearest(quarter)], dim=1))
        x = self.conv2(torch.cat([whole, self.up_linear(x)], dim=1))
        return self.outc(x)
