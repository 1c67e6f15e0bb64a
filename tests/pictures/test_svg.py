"""A frame as SVG: every word at its own place, whatever font draws it."""

from __future__ import annotations

from xml.etree import ElementTree

from hypothesis import given, settings
from hypothesis import strategies as st

from mfdebug.pictures.cells import Frame, Run
from mfdebug.pictures.svg import CELL_WIDTH, svg
from tests.support.sizes import examples

SVG = "{http://www.w3.org/2000/svg}"


def frame(*cells: str, **marks: bool) -> Frame:
    """Return a frame of one run."""
    return Frame(len(cells), 1, "#000000", ((Run(0, cells, "#ffffff", "#202020", **marks),),))


def test_a_small_frame_exactly() -> None:
    assert svg(frame(*"w = <5"), "a & b").splitlines() == [
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 81.6 43.2" role="img" '
        'aria-label="a &amp; b">',
        "<title>a &amp; b</title>",
        '<rect width="100%" height="100%" rx="8" fill="#000000"/>',
        '<g transform="translate(12 12)" font-family="\'DejaVu Sans Mono\', Menlo, Consolas, '
        '\'Liberation Mono\', monospace" font-size="16">',
        '<rect x="0" y="0" width="57.6" height="19.2" fill="#202020" '
        'shape-rendering="crispEdges"/>',
        '<text x="0" y="14.8" fill="#ffffff">w</text>',
        '<text x="19.2" y="14.8" fill="#ffffff">=</text>',
        '<text x="38.4" y="14.8" fill="#ffffff" textLength="19.2">&lt;5</text>',
        "</g>",
        "</svg>",
    ]


def test_marks_and_shades() -> None:
    drawn = svg(frame("a", "░", bold=True, italic=True, underline=True), "")
    assert 'font-weight="bold" font-style="italic" text-decoration="underline">a<' in drawn
    assert '<path fill="#ffffff" fill-opacity="0.25" d="M9.60 0.00 ' in drawn


CELLS = st.lists(st.sampled_from([*"ab <&\"'", "∂", "é", "表", "─", "█", "⠋"]), max_size=30)


@given(CELLS)
@settings(max_examples=examples(120))
def test_each_character_is_in_its_cell(characters: list[str]) -> None:
    cells = tuple(part for c in characters for part in ((c, "") if c == "表" else (c,)))
    root = ElementTree.fromstring(svg(frame(*cells), "any"))
    placed = {}
    for text in root.iter(f"{SVG}text"):
        start = round(float(text.attrib["x"]) / CELL_WIDTH)
        placed.update(enumerate(text.text or "", start))
    drawings = "─█⠋"
    assert placed == {
        x: cell for x, cell in enumerate(cells) if cell.strip() and cell not in drawings
    }
    assert (root.find(f".//{SVG}path") is not None) == any(
        cell in drawings for cell in cells if cell
    )
