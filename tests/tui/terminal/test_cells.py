"""`CellApp`: what it sends for a change, and that nothing else gets through."""

from __future__ import annotations

import pytest
from rich.color import ColorSystem
from rich.segment import Segment
from rich.style import Style

from mfdebug.tui.terminal import cells


def look(style: str) -> cells._Look:
    return cells._look(Style.parse(style), ColorSystem.STANDARD)


@pytest.mark.parametrize(
    ("old", "new", "sent"),
    [
        ("", "red", "\x1b[31m"),
        ("red", "", "\x1b[0m"),
        ("red", "red", ""),
        ("red on blue", "green on blue", "\x1b[32m"),
        ("red on blue", "on blue", "\x1b[39m"),
        ("red on blue", "red", "\x1b[49m"),
        ("red", "bold red", "\x1b[1m"),
        ("bold red", "red", "\x1b[22m"),
        ("bold red", "reverse red", "\x1b[22;7m"),
    ],
)
def test_a_change_of_style_sends_what_changed(old: str, new: str, sent: str):
    assert cells._change(look(old), look(new)) == sent


def test_a_link_is_opened_and_closed_and_cannot_carry_an_escape():
    linked = cells._look(Style(link="https://a.example/"), ColorSystem.STANDARD)
    opened = cells._change(look(""), linked)
    assert opened.startswith("\x1b]8;id=")
    assert opened.endswith(";https://a.example/\x1b\\")
    assert cells._change(linked, look("")) == "\x1b]8;;\x1b\\"
    assert cells._look(Style(link="x\x1b[2J"), ColorSystem.STANDARD) == look("")


@pytest.mark.parametrize(
    ("text", "width", "expected"),
    [
        ("ab", 2, ["a", "b"]),
        ("a", 3, ["a", " ", " "]),
        ("数x", 3, ["数", "\0数", "x"]),
        ("e\u0301x", 2, ["e\u0301", "x"]),
        ("\u0301x", 1, ["x"]),
        ("a\x1b\x00b", 2, ["a", "b"]),
        ("a\u00a0\ue000\ud800", 4, ["a", " ", "\ufffd", "\ufffd"]),
        ("a\u200d\x1bb", 2, ["a\u200db", " "]),
        ("م\u200cر", 2, ["م\u200c", "ر"]),
    ],
)
def test_text_becomes_one_entry_a_cell(text: str, width: int, expected: list[str]):
    found = cells._cells([Segment(text)], ColorSystem.STANDARD, width)
    assert [cell for cell, _ in found] == expected


@pytest.mark.parametrize(
    ("after", "sent"),
    [
        ([("0.1234 one", "red")], ""),
        ([("0.1239 one", "red")], "\x1b[1;6H\x1b[31m9\x1b[0m"),
        ([("9.1239 one", "red")], "\x1b[1;1H\x1b[31m9.1239\x1b[0m"),
        ([("9.1234 onE", "red")], "\x1b[1;1H\x1b[31m9.1234 onE\x1b[0m"),
        ([("数1234 one", "red")], "\x1b[1;1H\x1b[31m数\x1b[0m"),
        # Terminals do not agree on how wide this is.
        (
            [("\U0001f469\u200d\U0001f467x234 one", "red")],
            "\x1b[1;1H\x1b[31m  \x1b[1;1H\U0001f469\u200d\U0001f467\x1b[1;3Hx\x1b[0m",
        ),
        (
            [("9", "red"), (".12", "blue"), ("34 one", "red")],
            "\x1b[1;1H\x1b[31m9\x1b[34m.12\x1b[0m",
        ),
    ],
)
def test_only_cells_that_differ_are_drawn(after: list[tuple[str, str]], sent: str):
    def drawn(*parts: tuple[str, str]) -> list[cells._Cell]:
        segments = [Segment(text, Style.parse(style)) for text, style in parts]
        return cells._cells(segments, ColorSystem.STANDARD, 10)

    terminal = cells.Terminal()
    cells._Pen(terminal).draw(0, 0, drawn(("0.1234 one", "red")))
    pen = cells._Pen(terminal)
    pen.draw(0, 0, drawn(*after))
    assert pen.text() == sent


def test_cells_far_apart_or_between_other_styles_are_reached_by_moving():
    def drawn(first: str, last: str) -> list[cells._Cell]:
        segments = [Segment(first), Segment("four", Style.parse("red")), Segment(last)]
        return cells._cells(segments, ColorSystem.STANDARD, 20)

    terminal = cells.Terminal()
    cells._Pen(terminal).draw(0, 0, drawn("aa", "b            b"))
    pen = cells._Pen(terminal)
    pen.draw(0, 0, drawn("aA", "B            B"))
    assert pen.text() == "\x1b[1;2HA\x1b[1;7HB\x1b[1;20HB"
