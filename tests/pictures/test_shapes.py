"""Lines, blocks and braille as polygons: what they touch, and how much they fill."""

from __future__ import annotations

import unicodedata

import pytest

from mfdebug.pictures.shapes import SIDES, Polygon, shape_of

LINES = [
    chr(code)
    for code in range(0x2500, 0x2580)
    if not set(unicodedata.name(chr(code)).split())
    & {"DOUBLE", "SINGLE", "DASH", "DIAGONAL", "CROSS"}
]


def touched(polygons: tuple[Polygon, ...]) -> set[str]:
    """Return the sides of the cell that polygons reach."""
    points = [point for polygon in polygons for point in polygon]
    near = 1e-9
    return {
        side
        for side, reached in {
            "LEFT": any(x < near for x, _ in points),
            "RIGHT": any(x > 1 - near for x, _ in points),
            "UP": any(y < near for _, y in points),
            "DOWN": any(y > 1 - near for _, y in points),
        }.items()
        if reached
    }


def area(polygon: Polygon) -> float:
    """Return the area of a polygon, by Gauss's formula."""
    following = (*polygon[1:], polygon[0])
    return abs(sum(a * d - c * b for (a, b), (c, d) in zip(polygon, following, strict=True))) / 2


@pytest.mark.parametrize("character", LINES)
def test_a_line_reaches_the_sides_of_its_name_and_no_other(character: str) -> None:
    shape = shape_of(character)
    assert shape is not None
    words = unicodedata.name(character).split()
    assert touched(shape.polygons) == {side for word in words for side in SIDES.get(word, ())}


@pytest.mark.parametrize(
    ("character", "eighths"),
    [*zip("█▀▁▆▏▉▐▔▕▘▚▟", (8, 4, 1, 6, 1, 7, 4, 1, 1, 2, 4, 6), strict=True)],
)
def test_a_block_fills_its_share_of_the_cell(character: str, eighths: int) -> None:
    shape = shape_of(character)
    assert shape is not None
    assert sum(map(area, shape.polygons)) == pytest.approx(eighths / 8)


def test_a_braille_character_has_its_dots_where_its_name_says() -> None:
    # Dots 1-3 and 7 are in the left column from the top, 4-6 and 8 in the right one.
    places = {
        1: (0, 0),
        2: (0, 1),
        3: (0, 2),
        7: (0, 3),
        4: (1, 0),
        5: (1, 1),
        6: (1, 2),
        8: (1, 3),
    }
    for code in range(0x2801, 0x2900):
        shape = shape_of(chr(code))
        assert shape is not None
        named = unicodedata.name(chr(code)).removeprefix("BRAILLE PATTERN DOTS-")
        drawn = {
            (
                round((sum(x for x, _ in dot) / len(dot) - 0.25) * 2),
                round((sum(y for _, y in dot) / len(dot) - 0.125) * 4),
            )
            for dot in shape.polygons
        }
        assert drawn == {places[int(digit)] for digit in named}


@pytest.mark.parametrize("character", ["a", "∂", "◆", "═", "╱", " "])
def test_other_characters_are_left_to_the_font(character: str) -> None:
    assert shape_of(character) is None
