"""Programs that a test writes, run alone or under mfdebug; and one that most of them begin with."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.program.programs import environment
from tests.torch.running import ONE_THREAD, SECONDS

# torch is imported before mfdebug, as in a program to which a call is added.
MODEL = """
import torch
import mfdebug
torch.manual_seed(0)
net = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 1))
optimizer = torch.optim.SGD(net.parameters(), 0.1)
x = torch.randn(5, 3)

def forward():
    return (net(x) - 1).pow(2).mean()

def step():
    loss = forward()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss
"""
# A line is one write: while the program runs detached, the debugger writes lines between.
PRINTS = """\
    sums = [float(p.sum()) for p in net.parameters()]
    print("step %d %r %s\\n" % (i, loss.item(), sums), end="")
"""


def run(folder: Path, text: str, given: str = "", words: tuple[str, ...] = ()) -> list[str]:
    """Run a program alone or with words before its name; return all lines that are printed."""
    (folder / "program.py").write_text(text)
    done = subprocess.run(
        [sys.executable, *(words or ("program.py",))],
        cwd=folder,
        env={**environment(**ONE_THREAD), "PYTHONUNBUFFERED": "1"},
        input=given,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    return (done.stdout + done.stderr).splitlines()


def debug(folder: Path, text: str, *commands: str) -> list[str]:
    asked = tuple(word for command in commands for word in ("-c", command))
    return run(folder, text, words=("-P", "-m", "mfdebug", "program.py", "--batch", *asked))


def steps(lines: list[str]) -> list[str]:
    return [line for line in lines if line.startswith("step ")]
