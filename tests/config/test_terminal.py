"""What is believed of a terminal, from its environment."""

from __future__ import annotations

import pytest

from mfdebug.config.terminal import Abilities, abilities

UTF8 = {"LANG": "en_US.UTF-8"}


@pytest.mark.parametrize(
    ("environ", "colours"),
    [
        ({"TERM": "xterm-256color", "COLORTERM": "truecolor"}, "true"),
        ({"TERM": "xterm-256color", "COLORTERM": "24bit"}, "true"),
        ({"TERM": "xterm-256color"}, "256"),
        ({"TERM": "screen-256color"}, "256"),
        ({"TERM": "tmux-256color", "COLORTERM": "yes"}, "256"),
        ({"TERM": "xterm-kitty"}, "256"),
        ({"TERM": "xterm-ghostty"}, "256"),
        ({"TERM": "alacritty"}, "256"),
        ({"TERM": "xterm"}, "16"),
        ({"TERM": "screen"}, "16"),
        ({"TERM": "linux"}, "16"),
        ({}, "16"),
        ({"TERM": "vt100"}, "none"),
        ({"TERM": "vt220"}, "none"),
        ({"TERM": "xterm-256color", "NO_COLOR": "1"}, "none"),
        ({"TERM": "xterm-256color", "NO_COLOR": ""}, "256"),
    ],
)
def test_colours(environ: dict[str, str], colours: str) -> None:
    found = abilities({**UTF8, **environ}, utf8_mode=False)
    assert found.colours == colours
    family = "mfdebug" if colours in ("true", "256") else "ansi"
    assert found.theme == f"{family}-dark"


@pytest.mark.parametrize(
    ("environ", "utf8_mode", "ascii_only"),
    [
        ({"LANG": "en_US.UTF-8"}, False, False),
        ({"LANG": "C.utf8"}, False, False),
        ({"LC_ALL": "", "LC_CTYPE": "", "LANG": "de_DE.UTF-8"}, False, False),
        ({"LC_ALL": "C", "LANG": "en_US.UTF-8"}, True, True),
        ({"LC_CTYPE": "en_US.ISO-8859-1", "LANG": "en_US.UTF-8"}, False, True),
        # In the locale C Python changes LC_CTYPE, and says in which mode it is.
        ({"LANG": "C", "LC_CTYPE": "C.UTF-8"}, True, True),
        ({"LANG": "POSIX"}, True, True),
        ({}, True, True),
        ({"LANG": "en_US.UTF-8", "PYTHONUTF8": "1"}, True, False),
        ({"LANG": "en_US.UTF-8", "TERM": "linux"}, False, True),
        ({"LANG": "en_US.UTF-8", "TERM": "vt100"}, False, True),
        ({"LANG": "en_US.UTF-8", "TERM": "screen"}, False, False),
    ],
)
def test_signs(environ: dict[str, str], utf8_mode: bool, ascii_only: bool) -> None:
    found = abilities({"TERM": "xterm", **environ}, utf8_mode=utf8_mode)
    assert found.ascii_only is ascii_only
    for wanted in (True, False):
        told = abilities({"TERM": "xterm", **environ}, utf8_mode=utf8_mode, ascii_only=wanted)
        assert told.ascii_only is wanted


@pytest.mark.parametrize(
    ("said", "dark"), [("15;0", True), ("0;15", False), ("0;default;7", False), ("", True)]
)
def test_the_background(said: str, dark: bool) -> None:
    environ = {**UTF8, "TERM": "xterm-256color", "COLORFGBG": said}
    assert abilities(environ, utf8_mode=False).dark is dark
    assert abilities(environ, utf8_mode=False, theme="dark").dark
    assert not abilities(environ, utf8_mode=False, theme="light").dark


def test_the_theme_has_the_terminals_own_colours_where_there_are_few() -> None:
    assert Abilities(ascii_only=False, colours="16", dark=False).theme == "ansi-light"
    assert Abilities(ascii_only=False, colours="none", dark=True).theme == "ansi-dark"
    assert Abilities(ascii_only=True, colours="256", dark=False).theme == "mfdebug-light"


@pytest.mark.parametrize(
    ("environ", "erases"),
    [
        ({"TERM": "xterm-256color"}, True),
        ({"TERM": "xterm-kitty"}, True),
        ({"TERM": "tmux-256color"}, True),
        ({"TERM": "screen-256color", "TMUX": "/tmp/tmux-0/default,1,0"}, True),
        ({"TERM": "linux"}, True),
        # GNU screen, and what is not known.
        ({"TERM": "screen-256color"}, False),
        ({"TERM": "vt100"}, False),
        ({}, False),
    ],
)
def test_whether_erasing_leaves_the_background(environ: dict[str, str], erases: bool) -> None:
    assert abilities({**UTF8, **environ}, utf8_mode=False).erases is erases
