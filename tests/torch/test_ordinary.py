"""What ordinary programs have besides layers: sparse gradients, parametrizations, own functions."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch")

from mfdebug.core.commands.interpreter import open_session
from mfdebug.core.explain.moment_text import explain
from mfdebug.core.explain.summary import summary_of
from mfdebug.recording.debugger import RecordedDebugger, RecordedLines
from mfdebug.recording.reader import RunReader
from tests.torch.written import run

RECORD = ("-P", "-m", "mfdebug", "record", "--every", "1", "program.py", "-o", "run.mfrun")
PROGRAM = """
import torch
from torch import nn
from torch.nn.utils.parametrizations import spectral_norm

torch.manual_seed(0)

class Low(nn.Module):
    def __init__(self, rows, columns):
        super().__init__()
        self.a = nn.Parameter(torch.randn(1, columns))
        self.b = nn.Parameter(torch.randn(rows, 1))

    def forward(self, weight):
        return weight + self.b @ self.a

class relu(torch.autograd.Function):
    # It does not compute what its name says.
    @staticmethod
    def forward(ctx, inner):
        return inner.clamp(min=0) + 1

    @staticmethod
    def backward(ctx, grad):
        return grad * 3

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(9, 4, sparse=True)
        self.bag = nn.EmbeddingBag(9, 4, mode="mean", sparse=True)
        self.bn = nn.BatchNorm1d(4)
        self.rnn = nn.LSTM(4, 4, 2, dropout=0.5)
        self.features = nn.Sequential(nn.Linear(4, 4), nn.Tanh())
        # As where the size of what follows is found by a trial.
        size = self.features(torch.zeros(1, 4)).shape[1]
        self.norm = spectral_norm(nn.Linear(size, 4))
        self.head = nn.Linear(4, 1)

    def forward(self, rows):
        x = self.table(rows).mean(1) + self.table(rows[:, :1]).sum(1) + self.bag(rows)
        x = x + self.rnn(x[None])[0][0]
        with torch.no_grad():
            self.bn(x)
        x = self.bn(x)
        print("mean", self.bn.running_mean.tolist())
        return self.head(self.norm(self.features(self.bn(x))))

net = Net()
net.head.weight.requires_grad_(False)
nn.utils.parametrize.register_parametrization(net.head, "weight", Low(1, 4))
scale = torch.tensor([1.0, -2.0], requires_grad=True)
first = torch.optim.SparseAdam([net.table.weight, net.bag.weight])
others = [p for n, p in net.named_parameters() if "table" not in n and "bag" not in n]
second = torch.optim.SGD([p for p in others if p.requires_grad] + [scale], 0.1)
for _ in range(3):
    rows = torch.randint(0, 9, (5, 3))
    loss = (net(rows) * relu.apply(scale)).sum()
    first.zero_grad(), second.zero_grad()
    loss.backward()
    assert net.table.weight.grad.is_sparse and net.bag.weight.grad.is_sparse
    print([p.grad.to_dense().tolist() for p in (net.table.weight, net.bag.weight)])
    first.step(), second.step()
"""


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> tuple[RecordedDebugger, list[str]]:
    folder = tmp_path_factory.mktemp("ordinary")
    lines = run(folder, PROGRAM, words=RECORD)
    runs = RunReader(folder / "run.mfrun")
    assert len(runs) == 3, lines
    debugger = RecordedLines(runs).debugger(0)
    debugger.cursor.go_to_pass(2, at_its_end=False)
    return debugger, lines


OTHERS = (".tensor", ".rnn.", ".bn.")
Recorded = tuple[RecordedDebugger, list[str]]


def test_sparse_gradients_are_the_programs_own(recorded: Recorded) -> None:
    debugger, lines = recorded
    labels = [node.label for node in debugger.graph.nodes]
    printed = [line for line in lines if line.startswith("[[[")]
    assert len(printed) == 3
    for step, line in enumerate(printed):
        found = debugger.plan.pass_of(step)
        assert found is not None
        shown = []
        for name in ("net.table.weight", "net.bag.weight"):
            gradient = found.gradient(labels.index(name), debugger.timeline.length)
            assert gradient is not None
            shown.append(gradient.tolist())
        assert repr(shown) == line


def test_running_statistics_are_those_of_the_call(recorded: Recorded) -> None:
    """PyTorch writes to them without a new version, also while nothing is noted."""
    debugger, lines = recorded
    labels = [node.label for node in debugger.graph.nodes]
    printed = [line for line in lines if line.startswith("mean ")]
    assert len(printed) == 3
    for step, line in enumerate(printed):
        found = debugger.plan.pass_of(step)
        assert found is not None
        second = found.value(labels.index("net.bn.running_mean_2"), debugger.timeline.length)
        assert second is not None
        assert f"mean {second.tolist()}" == line


def test_each_input_is_named_by_what_holds_it_in_the_end(recorded: Recorded) -> None:
    debugger, _ = recorded
    names = [node.label for node in debugger.graph.nodes if not node.inbound_nodes]
    assert {name for name in names if not any(part in name for part in OTHERS)} == {
        "rows",
        "net.table.weight",
        "net.bag.weight",
        "net.features.0.weight",
        "net.features.0.bias",
        "net.norm.parametrizations.weight.original",
        "net.norm.bias",
        "net.head.parametrizations.weight.0.b",
        "net.head.parametrizations.weight.0.a",
        "net.head.parametrizations.weight.original",
        "net.head.bias",
        # Not `inner`, which is a variable of the function's own forward.
        "scale",
    }


def test_torchs_own_tensors_have_not_the_names_of_the_programs(recorded: Recorded) -> None:
    """A line of the program may call many functions: its variables are arguments of the first."""
    debugger, _ = recorded
    names = [node.label for node in debugger.graph.nodes if not node.inbound_nodes]
    assert sorted(name for name in names if ".tensor" in name) == [
        "net.norm.parametrizations.weight.0.tensor",
        "net.norm.parametrizations.weight.0.tensor_2",
        # rows[:, :1]
        "net.table.tensor",
    ]


def test_a_function_of_the_program_is_not_taken_for_one_of_pytorch(recorded: Recorded) -> None:
    debugger, _ = recorded
    (node,) = [n for n in debugger.graph.nodes if type(n).__name__ == "relu"]
    session = open_session(debugger)
    said = session.run(f"until {node.label} backward").text
    assert "relu is a function of the program: what it computes and sends is known" in said
    assert "relu is a function of the program whose rule is not known" in (
        session.run(f"check {node.label}").text
    )


def test_one_of_several_results_is_called_after_its_function(recorded: Recorded) -> None:
    debugger, _ = recorded
    session = open_session(debugger)
    session.run("goto start")
    said = session.run("until net.rnn.output").text
    assert "forward of net.rnn.output (lstm)\n  net.rnn.output = lstm(" in said
    assert "(lstm is a function of PyTorch" in session.run("why net.rnn.output[0,0,0]").text
    kinds = {one.name: one.kinds for one in summary_of(debugger).modules}
    assert kinds["net.rnn."] == ("lstm",)


STATES = """
import torch

torch.manual_seed(0)
rnn, head = torch.nn.LSTM(3, 4, batch_first=True), torch.nn.Linear(4, 2)
optimizer = torch.optim.SGD([*rnn.parameters(), *head.parameters()], 0.1)
for _ in range(2):
    out, (h, c) = rnn(torch.randn(2, 5, 3))
    loss = head(out[:, -1] + c[0]).pow(2).sum()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""


def test_a_function_sends_back_after_all_its_results(tmp_path: Path) -> None:
    """The engine runs a part of an LSTM before it has the gradient of the last cell."""
    run(tmp_path, STATES, words=RECORD)
    debugger = RecordedLines(RunReader(tmp_path / "run.mfrun")).debugger(0)
    names = [debugger.graph.nodes[node].label for node in debugger.timeline.backward]
    assert names.index("rnn.lstm") == 1 + max(map(names.index, ("rnn.output", "rnn.c_n")))
    assert names.index("rnn.lstm") < min(names.index(f"rnn.{w}_hh_l0") for w in ("weight", "bias"))


TWICE = """
import torch

torch.manual_seed(5)
net = torch.nn.Linear(2, 3)
for step in range(2):
    loss = net(torch.randn(4, 2)).pow(2).mean()
    grads = torch.autograd.grad(loss, list(net.parameters()), create_graph=True)
    print("step", grads[0][0, 0].item())
    total = sum((p - 0.1 * g).pow(2).sum() for p, g in zip(net.parameters(), grads))
    # Those of the pass before are there while gradients are asked for, and are others.
    net.zero_grad()
    total.backward()
    print("step", net.weight.grad[0, 0].item())
"""


def test_gradients_that_are_asked_for_are_moments_and_of_their_graph(tmp_path: Path) -> None:
    printed = [float(line.split()[1]) for line in run(tmp_path, TWICE, words=RECORD)[:4]]
    assert len(set(printed)) == 4
    lines = RecordedLines(RunReader(tmp_path / "run.mfrun"))
    asked, twice = lines.debugger(0), lines.debugger(1)
    for debugger, number in ((asked, printed[2]), (twice, printed[3])):
        session = open_session(debugger)
        session.run("goto sgd 1")
        session.run("until net.weight backward")
        weight, linear = map(debugger.graph.index_of, ("net.weight", "net.linear"))
        assert float(debugger.state.gradient(weight)[0, 0]) == number
        # The second one comes through functions that were not seen, and is known, too.
        assert debugger.state.gradient_freshness(linear).name == "CURRENT"
        said = session.run("why grad net.weight[0,0]").text
        assert f"= {number:.6g}" in said
        assert "nan" not in said


def test_of_what_is_not_trained_no_optimizer_is_expected(recorded: Recorded) -> None:
    debugger, _ = recorded
    debugger.cursor.go(debugger.timeline.first_of(1))
    (frozen,) = [line for line in explain(debugger) if ".original  shape 1x4" in line]
    assert frozen.endswith("(its own value)")
