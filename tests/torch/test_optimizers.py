"""Updates by PyTorch's optimizers: the program's own numbers, and no rule but the true one."""

from __future__ import annotations

import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from mfdebug.core.breakpoints.health_rules import RULES
from mfdebug.core.breakpoints.triggers import Unhealthy
from mfdebug.core.explain.arithmetic import evaluates_to
from mfdebug.core.explain.moment_text import explain
from mfdebug.core.explain.updates import assignments
from mfdebug.core.timeline.cursor import Update
from mfdebug.recording.debugger import RecordedDebugger, RecordedLines
from mfdebug.recording.reader import RunReader
from tests.program.programs import environment

torch = pytest.importorskip("torch")

HERE = Path(__file__).parent
# Their rules are known; all others are named.
KNOWN = {
    *("SGD", "RMSprop", "Adagrad", "Adadelta"),
    *("Adam", "AdamW", "NAdam", "RAdam", "Adamax"),
    *("ASGD", "Rprop", "Adafactor", "Muon"),
}


def recorded(folder: Path, program: str, *arguments: str) -> RunReader:
    file = folder / "run.mfrun"
    command = [
        "-m",
        "mfdebug",
        "record",
        "--every",
        "1",
        str(HERE / program),
        "-o",
        str(file),
        "--",
        *arguments,
    ]
    done = subprocess.run(
        [sys.executable, *command], env=environment(), capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return RunReader(file)


def updates(
    debugger: RecordedDebugger, step: int
) -> dict[str, tuple[Update, tuple[str, ...], bool]]:
    """Return the updates after a pass: what they did, the lines said, and whether by a rule."""
    found = {}
    cursor, timeline = debugger.cursor, debugger.timeline
    last = cursor.ends.last_moment(step)
    for node in debugger.graph.trainables:
        moment = timeline.start_of(step) + (timeline.position_of("update", node) or 0)
        if moment > last:
            continue
        cursor.go(moment)
        update = cursor.last_update
        if update is None:
            # No step followed, and what the parameter held next is not known.
            continue
        for index in np.ndindex(update.after.shape):
            made = assignments(debugger, node, index)
            assert all(
                evaluates_to(assignment.working, assignment.number)
                for assignment in made
                if assignment.working
            )
            assert made[-1].number == float(update.after[index])
        said = tuple(assignment.by or assignment.rule for assignment in made)
        found[debugger.graph.nodes[node].label] = update, said, bool(made[-1].working)
    return found


@cache
def program_cases() -> list[tuple[str, str]]:
    code = "from tests.torch.optimizers_program import CASES\nfor k, o in CASES: print(k.__name__)"
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment(), capture_output=True, text=True, check=True
    )
    return [(str(i), name) for i, name in enumerate(done.stdout.split())]


def test_every_optimizer_of_torch(tmp_path: Path) -> None:
    file = tmp_path / "noted.npz"
    run = recorded(tmp_path, "optimizers_program.py", str(file))
    noted = np.load(file)
    names = dict(program_cases())
    lines = RecordedLines(run)
    debuggers = {i: lines.debugger(i) for i in range(len(lines))}
    number, by_rule, exact, shown = 0, 0, 0.0, 0
    for key, (before, after) in noted.items():
        name = names[key.split(".")[0]]
        if name == "LBFGS":
            # Its closure runs several passes: each is followed by a part of the step.
            first = number
            while number + 1 < len(run) and run.outline(number).graph == run.outline(first).graph:
                number += 1
            outline = run.outline(first)
            passed = run.outline(number - 1)
            debugger = debuggers[outline.line]
            weights = [i for i in debugger.graph.trainables if run.inputs(first)[i].ndim == 2]
            assert np.array_equal(run.inputs(first)[weights[0]], before)
            assert np.array_equal(run.inputs_after(passed.number)[weights[0]], after)
            continue
        outline = run.outline(number)
        made = updates(debuggers[outline.line], outline.step)
        number += 1
        (weight,) = (row for row in made.values() if row[0].after.ndim == 2)
        update, said, rule = weight
        assert np.array_equal(update.before, before), key
        assert np.array_equal(update.after, after), key
        method = update.method
        assert method is not None
        assert method.words.startswith(name)
        assert not method.remarks or not rule
        assert rule == bool(method.rules)
        if name in KNOWN:
            shown += 1
            by_rule += rule
            exact += 0.0 if method.exact is None else float(method.exact.mean())
            if name == "SGD":
                assert rule, key
        else:
            assert not rule, key
            assert f"by {name}" in said[0]
            assert said[0].endswith("; its rule is not shown")
    assert number == len(run)
    # Roundings of other kernels may add up to more than two units in the last place.
    assert by_rule >= 0.95 * shown
    assert exact >= 0.8 * shown


def loop(folder: Path, name: str) -> list[dict[str, tuple[Update, tuple[str, ...], bool]]]:
    """Return the updates after each pass of a loop of `steps_program`."""
    run = recorded(folder, "steps_program.py", name)
    lines = RecordedLines(run)
    found = []
    for number in range(len(run)):
        outline = run.outline(number)
        found.append(updates(lines.debugger(outline.line), outline.step))
    # An update that is not known is left out: some must be.
    assert any(found)
    return found


def test_a_clipped_gradient_is_said_and_used(tmp_path: Path) -> None:
    for made in loop(tmp_path, "clipped"):
        assert made
        for _, said, rule in made.values():
            assert rule
            assert said == ("by SGD (lr 0.1); its gradient was clipped or changed before the step",)


def test_accumulated_passes_have_their_update_after_the_last(tmp_path: Path) -> None:
    made = loop(tmp_path, "accumulated")
    assert [bool(pass_updates) for pass_updates in made] == [False, False, True] * 2
    assert all(rule for pass_updates in made for _, _, rule in pass_updates.values())


def test_each_of_two_optimizers_updates_its_own_after_its_last_pass(tmp_path: Path) -> None:
    made = loop(tmp_path, "adversaries")
    words = [{said[0] for _, said, _ in pass_updates.values()} for pass_updates in made]
    ours, theirs = {"by SGD (lr 0.1)"}, {"by Adam (lr 0.01)"}
    assert words[0] == set()
    assert words[1] == ours
    assert theirs <= words[2]


def test_only_the_rows_with_a_gradient_have_the_rule_of_sparse_adam(tmp_path: Path) -> None:
    made = loop(tmp_path, "sparse")
    assert len(made) == 4
    for pass_updates in made:
        update, said, _ = pass_updates["table.weight"]
        assert update.method is not None
        assert update.method.rules
        assert update.method.left is not None
        # The last row was never looked up.
        assert update.method.left[:, 0].tolist()[-1]
        assert not update.method.left.all()
        assert np.array_equal(update.before[update.method.left], update.after[update.method.left])
        assert said[0].endswith(
            "by SparseAdam (lr 0.01); no gradient came to its row, which is left as it is"
        )


def test_what_a_scheduler_keeps_is_no_setting(tmp_path: Path) -> None:
    for made in loop(tmp_path, "scheduled"):
        said = {said[0] for _, said, _ in made.values()}
        assert all(re.fullmatch(r"by Adam \(lr [0-9.]+, betas [0-9. ]+\)", words) for words in said)


def test_groups_have_rates_of_their_own(tmp_path: Path) -> None:
    for made in loop(tmp_path, "groups"):
        rates = {update.method.rate for update, _, _ in made.values() if update.method}
        assert rates == {0.1, 0.2}
        assert all(rule for _, _, rule in made.values())


def test_updates_by_hand_are_the_programs_own(tmp_path: Path) -> None:
    for made in loop(tmp_path, "by_hand"):
        for update, said, rule in made.values():
            assert update.method is None
            assert not rule
            assert said[0].endswith("before, by the program's own rule")


def test_what_a_step_leaves_out_is_unchanged_or_changed_by_what_was_not_seen(
    tmp_path: Path,
) -> None:
    first, *made, _ = loop(tmp_path, "left_out")
    out = "before, unchanged: the optimizer's step after this pass has left it out"
    assert first["kept.weight"][1][0].endswith(out)
    never = "before, unchanged: no optimizer of the program has updated it so far"
    unseen = "before, changed by the program, by no optimizer's step that was seen"
    for pass_updates in made:
        assert pass_updates["kept.weight"][1][0].endswith(never)
        assert pass_updates["by_hand"][1][0].endswith(unseen)
        assert pass_updates["net.weight"][1] == ("by SGD (lr 0.1)",)
    run = recorded(tmp_path, "steps_program.py", "left_out")
    debugger = RecordedLines(run).debugger(0)
    debugger.cursor.go(debugger.timeline.first_of(1))
    fed = [line.split("  (")[1] for line in explain(debugger) if "weight  shape" in line]
    assert sorted(fed) == ["no optimizer has updated it so far)", "trained)"]


def test_what_is_updated_after_a_later_pass_is_not_left_out(tmp_path: Path) -> None:
    # After the pass that asks for the penalty's gradients comes the pass of the loss, and the step.
    run = recorded(tmp_path, "programs/trap_gradient_penalty.py")
    for debugger in RecordedLines(run).all():
        debugger.cursor.go(debugger.timeline.first_of(1))
        fed = [line for line in explain(debugger) if "critic." in line]
        assert len(fed) == 4
        # The cost does not depend on the last bias, whose gradient is 0.
        assert all(line.endswith("(trained)") for line in fed)


def test_what_other_passes_may_have_changed_too_is_not_taken_for_one_update(
    tmp_path: Path,
) -> None:
    made = loop(tmp_path, "by_turns")[:-2]
    words = "changed by the next pass over this graph, with 1 pass over others between"
    assert [pass_updates["w"][1][0].endswith(words) for pass_updates in made if pass_updates] == [
        True
    ] * 4
    # Of a GAN, what the other optimizer updates meanwhile.
    *made, _ = loop(tmp_path, "adversaries")
    said = [
        words for pass_updates in made for _, (words, *_), rule in pass_updates.values() if not rule
    ]
    assert said
    assert not [words for words in said if "own rule" in words or "not seen" in words]


def test_a_gradient_that_is_used_twice_is_found_and_no_other(tmp_path: Path) -> None:
    run = recorded(tmp_path, "steps_program.py", "zeroed_or_not")
    rule = RULES["zero-grad"]
    found: dict[str, list[int]] = {}
    for debugger in RecordedLines(run).all():
        cursor, timeline, graph = debugger.cursor, debugger.timeline, debugger.graph
        stop = Unhealthy(rule, 0.0, frozenset(graph.trainables))
        for step in range(len(cursor.steps)):
            for node in graph.trainables:
                moment = timeline.start_of(step) + (timeline.position_of("update", node) or 0)
                if moment <= cursor.ends.last_moment(step):
                    cursor.go(moment)
                    steps = found.setdefault(graph.nodes[node].label.split(".")[0], [])
                    if (met := stop.fires(debugger)) is not None:
                        words = re.search(r"contains that of SGD step (\d+), which the ", met.words)
                        assert words is not None
                        assert step - int(words[1]) in (1, 2)
                        steps.append(step)
    bad = {name: sorted(set(steps)) for name, steps in found.items() if name.startswith("bad")}
    every = [1, 2, 3]
    assert bad == {
        "bad": every,
        "bad_clipped": every,
        # What the last one did is seen only if another pass follows.
        "bad_by_hand": every[:-1],
        "bad_accumulated": [3, 5],
    }
    healthy = {name: steps for name, steps in found.items() if name not in bad}
    assert {"zeroed", "accumulated", "hooked", "again", "maker", "judge"} <= healthy.keys()
    assert not any(healthy.values())


def test_what_is_changed_after_a_step_is_said(tmp_path: Path) -> None:
    *made, last = loop(tmp_path, "kept_small")
    for pass_updates in made:
        assert any("then changed by the program" in said[0] for _, said, _ in pass_updates.values())
    assert last
