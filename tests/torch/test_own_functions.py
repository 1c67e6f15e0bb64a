"""A function of a program's own in a run file, which is opened where there is no PyTorch."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")

from tests.program.programs import environment

PROGRAM = """
import torch

class Cube(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x * x

    @staticmethod
    def backward(ctx, gradient):
        (x,) = ctx.saved_tensors
        return 3 * x * x * gradient

w = torch.tensor([2.0, -1.0], requires_grad=True)
for _ in range(2):
    w.grad = None
    cubed = Cube.apply(w)
    loss = cubed.sum()
    loss.backward()
    with torch.no_grad():
        w -= 0.01 * w.grad
    print(loss.item(), w.grad.tolist())
"""
# Whatever is installed, nothing of PyTorch can be imported there.
OPEN = """
import runpy, sys
sys.modules["torch"] = None
runpy.run_module("mfdebug", run_name="__main__", alter_sys=True)
"""
COMMANDS = (
    *("until cubed", "why cubed", "until cubed backward", "why w.grad", "until w backward"),
    *("print w.grad", "check cubed", "goto sgd 1", "until w backward", "print loss"),
    *("print w.grad", "back", "back", "why cubed", "quit"),
)


def test_it_is_stepped_and_explained_without_pytorch(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(PROGRAM)

    def run(*command: str, given: str = "") -> list[str]:
        done = subprocess.run(
            [sys.executable, *command],
            cwd=tmp_path,
            env=environment(),
            input=given,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.splitlines()

    record = ("-m", "mfdebug", "record", "--every", "1", "-o", "run.mfrun", "train.py")
    first, second = run(*record)
    lines = run("-c", OPEN, "run.mfrun", given="\n".join(COMMANDS))
    text = "\n".join(lines)
    assert "forward of cubed (Cube)\n" in text
    assert "made in train.py, line 18" in text
    why = "cubed[0] = Cube(w)\n  = 8\n  (Cube is a function of the program: how it computes this"
    assert why in text
    # What it has sent is what the program's own rule has: 3 * 2 * 2.
    assert "∂loss/∂w[0] = cubed.gradients[w][0]\n  = 12\n" in text
    assert "Cube is a function of the program: what it sent is known, not how it was made" in text
    shown = [line.split("[")[1].rstrip("]").split() for line in lines if line.startswith("w.grad")]
    assert "it can be tested only while the program waits" in text
    assert f"loss = {float(second.split()[0]):.6g}" in text
    for numbers, printed in zip(shown, (first, second), strict=True):
        own = printed.partition("[")[2].rstrip("]").split(",")
        assert [float(x) for x in numbers] == pytest.approx([float(x) for x in own], rel=1e-4)
