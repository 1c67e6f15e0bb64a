"""Rules of optimizers that are not the same for all entries, or follow from all of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mfdebug.core.timeline.method import Method
from mfdebug.recording.optimizers.method import method_of
from mfdebug.recording.records import OptimizerStep
from miniflow.ops.base import Array


def stepped(
    optimizer: str,
    settings: dict[str, Any],
    before: Array,
    gradient: Array,
    after: Array,
    **kept: Any,
) -> Method:
    """Return how a step of an optimizer is said to have updated a parameter."""
    arrays = {"after": after, **{f"state.{name}": np.asarray(x) for name, x in kept.items()}}
    step = OptimizerStep(
        optimizer, True, {0: settings}, frozenset(), {(0, name): x for name, x in arrays.items()}
    )
    method = method_of([step], 0, before, gradient, None)
    assert method is not None
    return method


RPROP = {"lr": 0.01, "etas": (0.5, 1.2), "step_sizes": (1e-6, 50.0)}


def test_an_entry_of_rprop_has_the_rule_of_its_two_gradients() -> None:
    before, gradient = np.array([1.0, 1.0, 1.0]), np.array([0.5, -0.5, 0.0])
    method = stepped(
        *("Rprop", RPROP, before, gradient),
        np.array([1.0 - 0.12, 1.0, 1.0]),
        step=3.0,
        prev=np.full(3, 0.1),
        step_size=np.full(3, 0.1),
    )
    rules = [method.rules_of((k,)) for k in range(3)]
    sizes = [next(rule.terms[0] for rule in made if rule.target == "s") for made in rules]
    assert sizes == [f"min(max({size}, {{least}}), {{most}})" for size in (
        "{grow} × {s}", "{shrink} × {s}", "{s}"
    )]  # fmt: skip
    assert [made[-1].terms[1:] for made in rules] == [
        ("-sign({g}) × {s}",), (), ("-sign({g}) × {s}",)
    ]  # fmt: skip
    assert np.array_equal(method.new["s"], [0.12, 0.05, 0.1])


def test_adafactor_keeps_a_number_for_a_row_and_a_column() -> None:
    settings = {
        "lr": 0.01, "beta2_decay": -0.8, "eps": (None, 1e-3), "d": 1.0, "weight_decay": 0.0
    }  # fmt: skip
    gradient = np.array([[3.0, 4.0], [0.6, 0.8]])
    rows, columns = np.array([[12.5], [0.5]]), np.array([[4.68, 8.32]])
    u = gradient / np.sqrt(rows * columns / 6.5)
    after = 1.0 - 0.01 * u / max(1.0, np.sqrt((u * u).mean()))
    method = stepped("Adafactor", settings, np.ones((2, 2)), gradient, after)
    assert [rule.target for rule in method.rules] == ["r", "c", "v", "u", "p"]
    assert method.new["q"] == pytest.approx(np.broadcast_to(rows, (2, 2)))
    assert method.new["k"] == pytest.approx(np.broadcast_to(columns, (2, 2)))
    # What it had kept is of other shapes than those of a row and a column.
    wrong = {"step": 1.0, "row_var": rows.T, "col_var": columns}
    assert not stepped("Adafactor", settings, np.ones((2, 2)), gradient, after, **wrong).rules


def test_a_matrix_too_large_for_muon_is_said_to_be() -> None:
    settings = {
        "lr": 0.01, "weight_decay": 0.0, "momentum": 0.9, "nesterov": True, "eps": 1e-7,
        "ns_steps": 5, "ns_coefficients": (3.4445, -4.775, 2.0315), "adjust_lr_fn": None,
    }  # fmt: skip
    large = np.zeros((400, 400), np.float32)
    method = stepped("Muon", settings, large, large, large)
    assert not method.rules
    assert method.sentence.endswith("as the matrix is too large to be computed again")
    small = large[:3, :5]
    assert stepped("Muon", settings, small, small, small).rules


def test_a_parameter_of_16_bits_is_said_to_be_rounded() -> None:
    before, after = np.array([0.0786133], np.float32), np.array([0.0668945], np.float32)
    gradient = np.array([0.25], np.float32)
    unknown = stepped("SGD", {"lr": 0.05}, before, gradient, after)
    assert unknown.sentence.endswith("as it does not give these numbers")
    half = [np.array([x], np.float32) for x in (0.07861328125, 0.0668945312)]
    rounded = stepped("SGD", {"lr": 0.05}, half[0], gradient, half[1])
    assert rounded.sentence.endswith("as the parameter is rounded to bfloat16")
