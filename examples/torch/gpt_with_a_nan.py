"""A small GPT in PyTorch whose cost turns NaN, although its forward pass has no NaN before.

`mfdebug gpt_with_a_nan.py` steps through it; docs/guide/pytorch.md finds the line that is wrong.
"""

import torch
import torch.nn.functional as F
from torch import nn

TEXT = "to be or not to be, that is the question: whether it is nobler in the mind to suffer"
WIDTH, HEADS, BLOCKS, LENGTH, BATCH = 8, 2, 2, 6, 2

letters = sorted(set(TEXT))
tokens = torch.tensor([1 + letters.index(letter) for letter in TEXT])  # 0 pads


class Norm(nn.Module):
    """Divides each row by its root mean square; a row of padding stays zero."""

    def __init__(self, width):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x):
        square = x.pow(2).mean(-1, keepdim=True)
        scaled = torch.where(square > 0, x / square.sqrt(), torch.zeros_like(x))
        return scaled * self.weight


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.qkv = nn.Linear(WIDTH, 3 * WIDTH, bias=False)
        self.proj = nn.Linear(WIDTH, WIDTH, bias=False)

    def forward(self, x):
        batch, length, width = x.shape
        q, k, v = self.qkv(x).split(width, dim=2)
        q, k, v = (
            part.view(batch, length, HEADS, width // HEADS).transpose(1, 2) for part in (q, k, v)
        )
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.proj(mixed.transpose(1, 2).reshape(batch, length, width))


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm1 = Norm(WIDTH)
        self.attention = Attention()
        self.norm2 = Norm(WIDTH)
        self.up = nn.Linear(WIDTH, 2 * WIDTH)
        self.down = nn.Linear(2 * WIDTH, WIDTH, bias=False)

    def forward(self, x):
        x = x + self.attention(self.norm1(x))
        return x + self.down(F.gelu(self.up(self.norm2(x))))


class GPT(nn.Module):
    def __init__(self, vocabulary):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, WIDTH)
        nn.init.zeros_(self.embedding.weight[0].detach())
        self.blocks = nn.ModuleList(Block() for _ in range(BLOCKS))
        self.norm = Norm(WIDTH)
        self.head = nn.Linear(WIDTH, vocabulary, bias=False)

    def forward(self, indices):
        x = self.embedding(indices)
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x))


def batch_at(step):
    """Return two pieces of the text; the last one of the text is too short, and padded."""
    starts = [(16 * step + 40 * row) % (len(tokens) - 2) for row in range(BATCH)]
    pieces = [tokens[start : start + LENGTH + 1] for start in starts]
    padded = torch.stack([F.pad(piece, (LENGTH + 1 - len(piece), 0)) for piece in pieces])
    return padded[:, :-1], padded[:, 1:]


torch.manual_seed(1)
model = GPT(len(letters) + 1)
optimizer = torch.optim.AdamW(model.parameters(), lr=0.05)
for step in range(8):
    inputs, targets = batch_at(step)
    logits = model(inputs)
    loss = F.cross_entropy(logits.flatten(0, 1), targets.flatten())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print(f"step {step}: loss {loss.item():.4f}")
