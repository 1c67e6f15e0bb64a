"""A drawing written out: as plain text, with colours, as SVG."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from mfdebug.core.circuit.cells import cut, cut_start, width
from mfdebug.core.circuit.circuit import Circuit
from mfdebug.core.circuit.drawing.arms import ARMS_OF, DOWN, LEFT, RIGHT, UP
from mfdebug.core.circuit.svg import svg
from mfdebug.core.circuit.text import coloured_text, legend, plain_text
from mfdebug.core.timeline.computed_debugger import ComputedDebugger
from miniflow.graph import Graph
from miniflow.node import Input
from miniflow.ops import Neg
from tests.core.circuit.drawing import grid
from tests.core.circuit.graphs import SHIPPED, shipped
from tests.support.sizes import some

SVG = "{http://www.w3.org/2000/svg}"


def drawing(name: str, moment: int) -> tuple[Circuit, list[list[tuple[str, str]]]]:
    debugger = shipped(name)
    debugger.move(moment)
    circuit = Circuit(debugger.graph, debugger.plan.shapes, 80)
    return circuit, circuit.draw(debugger)


def test_colours_change_no_character() -> None:
    _, rows = drawing("xor", 12)
    text = coloured_text(rows)
    assert re.sub(r"\x1b\[[\d;]*m", "", text).split() == plain_text(rows).split()
    assert "\x1b[1;31m◀" in text
    assert all(line.endswith("\x1b[0m") or "\x1b" not in line for line in text.splitlines())


def test_the_legend_names_the_signs_that_occur() -> None:
    assert legend(drawing("circuit-b", 14)[1]) == "value above each wire, gradient below"
    assert legend(drawing("diamond", 6)[1]).endswith("; ◐ contributions are missing")
    assert "mean of absolute values" in legend(drawing("xor", 30)[1])


@pytest.mark.parametrize("name", some(SHIPPED, 6))
def test_each_word_of_an_svg_stands_where_it_is_drawn(name: str) -> None:
    circuit, rows = drawing(name, 9 if name != "square" else 2)
    picture = ElementTree.fromstring(svg(rows, circuit.width, name, background=True))
    shown = [[" "] * circuit.width for _ in rows]
    for text in picture.iter(f"{SVG}text"):
        x, y = float(text.get("x", "")) / 8, (float(text.get("y", "")) - 12.5) / 17
        assert x.is_integer()
        assert y.is_integer()
        assert text.text is not None
        assert float(text.get("textLength", "")) == 8 * width(text.text)
        for place, sign in enumerate(text.text):
            shown[int(y)][int(x) + place] = sign
    drawn = [
        [" " if sign in ARMS_OF or sign == "•" else sign for sign, _ in row] for row in grid(rows)
    ]
    assert shown == drawn


@pytest.mark.parametrize("name", some(SHIPPED, 6))
def test_the_lines_of_an_svg_are_the_arms_of_its_characters(name: str) -> None:
    circuit, rows = drawing(name, 9 if name != "square" else 2)
    picture = ElementTree.fromstring(svg(rows, circuit.width, name, background=False))
    found: set[tuple[int, int, int]] = set()
    for path in picture.iter(f"{SVG}path"):
        for x0, y0, way, to in re.findall(r"M([\d.]+) ([\d.]+)([HV])([\d.]+)", path.get("d", "")):
            x, y, end = float(x0) / 8, float(y0) / 17, float(to) / (8 if way == "H" else 17)
            first, last = (x, end) if way == "H" else (y, end)
            while first < last - 0.01:
                half = first % 1 > 0.25
                if way == "H":
                    found.add((int(first), int(y), RIGHT if half else LEFT))
                else:
                    found.add((int(x), int(first), DOWN if half else UP))
                first += 0.5
    drawn = set()
    for y, row in enumerate(grid(rows)):
        for x, (sign, _) in enumerate(row):
            if sign in "╭╮╰╯" and sign:
                continue
            arms = ARMS_OF.get(sign, (15, 0) if sign == "•" else (0, 0))
            drawn |= {(x, y, arm) for arm in (UP, RIGHT, DOWN, LEFT) if (arms[0] | arms[1]) & arm}
    assert found == drawn


def test_an_svg_has_no_markup_of_names() -> None:
    x = Input("<script>&'x\"", value=1.0)
    debugger = ComputedDebugger(Graph.of(Neg(x, name="]]>")))
    circuit = Circuit(debugger.graph, debugger.plan.shapes, 80)
    text = svg(circuit.draw(debugger), circuit.width, "</title>", background=True)
    words = [text.text for text in ElementTree.fromstring(text).iter(f"{SVG}text")]
    assert "<script>&'x\"" in words
    assert "]]>" in words


def test_wide_and_combining_characters_take_their_cells() -> None:
    x, y = Input("漢字", value=1.0), Input("x̂", value=2.0)
    debugger = ComputedDebugger(Graph.of(x * y))
    circuit = Circuit(debugger.graph, debugger.plan.shapes, 80)
    lines = plain_text(circuit.draw(debugger)).splitlines()
    ends = {width(line.partition("┤")[0]) for line in lines if "┤" in line}
    assert len(ends) == 1
    assert any(line.startswith(" 漢字 ──") for line in lines)
    assert any(line.startswith(" x̂ ────") for line in lines)


@pytest.mark.parametrize(
    ("text", "most", "start", "end"),
    [
        ("gradient", 8, "gradient", "gradient"),
        ("gradients", 8, "…adients", "gradien…"),
        ("漢字漢字", 6, "…漢字", "漢字…"),
        ("x̂x̂x̂", 2, "…x̂", "x̂…"),
    ],
)
def test_a_text_is_cut_by_cells(text: str, most: int, start: str, end: str) -> None:
    assert (cut_start(text, most), cut(text, most)) == (start, end)
