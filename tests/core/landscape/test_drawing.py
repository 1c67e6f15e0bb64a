"""Landscapes in characters, exactly."""

from __future__ import annotations

from mfdebug.core.landscape.drawing import draw
from mfdebug.core.landscape.landscape import Landscape
from mfdebug.core.landscape.survey import Surveyor
from mfdebug.core.landscape.views import view_named
from mfdebug.core.timeline.computed_debugger import ComputedDebugger
from mfdebug.opening.graphs import load_graph


def landscape(name: str, steps: int, text: str = "") -> Landscape:
    debugger = ComputedDebugger(load_graph(name))
    debugger.cursor.sgd(steps)
    *_, last = Surveyor(debugger).survey(view_named(debugger, text))
    assert isinstance(last, Landscape)
    return last


def test_one_parameter_is_a_curve_with_the_steps_on_it() -> None:
    drawn = draw(landscape("wx", 3), 46, 13)
    assert drawn.text().split("\n") == WX
    # The marks are where their steps are found.
    assert sorted(drawn.steps.values()) == [0, 1, 2, 3]
    for x, y in drawn.steps:
        assert "".join(text for text, _ in drawn.lines[y])[x] in "○◆"


def test_two_parameters_are_shades_with_the_path_on_them() -> None:
    assert draw(landscape("valley", 4), 46, 13).text().split("\n") == VALLEY


def test_a_cost_stands_apart_from_the_learning_rate_that_leads_to_it() -> None:
    words = draw(landscape("xor", 1), 80, 13).text().split("\n")[-1]
    assert words == " ▾ cost after an update with lr 2: 0.2509, lr 4: 0.2508, lr 10: 0.2508"


def test_it_fits_any_size() -> None:
    for found in (landscape("wx", 2), landscape("valley", 2), landscape("xor", 3)):
        for width in (12, 30, 80):
            for height in (4, 9, 30):
                lines = draw(found, width, height).text().split("\n")
                assert len(lines) <= height
                assert all(len(line) <= width for line in lines)


WX = [
    " 1000┤⡀                                     ⢀⠜",
    "     │⠙⢄                                  ⢀⡴○",
    "     │  ⠑⢄                              ⢀⡴⠋",
    "  500┤    ⠑⢦⡀                         ⢀⠴○ 4.4",
    "     │      ⠉⠲⢄⡀                   ⢀⡠○⠁",
    "     │         ▾⠒⠤⣀            ⢀⣠▾◆⠉",
    "    0┤             ⠉⠑⠒⠲⠤⠤▾⠤⠤⠖⠒⠋▾",
    "     │",
    "     └──────0────────────2───────────4────────",
    " slope at 3.536: 307.2   ○ SGD steps  ◆ now",
    " ▾ would land: lr 0.001 on 3.229,",
    "   lr 0.002 on 2.922, lr 0.005 on 2,",
    "   lr 0.01 on 0.464",
]
VALLEY = [
    " 1┤██████▓▓▓▓▓▓▓▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▓▓▓▓▓▓▓████○",
    "  │█████▓▓▓▓▓▓▒▒▒▒▒▒▒░░░░░░░░▒▒▒▒▒▒▒▒▓▓▓▓▓████",
    "  │████▓▓▓▓▓▒▒▒▒▒▒░░░░░░░░░░░░░░░▒▒▒▒▒▓▓▓▓▓███",
    "  │████▓▓▓▓▒▒▒▒▒░░░░░░░    ░░░░░░▒▒▒▒▒▒▓▓▓▓▓██",
    "  │███▓▓▓▓▓▒▒▒▒▒░░░░░        ░░░░░▒▒▒▒▒▒▓▓▓○██",
    " 0┤███▓▓▓▓▒▒▒▒▒▒░░░░          ░░░░▒▒▒▒▒▒◆▓▓▓██",
    "  │███▓▓▓▓▒▒▒▒▒▒░░░░          ░░░░▒▒▒▒▒▒▓○▓▓██",
    "  │███▓▓▓▓▓▒▒▒▒▒░░░░░░      ░░░░░░▒▒▒▒▒▓▓▓▓▓██",
    "  │████▓▓▓▓▓▒▒▒▒▒░░░░░░░░░░░░░░░░▒▒▒▒▒▓▓▓▓▓█○█",
    "  └-10───────────────────0──────────────────10",
    " height from  ░ 5.77  ▒ 23.1  ▓ 51.9  █ 92.3",
    " → x  ↑ y   ○ SGD steps  ◆ now",
    " ▾ would land: lr 0.03 on 7.339, -0.03125",
]
