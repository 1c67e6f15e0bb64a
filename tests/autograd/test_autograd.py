"""Programs that use HIPS autograd."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.engines import differences, installed, judged, opened, python, recorded

HERE = Path(__file__).parent
PROGRAM = HERE / "programs" / "network.py"
JUDGE = HERE / "judge.py"
pytestmark = pytest.mark.skipif(not installed("autograd"), reason="autograd is missing")


def right_passes(folder: Path, *arguments: str) -> list[dict[str, Any]]:
    """Return the passes of the program as the judge has seen them, its takes as inputs."""
    return [as_shown(judged_pass) for judged_pass in judged(JUDGE, PROGRAM, folder, *arguments)]


def as_shown(judged_pass: dict[str, Any]) -> dict[str, Any]:
    """Return a pass in which each part that was taken of an argument is one input.

    Its gradient is the sum of those of the takes; of more than two, the order is not known here.
    Of what is no number, only its place in the graph is compared.
    """
    new: dict[int, int] = {}
    inputs: dict[int, int] = {}
    takes: dict[int, list[Any]] = {}
    # The lists and the like that an argument is, or has.
    whole: set[int] = set()
    keys = ("kinds", "values", "ids", "inbound", "own", "sent")
    made: dict[str, list[Any]] = {key: [] for key in keys}
    for i, kind in enumerate(judged_pass["kinds"]):
        below = judged_pass["inbound"][i]
        is_part = kind == "container_take" and below[0] in whole
        is_input = kind == "argument" or is_part
        holds = isinstance(judged_pass["values"][i], list | tuple | dict)
        if is_input and holds:
            whole.add(i)
            continue
        if is_input:
            takes.setdefault(judged_pass["ids"][i], []).append(judged_pass["own"][i])
            if judged_pass["ids"][i] in inputs:
                new[i] = inputs[judged_pass["ids"][i]]
                continue
            inputs[judged_pass["ids"][i]] = len(made["kinds"])
        new[i] = len(made["kinds"])
        made["kinds"].append(None if is_input else kind)
        made["values"].append(None if holds else judged_pass["values"][i])
        made["ids"].append(judged_pass["ids"][i])
        made["inbound"].append([] if is_input else [new[j] for j in below])
        made["own"].append(None if holds else judged_pass["own"][i])
        made["sent"].append([] if is_input else [_number(x) for x in judged_pass["sent"][i]])
    for key, i in inputs.items():
        parts = takes[key]
        made["own"][i] = sum(parts[1:], start=parts[0]) if len(parts) <= 2 else None
    return made


def _number(thing: Any) -> Any:
    return None if isinstance(thing, list | tuple | dict) else thing


@pytest.mark.parametrize("name", ["network", "many_uses"])
def test_a_program_ends_as_it_does_alone(tmp_path: Path, name: str) -> None:
    program = HERE / "programs" / f"{name}.py"
    alone = python(program, folder=tmp_path)
    done = python("-m", "mfdebug", "record", "-o", "run.mfrun", program, folder=tmp_path)
    assert alone.returncode == 0, alone.stderr.decode()
    assert (done.stdout, done.stderr, done.returncode) == (alone.stdout, alone.stderr, 0)
    assert len(opened(tmp_path / "run.mfrun")) == len(judged(JUDGE, program, tmp_path)) > 16


@pytest.mark.parametrize("name", ["network", "many_uses"])
def test_every_number_is_that_of_the_judge(tmp_path: Path, name: str) -> None:
    program = HERE / "programs" / f"{name}.py"
    right = [as_shown(judged_pass) for judged_pass in judged(JUDGE, program, tmp_path)]
    assert len(right) > 16
    assert differences(right, recorded(program, tmp_path)) == []


def test_another_learning_rate_is_seen(tmp_path: Path) -> None:
    found = differences(right_passes(tmp_path, "0.5000001"), recorded(PROGRAM, tmp_path, "0.5"))
    assert not any(words.startswith("pass 0:") for words in found)
    assert all(any(words.startswith(f"pass {i}:") for words in found) for i in (1, 2, 3))


def test_stepping_goes_back_and_forth(tmp_path: Path) -> None:
    recorded(PROGRAM, tmp_path)
    right = right_passes(tmp_path)[:4]
    lines = []
    for step in (3, 0, 2, 1):
        lines += [f"goto sgd {step}", "until error", "print params.0.0"]
    arguments = [part for line in lines for part in ("-c", line)]
    done = python(
        "-m", "mfdebug", tmp_path / "run.mfrun", "--batch", "--json", *arguments, folder=tmp_path
    )
    found = [json.loads(line) for line in done.stdout.splitlines()]
    shown = [answer["result"] for answer in found if answer["command"].startswith("print")]
    weights = [
        next(x for x in judged_pass["values"] if getattr(x, "shape", ()) == (3, 4))
        for judged_pass in right
    ]
    assert shown == [weights[step].tolist() for step in (3, 0, 2, 1)]


def test_parameters_have_the_names_of_their_places(tmp_path: Path) -> None:
    (structure, *_) = recorded(PROGRAM, tmp_path).lines
    trained = {node.name for node in structure.nodes if node.trained}
    assert trained == {"params.0.0", "params.0.1", "params.1.0", "params.1.1"}
    assert {"x", "y", "error"} <= {node.name for node in structure.nodes}
