"""PyTorch programs that call mfdebug, run unwatched for a while, or are seen while they run."""

from __future__ import annotations

import asyncio
from pathlib import Path
from textwrap import dedent

import pytest

pytest.importorskip("torch")

import torch

from mfdebug.core.session.reply import Reply
from mfdebug.debuggee.ring import NEVER
from mfdebug.opening.programs import open_program
from mfdebug.opening.runs import open_run
from mfdebug.running.runnable import Runnable
from mfdebug.tui.app import DebuggerApp
from mfdebug.tui.run_progress import RunProgress
from mfdebug.tui.runner import Runner
from miniflow.errors import MiniflowError
from tests.support.app_driver import Driver
from tests.torch.written import MODEL, PRINTS, debug, run, steps

# set_trace and debug --------------------------------------------------------------------------

TRACED = "for i in range(4):\n    {call}\n    loss = step()\n" + PRINTS


def test_it_stops_at_the_next_pass_though_torch_was_there_first(tmp_path: Path) -> None:
    call = "i == 1 and mfdebug.set_trace()"
    lines = run(
        tmp_path, MODEL + TRACED.format(call=call), "step 6\nprint net.0.linear\nsgd\nsgd\nquit\n"
    )
    assert steps(lines) == steps(run(tmp_path, MODEL + TRACED.format(call="pass")))
    assert len(steps(lines)) == 4
    # It waits in the pass: only the step before it was printed.
    assert lines[1] == "SGD step 0"
    assert any(line.startswith("net.0.linear =") for line in lines)
    assert any(line.startswith("update of net.2.bias") for line in lines)


MODES = (
    """
import torch
from torch.overrides import TorchFunctionMode
seen = []

class Mode(TorchFunctionMode):
    def __torch_function__(self, function, types, args=(), kwargs=None):
        seen.append(getattr(function, "__name__", "?"))
        return function(*args, **(kwargs or {}))

torch.set_default_device("cpu")
with Mode():
    {call}
    loss = step()
i = 0
"""
    + dedent(PRINTS)
    + """
print('step', len(seen), torch._C._len_torch_function_stack())
with torch.device("cpu"):
    step()
torch.set_default_device(None)
"""
)


def test_modes_of_the_program_are_left_as_it_left_them(tmp_path: Path) -> None:
    alone = run(tmp_path, MODEL + MODES.replace("{call}", "pass"))
    lines = run(tmp_path, MODEL + MODES.replace("{call}", "mfdebug.set_trace()"), "sgd\nquit\n")
    assert not [line for line in lines if "Error" in line]
    # The program's own mode sees what it saw; ours may still be on the stack.
    assert [line.split()[:2] for line in steps(lines)] == [
        line.split()[:2] for line in steps(alone)
    ]
    assert steps(lines)[0] == steps(alone)[0]


SHOWN = (
    """
for i in range(3):
    loss = forward()
    if i == 1:
        {call}
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""
    + PRINTS
)


def test_what_a_loss_was_computed_from_is_shown_and_then_its_gradients(tmp_path: Path) -> None:
    given = (
        "step\nprint net.2.bias[0]\nuntil loss\nprint loss\nprint relu1\naten relu1\n"
        "step\nsgd\nprint net.2.weight.grad[0,0]\nsgd\nquit\n"
    )
    lines = run(tmp_path, MODEL + SHOWN.format(call="mfdebug.debug(loss)"), given)
    alone = run(tmp_path, MODEL + SHOWN.format(call="print(loss.item(), net[2].bias.item())"))
    assert steps(lines) == steps(alone)
    loss, bias = map(float, alone[1].split())
    text = "\n".join(lines)
    # What the program holds is known; of what it has computed before, only which functions.
    assert f"net.2.bias[0] = {bias:.6g}" in text
    assert f"loss = {loss:.6g}" in text
    assert "not kept" in text
    assert "relu1 is not run again: its call was not seen" in text
    # Nothing runs on until the forward has been seen.
    assert lines.index("forward of loss (Mean)") < lines.index(steps(lines)[1])
    # Its backward is of the same pass, and then its update.
    at = lines.index("backward of loss (Mean)")
    assert at < lines.index(steps(lines)[1])
    assert any(line.startswith("update of net.") for line in lines[at:])
    assert "net.2.weight.grad[0,0] = " in text


def test_a_loss_that_is_not_gone_back_from_is_a_pass_of_its_own(tmp_path: Path) -> None:
    text = MODEL + "loss = forward()\nmfdebug.debug(loss)\ndel loss\nstep()\nprint('step', 0)\n"
    lines = run(tmp_path, text, "until loss\nsgd\nsgd\ngraph\nquit\n")
    assert "step 0" in lines
    assert any(line.startswith("update of net.") for line in lines)


def test_with_a_debugger_the_forward_was_seen(tmp_path: Path) -> None:
    lines = debug(
        tmp_path,
        MODEL + SHOWN.format(call="mfdebug.debug(loss)"),
        *("sgd", "continue", "step 5", "sgd", "sgd"),
    )
    assert len(steps(lines)) == 3
    assert "not kept" not in "\n".join(lines)
    assert not [line for line in lines if "Error" in line]


def test_a_tensor_that_no_gradient_flows_through_is_refused(tmp_path: Path) -> None:
    lines = run(tmp_path, MODEL + "mfdebug.debug(forward().detach())\n")
    assert "no gradient flows through the tensor: it has no grad_fn" in lines[-1]


# watching ---------------------------------------------------------------------------------------

WITHIN = (
    """
def taps():
    grad = vars(torch.set_grad_enabled)
    return torch.autograd._engine_run_backward, torch.overrides.has_torch_function, grad["__init__"]

before = taps()
for i in range(3):
    loss = step()
    with {context}:
        loss = step()
        loss = step()
    assert taps() == before, "something of mfdebug is left"
    assert not torch._C._len_torch_function_stack()
"""
    + PRINTS
)


def test_only_the_part_within_is_recorded_and_the_program_is_as_alone(tmp_path: Path) -> None:
    lines = run(tmp_path, MODEL + WITHIN.format(context="mfdebug.watching(every=1)"))
    context = "__import__('contextlib').nullcontext()"
    assert lines == run(tmp_path, MODEL + WITHIN.format(context=context))
    for i, name in enumerate(("program", "program-2", "program-3")):
        debugger = open_run(str(tmp_path / f"{name}.mfrun")).debugger
        assert debugger.cursor.passes_run == 2
        assert len(debugger.kept_passes(9, newest=True)) == 2
        (*_, last) = debugger.kept_passes(9, newest=True)
        cost = last.value(debugger.graph.cost)
        assert cost is not None
        assert repr(float(cost)) == steps(lines)[i].split()[2]


# detach and attach ------------------------------------------------------------------------------


def test_after_a_detour_unwatched_passes_are_whole_again(tmp_path: Path) -> None:
    lines = debug(
        tmp_path,
        MODEL + "while True:\n    step()\n",
        *("sgd 2", "detach", "attach", "explain", "sgd", "modules", "goto sgd 2", "sgd"),
    )
    assert "attached: the passes in between were not kept" in lines
    assert "  (passes before this one were not watched, so they are not kept)" in lines
    ends = [line for line in lines if line.startswith("SGD step")]
    assert any(line.startswith("SGD step 3 ∙ update 4 of 4") for line in ends)
    names = [line.split()[0] for line in lines if line.startswith("net.")]
    assert {"net.0", "net.1", "net.2"} <= set(names)


def test_detached_to_its_end_it_is_as_alone(tmp_path: Path) -> None:
    text = MODEL + "for i in range(30):\n    loss = step()\n" + PRINTS
    alone = steps(run(tmp_path, text))
    lines = debug(tmp_path, text, "sgd", "detach", "attach", "sgd 99")
    assert steps(lines) == alone


# The live table ---------------------------------------------------------------------------------


def test_while_it_runs_its_modules_are_on_the_screen(tmp_path: Path) -> None:
    asyncio.run(_modules_are_on_the_screen(tmp_path))


async def _modules_are_on_the_screen(tmp_path: Path) -> None:
    path = tmp_path / "program.py"
    path.write_text(MODEL + "while True:\n    step()\n")
    running = open_program(Runnable(str(path)), [], memory=2**24, streams="on a terminal")
    try:
        app = DebuggerApp(None, history_memory=0, session=running.session)
        async with app.run_test(size=(80, 24)) as pilot:
            driver = Driver(app, pilot)
            runner = driver.screen.runner
            seen = _Reports(runner)
            await pilot.press("c")
            for _ in range(400):
                await pilot.pause(0.05)
                if "modules of the running program" in driver.text:
                    break
            rows = [line.split()[0] for line in driver.text.splitlines() if "net." in line]
            assert rows == ["net.0", "net.1", "net.2"]
            # They were read by the time that the run was first shown.
            assert seen.rows[0] == 3
            await pilot.press("x")
            await driver.screen.runner.finished()
            await pilot.pause()
            assert "modules of the running program" not in driver.text
            assert "─ order" in driver.text or "━ order" in driver.text
    finally:
        running.run.close()


class _Reports:
    """Listens to a runner in front of its listener, and notes how many rows each report has."""

    def __init__(self, runner: Runner) -> None:
        self.rows: list[int] = []
        self._runner = runner
        self._listener = runner._listener
        runner._listener = self

    def progressed(self, progress: RunProgress) -> None:
        self.rows.append(len(self._runner.modules.rows))
        self._listener.progressed(progress)

    def answered(self, line: str, reply: Reply) -> None:
        self._listener.answered(line, reply)

    def failed(self, error: MiniflowError) -> None:
        self._listener.failed(error)


def test_where_it_is_interrupted_there_are_numbers(tmp_path: Path) -> None:
    path = tmp_path / "program.py"
    path.write_text(MODEL + "while True:\n    step()\n")
    # While nobody waits for a pass, none is kept whole.
    running = open_program(Runnable(str(path)), [], memory=2**24, streams="piped", every=NEVER)
    session, reached = running.session, [0]

    def progress(_moment: int) -> bool:
        return len(running.run) > reached[-1] + 5

    try:
        session.progress = progress
        for _ in range(3):
            session.run("sgd 1000000000")
            reached.append(len(running.run))
            debugger = session.debugger
            nodes = range(len(debugger.graph))
            assert not any(debugger.state.unknown(node) for node in nodes)
            assert not any(debugger.state.unknown(node, gradient=True) for node in nodes)
        assert debugger.kept_passes(99, newest=True)[-1].sgd_step == reached[-1] - 1
        # Those between the interruptions are not.
        assert len(debugger.kept_passes(99)) < reached[-1] / 2
    finally:
        running.run.close()


# A GPU ------------------------------------------------------------------------------------------


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
def test_tensors_on_a_gpu_are_copied(tmp_path: Path) -> None:
    text = MODEL + "net.cuda()\nx = x.cuda()\n"
    text += "optimizer = torch.optim.SGD(net.parameters(), 0.1)\n"
    text += "for i in range(3):\n    with mfdebug.watching(every=1):\n        loss = step()\n"
    lines = run(tmp_path, text + PRINTS)
    assert len(steps(lines)) == 3
    debugger = open_run(str(tmp_path / "program.mfrun")).debugger
    (numbers,) = debugger.kept_passes(9, newest=True)
    for i, node in enumerate(debugger.graph.nodes):
        assert numbers.value(i) is not None, node.label
    cost = numbers.value(debugger.graph.cost)
    assert cost is not None
    assert repr(float(cost)) == steps(lines)[0].split()[2]
