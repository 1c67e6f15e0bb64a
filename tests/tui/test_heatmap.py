"""Heatmaps and pictures: what the cells show in every kind of terminal, and the key for them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.style import Style
from textual.strip import Strip

from mfdebug.core.explain.images import Picture, picture_of
from mfdebug.core.format.shades import ShadeScale
from mfdebug.opening.graphs import load_graph
from mfdebug.tui.widgets.heat_cells import ASCII_SHADES, SHADES, STEPS, Shading
from mfdebug.tui.widgets.heat_columns import HeatColumns
from mfdebug.tui.widgets.heat_window import MOST_READ, heat_window, part_of
from mfdebug.tui.widgets.tensor import Paint
from mfdebug.tui.widgets.tensor_columns import ShownTensor
from mfdebug.tui.widgets.tensor_window import slice_of
from miniflow.graph import Graph
from miniflow.node import Input
from miniflow.ops import Linear, Mul, Sum
from miniflow.ops.base import Array
from tests.support.app_driver import Driver, opened
from tests.support.sizes import examples

COLOURS = {
    "heat": "#ffffff",
    "heat-zero": "#000000",
    "heat-positive": "#0000ff",
    "heat-negative": "#ff0000",
}


def style(name: str) -> Style:
    return Style(color=COLOURS.get(name))


BLOCKS = Shading(style, half_blocks=True)
SHADED = Shading(style, half_blocks=False)
IN_ASCII = Shading(style, half_blocks=False, ascii_only=True)


def tensor(label: str, array: Any, *, signed: bool = False) -> ShownTensor:
    paint = Paint(style, asked=not signed)
    return ShownTensor(label, "", ("set now", ""), np.asarray(array, float), paint, signed)


def texts(columns: HeatColumns) -> list[str]:
    return [Strip(line).text.rstrip() for line in columns.lines]


VALUE = np.arange(12.0).reshape(3, 4)
GRADIENT = np.array([[0, 0.5, -1, 0.25], [1, -0.1, 0, np.nan], [np.inf, -np.inf, -0.6, 0.9]])
PAIR = [tensor("value", VALUE), tensor("gradient", GRADIENT, signed=True)]


def test_shades_are_signs_and_magnitudes() -> None:
    assert texts(HeatColumns(PAIR, (1, 2), 60, 9, SHADED)) == [
        "▸ value  set now              gradient  set now",
        "      ▾                           ▾",
        "    ░░░░▒▒                      +▓-█+▒",
        "▸ ▒▒▒▒▓▓▓▓                  ▸ +█-░   !",
        "  ▓▓██████                     ∞-∞-▓+█",
        "  0   ░░▒▒▒▒▓▓▓▓██████ 11     -1 -█-█-▓-▒  +▒+▓+█+█ 1",
        "  [1,2] = 6                   [1,2] = 0",
        "  by size: ░▒▓█; ! NaN; ∞ infinite",
    ]


def test_shades_have_an_ascii_form() -> None:
    assert texts(HeatColumns(PAIR, (0, 0), 60, 9, IN_ASCII))[2:] == [
        "▸   __::;;                  ▸   +I-M+;",
        "  ;;//II%%                    +M-_   !",
        "  %%HHMMMM                     ∞-∞-I+M",
        "  0   ::;;//II%%HHMMMM 11     -1 -M-H-I-;  +;+I+H+M 1",
        "  [0,0] = 0                   [0,0] = 0",
        "  by size: _:;/I%HM; ! NaN; ∞ infinite",
    ]


def test_half_blocks_have_two_rows_in_a_line() -> None:
    assert texts(HeatColumns(PAIR, (1, 2), 60, 7, BLOCKS)) == [
        "▸ value  set now     gradient  set now",
        "    ▾                  ▾",
        "▄ ▀▀▀▀             ▄ ▀▀▀!",
        "  ▀▀▀▀               ∞∞▀▀",
        "  0           11     -1           1",
        "  [1,2] = 6          [1,2] = 0",
        "  ! NaN; ∞ infinite",
    ]


def test_cells_are_enlarged_where_there_is_room() -> None:
    # Two rows of a line are one colour then: a blank on a background.
    shown = HeatColumns(PAIR, (1, 2), 60, 8, BLOCKS)
    assert texts(shown)[1:5] == [
        "      ▾                  ▾",
        "",
        "▸                  ▸       !!",
        "                     ∞∞∞∞",
    ]
    assert [Strip(line).cell_length for line in shown.lines[2:5]] == [2 + 8 + 9 + 2 + 8] * 3


def test_a_reduced_tensor_says_what_a_cell_is() -> None:
    array = np.zeros((16, 40))
    array[5, 7] = -3.0
    assert texts(HeatColumns([tensor("value", array)], (5, 7), 24, 10, SHADED)) == [
        "▸ value  set now",
        "    ▾",
        "",
        "▸   ██",
        "",
        "",
        "  -3 ████▓▓▓▓▒▒▒▒░░   0",
        "  [5,7] = -3",
        "  each cell: the largest",
        "  of 4x4; shades: ░▒▓█",
    ]


def test_a_vector_continues_on_the_next_line() -> None:
    assert texts(HeatColumns([tensor("value", range(50))], (17,), 24, 10, SHADED))[1:8] == [
        "              ▾",
        "    ░░░░░░░░░░░░░░░░░░░░",
        "▸ ░░░░▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒",
        "  ▒▒▒▒▒▒▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓",
        "  ▓▓▓▓▓▓▓▓██████████████",
        "  ████████████",
        "  0   ░░▒▒▒▒▓▓▓▓████ 49",
    ]


def test_the_colours_are_those_of_the_levels() -> None:
    cells = [[0.0, 1.0, -2.0]]
    scale = ShadeScale.of(np.array(cells))
    (line,) = BLOCKS.lines(cells, scale)
    zero, half, most = (segment.style.color.get_truecolor() for segment in line if segment.style)
    assert (zero, most) == ((0, 0, 0), (255, 0, 0))
    (level,) = scale.levels(np.array([1.0]), STEPS)
    assert half == (0, 0, int(255 * (1 / 4 + 3 / 4 * (level - 1) / (STEPS - 1))))


@st.composite
def cases(draw: st.DrawFn) -> tuple[Array, tuple[int, ...], int, int]:
    shape = tuple(draw(st.lists(st.integers(1, 40), min_size=1, max_size=3)))
    seed = draw(st.integers(0, 99))
    array = np.random.default_rng(seed).normal(size=shape)
    entry = tuple(draw(st.integers(0, n - 1)) for n in shape)
    return array, entry, draw(st.integers(1, 12)), draw(st.integers(1, 30))


@pytest.mark.slow
@settings(max_examples=examples(300), deadline=None)
@given(cases())
def test_every_cell_has_the_shade_of_its_block(case: tuple[Any, ...]) -> None:
    array, entry, lines, line = case
    window = heat_window(array.shape, entry, lines, line)
    cells = window.cells(array, entry)
    assert len(cells) <= lines
    assert max(map(len, cells)) <= line
    block = slice_of(array, entry)
    # The cell of each entry, and the largest magnitude of each cell.
    largest: dict[tuple[int, int], float] = {}
    for row, column in np.ndindex(block.shape):
        index = (*entry[:-2], row, column)[-array.ndim :] if array.ndim > 1 else (column,)
        at = heat_window(array.shape, index, lines, line).at
        largest[at] = max(largest.get(at, 0.0), abs(block[row, column]))
    shown = {(i, j): abs(number) for i, row in enumerate(cells) for j, number in enumerate(row)}
    assert shown == largest
    scale = ShadeScale.of(part_of(array, entry))
    assert (scale.low, scale.high) == (block.min(), block.max())
    for shading, signs in ((SHADED, SHADES), (IN_ASCII, ASCII_SHADES)):
        drawn = [segment.text for row in shading.lines(cells, scale) for segment in row]
        numbers = [number for row in cells for number in row]
        levels = map(abs, scale.levels(np.array(numbers), len(signs) - 1))
        assert [text[1] for text in drawn] == [signs[level] for level in levels]


@settings(max_examples=examples(200), deadline=None)
@given(cases(), st.integers(20, 70), st.integers(6, 20), st.booleans(), st.booleans())
def test_no_line_is_wider_than_the_panel(
    case: tuple[Any, ...], width: int, height: int, half_blocks: bool, both: bool
) -> None:
    array, entry, *_ = case
    shown = [tensor("value", array), tensor("gradient", array * 1e-5, signed=True)]
    shading = BLOCKS if half_blocks else SHADED
    columns = HeatColumns(shown if both else shown[:1], entry, width, height, shading)
    assert all(Strip(line).cell_length <= width for line in columns.lines)


@settings(max_examples=examples(100), deadline=None)
@given(cases(), st.sampled_from([(1, 0), (-1, 0), (0, 1), (0, -1)]))
def test_a_key_goes_to_the_next_cell_or_stays_in_it(
    case: tuple[Any, ...], by: tuple[int, int]
) -> None:
    array, entry, lines, line = case
    window = heat_window(array.shape, entry, lines, line)
    moved = window.moves.moved(array.shape, entry, *by, 0)
    assert all(0 <= i < n for i, n in zip(moved, array.shape, strict=True))
    after = heat_window(array.shape, moved, lines, line)
    if moved[:-2] == entry[:-2] and array.ndim > 1 and window.reduces and not window.grid.is_line:
        down, aside = (after.at[axis] - window.at[axis] for axis in (0, 1))
        assert abs(aside) <= 1
        assert abs(down) <= (0 if by[1] else window.grid.rows if array.ndim > 2 else 1)


def test_a_frame_reads_a_bounded_part_of_a_tensor() -> None:
    for shape in ((1 << 14, 1 << 14), (2, 1 << 22), (1 << 22, 2), (1 << 23,), (1 << 22, 1)):
        entry = tuple(n - 1 for n in shape)
        window = heat_window(shape, entry, 20, 40)
        assert len(window.rows) * len(window.columns) <= MOST_READ
        assert f"of {max(shape):,}" in window.hidden
        row, column = window.grid.row, window.grid.column
        assert row in window.rows
        assert column in window.columns


# Images ----------------------------------------------------------------------------------


def test_which_tensors_are_images() -> None:
    graph = load_graph("digits")
    known = {
        name: picture_of(graph, graph.names().index(name), shape)
        for name, shape in (("X", (64, 64)), ("W1", (64, 32)), ("b1", (32,)), ("cost", ()))
    }
    assert known == {
        "X": Picture(8, 8),
        "W1": Picture(8, 8, by_column=True),
        "b1": None,
        "cost": None,
    }


def test_weights_have_the_shape_of_the_images_that_they_meet() -> None:
    x = Input("x", value=np.ones((2, 24)), image=(4, 6))
    other = Input("other", value=np.ones((2, 24)))
    w, v = (Input(name, value=np.ones((24, 3))) for name in "wv")
    b = Input("b", value=np.ones(3))
    layer = Linear([x, other], [w, v], b, name="l")
    graph = Graph([x, other, w, v, b, layer, Sum(layer, name="cost")])
    at = graph.names().index
    assert picture_of(graph, at("x"), (2, 24)) == Picture(4, 6)
    assert picture_of(graph, at("w"), (24, 3)) == Picture(4, 6, by_column=True)
    assert picture_of(graph, at("v"), (24, 3)) is None


@pytest.mark.parametrize("picture", [Picture(2, 3), Picture(2, 3, by_column=True)])
def test_an_image_and_its_pixels_are_those_of_the_tensor(picture: Picture) -> None:
    array = np.arange(36.0).reshape(6, 6)
    for entry in np.ndindex(array.shape):
        assert picture.image(array, entry)[picture.pixel(entry)] == array[entry]
    stack = np.arange(24.0).reshape(4, 2, 3)
    whole = Picture(2, 3, whole=True)
    for entry in np.ndindex(stack.shape):
        assert whole.image(stack, entry)[whole.pixel(entry)] == stack[entry]


# The key ---------------------------------------------------------------------------------


def node_lines(driver: Driver) -> str:
    return "\n".join(line.partition("│")[2] for line in driver.text.split("\n"))


@pytest.mark.slow
async def test_h_shows_numbers_heatmaps_and_pictures() -> None:
    async with opened("digits", (120, 40)) as driver:
        # Without the circuit, which would take the room of the pictures.
        await driver.press("G", "t", "home", "tab")
        panel = driver.screen.panels.node
        assert panel.shown_view == "numbers"
        await driver.press("h")
        assert panel.shown_view == "heatmap"
        assert "tensors are shown as heatmaps" in driver.message
        assert "each cell: the largest of" in node_lines(driver)
        await driver.press("h")
        assert "row 0 as 8x8" in node_lines(driver)
        # In a picture, down is a row of pixels, and a page is the next image.
        await driver.press("down", "right")
        assert "[0,9] = " in node_lines(driver)
        await driver.press("pagedown")
        assert "row 1 as 8x8" in node_lines(driver)
        await driver.press("tab", "down", "down", "tab", "down", "pagedown")
        assert "column 1 as 8x8" in node_lines(driver)
        assert "[8,1] = " in node_lines(driver)
        await driver.press("h")
        assert panel.shown_view == "numbers"
        assert math.prod(driver.debugger.plan.shapes[panel.node or 0]) > 100


@pytest.mark.slow
async def test_numbers_that_fit_stay_numbers() -> None:
    async with opened("xor") as driver:
        await driver.press("t", "home", "h")
        assert "all numbers fit here" in driver.message
        assert driver.screen.panels.node.shown_view == "numbers"
        await driver.press("h")
        assert "tensors are shown as numbers" in driver.message


@pytest.mark.slow
async def test_a_moment_without_a_tensor_keeps_the_choice_for_the_next() -> None:
    a, b = Input("a", value=np.ones((40, 40))), Input("b", value=2.0)
    product = Mul(a, b, name="m")
    async with opened(Graph([a, b, product, Sum(product, name="cost")])) as driver:
        await driver.press("h")
        assert "from the next tensor on" in driver.message
        await driver.press("n", "n", "S")
        assert driver.screen.panels.node.shown_view == "heatmap"


@pytest.mark.slow
@pytest.mark.parametrize(("theme", "ascii_only"), [("ansi-dark", False), ("mfdebug-dark", True)])
async def test_few_colours_and_ascii_have_shades(theme: str, ascii_only: bool) -> None:
    async with opened("digits", (120, 40)) as driver:
        driver.app.theme, driver.app.ascii_only = theme, ascii_only
        await driver.press("t", "home", "h", "h")
        shown = node_lines(driver)
        shades = ASCII_SHADES if ascii_only else SHADES
        assert f"by size: {shades[1:]}" in shown
        assert "▀" not in shown
        # The darkest pixel of the first image, and a pixel of its gradient with its sign.
        assert shades[-1] * 2 in shown
        assert f"-{shades[-1]}" in shown or f"+{shades[-1]}" in shown
