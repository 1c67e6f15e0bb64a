"""The costs of branches that were left: what was computed, and nothing else."""

from __future__ import annotations

from array import array

import pytest

from mfdebug.core.timeline.branch_costs import BranchCosts, LeftBranch
from mfdebug.core.timeline.computed_debugger import ComputedDebugger
from mfdebug.core.timeline.cursor import Edit
from mfdebug.core.timeline.debugger import Debugger
from mfdebug.core.timeline.diff import Instant, compare
from mfdebug.opening.graphs import load_graph
from miniflow.errors import MiniflowError


def opened(name: str = "xor") -> Debugger:
    return ComputedDebugger(load_graph(name))


def others(debugger: Debugger) -> list[LeftBranch]:
    kept = debugger.cursor.branch_costs
    return kept.others(debugger.branches, debugger.edits, debugger.timeline.length)


def test_an_edit_leaves_the_costs_of_the_run_before_it() -> None:
    debugger = opened()
    debugger.cursor.sgd(8)
    costs = debugger.cursor.costs[:]
    debugger.cursor.sgd(-5)
    assert not others(debugger)
    debugger.set_learning_rate(0.5)
    assert others(debugger) == [LeftBranch(0, costs, fork=3)]
    # The present branch has only what it has computed.
    assert debugger.cursor.costs == costs[:3]
    debugger.cursor.sgd(2)
    assert others(debugger) == [LeftBranch(0, costs, fork=3)]


def test_undo_returns_to_all_costs_that_were_computed_and_leaves_those_of_the_edit() -> None:
    debugger = opened()
    debugger.cursor.sgd(8)
    costs = debugger.cursor.costs[:]
    debugger.cursor.sgd(-5)
    debugger.set_learning_rate(0.5)
    debugger.cursor.sgd(2)
    edited = debugger.cursor.costs[:]
    assert edited[:4] == costs[:4]
    assert edited[4] != costs[4]
    debugger.undo()
    assert debugger.cursor.costs == costs
    assert others(debugger) == [LeftBranch(1, edited, fork=3)]
    debugger.redo()
    assert debugger.cursor.costs == edited
    assert others(debugger) == [LeftBranch(0, costs, fork=3)]


def test_each_branch_forks_where_it_may_differ_from_the_present_one() -> None:
    debugger = opened()
    debugger.cursor.sgd(6)
    debugger.set_learning_rate(1.0)
    debugger.cursor.sgd(2)
    debugger.cursor.sgd(-4)
    debugger.set_learning_rate(0.5)
    debugger.cursor.sgd(-3)
    debugger.set_learning_rate(0.25)
    assert [(left.number, left.fork, len(left.costs)) for left in others(debugger)] == [
        (0, 1, 6),
        (1, 1, 8),
        (2, 1, 4),
    ]
    debugger.undo()
    assert [(left.number, left.fork) for left in others(debugger)] == [(0, 4), (1, 4), (3, 1)]


def test_an_edit_that_fails_leaves_the_curve_as_it_was() -> None:
    debugger = opened("digits")
    debugger.cursor.sgd(3)
    debugger.cursor.sgd(-1)
    debugger.cursor.phases(3)
    costs = debugger.cursor.costs[:]
    with pytest.raises(MiniflowError):
        debugger.set_value(debugger.graph.index_of("t"), (0,), 99)
    assert debugger.cursor.costs == costs
    assert not others(debugger)


def test_a_look_at_another_branch_computes_some_of_its_costs_and_keeps_the_present_ones() -> None:
    debugger = opened("wx")
    debugger.set_learning_rate(0.0005)
    debugger.cursor.sgd(9)
    costs = debugger.cursor.costs[:]
    assert not others(debugger)
    compare(debugger, Instant(debugger.moment), Instant(debugger.moment, 0))
    assert debugger.cursor.costs == costs
    assert [(left.number, len(left.costs)) for left in others(debugger)] == [(0, 9)]


def test_memory_is_bounded_and_the_branches_left_first_are_dropped() -> None:
    kept = BranchCosts(memory=1000)
    branches = [(Edit(i, None, None, None, ""),) for i in range(9)]  # type: ignore[arg-type]
    for branch in branches:
        kept.keep(branch, array("d", range(50)))
        assert kept.bytes <= 1000
    found = kept.others(branches, (), step_length=1)
    assert [left.number for left in found] == [7, 8]
    # What is longer than all there is room for is not kept at all.
    kept.keep(branches[0], array("d", range(200)))
    assert not len(kept)


def test_leaving_a_branch_again_early_keeps_what_was_computed_before() -> None:
    kept = BranchCosts()
    branch = (Edit(0, None, None, None, ""),)  # type: ignore[arg-type]
    kept.keep(branch, array("d", [3, 2, 1]))
    kept.keep(branch, array("d", [3]))
    assert kept.of(branch) == array("d", [3, 2, 1])
