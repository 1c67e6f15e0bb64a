"""Sessions recorded and run again, their files, and transcripts."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mfdebug.core.commands.interpreter import check_known, open_session
from mfdebug.core.session.replay import run_script, session_lines
from mfdebug.core.session.script import Origin, script_of, session_text
from mfdebug.core.timeline.computed_debugger import ComputedDebugger
from mfdebug.core.timeline.debugger import DebuggerError
from mfdebug.opening.graphs import load_graph
from miniflow.errors import MiniflowError
from tests.core.session.worked_sessions import as_seen, session, worked
from tests.soak.commands import everything
from tests.support.sizes import examples


def test_a_recorded_session_comes_back_bit_for_bit(tmp_path: Path) -> None:
    first, second = worked(), session()
    first.run(f"record {tmp_path / 'session.mf'}")
    second.run(f"source {tmp_path / 'session.mf'}")
    assert as_seen(second) == as_seen(first)
    for run in (first, second):
        run.run("redo")
    assert as_seen(second) == as_seen(first)


def test_a_session_is_a_few_lines_that_people_can_read(tmp_path: Path) -> None:
    path = tmp_path / "session.mf"
    worked().run(f"record {path}")
    *lines, end = path.read_text().splitlines()
    assert lines[:2] == ["# mfdebug session 1", '# graph "xor"']
    assert lines[4:] == [
        "goto 63",
        "set W1[0,1] = 0.1",
        "goto 67",
        "set lr = 0.3",
        "goto 64",
        'set b1 = ["NaN", -0.0]',
        "undo",
        "break l1 backward if any(l1.grad > 0)",
        "ignore last 3",
        "break nan",
        "disable last",
        "watch norm(W1.grad)",
        "quiz on",
        "goto 107",
    ]
    assert end.startswith("# end 14 ")


COMMANDS = [
    "step",
    "sgd 2",
    "sgd 20",
    "back 3",
    "goto start",
    "set W1[1,0] = -0.1",
    "set W2 = [[1e-300], [7.5]]",
    "set X = [[0, 1]]",
    "set X[1,1] = inf",
    "set lr = 1/3",
    "set t = t * 2",
    "undo",
    "redo",
    "break s1",
    "tbreak cost",
    "break if cost < 0.2",
    "break on-change W1[0,0] by 0.5",
    "delete 1",
    "disable 2",
    "ignore 1 4",
    "watch mean(s1)",
    "watch cost - prev(cost)",
    "unwatch 1",
    "quiz",
    "answer +",
]


@settings(max_examples=examples(60), deadline=None, suppress_health_check=list(HealthCheck))
@given(lines=st.lists(st.sampled_from(COMMANDS), max_size=20))
def test_any_session_comes_back(lines: list[str]) -> None:
    first, second = session(), session()
    for line in lines:
        with contextlib.suppress(MiniflowError):
            first.run(line)
    text = session_text(Origin("xor", ""), session_lines(first))
    run_script(second, script_of(text.encode(), "s", check_known))
    assert session_lines(second) == session_lines(first)
    assert everything(second.debugger) == everything(first.debugger)
    assert second.run("branches").text == first.run("branches").text


def test_record_does_not_overwrite_what_is_no_session(tmp_path: Path) -> None:
    path = tmp_path / "graph.json"
    path.write_text("{}")
    with pytest.raises(DebuggerError, match="is not a session file"):
        worked().run(f"record {path}")
    assert path.read_text() == "{}"
    again = tmp_path / "session"
    worked().run(f"record {again}")
    worked().run(f"record {again}")
    assert sorted(tmp_path.iterdir()) == [path, again]


def test_a_transcript_is_a_script_too(tmp_path: Path) -> None:
    path = tmp_path / "transcript"
    there = session("wx")
    there.run(f"transcript {path}")
    there.run("2t")
    with pytest.raises(MiniflowError):
        there.run("print nothing")
    there.run("print w")
    there.run("transcript off")
    there.run("sgd")
    lines = path.read_text().splitlines()
    assert lines[0] == "# mfdebug transcript of wx"
    assert lines[1] == "2t"
    assert "print w\n#   w = 3.92" in path.read_text()
    assert lines[-1] == "#   w = 3.92"
    path.write_text(path.read_text().replace("print nothing\n", ""))
    again = session("wx")
    again.run(f"source {path}")
    assert again.debugger.moment == 18
    other = tmp_path / "other"
    other.write_text("precious")
    with pytest.raises(DebuggerError, match="is not a transcript"):
        there.run(f"transcript {other}")


@pytest.mark.parametrize("odd", ["\u00a0", "\x1b", "\u2028", "\n"])
def test_characters_that_no_script_may_have_are_refused_when_typed(odd: str) -> None:
    run = open_session(ComputedDebugger(load_graph("wx")))
    with pytest.raises(MiniflowError, match="control characters"):
        run.run(f"watch cost{odd}* 2")
    assert len(run.watches) == 0


@pytest.mark.parametrize("command", ["record", "source", "transcript", "save"])
@pytest.mark.parametrize("name", [".", "/", "~nosuchuser/x", "n" * 300, "/dev/null", "a\udcffb"])
def test_names_that_no_file_can_have_are_refused(command: str, name: str) -> None:
    run = open_session(ComputedDebugger(load_graph("wx")))
    with pytest.raises(MiniflowError):
        run.run(f"{command} {name}")
    assert run.debugger.moment == 0


def test_recorded_notes_are_of_the_recorded_stops(tmp_path: Path) -> None:
    run = open_session(ComputedDebugger(load_graph("xor")))
    for line in ("break s1", "break l1", "disable 1", "ignore 2 3", f"record {tmp_path / 'r.mf'}"):
        run.run(line)
    other = open_session(ComputedDebugger(load_graph("xor")))
    other.run("break cost")
    other.run(f"source {tmp_path / 'r.mf'}")
    assert [(stop.line, stop.enabled, stop.ignored) for stop in other.stops] == [
        ("break cost", True, 0),
        ("break s1", False, 0),
        ("break l1", True, 3),
    ]
