"""Small seeded models, in float64, whose output is their cost, and example inputs for each.

Those of `tests/peers/exports/models.py` are larger, and all different.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Model = tuple[nn.Module, tuple[Any, ...]]


class WithCost(nn.Module):
    """A model and the cost of its output, a function of it and a target."""

    def __init__(self, model: nn.Module, cost: Callable[[Tensor, Tensor], Tensor]) -> None:
        super().__init__()
        self.model = model
        self.cost = cost

    def forward(self, x: Tensor, target: Tensor) -> Tensor:
        return self.cost(self.model(x), target)


def _with_labels(model: nn.Module, x: Tensor, classes: int, count: int | None = None) -> Model:
    labels = torch.randint(classes, (count or x.shape[0],))
    return WithCost(model, F.cross_entropy).double(), (x.double(), labels)


def mlp() -> Model:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 3))
    return _with_labels(model, torch.randn(6, 3), 3)


class Residual(nn.Module):
    """conv, norm, ReLU in place, conv, norm, and the input again."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        out += x
        return self.relu(out)


def resnet_block(*, training: bool = True) -> Model:
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1),
        Residual(4),
        nn.MaxPool2d(2),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(4, 10),
    )
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.running_mean)
            nn.init.uniform_(module.running_var, 0.5, 2.0)
    made, inputs = _with_labels(model, torch.randn(3, 1, 8, 8), 10)
    return made.train(training), inputs


class Attention(nn.Module):
    """Causal attention as nanoGPT writes it."""

    def __init__(self, width: int, heads: int, length: int) -> None:
        super().__init__()
        self.c_attn = nn.Linear(width, 3 * width)
        self.c_proj = nn.Linear(width, width)
        self.heads = heads
        mask = torch.tril(torch.ones(length, length)).view(1, 1, length, length)
        self.register_buffer("bias", mask)

    def forward(self, x: Tensor) -> Tensor:
        B, T, C = x.shape
        q, k, v = self.c_attn(x).split(C, dim=2)
        q, k, v = (t.view(B, T, self.heads, C // self.heads).transpose(1, 2) for t in (q, k, v))
        scores = q @ k.transpose(-2, -1) * (1.0 / (C // self.heads) ** 0.5)
        scores = scores.masked_fill(self.bias[:, :, :T, :T] == 0, float("-inf"))
        y = F.softmax(scores, dim=-1) @ v
        return self.c_proj(y.transpose(1, 2).contiguous().view(B, T, C))


class Block(nn.Module):
    """A block of a transformer."""

    def __init__(self, width: int, heads: int, length: int) -> None:
        super().__init__()
        self.ln_1 = nn.LayerNorm(width)
        self.attn = Attention(width, heads, length)
        self.ln_2 = nn.LayerNorm(width)
        self.mlp = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width), nn.Dropout(0.1)
        )

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attn(self.ln_1(x))
        return x + self.mlp(self.ln_2(x))


class GPT(nn.Module):
    """A nanoGPT with tied embeddings."""

    def __init__(self, vocabulary: int, width: int, length: int, blocks: int) -> None:
        super().__init__()
        self.transformer = nn.ModuleDict(
            {
                "wte": nn.Embedding(vocabulary, width),
                "wpe": nn.Embedding(length, width),
                "h": nn.ModuleList(Block(width, 2, length) for _ in range(blocks)),
                "ln_f": nn.LayerNorm(width),
            }
        )
        self.lm_head = nn.Linear(width, vocabulary, bias=False)
        self.lm_head.weight = self.transformer["wte"].weight

    def forward(self, idx: Tensor, targets: Tensor) -> Tensor:
        parts = self.transformer
        x = parts["wte"](idx) + parts["wpe"](torch.arange(idx.shape[1]))
        for block in parts["h"]:
            x = block(x)
        logits = self.lm_head(parts["ln_f"](x))
        return F.cross_entropy(logits.view(-1, logits.size(-1)), targets.view(-1), ignore_index=-1)


def nanogpt() -> Model:
    torch.manual_seed(0)
    model = GPT(vocabulary=7, width=8, length=5, blocks=2).double().eval()
    return model, (torch.randint(7, (2, 5)), torch.randint(7, (2, 5)))


class Encoder(nn.Module):
    """A BERT-like encoder: embeddings, a mask of padding, PyTorch's encoder layers, a pooler."""

    def __init__(self) -> None:
        super().__init__()
        self.word = nn.Embedding(9, 8, padding_idx=0)
        self.position = nn.Embedding(5, 8)
        layer = nn.TransformerEncoderLayer(8, 2, 16, activation="gelu", batch_first=True)
        self.layers = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.pooler = nn.Linear(8, 8)
        self.head = nn.Linear(8, 3)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.word(tokens) + self.position(torch.arange(tokens.shape[1]))
        x = self.layers(x, src_key_padding_mask=tokens == 0)
        return self.head(torch.tanh(self.pooler(x[:, 0])))


def bert() -> Model:
    torch.manual_seed(0)
    model = WithCost(Encoder(), F.cross_entropy).double()
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
        if isinstance(module, nn.MultiheadAttention):
            module.dropout = 0.0
    tokens = torch.tensor([[3, 1, 4, 0, 0], [1, 5, 2, 6, 8]])
    return model.train(), (tokens, torch.tensor([2, 0]))


class Recurrent(nn.Module):
    """A recurrent layer, and a line on its last output and on its last states."""

    def __init__(self, layer: Any) -> None:
        super().__init__()
        self.rnn = layer
        ways = 2 if layer.bidirectional else 1
        self.head = nn.Linear(ways * layer.hidden_size + layer.hidden_size, 3)

    def forward(self, x: Tensor) -> Tensor:
        y, states = self.rnn(x)
        last = states[-1] if isinstance(states, tuple) else states
        out = y[:, -1] if self.rnn.batch_first else y[-1]
        return self.head(torch.cat([out, last[-1]], 1))


def _recurrent(kind: Any, **how: Any) -> Callable[[], Model]:
    def make() -> Model:
        torch.manual_seed(0)
        model = Recurrent(kind(2, 3, **how))
        count = 2 if how.get("batch_first") else 4
        return _with_labels(model, torch.randn(2, 4, 2), 3, count)

    return make


RECURRENT: dict[str, Callable[[], Model]] = {
    "rnn": _recurrent(nn.RNN),
    "rnn relu": _recurrent(nn.RNN, nonlinearity="relu", bias=False),
    "lstm": _recurrent(nn.LSTM, batch_first=True, num_layers=2),
    "lstm both ways": _recurrent(nn.LSTM, bidirectional=True),
    "gru": _recurrent(nn.GRU, batch_first=True),
}
MODELS: dict[str, Callable[[], Model]] = {
    "mlp": mlp,
    "resnet block": resnet_block,
    "resnet block, inference": lambda: resnet_block(training=False),
    "nanogpt": nanogpt,
    "bert": bert,
    **RECURRENT,
}
