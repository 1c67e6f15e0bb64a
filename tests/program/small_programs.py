"""Two small programs, and what runs one in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.program.programs import environment

LESSON = """
from miniflow import *
w, x, t = Input(), Input(), Input()
cost = MSE(t, Mul(w, x))
graph = topological_sort({w: 5.0, x: 10.0, t: 20.0})

def step():
    forward_and_backward(graph)
    sgd_update([w], 1e-3)
    return w.value
"""
MICROGRAD = """
class Value:
    def __init__(self, data, children=()):
        self.data, self.grad = data, 0.0
        self._prev, self._backward = children, lambda: None

    def __mul__(self, other):
        out = Value(self.data * other.data, (self, other))

        def _backward():
            self.grad += other.data * out.grad
            other.grad += self.data * out.grad

        out._backward = _backward
        return out

    def backward(self):
        self.grad = 1.0
        self._backward()

w, x = Value(5.0), Value(10.0)
methods = Value.__init__, Value.backward

def step():
    w.grad = x.grad = 0.0
    (w * x).backward()
    w.data -= 1e-3 * w.grad
    return w.data
"""


def in_folder(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python with these arguments in a folder."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def in_batch(folder: Path, name: str, *lines: str) -> subprocess.CompletedProcess[str]:
    """Run command lines on a program or graph in a folder, without a screen."""
    words = [word for line in lines for word in ("-c", line)]
    return in_folder(folder, "-P", "-m", "mfdebug", name, "--batch", *words)
