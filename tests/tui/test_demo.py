"""A demo on the screen: its own keys, and the presenter's."""

from __future__ import annotations

from pathlib import Path

import pytest

import miniflow as mf
from mfdebug.core.commands.interpreter import check_known
from mfdebug.core.session.demo import read_demo
from mfdebug.opening.sessions import session_of
from mfdebug.tui.app import DebuggerApp
from mfdebug.tui.screens.demo import DemoScreen
from mfdebug.tui.screens.text import TextScreen
from tests.support.recurrent_layers import sequences
from tests.tui.demo_show import Show, played


@pytest.mark.slow
async def test_space_goes_on_and_b_goes_back() -> None:
    async with played() as show:
        assert "Three beats" in show.text
        assert "space starts and continues, B goes back, P plays by itself" in show.text
        assert show.foot.startswith(" 0/3  space next beat")
        await show.press("space")
        assert show.moment == 1
        assert "The feed gives every input its value." in show.text
        assert show.foot.startswith(" 1/3 ")
        await show.press("space")
        assert show.moment == 3
        assert "Forward: y is 50, 30 too much." in show.text
        await show.press("B")
        assert show.moment == 1
        assert "The feed gives every input its value." in show.text
        await show.press("B", "B")
        assert show.moment == 0
        assert "this is the start of the demo" in show.text


@pytest.mark.slow
async def test_a_demo_keeps_its_graph(tmp_path: Path) -> None:
    mf.save(sequences("GRU", 2), tmp_path / "gru.json")
    path = tmp_path / "layer.demo"
    path.write_text('# mfdebug demo 1\n# graph "gru.json"\n# title One layer\nsay A GRU.\nstep 4\n')
    async with played(path) as show:
        await show.press("space", "U")
        assert "a demo keeps its graph as it is: no layer is unrolled" in show.text
        await show.press("B")
        assert show.moment == 0
        await show.press("space")
        assert show.moment == 4


@pytest.mark.slow
async def test_a_demo_of_a_recorded_run_goes_on_and_back(tmp_path: Path) -> None:
    path = tmp_path / "run.demo"
    path.write_text(
        '# mfdebug demo 1\n# graph "gpt-with-a-nan.mfrun"\n# title A run\n'
        "say The feed.\nstep\npause\nsay Step 4.\nsgd 5\nexpect abs(loss - 2.7472) < 5e-5\n"
    )
    demo = read_demo(path, check_known)
    session = session_of(demo.graph, 2**24)
    app = DebuggerApp(None, history_memory=2**24, session=session, demo=demo)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        show = Show(app, pilot)
        await show.press("space", "space")
        assert "Step 4." in show.text
        assert show.moment == 915
        await show.press("s", "colon", *"branch", "enter")
        assert "a demo keeps its graph as it is: no branch is computed" in show.text
        await show.press("R")
        assert (show.moment, show.foot.startswith(" 2/2 ")) == (915, True)
        await show.press("B")
        assert show.moment == 1


async def test_a_rest_is_ended_by_the_next_key() -> None:
    async with played() as show:
        await show.press("space", "space", "space")
        # The script rests for half a minute after backward.
        assert show.moment == 8
        await show.press("space")
        assert show.moment == 9
        assert show.foot.startswith(" 3/3 ")
        await show.press("space")
        assert "end of the demo" in show.text


@pytest.mark.slow
async def test_another_key_in_a_rest_ends_the_beat_and_b_goes_back_to_where_it_began() -> None:
    async with played() as show:
        await show.press("space", "space", "space", "t")
        assert show.moment == 9
        assert show.foot.startswith(" 3/3  space")
        await show.press("B", "space")
        assert show.moment == 8
        await show.press("B")
        assert show.moment == 3
        assert show.foot.startswith(" 2/3  space")
        await show.press("space", "space")
        assert show.moment == 9


@pytest.mark.slow
async def test_p_in_the_middle_of_a_beat_goes_on_from_there() -> None:
    async with played() as show:
        await show.press("space", "space", "space", "P")
        for _ in range(50):
            await show.pilot.pause(0.02)
        assert show.moment == 9
        assert "end of the demo" in show.text


async def test_q_in_the_middle_of_a_beat_leaves() -> None:
    async with played() as show:
        await show.press("space", "space", "space")
        await show.pilot.press("q")
        await show.pilot.pause(0.1)
        assert not show.app.is_running


@pytest.mark.slow
async def test_the_presenter_wanders_off_and_returns() -> None:
    async with played() as show:
        await show.press("space", "space", "s", "s", "t")
        assert show.moment == 9
        assert show.foot.startswith(" 2/3 left  R returns to the script")
        await show.press("R")
        assert show.moment == 3
        assert show.foot.startswith(" 2/3  space next beat")
        await show.press("t", "t", "space", "space")
        # It went on from where the script was.
        assert show.moment == 9


@pytest.mark.slow
async def test_the_keys_of_the_demo_work_over_what_the_presenter_has_opened() -> None:
    async with played() as show:
        await show.press("space", "space")
        for key, moment in (("R", 3), ("space", 8), ("B", 1), ("P", 8)):
            await show.press("t", "x")
            assert isinstance(show.app.screen, TextScreen)
            await show.press(key)
            assert isinstance(show.app.screen, DemoScreen)
            assert show.moment == moment, key
            if moment == 8:
                # Out of the middle of the beat, to where it began.
                await show.press("B")
            elif moment == 1:
                await show.press("space")
            assert show.moment == 3


@pytest.mark.slow
async def test_what_the_presenter_has_set_up_is_off_the_script_too() -> None:
    """A stop of the presenter's would stop the script's own runs."""
    async with played() as show:
        await show.press("space", "space")
        for line in ("break w", "watch cost", "quiz", "set w = 3"):
            await show.press("colon", "x")
            show.app.focused.value = line  # type: ignore[union-attr]
            await show.press("enter")
            assert show.foot.startswith(" 2/3 left  R returns to the script"), line
            await show.press("R")
            assert show.foot.startswith(" 2/3  space next beat")
            assert show.moment == 3
            await show.press("space", "space")
            assert show.moment == 9
            await show.press("B")
            assert show.moment == 3


async def test_r_on_the_script_says_so_and_in_the_middle_of_a_beat_goes_to_its_end() -> None:
    async with played() as show:
        await show.press("space", "R")
        assert "this is the script's moment; B goes back a beat" in show.text
        assert show.moment == 1
        await show.press("space", "space", "R")
        assert show.moment == 9
        assert show.foot.startswith(" 3/3  space")


@pytest.mark.slow
async def test_a_count_goes_back_so_many_beats_and_is_used_up() -> None:
    async with played() as show:
        await show.press("space", "space", "2", "B")
        assert show.moment == 0
        assert show.foot.startswith(" 0/3 ")
        await show.press("t")
        assert show.moment == 9
        await show.press("R", "5", "space", "s")
        assert show.moment == 2


@pytest.mark.slow
async def test_space_is_a_space_at_the_prompt() -> None:
    async with played() as show:
        await show.press("colon", *"sgd", "space", *"2", "enter")
        assert show.moment == 18
        assert " 0/3 left " in show.foot


BEATS = 5


@pytest.mark.slow
async def test_it_plays_by_itself_until_a_key_is_pressed(tmp_path: Path) -> None:
    path = tmp_path / "quick.demo"
    path.write_text('# graph "wx"\n' + "say x\nstep\npause\n" * BEATS)
    async with played(path) as show:
        await show.press(*"++++")
        assert "captions stay 0.4 times" in show.text
        await show.press("P")
        while "end of the demo" not in show.text:
            await show.pilot.pause(0.05)
        assert show.moment == BEATS
        await show.press(*"B" * BEATS, "P", "x", "escape")
        # On a busy machine it may have gone on before the key came.
        stopped = show.moment
        assert stopped < BEATS
        await show.pilot.pause(1.2)
        assert show.moment == stopped


async def test_what_is_not_as_expected_is_said_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "wrong.demo"
    path.write_text('# graph "wx"\nsay so\nstep\nexpect w == 6\nstep\npause\n')
    async with played(path) as show:
        await show.press("space")
        assert "line 4 of the demo: w == 6 is not true here: w = 5" in show.text
        assert show.moment == 1


@pytest.mark.slow
async def test_keys_are_shown_also_those_of_the_script() -> None:
    async with played(show_keys=True) as show:
        await show.press("space", "space")
        assert show.foot.endswith("space  s  space  n")
        await show.press("s", "s", "colon", *"sgd 3", "enter")
        assert show.foot.rstrip().endswith("s ×2  :  :sgd 3")


@pytest.mark.slow
async def test_an_audience_gets_more_room_and_less() -> None:
    async with played() as show, played(present=True) as roomy:
        for each_show in (show, roomy):
            await each_show.press("space", "space")
        assert "∙ none yet" in show.text
        assert "∙ none yet" not in roomy.text
        assert "900" in roomy.text
        rows = [line for line in roomy.text.split("\n") if "Input ()" in line or "MSE" in line]
        assert len(rows) >= 4
        assert roomy.text.index("cost") >= 0
