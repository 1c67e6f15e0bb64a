"""`check` tests functions whose rule is not known here, as the waiting program evaluates them."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch")

from mfdebug.opening.runs import open_run
from tests.torch.written import debug, run

# A backward that is wrong, one that is right and takes more than tensors, one of two results, one
# that cannot compute in float64, one that draws, and functions of PyTorch without a rule.
PROGRAM = """
import torch
from torch.autograd import Function

class Square(Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x
    @staticmethod
    def backward(ctx, gradient):
        return gradient * ctx.saved_tensors[0]

class Product(Function):
    @staticmethod
    def forward(ctx, x, y, scale):
        ctx.save_for_backward(x, y)
        ctx.scale = scale
        return x * y * scale, x + y
    @staticmethod
    def backward(ctx, product, total):
        x, y = ctx.saved_tensors
        return product * y * ctx.scale + total, product * x * ctx.scale + total, None

class Fixed(Function):
    @staticmethod
    def forward(ctx, x):
        return x @ torch.ones(3, 3)
    @staticmethod
    def backward(ctx, gradient):
        return gradient @ torch.ones(3, 3)

class Draws(Function):
    @staticmethod
    def forward(ctx, x):
        mask = torch.rand_like(x)
        ctx.save_for_backward(mask)
        return x * mask
    @staticmethod
    def backward(ctx, gradient):
        return gradient * ctx.saved_tensors[0]

class Act(torch.nn.Module):
    def forward(self, x):
        return Square.apply(x)

torch.manual_seed(0)
net = torch.nn.Sequential(torch.nn.Linear(3, 3), Act())
w = torch.randn(2, 3, requires_grad=True)
table = torch.randn(2, 3, requires_grad=True)
for step in range(2):
    x = torch.randn(2, 3)
    pair = Product.apply(w, net(x), 0.5)
    looked = torch.nn.functional.embedding(torch.tensor([0, 1]), table, max_norm=0.1)
    mixed = Fixed.apply(pair[1]) + Draws.apply(pair[1]) + torch.linalg.svdvals(w).sum()
    (pair[0] * mixed + looked).sum().backward()
"""


def verdicts(lines: list[str]) -> dict[str, str]:
    """Return the verdict of each row, by function and input."""
    found = {}
    for line in lines:
        words = line.split()
        for verdict in ("not tested", "right", "WRONG"):
            if f" {verdict} " in line and " to " in line:
                to = words[words.index("to") + 1].partition("[")[0]
                found[f"{words[1].strip('()')} to {to}"] = verdict
    return found


def test_a_function_without_a_rule_is_tested_in_a_copy(tmp_path: Path) -> None:
    lines = debug(tmp_path, PROGRAM, "goto sgd 1", "check", "check net.0.weight")
    at = lines.index("1 gradient is wrong (1 wrong, 4 not tested, 16 right)")
    assert lines[at + 2].split()[:2] == ["net.1.Square", "(Square)"]
    found = verdicts(lines[at:])
    assert found["Square to net.0.linear"] == "WRONG"
    assert found["Fixed to pair.1"] == found["Draws to pair.1"] == "not tested"
    assert found["Product to w"] == found["Product to net.1.Square"] == "right"
    assert found["linalg_svdvals to w"] == "right"
    # Nothing zeroes the gradients, which is no error.
    assert "net.0.weight has more than this pass sent" in "".join(lines[at:])
    # It changes its table before it looks the rows up, and does not differentiate that.
    assert found["embedding to table"] == "not tested"
    said = "\n".join(lines[at:])
    assert "expected m1 and m2 to have the same dtype" in said
    assert "it draws random numbers" in said
    assert "what is sent by net.1.Square, pair, linalg_svdvals1 was compared" in said
    assert "as in a straight-through estimator" in said
    row = next(line.split() for line in lines[at:] if "WRONG" in line)
    backward, difference = float(row[-5]), float(row[-4])
    assert difference == pytest.approx(2 * backward, rel=1e-4)


def test_what_was_not_tested_is_said_before_what_is_right(tmp_path: Path) -> None:
    run(tmp_path, PROGRAM, words=("-P", "-m", "mfdebug", "record", "program.py", "-o", "a.mfrun"))
    opened = open_run(str(tmp_path / "a.mfrun"))
    opened.run("goto sgd 1")
    reply = opened.run("check")
    head, *lines = reply.text.splitlines()
    assert head.startswith("not tested: net.1.Square (Square), pair (Product), looked (embed")
    assert head.endswith(" 6 in all; no other gradient is wrong (8 not tested, 13 right)")
    why = "Square is a function of the program whose rule is not known here"
    assert why in "".join(lines)
    assert any((verdict["words"] or "").startswith(why) for verdict in reply.data["verdicts"])


MEANT = """
import torch
torch.manual_seed(0)
scores = torch.randn(6, 2, 5, requires_grad=True)
lengths, wanted = torch.tensor([6, 5]), torch.randint(1, 5, (2, 3))
for step in range(2):
    logs = scores.log_softmax(-1)
    cost = torch.nn.functional.ctc_loss(logs, wanted, lengths, torch.tensor([3, 2]))
    coarse = torch.fake_quantize_per_tensor_affine(scores, 0.3, 0, -8, 7)
    (cost + coarse.pow(2).sum()).backward()
"""


def test_what_pytorch_does_not_mean_to_be_the_derivative_is_not_called_wrong(
    tmp_path: Path,
) -> None:
    lines = debug(tmp_path, MEANT, "goto sgd 1", "check")
    said = "\n".join(lines)
    assert "WRONG" not in said
    assert "it sends what is right for scores whose log_softmax its input is" in said
    assert "a straight-through estimator, which leaves out the rounding" in said


EXPANDED = """
import torch
torch.manual_seed(0)
x = torch.randn(4, 3, requires_grad=True)
w = torch.randn(3, requires_grad=True)
rows = torch.tensor([2, 0, 0, 1])
for step in range(2):
    added = torch.zeros(3, 3).scatter_add(0, rows[:, None].expand(4, 3), x)
    apart = torch.cdist(added, w.expand(3, 3))
    apart.sum().backward()
"""


def test_tensors_whose_entries_share_memory_are_moved_one_by_one(tmp_path: Path) -> None:
    found = verdicts(debug(tmp_path, EXPANDED, "goto sgd 1", "check"))
    assert found["scatter_add to x"] == "right"
    assert {verdict for row, verdict in found.items() if row.startswith("cdist")} == {"right"}


PENALTY = """
import torch
torch.manual_seed(0)
net = torch.nn.Sequential(torch.nn.Linear(2, 4), torch.nn.Softplus(), torch.nn.Linear(4, 1))
for step in range(2):
    x = torch.randn(5, 2, requires_grad=True)
    out = net(x).sum()
    (slope,) = torch.autograd.grad(out, x, create_graph=True)
    loss = out + (slope.norm(dim=1) - 1).square().mean()
    net.zero_grad()
    loss.backward()
"""


def test_a_function_is_not_blamed_for_what_came_through_a_part_of_it(tmp_path: Path) -> None:
    """The gradient of a gradient goes through the transposed weight of the layer."""
    lines = debug(tmp_path, PENALTY, "graph 2", "sgd", "check")
    said = "\n".join(lines)
    assert "may have sent through a part of it, unseen" in said
    assert "WRONG" not in said
