"""Every kind of terminal: what it is sent is what it can show, and what it shows is the screen.

A terminal emulator reads the bytes. Three screens are kept as text: with all signs, in ASCII, and
of a graph whose names are written in many scripts. After a wanted change, write them anew with

    GOLDEN=write python -m pytest tests/terminal/test_matrix.py

and read the difference before it is committed.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mfdebug.config.terminal import abilities
from tests.support.pty_app import PtyApp
from tests.support.rounding import assert_same
from tests.support.sizes import pick, quick

GOLDEN = Path(__file__).with_name("golden")
COMMAND = [sys.executable, "-m", "mfdebug"]
KEYS = [*"3t", "n", "n", *"sss"]
Environment = dict[str, str | None]

# What of colour may be sent: parameters of SGR.
_BASIC = r"(?:[34][0-79]|9[0-7]|10[0-7])"
NONE, FEW, MANY, ALL = "none", "few", "many", "all"
ALLOWED = {
    NONE: r"(?!)",
    FEW: _BASIC,
    MANY: rf"{_BASIC}|[34]8;5;\d+",
    ALL: rf"{_BASIC}|[34]8;5;\d+|[34]8;2;\d+;\d+;\d+",
}

# name: the environment, the colours, whether it is drawn in ASCII
TERMINALS: dict[str, tuple[Environment, str, bool]] = {
    "xterm-256color": ({"TERM": "xterm-256color"}, MANY, False),
    "xterm-256color in true colour": (
        {"TERM": "xterm-256color", "COLORTERM": "truecolor"},
        ALL,
        False,
    ),
    "xterm": ({"TERM": "xterm"}, FEW, False),
    "screen": ({"TERM": "screen"}, FEW, False),
    "screen-256color": ({"TERM": "screen-256color"}, MANY, False),
    "tmux-256color": ({"TERM": "tmux-256color"}, MANY, False),
    "linux": ({"TERM": "linux"}, FEW, True),
    "vt100": ({"TERM": "vt100"}, NONE, True),
    "NO_COLOR": ({"TERM": "xterm-256color", "NO_COLOR": "1"}, NONE, False),
    "NO_COLOR, COLORTERM": (
        {"TERM": "xterm-256color", "NO_COLOR": "1", "COLORTERM": "truecolor"},
        NONE,
        False,
    ),
    "light": ({"TERM": "xterm-256color", "COLORFGBG": "0;15"}, MANY, False),
    "light in 16 colours": ({"TERM": "xterm", "COLORFGBG": "0;15"}, FEW, False),
    "LANG=C": ({"TERM": "xterm-256color", "LANG": "C"}, MANY, True),
    "LC_ALL=POSIX": ({"TERM": "xterm-256color", "LC_ALL": "POSIX"}, MANY, True),
    "no locale": ({"TERM": "xterm-256color", "LANG": None}, MANY, True),
}


# One of each kind is run, and one that is light; what each is taken for is asked of all of them.
SAMPLE = [
    "xterm-256color in true colour",
    "linux",
    "vt100",
    "NO_COLOR, COLORTERM",
    "light",
    "light in 16 colours",
    "LC_ALL=POSIX",
]


def start(environ: Environment, *arguments: str, **options: int) -> PtyApp:
    return PtyApp([*COMMAND, *arguments], env={"COLORTERM": None, **environ}, **options)


@pytest.fixture(
    params=quick(pick([*TERMINALS], SAMPLE), 2), ids=lambda name: name.replace(" ", "-")
)
def shown(request: pytest.FixtureRequest) -> Iterator[tuple[PtyApp, str, bool]]:
    environ, colours, ascii_only = TERMINALS[request.param]
    with start(environ, "xor") as app:
        app.wait_for("press s to begin")
        app.press(*KEYS)
        app.wait_for("backward 3 of 11")
        yield app, colours, ascii_only


@pytest.mark.parametrize("name", TERMINALS)
def test_each_is_taken_for_one_of_a_kind_that_is_run(name: str) -> None:
    colours = {NONE: "none", FEW: "16", MANY: "256", ALL: "true"}
    environ, most, ascii_only = TERMINALS[name]
    # As Python finds it where no locale is set, or the one of C.
    whole = {key: value for key, value in {"LANG": "C.UTF-8", **environ}.items() if value}
    found = abilities(whole, utf8_mode=False)
    assert (found.colours, found.ascii_only) == (colours[most], ascii_only)
    assert (most, ascii_only) in {TERMINALS[terminal][1:] for terminal in SAMPLE}


def golden(name: str, text: str) -> str:
    path = GOLDEN / f"{name}.txt"
    if os.environ.get("GOLDEN") == "write":
        path.parent.mkdir(exist_ok=True)
        path.write_text(text + "\n", encoding="utf-8")
    return path.read_text(encoding="utf-8").rstrip("\n")


def test_the_screen_is_the_same_on_each(shown: tuple[PtyApp, str, bool]) -> None:
    app, colours, ascii_only = shown
    text = app.text
    assert_same(text, golden("ascii" if ascii_only else "signs", text))
    assert_sent_as_can_be_shown(bytes(app.output), colours, ascii_only)
    assert_readable(app, colours)
    app.send(b"q")
    assert app.wait() == 0
    assert app.not_restored() == []


def assert_sent_as_can_be_shown(output: bytes, colours: str, ascii_only: bool) -> None:
    """Nothing but text, and control sequences that are known, with no colour beyond `colours`."""
    sent = output.decode("utf-8")
    if ascii_only:
        assert sent.isascii()
    rest = re.sub(r"\x1b\[[<>?=]?[\d;]*[ $]?[A-Za-z]", "", sent)
    assert not [sign for sign in rest if sign < " " and sign not in "\b\v\r\n"]
    for parameters in re.findall(r"\x1b\[([\d;]*)m", sent):
        left = re.sub(rf"(?:^|(?<=;))(?:{ALLOWED[colours]})(?=;|$)", "", parameters)
        for part in filter(None, left.split(";")):
            assert part in {"0", "1", "2", "3", "4", "7", "22", "23", "24", "27", "39", "49"}, (
                parameters
            )


def assert_readable(app: PtyApp, colours: str) -> None:
    """No sign in the colour of its ground; what has been chosen differs from the rest."""
    looks = set()
    for y in range(app.screen.lines):
        for x in range(app.screen.columns):
            cell = app.screen.buffer[y][x]
            if cell.data.strip():
                assert cell.fg == "default" or cell.fg != cell.bg, (y, x, cell)
                looks.add((cell.fg, cell.bg, cell.bold, cell.reverse))
    plain = {look for look in looks if look[:2] == ("default", "default")}
    if colours == NONE:
        # Bold, and reversed: the same screen told by weight alone.
        assert looks == plain
        assert {look[2] for look in looks} == {True, False}
        assert {look[3] for look in looks} == {True, False}
    else:
        assert len({look[0] for look in looks}) >= 4


NAMES = ["重み", "ŷ", "ñandú", "שָׁלוֹם", "عدد", "가중치", "ｗｉｄｅ", "a\u0301\u0302"]


@pytest.fixture
def many_scripts(tmp_path: Path) -> Path:
    """A chain of sums whose nodes are named in many scripts, wide, combined and right to left."""
    nodes: list[dict[str, object]] = [{"name": "x", "op": "Input", "value": [1.5, -2.0]}]
    for before, name in zip(["x", *NAMES], NAMES, strict=False):
        nodes.append({"name": name, "op": "Neg", "inputs": [before]})
    nodes.append({"name": "cost", "op": "Sum", "inputs": [NAMES[-1]]})
    path = tmp_path / "scripts.json"
    path.write_text(json.dumps({"miniflow": 1, "nodes": nodes, "cost": "cost"}), encoding="utf-8")
    return path


@pytest.mark.slow
@pytest.mark.parametrize("ascii_only", [False, True])
def test_names_in_any_script_keep_columns_straight(many_scripts: Path, ascii_only: bool) -> None:
    option = ["--ascii"] if ascii_only else []
    with start({"TERM": "xterm-256color"}, str(many_scripts), *option) as app:
        app.wait_for("press s to begin")
        app.press("n", "n", "s", "s")
        app.wait_for("backward 2 of 10")
        shown = app.screen.display
        kept = golden("scripts-ascii" if ascii_only else "scripts", app.text)
        assert app.text == kept
    bar = "|" if ascii_only else "│"
    for line in shown[2:16]:
        # The emulator gives a wide sign one character, and nothing for its second cell.
        assert _column_of(line, bar) == 33, line
    rows = [line for line in shown if " Neg " in line]
    assert len({_column_of(line, " Neg ") for line in rows if "= -" not in line}) == 1


def _column_of(line: str, mark: str) -> int:
    from rich.cells import cell_len

    return cell_len(line[: line.index(mark)])


@pytest.mark.slow
@pytest.mark.parametrize("term", ["dumb", "unknown", "", None])
def test_what_cannot_be_drawn_on_gets_the_line_prompt(term: str | None) -> None:
    with start({"TERM": term}, "wx") as app:
        app.wait_for("(mfdebug)")
        app.send(b"sgd\n")
        app.wait_for("w = 5 - 0.001 × 600 = 4.4")
        app.send(b"quit\n")
        assert app.wait() == 0
    assert b"\x1b" not in app.output


@pytest.mark.slow
def test_an_option_overrules_what_is_found() -> None:
    with start({"TERM": "linux"}, "xor", "--no-ascii") as app:
        app.wait_for("press s to begin")
        assert "│" in app.text
