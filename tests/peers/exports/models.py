"""Twelve models as people build them, small and seeded: each with inputs, labels and a cost.

`MODELS[NAME]()` returns an `Example`; `answers` of it is what PyTorch computes in float64. Modules
with BatchNorm are in training mode, the others in evaluation mode. No weight is trained: LayerNorm
weights are equal to each other, as in every new model, and exporters merge them.

Three exports keep every parameter: `write_pt2`, `write_legacy_onnx`, and `write_onnx` with
`optimize=False`, which has no training mode. `write_onnx` optimizes: it transposes the weights of
linear layers, unties the embedding of `nanogpt`, and folds what depends on parameters alone, which
are the rows of the position embeddings (`nanogpt`, `bert`), the class token for each image (`vit`)
and the first step of a state of zeros (`rnn`).

Some gradients are zero by mathematics: that of a bias before BatchNorm (`mobilenetv2`), and that of
the keys of an attention (`bert`).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from tests.peers.exports.examples import Example, seeded
from tests.peers.exports.lenet import LeNet
from tests.peers.exports.nanogpt import GPT
from tests.peers.exports.sequences import Bert, Recurrent
from tests.peers.exports.vision import Autoencoder, MobileNetV2, ResNet18, UNet, ViT


def classes(rows: int, count: int) -> Tensor:
    """Return the class of each row, at random."""
    return torch.randint(count, (rows,))


def mlp() -> Example:
    """Two hidden layers, and a mean square error."""
    with seeded(11):
        module = nn.Sequential(
            nn.Linear(5, 8), nn.ReLU(), nn.Linear(8, 6), nn.Tanh(), nn.Linear(6, 2)
        )
        return Example("mlp", module.eval(), {"x": torch.randn(7, 5)}, "mse", torch.randn(7, 2))


def lenet() -> Example:
    """Convolutions, an average pooling and a maximum pooling."""
    with seeded(12):
        images = {"image": torch.rand(4, 1, 8, 8)}
        return Example("lenet", LeNet().eval(), images, "cross-entropy", classes(4, 10))


def resnet18() -> Example:
    """20 convolutions, each with BatchNorm in training mode, and 8 skips."""
    with seeded(13):
        images = {"image": torch.rand(4, 3, 32, 32)}
        return Example("resnet18", ResNet18().train(), images, "cross-entropy", classes(4, 10))


def mobilenetv2() -> Example:
    """Depthwise convolutions, BatchNorm in training mode, and ReLU6, which is exported as Clip."""
    with seeded(14):
        images = {"image": torch.rand(3, 3, 16, 16)}
        return Example(
            "mobilenetv2", MobileNetV2().train(), images, "cross-entropy", classes(3, 10)
        )


def nanogpt() -> Example:
    """Embeddings tied to the last layer, causal attention, GELU with erf."""
    with seeded(15):
        module = GPT(vocabulary=20, block=8, width=32, layers=2, heads=2)
        tokens = {"idx": torch.randint(20, (2, 8))}
        labels = torch.randint(20, (2, 8))
        return Example("nanogpt", module.eval(), tokens, "cross-entropy", labels, ("logits",))


def bert() -> Example:
    """Three embeddings and attention with a mask over padding."""
    with seeded(16):
        mask = torch.tensor([[1] * 8, [1] * 5 + [0] * 3, [1] * 6 + [0] * 2])
        inputs = {
            "input_ids": torch.randint(1, 30, (3, 8)) * mask,
            "attention_mask": mask,
            "token_type_ids": torch.tensor([[0] * 4 + [1] * 4]).repeat(3, 1),
        }
        return Example("bert", Bert().eval(), inputs, "cross-entropy", classes(3, 2))


def vit() -> Example:
    """Patches by a convolution, a class token that is expanded, nn.MultiheadAttention."""
    with seeded(17):
        images = {"image": torch.rand(3, 3, 16, 16)}
        return Example("vit", ViT().eval(), images, "cross-entropy", classes(3, 10))


def rnn() -> Example:
    """One layer of tanh units over 5 steps."""
    with seeded(18):
        inputs, labels = {"x": torch.randn(4, 5, 3)}, torch.randn(4, 2)
        return Example("rnn", Recurrent("RNN").eval(), inputs, "mse", labels)


def lstm() -> Example:
    """Two layers, each in both directions."""
    with seeded(19):
        module = Recurrent("LSTM", layers=2, both_ways=True)
        return Example("lstm", module.eval(), {"x": torch.randn(4, 5, 3)}, "mse", torch.randn(4, 2))


def gru() -> Example:
    """One layer, time first."""
    with seeded(20):
        module = Recurrent("GRU", batch_first=False)
        return Example("gru", module.eval(), {"x": torch.randn(5, 4, 3)}, "mse", torch.randn(4, 2))


def autoencoder() -> Example:
    """Convolutions with a stride, and transposed ones; the labels are the images."""
    with seeded(21):
        images = torch.rand(3, 1, 8, 8)
        module = Autoencoder().eval()
        return Example("autoencoder", module, {"image": images}, "mse", images, ("image_again",))


def unet() -> Example:
    """Skips that are concatenated, nearest and linear interpolation."""
    with seeded(22):
        images, labels = torch.rand(2, 1, 16, 16), torch.rand(2, 1, 16, 16)
        return Example("unet", UNet().eval(), {"image": images}, "mse", labels)


MODELS: dict[str, Callable[[], Example]] = {
    build.__name__: build
    for build in (
        mlp,
        lenet,
        resnet18,
        mobilenetv2,
        nanogpt,
        bert,
        vit,
        rnn,
        lstm,
        gru,
        autoencoder,
        unet,
    )
}
