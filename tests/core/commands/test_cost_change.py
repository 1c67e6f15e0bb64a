"""An edit answers with what it did to the cost, and with nothing where that is not known."""

from __future__ import annotations

import pytest

from mfdebug.core.session.session import Session
from tests.core.commands.sessions import session


def answers(opened: Session, *lines: str) -> str:
    """The first line of the reply to the last of these lines."""
    return [opened.run(line).text.split("\n")[0] for line in lines][-1]


def test_an_edit_and_its_undo_answer_with_the_cost_before_and_after() -> None:
    opened = session("wx")
    assert answers(opened, "sgd", "goto sgd 1", "next 2", "set w = 3") == "w = 3; cost 576 to 100"
    assert answers(opened, "undo") == "undone: w = 3; cost 100 to 576"
    assert answers(opened, "redo") == "redone: w = 3; cost 576 to 100"
    assert answers(opened, "set w = 3") == "w = 3; cost still 100"


def test_a_cost_that_is_named_otherwise_has_its_name() -> None:
    assert answers(session("circuit-a"), "next 2", "set x = 9") == "x = 9; f -12 to -56"


def test_costs_that_look_alike_have_more_digits() -> None:
    reply = answers(session("wx"), "next 2", "set w = 5.000001")
    assert reply == "w = 5; cost 900 to 900.001"


@pytest.mark.parametrize(
    ("moves", "edit"),
    [
        (["next"], "set w = 3"),  # the cost is not computed
        (["sgd", "step"], "set w = 3"),  # it is that of the step before
        (["sgd"], "set w = 3"),  # the edit takes effect in the next step
        (["next 3"], "set lr = 0.5"),  # the learning rate is used after it
        (["sgd", "set lr = 0.5", "next 3"], "undo"),  # and has not been used
    ],
)
def test_nothing_is_said_where_the_edit_cannot_have_changed_it(moves: list[str], edit: str) -> None:
    assert "cost" not in answers(session("wx"), *moves, edit)
