"""Damaged sessions and scripts are refused, with the line."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mfdebug.core.commands.interpreter import check_known
from mfdebug.core.session.replay import session_lines
from mfdebug.core.session.script import Origin, script_of, session_text
from mfdebug.core.timeline.debugger import DebuggerError
from miniflow.errors import MiniflowError
from tests.core.session.worked_sessions import as_seen, session, worked
from tests.support.sizes import examples


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


@pytest.mark.slow
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
