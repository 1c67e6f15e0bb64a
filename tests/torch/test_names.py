"""The names of modules and their parameters, wherever a PyTorch program keeps them."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch")

from mfdebug.opening.programs import open_program
from mfdebug.opening.runs import open_run
from mfdebug.running.runnable import Runnable
from tests.torch.written import debug, run

# Its layers are in a plain list, so the optimizer is not given their parameters.
UNREGISTERED = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(3, 4)
        self.layers = [nn.Linear(4, 4), nn.Linear(4, 4)]

    def forward(self, x):
        x = self.first(x)
        for layer in self.layers:
            x = torch.tanh(layer(x))
        return x

class Trainer:
    def __init__(self):
        self.head, self.other = nn.Linear(4, 4), nn.Linear(4, 1)

    def loss(self, x):
        return self.other(self.head(x)).mean()

net, trainer = Net(), Trainer()
stack = {"a": nn.Linear(4, 4)}
optimizer = torch.optim.SGD(net.parameters(), 0.1)
for _ in range(3):
    x = net(torch.ones(2, 3))
    for layer in stack.values():
        x = layer(x)
    loss = trainer.loss(x)
    loss.backward()
    optimizer.step()
    # The first row of the next pass is of a parameter that was looked at.
    print(net.layers[1].weight[0, 0].item())
"""


def test_modules_in_lists_and_objects_have_their_names_in_one_graph(tmp_path: Path) -> None:
    lines = debug(tmp_path, UNREGISTERED, "continue", "graph", "modules")
    graphs = [line.split()[:2] for line in lines if line.split()[1:2] in (["program"], ["2"])]
    assert graphs == [["1", "program"]]
    title = lines.index("mean |value| and mean |gradient| of each module's last op")
    assert [line.split()[0] for line in lines[title + 2 :]] == [
        "net.first",
        "net.layers.0",
        "net",
        "net.layers.1",
        "stack.a",
        "head",
        "other",
    ]


def test_a_parameter_that_no_optimizer_was_given_is_found(tmp_path: Path) -> None:
    lines = debug(tmp_path, UNREGISTERED, "break unchanged", "continue", "explain")
    assert lines[-2].endswith(
        "before, unchanged: no optimizer of the program has updated it so far"
    )
    assert [line for line in lines if line.startswith("stop 1: unchanged")] == [
        "stop 1: unchanged: net.layers.0.weight: "
        "it has a gradient, but no optimizer of the program has updated it"
    ]


# As in a GAN: each optimizer has one of the two, and both have gradients in each pass.
TWO_OPTIMIZERS = """
import torch
torch.manual_seed(0)
a, b = torch.nn.Linear(2, 2), torch.nn.Linear(2, 1)
first = torch.optim.SGD(a.parameters(), 0.1)
second = torch.optim.Adam(b.parameters(), 0.1)
x = torch.ones(3, 2)
for _ in range(3):
    for optimizer in (first, second):
        loss = b(a(x)).pow(2).mean() if optimizer is first else b(torch.tanh(a(x))).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""


def test_what_another_optimizer_updates_is_not_taken_for_forgotten(tmp_path: Path) -> None:
    lines = debug(tmp_path, TWO_OPTIMIZERS, "break unchanged", "continue", "graph")
    assert not [line for line in lines if line.startswith("stop 1: unchanged")]
    assert lines[-1].split()[0] == "2"


DETACHED = """
import torch
net = torch.nn.Linear(3, 1)
loss = net(torch.ones(2, 3)).detach().mean()
loss.requires_grad_()
loss.backward()
other = net(torch.ones(2, 3)).detach().mean()
other.backward()
"""


def test_a_detached_loss_has_the_name_of_its_variable(tmp_path: Path) -> None:
    lines = debug(tmp_path, DETACHED, "goto start", "modules", "continue")
    title = lines.index("mean |value| and mean |gradient| of each parameter and op")
    assert lines[title + 2].split()[0] == "loss"
    assert any("backward of other raised RuntimeError" in line for line in lines)


# The way most programs are written: the cost is what a module has computed.
WITH_A_CRITERION = """
import torch
from torch import nn

model, criterion = nn.Linear(3, 2), nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), 0.1)

def train_step(x, labels):
    optimizer.zero_grad()
    loss = criterion(model(x), labels)
    loss.backward()
    optimizer.step()

for _ in range(3):
    train_step(torch.ones(2, 3), torch.tensor([0, 1]))
"""


def test_a_cost_that_a_module_computes_has_the_name_of_its_variable(tmp_path: Path) -> None:
    lines = debug(tmp_path, WITH_A_CRITERION, "sgd 2", "print loss", "graph", "until loss forward")
    assert any(line.startswith("loss = 0.") for line in lines)
    assert not any("cross_entropy = 0." in line or "criterion." in line for line in lines)
    assert not any("another graph" in line for line in lines)


# Torch passes the call of such a function to no mode; the second one raises.
OWN_FUNCTION = """
import torch

class MySign(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, bad):
        if bad:
            raise ValueError("bad")
        return x.sign()

    @staticmethod
    def backward(ctx, gradient):
        return gradient, None

class Act(torch.nn.Module):
    def forward(self, x, bad):
        return MySign.apply(x, bad)

class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.act = torch.nn.Linear(3, 2), Act()

    def forward(self, x, bad):
        return self.act(self.first(x), bad)

model = Net()
for bad in (False, False, True):
    loss = model(torch.ones(1, 3), bad).sum()
    loss.backward()
"""


def test_a_function_of_the_programs_own_belongs_to_its_module_and_line(tmp_path: Path) -> None:
    lines = debug(tmp_path, OWN_FUNCTION, "until model.act.MySign", "graph", "continue")
    assert "forward of model.act.MySign (MySign)" in lines
    assert "  made in program.py, line 17" in lines
    assert any(
        "forward of model.act.MySign in program.py, line 17 raised" in line for line in lines
    )


SEVERAL = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.qkv, self.rnn = nn.Linear(4, 6), nn.LSTM(4, 3)

    def forward(self, x):
        q, k, _ = self.qkv(x).split(2, dim=-1)
        out, (last, cell) = self.rnn(x)
        return q.sum() + k.sum() + out.sum() + last.sum() + cell.sum()

model, x = Net(), torch.ones(2, 1, 4, requires_grad=True)
for _ in range(2):
    left, (right), *rest = torch.chunk(x, 4, dim=2)
    best, where = x.max(dim=2)
    parts = x.unbind()
    (model(x) + left + right + rest[0] + best + parts[0] + parts[1]).sum().backward()
"""


def test_several_results_have_the_names_of_their_variables(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(SEVERAL)
    started = open_program(
        Runnable(str(tmp_path / "program.py")), [], memory=2**24, streams="piped"
    )
    try:
        started.session.run("sgd")
        names = [node.label for node in started.session.debugger.graph.nodes]
        started.session.run("goto sgd 0")
        said = started.session.run("until model.rnn.output backward").text.splitlines()
    finally:
        started.run.close()
    assert {"model.split.q", "model.split.k", "left", "right", "best"} <= {*names}
    assert {"model.rnn.h_0", "model.rnn.c_0"} <= {*names}
    assert {"model.rnn.output", "model.rnn.h_n", "model.rnn.c_n"} <= {*names}
    assert [line for line in said if line.startswith("  to ")] == [
        "  to every input: only what all results of model.rnn.lstm send together is known"
    ]
    # What is not told apart by a name is numbered.
    assert {"parts.0", "parts.1", "chunk1.2"} <= {*names}


LIBRARY = """
import torch
from torch.distributions import Categorical, Normal
torch.manual_seed(0)
w = torch.randn(2, 4, requires_grad=True)
for step in range(2):
    dist = Categorical(logits=w)
    action = dist.sample()
    z = Normal(w[:, 0], 1.0).rsample()
    pooled = torch.nn.functional.max_pool1d(w[None], 2)
    inverse = 1 / (w.exp() + 1)
    loss = z.sum() + dist.log_prob(action).sum() + pooled.sum() + inverse.sum()
    loss.backward()
"""


def test_a_step_on_the_way_has_not_the_name_of_the_value_of_its_line(tmp_path: Path) -> None:
    """A distribution calls functions of which none may be what the program gets."""
    run(tmp_path, LIBRARY, words=("-P", "-m", "mfdebug", "record", "program.py", "-o", "a.mfrun"))
    graph = open_run(str(tmp_path / "a.mfrun")).debugger.graph
    kinds = {node.label: type(node).__name__ for node in graph.nodes}
    assert "action" not in kinds
    assert {"z": "add", "pooled": "max_pool1d", "inverse": "rdiv", "loss": "add"}.items() <= (
        kinds.items()
    )
    assert not [name for name in kinds if name.startswith(("z_", "action_"))]
