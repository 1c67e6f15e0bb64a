"""`inside`: the ops of ours that compute a function of PyTorch, with numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mfdebug.core.commands.interpreter import open_session
from mfdebug.core.timeline.computed_debugger import ComputedDebugger
from mfdebug.opening.graphs import load_graph
from mfdebug.tui.app import DebuggerApp
from miniflow.errors import MiniflowError
from tests.recording.function_records import B, W, X, network, numbers, session_of
from tests.support.screen_text import screen_text


def size(array: object) -> str:
    return f"{np.abs(np.asarray(array)).mean():.5g}"


def test_the_steps_of_a_function_have_values_and_after_its_backward_gradients(
    tmp_path: Path,
) -> None:
    values = numbers(2.0)
    session = session_of(tmp_path, (network(2.0), values))
    before = session.run("until fc").text and session.run("inside").text.splitlines()
    assert before[0] == "fc (linear) is 2 ops of ours:"
    cells = [line.split() for line in before[2:4]]
    assert cells == [
        ["transpose", "=", "wᵀ", "3x2", size(W)],
        ["fc", "=", "x·transpose", "+", "b", "4x2", size(X @ W.T + B)],
    ]
    assert before[-2:] == [
        "fc is bit for bit what the program computed",
        "what comes back to them is known after its backward",
    ]
    session.run("until fc backward")
    after = session.run("inside fc")
    sent = {(node, index): array for tag, node, index, array in values if tag == "s"}
    weight, upstream = sent[4, 1], sent[5, 0]
    assert [step["gradient"] for step in after.data["steps"]] == [size(weight), size(upstream)]
    assert "before its" not in after.text


def test_a_value_that_the_steps_do_not_give_is_said(tmp_path: Path) -> None:
    values = numbers(2.0)
    values[4] = ("v", 4, -1, X @ W.T + B + 0.5)
    session = session_of(tmp_path, (network(2.0), values))
    session.run("until fc")
    assert "\nthe program's value differs: " in session.run("inside").text


def test_what_a_function_sent_and_the_steps_do_not_is_said(tmp_path: Path) -> None:
    values = numbers(2.0)
    values[9] = ("s", 4, 1, np.ones_like(W))
    session = session_of(tmp_path, (network(2.0), values))
    session.run("until fc backward")
    assert "\nwhat the program sent differs: " in session.run("inside").text


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (["inside fc"], "fc is not computed yet in this pass"),
        (["step", "inside w"], "w is an input: nothing is computed in it"),
        (["step", "inside"], "inside which node?"),
        (["step", "inside nosuch"], "nosuch"),
        (["sgd", "inside loss"], "loss is one op of ours, SoftmaxCrossEntropy: explain and why"),
        (["sgd", "inside scaled"], "scaled is one op of ours, Mul"),
    ],
)
def test_why_there_are_no_steps_is_said(tmp_path: Path, lines: list[str], words: str) -> None:
    session = session_of(tmp_path, (network(2.0), numbers(2.0)))
    *before, last = lines
    for line in before:
        session.run(line)
    with pytest.raises(MiniflowError) as caught:
        session.run(last)
    assert words in str(caught.value)


def test_an_op_of_a_graph_is_one_op() -> None:
    session = open_session(ComputedDebugger(load_graph("xor")))
    with pytest.raises(MiniflowError, match="l1 is one op, Linear: explain and why show"):
        session.run("inside l1")


@pytest.mark.slow
async def test_a_key_shows_the_steps_of_the_function_under_the_cursor(tmp_path: Path) -> None:
    session = session_of(tmp_path, (network(2.0), numbers(2.0)))
    app = DebuggerApp(None, history_memory=0, session=session)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("s", "s", "I")
        await pilot.pause()
        text = screen_text(app)
        assert "fc (linear) is 2 ops of ours:" in text
        assert "= x·transpose + b" in text
        await pilot.press("escape", "s", "I")
        await pilot.pause()
        assert "scaled is one op of ours, Mul" in screen_text(app)


def test_the_ops_of_the_library_are_not_in_a_run_file(tmp_path: Path) -> None:
    session = session_of(tmp_path, (network(2.0), numbers(2.0)))
    session.run("until fc")
    with pytest.raises(MiniflowError) as caught:
        session.run("aten")
    assert "the ATen ops of fc are not kept in a run file" in str(caught.value)
    assert caught.value.hint == "debug the program itself: mfdebug PROGRAM.py, and ask there"
    with pytest.raises(MiniflowError, match="w is an input: nothing is computed in it"):
        session.run("aten w")
    with pytest.raises(MiniflowError, match="loss is not computed yet in this pass"):
        session.run("aten loss")
