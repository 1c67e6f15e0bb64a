"""Steps of optimizers in a run file: what is written is read, and a rule is shown only if true."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mfdebug.core.commands.interpreter import open_session
from mfdebug.core.explain.moment_text import explain
from mfdebug.recording.debugger import RecordedDebugger, RecordedLines
from mfdebug.recording.reader import RunReader
from mfdebug.recording.schema import OptimizerForm
from tests.recording.runs import Recording, node, optimizer, structure

# cost = w × x
NET = structure(
    [
        node("Parameter", name="w", engine="torch", trained=True),
        node("Tensor", name="x", engine="torch"),
        node("mul", 0, 1, engine="torch"),
    ]
)
SGD = '[{"lr":0.5,"momentum":0,"dampening":0,"weight_decay":0,"nesterov":false,"maximize":false}]'
ADAM = (
    '[{"lr":0.5,"betas":[0.5,0.75],"eps":0.0,"weight_decay":0,"amsgrad":false,"maximize":false,'
    '"foreach":null,"capturable":false,"differentiable":false,"decoupled_weight_decay":false}]'
)
F = np.float32


def passed(recording: Recording, w: float, x: float = 2.0, **more: Any) -> int:
    """Write a pass, whose gradient of `w` is `x`."""
    values = ("v", 0, -1, F(w)), ("v", 1, -1, F(x)), ("v", 2, -1, F(w * x)), ("s", 2, 0, F(x))
    return recording.add(NET, *values, **{"graph": 0, **more})


def form(name: str, *what: str, **more: Any) -> OptimizerForm:
    made = optimizer(name, [0], *((0, attribute, F(0)) for attribute in what))
    return OptimizerForm(**{**{f: getattr(made, f) for f in made.__struct_fields__}, **more})


def opened(recording: Recording) -> RecordedDebugger:
    recording.writer.end(0, "the program has ended")
    recording.close()
    return RecordedLines(RunReader(recording.path)).debugger(0)


def update(debugger: RecordedDebugger, step: int = 0) -> list[str]:
    """Return the lines of the update of `w` after a pass; none if it was not updated."""
    cursor = debugger.cursor
    if cursor.last_position(step) < debugger.timeline.length:
        return []
    cursor.go(cursor.ends.last_moment(step))
    return [line.strip() for line in explain(debugger)[1:]]


@pytest.fixture
def recording(tmp_path: Path) -> Recording:
    return Recording(tmp_path / "a.mfrun")


def test_a_step_is_shown_by_its_rule_even_after_the_last_pass(recording: Recording) -> None:
    passed(recording, 3.0)
    recording.step(0, form("SGD", "after"), SGD, F(2.0))
    debugger = opened(recording)
    assert update(debugger) == [
        "by SGD (lr 0.5)",
        "w ← w - lr × ∂mul1/∂w",
        "w = 3 - 0.5 × 2 = 2",
    ]
    assert debugger.state.learning_rate == 0.5


def test_a_rule_that_does_not_give_the_result_is_not_shown(recording: Recording) -> None:
    passed(recording, 3.0)
    wrong = np.nextafter(np.nextafter(np.nextafter(F(2.0), F(3)), F(3)), F(3))
    recording.step(0, form("SGD", "after"), SGD, wrong)
    why = "its rule is not shown, as it does not give these numbers"
    assert update(opened(recording)) == [f"w: 3 before, by SGD (lr 0.5); {why}", "w = 2"]


def test_a_result_to_rounding_says_so(recording: Recording) -> None:
    passed(recording, 3.0)
    recording.step(0, form("SGD", "after"), SGD, np.nextafter(F(2.0), F(3)))
    debugger = opened(recording)
    assert update(debugger)[-1] == "w ≈ 3 - 0.5 × 2 = 2"
    why = open_session(debugger).run("why w").text.splitlines()
    assert [line.strip() for line in why[2:4]] == ["= 3 - 0.5 × 2", "≈ 2"]


def test_another_optimizer_of_the_same_name_is_only_named(recording: Recording) -> None:
    passed(recording, 3.0)
    recording.step(0, form("SGD", "after", known=False), SGD, F(2.0))
    said = "w: 3 before, by SGD (lr 0.5); its rule is not shown"
    assert update(opened(recording)) == [said, "w = 2"]


def test_the_state_before_a_step_is_in_the_numbers(recording: Recording) -> None:
    passed(recording, 3.0)
    what = "after", "state.step", "state.exp_avg", "state.exp_avg_sq"
    # m = 0.5 × 1 + 0.5 × 2, v = 0.75 × 4 + 0.25 × 4
    m, v = 1.5 / (1 - 0.5**2), 4.0 / (1 - 0.75**2)
    recording.step(0, form("Adam", *what), ADAM, F(3 - 0.5 * m / v**0.5), F(1), F(1.0), F(4.0))
    lines = update(opened(recording))
    assert lines[0] == "by Adam (lr 0.5, betas 0.5 0.75)"
    assert lines[2] == "m = 0.5 × 1 + (1 - 0.5) × 2 = 1.5"
    assert lines[4] == "v = 0.75 × 4 + (1 - 0.75) × 2^2 = 4"
    assert lines[6] == "m̂ = 1.5 / (1 - 0.5^2) = 2"


def test_a_gradient_that_was_clipped_is_the_one_used(recording: Recording) -> None:
    passed(recording, 3.0)
    recording.step(0, form("SGD", "gradient", "after"), SGD, F(1.0), F(2.5))
    assert update(opened(recording)) == [
        "by SGD (lr 0.5); its gradient was clipped or changed before the step",
        "w ← w - lr × g",
        "w = 3 - 0.5 × 1 = 2.5",
    ]


def test_what_the_program_does_after_a_step_is_said(recording: Recording) -> None:
    passed(recording, 3.0)
    recording.step(0, form("SGD", "after"), SGD, F(2.0))
    passed(recording, 1.0)
    assert update(opened(recording))[0] == "by SGD (lr 0.5); then changed by the program"


def test_a_step_belongs_to_the_last_pass_of_a_parameter(recording: Recording) -> None:
    """The first of two graphs has no update, though its next pass starts elsewhere."""
    passed(recording, 3.0)
    passed(recording, 3.0, graph=1)
    recording.step(0, form("SGD", groups=(), later=(0,)), "[]")
    recording.step(1, form("SGD", "after"), SGD, F(2.0))
    passed(recording, 2.0)
    debugger = opened(recording)
    assert update(debugger, 0) == []
    assert update(debugger, 1)[-1] == "w = 3 - 0.5 × 2 = 2"


def test_two_steps_after_one_pass_have_no_one_rule(recording: Recording) -> None:
    passed(recording, 3.0)
    for after in (2.0, 1.0):
        recording.step(0, form("SGD", "after"), SGD, F(after))
    assert update(opened(recording)) == [
        "w: 3 before, by 2 steps, the last of SGD (lr 0.5)",
        "w = 1",
    ]


@pytest.mark.parametrize(
    "settings", ["[{}]", '[{"lr":"0.5"}]', '[{"lr":true}]', '[{"lr":null,"momentum":[1]}]']
)
def test_settings_of_another_kind_are_no_rule(recording: Recording, settings: str) -> None:
    passed(recording, 3.0)
    recording.step(0, form("SGD", "after"), settings, F(2.0))
    first, last = update(opened(recording))
    assert first.startswith("w: 3 before, by SGD")
    assert last == "w = 2"


def test_steps_are_thinned_with_the_passes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # How much is dropped at once depends on what has come together since the last commit.
    monkeypatch.setattr("mfdebug.recording.writer.BATCH_SECONDS", 1000.0)
    most = 1 << 20
    recording = Recording(tmp_path / "a.mfrun", most)
    state = np.zeros(2000, np.float32)
    adam = optimizer("Adam", [0], (0, "after", F(0)), (0, "state.exp_avg", state))
    for number in range(600):
        passed(recording, float(number))
        recording.step(number, adam, ADAM, F(number + 1), state)
        if number % 50 == 0:
            recording.writer.flush()
            assert recording.writer.size <= most
    recording.close()
    reader = RunReader(recording.path)
    kept = 0
    for number in range(600):
        for step in reader.optimizer_steps(number):
            assert step.settings[0]["lr"] == 0.5
            assert bool(step.arrays) == reader.outline(number).whole
            kept += bool(step.arrays)
    assert 20 < kept < 200
    assert reader.optimizer_steps(599)[0].arrays[0, "after"] == F(600)
    reader.close()
