"""Demos: their files, their commands, and the way back to each beat."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from mfdebug.core.commands.interpreter import check_known, open_session
from mfdebug.core.session.demo import Playback, read_demo, run_through
from mfdebug.core.session.session import Session
from mfdebug.core.timeline.computed_debugger import ComputedDebugger
from mfdebug.core.timeline.debugger import DebuggerError
from mfdebug.core.timeline.diff import Instant, take_snapshot
from mfdebug.opening.graphs import open_graph
from miniflow.errors import MiniflowError
from tests.support import warm_start
from tests.support.command_line import in_turn
from tests.support.paths import ROOT

THREE = ROOT / "tests" / "demos" / "three-beats.demo"


def session(graph: str = "wx") -> Session:
    opened = open_graph(graph)
    return open_session(ComputedDebugger(opened.graph, history_memory=2**24), origin=opened.origin)


def written(folder: Path, *lines: str, graph: str = '"wx"') -> Path:
    path = folder / "some.demo"
    path.write_text("\n".join(["# mfdebug demo 1", f"# graph {graph}", *lines]), encoding="utf-8")
    return path


# Files --------------------------------------------------------------------------------------


def test_a_demo_is_read_beat_by_beat() -> None:
    demo = read_demo(THREE, check_known)
    assert (demo.name, demo.title, demo.graph) == ("three-beats", "Three beats", "wx")
    assert [len(beat.lines) for beat in demo.beats] == [3, 3, 6]
    assert demo.beats[0].lines[1] == (6, "step")
    assert demo.beats[1].captions == ["Forward: y is 50, 30 too much."]
    # 8 words.
    assert demo.beats[0].seconds == pytest.approx(1.2 + 0.33 * 7)


def test_a_question_gets_four_seconds_more(tmp_path: Path) -> None:
    path = tmp_path / "asking.demo"
    path.write_text(
        '# graph "wx"\nsay one two\npause\nsay one two?\npause\n'
        "say one two\nask How many? 2\nexpect w == 5\n"
    )
    said, wondered, asked = read_demo(path, check_known).beats
    assert said.seconds == pytest.approx(1.2 + 0.33 * 2)
    assert wondered.seconds == asked.seconds == pytest.approx(said.seconds + 4)


def test_a_last_beat_needs_no_pause(tmp_path: Path) -> None:
    demo = read_demo(written(tmp_path, "step", "pause", "say the end"), check_known)
    assert [beat.lines for beat in demo.beats] == [((3, "step"),), ((5, "say the end"),)]


def test_a_graph_beside_the_demo_is_found(tmp_path: Path) -> None:
    graph = (ROOT / "graphs" / "diamond.json").read_text(encoding="utf-8")
    (tmp_path / "mine.json").write_text(graph, encoding="utf-8")
    demo = read_demo(written(tmp_path, "step", graph='"mine.json"'), check_known)
    assert demo.graph == str(tmp_path / "mine.json")


@pytest.mark.parametrize(
    ("lines", "graph", "problem"),
    [
        (["stpe", "pause"], '"wx"', "some.demo: line 3: there is no command 'stpe'"),
        (["step \x1b[2J"], '"wx"', "some.demo: line 3: contains control characters"),
        (
            ["ask What? 2", "step"],
            '"wx"',
            "some.demo: line 4: the beat continues after its question",
        ),
        ([], '"wx"', "some.demo: the demo is empty"),
        (["step"], "wx", "some.demo: line 2: expected a graph name, as in"),
        (["step"], "[1]", "some.demo: line 2: expected a graph name, as in"),
    ],
)
def test_a_demo_that_is_wrong_is_refused_with_its_line(
    tmp_path: Path, lines: list[str], graph: str, problem: str
) -> None:
    with pytest.raises(MiniflowError) as error:
        read_demo(written(tmp_path, *lines, graph=graph), check_known)
    assert str(error.value).startswith(problem)


def test_a_script_without_a_graph_is_no_demo(tmp_path: Path) -> None:
    path = tmp_path / "some.demo"
    path.write_text("step\npause\n")
    with pytest.raises(DebuggerError, match="no graph is named"):
        read_demo(path, check_known)


# Commands -----------------------------------------------------------------------------------


def test_expect_says_what_it_found() -> None:
    on = session()
    on.run("next")
    assert on.run("expect w == 5").text == "as expected"
    with pytest.raises(DebuggerError, match=r"^w < 3 is not true here: w = 5$"):
        on.run("expect w < 3")
    with pytest.raises(DebuggerError, match=r"abs\(w - x\) == 0 is not true here: .* = 5"):
        on.run("expect abs(w - x) == 0")
    with pytest.raises(MiniflowError, match="unknown name 'v'"):
        on.run("expect v < 3")
    with pytest.raises(DebuggerError, match="expect what"):
        on.run("expect")


def test_say_pause_and_wait_change_nothing_but_the_caption() -> None:
    on = session()
    before = on.state.position
    assert on.run("say w is 5").text == "w is 5"
    assert on.caption == "w is 5"
    assert on.run("pause").text == ""
    assert on.run("wait 0.5s").data == {"wait": 0.5}
    assert on.run("wait 300ms").data == {"wait": 0.3}
    assert on.run("say").text == on.caption == ""
    assert on.state.position == before
    for wrong in ("pause 3", "wait", "wait long", "wait -1s", "wait 1e9", "wait 601s"):
        with pytest.raises(DebuggerError):
            on.run(wrong)


# Playing ------------------------------------------------------------------------------------


def bits(on: Session) -> list[object]:
    """Return all that is computed, bit for bit."""
    found = take_snapshot(on.debugger, Instant(on.debugger.moment))
    readings = [*found.values, *found.gradients, found.cost]
    return [
        (reading.freshness, None if reading.array is None else reading.array.tobytes())
        for reading in readings
    ]


def play(playback: Playback) -> None:
    assert playback.next_beat is not None
    for _, line in playback.next_beat.lines:
        playback.session.run(line)
    playback.shown()


def test_every_beat_can_be_gone_back_to_from_anywhere() -> None:
    on = session()
    playback = Playback(on, read_demo(THREE, check_known))
    stands = [bits(on)]
    while playback.next_beat is not None:
        play(playback)
        stands.append(bits(on))
    assert (playback.beat, playback.on_script) == (3, True)
    for line in ("set w = 0.3", "sgd 7", "break w", "say elsewhere"):
        on.run(line)
    assert not playback.on_script
    playback.return_to_script()
    assert playback.on_script
    assert bits(on) == stands[3]
    assert on.caption.startswith("And one SGD step")
    assert len(on.stops) == 0
    for beat in (2, 1, 0):
        playback.back()
        assert (playback.beat, bits(on)) == (beat, stands[beat])
    playback.back()
    assert playback.beat == 0
    play(playback)
    assert bits(on) == stands[1]


def test_an_edit_at_the_same_moment_is_off_the_script() -> None:
    playback = Playback(session(), read_demo(THREE, check_known))
    play(playback)
    playback.session.run("set w = 6")
    assert not playback.on_script
    playback.session.run("print w")
    playback.return_to_script()
    playback.session.run("print w")
    assert playback.on_script


def test_it_runs_through_without_a_screen(tmp_path: Path) -> None:
    assert run_through(session(), read_demo(THREE, check_known)) == 4
    wrong = written(tmp_path, "step", "expect w == 6")
    with pytest.raises(DebuggerError, match=r"^some: line 4: w == 6 is not true here: w = 5$"):
        run_through(session(), read_demo(wrong, check_known))


# Made of a live session ---------------------------------------------------------------------


def test_record_makes_a_demo_of_what_was_done(tmp_path: Path) -> None:
    on = session()
    for line in (
        "say w is 5",
        "step 2",
        "sgd",
        "say edited",
        "set w = 3",
        "print w",
        "expect w == 3",
    ):
        on.run(line)
    path = tmp_path / "mine.demo"
    told = on.run(f"record {path}").text
    assert told == f"recorded 7 lines in {path}; mfdebug demo {path} plays it"
    demo = read_demo(path, check_known)
    assert (demo.title, demo.graph) == ("mine", "wx")
    assert [[line for _, line in beat.lines] for beat in demo.beats] == [
        ["say w is 5", "step 2"],
        ["sgd"],
        ["say edited", "set w = 3"],
        ["print w", "expect w == 3"],
    ]
    other = session()
    assert run_through(other, demo) == 1
    assert bits(other) == bits(on)


def test_a_recorded_question_ends_its_beat(tmp_path: Path) -> None:
    on = session()
    for line in (
        "say first",
        "ask What is 1 + 1? 2",
        "step",
        "ask How many? 1 + 1",
        "expect w == 5",
    ):
        on.run(line)
    on.run(f"record {tmp_path / 'mine.demo'}")
    on.run("pause")
    on.run("step")
    on.run(f"record {tmp_path / 'typed.demo'}")
    for name, counts in (("mine", [2, 3]), ("typed", [2, 3, 1])):
        beats = read_demo(tmp_path / f"{name}.demo", check_known).beats
        assert [len(beat.lines) for beat in beats] == counts


def test_pauses_that_were_typed_are_the_only_ones(tmp_path: Path) -> None:
    on = session()
    for line in ("step", "step", "pause", "step"):
        on.run(line)
    on.run(f"record {tmp_path / 'mine.demo'}")
    beats = read_demo(tmp_path / "mine.demo", check_known).beats
    assert [len(beat.lines) for beat in beats] == [2, 1]


def test_record_refuses_to_write_over_what_is_no_demo(tmp_path: Path) -> None:
    on = session()
    path = tmp_path / "mine.demo"
    with pytest.raises(DebuggerError, match="no command has been run yet"):
        on.run(f"record {path}")
    on.run("step")
    path.write_text("a letter")
    with pytest.raises(DebuggerError, match="is not a demo file"):
        on.run(f"record {path}")
    assert path.read_text() == "a letter"


# The command line ---------------------------------------------------------------------------


def mfdebug(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mfdebug", "demo", *arguments]
    return warm_start.run(command, text=True, cwd=ROOT)


def test_check_is_a_test(tmp_path: Path) -> None:
    wrong = written(tmp_path, "step", "expect w == 6")
    done, failed = in_turn(["demo", str(path), "--check"] for path in (THREE, wrong))
    assert (done.returncode, done.stdout) == (0, "three-beats: 3 beats, 4 expectations met\n")
    assert failed.returncode == 1
    assert failed.stderr == "mfdebug: some: line 4: w == 6 is not true here: w = 5\n"


def test_without_a_name_those_that_ship_are_listed() -> None:
    listed, unknown = in_turn((["demo"], ["demo", "five-to-tow"]))
    assert listed.returncode == 0
    assert "five-to-two" in listed.stdout
    assert unknown.returncode == 2
    assert "did you mean 'five-to-two'?" in unknown.stderr


def test_without_a_terminal_it_says_what_can_be_done() -> None:
    done = mfdebug(str(THREE))
    assert done.returncode == 2
    assert "--check runs it without a terminal, --export writes it to a file" in done.stderr
