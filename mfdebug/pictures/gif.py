"""Frames in time as an animated GIF, drawn with the font beside this file.

The font is DejaVu Sans Mono, cut down to the characters that a screen of mathematics uses
(fonts/LICENSE); lines, blocks and braille are polygons. A GIF plays in every viewer, from a README
to a chat.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, lru_cache
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

from PIL import Image, ImageDraw, ImageFont

from mfdebug.pictures.cells import Frame, Run
from mfdebug.pictures.shapes import shape_of

FONTS = Path(__file__).parent / "fonts"
# Pixels of a cell, and the font size at which a character is as wide.
CELL_WIDTH, CELL_HEIGHT, FONT_SIZE = 9, 18, 15
MARGIN = 9
# Cells are drawn larger and scaled down, which smooths them.
OVERSAMPLING = 4
# Entries of the palette: few colours with the shades between them, and small files.
COLOURS = 128
# GIF counts in hundredths of a second, and viewers slow down anything under two.
TICK_MS = 10


class Timed(NamedTuple):
    """A frame, and how long it is shown, in seconds."""

    frame: Frame
    seconds: float


def gif(frames: Sequence[Timed], comment: str = "") -> bytes:
    """Return frames of one size as the bytes of a GIF that repeats forever.

    `comment` is stored in the file, where no viewer shows it.
    """
    images: list[Image.Image] = []
    previous: tuple[Frame, Image.Image] | None = None
    for frame, _ in frames:
        image = _draw(frame, previous)
        images.append(image)
        previous = frame, image
    palette = _palette(images)
    first, *others = [image.quantize(palette=palette, dither=Image.Dither.NONE) for image in images]
    file = BytesIO()
    first.save(
        file,
        format="GIF",
        save_all=True,
        append_images=others,
        duration=[max(2, round(seconds * 1000 / TICK_MS)) * TICK_MS for _, seconds in frames],
        loop=0,
        disposal=1,
        comment=comment.encode(),
    )
    return file.getvalue()


def _draw(frame: Frame, previous: tuple[Frame, Image.Image] | None) -> Image.Image:
    """Draw a frame; of the rows, only those that differ from the previous frame's."""
    if previous is None:
        size = (frame.width * CELL_WIDTH + 2 * MARGIN, frame.height * CELL_HEIGHT + 2 * MARGIN)
        image = Image.new("RGB", size, frame.background)
        same: tuple[tuple[Run, ...], ...] = ()
    else:
        image, same = previous[1].copy(), previous[0].rows
    for y, row in enumerate(frame.rows):
        if y < len(same) and row == same[y]:
            continue
        top = MARGIN + y * CELL_HEIGHT
        right, bottom = MARGIN + frame.width * CELL_WIDTH, top + CELL_HEIGHT
        image.paste(frame.background, (MARGIN, top, right, bottom))
        for run in row:
            for x, character in enumerate(run.cells, run.x):
                cells = 2 if x + 1 - run.x < len(run.cells) and not run.cells[x + 1 - run.x] else 1
                if character:
                    cell = _cell(character, cells, run._replace(x=0, cells=()))
                    image.paste(cell, (MARGIN + x * CELL_WIDTH, top))
    return image


@cache
def _font(bold: bool) -> ImageFont.FreeTypeFont:
    name = "DejaVuSansMono-Bold.ttf" if bold else "DejaVuSansMono.ttf"
    return ImageFont.truetype(FONTS / name, FONT_SIZE * OVERSAMPLING)


@lru_cache(maxsize=10_000)
def _cell(character: str, cells: int, look: Run) -> Image.Image:
    """Draw one character in the colours and the boldness of a run."""
    width, height = cells * CELL_WIDTH * OVERSAMPLING, CELL_HEIGHT * OVERSAMPLING
    image = Image.new("RGB", (width, height), look.background)
    draw = ImageDraw.Draw(image)
    shape = shape_of(character) if len(character) == 1 else None
    if shape is not None:
        colour = _mixed(look.foreground, look.background, shape.opacity)
        for polygon in shape.polygons:
            corners = [(x * width, y * height) for x, y in polygon]
            xs, ys = zip(*corners, strict=True)
            if len(polygon) == 4:
                draw.rectangle((min(xs), min(ys), max(xs) - 1, max(ys) - 1), fill=colour)
            else:
                draw.polygon(corners, fill=colour)
    elif character.strip():
        draw.text(
            (0, height * 0.78), character, font=_font(look.bold), fill=look.foreground, anchor="ls"
        )
    if look.underline:
        thickness = OVERSAMPLING
        draw.rectangle((0, height - 2 * thickness, width, height - thickness), look.foreground)
    return image.resize((cells * CELL_WIDTH, CELL_HEIGHT), Image.Resampling.BOX)


def _mixed(foreground: str, background: str, opacity: float) -> tuple[int, int, int]:
    red, green, blue = (
        round(
            int(foreground[i : i + 2], 16) * opacity
            + int(background[i : i + 2], 16) * (1 - opacity)
        )
        for i in (1, 3, 5)
    )
    return red, green, blue


def _palette(images: Sequence[Image.Image]) -> Image.Image:
    """Return an image with the palette that suits all images."""
    some = [images[0], *images[len(images) // 2 :: max(1, len(images) // 6)]]
    width, height = images[0].size
    sheet = Image.new("RGB", (width, height * len(some)))
    for row, image in enumerate(some):
        sheet.paste(image, (0, row * height))
    return sheet.quantize(COLOURS, method=Image.Quantize.MEDIANCUT)
