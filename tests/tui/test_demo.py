"""A demo on the screen: its own keys, the presenter's, and the pictures made of it."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pyte
import pytest
from PIL import Image
from PIL.GifImagePlugin import GifImageFile
from textual.pilot import Pilot

import miniflow as mf
from mfdebug.config.settings import Settings
from mfdebug.core.commands.interpreter import check_known
from mfdebug.core.session.demo import read_demo
from mfdebug.opening.graphs import open_graph
from mfdebug.opening.sessions import session_of
from mfdebug.tui.app import DebuggerApp
from mfdebug.tui.screens.demo import DemoScreen
from mfdebug.tui.screens.text import TextScreen
from tests.miniflow.test_unroll import sequences
from tests.support.command_line import in_turn
from tests.support.paths import ROOT
from tests.support.screen_text import screen_text

THREE = ROOT / "tests" / "demos" / "three-beats.demo"


class Show:
    """A demo that is played."""

    def __init__(self, app: DebuggerApp, pilot: Pilot[int]) -> None:
        self.app, self.pilot = app, pilot

    @property
    def text(self) -> str:
        return screen_text(self.app)

    @property
    def foot(self) -> str:
        return self.text.split("\n")[-1]

    @property
    def moment(self) -> int:
        return next(s for s in self.app.screen_stack if isinstance(s, DemoScreen)).debugger.moment

    async def press(self, *keys: str) -> None:
        for key in keys:
            await self.pilot.press(key)
            await self.settle()

    async def settle(self) -> None:
        # What a key has set going, but not a rest of the script.
        for _ in range(3):
            await self.pilot.pause(0.02)


@asynccontextmanager
async def played(path: Path = THREE, **settings: bool) -> AsyncIterator[Show]:
    demo = read_demo(path, check_known)
    opened = open_graph(demo.graph)
    app = DebuggerApp(
        opened.graph,
        history_memory=2**24,
        origin=opened.origin,
        demo=demo,
        settings=Settings(**settings),
    )
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        yield Show(app, pilot)


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


ANSWERING = """# mfdebug demo 1
# graph "wx"
# title A question

say What is 5 times 10?
step
quiz on
answer 50
quiz off
pause

say That was y.
pause
"""
ASKING = """# mfdebug demo 1
# graph "wx"
# title Questions

say The gradient comes next.
step 7
ask Where will w land? w - lr * w.grad
pause

say Which way?
ask Which way did it go? up | *down
pause
"""


@pytest.mark.parametrize(
    ("typed", "reply"),
    [("50", "right:"), ("30", "not so: it is 50."), ("", "right:"), (None, "right:")],
)
async def test_a_question_is_answered_by_the_user_or_by_the_script(
    tmp_path: Path, typed: str | None, reply: str
) -> None:
    path = tmp_path / "answering.demo"
    path.write_text(ANSWERING)
    async with played(path) as show:
        await show.press("space")
        # In the quiz's panel, which hides the node's.
        assert "━ quiz ━" in show.text
        assert "─ node" not in show.text
        assert show.moment == 1
        if typed is None:
            await show.press("escape")
        else:
            await show.press(*typed, "enter")
        assert show.moment == 2
        assert show.foot.startswith(" 1/2 ")
        assert reply in show.text
        assert "─ node" in show.text
        await show.press("B")
        assert show.moment == 0


async def test_the_keys_of_a_demo_work_while_a_question_waits(tmp_path: Path) -> None:
    path = tmp_path / "answering.demo"
    path.write_text(ANSWERING)
    async with played(path) as show:
        await show.press("space", "space")
        assert show.moment == 2
        assert show.foot.startswith(" 1/2 ")
        await show.press("B", "space", "B")
        assert show.moment == 0
        assert "━ quiz ━" not in show.text


async def test_the_keys_of_a_question_go_with_it_also_in_a_rest(tmp_path: Path) -> None:
    path = tmp_path / "resting.demo"
    path.write_text(f"{ASKING}\nsay A rest.\nstep\nwait 30s\nstep\npause\n")
    async with played(path) as show:
        await show.press("space", "space", "space")
        assert "A rest." in show.text
        assert "hint" not in show.foot
        assert "s step S back" in show.foot


async def test_a_demo_that_plays_by_itself_answers_itself(tmp_path: Path) -> None:
    path = tmp_path / "answering.demo"
    path.write_text(ANSWERING)
    async with played(path) as show:
        await show.press("P")
        assert show.moment == 2


@pytest.mark.parametrize(
    ("typed", "reply"),
    [("4.4", "right: 4.4"), ("5.6", "not so; the answer is 4.4"), ("", "the answer is 4.4")],
)
async def test_what_a_script_asks_is_answered_in_the_panel(
    tmp_path: Path, typed: str, reply: str
) -> None:
    path = tmp_path / "asking.demo"
    path.write_text(ASKING)
    async with played(path) as show:
        await show.press("space")
        assert "Where will w land?" in show.text
        assert "type the answer; space continues without one" in show.text
        assert show.foot.startswith(" 1/2  Enter answer space next beat B beat back Esc close")
        assert "─ node" not in show.text
        assert "4.4" not in show.text
        await show.press(*typed, "enter")
        assert reply in show.text
        assert "─ node" in show.text
        assert show.foot.startswith(" 1/2  space next beat")


async def test_a_choice_is_a_letter_and_space_enters_what_is_typed(tmp_path: Path) -> None:
    path = tmp_path / "asking.demo"
    path.write_text(ASKING)
    async with played(path) as show:
        await show.press("space", "space")
        assert show.foot.startswith(" 2/2 ")
        assert "a  up" in show.text
        assert "b  down" in show.text
        await show.press("a", "space")
        assert "not so; the answer is down" in show.text
        assert show.foot.startswith(" 2/2  space next beat")
        await show.press("B")
        # The beat is shown as it was, with its question answered.
        assert show.foot.startswith(" 1/2 ")
        await show.press("space", "1")
        assert "type a letter, a to b" in show.text
        await show.press("escape")
        assert "─ node" in show.text
        await show.press("B", "space", "B")
        assert show.foot.startswith(" 1/2 ")
        assert "─ node" in show.text


async def test_a_question_stays_while_a_demo_plays_by_itself_until_a_key(tmp_path: Path) -> None:
    path = tmp_path / "asking.demo"
    path.write_text(ASKING)
    async with played(path) as show:
        await show.press("P")
        assert "Where will w land?" in show.text
        assert show.foot.startswith(" ▶ 1/2 ")
        await show.press(*"4.4", "enter")
        assert "right: 4.4" in show.text
        assert show.foot.startswith(" 1/2  space next beat")


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


async def test_a_count_goes_back_so_many_beats_and_is_used_up() -> None:
    async with played() as show:
        await show.press("space", "space", "2", "B")
        assert show.moment == 0
        assert show.foot.startswith(" 0/3 ")
        await show.press("t")
        assert show.moment == 9
        await show.press("R", "5", "space", "s")
        assert show.moment == 2


async def test_space_is_a_space_at_the_prompt() -> None:
    async with played() as show:
        await show.press("colon", *"sgd", "space", *"2", "enter")
        assert show.moment == 18
        assert " 0/3 left " in show.foot


async def test_it_plays_by_itself_until_a_key_is_pressed(tmp_path: Path) -> None:
    path = tmp_path / "quick.demo"
    path.write_text('# graph "wx"\n' + "say x\nstep\npause\n" * 3)
    async with played(path) as show:
        await show.press(*"++++")
        assert "captions stay 0.4 times" in show.text
        await show.press("P")
        assert show.moment == 1
        for _ in range(100):
            await show.pilot.pause(0.05)
            if show.moment == 3:
                break
        assert show.moment == 3
        await show.pilot.pause(0.8)
        assert "end of the demo" in show.text
        await show.press("B", "B", "B", "P")
        assert show.moment == 1
        await show.press("x", "escape")
        await show.pilot.pause(1.2)
        assert show.moment == 1


async def test_what_is_not_as_expected_is_said_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "wrong.demo"
    path.write_text('# graph "wx"\nsay so\nstep\nexpect w == 6\nstep\npause\n')
    async with played(path) as show:
        await show.press("space")
        assert "line 4 of the demo: w == 6 is not true here: w = 5" in show.text
        assert show.moment == 1


async def test_keys_are_shown_also_those_of_the_script() -> None:
    async with played(show_keys=True) as show:
        await show.press("space", "space")
        assert show.foot.endswith("space  s  space  n")
        await show.press("s", "s", "colon", *"sgd 3", "enter")
        assert show.foot.rstrip().endswith("s ×2  :  :sgd 3")


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


# Pictures -----------------------------------------------------------------------------------


def export(*names: Path, options: tuple[str, ...]) -> list[list[Path]]:
    """Export the demo to each name in turn; return the files of each."""
    done = in_turn(["demo", str(THREE), "--export", str(name), *options] for name in names)
    told = [process.stdout.splitlines() for process in done]
    return [[Path(line.removeprefix("wrote ")) for line in lines] for lines in told]


def test_a_picture_of_each_beat(tmp_path: Path) -> None:
    (paths,) = export(tmp_path / "three.svg", options=("--size", "80x24"))
    assert [path.name for path in paths] == ["three-01.svg", "three-02.svg", "three-03.svg"]
    assert "Forward:" in paths[1].read_text(encoding="utf-8").replace("&#160;", " ")


def test_a_recording_ends_in_what_the_text_shows(tmp_path: Path) -> None:
    names = tmp_path / "three.txt", tmp_path / "three.cast"
    (text,), (cast,) = export(*names, options=("--size", "90x26"))
    screens = re.split(r"beat \d of 3\n\n", text.read_text(encoding="utf-8"))[1:]
    header, *events = map(json.loads, cast.read_text(encoding="utf-8").splitlines())
    assert (header["version"], header["width"], header["height"]) == (2, 90, 26)
    times = [at for at, _, _ in events]
    assert times == sorted(times)
    # The captions take 3.5, 3.5 and 4.2 s, the rest 30 s, four keys 0.7 s each.
    assert 40 < times[-1] < 50
    screen = pyte.Screen(90, 26)
    stream = pyte.Stream(screen)
    for _, kind, data in events:
        assert kind == "o"
        stream.feed(data)
    shown = "\n".join(line.rstrip() for line in screen.display)
    assert shown == screens[-1].rstrip("\n")


def test_an_animation_shows_every_frame_of_the_recording(tmp_path: Path) -> None:
    names = tmp_path / "three.gif", tmp_path / "again.gif", tmp_path / "three.cast"
    (first,), (second,), (cast,) = export(*names, options=("--size", "60x20"))
    image = Image.open(first)
    *_, end = map(json.loads, cast.read_text(encoding="utf-8").splitlines())
    assert isinstance(image, GifImageFile)
    seconds = 0.0
    for number in range(image.n_frames):
        image.seek(number)
        seconds += image.info["duration"] / 1000
    assert seconds == pytest.approx(end[0], abs=0.01 * image.n_frames)
    assert image.info["comment"].startswith(b"cells ")
    assert Image.open(second).info["comment"] == image.info["comment"]


def test_an_export_can_be_ascii_alone(tmp_path: Path) -> None:
    names = tmp_path / "three.txt", tmp_path / "three.cast"
    (text,), (cast,) = export(*names, options=("--ascii",))
    assert text.read_text(encoding="utf-8").isascii()
    assert cast.read_text(encoding="utf-8").isascii()
