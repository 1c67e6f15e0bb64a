"""Programs in the style of micrograd, with the package and with a class of their own."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pytest

from mfdebug.opening.runs import open_run
from tests.support.engines import differences, installed, judged, opened, python, recorded

HERE = Path(__file__).parent
PROGRAMS = HERE / "programs"
JUDGE = HERE / "judge.py"
needs_micrograd = pytest.mark.skipif(not installed("micrograd"), reason="micrograd is missing")


@pytest.mark.parametrize(
    ("name", "passes"),
    [
        ("own_class", 5),
        ("assigns", 3),
        ("arrays", 3),
        ("fails", 3),
        pytest.param("package", 5, marks=needs_micrograd),
        pytest.param("other_uses", 14, marks=needs_micrograd),
    ],
)
def test_a_program_ends_as_it_does_alone(tmp_path: Path, name: str, passes: int) -> None:
    program = PROGRAMS / f"{name}.py"
    alone = python(program, folder=tmp_path)
    done = python("-m", "mfdebug", "record", "-o", "run.mfrun", program, folder=tmp_path)
    assert alone.returncode == 0, alone.stderr.decode()
    assert (done.stdout, done.returncode) == (alone.stdout, 0)
    assert done.stderr == alone.stderr
    assert len(opened(tmp_path / "run.mfrun")) == passes


@pytest.mark.slow
@pytest.mark.parametrize("name", ["own_class", "assigns"])
def test_every_number_is_that_of_the_judge(tmp_path: Path, name: str) -> None:
    right = judged(JUDGE, PROGRAMS / f"{name}.py", tmp_path)
    assert len(right) >= 3
    assert differences(right, recorded(PROGRAMS / f"{name}.py", tmp_path)) == []


@needs_micrograd
def test_every_number_of_the_package_is_that_of_a_judge_in_the_same_process(
    tmp_path: Path,
) -> None:
    out = tmp_path / "judged.pickle"
    run = recorded(JUDGE, tmp_path, out, PROGRAMS / "package.py")
    right = pickle.loads(out.read_bytes())
    assert len(right) == 5
    assert differences(right, run) == []


@pytest.mark.slow
def test_another_learning_rate_is_seen(tmp_path: Path) -> None:
    right = judged(JUDGE, PROGRAMS / "own_class.py", tmp_path, "0.0500001")
    found = differences(right, recorded(PROGRAMS / "own_class.py", tmp_path, "0.05"))
    assert not any(words.startswith("pass 0: value") for words in found)
    assert any(words.startswith("pass 0: Value") for words in found)
    assert all(any(words.startswith(f"pass {i}:") for words in found) for i in range(5))


@pytest.mark.slow
def test_stepping_goes_back_and_forth(tmp_path: Path) -> None:
    run = recorded(PROGRAMS / "own_class.py", tmp_path)
    right = judged(JUDGE, PROGRAMS / "own_class.py", tmp_path)
    costs = [judged_pass["values"][-1] for judged_pass in right]
    lines = []
    for step in (3, 0, 4, 1):
        lines += [f"goto sgd {step}", "until cost", "print cost"]
    arguments = [part for line in lines for part in ("-c", line)]
    done = python(
        "-m", "mfdebug", tmp_path / "run.mfrun", "--batch", "--json", *arguments, folder=tmp_path
    )
    found = [json.loads(line) for line in done.stdout.splitlines()]
    shown = [answer["result"] for answer in found if answer["command"] == "print cost"]
    assert shown == [costs[step] for step in (3, 0, 4, 1)]
    assert len(run) == 5


@pytest.mark.slow
def test_a_gradient_that_is_used_twice_is_found(tmp_path: Path) -> None:
    recorded(PROGRAMS / "own_class.py", tmp_path)
    session = open_run(str(tmp_path / "run.mfrun"))
    session.run("break zero-grad")
    stopped = []
    while (words := session.run("continue").stopped).startswith("stop 1: "):
        assert f"contains that of SGD step {session.debugger.sgd_step - 1}, which the up" in words
        stopped.append(session.debugger.sgd_step)
    assert set(stopped) == {1, 3}
    session.run("goto sgd 2")
    session.run("until w.0 backward")
    assert "already" not in session.run("why grad w.0").text
    session.run("goto sgd 1")
    session.run("until w.0 backward")
    used = "what else is in it: from SGD step 0, whose update has used it already"
    assert used in session.run("why grad w.0").text


@pytest.mark.slow
def test_names_lines_and_ops(tmp_path: Path) -> None:
    (structure, *_) = recorded(PROGRAMS / "own_class.py", tmp_path).lines
    names = [node.name for node in structure.nodes]
    assert {"w.0", "w.5", "b", "h1", "h2", "out", "cost"} <= set(names)
    source = (PROGRAMS / "own_class.py").read_text().splitlines()
    tanh = next(node for node in structure.nodes if node.kind == "tanh")
    assert ".tanh()" in source[tanh.line - 1]
    power = next(node for node in structure.nodes if node.kind == "pow")
    assert list(power.attributes["arguments"]) == ["@0", 2]
    # What it has computed and kept for backward is no setting.
    assert list(tanh.attributes["arguments"]) == ["@0"]


@pytest.mark.slow
def test_an_addition_is_explained_and_an_assignment_is_not_taken_for_one(tmp_path: Path) -> None:
    recorded(PROGRAMS / "assigns.py", tmp_path)
    session = open_run(str(tmp_path / "run.mfrun"))
    session.run("until f")
    assert "f = d × e" in session.run("explain").text
    session.run("next")
    session.run("until a")
    # It is the product's share alone: what the sum has sent first is lost.
    assert session.run("print a.grad").data == session.run("print d.grad * b").data


@pytest.mark.slow
def test_gradients_that_are_added_in_place_are_noted(tmp_path: Path) -> None:
    run = recorded(PROGRAMS / "arrays.py", tmp_path)
    nodes = run.lines[0].nodes
    (a, b) = (next(i for i, node in enumerate(nodes) if node.name == name) for name in "ab")
    (total,) = (i for i, node in enumerate(nodes) if node.kind == "add_all")
    numbers = run.numbers(0)
    assert numbers is not None
    # The cost is the sum of ab + a + aa.
    x, y = np.array([1.0, 2.0, 3.0]), np.array([0.1, 0.2, 0.3])
    assert numbers.sent[total, nodes[total].inbound.index(a)].tolist() == [1.0, 1.0, 1.0]
    (product,) = (i for i, node in enumerate(nodes) if node.inbound == (a, b))
    (square,) = (i for i, node in enumerate(nodes) if node.inbound == (a, a))
    assert numbers.sent[product, 0].tolist() == y.tolist()
    assert numbers.sent[product, 1].tolist() == x.tolist()
    assert numbers.sent[square, 0].tolist() == (x + x).tolist()
    assert numbers.own[a].tolist() == pytest.approx((y + 1 + 2 * x).tolist())
    second = run.numbers(1)
    assert second is not None
    assert second.own[b].tolist() == pytest.approx((x + second.values[a]).tolist())


def test_a_function_that_fails_backward_is_named(tmp_path: Path) -> None:
    run = recorded(PROGRAMS / "fails.py", tmp_path)
    faults = [run.outline(i).fault for i in range(len(run))]
    assert faults[0] is faults[2] is None
    fault = faults[1]
    assert fault is not None
    assert run.lines[run.outline(1).line].nodes[fault.node].kind == "inverse"
    assert (fault.direction, fault.error) == ("backward", "ZeroDivisionError")


@pytest.mark.slow
def test_a_loop_over_the_parameters_does_not_name_the_last_one(tmp_path: Path) -> None:
    program = tmp_path / "model.py"
    text = (PROGRAMS / "own_class.py").read_text()
    text = text.replace("b = Value(0)\n", "class Model: pass\nm = Model()\nm.b = Value(0)\n")
    program.write_text(text.replace("+ b)", "+ m.b)").replace("[*w, b]", "[*w, m.b]"))
    for line in recorded(program, tmp_path).lines:
        names = [node.name for node in line.nodes]
        assert "m.b" in names
        assert "p" not in names
