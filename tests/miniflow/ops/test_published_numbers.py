"""The published numbers, and those that the shipped graphs promise in their descriptions."""

from __future__ import annotations

from array import array
from typing import Any

import numpy as np
import pytest

from mfdebug.core.timeline.computed_debugger import ComputedDebugger
from mfdebug.core.timeline.debugger import Debugger
from mfdebug.opening.shipped import find
from miniflow.files import load
from miniflow.graph import Graph
from miniflow.plans.compile import compile_plan
from tests.support.debuggers import run_until


def graph(name: str) -> Graph:
    path = find(name)
    assert path is not None
    return load(path)


def passed(name: str) -> Debugger:
    """Return a debugger after one forward and backward pass."""
    debugger = ComputedDebugger(graph(name))
    debugger.cursor.phases(3)
    return debugger


def value(debugger: Debugger, node: str) -> Any:
    return debugger.state.value(debugger.graph.index_of(node)).tolist()


def gradient(debugger: Debugger, node: str) -> Any:
    return debugger.state.gradient(debugger.graph.index_of(node)).tolist()


def costs(name: str, steps: int) -> list[float]:
    plan = compile_plan(graph(name))
    found = array("d")
    plan.run(0, steps, found)
    return found.tolist()


@pytest.mark.parametrize(
    ("name", "values", "gradients"),
    [
        ("circuit-a", {"q": 3, "f": -12}, {"q": -4, "z": 3, "x": -4, "y": -4}),
        (
            "circuit-b",
            {"xy": -12, "larger": 2, "total": -10, "f": -20},
            {"total": 2, "xy": 2, "larger": 2, "x": -8, "y": 6, "z": 2, "w": 0},
        ),
        ("diamond", {"left": 25, "right": -5, "y": -125}, {"x": -75}),
        ("square", {"y": 9}, {"x": 6}),
        ("wx", {"y": 50, "cost": 900}, {"w": 600}),
    ],
)
def test_circuits(name: str, values: dict[str, float], gradients: dict[str, float]) -> None:
    debugger = passed(name)
    assert {node: value(debugger, node) for node in values} == values
    assert {node: gradient(debugger, node) for node in gradients} == gradients


def test_the_sigmoid_neuron_gate_by_gate() -> None:
    debugger = passed("sigmoid-neuron")
    assert value(debugger, "w0x0") == -2
    assert value(debugger, "w1x1") == 6
    assert value(debugger, "dot") == 1
    assert value(debugger, "f") == pytest.approx(0.7310585786, abs=1e-10)
    backward = ["plus_one", "power", "negative", "dot"]
    assert [gradient(debugger, node) for node in backward] == pytest.approx(
        [-0.5344466454, -0.5344466454, -0.1966119332, 0.1966119332], abs=1e-10
    )
    weights = [gradient(debugger, node) for node in ("w0", "w1", "w2")]
    assert weights == pytest.approx([-0.1966, -0.3932, 0.1966], abs=5e-5)
    assert [gradient(debugger, node) for node in ("x0", "x1")] == pytest.approx(
        [0.3932, -0.5898], abs=5e-5
    )


def test_the_lessons_numbers() -> None:
    linear = passed("lesson-linear")
    assert value(linear, "f") == [[-9, 4], [-9, 4]]
    row = [1.2339457598623172e-04, 9.82013790037908442e-01]
    np.testing.assert_allclose(value(linear, "g"), [row, row], rtol=1e-15)
    assert value(passed("lesson-mse"), "cost") == pytest.approx(23.4166666666, abs=1e-9)
    assert value(passed("lesson-neuron"), "f") == pytest.approx(12.7)


@pytest.mark.parametrize(
    ("rate", "weights"),
    [
        (0.005, [2]),
        (0.001, [4.4, 3.92, 3.536]),
        (0.01, [-1, 5, -1, 5]),
        (0.02, [-7, 29, -79]),
    ],
)
def test_the_opening_example(rate: float, weights: list[float]) -> None:
    debugger = ComputedDebugger(graph("wx"))
    debugger.set_learning_rate(rate)
    found = []
    for _ in weights:
        debugger.cursor.sgd()
        found.append(value(debugger, "w"))
    assert found == pytest.approx(weights)
    if rate == 0.01:
        assert set(debugger.cursor.costs) == {900.0}


def test_gradient_descent_on_a_parabola() -> None:
    found = costs("parabola", 101)
    assert f"{found[100]:.3f}" == "5.000"
    assert found[0] == 100**2 + 5


def test_linear_regression_finds_the_line() -> None:
    debugger = ComputedDebugger(graph("linear-regression"))
    debugger.cursor.sgd(100)
    assert np.ravel(value(debugger, "W"))[0] == pytest.approx(2, abs=0.002)
    assert np.ravel(value(debugger, "b"))[0] == pytest.approx(3, abs=0.005)


def test_xor_is_learned() -> None:
    debugger = ComputedDebugger(graph("xor"))
    debugger.cursor.sgd(1000)
    assert debugger.cursor.costs[0] == pytest.approx(0.2513492034)
    assert debugger.cursor.costs[199] == pytest.approx(0.240531907)
    assert debugger.cursor.costs[999] == pytest.approx(0.002481149)
    answers = np.ravel(value(debugger, "s2"))
    np.testing.assert_array_equal(answers.round(), [0, 1, 1, 0])


def test_the_lessons_last_program_on_the_diabetes_table() -> None:
    found = np.array(costs("diabetes", 400)).reshape(10, 40).mean(1)
    assert 0.8 < found[0] < 1.6
    assert 0.4 < found[-1] < 0.7


def test_digits_are_learned() -> None:
    found = costs("digits", 280)
    assert 2 < found[0] < 3
    assert found[27] < 1
    assert found[279] < 0.2


def test_softmax_scores_of_the_notes() -> None:
    debugger = passed("softmax")
    np.testing.assert_allclose(np.ravel(value(debugger, "scores")), [-2.85, 0.86, 0.28])
    assert debugger.plan.cost() == pytest.approx(1.04, abs=5e-3)


def test_gradients_vanish() -> None:
    debugger = passed("vanishing")
    sizes = [np.abs(gradient(debugger, f"layer{layer}/W")).max() for layer in range(1, 13)]
    assert sizes == sorted(sizes)
    assert sizes[0] == pytest.approx(1.26e-8, rel=0.01)
    assert sizes[-1] == pytest.approx(0.0333, rel=0.01)


def test_gradients_explode() -> None:
    debugger = passed("exploding")
    assert value(debugger, "h10") == 1024
    assert gradient(debugger, "w") == 10475520
    debugger.move(debugger.timeline.start_of(3))
    run_until(debugger, debugger.graph.index_of("h1"), "forward")
    assert np.isfinite(value(debugger, "h1"))
    debugger.cursor.step()
    assert np.isinf(value(debugger, "h2"))


def test_a_dead_relu_never_moves() -> None:
    debugger = ComputedDebugger(graph("dead-relu"))
    debugger.cursor.sgd(10)
    assert np.ravel(value(debugger, "W1"))[2] == 1
    assert list(debugger.cursor.costs[3:]) == [0.25] * 7


def test_the_log_turns_nan_in_step_9() -> None:
    found = costs("log-nan", 12)
    assert np.isfinite(found[:9]).all()
    assert np.isnan(found[9:]).all()
    assert found[8] == pytest.approx(0.150340, abs=1e-6)
    debugger = ComputedDebugger(graph("log-nan"))
    debugger.move(debugger.timeline.start_of(9))
    run_until(debugger, debugger.graph.index_of("log_q"), "forward")
    assert value(debugger, "log_q")[3] == [-np.inf]
    run_until(debugger, debugger.graph.index_of("if_0"), "forward")
    assert np.isnan(value(debugger, "if_0")[3][0])
    assert np.isfinite(costs("log-safe", 1000)).all()


def test_momentum_crosses_the_valley_faster() -> None:
    assert costs("valley", 100)[99] == pytest.approx(4.7788e-4, rel=1e-4)
    assert costs("valley-momentum", 100)[99] == pytest.approx(1.276e-8, rel=1e-3)
