"""`mfdebug GRAPH --draw`."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.support.command_line import in_turn
from tests.support.paths import ROOT

SQUARE = """\
                          ┏━━━┓
               ┏━━━━━━━━━▶┫   ┃
             3 ┃          ┃   ┃             9
 x ━━━━━━━━━━━━┻━━━━━━━━━▶┫ × ┣ y
             ∙            ┗━━━┛             ∙

square ∙ forward 1 of 1 ∙ moment 2 ∙ y = 9
value above each wire, gradient below; ∙ not computed
"""


def test_draw_prints_and_writes_a_moment(tmp_path: Path) -> None:
    text, picture = tmp_path / "square.txt", tmp_path / "square.svg"
    at = ["square", "--draw", "--at", "2"]
    results = in_turn(
        [
            at,
            [*at, "-o", str(text)],
            [*at, "-o", str(picture)],
            ["square", "-c", "step 2", "--draw"],
            ["circuit-b", "--draw", "--width", "60", "--at", "end"],
            [*at, "-o", str(text.with_name("a.txt")), "--ascii"],
        ]
    )
    assert [result.returncode for result in results] == [0] * 6
    printed, to_text, to_svg, after, narrow, _ = results
    assert printed.stdout == SQUARE
    assert (to_text.stdout, to_svg.stdout) == ("", "")
    assert text.read_text(encoding="utf-8") == SQUARE
    title = ElementTree.parse(picture).find("{http://www.w3.org/2000/svg}title")
    assert title is not None
    assert title.text is not None
    assert "moment 2" in title.text
    assert after.stdout.endswith(SQUARE)
    drawing = narrow.stdout.partition("\n\n")[0]
    assert max(map(len, drawing.splitlines())) <= 60
    assert "moment 14" in narrow.stdout
    assert text.with_name("a.txt").read_text(encoding="ascii").splitlines()[:5] == [
        "                          +===+",
        '               +=========>+   "',
        '             3 "          "   "             9',
        " x ============+=========>+ * + y",
        "             .            +===+             .",
    ]


def test_draw_says_what_does_not_fit_together(tmp_path: Path) -> None:
    missing = str(tmp_path / "no" / "x.svg")
    lines = {
        ("xor", "--at", "3"): "--at requires --draw",
        ("xor", "-o", "x.svg"): "-o requires --draw",
        ("--draw",): "name a graph file",
        ("xor", "--draw", "--plain"): "mutually exclusive",
        ("xor", "--draw", "--json"): "-c draw prints it there",
        ("xor", "--draw", "-o", "x.png"): "does not end in .svg or .txt",
        ("xor", "--draw", "--width", "7"): "from 20 to 10000",
        ("circuit-b", "--draw", "--at", "99"): "there is no moment 99",
        ("circuit-b", "--draw", "--at", "nowhere"): "'nowhere' is not a count",
        ("circuit-b", "--draw", "-o", missing): "cannot be written",
    }
    for words, result in zip(lines.values(), in_turn(lines), strict=True):
        assert words in result.stderr
        assert result.stdout == ""
        assert result.returncode != 0


@pytest.mark.slow
def test_a_program_is_drawn_too(tmp_path: Path) -> None:
    program = ROOT / "tests" / "programs" / "opening_example.py"
    done = subprocess.run(
        [sys.executable, "-m", "mfdebug", str(program), "--draw", "--at", "end"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert "├" in done.stdout
    assert "value above each wire" in done.stdout


@pytest.mark.slow
def test_a_terminal_gets_colours_unless_it_wants_none() -> None:
    for environment, coloured in (({}, True), ({"NO_COLOR": "1"}, False)):
        main, other = pty.openpty()
        subprocess.run(
            [sys.executable, "-m", "mfdebug", "square", "--draw"],
            stdout=other,
            cwd=ROOT,
            timeout=60,
            check=True,
            env={**os.environ, "TERM": "xterm-256color", "LC_ALL": "C.UTF-8", **environment},
        )
        os.close(other)
        written = b""
        try:
            while piece := os.read(main, 65536):
                written += piece
        except OSError:
            pass  # Linux reports the closed end so.
        os.close(main)
        assert (b"\x1b[" in written) == coloured
        assert "×".encode() in written
