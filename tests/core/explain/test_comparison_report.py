"""The report of a comparison: a table of parameters, computed nodes and data, by relative size."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from mfdebug.core.explain.comparison_report import (
    comparison_data,
    comparison_parts,
)
from mfdebug.core.format.table import Row, Table, text_lines
from mfdebug.core.timeline.computed_debugger import ComputedDebugger
from mfdebug.core.timeline.debugger import Debugger, Freshness
from mfdebug.core.timeline.diff import Comparison, Instant, compare
from mfdebug.core.timeline.entry_ref import EntryRef
from mfdebug.opening.graphs import load_graph
from miniflow.graph import Graph, Training
from miniflow.node import Input
from miniflow.ops import Mul
from miniflow.training.optimizers import SGD


def opened(name: str) -> Debugger:
    return ComputedDebugger(load_graph(name))


def told(debugger: Debugger, a: Instant, b: Instant) -> list[str]:
    return text_lines(comparison_parts(compare(debugger, a, b), debugger))


def rows(debugger: Debugger, found: Comparison) -> tuple[Row, ...]:
    (table,) = (part for part in comparison_parts(found, debugger) if isinstance(part, Table))
    return table.rows


def test_that_all_is_equal_is_said_in_one_sentence() -> None:
    debugger = opened("wx")
    assert told(debugger, Instant(0), Instant(0)) == [
        "moment 0 and moment 0: everything is equal bit for bit"
    ]
    assert told(debugger, Instant(11), Instant(11, 0)) == [
        "moment 11 and moment 11@0: everything is equal bit for bit, "
        "but for 6 stale, of an earlier pass"
    ]


def test_before_the_feed_there_is_nothing_to_compare() -> None:
    assert told(opened("square"), Instant(0), Instant(0)) == [
        "moment 0 and moment 0: nothing is computed at either"
    ]


def test_two_moments_of_wx() -> None:
    debugger = opened("wx")
    assert told(debugger, Instant(9), Instant(18)) == [
        "moment 9 and moment 18: 7 differ, 4 are equal bit for bit",
        "  entry          moment 9  moment 18  difference  relative  node",
        "  ∂cost/∂w          600       480        -120     0.2       parameter",
        "  w                   4.4       3.92       -0.48  0.109     parameter",
        "  cost              900       576        -324     0.36 max  computed",
        "  ∂cost/∂y           60        48         -12     0.2       computed",
        "  y                  50        44          -6     0.12      computed",
        "  ∂cost/∂x          300       211.2       -88.8   0.296     data",
        "  ∂cost/∂wanted     -60       -48          12     0.2       data",
    ]
    assert told(debugger, Instant(1), Instant(3)) == [
        "moment 1 and moment 3: 0 differ, 2 cannot be compared, 4 are equal bit for bit",
        "  entry      moment 1  moment 3  node",
        "  y      not computed        50  computed",
        "  cost   not computed       900  computed",
    ]


def test_the_groups_come_in_order_and_each_is_sorted_by_relative_difference() -> None:
    debugger = opened("xor")
    found = compare(debugger, Instant(17), Instant(17 + 50 * debugger.timeline.length))
    listed = rows(debugger, found)
    groups = [row.cells[6] for row in listed]
    assert groups == sorted(groups, key=["parameter", "computed", "data"].index)
    assert len(set(groups)) == 3
    for group in set(groups):
        shown = [
            float(row.cells[4].removesuffix(" max")) for row in listed if row.cells[6] == group
        ]
        assert shown == sorted(shown, reverse=True)
    (most,) = (row for row in listed if row.cells[4].endswith(" max"))
    relatives = [d.relative for d in found.differences if d.relative is not None]
    assert float(most.cells[4].removesuffix(" max")) == pytest.approx(max(relatives), rel=1e-2)
    assert max(relatives) <= 2


def test_another_learning_rate_on_another_branch() -> None:
    debugger = opened("wx")
    debugger.move(7)
    debugger.set_learning_rate(0.005)
    debugger.move(9)
    assert told(debugger, Instant(9), Instant(9, 0)) == [
        "moment 9 and moment 9@0: 2 differ, 9 are equal bit for bit",
        "  entry          moment 9  moment 9@0  difference  relative  node",
        "  learning rate     0.005       0.001      -0.004   0.8 max  parameter",
        "  w                 2           4.4         2.4     0.545    parameter",
    ]
    assert debugger.moment == 9
    # Branch 0 is not the present one: its numbers cannot be gone to, those of 9 can.
    rate, w = rows(debugger, compare(debugger, Instant(9), Instant(9, 0)))
    assert w.to == EntryRef(debugger.graph.by_name["w"], "value", ())
    assert rate.to == "goto 9"


def test_a_row_leads_to_its_number_at_b_or_where_it_has_one() -> None:
    debugger = opened("wx")
    debugger.move(3)
    listed = {
        row.cells[0]: row.to for row in rows(debugger, compare(debugger, Instant(9), Instant(18)))
    }
    names = debugger.graph.by_name
    assert listed["w"] == EntryRef(names["w"], "value", (), 18)
    assert listed["∂cost/∂x"] == EntryRef(names["x"], "grad", (), 18)
    assert listed["cost"] == EntryRef(names["cost"], "value", (), 18)
    listed = {
        row.cells[0]: row.to for row in rows(debugger, compare(debugger, Instant(3), Instant(1)))
    }
    assert listed["y"] == EntryRef(names["y"], "value", ())


def test_a_stale_number_is_not_compared_with_a_current_one() -> None:
    debugger = opened("wx")
    found = compare(debugger, Instant(9), Instant(10))
    assert all(
        difference.amount is None
        for difference in found.differences
        if difference.b_freshness is Freshness.STALE
    )
    listed = {row.cells[0]: row.cells[1:4] for row in rows(debugger, found)}
    assert listed["y"] == ("50", "stale", "")
    assert listed["∂cost/∂w"] == ("600", "stale", "")
    both = compare(debugger, Instant(10), Instant(19))
    assert both.stale == 7
    assert comparison_parts(both, debugger)[-1] == "  left out: 7 stale, of an earlier pass"


def test_a_partial_gradient_is_the_sum_so_far() -> None:
    debugger = opened("diamond")
    partial = debugger.timeline.position_of("backward", debugger.graph.index_of("right"))
    assert partial is not None
    (row,) = (
        row
        for row in rows(debugger, compare(debugger, Instant(partial), Instant(8)))
        if row.cells[0] == "∂y/∂x"
    )
    assert (row.cells[1:3], row.cells[7]) == (("-25", "-75"), f"so far at {partial}")
    assert row.words == f"∂y/∂x: -25 at moment {partial}, -75 at moment 8 (so far at {partial})"


# Bits ------------------------------------------------------------------------------------------


def two(x: Any, y: Any) -> tuple[Debugger, Comparison]:
    """Compare a run with x and the same run with y instead, after feed."""
    node = Input("x", value=np.array(x), trainable=True)
    cost = Mul(node, Input("k", value=1.0), name="cost")
    graph = Graph.of(cost, training=Training(SGD(0.1)))
    debugger = ComputedDebugger(graph)
    debugger.move(1)
    debugger.set_value(graph.index_of("x"), None, np.array(y))
    return debugger, compare(debugger, Instant(1, 0), Instant(1))


def first(x: Any, y: Any) -> tuple[str, ...]:
    """Return the cells of the only row, without the group."""
    (row,) = rows(*two(x, y))
    return (*row.cells[:6], row.cells[7])


def test_zeros_of_two_signs_differ() -> None:
    assert first(0.0, -0.0) == ("x", "0", "-0", "0", "0", "", "")


def test_nan_is_equal_to_nan_with_the_same_bits() -> None:
    _, found = two(math.nan, math.nan)
    assert not found.differences
    assert first(math.nan, -math.nan) == ("x", "nan", "nan", "", "", "", "other bits")


def test_close_numbers_are_written_out_until_they_can_be_told_apart() -> None:
    close = math.nextafter(1.0, 2.0)
    shown = ("x", "1", "1.0000000000000002", "2.22e-16", "2.22e-16 max", "", "")
    assert first(1.0, close) == shown


def test_what_is_not_finite_comes_first_in_its_group() -> None:
    assert first([1.0, 2.0, 3.0, 0.0], [9e9, math.inf, 3.0, math.nan]) == (
        *("x[1]", "2", "inf", "", "", "3 of 4", ""),
    )
    assert first([1e308, 1.0], [-1e308, math.nan])[:4] == ("x[1]", "1", "nan", "")
    # The distance of finite numbers overflows, the relative one does not.
    assert first(1e308, -1e308) == ("x", "1e+308", "-1e+308", "-inf", "2 max", "", "")
    debugger = opened("log-nan")
    length = debugger.timeline.length
    listed = rows(debugger, compare(debugger, Instant(length), Instant(40 * length)))
    for group in ("parameter", "computed", "data"):
        bad = ["nan" in row.cells[2] for row in listed if row.cells[6] == group and row.cells[4]]
        assert bad == sorted(bad, reverse=True)


def test_for_programs() -> None:
    debugger = opened("wx")
    data = comparison_data(compare(debugger, Instant(9), Instant(18, 0)), debugger.graph)
    assert (data["a"], data["b"], data["bit_equal"]) == ("9", "18@0", False)
    assert data["differences"][0] == {
        "node": "cost",
        "what": "cost",
        "entry": [],
        "a": 900.0,
        "b": pytest.approx(576.0),
        "a_freshness": "current",
        "b_freshness": "current",
        "a_overridden": False,
        "b_overridden": False,
        "difference": pytest.approx(324.0),
        "differ": 1,
        "of": 1,
    }


def test_what_an_edit_has_set_is_said() -> None:
    debugger = opened("circuit-b")
    debugger.move(3)
    debugger.set_value(debugger.graph.index_of("xy"), None, 4)
    debugger.move(8)
    found = compare(debugger, Instant(8), Instant(8, 0))
    listed = {row.cells[0]: row.cells[-1] for row in rows(debugger, found)}
    assert listed == {"f": "", "total": "", "xy": "set by you at 8", "∂f/∂two": "so far at both"}
    set_here = [d["a_overridden"] for d in comparison_data(found, debugger.graph)["differences"]]
    assert sum(set_here) == 1


def test_only_the_entry_that_was_set_is_said_to_be() -> None:
    debugger = opened("xor")
    length, s1 = debugger.timeline.length, debugger.graph.index_of("s1")
    debugger.move(3)
    debugger.set_value(s1, (0, 1), 30.0)
    found = compare(debugger, Instant(length), Instant(length, 0))
    (row,) = [row for row in rows(debugger, found) if row.cells[0].startswith("s1[")]
    assert (row.cells[0], row.cells[-1]) == ("s1[0,1]", f"set by you at {length}")
