"""PyTorch's functions in our words: each agrees with PyTorch, and every equation is true."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mfdebug.core.commands.interpreter import open_session
from mfdebug.core.explain.moment_text import explain
from mfdebug.core.explain.report import report
from mfdebug.core.explain.value_sums import value_sums
from mfdebug.core.explain.why import why
from mfdebug.core.session.session import Session
from mfdebug.core.timeline.computed_debugger import ComputedDebugger
from mfdebug.core.timeline.entry_ref import EntryRef, cost_name
from mfdebug.recording.debugger import RecordedDebugger, RecordedLines
from mfdebug.recording.passes import RecordedPass
from mfdebug.recording.reader import RunReader
from miniflow.errors import MiniflowError
from miniflow.files import load
from tests.support.equations import Judgement
from tests.support.judged_texts import judge_why, lookup_in
from tests.support.paths import ROOT
from tests.support.sizes import pick
from tests.torch.function_cases import UNRULED, cases

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("torch") is None, reason="PyTorch is not installed"
)

HERE = Path(__file__).parent
CASES = cases()
KINDS = [("float64", "plain"), ("float32", "plain"), ("float64", "ties")]
# What of two results in another order of operations may differ, in units of the last digit.
ROUNDING = {"float64": 1e-12, "float32": 3e-5}


def recorded(folder: Path, lines: list[str], dtype: str, kind: str) -> RecordedLines:
    """Run the program over these calls, and return what was recorded of it."""
    (folder / "calls.txt").write_text("\n".join(lines))
    program = HERE / "functions_program.py"
    command = [
        sys.executable,
        "-m",
        "mfdebug",
        "record",
        "--every",
        "1",
        "-o",
        "run.mfrun",
        str(program),
    ]
    done = subprocess.run(
        [*command, dtype, kind, "calls.txt"],
        cwd=folder,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "HOME": str(folder)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    run = RunReader(folder / "run.mfrun")
    assert len(run) == len(lines), done.stderr
    return RecordedLines(run)


@pytest.fixture(scope="module", params=KINDS, ids="-".join)
def ruled(request: Any, tmp_path_factory: Any) -> tuple[RecordedLines, str, str]:
    dtype, kind = request.param
    return recorded(tmp_path_factory.mktemp("ruled"), CASES, dtype, kind), dtype, kind


@pytest.fixture(scope="module")
def unruled(tmp_path_factory: Any) -> RecordedLines:
    return recorded(tmp_path_factory.mktemp("unruled"), [*UNRULED], "float64", "plain")


def pass_of(lines: RecordedLines, number: int) -> tuple[RecordedDebugger, RecordedPass]:
    outline = lines.run.outline(number)
    debugger = lines.debugger(outline.line)
    debugger.cursor.go_to_pass(outline.step, at_its_end=True)
    found = debugger.plan.pass_of(outline.step)
    assert found is not None
    return debugger, found


def functions(debugger: RecordedDebugger) -> Iterator[int]:
    """Yield the nodes of functions, without those whose own value is no number."""
    for node in range(len(debugger.graph)):
        if debugger.graph.inbound[node] and not debugger.graph.results[node]:
            yield node


def close(recorded: Any, rule: Any, dtype: str) -> bool:
    """Whether a result is that of the rule, within rounding of the largest entry."""
    if recorded.size != rule.size:
        return False
    a, b = (np.asarray(each, np.float64).reshape(-1) for each in (recorded, rule))
    scale = max(1.0, float(np.abs(b[np.isfinite(b)]).max(initial=0.0)))
    return bool(np.allclose(a, b, rtol=1e-4, atol=ROUNDING[dtype] * scale, equal_nan=True))


def departures(lines: RecordedLines, number: int, dtype: str) -> list[str]:
    """Return what differs from our rule in a pass, by name."""
    debugger, found = pass_of(lines, number)
    numbers, wrong = found.numbers, []
    assert numbers is not None
    for node in functions(debugger):
        name = f"{CASES[number]}: {debugger.graph.nodes[node].label}"
        value = found.rules.by_rule(node, backward=False)
        if not value or not close(numbers.values[node], value[0][0], dtype):
            wrong.append(f"{name}: value")
        if found.rules.departs(node, "forward") or found.rules.departs(node, "backward"):
            wrong.append(f"{name}: departs")
    for node in range(len(debugger.graph)):
        if debugger.graph.reads[node] != debugger.graph.inbound[node]:
            continue
        inbound = debugger.graph.inbound[node]
        sent = {index: numbers.sent.get((node, index)) for index in range(len(inbound))}
        given = {index: array for index, array in sent.items() if array is not None}
        shares = found.rules.by_rule(node, backward=True) if given else [{}]
        for index, array in given.items():
            if not shares or not close(array, shares[0][index], dtype):
                wrong.append(f"{CASES[number]}: {debugger.graph.nodes[node].label}: {index}")
    return wrong


# PyTorch divides the gradient among the greatest, we send it to the first; it has other slopes at
# kinks; an empty product of zeros.
AT_TIES = ("amax", "amin", "max", "min", "prod", "norm", "elu", "celu", "selu", "hard", "relu6")


def test_every_rule_agrees_with_pytorch(ruled: tuple[RecordedLines, str, str]) -> None:
    lines, dtype, kind = ruled
    wrong = []
    for number, case in enumerate(CASES):
        if kind == "ties" and any(word in case for word in AT_TIES):
            continue
        wrong += departures(lines, number, dtype)
    assert wrong == [], "\n".join(wrong)


def judged(lines: RecordedLines, number: int, dtype: str) -> Judgement:
    """Judge every explanation in a pass, and why of the first and the last entry of each node."""
    outline = lines.run.outline(number)
    debugger = lines.debugger(outline.line)
    found = debugger.plan.pass_of(outline.step)
    assert found is not None
    assert found.numbers is not None
    single = dtype == "float32" or any(x.dtype == "<f4" for x in found.numbers.values.values())
    cost = cost_name(debugger.graph)
    judgement = Judgement(debugger.graph.names(), 1e-5 if single else 1e-11, cost)
    debugger.cursor.go_to_pass(outline.step, at_its_end=False)
    for _ in range(debugger.timeline.length):
        try:
            debugger.cursor.step()
        except MiniflowError:
            # The program goes on with another graph.
            break
        node = debugger.where.node
        if node is None or not np.prod(shape := debugger.plan.shape_of(node)):
            continue
        for flat in sorted({0, int(np.prod(shape)) - 1}):
            index = tuple(map(int, np.unravel_index(flat, shape)))
            judgement.judge(explain(debugger, index), lookup_in(debugger))
            judge_why(judgement, debugger, EntryRef(node, "value", index))
            judge_why(judgement, debugger, EntryRef(node, "grad", index))
    return judgement


def test_every_equation_is_true(ruled: tuple[RecordedLines, str, str]) -> None:
    lines, dtype, kind = ruled
    long = pick(True, False)
    false, silent = [], []
    for number, case in enumerate(CASES):
        if not long and (number + len(kind)) % 3:
            continue
        judgement = judged(lines, number, dtype)
        false += [f"{case}: {equation}" for equation in judgement.false]
        if judgement.read < 15:
            silent.append(case)
    assert false == [], "\n".join(false)
    assert silent == []


def test_no_contribution_fails_the_check(ruled: tuple[RecordedLines, str, str]) -> None:
    lines, _, kind = ruled
    if kind == "ties":
        pytest.skip("at kinks there is no difference quotient")
    wrong, tested = [], 0
    for number in range(0, len(CASES), 3):
        debugger, _ = pass_of(lines, number)
        for verdict in debugger.check():
            tested += verdict.judgement == "right"
            if verdict.judgement == "wrong":
                wrong.append(f"{CASES[number]}: {debugger.graph.nodes[verdict.node].label}")
    assert wrong == []
    assert tested > len(CASES)


@pytest.mark.parametrize("call", UNRULED)
def test_what_is_not_in_our_words_is_said_to_be_a_function_of_pytorch(
    call: str, unruled: RecordedLines
) -> None:
    debugger, found = pass_of(unruled, [*UNRULED].index(call))
    said = []
    for node in functions(debugger):
        if found.rules.by_rule(node, backward=False):
            continue
        index = (0,) * len(debugger.plan.shape_of(node))
        said += [*value_sums(debugger, node, index).notes, report(debugger, node, index).role]
        assert "has its own" not in " ".join(said)
    assert any("is a function of PyTorch" in line for line in said), said
    assert UNRULED[call] in " ".join(said)
    assert judged(unruled, [*UNRULED].index(call), "float64").false == []
    assert not any(verdict.judgement == "wrong" for verdict in debugger.check())


def session_of(folder: Path, program: str) -> Session:
    """Record a program, and open what was recorded."""
    (folder / "prog.py").write_text(program)
    subprocess.run(
        [sys.executable, "-m", "mfdebug", "record", "--every", "1", "-o", "run.mfrun", "prog.py"],
        cwd=folder,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "HOME": str(folder)},
        check=True,
        capture_output=True,
    )
    return open_session(RecordedLines(RunReader(folder / "run.mfrun")).debugger(0))


NETWORK = """
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 2)).double()
optimizer = torch.optim.SGD(model.parameters(), 0.1)
X, y = torch.randn(6, 3).double(), torch.tensor([0, 1, 1, 0, 1, 0])
for step in range(3):
    optimizer.zero_grad(set_to_none=step > 0)
    loss = nn.functional.cross_entropy(model(X) * 0.5**step, y)
    loss.backward()
    if step == 1:
        (model[3].weight.square().sum() * 0.1).backward()
    optimizer.step()
"""


def test_a_saved_network_trains_on_as_the_program_did(tmp_path: Path) -> None:
    session = session_of(tmp_path, NETWORK)
    session.run("until loss forward")
    session.run(f"save {tmp_path / 'graph.json'}")
    saved = ComputedDebugger(load(tmp_path / "graph.json"))
    saved.move(saved.timeline.length)
    recorded = session.debugger
    recorded.cursor.go_to_pass(0, at_its_end=True)
    for name in ("loss", "model.0.weight", "model.3.bias"):
        found = saved.state.value(saved.graph.index_of(name))
        expected = recorded.state.value(recorded.graph.index_of(name))
        assert found == pytest.approx(expected, rel=1e-10)


def test_what_was_accumulated_before_a_pass_is_a_term(tmp_path: Path) -> None:
    debugger = session_of(tmp_path, NETWORK).debugger
    other = debugger.lines[1]
    judgement = Judgement(other.graph.names(), 1e-11, cost_name(other.graph))
    weight = other.graph.index_of("model.3.weight")
    other.cursor.go_to_pass(0, at_its_end=True)
    cause = why(other, EntryRef(weight, "grad", (0, 0)))
    assert "what else is in it" in [term.symbols for term in cause.terms]
    judge_why(judgement, other, EntryRef(weight, "grad", (0, 0)))
    assert judgement.false == []
    assert judgement.read > 3


LAST_BATCH = """
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Linear(6, 2)
optimizer = torch.optim.SGD(model.parameters(), 0.5)
data, labels = torch.randn(7, 2, 3), torch.tensor([0, 1, 1, 0, 1, 0, 1])
for _ in range(2):
    for first in range(0, 7, 3):
        x, y = data[first : first + 3], labels[first : first + 3]
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x.view(x.size(0), -1)), y)
        loss.backward()
        optimizer.step()
"""


def test_passes_with_a_smaller_last_batch_are_of_one_graph(tmp_path: Path) -> None:
    debugger = session_of(tmp_path, LAST_BATCH).debugger
    assert len(debugger.lines) == 1
    weight = debugger.graph.index_of("model.weight")
    sizes = []
    for step in range(6):
        debugger.cursor.go_to_pass(step, at_its_end=True)
        sizes.append(debugger.plan.shape_of(debugger.graph.index_of("model.linear"))[0])
        assert debugger.state.learning_rate == (0.5 if step < 5 else pytest.approx(0.5))
        before, change = why(debugger, EntryRef(weight, "value", (0, 0))).terms
        assert before.amount + change.amount == pytest.approx(debugger.state.value(weight)[0, 0])
    assert sizes == [3, 3, 1, 3, 3, 1]


TOUCHED_EARLY = """
import torch

torch.manual_seed(0)
layer = torch.nn.Linear(3, 1)
start = layer.weight.norm(), [parameter.detach().clone() for parameter in layer.parameters()]
for _ in range(2):
    loss = layer(torch.randn(4, 3)).square().mean()
    loss.backward()
"""


def test_a_parameter_that_is_used_before_its_module_is_called_has_its_name(tmp_path: Path) -> None:
    debugger = session_of(tmp_path, TOUCHED_EARLY).debugger
    assert len(debugger.lines) == 1
    names = [debugger.graph.nodes[node].label for node in debugger.graph.trainables]
    assert sorted(names) == ["layer.bias", "layer.weight"]


COMPILED_PART = """
import contextlib
import torch

torch.manual_seed(0)
net = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.Tanh())
part = torch.compile(net, backend="eager")

@torch.compiler.disable
def apart(h):
    return h.sin()

@torch.compile(backend="eager")
def around(h):
    return apart(h.cos()) * 2

with contextlib.suppress(Exception):
    torch.fx.symbolic_trace(part)
optimizer = torch.optim.SGD(net.parameters(), 0.1)
for _ in range(4):
    optimizer.zero_grad()
    loss = (around(part(torch.randn(4, 3))) - 1).square().mean()
    loss.backward()
    optimizer.step()
"""


def test_after_something_compiled_functions_are_seen_again(tmp_path: Path) -> None:
    debugger = session_of(tmp_path, COMPILED_PART).debugger
    assert debugger.cursor.passes_run == 4
    for line in debugger.lines:
        nodes = line.graph.nodes
        names = [nodes[node].label for node in line.graph.trainables]
        assert sorted(names) == ["net.0.bias", "net.0.weight"]
        assert [node.label for node in nodes][-3:] == ["sub1", "square1", "loss"]
