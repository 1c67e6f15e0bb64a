"""PyTorch programs of which only costs are noted for a while, and whole passes then again."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch")

from mfdebug.opening.runs import open_run
from tests.torch.test_live import MODEL, debug, run, steps

RECORD = ("-P", "-m", "mfdebug", "record", "-o", "run.mfrun", "program.py")

# Gradients are off for a part of it, in each way that torch has.
WITHIN_A_MODE = """
from torch.overrides import TorchFunctionMode
seen = []

class Mode(TorchFunctionMode):
    def __torch_function__(self, function, types, args=(), kwargs=None):
        seen.append(getattr(function, "__name__", "?"))
        return function(*args, **(kwargs or {}))

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
        assert type(torch._C._get_function_stack_at(torch._C._len_torch_function_stack() - 1)) is Mode
    assert not any(
        isinstance(torch._C._get_function_stack_at(at), Mode)
        for at in range(torch._C._len_torch_function_stack())
    )
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


def test_a_program_that_stops_itself_has_that_pass_watched_whole(tmp_path: Path) -> None:
    text = MODEL + "for i in range(300):\n    i == 250 and mfdebug.set_trace()\n    loss = step()\n"
    lines = debug(tmp_path, text, "until cost < -1", "sgd", "print relu1", "graph", costs=True)
    print("\n".join(lines))
    assert False
