"""Frames as an animated GIF, read back by Pillow."""

from __future__ import annotations

from io import BytesIO

import pytest
from PIL import Image

from mfdebug.pictures.cells import Frame, Run
from mfdebug.pictures.gif import CELL_HEIGHT, CELL_WIDTH, MARGIN, Timed, gif

RED, BLUE, BLACK = (255, 0, 0), (0, 0, 255), (0, 0, 0)


def frame(cells: str, colour: str = "#ff0000") -> Frame:
    return Frame(len(cells), 1, "#000000", ((Run(0, tuple(cells), colour, "#000000"),),))


def opened(*frames: Timed, comment: str = "") -> Image.Image:
    return Image.open(BytesIO(gif(frames, comment)))


def pixel(image: Image.Image, column: int) -> tuple[int, int, int]:
    """Return the colour in the middle of a cell of the first row."""
    at = MARGIN + column * CELL_WIDTH + CELL_WIDTH // 2, MARGIN + CELL_HEIGHT // 2
    found = image.convert("RGB").getpixel(at)
    assert isinstance(found, tuple)
    red, green, blue = found
    return red, green, blue


def test_each_frame_is_shown_for_its_time() -> None:
    image = opened(
        Timed(frame("█ "), 0.7), Timed(frame(" █"), 2), Timed(frame("██", "#0000ff"), 0.001)
    )
    shown = []
    for number in range(3):
        image.seek(number)
        shown.append((pixel(image, 0), pixel(image, 1), image.info["duration"]))
    assert shown == [(RED, BLACK, 700), (BLACK, RED, 2000), (BLUE, BLUE, 20)]
    assert image.info["loop"] == 0


def test_a_letter_is_drawn_in_its_colour_and_a_bold_one_is_heavier() -> None:
    def ink(bold: bool) -> int:
        run = Run(0, ("M",), "#ffffff", "#000000", bold=bold)
        image = opened(Timed(Frame(1, 1, "#000000", ((run,),)), 1)).convert("L")
        return sum(image.tobytes())

    assert 0 < ink(False) < ink(True)


@pytest.mark.parametrize("character", [*"aZ09σ∂∑√∞≤²ᵀ₀⊙⊕◐●○◆▶▸✓←↑→↓…·×−", "é"])
def test_the_font_has_the_characters_of_the_screen(character: str) -> None:
    def drawn(cell: str) -> bytes:
        return opened(Timed(frame(cell), 1)).convert("RGB").tobytes()

    # A private character, which no font has, is drawn as a box.
    assert drawn(character) != drawn("\uf8ff")


def test_the_comment_is_kept() -> None:
    assert opened(Timed(frame("a"), 1), comment="cells 1").info["comment"] == b"cells 1"
