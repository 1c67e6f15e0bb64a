"""A branch computes on from a recorded pass: the same numbers until something is changed."""

from __future__ import annotations

import pytest

from mfdebug.core.commands.interpreter import open_session
from mfdebug.core.session.replay import run_script, session_lines
from mfdebug.core.session.script import Script
from mfdebug.core.session.session import Session
from mfdebug.core.timeline.debugger import DebuggerError
from mfdebug.core.timeline.state import Freshness
from mfdebug.recording.debugger import RecordedLines
from miniflow.errors import MiniflowError
from tests.recording.memory import MemoryRun
from tests.recording.programs import PROGRAMS


def opened(name: str, *lines: str) -> Session:
    session = open_session(RecordedLines(MemoryRun(name, PROGRAMS[name])).debugger(0))
    for line in lines:
        session.run(line)
    return session


def printed(session: Session, expression: str) -> float:
    return float(session.run(f"print {expression}").data)


def test_a_branch_has_the_numbers_of_its_pass() -> None:
    session = opened("update_by_hand", "sgd 1", "sgd 1")
    run = session.debugger
    moments = [run.timeline.start_of(1) + 1, *_moments_of(session, "forward")]
    moments.append(_moments_of(session, "backward")[-1])
    for moment in moments:
        session.run(f"goto {moment}")
        recorded = _numbers(session)
        assert "updated by plain SGD" in session.run("branch").text
        assert session.debugger.trunk is run
        assert session.debugger.where.phase == run.where.phase
        assert session.debugger.where.node == run.where.node
        branch = _numbers(session)
        # Ours may go back in another order than the program.
        both = {name for name in recorded if name in branch or not name.endswith(".grad")}
        assert {name: branch[name] for name in both} == pytest.approx(
            {name: recorded[name] for name in both}, rel=1e-12
        )
        session.run("branch")
        assert session.debugger is run
        assert run.moment == moment


def _moments_of(session: Session, phase: str) -> list[int]:
    timeline = session.debugger.timeline
    first = timeline.start_of(1)
    moments = range(first, timeline.start_of(2))
    return [moment for moment in moments if timeline.name(moment).phase == phase]


def _numbers(session: Session) -> dict[str, float]:
    """Return the values and gradients that were computed in the present SGD step."""
    state, found = session.debugger.state, {}
    for i, node in enumerate(session.debugger.graph.nodes):
        if state.value_freshness(i) is Freshness.CURRENT:
            found[node.label] = printed(session, node.label)
        if state.gradient_freshness(i) is Freshness.CURRENT:
            found[f"{node.label}.grad"] = printed(session, f"{node.label}.grad")
    return found


def test_what_is_set_in_a_branch_is_computed_on_and_leaves_the_run_as_it_is() -> None:
    session = opened("update_by_hand", "until cost")
    recorded = printed(session, "cost")
    session.run("branch")
    session.run("goto 1")
    session.run("set w = 2")
    session.run("until cost")
    assert printed(session, "cost") != recorded
    session.run("undo")
    session.run("until cost")
    session.run("branch off")
    assert printed(session, "cost") == recorded


def test_a_saved_session_returns_to_its_branch() -> None:
    session = opened("update_by_hand", "until cost", "branch", "set w = 2", "step 2")
    lines = session_lines(session)
    again = opened("update_by_hand")
    run_script(again, Script("saved", list(enumerate(lines, 1))))
    assert session_lines(again) == lines
    assert again.debugger.trunk is not None
    assert again.debugger.moment == session.debugger.moment


@pytest.mark.parametrize(
    ("name", "lines", "message"),
    [
        ("update_by_hand", ("branch off",), "this is no branch"),
        ("update_by_hand", ("branch 3",), "not understood"),
        ("zero_upstream", ("step", "branch"), "s (Square)"),
    ],
)
def test_what_cannot_branch_says_why(name: str, lines: tuple[str, ...], message: str) -> None:
    *before, last = lines
    session = opened(name, *before)
    with pytest.raises((DebuggerError, MiniflowError)) as caught:
        session.run(last)
    assert message in str(caught.value)
