"""Of passes that are not kept whole, every cost and what they consist of is known."""

from __future__ import annotations

import struct
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from mfdebug.recording.reader import RunReader
from tests.program.programs import environment

pytest.importorskip("torch")

# The second half goes through two functions in turn, with as many nodes of the engine for each.
PROGRAM = """
import torch
torch.manual_seed(0)
model = torch.nn.Sequential(torch.nn.Linear(4, 5), torch.nn.Linear(5, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
x, y = torch.randn(8, 4), torch.randn(8, 1)
for step in range(600):
    between = torch.tanh if step >= 300 and step % 3 == 0 else torch.relu
    cost = ((model[1](between(model[0](x))) - y) ** 2).mean()
    optimizer.zero_grad()
    cost.backward()
    optimizer.step()
    print(cost.item().hex())
"""


@pytest.mark.parametrize("options", [("--costs",), ("--every", "50"), ()])
def test_every_pass_has_its_cost_and_its_functions(
    tmp_path: Path, options: tuple[str, ...]
) -> None:
    (tmp_path / "train.py").write_text(PROGRAM)
    done = subprocess.run(
        [sys.executable, "-m", "mfdebug", "record", *options, "-o", "run.mfrun", "train.py"],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    costs = [float.fromhex(line) for line in done.stdout.split()]
    with closing(RunReader(tmp_path / "run.mfrun")) as run:
        assert len(run) == len(costs) == 600
        for number, cost in enumerate(costs):
            outline = run.outline(number)
            assert struct.pack("<d", outline.cost) == struct.pack("<d", cost)
            assert outline.complete
        whole = [number for number in range(600) if run.outline(number).whole]
        if options == ("--costs",):
            # One that is new is looked at; the other function came when nothing was watched.
            assert whole[:1] == [0]
            assert len(whole) < 5
        elif options:
            assert set(range(0, 600, 50)) <= set(whole)
        kinds = [
            {node.kind for node in run.lines[run.outline(number).line].nodes}
            for number in range(600)
        ]
        assert all("relu" in kinds[number] for number in range(300))
        if not options:
            # Which functions a pass has is known once one of its kind was watched whole, which may
            # take some passes where the machine is busy.
            seen = (n for n in range(300, 600, 3) if n in whole and "tanh" in kinds[n])
            for number in range(next(seen, 600), 600):
                assert ("tanh" if number % 3 == 0 else "relu") in kinds[number]
