"""The rows of the order tree, against a list that is laid out anew each time."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mfdebug.core.explain.scopes import Scope
from mfdebug.core.timeline.computed_debugger import ComputedDebugger
from mfdebug.core.timeline.debugger import Debugger
from mfdebug.opening.graphs import load_graph
from mfdebug.tui.widgets.heights import Heights
from mfdebug.tui.widgets.order_columns import GAP, MARGIN, MARK, Wanted, fit_columns
from mfdebug.tui.widgets.order_rows import OrderRows, Row
from miniflow.graph import Graph
from miniflow.node import Input
from miniflow.ops import Add


@given(
    st.lists(st.integers(0, 5), max_size=40),
    st.lists(st.tuples(st.integers(0, 39), st.integers(0, 4))),
)
def test_heights_are_those_of_a_plain_list(
    heights: list[int], changes: list[tuple[int, int]]
) -> None:
    found = Heights(heights)
    for position, height in changes:
        if position < len(heights):
            found.add(position, height - heights[position])
            heights[position] = height
    lines = [(i, y) for i, height in enumerate(heights) for y in range(height)]
    assert found.total == len(lines)
    assert [found.find(y) for y in range(len(lines))] == lines
    assert [found.before(i) for i in range(len(heights))] == [
        sum(heights[:i]) for i in range(len(heights))
    ]
    with pytest.raises(IndexError):
        found.find(len(lines))


class Plain:
    """The rows by their definition: what is folded and what is open, laid out in full."""

    def __init__(self, debugger: Debugger, rows: OrderRows) -> None:
        self.graph = debugger.graph
        self.folded = {scope for scope in _scopes(rows.root) if rows.is_folded(scope)}
        self.opened: set[int] = set()
        self.root = rows.root

    def rows(self) -> list[Row]:
        return self._of(self.root, 0)

    def _of(self, scope: Scope, level: int) -> list[Row]:
        found: list[Row] = []
        for part in scope.parts:
            if isinstance(part, int):
                edges = len(self.graph.inbound[part]) + len(self.graph.consumers[part])
                shown = edges if part in self.opened else 0
                found += [Row(part, edge=edge, level=level) for edge in range(-1, shown)]
            elif part in self.folded:
                found.append(Row(part.last, part, level=level))
            else:
                found += [Row(part.first, part, level=level), *self._of(part, level + 1)]
        return found


def _scopes(scope: Scope) -> list[Scope]:
    inner = [part for part in scope.parts if isinstance(part, Scope)]
    return [scope, *(found for part in inner for found in _scopes(part))]


def nested(blocks: int) -> Graph:
    """A sum over blocks, each with two scopes of its own."""
    x = Input("x", value=1.0)
    for i in range(blocks):
        w = Input(f"net/block{i}/attn/w", value=1.0, trainable=True)
        q = Add(x, w, name=f"net/block{i}/attn/q")
        x = Add(q, x, name=f"net/block{i}/out")
    return Graph.of(Add(x, x, name="cost"))


@settings(max_examples=40)
@given(st.sampled_from([1, 5, 20]), st.lists(st.tuples(st.booleans(), st.integers(0, 200))))
def test_rows_are_those_of_a_plain_layout(blocks: int, actions: list[tuple[bool, int]]) -> None:
    debugger = ComputedDebugger(nested(blocks))
    rows = OrderRows(debugger)
    plain = Plain(debugger, rows)
    for toggled, number in actions:
        before = plain.rows()
        if toggled:
            row = before[y := number % len(before)]
            if row.scope is not None:
                plain.folded ^= {row.scope}
            else:
                plain.opened ^= {row.node}
            now = rows.toggle(y)
            assert rows[now].node == row.node or row.scope is not None
        else:
            node = number % len(debugger.graph.nodes)
            opened = rows.unfold(node)
            assert all(scope in plain.folded for scope in opened)
            plain.folded -= set(opened)
            if number % 2:
                rows.fold(opened)
                plain.folded |= set(opened)
    laid_out = plain.rows()
    assert len(rows) == len(laid_out)
    assert [rows[y] for y in range(len(rows))] == laid_out
    for node in range(len(debugger.graph.nodes)):
        row = laid_out[rows.row_of(node)]
        hidden = row.scope in plain.folded if row.scope else False
        assert row.node == node or (hidden and row.scope is not None and node in row.scope)


def test_many_repeated_scopes_are_one_row_a_few_have_a_row_each() -> None:
    few = OrderRows(ComputedDebugger(nested(14)))
    assert [few[y].node for y in range(3)] == [0, 1, 3]
    assert few[1].scope is not None
    assert (few[1].scope.repeats, few.is_folded(few[1].scope)) == (14, False)
    assert len(few) == 1 + 1 + 14 + 1
    many = OrderRows(ComputedDebugger(nested(100)))
    assert len(many) == 3
    small = OrderRows(ComputedDebugger(load_graph("xor")))
    assert len(small) == 11


@given(
    st.integers(1, 60),
    st.integers(1, 20),
    st.integers(2, 16),
    st.booleans(),
    st.integers(29, 200),
)
def test_columns_fit_into_every_width(
    name: int, op: int, shape: int, trains: bool, width: int
) -> None:
    columns = fit_columns(Wanted(name, op, shape, trains), width)
    cells = MARGIN + columns.name + GAP + columns.middle + 2 * (MARK + columns.number)
    for extra in (columns.gradient_bar, columns.value_bar, columns.update, columns.summary):
        cells += extra + bool(extra)
    assert cells <= width
    assert columns.name >= min(name, 4)
    assert columns.number >= 5
    for (at, word), (after, _) in zip(columns.headings(), columns.headings()[1:], strict=False):
        assert at + len(word) < after
