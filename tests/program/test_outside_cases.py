"""Programs of which something wrong was once shown; the right values are the programs' own."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.program.outside import FIRST, PASS, near, results, told, verdicts, watched, words
from tests.program.programs import BY_NAME
from tests.program.running import RUNNING, answers, independent, run
from tests.support.sizes import pick, quick

# What each pass had --------------------------------------------------------------------------


# Expressions, and what they are worth at the end of each pass, from the first on.
PASSES: dict[str, dict[str, list[Any]]] = {
    "random_node": {
        "d": [[0, 0, 0, 0], [2, 0, 6, 0], [0, 4, 0, 0], [0, 0, 4.8, 8]],
        "cost": [0, 10, 4, 21.76],
    },
    "accumulating-engine": {"w.grad": [600, 1080, 1344]},
    "forgetful-engine": {"W.grad": [[[1.75, 2.25], [0.5, 0]]]},
    "graph_each_step": {"w": [0, 0.06]},
    "forward_value": {"cost": [3, 5.8, 10.8]},
    "one_file_forward_value": {"cost": [3, 5.8, 10.8]},
    "inputs_and_outputs": {"cost": [9, 5.76], "w.grad": [6, 4.8]},
    "one_file_names_in_loops": {"a": [2, 1.7], "c": [6, 5.1]},
    "names_in_loops": {"X": [[[1], [1]]], "l1": [[[1], [1]]], "cost": [1]},
    "times_itself": {"y": [9], "x.grad": [96]},
    "train_call": {"cost": [20.0]},
    "rebuilds_its_graph": {"cost": [9]},
}

WAYS = ["step by step", "after continue"]
# Each program in one of the ways; with `--long` in both.
WALKS = [
    (name, way)
    for i, name in enumerate(PASSES)
    for k, way in enumerate(WAYS)
    if pick(True, (i + k) % len(WAYS) == 0)
]


@pytest.mark.parametrize(("name", "way"), quick(WALKS, 2))
def test_each_pass_has_what_the_program_had(tmp_path: Path, name: str, way: str) -> None:
    expected = PASSES[name]
    lines = ["continue", "goto start"] if way == "after continue" else []
    count = max(map(len, expected.values()))
    for at in range(count):
        lines += [f"goto sgd {at}", *PASS]
        lines += [
            f"print {expression}" for expression in expected if at < len(expected[expression])
        ]
    wanted = [expected[expression][at] for at in range(count) for expression in expected
              if at < len(expected[expression])]  # fmt: skip
    assert results(tmp_path, name, *lines) == near(wanted)


@pytest.mark.slow
def test_the_costs_of_random_masks_are_those_that_were_printed(tmp_path: Path) -> None:
    lines = ["continue"]
    for at in (3, 5):
        lines += [f"goto sgd {at}", *PASS, "print cost2"]
    assert results(tmp_path, "random_mask", *lines) == [
        pytest.approx(2.92778, abs=5e-6),
        pytest.approx(6.75943, abs=5e-6),
    ]


EQUATION = re.compile(r"= (-?[\d.e-]+) - (-?[\d.e-]+) × \(?(-?[\d.e-]+)\)? = (-?[\d.e-]+)")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["random_mask", "momentum_and_decay", "update_by_hand"])
def test_no_update_is_an_equation_whose_sides_differ(tmp_path: Path, name: str) -> None:
    node = "w" if name == "update_by_hand" else "W"
    lines = ["continue"]
    for at in range(3):
        lines += [f"goto sgd {at}", f"until {node} update", "explain", f"why {node}"]
    for answer in told(tmp_path, name, *lines):
        for old, rate, gradient, new in EQUATION.findall(words(answer)):
            right = float(old) - float(rate) * float(gradient)
            assert float(new) == pytest.approx(right, rel=2e-5), words(answer)


@pytest.mark.slow
def test_each_pass_has_its_own_rate(tmp_path: Path) -> None:
    lines = ["continue"]
    for at in range(3):
        lines += [f"goto sgd {at}", "until b update", "print lr"]
    assert results(tmp_path, "falling_rate", *lines) == [0.1, 0.05, 0.01]


def test_a_rate_of_its_own_is_shown_with_the_pass_that_had_it(tmp_path: Path) -> None:
    lines = ["continue", "goto sgd 0", "until b update", "explain"]
    assert "0 - 0.1 × (-3) = 0.3" in words(told(tmp_path, "falling_rate", *lines)[-1])


@pytest.mark.slow
def test_what_was_updated_by_hand_is_not_told_with_a_rate_of_another(tmp_path: Path) -> None:
    lines = ["continue", "goto sgd 0", "until w update", "explain", "print w", "print lr"]
    *_, explained, value, rate = told(tmp_path, "update_by_hand", *lines)
    assert value["result"] == 4.4
    assert "4.4" in words(explained)
    assert "0.01 × 600" not in words(explained)
    assert rate["result"] == 0.001 if rate["ok"] else True


@pytest.mark.slow
def test_momentum_is_told_as_the_programs_own_rule(tmp_path: Path) -> None:
    lines = ["continue", "goto sgd 3", "until W update", "print prev(W)", "print W", "explain"]
    *_, before, after, explained = told(tmp_path, "momentum_and_decay", *lines)
    assert before["result"] != after["result"]
    assert "by the program's own rule" in words(explained)


@pytest.mark.slow
@pytest.mark.parametrize("look_ahead", [False, True])
def test_an_update_stays_the_same_after_a_look_at_the_next_pass(
    tmp_path: Path, look_ahead: bool
) -> None:
    ahead = ["finish", "step 2"] if look_ahead else []
    lines = [*(["goto sgd 1", "until b update"] if look_ahead else []), *ahead]
    lines = ["continue", *lines, "goto sgd 1", "until b update", "print b", "explain"]
    *_, value, explained = told(tmp_path, "sorts_twice", *lines)
    assert value["result"] == near([0.39])
    assert "0.3 - 0.1 × (-0.9) = 0.39" in words(explained)


@pytest.mark.slow
def test_what_was_fed_is_what_the_update_has_made_of_it(tmp_path: Path) -> None:
    lines = ["continue", "goto sgd 3", "next", "print w", "print cost"]
    w, cost = results(tmp_path, "trains_what_was_fed", *lines)
    assert w == [[pytest.approx(0.713, abs=5e-4)]]
    assert cost == pytest.approx(0.0209, abs=5e-5)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "trained", "fed"),
    [
        ("batches_by_hand", {"W", "b"}, {"X", "t"}),
        ("labels_with_zero_gradient", {"w"}, {"y"}),
    ],
)
def test_only_what_follows_its_gradient_is_trained(
    tmp_path: Path, name: str, trained: set[str], fed: set[str]
) -> None:
    found = told(tmp_path, name, "continue", "goto sgd 1", "explain")
    lines = found[-1]["result"]["explain"]
    assert {line.split()[0] for line in lines if line.endswith("(trained)")} == trained
    assert fed <= {line.split()[0] for line in lines if line.endswith("(from the program)")}


# Gradients ----------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_gradient_that_adds_up_over_passes_is_wrong_from_the_second_on(tmp_path: Path) -> None:
    lines = [part for at in range(3) for part in (f"goto sgd {at}", *PASS, "check")]
    checks = [answer for answer in told(tmp_path, "accumulating-engine", *lines)
              if answer["command"] == "check"]  # fmt: skip
    wrong = [
        {key for key, said in verdicts(answer).items() if said == "wrong"} for answer in checks
    ]
    assert wrong[0] == set()
    for found in wrong[1:]:
        assert any("w" in key for key in found), found


@pytest.mark.slow
def test_an_input_that_assigns_is_wrong(tmp_path: Path) -> None:
    ended = watched(tmp_path, "forgetful-engine", *FIRST, options=("--check",))
    check = answers(ended.stdout)[-1]
    wrong = {key for key, said in verdicts(check).items() if said == "wrong"}
    assert ended.status == 1
    assert ("W", "W") in wrong
    # The rules of the other nodes are right: it is the sum at an input that is not.
    assert wrong <= {("W", "W"), ("b", "b")}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["random_node", "own_generator", "random_mask", "draws_numbers"])
def test_random_nodes_let_nothing_be_accused(tmp_path: Path, name: str) -> None:
    check = told(tmp_path, name, "continue", "goto sgd 0", *PASS, "check")[-1]
    assert "wrong" not in verdicts(check).values() if check["ok"] else "Traceback" not in str(check)


@pytest.mark.slow
def test_a_rule_that_nothing_comes_back_to_is_not_called_right(tmp_path: Path) -> None:
    check = told(tmp_path, "zero_upstream", "goto sgd 0", *PASS, "check")[-1]
    assert verdicts(check)["s", "h"] != "right"


def test_two_contributions_of_one_node_are_two(tmp_path: Path) -> None:
    lines = (*FIRST, "why grad x")
    why = told(tmp_path, "times_itself", *lines)[-1]
    assert [term["amount"] for term in why["result"]["terms"]] == [48, 48]


@pytest.mark.slow
def test_labels_stay_integers_and_are_not_varied(tmp_path: Path) -> None:
    found = told(tmp_path, "integer_labels", *FIRST, "print y", "check", "print a.grad")
    *_, labels, check, sent = found
    assert json.dumps(labels["result"]) == "[0, 2]"
    assert check["ok"]
    assert set(verdicts(check).values()) <= {"right", "untested", "undefined", "class number"}
    assert sent["result"] == [[-0.5, 0, 0], [0, 0, -0.5]]


def test_a_node_that_overwrites_its_input_is_said_to(tmp_path: Path) -> None:
    lines = ["until h", "print h", "until r", "explain", "print h", "print r"]
    _, before, _, explained, after, value = told(tmp_path, "overwrites_its_input", *lines)
    assert before["result"] == [[1], [-2]]
    assert re.search(r"change[sd]? h|overwr\w+ h", words(explained)), words(explained)
    assert after["result"] == value["result"] == [[1], [0]]


def test_the_independent_recorder_agrees_with_the_right_values(tmp_path: Path) -> None:
    """The values above are the programs' own: two of them, as the other recorder sees them."""
    from tests.program.compare import independent_passes

    program = BY_NAME["random_node"]
    file = tmp_path / "seen.pickle"
    run(tmp_path / "here", program, independent(RUNNING, program, file), probed=False)
    seen = independent_passes(file)
    kinds = seen[0].kinds
    drop, cost = kinds.index("Drop"), kinds.index("MSE")
    assert [seen_pass.values[drop].tolist() for seen_pass in seen] == near(
        PASSES["random_node"]["d"]
    )
    assert [float(seen_pass.values[cost]) for seen_pass in seen] == near(
        PASSES["random_node"]["cost"]
    )
