"""The lines of the node panel: what they show, what fits, and that nothing cut looks whole."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.style import Style
from textual.strip import Strip

from mfdebug.config.bindings import SHIPPED_KEYS
from mfdebug.core.explain.previous_pass import previous_pass
from mfdebug.core.timeline.computed_debugger import ComputedDebugger
from mfdebug.core.timeline.debugger import Debugger, Freshness
from mfdebug.core.timeline.entry_ref import Index
from mfdebug.opening.graphs import load_graph
from mfdebug.tui.widgets.node_lines import NodeLines
from mfdebug.tui.widgets.node_look import Look
from miniflow.graph import Graph
from miniflow.node import Input
from miniflow.ops import Add, Linear, Mul, Sum
from tests.support.app_driver import ask, opened
from tests.support.paths import ROOT
from tests.support.sizes import examples, quick, some

GRAPHS = sorted(path.stem for path in (ROOT / "graphs").glob("*.json"))
# Short forms, and words about what is hidden, that a wide panel does not use.
SHORT = {"rows", "row", "columns", "column", "terms", "term", "entries", "moment", "initial"}
SHORT |= {"mean"}  # of what is not shown whole
SHORT |= {"of", "all", "stale", "stale,", "before", "update", "now", "input", "inputs", "more"}


def rendered(
    debugger: Debugger,
    node: int,
    width: int,
    height: int,
    entry: Index | None = None,
    **look: bool,
) -> list[str]:
    index = entry or (0,) * len(debugger.plan.shapes[node])
    shown = Look(width, height, SHIPPED_KEYS, lambda _name: Style(), **look)
    gradient = debugger.where.phase == "backward"
    zoomed = look.get("zoomed")
    previous = previous_pass(debugger, node, gradient=gradient) if zoomed else None
    lines = NodeLines(
        debugger, node, index, shown, gradient_asked=bool(zoomed) and gradient, previous=previous
    ).lines()
    strips = [Strip(line) for line in lines]
    assert max(strip.cell_length for strip in strips) <= width
    return [strip.text.rstrip() for strip in strips]


def words(lines: list[str]) -> set[str]:
    """The words with a letter; a formula in numbers may break anywhere between its terms."""
    found = (word.rstrip(",") for line in lines for word in line.split())
    return {word for word in found if re.search(r"[^\W\d_e]", word)}


def at(graph: str, moment: int) -> tuple[Debugger, int]:
    debugger = ComputedDebugger(load_graph(graph))
    debugger.move(moment)
    node = debugger.where.node
    assert node is not None
    return debugger, node


@pytest.mark.parametrize("name", quick(GRAPHS, 8))
def test_nothing_is_cut_without_an_ellipsis(name: str) -> None:
    debugger = ComputedDebugger(load_graph(name))
    length = debugger.timeline.length
    last = debugger.timeline.clamp(2 * length)
    for moment in some(range(2, last + 1), 3):
        debugger.move(moment)
        node = debugger.where.node
        if node is None:
            continue
        whole = {
            word
            for height in (12, 60)
            for zoomed in (False, True)
            for word in words(rendered(debugger, node, 600, height, zoomed=zoomed))
        }
        for zoomed in (False, True):
            # The width of the panel on screens of 60 to 200 columns, and of the list beside it.
            for width in some((20, 45, 57, 65, 77, 97, 117, 145, 197), 3):
                for height in (12, 40):
                    part = words(rendered(debugger, node, width, height, zoomed=zoomed))
                    cut = {word for word in part - whole - SHORT if "…" not in word}
                    # A word that is longer than the panel is broken into lines.
                    cut = {word for word in cut if not any(word in long for long in whole)}
                    assert not cut, (name, moment, width)


@pytest.mark.slow
@settings(max_examples=examples(60), deadline=None)
@given(
    st.text(st.characters(categories=("L", "N", "P", "S")), min_size=1, max_size=80),
    st.integers(20, 90),
    st.booleans(),
)
def test_a_name_of_any_length_stays_in_the_panel(name: str, width: int, zoomed: bool) -> None:
    x = Input(name, value=[[1.0, -2.0]], trainable=True)
    graph = Graph.of(Mul(x, Input("y", value=3.0), name="f"))
    debugger = ComputedDebugger(graph)
    for moment in range(2, debugger.timeline.length + 2):
        debugger.move(moment)
        for node in range(len(graph)):
            rendered(debugger, node, width, 12, zoomed=zoomed)


def test_value_and_gradient_are_side_by_side_and_say_when_they_were_set() -> None:
    debugger, node = at("xor", 8)
    assert rendered(debugger, node, 77, 12)[:6] == [
        "s2 = σ(l2) = 1/(1 + e^-l2)" + " " * 40 + "Sigmoid 4x1",
        "▸ value  set at moment 5     gradient  ∂cost/∂s2  set now",
        "  0.5000                      0.2500",
        "  0.5041                     -0.2480",
        "  0.4497                     -0.2752",
        "  0.4545                      0.2272",
    ]


def test_ten_numbers_fill_an_empty_panel_and_a_vector_wraps() -> None:
    x = Input("x", value=[[i / 7 for i in range(10)]] * 2)
    v = Input("v", value=[i / 7 for i in range(40)])
    graph = Graph.of(Add(Sum(x, name="f"), Sum(v, name="g"), name="h"))
    debugger = ComputedDebugger(graph)
    debugger.move(2)
    shown = rendered(debugger, graph.index_of("x"), 97, 12)
    assert [len(line.split()) for line in shown[2:4]] == [10, 10]
    assert "columns" not in " ".join(shown)
    lines = rendered(debugger, graph.index_of("v"), 45, 16)
    wrapped = [line.split("]") for line in lines if "]" in line]
    assert [label.strip() for label, _ in wrapped] == [f"[{i}" for i in range(0, 40, 5)]
    assert [len(numbers.split()) for _, numbers in wrapped] == [5] * 8


def test_small_numbers_have_one_power_of_ten() -> None:
    debugger, node = at("xor", 19)
    lines = rendered(debugger, node, 77, 12)
    assert any("gradient  ∂cost/∂b1  ×10⁻³" in line for line in lines)
    plain = rendered(debugger, node, 77, 12, ascii_only=True)
    assert any("gradient  ∂cost/∂b1  e-3" in line for line in plain)
    assert [line.split() for line in lines if line.startswith("  5.")] == [
        ["5.215", "1.151", "-2.608", "-0.575"]
    ]


def test_a_stale_gradient_names_the_moment_that_set_it() -> None:
    debugger, node = at("wx", 11)
    stale = [line for line in rendered(debugger, node, 77, 12) if "stale" in line]
    assert stale == ["  gradient  ∂cost/∂y = 60  stale (step 0), set at moment 6"]


def test_of_a_partial_gradient_the_last_contribution_counts() -> None:
    debugger, _node = at("diamond", 6)
    x = debugger.graph.index_of("x")
    (line,) = [line for line in rendered(debugger, x, 77, 12) if "gradient" in line and "=" in line]
    assert line == "  gradient  ∂y/∂x = -25  1 of 2 so far, set now"


@pytest.mark.parametrize("position", range(2, 10))
def test_the_previous_pass_is_beside_the_present_one(position: int) -> None:
    debugger, node = at("wx", 2 * 9 + position)
    for gradient in (False, True):
        if debugger.state.freshness(node, gradient=gradient) is not Freshness.CURRENT:
            continue
        before = previous_pass(debugger, node, gradient=gradient)
        assert before.array is not None
        assert before.moment is not None
        with debugger.visiting(before.moment):
            state = debugger.state
            there = state.gradient(node) if gradient else state.value(node)
            assert float(there) == float(before.array)
        made = debugger.state.made_at(node, gradient=gradient)
        # A constant is fed again in each pass.
        assert before.moment == (9 + 1 if made is None else made - 9)


def test_the_previous_pass_has_a_column_of_its_own() -> None:
    debugger, node = at("wx", 2 * 9 + 7)
    shown = rendered(debugger, node, 77, 12, zoomed=True)
    label = debugger.graph.nodes[node].label
    assert any(f"previous pass  ∂cost/∂{label} = " in line for line in shown)
    debugger, node = at("wx", 9 + 2)
    shown = rendered(debugger, node, 77, 12, zoomed=True)
    assert "  previous pass  y = 50  set at moment 2" in shown


def test_a_parameter_s_previous_value_is_that_before_its_update() -> None:
    debugger, node = at("wx", 9)
    before = previous_pass(debugger, node, gradient=False)
    assert (float(before.array), before.moment) == (5.0, None)  # type: ignore[arg-type]
    debugger.move(2 * 9)
    before = previous_pass(debugger, node, gradient=False)
    assert (float(before.array), before.moment) == (4.4, 9)  # type: ignore[arg-type]


def test_the_first_pass_has_none_before_it() -> None:
    first, node = at("wx", 7)
    for gradient in (False, True):
        assert previous_pass(first, node, gradient=gradient).problem == "no pass before this one"


def test_matrices_at_work_mark_the_row_and_the_column_that_meet() -> None:
    debugger, node = at("xor", 9)
    lines = rendered(debugger, node, 77, 20, (2, 0), zoomed=True)
    start = next(i for i, line in enumerate(lines) if line.startswith("to W2"))
    assert lines[start : start + 9] == [
        "to W2[1,0]  s1ᵀ · ∂cost/∂l2  (2x4)·(4x1) = 2x1",
        "                                               ×10⁻³",
        "                                        ▾          ▾",
        "   0.500  0.378  0.401  0.289       0.062      -3.20",
        "▸  0.500  0.354  0.690  0.550      -0.062   ▸  -6.72",
        "                                   -0.068",
        "                                    0.056",
        "  (s1ᵀ · ∂cost/∂l2)[1,0] = 0.5 × 0.0625 + 0.354344 × (-0.0619885) +",
        "  0.689974 × (-0.0680956) + 0.549834 × 0.0563405 = -0.00672158",
    ]


def test_the_bias_of_a_linear_node_is_reached_at_80x24() -> None:
    debugger, node = at("xor", 9)
    shown = rendered(debugger, node, 45, 12)
    for target in ("to s1", "to W2", "to b2"):
        assert any(line.startswith(f"  {target}") for line in shown)


def test_a_number_follows_its_formula() -> None:
    debugger, node = at("linear-regression", 6)
    (line,) = [line for line in rendered(debugger, node, 145, 30) if line.startswith("  from line")]
    assert re.fullmatch(r"  from line  Σ rows of ∂cost/∂line  -?[\d.]+", line)


def test_a_linear_of_two_products_shows_both() -> None:
    inputs = [Input(n, value=[[1.0, 2.0], [3.0, 4.0]]) for n in ("A", "B", "U", "V")]
    graph = Graph.of(Linear(*inputs, Input("b", value=[1.0, 1.0]), name="l"))
    debugger = ComputedDebugger(graph)
    debugger.move(2)
    shown = rendered(debugger, graph.index_of("l"), 77, 20, zoomed=True)
    titles = [line for line in shown if ", a part of l" in line]
    assert titles == [
        "A·U, a part of l  (2x2)·(2x2) = 2x2",
        "B·V, a part of l  (2x2)·(2x2) = 2x2",
    ]
    assert any(line.startswith("  l[0,0] = 1 × 1 + 2 × 3") for line in shown)


@pytest.mark.slow
async def test_a_parameter_says_who_has_set_it_until_it_is_updated() -> None:
    async with opened("wx", size=(100, 24), commands=["sgd"]) as driver:
        await ask(driver, "set w = 7")
        assert "value  7  set by you at moment 9" in driver.text
        await driver.press("t")
        assert "value  7  set by you" not in driver.text
        assert "set now" in driver.text
    async with opened("wx", size=(100, 24), commands=["set x = 3", "step 3"]) as driver:
        await driver.press("home")
        assert "value  3  set by you at moment" in driver.text


async def test_a_high_panel_has_the_equations_of_the_pass_below_the_node() -> None:
    async with opened("circuit-b", (200, 50), commands=["goto 8"]) as driver:
        assert "sent so far" in driver.text
        assert "f to total  ∂f/∂f × two = 1 × 2 = 2" in driver.text
    async with opened("circuit-b", commands=["goto 8"]) as driver:
        assert "so far" not in driver.text
