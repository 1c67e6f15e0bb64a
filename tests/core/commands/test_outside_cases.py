"""Graphs on which a debugger is easily wrong; the right values were computed without this one."""

from __future__ import annotations

import numpy as np
import pytest

from mfdebug.cli.main import main
from mfdebug.core.explain.cause_text import cause_lines
from mfdebug.core.explain.check_report import check_data
from mfdebug.core.explain.why import why
from mfdebug.core.timeline.computed_debugger import ComputedDebugger
from mfdebug.core.timeline.debugger import Debugger
from mfdebug.core.timeline.entry_ref import EntryRef
from miniflow.errors import FileError, MiniflowError
from miniflow.files import load
from miniflow.graph import Graph
from miniflow.node import Input
from miniflow.ops import SigmoidCrossEntropy
from tests.support.paths import ROOT

CASES = ROOT / "tests" / "cases"


def opened(name: str) -> Debugger:
    return ComputedDebugger(load(CASES / f"{name}.json"))


def after_a_pass(name: str) -> Debugger:
    debugger = opened(name)
    debugger.move(1 + len(debugger.graph.forward_nodes) + len(debugger.graph.backward_nodes))
    return debugger


@pytest.mark.parametrize(
    "name",
    [
        "zero-gradient-square",
        "zero-weights-tanh",
        "zero-weights-relu",
        "exp-overflows",
        "bce-at-0-and-1",
        "huge-logits",
        "masked-attention",
    ],
)
def test_no_right_rule_is_accused(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    debugger = opened(name)
    counts = check_data(debugger.graph, debugger.check())["counts"]
    assert "wrong" not in counts
    assert main([str(CASES / f"{name}.json"), "--check"]) == 0
    compared = name not in ("exp-overflows", "bce-at-0-and-1")
    said = "no gradient is wrong" if compared else "no gradient could be compared"
    assert said in capsys.readouterr().out


@pytest.mark.parametrize("name", ["exp-overflows", "bce-at-0-and-1"])
def test_where_the_cost_is_infinite_nothing_can_be_compared(name: str) -> None:
    debugger = opened(name)
    assert check_data(debugger.graph, debugger.check())["counts"]["undefined"] == 2


def test_a_prediction_outside_0_to_1_is_named_with_the_cure() -> None:
    with pytest.raises(MiniflowError) as caught:
        after_a_pass("bce-on-logits")
    assert "logits[0,0] = 1.5 is outside 0 to 1" in str(caught.value)
    assert "SigmoidCrossEntropy" in str(caught.value)


def test_huge_logits_are_explained_by_the_numbers_that_were_used() -> None:
    debugger = after_a_pass("huge-logits")
    graph = debugger.graph
    assert debugger.plan.cost() == 475
    gradient = debugger.state.gradient(graph.index_of("z"))
    assert gradient == pytest.approx(np.array([[-0.5, 0.0, 0.5], [0.0, 0.0, 0.0]]), abs=1e-60)
    cause = why(debugger, EntryRef(graph.cost, "value", ()))
    assert [term.amount for term in cause.terms] == [475, 0]
    assert [term.numbers for term in cause.terms] == ["-(-950)/2", "-0/2"]
    assert "log 0" not in "\n".join(cause_lines(cause, debugger))


def test_logits_that_saturate_a_sigmoid_have_a_cost_of_their_own() -> None:
    assert not np.isfinite(after_a_pass("saturated-bce").plan.cost())
    z, t = (Input(n, value=v) for n, v in (("z", [40, -40, 800, -800.0]), ("t", [0, 1, 0, 1.0])))
    debugger = ComputedDebugger(Graph.of(SigmoidCrossEntropy(t, z, name="cost")))
    debugger.move(debugger.timeline.length)
    assert debugger.plan.cost() == 420
    assert debugger.state.gradient(debugger.graph.index_of("z")).tolist() == [
        0.25,
        -0.25,
        0.25,
        -0.25,
    ]
    cause = why(debugger, EntryRef(debugger.graph.cost, "value", ()))
    assert cause.terms[1].numbers == "(max(-40, 0) - 1 × (-40) + log(1 + e^-|(-40)|))/4"


def test_the_infinities_of_a_mask_can_be_left_out() -> None:
    file = str(CASES / "masked-attention.json")
    assert main([file, "--batch", "-c", "break inf except mask, masked", "-c", "sgd 3"]) == 0


@pytest.mark.parametrize("key", ["name", "value"])
def test_a_key_that_stands_twice_is_found_however_it_is_written(key: str) -> None:
    with pytest.raises(FileError, match=f'duplicate key "{key}" in one object'):
        load(CASES / f"hidden-duplicate-{key}.json")
