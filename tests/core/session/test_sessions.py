"""Sessions: kept, damaged, recorded, run again; and transcripts."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mfdebug.core.commands.interpreter import check_known, open_session
from mfdebug.core.session.replay import run_script, session_lines
from mfdebug.core.session.script import Origin, script_of, session_text
from mfdebug.core.session.session import Session
from mfdebug.core.session.store import AutoSaver, SessionStore
from mfdebug.core.timeline.computed_debugger import ComputedDebugger
from mfdebug.core.timeline.debugger import DebuggerError
from mfdebug.opening.graphs import load_graph, open_graph
from miniflow.errors import MiniflowError
from miniflow.files import save
from tests.soak.commands import everything
from tests.support.paths import ROOT
from tests.support.sizes import examples

WORK = [
    "sgd 3",
    "set W1[0,1] = 0.1",
    "step 4",
    "set lr = 0.3",
    "set b1 = [nan, -0.0]",
    "undo",
    "sgd 2",
    "break l1 backward if any(l1.grad > 0)",
    "break nan",
    "ignore 1 3",
    "disable 2",
    "watch norm(W1.grad)",
    "quiz",
    "step 2",
]


def session(graph: str = "xor", **options: object) -> Session:
    opened = open_graph(graph)
    return open_session(ComputedDebugger(opened.graph), origin=opened.origin, **options)  # type: ignore[arg-type]


def worked(graph: str = "xor", lines: list[str] = WORK) -> Session:
    there = session(graph)
    for line in lines:
        there.run(line)
    return there


def as_seen(run: Session) -> list[object]:
    """Return all that a session keeps, and all that is seen of the moment."""
    told = [run.run(line).text for line in ("stops", "watch", "branches")]
    return [*told, session_lines(run), everything(run.debugger)]


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


# Damage --------------------------------------------------------------------------------------


def valid() -> bytes:
    return session_text(Origin("xor", "ab", {"x": [1.5]}), session_lines(worked())).encode()


@settings(max_examples=examples(200), deadline=None)
@given(data=st.data())
def test_a_damaged_session_is_refused_with_its_line(data: st.DataObject) -> None:
    whole = valid()
    damage = data.draw(st.sampled_from(["cut", "flip", "drop", "insert"]))
    at = data.draw(st.integers(0, len(whole) - 2))
    if damage == "cut":
        broken = whole[:at]
    elif damage == "flip":
        broken = whole[:at] + bytes([whole[at] ^ data.draw(st.integers(1, 255))]) + whole[at + 1 :]
    elif damage == "drop":
        rows = whole.split(b"\n")
        del rows[data.draw(st.integers(1, len(rows) - 3))]
        broken = b"\n".join(rows)
    else:
        broken = whole[:at] + data.draw(st.binary(min_size=1, max_size=20)) + whole[at:]
    if not broken.startswith(whole[:20]) or broken == whole:
        return  # no longer a session: it does not start like one
    with pytest.raises(DebuggerError, match=r"s\.session: line \d+"):
        script_of(broken, "s.session", check_known)


@settings(max_examples=examples(300), deadline=None)
@given(data=st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
def test_any_bytes_are_a_script_or_refused(data: bytes) -> None:
    with contextlib.suppress(DebuggerError):
        script_of(data, "s", check_known)
    head = b'# mfdebug session 1\n# graph "xor"\n'
    with pytest.raises(DebuggerError, match="s: line"):
        script_of(head + data, "s", check_known)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (b"step\nfly\n", r"line 2: there is no command 'fly'"),
        (b"step\n\xff\n", r"line 2: not UTF-8 text"),
        (b"step\x1b[2J\n", r"line 1: contains control characters"),
        (b"# mfdebug session 1\ngoto 3\n", r'line 2: the last line \("# end ..."\) is missing'),
        (b"# mfdebug session 1\ngoto 3\n# end 1 00\n", r"line 3: the checksum does not match"),
    ],
)
def test_what_is_wrong_is_said(text: bytes, problem: str) -> None:
    with pytest.raises(DebuggerError, match=problem):
        script_of(text, "file", check_known)


def test_a_script_runs_as_a_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "script"
    path.write_text("sgd 2\nset lr = 0.7\nbreak l1\nwatch cost\nquiz\nset nothing = 3\nsgd\n")
    there = worked()
    before = as_seen(there)
    with pytest.raises(DebuggerError, match=r"script: line 6: set nothing = 3: "):
        there.run(f"source {path}")
    assert as_seen(there) == before


def test_scripts_that_run_each_other_end(tmp_path: Path) -> None:
    path = tmp_path / "script"
    path.write_text(f"step\nsource {path}\n")
    there = session()
    with pytest.raises(DebuggerError, match="nested more than 8 deep"):
        there.run(f"source {path}")
    assert there.debugger.moment == 0


@pytest.mark.parametrize("kind", ["folder", "pipe", "missing"])
def test_what_is_no_file_is_no_script(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "x"
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    with pytest.raises(MiniflowError):
        session().run(f"source {path}")


# Keeping -------------------------------------------------------------------------------------


def test_a_session_is_kept_and_gone_on_with(tmp_path: Path) -> None:
    store = SessionStore(check_known, tmp_path)
    first = worked()
    assert first.origin is not None
    AutoSaver(store, first.origin).keep(first)
    autosaver = AutoSaver(store, first.origin)
    assert "left at moment 107" in autosaver.greeting("R", "s")
    second = session(left=autosaver.left)
    second.run("sgd 5")
    second.run("break s1")
    assert second.run("resume").text.startswith("session restored\nSGD step 5 ")
    assert as_seen(second) == as_seen(first)
    assert store.latest().graph == "xor"


def test_looking_only_keeps_what_was_left(tmp_path: Path) -> None:
    store = SessionStore(check_known, tmp_path)
    first = worked()
    assert first.origin is not None
    AutoSaver(store, first.origin).keep(first)
    autosaver = AutoSaver(store, first.origin)
    autosaver.keep(session())
    assert AutoSaver(store, first.origin).left is not None
    autosaver.keep(worked(lines=["step"]))
    assert store.path_for("xor").with_suffix(".previous").exists()
    assert "moment 1:" in AutoSaver(store, first.origin).greeting("R", "s")


def test_a_changed_graph_is_said_so(tmp_path: Path) -> None:
    path = tmp_path / "graph.json"
    save(load_graph("xor"), path)
    first = worked(str(path))
    assert first.origin is not None
    AutoSaver(SessionStore(check_known, tmp_path), first.origin).keep(first)
    path.write_text(path.read_text().replace('"learning_rate": 2', '"learning_rate": 3'))
    opened = open_graph(str(path))
    autosaver = AutoSaver(SessionStore(check_known, tmp_path), opened.origin)
    second = open_session(ComputedDebugger(opened.graph), origin=opened.origin, left=autosaver.left)
    assert "the graph has changed since" in second.run("resume").text


def test_the_hash_is_of_the_files_beside_it_too(tmp_path: Path) -> None:
    for name in ("xor.json", "xor.csv"):
        source = ROOT / "graphs" / name
        (tmp_path / name).write_bytes(source.read_bytes())
    path = str(tmp_path / "xor.json")
    before = open_graph(path).origin.fingerprint
    assert open_graph(path).origin.fingerprint == before
    table = tmp_path / "xor.csv"
    table.write_text(table.read_text().replace("0,1", "1,1", 1))
    assert open_graph(path).origin.fingerprint != before


def test_a_damaged_session_is_told_and_put_aside(tmp_path: Path) -> None:
    store = SessionStore(check_known, tmp_path)
    first = worked()
    assert first.origin is not None
    AutoSaver(store, first.origin).keep(first)
    path = store.path_for("xor")
    path.write_bytes(path.read_bytes()[:-30])
    autosaver = AutoSaver(store, first.origin)
    assert autosaver.left is None
    assert "cannot be read: xor-" in autosaver.greeting("R", "s")
    with pytest.raises(DebuggerError, match="line 19"):
        autosaver.must_be_left()
    autosaver.keep(first)
    assert path.with_suffix(".previous").exists()
    assert AutoSaver(store, first.origin).left is not None


def test_a_session_that_cannot_be_kept_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    first = worked()
    assert first.origin is not None
    autosaver = AutoSaver(SessionStore(check_known, tmp_path / "file"), first.origin)
    autosaver.keep(first)
    assert "cannot save this session" in autosaver.problem


def test_nothing_left_is_said_so() -> None:
    with pytest.raises(DebuggerError, match="no saved session of this graph"):
        session().run("resume")


# Files that are written ----------------------------------------------------------------------


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


# What others do to sessions, and odd names ------------------------------------------------------


def console_on(graph: str, folder: Path) -> tuple[Session, AutoSaver]:
    opened = open_graph(graph)
    autosaver = AutoSaver(SessionStore(check_known, folder), opened.origin)
    run = open_session(ComputedDebugger(opened.graph), origin=opened.origin, left=autosaver.left)
    run.left_before = autosaver.before
    return run, autosaver


def test_a_whole_tensor_that_was_set_comes_back(tmp_path: Path) -> None:
    run, autosaver = console_on("digits", tmp_path)
    run.run("set W1 = 0.5")
    run.run("sgd")
    autosaver.keep(run)
    again, _ = console_on("digits", tmp_path)
    again.run("resume")
    assert again.debugger.state.value(2).tobytes() == run.debugger.state.value(2).tobytes()
    assert again.debugger.moment == run.debugger.moment


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


def test_two_sessions_at_once_are_both_kept(tmp_path: Path) -> None:
    first, saver = console_on("xor", tmp_path)
    second, other_saver = console_on("xor", tmp_path)
    first.run("set W1[0,0] = 0.7")
    saver.keep(first)
    second.run("step 9")
    other_saver.keep(second)
    first.run("step 5")
    saver.keep(first)
    later, _ = console_on("xor", tmp_path)
    later.run("resume")
    assert later.debugger.moment == 5
    later.run("resume previous")
    assert later.debugger.moment == 9


def test_beginning_anew_puts_the_session_aside(tmp_path: Path) -> None:
    for line in ("step 154", "step"):
        run, autosaver = console_on("xor", tmp_path)
        run.run(line)
        autosaver.keep(run)
    run, autosaver = console_on("xor", tmp_path)
    run.run("resume previous")
    assert run.debugger.moment == 154
    again, autosaver = console_on("xor", tmp_path)
    again.run("resume")
    again.run("step")
    autosaver.keep(again)
    last, _ = console_on("xor", tmp_path)
    last.run("resume previous")
    assert last.debugger.moment == 154


def test_a_session_that_goes_on_with_itself_ends(tmp_path: Path) -> None:
    run, autosaver = console_on("xor", tmp_path)
    run.run("step")
    text = session_text(autosaver.origin, ["step", "resume"])
    autosaver.path.parent.mkdir(parents=True, exist_ok=True)
    autosaver.path.write_text(text)
    again, _ = console_on("xor", tmp_path)
    with pytest.raises(MiniflowError, match="nested more than"):
        again.run("resume")


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
