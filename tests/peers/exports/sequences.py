"""Models of sequences for the judge: a BERT-like encoder, and RNN, LSTM and GRU."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional


class BertLayer(nn.Module):
    """Attention with a mask, then two linear layers; each is added and then normalised."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.query, self.key, self.value = (nn.Linear(width, width) for _ in range(3))
        self.dense = nn.Linear(width, width)
        self.attention_norm = nn.LayerNorm(width, eps=1e-12)
        self.intermediate = nn.Linear(width, 2 * width)
        self.output = nn.Linear(2 * width, width)
        self.output_norm = nn.LayerNorm(width, eps=1e-12)
        self.heads = heads

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        batch, time, width = x.shape
        q, k, v = (
            layer(x).view(batch, time, self.heads, width // self.heads).transpose(1, 2)
            for layer in (self.query, self.key, self.value)
        )
        mixed = functional.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        x = self.attention_norm(x + self.dense(mixed.transpose(1, 2).reshape(batch, time, width)))
        return self.output_norm(x + self.output(functional.gelu(self.intermediate(x))))


class Bert(nn.Module):
    """Tokens, their segments and a mask, each [batch, time], to scores of two classes."""

    position_ids: Tensor

    def __init__(self, vocabulary: int = 30, width: int = 32) -> None:
        super().__init__()
        self.word_embeddings = nn.Embedding(vocabulary, width, padding_idx=0)
        self.position_embeddings = nn.Embedding(12, width)
        self.token_type_embeddings = nn.Embedding(2, width)
        self.norm = nn.LayerNorm(width, eps=1e-12)
        self.layer = nn.ModuleList(BertLayer(width, 2) for _ in range(2))
        self.pooler = nn.Linear(width, width)
        self.classifier = nn.Linear(width, 2)
        self.register_buffer("position_ids", torch.arange(12).expand((1, -1)))

    def forward(self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor) -> Tensor:
        places = self.position_embeddings(self.position_ids[:, : input_ids.shape[1]])
        x = self.word_embeddings(input_ids) + places + self.token_type_embeddings(token_type_ids)
        x = self.norm(x)
        for layer in self.layer:
            x = layer(x, attention_mask[:, None, None, :].bool())
        return self.classifier(torch.tanh(self.pooler(x[:, 0])))


class Recurrent(nn.Module):
    """Sequences [batch, time, 3] to numbers [batch, 2], from where the last layer ends.

    Both ways, that is the last hidden state of each direction; else the last row of all its rows.
    """

    def __init__(
        self,
        kind: Literal["RNN", "LSTM", "GRU"],
        *,
        layers: int = 1,
        both_ways: bool = False,
        batch_first: bool = True,
    ) -> None:
        super().__init__()
        self.rnn = getattr(nn, kind)(3, 6, layers, batch_first=batch_first, bidirectional=both_ways)
        self.head = nn.Linear(12 if both_ways else 6, 2)

    def forward(self, x: Tensor) -> Tensor:
        rows, state = self.rnn(x)
        if self.rnn.bidirectional:
            hidden = state[0] if isinstance(state, tuple) else state
            return self.head(torch.cat([hidden[-2], hidden[-1]], dim=1))
        return self.head(rows[:, -1] if self.rnn.batch_first else rows[-1])
