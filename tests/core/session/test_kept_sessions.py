"""Sessions are kept when they are left, and continued later."""

from __future__ import annotations

from pathlib import Path

import pytest

from mfdebug.core.commands.interpreter import check_known, open_session
from mfdebug.core.session.script import session_text
from mfdebug.core.session.session import Session
from mfdebug.core.session.store import AutoSaver, SessionStore
from mfdebug.core.timeline.computed_debugger import ComputedDebugger
from mfdebug.core.timeline.debugger import DebuggerError
from mfdebug.opening.graphs import load_graph, open_graph
from miniflow.errors import MiniflowError
from miniflow.files import save
from tests.core.session.worked_sessions import as_seen, session, worked
from tests.support.paths import ROOT

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
