"""What a moment shows: numbers, lit wires, the active box, and nothing else."""

from __future__ import annotations

import re
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mfdebug.core.circuit.boxes import Box, Kind
from mfdebug.core.circuit.cells import cut_name
from mfdebug.core.circuit.circuit import Circuit
from mfdebug.core.circuit.drawing.canvas import STYLES, Window
from mfdebug.core.circuit.drawing.numbers import compact, size_text
from mfdebug.core.circuit.drawing.raster import cells_of
from mfdebug.core.circuit.text import legend, plain_text
from mfdebug.core.timeline.computed_debugger import ComputedDebugger
from mfdebug.core.timeline.debugger import Debugger
from mfdebug.opening.graphs import load_graph
from miniflow.graph import Graph
from miniflow.node import Input
from miniflow.ops import MatMul, Mul, Sum
from tests.core.circuit.drawing import area, contribution_cells, grid
from tests.core.circuit.graphs import SHIPPED, graphs, shipped, transformer_like
from tests.support.paths import ROOT
from tests.support.sizes import quick

LIT = ("lit-forward", "lit-backward")


def at(name: str, moment: int, width: int = 80, height: int = 17) -> tuple[Circuit, Debugger]:
    debugger = shipped(name)
    debugger.move(moment)
    return Circuit(debugger.graph, debugger.plan.shapes, width, height), debugger


def drawn(name: str, moment: int) -> str:
    circuit, debugger = at(name, moment)
    return plain_text(circuit.draw(debugger))


def test_circuit_b_as_max_sends_its_gradient() -> None:
    # larger = max(z, w): 2 × 1 to z, which won, and 2 × 0 to w.
    assert (
        drawn("circuit-b", 8)
        == """\
                                                       2  ╭───╮
            3  ╭─────╮                two ────────────────┤   │
 x ────────────┤     │                               -10  │   │
            ∙  │     │           -12  ╭───╮               │   │
               │  ×  ├ xy ────────────┤   │               │   │
           -4  │     │             2  │   │               │   │
 y ────────────┤     │                │   │          -10  │   │          -20
            ∙  ╰─────╯                │ + ├ total ────────┤ × ├ f
            2  ┏━━━━━┓                │   │            2  ╰───╯            1
 z ◀━━━━━━━━━━━┫     ┃                │   │
            2  ┃     ┃             2  │   │
               ┃ max ┣ larger ────────┤   │
           -1  ┃     ┃             2  ╰───╯
 w ◀━━━━━━━━━━━┫     ┃
            0  ┗━━━━━┛"""
    )


def test_a_value_with_two_consumers_shows_both_wires_and_the_sum() -> None:
    # left = x², right = -x: -5 × 10 first, then -25 + -50.
    assert (
        drawn("diamond", 6)
        == """\
                          ╭─────╮            25  ╭───╮
               ┌──────────┤ x^2 ├ left ──────────┤   │          -125
               │          ╰─────╯            -5  │ × ├ y
             5 │          ┏━━━━━┓            -5  │   │             1
 x ◀━━━━━━━━━━━┷━━━━━━━━━━┫  −  ┣ right ─────────┤   │
          ◐-25        -25 ┗━━━━━┛            25  ╰───╯"""
    )
    assert (
        drawn("diamond", 7)
        == """\
                          ┏━━━━━┓            25  ╭───╮
               ┏━━━━━━━━━━┫ x^2 ┣ left ──────────┤   │          -125
               ┃      -50 ┗━━━━━┛            -5  │ × ├ y
             5 ┃          ╭─────╮            -5  │   │             1
 x ◀━━━━━━━━━━━┹──────────┤  −  ├ right ─────────┤   │
           -75        -25 ╰─────╯            25  ╰───╯"""
    )


def test_a_wire_that_carries_a_value_points_to_the_box() -> None:
    assert (
        drawn("square", 2)
        == """\
                          ┏━━━┓
               ┏━━━━━━━━━▶┫   ┃
             3 ┃          ┃   ┃             9
 x ━━━━━━━━━━━━┻━━━━━━━━━▶┫ × ┣ y
             ∙            ┗━━━┛             ∙"""
    )


def test_an_active_input_has_a_mark() -> None:
    lines = drawn("wx", 9).splitlines()
    assert [line for line in lines if "▶" in line] == [
        "▶w* ────────────┤   │                │     │"
    ]


def test_values_older_than_a_parameter_are_marked() -> None:
    circuit, debugger = at("wx", 9)
    text = plain_text(circuit.draw(debugger))
    assert "~50" in text
    assert "~900" in text
    debugger.move(10)
    assert "~600" in plain_text(circuit.draw(debugger)), "a gradient of the step before"


def test_the_block_of_a_run_that_is_active_has_its_name_in_the_frame() -> None:
    text = drawn("vanishing", 60)
    assert "┃ layer1…12 ×12" in text
    assert "┗ layer4/a ━━" in text
    (bars,) = re.findall(r"grad  (\S+)", text)
    # The gradient fades from the last layer to the first.
    assert bars == "∙∙∙▁▂▃▄▄▅▆▇█"


def test_the_active_node_of_a_fold_has_its_whole_name_where_there_is_room() -> None:
    for width, foot in ((147, "┗ attention/W_k ┛"), (114, "┗ …/W_k ━┛")):
        circuit, debugger = at("transformer", 42, width, 33)
        assert debugger.graph.nodes[debugger.where.node or 0].label == "block/attention/W_k"
        assert foot in plain_text(circuit.draw(debugger))


@pytest.mark.parametrize(
    ("name", "width", "text"),
    [
        ("attention/W_k", 13, "attention/W_k"),
        ("attention/W_k", 12, "…/W_k"),
        ("h.0.attn/c_attn", 12, "…/c_attn"),
        ("h.0.attn/c_attn", 13, "….attn/c_attn"),
        ("lm_head.linear_8", 9, "…linear_8"),
        ("lm_head.linear_8", 6, "…ear_8"),
        ("conv2d", 5, "…nv2d"),
    ],
)
def test_a_name_is_cut_at_its_parts(name: str, width: int, text: str) -> None:
    assert cut_name(name, width) == text


@pytest.mark.parametrize("moment", [2, 30, 60, 100])
def test_only_the_wires_of_the_moments_node_are_lit(moment: int) -> None:
    circuit, debugger = at("vanishing", moment)
    assert all(
        source in debugger.graph.inbound[consumer] and consumer == debugger.where.node
        for source, consumer in circuit.lit(debugger)
    )
    # Within the run nothing can be seen: only its first node takes X.
    first = {debugger.graph.by_name["layer1/z"], debugger.graph.by_name["cost"]}
    assert bool(circuit.lit(debugger)) == (debugger.where.node in first)


def changing(circuit: Circuit, debugger: Debugger) -> set[tuple[int, int]]:
    """Return the cells that a moment may change: numbers, lit wires, the active box."""
    places: set[tuple[int, int]] = set()
    active = None if debugger.where.node is None else circuit.box_of(debugger.where.node)
    for box in circuit.layout.boxes:
        places.update(contribution_cells(circuit, box))
        if box is active:
            places.update(area(circuit, box))
            places.update((box.x - 1, y) for y in (box.row, *box.ports))
        if box.kind is Kind.REPEAT:
            places.update((x, y) for x in _inside(box) for y in (box.row, box.row + 1))
        for number in range(len(box.gives)):
            for x in range(1, box.room + 1):
                for y in (-1, 1):
                    places.add((box.right - x, box.row + 3 * number + y))
    for edge, points in circuit.layout.paths.items():
        if (edge.wire.node, debugger.where.node) in circuit.lit(debugger):
            for y, row in cells_of({edge: points}).items():
                places.update((x, y) for x in row)
    return places


def _inside(box: Box) -> range:
    return range(box.x + 1, box.x + box.frame - 1)


def assert_only_those_change(circuit: Circuit, debugger: Debugger) -> None:
    base = grid(circuit.draw(None))
    shown = grid(circuit.draw(debugger))
    may = changing(circuit, debugger)
    for y, (before, now) in enumerate(zip(base, shown, strict=True)):
        for x, (old, new) in enumerate(zip(before, now, strict=True)):
            assert old == new or (x, y) in may, (x, y, old, new)


@pytest.mark.parametrize("name", quick(SHIPPED, 10))
def test_a_moment_changes_only_numbers_lit_wires_and_the_active_box(name: str) -> None:
    debugger = shipped(name)
    for width, height in ((80, 17), (120, 33)):
        circuit = Circuit(debugger.graph, debugger.plan.shapes, width, height)
        for moment in range(0, debugger.timeline.length + 1, 1 + debugger.timeline.length // 12):
            debugger.move(moment)
            assert_only_those_change(circuit, debugger)


@pytest.mark.slow
@settings(deadline=None)
@given(graphs(), st.sampled_from((80, 10_000)), st.floats(0, 1))
def test_a_moment_of_a_random_graph_changes_only_those(
    graph: Graph, width: int, part: float
) -> None:
    debugger = ComputedDebugger(graph)
    debugger.move(int(part * debugger.timeline.length))
    assert_only_those_change(Circuit(graph, debugger.plan.shapes, width), debugger)


@settings(deadline=None)
@given(graphs(), st.floats(0, 1), st.data())
def test_a_window_is_a_part_of_the_drawing(graph: Graph, part: float, data: st.DataObject) -> None:
    debugger = ComputedDebugger(graph)
    debugger.move(int(part * debugger.timeline.length))
    circuit = Circuit(graph, debugger.plan.shapes, 100, 20, opened=())
    whole = grid(circuit.draw(debugger))
    x = data.draw(st.integers(0, max(0, circuit.width - 30)))
    y = data.draw(st.integers(0, max(0, circuit.height - 8)))
    window = grid(circuit.draw(debugger, Window(x, y, 30, 8)))
    assert [len(row) for row in window] == [30] * 8
    for row, cells in enumerate(window):
        for column, (sign, style) in enumerate(cells):
            if y + row >= circuit.height or x + column >= circuit.width:
                assert sign == " "
            elif style in LIT or style in ("frame", "active"):
                # Names at the left edge are written over lit wires.
                if sign.isalnum() or sign in "/…* ":
                    continue
                assert (sign, style) == whole[y + row][x + column]


def test_a_wire_that_is_cut_has_the_name_of_its_source() -> None:
    circuit, debugger = at("log-nan", 12)
    window = circuit.draw(debugger, Window(60, 0, 60, circuit.height))
    assert plain_text(window).splitlines()[1].startswith("t ─")


def test_a_label_that_an_edge_cuts_says_so() -> None:
    circuit, debugger = at("log-nan", 12)
    whole = plain_text(circuit.draw(debugger)).splitlines()
    y, x = next((y, row.index("q─4×1")) for y, row in enumerate(whole) if "q─4×1" in row)

    def row(left: int, width: int) -> str:
        return plain_text(circuit.draw(debugger, Window(left, y, width, 1)))

    assert row(x, 5) == "q─4×1"
    assert [row(x + cut, 5 - cut) for cut in (1, 2, 3, 4)] == ["…4×1", "…×1", "…1", "…"]
    assert [row(x, 5 - cut) for cut in (1, 2, 3)] == ["q─4…", "q─…", "q…"]


def test_half_a_number_is_not_drawn() -> None:
    circuit, debugger = at("circuit-b", 14)
    whole = plain_text(circuit.draw(debugger))
    for width in range(40, circuit.width):
        cut = plain_text(circuit.draw(debugger, Window(0, 0, width, circuit.height)))
        numbers = re.findall(r"-?\d+", cut.replace("x^2", ""))
        assert set(numbers) <= set(re.findall(r"-?\d+", whole))


def test_the_chosen_box_is_marked() -> None:
    circuit, debugger = at("circuit-b", 8)
    box = circuit.box_of(debugger.graph.by_name["total"])
    assert box is not None
    marked = [
        (x, y)
        for y, row in enumerate(grid(circuit.draw(debugger, chosen=box)))
        for x, (_, style) in enumerate(row)
        if style == "chosen"
    ]
    left, top, width, height = circuit.rectangle(box)
    assert marked == [(left + x, top + y) for y in range(height) for x in range(width)]


def test_every_style_of_a_drawing_is_known() -> None:
    circuit, debugger = at("xor", 8)
    assert {style for row in circuit.draw(debugger) for _, style in row} <= set(STYLES)


@pytest.mark.parametrize(
    ("name", "width"), [("exploding", 147), ("sigmoid-neuron", 80), ("log-nan", 120)]
)
def test_no_number_touches_a_wire_that_bends(name: str, width: int) -> None:
    circuit, debugger = at(name, 0, width, 33)
    numbers = ("value", "gradient", "waiting", "new-value", "new-gradient")
    for moment in range(0, debugger.timeline.length + 1, 5):
        debugger.move(moment)
        for row in grid(circuit.draw(debugger)):
            for (sign, style), (after, _) in pairwise(row):
                assert style not in numbers or sign == " " or after not in "│└┌├┼┃┗┏", row


def test_both_inputs_of_a_product_of_matrices_have_their_letters() -> None:
    # The second one has a port beside its output.
    graph = load_graph(ROOT / "graphs" / "models" / "sklearn-digits.onnx")
    debugger = ComputedDebugger(graph)
    drawing = plain_text(Circuit(graph, debugger.plan.shapes, 147, 33).draw(debugger))
    assert drawing.count("┤A  ") == drawing.count("┤B  ") == drawing.count("│A·B") == 2


# Numbers -----------------------------------------------------------------------------------


# One digit of a larger number may round to infinity.
@given(st.floats(-1e308, 1e308) | st.just(float("nan")), st.sampled_from((5, 6, 7)))
def test_a_number_fits_and_never_looks_like_another(number: float, width: int) -> None:
    text = compact(number, width)
    assert len(text) <= width
    if text.endswith("…"):
        exponent = abs(int(f"{number:e}".partition("e")[2]))
        assert len(f"{-1 if number < 0 else 1}e{'-' * (abs(number) < 1)}{exponent}") > width
    elif np.isfinite(number):
        assert abs(float(text) - number) <= 0.5 * abs(number)
        assert bool(float(text)) == bool(number)
    else:
        assert text == str(number)


@pytest.mark.parametrize(
    ("number", "width", "text"),
    [
        (0.25132, 7, "0.2513"),
        (-0.25132, 7, "-0.2513"),
        (-0.25132, 6, "-.2513"),
        (0.003, 4, ".003"),
        (0.00042, 4, "4e-4"),
        (-20.0, 7, "-20"),
        (1046530.0, 7, "1.047e6"),
        (0.0, 7, "0"),
    ],
)
def test_a_number_in_few_cells(number: float, width: int, text: str) -> None:
    assert compact(number, width) == text


@pytest.mark.parametrize(
    ("size", "width", "text"),
    [
        (0.425, 7, "|0.425|"),
        (0.425, 6, "|.425|"),
        (4e-12, 7, "|4e-12|"),
        (4e-12, 6, "|e-12|"),
        (4e-12, 5, "|…|"),
        (0.007, 6, "|.007|"),
        (0.007, 5, "|e-3|"),
        (float("nan"), 6, "|nan|"),
    ],
)
def test_a_size_in_few_cells(size: float, width: int, text: str) -> None:
    assert size_text(size, width) == text


def test_sizes_of_large_tensors_are_those_of_the_moment() -> None:
    rng = np.random.default_rng(0)
    w = Input("W", value=rng.normal(size=(150, 150)), trainable=True)
    x = Input("x", value=rng.normal(size=(150, 150)))
    graph = Graph.of(Sum(Mul(MatMul(x, w, name="a"), w, name="b"), name="cost"))
    debugger = ComputedDebugger(graph)
    kept = Circuit(graph, debugger.plan.shapes, 120)
    for moment in [*range(20), 19, 18, 12, 13, 3, 30, 31, 0]:
        debugger.move(moment)
        fresh = Circuit(graph, debugger.plan.shapes, 120)
        assert kept.draw(debugger) == fresh.draw(debugger), moment
    debugger.set_value(graph.by_name["x"], (0, 0), 1e6)
    assert kept.draw(debugger) == fresh.draw(debugger)


def test_a_graph_without_numbers_is_drawn_bare() -> None:
    graph = transformer_like(3)
    text = plain_text(Circuit(graph, None, 100).draw(None))
    assert "block1" in text
    assert "∙" not in text


def test_a_number_that_was_set_is_marked() -> None:
    circuit, debugger = at("circuit-b", 3)
    debugger.set_value(debugger.graph.index_of("xy"), None, 4)
    assert "≠4" in plain_text(circuit.draw(debugger))
    debugger.move(6)
    debugger.scale(debugger.graph.index_of("total"), None, -1, gradient=True)
    rows = circuit.draw(debugger)
    assert {"≠4", "≠-2"} <= set(plain_text(rows).split())
    assert legend(rows).endswith("; ≠ set or scaled by you")
    debugger.move(1)
    assert "≠" not in plain_text(circuit.draw(debugger))


def test_an_edited_input_has_the_sign_until_an_update_writes_over_it() -> None:
    circuit, debugger = at("wx", 2)
    debugger.set_value(debugger.graph.index_of("w"), None, 4)
    rows = circuit.draw(debugger)
    assert "≠4" in plain_text(rows)
    assert legend(rows).endswith("; ≠ set or scaled by you")
    debugger.move(debugger.timeline.length)
    assert "≠" not in plain_text(circuit.draw(debugger))
