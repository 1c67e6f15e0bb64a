"""The code that is made to compare a graph of the engine with a known one."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")

import torch

from mfdebug.debuggee.torch.pass_kinds import walk
from mfdebug.debuggee.torch.same_form import MAX_NODES, comparer
from tests.program.programs import environment


class Twice(torch.autograd.Function):
    """A function of a program's own."""

    @staticmethod
    def forward(_: Any, x: Any) -> Any:
        """Return 2x."""
        return 2 * x

    @staticmethod
    def backward(_: Any, gradient: Any) -> Any:
        """Return what it sends."""
        return 2 * gradient


W = torch.randn(4, 4, requires_grad=True)
V = torch.randn(4, 4, requires_grad=True)


def _shared() -> Any:
    x = W * 2
    return (x * x).sum()


def _part_of_a_view() -> Any:
    x = W.clone()
    x.view(16)[3:5].mul_(2)
    return x.sum()


GRAPHS: list[Callable[[], Any]] = [
    lambda: torch.tanh(W).sum(),
    lambda: torch.relu(W).sum(),
    lambda: torch.relu(V).sum(),
    lambda: (W * V).sum(),
    lambda: (V * W).sum(),
    lambda: (W * W).sum(),
    lambda: (W * 3).sum(),
    _shared,
    lambda: ((W * 2) * (W * 2)).sum(),
    lambda: W.split(2)[0].sum(),
    lambda: W.split(2)[1].sum(),
    lambda: Twice.apply(W).sum(),
    lambda: torch.cat([W, V]).sum(),
    lambda: torch.cat([W, V, W]).sum(),
    lambda: W.sum(),
    lambda: W.sum().sum(),
    _part_of_a_view,
]


@pytest.mark.parametrize("number", range(len(GRAPHS)))
def test_it_says_what_the_walk_says(number: int) -> None:
    known = GRAPHS[number]().grad_fn
    same = comparer(known)
    assert same is not None
    form = walk((known,))[1]
    for other in GRAPHS:
        end = other().grad_fn
        assert same(end) is (walk((end,))[1] == form)
    assert same(GRAPHS[number]().grad_fn)


def test_no_code_is_made_for_a_large_graph() -> None:
    x = W
    for _ in range(MAX_NODES):
        x = x * 2
    assert comparer(x.sum().grad_fn) is None


PROGRAM = """
import sys
import torch
torch.manual_seed(0)
model = torch.nn.Sequential(torch.nn.Linear(4, 5), torch.nn.ReLU(), torch.nn.Linear(5, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
x, y = torch.randn(8, 4), torch.randn(8, 1)

def step():
    cost = ((model(x) - y) ** 2).mean()
    optimizer.zero_grad()
    cost.backward()
    optimizer.step()

for _ in range(450):
    step()
called = []

def see(frame, event, _):
    if event == "call" and "mfdebug" in frame.f_code.co_filename:
        called.append(frame.f_code.co_name)

sys.setprofile(see)
step()
sys.setprofile(None)
print(*called)
"""


def test_a_pass_of_which_only_the_cost_is_kept_takes_few_calls(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(PROGRAM)
    done = subprocess.run(
        [sys.executable, "-m", "mfdebug", "record", "--costs", "-o", "run.mfrun", "train.py"],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    called = [name for name in done.stdout.split() if name not in ("_room", "word")]
    # Two of them are about the compiler, which is off in the optimizer, two about its gradients.
    assert sorted(called) == sorted(
        ["run", "begins", "same", "ended", "put_short", *4 * ["switched"]]
    )
