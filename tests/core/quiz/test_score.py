"""The score: counted by kind, written into a session as words, and read back."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mfdebug.core.commands.interpreter import open_session
from mfdebug.core.quiz.question import KINDS
from mfdebug.core.quiz.score import ADVICE, Answered, Score, read_score
from mfdebug.core.session.replay import session_lines
from mfdebug.core.timeline.computed_debugger import ComputedDebugger
from mfdebug.opening.graphs import load_graph

ANSWERS = st.builds(
    Answered,
    kind=st.sampled_from(KINDS),
    outcome=st.sampled_from(["right", "wrong", "skipped"]),
    hinted=st.booleans(),
    confusion=st.sampled_from([None, *ADVICE]),
)
SCORES = st.builds(
    Score,
    answers=st.lists(ANSWERS, max_size=12).map(tuple),
    earlier=st.tuples(st.integers(0, 9), st.integers(9, 20)) | st.just((0, 0)),
)


@given(SCORES)
def test_a_score_is_read_as_it_was_written(score: Score) -> None:
    assert read_score(score.written) == score


@given(st.text(max_size=30))
def test_other_text_is_no_score(text: str) -> None:
    found = read_score(text)
    assert found is None or found.written.split() == text.split() or not found.asked


def test_a_session_keeps_the_score_by_kind() -> None:
    session = open_session(ComputedDebugger(load_graph("circuit-b")))
    for line in ("goto 5", "quiz", "answer 2", "goto 7", "hint", "answer 2", "skip"):
        session.run(line)
    assert session_lines(session) == [
        "quiz on number-:own-value number+h number.",
        "goto 9",
    ]
    again = open_session(ComputedDebugger(load_graph("circuit-b")))
    for line in session_lines(session):
        again.run(line)
    assert again.quiz is not None
    assert session.quiz is not None
    assert again.run("quiz score").text == session.run("quiz score").text


def test_a_session_of_an_earlier_version_has_a_score_without_kinds() -> None:
    session = open_session(ComputedDebugger(load_graph("circuit-b")))
    session.run("quiz on 3 of 5")
    session.run("goto 5")
    assert session.run("answer -10").text.split("\n")[0].endswith("  4 of 6 right")
    assert session_lines(session)[0] == "quiz on 3 of 5 number+"
