"""PyTorch programs of which only costs are noted for a while, and whole passes then again."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch")

from mfdebug.opening.runs import open_run
from tests.torch.written import MODEL, run, steps

RECORD = ("-P", "-m", "mfdebug", "record", "-o", "run.mfrun", "program.py")

# Gradients are off for a part of it, in each way that torch has.
WITHIN_A_MODE = """
from torch.overrides import TorchFunctionMode
seen = []

class Mode(TorchFunctionMode):
    def __torch_function__(self, function, types, args=(), kwargs=None):
        seen.append(getattr(function, "__name__", "?"))
        return function(*args, **(kwargs or {}))

def modes():
    depth = range(torch._C._len_torch_function_stack())
    return [type(torch._C._get_function_stack_at(at)) for at in depth]

def evaluated():
    with torch.no_grad():
        a = forward().item()
    with torch.inference_mode():
        b = forward().item()
    torch.set_grad_enabled(False)
    c = forward().item()
    torch.set_grad_enabled(True)
    return a, b, c

for i in range(12):
    seen.clear()
    with torch.device("cpu"), Mode():
        for _ in range(5):
            loss = step()
        print("step", *evaluated())
        assert modes()[-1] is Mode
    assert Mode not in modes()
    count = len(seen)
    forward()
    assert len(seen) == count
    print("step", i, loss.item())
"""


@pytest.mark.parametrize("options", [("--costs",), ("--every", "4")], ids=["costs", "every"])
def test_a_mode_of_the_program_is_left_as_it_was_entered(
    tmp_path: Path, options: tuple[str, ...]
) -> None:
    alone = run(tmp_path, MODEL + WITHIN_A_MODE)
    lines = run(tmp_path, MODEL + WITHIN_A_MODE, words=(*RECORD[:4], *options, *RECORD[4:]))
    assert len(steps(alone)) == 24
    assert steps(lines) == steps(alone)
    debugger = open_run(str(tmp_path / "run.mfrun")).debugger
    assert debugger.cursor.passes_run == 60


@pytest.mark.parametrize("at", ["before", "between"])
def test_a_program_that_stops_itself_waits_in_a_pass(tmp_path: Path, at: str) -> None:
    text = (
        MODEL
        + f"""
for i in range(300):
    if i == 250:
        print("step", net[1](net[0](x)).detach()[0, 0].item())
        {at!r} == "before" and mfdebug.set_trace()
    loss = forward()
    i == 250 and {at!r} == "between" and mfdebug.set_trace()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print("step", i, loss.item())
"""
    )
    asked = ("continue", "sgd", "print net.1.relu[0,0]", "sgd 99")
    words = [word for command in asked for word in ("-c", command)]
    lines = run(
        tmp_path,
        text,
        words=("-P", "-m", "mfdebug", "--costs", "program.py", "--batch", *words),
    )
    alone = steps(run(tmp_path, text.replace("mfdebug.set_trace()", "0")))
    assert steps(lines) == alone
    assert "the program called set_trace()" in lines
    # It is a whole pass, unless it had begun: then its forward was not seen.
    (value,) = [float(line.split()[1]) for line in alone if len(line.split()) == 2]
    assert (f"net.1.relu[0,0] = {value:.6g}" in lines) is (at == "before")


def test_attached_while_only_costs_are_kept_the_next_pass_is_whole(tmp_path: Path) -> None:
    text = MODEL + "while True:\n    loss = forward()\n    with torch.enable_grad():\n"
    text += "        optimizer.zero_grad()\n        loss.backward()\n    optimizer.step()\n"
    asked = ("sgd 9", "detach", "attach", "sgd", "print net.1.relu[0,0]", "moments")
    words = [word for command in asked for word in ("-c", command)]
    lines = run(
        tmp_path, text, words=("-P", "-m", "mfdebug", "--costs", "program.py", "--batch", *words)
    )
    print("\n".join(lines))
    assert "attached: the passes in between were not kept" in lines
    assert any(line.startswith("net.1.relu[0,0] = ") for line in lines)
