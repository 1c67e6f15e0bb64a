"""A PyTorch program for `torch_program.py`: it trains for as many steps as each line it reads says.

    python benchmarks/torch_trainer.py MODEL [torchlens|nansense]

It prints wall and processor seconds of each turn, and in the end the kilobytes it has taken at
most. With the name of a peer, it is changed as that requires. `STAMP`, if it is set, is a file for
the time at which the first backward starts.
"""

from __future__ import annotations

import os
import resource
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import torch
from torch import nn
from torch.nn import functional

torch.manual_seed(0)
torch.set_num_threads(1)


class Block(nn.Module):
    """A block of a GPT with four heads."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.ln_1, self.ln_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.c_attn, self.c_proj = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.c_fc, self.c_out = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: Any) -> Any:
        """Return the block of x, (B, T, width)."""
        b, t, c = x.shape
        q, k, v = self.c_attn(self.ln_1(x)).split(c, dim=2)
        q, k, v = (each.view(b, t, 4, c // 4).transpose(1, 2) for each in (q, k, v))
        mixed = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.c_proj(mixed.transpose(1, 2).contiguous().view(b, t, c))
        return x + self.c_out(functional.gelu(self.c_fc(self.ln_2(x))))


class GPT(nn.Module):
    """A GPT over 65 characters."""

    def __init__(self, width: int, blocks: int, length: int) -> None:
        super().__init__()
        self.wte, self.wpe = nn.Embedding(65, width), nn.Embedding(length, width)
        self.h = nn.ModuleList(Block(width) for _ in range(blocks))
        self.ln_f, self.head = nn.LayerNorm(width), nn.Linear(width, 65, bias=False)
        self.register_buffer("places", torch.arange(length))

    def forward(self, characters: Any) -> Any:
        """Return the logits, (B*T, 65)."""
        x = self.wte(characters) + self.wpe(self.places)
        for block in self.h:
            x = block(x)
        return self.head(self.ln_f(x)).view(-1, 65)


def mlp() -> tuple[Any, Any, Any]:
    """Return 64-64-10, its batch of 32 and the classes."""
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    return model, torch.randn(32, 64), torch.randint(0, 10, (32,))


def lenet() -> tuple[Any, Any, Any]:
    """Return a LeNet, its batch of 16 and the classes."""
    model = nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(400, 120),
        nn.ReLU(),
        nn.Linear(120, 84),
        nn.ReLU(),
        nn.Linear(84, 10),
    )
    return model, torch.randn(16, 1, 28, 28), torch.randint(0, 10, (16,))


def gpt(width: int, blocks: int, length: int) -> tuple[Any, Any, Any]:
    """Return a GPT, four texts, and the next characters."""
    texts = torch.randint(0, 65, (4, length))
    return GPT(width, blocks, length), texts, torch.randint(0, 65, (4 * length,))


MODELS: dict[str, Callable[[], tuple[Any, Any, Any]]] = {
    "mlp": mlp,
    "lenet": lenet,
    "gpt": lambda: gpt(48, 3, 32),
    "gpt-3m": lambda: gpt(256, 4, 64),
}


def stamp() -> None:
    """Write down the time once, if that is asked for."""
    file = os.environ.pop("STAMP", "")
    if file:
        with open(file, "w") as out:
            out.write(repr(time.monotonic()))


def main(name: str, peer: str) -> None:
    """Train as long as lines come in."""
    model, x, y = MODELS[name]()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)

    def step() -> None:
        loss = functional.cross_entropy(model(x), y)
        optimizer.zero_grad()
        stamp()
        loss.backward()
        optimizer.step()

    if peer == "torchlens":
        step = with_torchlens(model, x, y, optimizer)
    elif peer == "nansense":
        step = with_nansense(model, step)
    step()
    print("ready", flush=True)
    for line in sys.stdin:
        wall, processor = time.perf_counter(), time.process_time()
        for _ in range(int(line)):
            step()
        print(time.perf_counter() - wall, time.process_time() - processor, flush=True)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, flush=True)


def with_torchlens(model: Any, x: Any, y: Any, optimizer: Any) -> Callable[[], None]:
    """Return a step that logs all values and gradients."""
    import torchlens

    options = torchlens.options.CaptureOptions(save_grads=True, backward_ready=True)

    def step() -> None:
        trace = torchlens.trace(model, x, capture=options)
        loss = functional.cross_entropy(trace[trace.output_layers[0]].out, y)
        optimizer.zero_grad()
        trace.log_backward(loss)
        optimizer.step()

    return step


def with_nansense(model: Any, train: Callable[[], None]) -> Callable[[], None]:
    """Return a step that leaves a snapshot of the batch."""
    import nansense

    session = nansense.Session(model, epochs=1, phases={"train": 10**9})
    session.set_update_frequency(unit="batch", n=1)
    session.step_run()
    batch = getattr(session, "batch", nullcontext)

    def step() -> None:
        with batch(phase="train", epoch=0):
            train()

    return step


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "")
