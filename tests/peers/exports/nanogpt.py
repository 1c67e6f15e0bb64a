"""A small nanoGPT on a nursery rhyme: A. Karpathy's model with its layers, names and tied weights.

<https://github.com/karpathy/nanoGPT>. The rhyme, *The House That Jack Built*, is traditional.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from tests.peers.exports.examples import Example, seeded
from tests.peers.exports.files import write_answers, write_onnx, write_pt2

BUILT = "the house that jack built"
VERSES = (
    "this is",
    "the malt that lay in",
    "the rat that ate",
    "the cat that killed",
    "the dog that worried",
    "the cow with the crumpled horn that tossed",
    "the maiden all forlorn that milked",
    "the man all tattered and torn that kissed",
)
WORDS = [
    f"this is {' '.join(reversed(VERSES[1:count]))} {BUILT}." for count in range(1, len(VERSES) + 1)
]
TEXT = " ".join(" ".join(verse.split()) for verse in WORDS) + " "
TOKENS = sorted(set(TEXT))
BLOCK = 32


class CausalSelfAttention(nn.Module):
    """Attention of each place to itself and those before it.

    With heads of 16 numbers all of its factors are exact: an .onnx file has them in float32.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.c_attn = nn.Linear(width, 3 * width)
        self.c_proj = nn.Linear(width, width)
        self.heads = heads

    def forward(self, x: Tensor) -> Tensor:
        B, T, C = x.size()
        q, k, v = self.c_attn(x).split(C, dim=2)
        q = q.view(B, T, self.heads, C // self.heads).transpose(1, 2)
        k = k.view(B, T, self.heads, C // self.heads).transpose(1, 2)
        v = v.view(B, T, self.heads, C // self.heads).transpose(1, 2)
        y = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.c_proj(y.transpose(1, 2).contiguous().view(B, T, C))


class MLP(nn.Module):
    """Four times as wide, and back."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.c_fc = nn.Linear(width, 4 * width)
        self.gelu = nn.GELU()
        self.c_proj = nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        return self.c_proj(self.gelu(self.c_fc(x)))


class Block(nn.Module):
    """Attention, then an MLP, each of what is normalised, added to what came in."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.ln_1 = nn.LayerNorm(width)
        self.attn = CausalSelfAttention(width, heads)
        self.ln_2 = nn.LayerNorm(width)
        self.mlp = MLP(width)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attn(self.ln_1(x))
        return x + self.mlp(self.ln_2(x))


class GPT(nn.Module):
    """Tokens [batch, time] to scores [batch, time, vocabulary]; with targets, to (scores, cost)."""

    def __init__(self, vocabulary: int, block: int, width: int, layers: int, heads: int) -> None:
        super().__init__()
        self.transformer: Any = nn.ModuleDict(
            {
                "wte": nn.Embedding(vocabulary, width),
                "wpe": nn.Embedding(block, width),
                "h": nn.ModuleList(Block(width, heads) for _ in range(layers)),
                "ln_f": nn.LayerNorm(width),
            }
        )
        self.lm_head = nn.Linear(width, vocabulary, bias=False)
        self.transformer.wte.weight = self.lm_head.weight
        for name, parameter in self.named_parameters():
            if name.endswith("c_proj.weight"):
                nn.init.normal_(parameter, std=0.02 / math.sqrt(2 * layers))
            elif name.endswith("weight") and parameter.dim() == 2:
                nn.init.normal_(parameter, std=0.02)

    def forward(self, idx: Tensor, targets: Tensor | None = None) -> Tensor | tuple[Tensor, Tensor]:
        pos = torch.arange(0, idx.size(1), dtype=torch.long, device=idx.device)
        x = self.transformer.wte(idx) + self.transformer.wpe(pos)
        for block in self.transformer.h:
            x = block(x)
        logits = self.lm_head(self.transformer.ln_f(x))
        if targets is None:
            return logits
        return logits, functional.cross_entropy(logits.view(-1, logits.size(-1)), targets.view(-1))


def train(module: GPT, steps: int) -> float:
    """Train by AdamW on batches of 16 pieces of the rhyme; return the last cost."""
    tokens = encode(TEXT)
    optimizer = torch.optim.AdamW(module.parameters(), 3e-3)
    cost = torch.zeros(())
    for _ in range(steps):
        starts = torch.randint(len(tokens) - BLOCK, (16,)).tolist()
        pieces = torch.stack([tokens[start : start + BLOCK + 1] for start in starts])
        optimizer.zero_grad()
        _, cost = module(pieces[:, :-1].contiguous(), pieces[:, 1:].contiguous())
        cost.backward()
        optimizer.step()
    return float(cost.detach())


def encode(text: str) -> Tensor:
    """Return the numbers of its characters, int64 [len(text)]."""
    return torch.tensor([TOKENS.index(character) for character in text])


def write(folder: Path) -> str:
    """Write it as .onnx, which gives scores, and as .pt2, which gives scores and the cost."""
    with seeded(4):
        module = GPT(len(TOKENS), BLOCK, width=16, layers=2, heads=1)
        cost = train(module, 2000)
    module.eval()
    start = TEXT.index("this is the dog")
    piece = encode(TEXT[start : start + 2 * BLOCK + 1])
    idx, targets = piece[:-1].reshape(2, BLOCK).clone(), piece[1:].reshape(2, BLOCK).clone()
    scoring = Example("nanogpt", module, {"idx": idx}, "cross-entropy", targets, ("logits",))
    write_onnx(scoring, folder)
    outputs = ("logits", "cost")
    inputs = {"idx": idx, "targets": targets}
    example = Example("nanogpt", module, inputs, "cross-entropy", targets, outputs)
    write_pt2(example, folder)
    write_answers(example, folder, tokens=TOKENS, text=TEXT)
    return f"last cost {cost:.3f}, {sum(p.numel() for p in module.parameters())} parameters"
