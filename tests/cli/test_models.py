"""Models on the command line: their cost, feeds from files, what is said, and `mfdebug diff`."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from mfdebug.core.session.script import Origin, script_of, session_text
from mfdebug.opening.graphs import open_graph
from miniflow.errors import FileError
from tests.support.command_line import in_turn
from tests.support.shipped_models import FOLDER, read_answers

LENET, LSTM = FOLDER / "lenet.onnx", FOLDER / "lstm.onnx"


@pytest.mark.slow
def test_a_model_is_stepped_with_its_labels_and_feeds_from_files(tmp_path: Path) -> None:
    answers = read_answers("lenet")
    np.save(tmp_path / "image.npy", answers.inputs["image"])
    np.save(tmp_path / "labels.npy", answers.labels)
    given = [str(LENET), "--feed", "image=image.npy", "--batch", "-c", "sgd"]
    text = [*given, "--labels", "labels.npy", "-c", "print cost"]
    data = [*given, "--labels", ",".join(map(str, answers.labels)), "--json"]
    wrong = (
        [*given, "--labels", "a"],
        [*given[:2], "image=none.npy", *given[3:]],
        ["xor", "--cost", "mse", "--batch", "-c", "sgd"],
        ["--cost", "mse", "--batch", "-c", "sgd"],
        [str(LENET), "--labels", "1,2", "--batch", "-c", "sgd"],
    )
    first, second, *refused = in_turn([text, data, *wrong], tmp_path)
    assert first.stdout.startswith("The cost is the cross-entropy of the softmax of fc3.linear_2")
    assert first.stdout.splitlines()[-1] == f"cost = {answers.cost:.6g}"
    notes, step = map(json.loads, second.stdout.splitlines())
    assert list(notes) == ["notes"]
    assert step["result"]["cost"] == pytest.approx(answers.cost)
    assert [done.returncode for done in refused] == [2] * 5
    problems = [done.stderr for done in refused]
    assert "--labels: 'a' is neither an .npy file nor numbers" in problems[0]
    assert "none.npy: No such file" in problems[1]
    assert "--cost is for a model, .onnx or .pt2: a graph file names its cost" in problems[2]
    assert "name a graph file" in problems[3]
    assert "labels: 2 class numbers do not fit scores 1x10" in problems[4]


@pytest.mark.slow
def test_diff_compares_files_and_a_file_with_itself_in_float32() -> None:
    lines = [
        ["diff", str(LSTM)],
        ["diff", str(LSTM), "--tolerance", "0", "--json"],
        ["diff", "wx", "parabola"],
        ["diff", "a", "b", "c"],
        ["diff", "prog.py"],
        ["diff", "wx", "--tolerance", "2"],
    ]
    equal, rounded, graphs, many, program, tolerance = in_turn(lines)
    assert equal.returncode == 0
    assert equal.stdout.startswith("all ")
    assert "equal up to 0.001" in equal.stdout
    assert rounded.returncode == 1
    assert json.loads(rounded.stdout)["differences"][0]["what"] == "value"
    assert graphs.returncode == 1
    assert graphs.stdout.startswith("the first node that differs is ")
    assert (many.returncode, "'c' is too much" in many.stderr) == (2, True)
    assert "diff compares graphs, models and run files" in program.stderr
    assert "is not a number from 0 to below 1" in tolerance.stderr


@pytest.mark.slow
def test_the_open_model_is_compared_with_another_file(tmp_path: Path) -> None:
    for name in ("lenet.onnx", "lenet.onnx.data"):
        shutil.copy(FOLDER / name, tmp_path / name)
    (tmp_path / "end").write_text("no graph")
    ask = ["save now.json", "diff now.json", f"diff {tmp_path / 'lenet.onnx'}", "sgd"]
    lines = ["diff now.json", "diff end", "diff ./end", "diff prog.py", "diff none.onnx"]
    given = [word for line in [*ask, *lines] for word in ("-c", line)]
    text, data = in_turn(
        [
            [str(LENET), "--batch", *given],
            ["xor", "--batch", "--json", "-c", "diff 0", "-c", "diff parabola"],
        ],
        tmp_path,
    )
    equal = "all 55 values and gradients are equal up to 1e-09"
    # The copy has no example: it gets that of the open model.
    assert text.stdout.splitlines().count(equal) == 2
    assert "the first node that differs is conv1.weight, in its value: 52 of 55" in text.stdout
    assert "  entry                                this graph" in text.stdout
    assert "moment 55: everything is equal" in text.stdout
    errors = text.stderr.splitlines()
    assert errors[0].startswith("diff ./end: end:1:5: not JSON")
    assert "prog.py: it is not a graph file or a model" in errors[1]
    assert "none.onnx: there is no such file" in errors[2]
    moments, files = map(json.loads, data.stdout.splitlines())
    assert moments["result"]["a"] == "0"
    assert files["result"]["only_b"] == ["x", "five", "square"]


def test_a_session_remembers_the_options_and_the_files() -> None:
    asked = {"cost": "mse", "labels": [1, 2]}
    origin = Origin("/m.onnx", "0" * 64, {"x": "/x.npy"}, options=asked)
    script = script_of(session_text(origin, ["step 3"]).encode(), "s", lambda line: None)
    assert script.origin == origin


@pytest.mark.slow
def test_a_session_of_a_model_is_resumed_with_its_labels(tmp_path: Path) -> None:
    commands = ["-c", "sgd", "-c", "record left.script"]
    (done,) = in_turn([[str(LENET), "--labels", "3", "--batch", *commands]], tmp_path)
    assert done.returncode == 0
    head = (tmp_path / "left.script").read_text(encoding="utf-8")
    assert '# option "labels" [3]' in head


def test_other_options_of_a_session_file_have_no_effect() -> None:
    opened = open_graph(str(LENET), {}, {"cost": "sum", "seed": 3, "path": "/etc/passwd"})
    assert opened.origin.options == {"cost": "sum"}


def test_what_was_given_is_said_as_it_is_typed() -> None:
    options = {"labels": [3, 1], "cost": "mse\x1b[2J"}
    origin = Origin("m.onnx", "", {"x": "/images/" + "long" * 20 + ".npy"}, options=options)
    assert origin.given() == [
        "--labels [3, 1]",
        '"--cost mse\\u001b[2J"',
        "--feed x=/images/longlonglonglonglonglonglonglonglonglonglo…",
    ]


def test_what_is_fed_is_kept_as_it_was_given(tmp_path: Path) -> None:
    np.save(tmp_path / "image.npy", np.zeros((2, 1, 8, 8)))
    path = str(tmp_path / "image.npy")
    opened = open_graph(str(LENET), {"image": path}, {"cost": "sum"})
    assert opened.origin.feeds == {"image": path}
    assert opened.origin.options == {"cost": "sum"}
    assert opened.graph["image"].value.shape == (2, 1, 8, 8)
    assert opened.origin.fingerprint == opened.graph.fingerprint


def test_a_file_that_is_no_array_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.npy").write_bytes(b"no array")
    with pytest.raises(FileError, match=r"not an \.npy file"):
        open_graph(str(LENET), {"image": str(tmp_path / "x.npy")})
