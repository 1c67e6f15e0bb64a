"""`CellApp`: what it sends for a change, and that nothing else gets through."""

from __future__ import annotations

import pyte
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich._palettes import EIGHT_BIT_PALETTE
from rich.color import Color, ColorSystem
from rich.segment import Segment
from rich.style import Style

from mfdebug.tui.terminal import cells
from mfdebug.tui.terminal.looks import PLAIN, Look, change, look_of
from mfdebug.tui.terminal.pen import Cell, Pen, Terminal


def look(style: str) -> Look:
    return look_of(Style.parse(style), ColorSystem.STANDARD)


@pytest.mark.parametrize(
    ("old", "new", "sent"),
    [
        ("", "red", "\x1b[31m"),
        ("red", "", "\x1b[m"),
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
    assert change(look(old), look(new)) == sent


def test_a_colour_of_the_palette_is_sent_as_its_number():
    def sent(style: str) -> str:
        return change(PLAIN, look_of(Style.parse(style), ColorSystem.TRUECOLOR))

    assert sent("#5fd7ff on #121212") == "\x1b[38;5;81;48;5;233m"
    assert sent("#5fd7fe on #131313") == "\x1b[38;2;95;215;254;48;2;19;19;19m"
    # Schemes of 16 colours may use the numbers 16 to 21 for their own.
    assert sent("#000000 on #0000ff") == "\x1b[38;2;0;0;0;48;2;0;0;255m"
    for number, red_green_blue in enumerate(EIGHT_BIT_PALETTE._colors):
        if number > 21:
            style = Style(color=Color.from_rgb(*red_green_blue))
            assert look_of(style, ColorSystem.TRUECOLOR).foreground == f"38;5;{number}"


def test_a_link_is_opened_and_closed_and_cannot_carry_an_escape():
    linked = look_of(Style(link="https://a.example/"), ColorSystem.STANDARD)
    opened = change(look(""), linked)
    assert opened.startswith("\x1b]8;id=")
    assert opened.endswith(";https://a.example/\x1b\\")
    assert change(linked, look("")) == "\x1b]8;;\x1b\\"
    assert look_of(Style(link="x\x1b[2J"), ColorSystem.STANDARD) == look("")


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
        ([("0.1239 one", "red")], "\x1b[1;6H\x1b[31m9\x1b[m"),
        ([("9.1239 one", "red")], "\x1b[1H\x1b[31m9.1239\x1b[m"),
        ([("9.1234 onE", "red")], "\x1b[1H\x1b[31m9\x1b[8CE\x1b[m"),
        ([("数1234 one", "red")], "\x1b[1H\x1b[31m数\x1b[m"),
        # Terminals do not agree on how wide this is.
        (
            [("\U0001f469\u200d\U0001f467x234 one", "red")],
            "\x1b[1H\x1b[31m  \x1b[1;1H\U0001f469\u200d\U0001f467\x1b[1;3Hx\x1b[m",
        ),
        (
            [("9", "red"), (".12", "blue"), ("34 one", "red")],
            "\x1b[1H\x1b[31m9\x1b[34m.12\x1b[m",
        ),
    ],
)
def test_only_cells_that_differ_are_drawn(after: list[tuple[str, str]], sent: str):
    def drawn(*parts: tuple[str, str]) -> list[Cell]:
        segments = [Segment(text, Style.parse(style)) for text, style in parts]
        return cells._cells(segments, ColorSystem.STANDARD, 10)

    terminal = Terminal()
    Pen(terminal).draw(0, 0, drawn(("0.1234 one", "red")))
    pen = Pen(terminal)
    pen.draw(0, 0, drawn(*after))
    assert pen.text() == sent


def test_cells_far_apart_or_between_other_styles_are_reached_by_moving():
    def drawn(first: str, last: str) -> list[Cell]:
        segments = [Segment(first), Segment("four", Style.parse("red")), Segment(last)]
        return cells._cells(segments, ColorSystem.STANDARD, 20)

    terminal = Terminal()
    Pen(terminal).draw(0, 0, drawn("aa", "b            b"))
    pen = Pen(terminal)
    pen.draw(0, 0, drawn("aA", "B            B"))
    assert pen.text() == "\x1b[1;2HA\x1b[4CB\x1b[12CB"


@pytest.mark.parametrize(
    ("x", "y", "move"),
    [
        (16, 6, "\v"),
        (15, 6, "\v\b"),
        (14, 8, "\v\v\v\b\b"),
        (0, 6, "\v\r"),
        (1, 6, "\v\r\x1b[C"),
        (8, 5, "\x1b[8D"),
        (16, 4, "\x1b[A"),
        (19, 9, "\x1b[10;20H"),
        (16, 9, "\x1b[4B"),
    ],
)
def test_a_cell_is_reached_by_the_shortest_move(x: int, y: int, move: str):
    terminal = Terminal()
    terminal.width = 20
    for row in range(10):
        Pen(terminal).draw(0, row, [("a", PLAIN)] * 20)
    pen = Pen(terminal)
    pen.draw(15, 5, [("b", PLAIN)])
    pen.draw(x, y, [("b", PLAIN)])
    assert pen.text() == f"\x1b[6;16Hb{move}b"


def on_screen(*frames: list[list[Segment]], erases: bool) -> tuple[pyte.Screen, int]:
    """Return a screen of `WIDTH` columns after some frames, and the bytes that it took."""
    screen = pyte.Screen(WIDTH, HEIGHT)
    stream, terminal, sent = pyte.Stream(screen), Terminal(erases=erases), 0
    terminal.width = WIDTH
    for frame in frames:
        pen = Pen(terminal)
        pen.draw_all(
            [
                (0, y, cells._cells(segments, ColorSystem.TRUECOLOR, WIDTH))
                for y, segments in enumerate(frame)
            ]
        )
        text = pen.text()
        sent += len(text)
        stream.feed(text)
    return screen, sent


def seen(cell: pyte.screens.Char) -> tuple[object, ...]:
    """What can be seen of a cell: half blocks are two colours, one above the other."""
    front, back = (cell.bg, cell.fg) if cell.reverse else (cell.fg, cell.bg)
    halves = {" ": (back, back), "▀": (front, back), "▄": (back, front), "█": (front, front)}
    if cell.data in halves and not cell.underscore:
        return halves[cell.data]
    return cell.data, front, back, cell.bold, cell.underscore


WIDTH, HEIGHT = 40, 3
STYLES = ["", "red", "bold red", "on color(23)", "bold color(81) on color(23)", "reverse red"]
STYLES += [
    "underline",
    "color(60) on color(95)",
    "color(95) on color(60)",
    "color(60) on color(60)",
    "#5fd7ff",
    "#5fff87",
    "bold #ff5f87",
    "underline #ff5f87 on #121212",
]
TEXTS = ["a", "0.5", " ", " " * 5, " " * 13, " " * 40, "▀", "▀▀▀", "─┤ ", "数"]
ROW = st.lists(st.tuples(st.sampled_from(TEXTS), st.sampled_from(STYLES)), max_size=12).map(
    lambda parts: [Segment(text, Style.parse(style)) for text, style in parts]
)
FRAMES = st.lists(st.lists(ROW, min_size=HEIGHT, max_size=HEIGHT), min_size=2, max_size=3)


@pytest.mark.slow
@given(FRAMES, st.booleans())
def test_frames_one_after_the_other_show_what_the_last_one_shows(
    frames: list[list[list[Segment]]], erases: bool
):
    after, _ = on_screen(*frames, erases=erases)
    fresh, _ = on_screen(frames[-1], erases=False)
    for y in range(HEIGHT):
        # Where nothing was drawn, nothing is known of a screen.
        for x in range(WIDTH):
            assert seen(after.buffer[y][x]) == seen(fresh.buffer[y][x]), (x, y)


def test_blanks_are_erased_where_that_is_shorter():
    full = [[Segment("0.25 " * 8)]]
    for text, longest in (("0.25", 9), (" " * 20 + "0.25", 18)):
        row = [[Segment(text)]]
        _, first = on_screen(full, erases=True)
        _, both = on_screen(full, row, erases=True)
        assert both - first <= longest


def test_neighbouring_cells_of_a_heatmap_share_their_colours():
    def row(*pairs: tuple[int, int]) -> list[Segment]:
        return [Segment("▀", Style.parse(f"color({a}) on color({b})")) for a, b in pairs]

    same, _ = on_screen([row((60, 95), (95, 60), (60, 95))], erases=False)
    _, sent = on_screen([row((60, 95), (95, 60), (60, 60), (95, 95), (60, 95))], erases=False)
    # One change of colour, five cells, the blanks of the row, the end.
    assert sent < len("\x1b[1H\x1b[38;5;60;48;5;95m\x1b[m\x1b[49m") + 5 + WIDTH
    assert same.display[0].startswith("▀▄▀")


def test_colours_that_take_turns_are_sent_once():
    def row(first: float, sign: int) -> list[Segment]:
        colours = [Style.parse("#5fff87 on #121212"), Style.parse("#ff5f87 on #121212")]
        numbers = [(-1) ** (k + sign) * (first + k / 10) for k in range(4)]
        return [Segment(f"{number:8.4f}", colours[number < 0]) for number in numbers]

    first = [row(0.1, y % 2) for y in range(HEIGHT)]
    frames = [first, [row(0.1234, y % 2) for y in range(HEIGHT)]]
    _, before = on_screen(first, erases=False)
    _, sent = on_screen(*frames, erases=False)
    # Two colours, twelve numbers of three digits, as many moves, and the end.
    colours = len("\x1b[38;2;95;255;135;48;2;18;18;18m\x1b[38;2;255;95;135m")
    assert sent - before <= colours + 12 * (3 + len("\x1b[1;10H")) + len("\x1b[m")


def sent_for(first: list[list[Segment]], then: list[list[Segment]]) -> int:
    """Return the bytes of the second of two frames."""
    _, before = on_screen(first, erases=True)
    _, both = on_screen(first, then, erases=True)
    return both - before


def test_looks_follow_each_other_so_that_little_changes():
    muted, bold = Style.parse("#adadad on #121212"), Style.parse("bold #adadad on #121212")
    name, bold_name = Style.parse("#5fd7ff on #121212"), Style.parse("bold #5fd7ff on #121212")

    def row(text: str) -> list[Segment]:
        # Each look once: its neighbour in the row has another colour and another weight.
        return [Segment(text, style) for style in (muted, bold_name, bold, name)]

    sent = sent_for([row("ab")] * HEIGHT, [row("cd")] * HEIGHT)
    colours = len("\x1b[38;2;173;173;173;48;2;18;18;18m\x1b[1m\x1b[38;2;95;215;255m\x1b[22m\x1b[m")
    assert sent <= colours + 4 * HEIGHT * (2 + len("\x1b[1;10H"))


def test_a_cell_between_two_of_a_look_is_sent_again_where_looks_are_drawn_apart():
    plus, minus = Style.parse("#5fff87"), Style.parse("#ff5f87")

    def rows(sign: str, text: str) -> list[list[Segment]]:
        return [[Segment(sign, minus), Segment(text, plus), Segment(sign, minus)]] * HEIGHT

    # The point is the same: sent with the digits beside it, it takes no move.
    moves = len("\x1b[1HR\x1b[5CR") + len("\x1b[1;2H9.789")
    colours = len("\x1b[38;2;255;95;135m\x1b[38;2;95;255;135m\x1b[m")
    assert sent_for(rows("L", "0.123"), rows("R", "9.789")) <= HEIGHT * moves + colours


def test_a_scrollbar_is_drawn_downwards():
    def rows(style: str) -> list[list[Segment]]:
        ground = Style.parse("#adadad on #121212")
        return [[Segment("a" * (WIDTH - 1), ground), Segment(" ", Style.parse(style))]] * HEIGHT

    colours = len("\x1b[1;40H\x1b[48;2;38;70;102m\x1b[m")
    cell = len("\x1b[K\v")
    thumb = "reverse #264666 on #121212"
    assert sent_for(rows("#adadad on #121212"), rows(thumb)) <= colours + HEIGHT * cell


def test_the_blanks_after_a_shorter_text_are_erased():
    first, then = [[Segment("a word or two")]], [[Segment("a word")]]
    assert sent_for([[*first[0], Segment("│")]], [[*then[0], Segment(" " * 7 + "│")]]) <= len(
        "\x1b[1;7H\x1b[7X"
    )


def test_what_is_below_the_last_cell_is_reached_from_it():
    def rows(text: str) -> list[list[Segment]]:
        return [[Segment("x" * 30 + text)]] * HEIGHT

    first, other = len("\x1b[1;31H2"), len("\v\b2")
    assert sent_for(rows("1"), rows("2")) <= first + (HEIGHT - 1) * other
