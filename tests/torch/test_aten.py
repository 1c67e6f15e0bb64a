"""`aten`: the ops that PyTorch runs for a row are those that a mode in a plain script sees."""

from __future__ import annotations

import asyncio
import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from mfdebug.core.commands.interpreter import open_session
from mfdebug.core.explain.library_ops import agreement
from mfdebug.core.explain.sizes import size_of
from mfdebug.core.format.numbers import scalar
from mfdebug.core.session.session import Session
from mfdebug.core.timeline.computed_debugger import ComputedDebugger
from mfdebug.debuggee import probe
from mfdebug.debuggee.graph_numbers import ByParameters
from mfdebug.debuggee.pass_nodes import Node
from mfdebug.debuggee.questions import OpsQuestion
from mfdebug.debuggee.recorder import Recorder
from mfdebug.debuggee.ring import new_ring
from mfdebug.debuggee.tape import Tape
from mfdebug.debuggee.torch.calls import Calls
from mfdebug.debuggee.torch.rerun import NOT_IN_A_CHILD, Rerun
from mfdebug.debuggee.torch.tensors import Tensors
from mfdebug.opening.graphs import load_graph
from mfdebug.opening.programs import Running, open_program
from mfdebug.running.answers import read_answer
from mfdebug.running.runnable import Runnable
from mfdebug.tui.app import DebuggerApp
from miniflow.errors import MiniflowError
from tests.support.app_driver import Driver
from tests.support.paths import ROOT
from tests.torch import aten_cases
from tests.torch.running import ONE_THREAD, Script, alone, run

BITS = "bit for bit what the program had"
PROGRAM = """
import sys
sys.path.insert(0, {root!r})
import torch
from tests.torch.aten_cases import arriving, call, cases
for step in range(3):
    parts = []
    for name, (function, given) in cases().items():
        out = call(name, function, given, step)
        parts.append((out * arriving(out)).sum())
    torch.stack(parts).sum().backward()
"""


class Seen(TorchDispatchMode):
    """Lists the ops: name, shapes and sizes of what they return."""

    def __init__(self) -> None:
        super().__init__()
        self.ops: list[tuple[str, list[tuple[list[int], str]]]] = []

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        # Else torch imports its compiler, which takes seconds.
        return False

    def __torch_dispatch__(self, op: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = op(*args, **(kwargs or {}))
        several = out if isinstance(out, list | tuple) else [out]
        tensors = [x for x in several if isinstance(x, torch.Tensor)]
        shown = [(list(x.shape), self._size(str(op), x)) for x in tensors]
        self.ops.append((str(op), shown))
        return out

    @staticmethod
    def _size(name: str, tensor: torch.Tensor) -> str:
        # Nothing was written there yet, or only to a part of it: the workspace of a kernel.
        if name.startswith("aten.empty") or tensor.dtype is torch.uint8 or not tensor.numel():
            return ""
        return scalar(size_of(tensor.detach().contiguous().numpy()).number, 5)


def as_seen(ops: list[dict[str, Any]]) -> list[tuple[str, list[tuple[list[int], str]]]]:
    return [
        (op["op"], [(x["shape"], x["value"] * (x["dtype"] != "uint8")) for x in op["returns"]])
        for op in ops
    ]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    path = tmp_path_factory.mktemp("aten") / "program.py"
    path.write_text(PROGRAM.format(root=str(ROOT)))
    before = dict(os.environ)
    os.environ.update(ONE_THREAD)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    started = open_program(Runnable(str(path)), [], memory=2**26, streams="piped")
    try:
        started.session.run("sgd")
        yield started
    finally:
        started.run.close()
        torch.set_num_threads(threads)
        os.environ.clear()
        os.environ.update(before)


def rows(session: Session, kind: str) -> list[str]:
    run: Any = session.debugger
    nodes = run.plan.recorded_run.nodes(run.plan.present.number)
    return [run.graph.nodes[i].label for i, node in enumerate(nodes) if node.kind == kind]


@pytest.mark.parametrize("name", aten_cases.cases())
def test_the_ops_are_those_that_a_mode_of_the_program_would_see(
    running: Running, name: str
) -> None:
    function, given = aten_cases.cases()[name]
    # What is changed in place is cloned where the mode does not see it.
    passed = [given[0].clone(), *given[1:]] if name.endswith("_") else given
    torch.manual_seed(7)
    forward = Seen()
    with forward:
        out = function(*passed)
    wanted = list({id(x): x for x in given if x.requires_grad}.values())
    backward, arriving = Seen(), aten_cases.arriving(out)
    with backward:
        torch.autograd.grad(out, wanted, arriving)
    reply = running.session.run(f"aten {rows(running.session, name)[0]}")
    data = reply.data
    assert ("its backward runs no op:" in reply.text) == (backward.ops == [])
    assert as_seen(data["forward"]) == forward.ops
    assert as_seen(data["backward"]) == backward.ops
    assert [x["compared"] for x in data["results"]] == [BITS] * len(data["results"])
    assert data["results"]
    assert [x["compared"] for x in data["gradients"]] == [BITS] * len(wanted)
    assert data["no_backward"] == ""
    assert data["remarks"] == []


def test_of_an_earlier_pass_it_is_run_with_the_numbers_of_that(running: Running) -> None:
    session = running.session
    run: Any = session.debugger
    moment = run.moment
    row = rows(session, "dropout")[0]
    first = session.run(f"aten {row}").data
    session.run("sgd")
    assert running.run.program.waits_after == 2
    second = session.run(f"aten {row}").data
    run.move(moment)
    again = session.run(f"aten {row}").data
    # In each pass it draws other numbers.
    assert first == again != second
    for data in first, second:
        assert [x["compared"] for x in (*data["results"], *data["gradients"])] == [BITS] * 2


def test_what_differs_is_said() -> None:
    array = torch.tensor([1.0, 2.0, -0.0]).numpy()
    assert agreement(array, array.copy()) == BITS
    zero = "equal to what the program had, but for the bits of zeros or NaN"
    assert agreement(array, abs(array)) == zero
    assert agreement(array, array + 0.5) == "differs in 3 of 3 entries, by 0.5 at most"
    assert agreement(array, array[:2]) == "differs: its shape is 3, the program had 2"
    assert agreement(array, None) == "what the program had is not kept"


def test_a_key_shows_the_ops_of_the_function_under_the_cursor(running: Running) -> None:
    asyncio.run(_key_shows_the_ops(running))


async def _key_shows_the_ops(running: Running) -> None:
    running.session.run("until linear1")
    app = DebuggerApp(None, history_memory=0, session=running.session)
    async with app.run_test(size=(80, 40)) as pilot:
        driver = Driver(app, pilot)
        await pilot.press("a")
        for _ in range(400):
            await pilot.pause(0.05)
            if "ATen" in driver.text:
                break
        assert "linear1 (linear) is 4 ATen ops" in driver.text
        assert "aten.addmm.default" in driver.text
        assert f"linear1 = %4: {BITS}" in driver.text


# Why not ---------------------------------------------------------------------------------------

REFUSING = """
import torch

class Scaled(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, factor):
        ctx.factor = factor
        return x * factor
    @staticmethod
    def backward(ctx, gradient):
        return gradient * ctx.factor, None

class Kind(torch.Tensor):
    pass

torch.manual_seed(0)
x = torch.randn(4, 3, requires_grad=True)
kind = torch.randn(3).as_subclass(Kind)
generator = torch.Generator()
for step in range(2):
    scaled = Scaled.apply(x, 2.0)
    view = (scaled * 1.5)[0]
    doubled = view.mul_(2)
    other = torch.add(x[0], kind)
    drawn = torch.bernoulli(x.sigmoid().sub(0), generator=generator)
    again = torch.utils.checkpoint.checkpoint(torch.sin, x, use_reentrant=True)
    loss = scaled.sum() + doubled.sum() + other.as_subclass(torch.Tensor).sum() + drawn.sum()
    loss = loss + again.sum()
    loss.backward()
"""


@pytest.fixture(scope="module")
def refusing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    path = tmp_path_factory.mktemp("refusing") / "program.py"
    path.write_text(REFUSING)
    started = open_program(Runnable(str(path)), [], memory=2**24, streams="piped")
    try:
        yield started
    finally:
        started.run.close()


def refusal(session: Session, line: str) -> str:
    with pytest.raises(MiniflowError) as caught:
        session.run(line)
    return str(caught.value)


def test_why_a_function_is_not_run_again_is_said(refusing: Running) -> None:
    session = refusing.session
    assert "is not computed yet in this pass" in refusal(session, "aten loss")
    session.run("sgd")
    (row,) = rows(session, "Scaled")
    data = session.run(f"aten {row}").data
    assert [x["compared"] for x in (*data["results"], *data["gradients"])] == [BITS] * 2
    (row,) = rows(session, "CheckpointFunction")
    assert "its call was not seen" in refusal(session, f"aten {row}")
    (row,) = rows(session, "bernoulli")
    assert "it was given a Generator" in refusal(session, f"aten {row}")
    adding = [refusal(session, f"aten {row}") for row in rows(session, "add")[:1]]
    assert "it takes a Kind, a class of tensors of its own" in adding[0]
    assert "x is an input" in refusal(session, "aten x")
    (row,) = rows(session, "mul_")
    data = session.run(f"aten {row}").data
    assert data["forward"][0]["op"] == "aten.mul_.Tensor"
    assert data["backward"] == []
    assert data["no_backward"].startswith("it changes a view of another tensor in place")


def test_after_the_end_of_the_program_it_is_said_what_to_do(refusing: Running) -> None:
    session = refusing.session
    session.run("continue")
    said = refusal(session, "aten loss")
    assert "loss cannot be run again: the program has ended (start it again" in said


def test_an_op_of_a_graph_has_none() -> None:
    session = open_session(ComputedDebugger(load_graph("xor")))
    assert "l1 is an op of this graph, not a function of PyTorch" in refusal(session, "aten l1")


MODEL = """
import torch

class Scaled(torch.autograd.Function):
    calls = 0
    @staticmethod
    def forward(ctx, x):
        Scaled.calls += 1
        print("scaled", Scaled.calls)
        return x * 2
    @staticmethod
    def backward(ctx, gradient):
        print("back", Scaled.calls)
        return gradient * 2

torch.manual_seed(0)
net = torch.nn.Sequential(
    torch.nn.Linear(4, 8), torch.nn.BatchNorm1d(8), torch.nn.ReLU(inplace=True), torch.nn.Dropout()
)
optimizer = torch.optim.Adam(net.parameters(), 0.01)
for step in range(4):
    loss = Scaled.apply(net(torch.randn(6, 4))).pow(2).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print(loss.item())
calls = Scaled.calls
"""
ROWS = ["net.0.linear", "net.1.batch_norm", "net.2.relu", "net.3.dropout", "scaled1", "loss"]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "program.py"
    path.write_text(MODEL)
    return path


def test_the_program_is_as_alone(model: Path, tmp_path: Path) -> None:
    script, here = Script(model), tmp_path / "here"
    lines = [line for _ in range(2) for line in ("sgd", *(f"aten {row}" for row in ROWS))]
    asked = [word for line in lines for word in ("-c", line)]
    command = ["-P", "-m", "mfdebug", model.name, "--batch", *asked, "-c", "continue"]
    expected, ended = alone(here, script), run(here, script, command)
    printed, lines_of_ours = expected.stdout.splitlines(), ended.stdout.decode().splitlines()
    assert [line for line in ended.stdout.splitlines() if line in set(printed)] == printed
    assert ended.stderr == expected.stderr == b""
    assert sum("run once more by PyTorch" in line for line in lines_of_ours) == 2 * len(ROWS)
    compared = [line for line in lines_of_ours if "what the program had" in line]
    assert all(line.endswith(BITS) for line in compared)
    assert len(compared) == 2 * (3 + 4 + 2 + 2 + 2 + 2)
    assert ended.files == expected.files
    assert "final-state.txt" in ended.files


# In the program's own process --------------------------------------------------------------------


def test_within_the_program_generators_are_put_back_and_no_thread_is_left(tmp_path: Path) -> None:
    tensors = Tensors(torch)
    recorder = Recorder(new_ring(nameless=True), "", 1e6)
    tape = Tape(recorder, "torch", ByParameters(recorder, tensors.encoded))
    rerun, calls = Rerun(torch, recorder, tape, tensors), Calls(torch)
    x = torch.randn(5, 4).requires_grad_()
    before = calls.before([x], draws=True)
    out = torch.nn.functional.dropout(x, 0.5)
    (sent,) = torch.autograd.grad(out, x, torch.ones(5, 4))
    source = Node(1, ("Parameter", "x", -1, ()), [], tensors.encoded(x))
    node = Node(2, ("dropout", "", -1, ()), [source], tensors.encoded(out))
    node.call = calls.noted(torch.nn.functional.dropout, (x, 0.5), {}, before, [])
    tape.waiting, recorder.number = [source, node], 3
    inputs, arrived = {0: tensors.encoded(x)}, {0: tensors.encoded(torch.ones(5, 4))}
    question = OpsQuestion(1, inputs, arrived, {}, [0], of=3, there=1)
    (tmp_path / "ring.ask").write_bytes(question.packed())
    torch.manual_seed(1)
    state, threads, values = torch.get_rng_state(), threading.active_count(), x.detach().clone()
    head, *arrays = read_answer(
        probe.packed(rerun.in_process(OpsQuestion.read(f"{tmp_path}/ring.ask")))
    )
    answer = json.loads(str(head.value))
    assert answer["refusal"] == ""
    kept = {(kind, key): arrays[at].value for kind, key, at in answer["kept"]}
    assert kept["result", 0].tobytes() == out.detach().numpy().tobytes()  # type: ignore[union-attr]
    assert kept["gradient", 0].tobytes() == sent.numpy().tobytes()  # type: ignore[union-attr]
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(x, values)
    assert x.grad is None
    assert threading.active_count() == threads
    node.call.own = "Own"
    (head,) = read_answer(probe.packed(rerun.in_process(question)))
    assert "Own is code of the program" in str(head.value)


def test_a_child_says_that_the_engine_cannot_run_in_it(tmp_path: Path) -> None:
    def work() -> Any:
        raise probe.Exit(NOT_IN_A_CHILD)

    assert probe.in_child(work, f"{tmp_path}/ring", os._exit, 60) == NOT_IN_A_CHILD
    assert probe.in_child(list, f"{tmp_path}/ring", os._exit, 60) == 0


ON_A_GPU = """
import torch
net = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Dropout()).cuda()
for step in range(2):
    loss = net(torch.randn(6, 4).cuda()).sum()
    loss.backward()
print(torch.rand(2).cuda() + torch.rand(2, device="cuda"))
"""


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
def test_with_tensors_on_a_gpu_it_runs_in_the_program(tmp_path: Path) -> None:
    path = tmp_path / "program.py"
    path.write_text(ON_A_GPU)
    started = open_program(Runnable(str(path)), [], memory=2**24, streams="piped")
    try:
        started.session.run("sgd")
        for row in ("net.0.linear", "net.1.dropout", "loss"):
            data = started.session.run(f"aten {row}").data
            compared = [x["compared"] for x in (*data["results"], *data["gradients"])]
            assert compared == [BITS] * len(compared)
            assert compared
    finally:
        started.run.close()
