"""An LSTM that counts: after n times a and the first b, n - 1 more b follow, and then the end.

functional. Gers and J. Schmidhuber (2001), *LSTM Recurrent Networks Learn Simple Context-Free and
Context-Sensitive Languages*. Its file computes the cost itself.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from tests.peers.exports.examples import Example, seeded
from tests.peers.exports.files import write_answers, write_onnx

TOKENS = ("a", "b", "$")
A, B, END = range(3)
# What is not compared: after the end of a sentence.
LONGEST = 8


class Counter(nn.Module):
    """Tokens [batch, time] and the next of each to (scores [batch, time, 3], cost)."""

    def __init__(self, hidden: int = 8) -> None:
        super().__init__()
        self.embedding = nn.Embedding(len(TOKENS), 4)
        self.lstm = nn.LSTM(4, hidden, batch_first=True)
        self.head = nn.Linear(hidden, len(TOKENS))

    def forward(self, tokens: Tensor, following: Tensor) -> tuple[Tensor, Tensor]:
        hidden, _ = self.lstm(self.embedding(tokens))
        scores = self.head(hidden)
        return scores, functional.cross_entropy(scores.flatten(0, 1), following.flatten())


def sentences(counts: list[int]) -> tuple[Tensor, Tensor]:
    """Return $, n times a, n times b and $ as often as fits, and the next token of each place."""
    rows = torch.full((len(counts), 2 * LONGEST + 2), END)
    for row, count in zip(rows, counts, strict=True):
        row[1 : 1 + count] = A
        row[1 + count : 1 + 2 * count] = B
    return rows[:, :-1].contiguous(), rows[:, 1:].contiguous()


def train(module: Counter, steps: int) -> None:
    """Train by Adam on sentences of 1 to `LONGEST` pairs."""
    tokens, following = sentences(list(range(1, LONGEST + 1)))
    optimizer = torch.optim.Adam(module.parameters(), 0.02)
    for _ in range(steps):
        optimizer.zero_grad()
        _, cost = module(tokens, following)
        cost.backward()
        optimizer.step()


def counted(module: Counter) -> float:
    """Return the part of the places after the first b where the next token is guessed."""
    tokens, following = sentences(list(range(1, LONGEST + 1)))
    guessed = module(tokens, following)[0].argmax(2)
    known = (tokens == B).cummax(1).values
    return float((guessed == following)[known].double().mean())


def write(folder: Path) -> str:
    """Write it with its cost as the second output."""
    with seeded(3):
        module = Counter()
        train(module, 600)
    tokens, following = sentences([1, 3, 5, 8])
    inputs = {"tokens": tokens, "following": following}
    outputs = ("scores", "cost")
    example = Example("lstm", module.eval(), inputs, "cross-entropy", following, outputs)
    write_onnx(example, folder)
    write_answers(example, folder, tokens=TOKENS)
    return f"guessed after the first b {counted(module):.3f}"
