"""Commands that show plots of the moment: the cost's landscape, and the network's answers.

The app shows them in a panel that follows the moment; elsewhere they are computed at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, TypeVar

from mfdebug.core.commands.status import status
from mfdebug.core.session.plot import Plot, PlotKind
from mfdebug.core.session.reply import Reply
from mfdebug.core.session.session import Session
from mfdebug.core.timeline.debugger import Debugger

if TYPE_CHECKING:
    from mfdebug.core.plots.drawing import Drawing

T = TypeVar("T")

# The size of a plot as text; so many columns fit into 80 with an indent.
WIDTH, HEIGHT = 72, 22


def run_landscape(session: Session, text: str) -> Reply:
    from mfdebug.core.landscape.views import view_named

    return _plot(session, "landscape", text, view_named, landscape_reply)


def run_answers(session: Session, text: str) -> Reply:
    from mfdebug.core.answers.subject import find_subject

    return _plot(session, "answers", text, find_subject, answers_reply)


def _plot(
    session: Session,
    kind: PlotKind,
    text: str,
    check: Callable[[Debugger, str], object],
    reply: Callable[[Debugger, str], Reply],
) -> Reply:
    """Show a plot in the panel, or hide it; without a panel, return the plot."""
    if text == "off":
        session.plot = None
        return Reply(f"{kind}: off", {kind: "off"})
    toggles, text = text == "toggle", "" if text == "toggle" else text
    if toggles and session.plot is not None and session.plot.kind == kind:
        session.plot = None
        return Reply(f"{kind}: off", {kind: "off"})
    check(session.debugger, text)
    if not session.has_panels:
        return reply(session.debugger, text)
    session.plot = Plot(kind, text)
    return Reply(f"{kind}: in the panel", {kind: "on"})


def landscape_reply(debugger: Debugger, text: str) -> Reply:
    """Return the landscape of the present moment as text and data."""
    from mfdebug.core.landscape.data import landscape_data
    from mfdebug.core.landscape.drawing import draw
    from mfdebug.core.landscape.landscape import Landscape
    from mfdebug.core.landscape.survey import Surveyor
    from mfdebug.core.landscape.views import view_named

    view = view_named(debugger, text)
    landscape = _result(Surveyor(debugger).survey(view), Landscape)
    shown = _as_text(debugger, landscape.title, draw(landscape, WIDTH, HEIGHT))
    return Reply(shown, landscape_data(landscape), subject=landscape)


def answers_reply(debugger: Debugger, text: str) -> Reply:
    """Return the answers at the present moment as text and data."""
    from mfdebug.core.answers.answers import Answers
    from mfdebug.core.answers.data import answers_data
    from mfdebug.core.answers.drawing import draw
    from mfdebug.core.answers.inquiry import Inquirer
    from mfdebug.core.answers.subject import find_subject

    subject = find_subject(debugger, text)
    answers = _result(Inquirer(debugger).inquire(subject), Answers)
    shown = _as_text(debugger, answers.title, draw(answers, WIDTH, HEIGHT))
    return Reply(shown, answers_data(answers), subject=answers)


def _result(slices: Iterator[object], kind: type[T]) -> T:
    """Run all slices and return the result, the last thing that they yield."""
    *_, last = slices
    assert isinstance(last, kind)
    return last


def _as_text(debugger: Debugger, title: str, drawing: Drawing) -> str:
    return f"{title} ∙ {status(debugger)}\n\n{drawing.text()}"
