"""The `why` dialog: a number's terms, and navigation from each term to its causes.

Enter follows the selected term to a number that it depends on and shows that number's terms;
Backspace returns. This leads from the cost back to the weight that caused it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from msgspec.structs import replace
from rich.cells import cell_len
from rich.segment import Segment
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.events import Resize
from textual.strip import Strip
from textual.widgets import Static

from mfdebug.core.explain.cause_text import equation_lines
from mfdebug.core.explain.meetings import meeting_lines
from mfdebug.core.explain.why import Cause, why
from mfdebug.core.format.cells import cut_end
from mfdebug.core.format.numbers import scalar
from mfdebug.core.timeline.debugger import Debugger, Freshness
from mfdebug.core.timeline.entry_ref import EntryRef
from mfdebug.tui.keys import bindings_at, keys_of, with_keys
from mfdebug.tui.screens.dialog import Dialog
from mfdebug.tui.terminal.text_fitting import fit, fit_end, wrap, wrap_terms
from mfdebug.tui.widgets.key_words import KeyWords
from mfdebug.tui.widgets.why_lines import LeadLines, TermList, WhyLines
from miniflow.errors import MiniflowError
from miniflow.node import Input

STEP = " › "
# The most lines of the equation; a longer sum is shown by the list of its terms.
MAX_EQUATION = 7
# The fewest terms that are seen, and those below matrices and notes.
LEAST_TERMS, FEW_TERMS = 2, 3
# The most lines of numbers to follow, on a low screen and on others; their indentation: that of the
# key before the first.
FEW_LEADS, MOST_LEADS, LEAD_INDENT = 2, 4, 6
# A screen below this height is low.
LOW = 24
# The lines of the dialog beside those of its parts.
AROUND = 9
KEYS = (
    "↑ ↓ term  ← → factor  Enter follows it  Backspace returns  g goes there  Esc closes",
    "↑↓ term ←→ factor Enter follow Bksp back g go Esc",
    "↑↓ term ←→ factor Enter follow g go Esc",
)


@dataclass
class _Visit:
    """A number on the trail, with the selected term and the selected number in that term."""

    cause: Cause
    term: int = 0
    factor: int = 0

    @property
    def leads_to(self) -> tuple[EntryRef, ...]:
        """The numbers that the selected term depends on."""
        terms = self.cause.terms
        return terms[self.term].leads_to if terms else ()

    @property
    def chosen(self) -> EntryRef | None:
        """The selected number, which Enter follows."""
        return self.leads_to[self.factor] if self.leads_to else None


class WhyScreen(Dialog[EntryRef | None]):
    """The dialog; it is dismissed with the number to go to, or with None."""

    DEFAULT_CSS = """
    WhyScreen {
        #why-trail { height: 1; margin-bottom: 1; }
        #why-heads { height: 1; margin-top: 1; color: $text-muted; }
        #why-leads { height: auto; margin-top: 1; }
        #dialog-keys { height: 1; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = bindings_at("why")

    def __init__(self, debugger: Debugger, cause: Cause) -> None:
        super().__init__()
        self._debugger = debugger
        self._trail: list[_Visit] = []
        self._problem = ""
        self._numbers: dict[EntryRef, float] = {}
        self._go_to(cause)

    def compose(self) -> ComposeResult:
        """The trail, the number as a sum, its terms, and the numbers to follow."""
        with Vertical(id="dialog"):
            yield WhyLines(id="why-trail")
            yield WhyLines(id="why-equation")
            yield Static("", id="why-heads", markup=False)
            yield TermList(id="why-terms")
            yield LeadLines(id="why-leads")
            yield KeyWords(id="dialog-keys")

    @property
    def _here(self) -> _Visit:
        return self._trail[-1]

    def on_resize(self, _event: Resize) -> None:
        """Wrap the lines to the new width."""
        self.call_after_refresh(self._show)

    # Showing -----------------------------------------------------------------------------

    def _show(self) -> None:
        here = self._here
        trail = self.query_one("#why-trail", WhyLines)
        width = trail.size.width
        trail.update_lines([self._trail_line(trail)])

        view = self.query_one(LeadLines)
        leads = self._lead_lines(view, width)
        lines = self.room.height * 9 // 10 - AROUND - len(leads)
        several = len(here.cause.terms) > 1
        most = min(MAX_EQUATION, lines - (LEAST_TERMS if several else 0))
        told = equation_lines(here.cause, self._debugger)
        if here.cause.meetings:
            # What the matrices show is not written out, too.
            told = [told[0], told[-1]]
        equation = _equation(told, width)
        if len(equation) > most and several:
            # A part of the sum would not be equal to the number in the last line.
            equation = _equation([told[0], told[-1]], width)
        if len(equation) > most:
            last = fit(f"{equation[most - 2].text} …", width).rstrip()
            equation = [*equation[: most - 2], Segment(last), equation[-1]]
        equation_view = self.query_one("#why-equation", WhyLines)
        self.query_one(KeyWords).use(next((k for k in KEYS if cell_len(k) <= width), KEYS[-1]))
        lines -= len(equation)
        words = _shortened(wrap(here.cause.note, width), lines - (FEW_TERMS if several else 0))
        notes = [Segment(part, equation_view.style("dim")) for part in words]
        met = _met(here.cause, width, lines - len(notes) - FEW_TERMS)
        lines -= len(notes) + len(met)
        equation_view.styles.height = len(equation) + len(met) + len(notes)
        equation_view.update_lines(Strip([segment]) for segment in [*equation, *met, *notes])
        terms = self.query_one(TermList)
        terms.display = several
        self.query_one("#why-heads").display = several
        if several:
            count = len(here.cause.terms) + bool(here.cause.left_out)
            terms.styles.height = max(LEAST_TERMS, min(count, lines))
            terms.show(here.cause, here.term)
            self.query_one("#why-heads", Static).update(terms.heads)
        view.styles.height = len(leads)
        view.update_lines(leads)

    def _trail_line(self, view: WhyLines) -> Strip:
        """Return the trail, without its beginning if it does not fit."""
        refs = [visit.cause.ref for visit in self._trail]
        moments = [None, *(ref.moment for ref in refs)]
        names = [self._label(ref, at) for ref, at in zip(refs, moments, strict=False)]
        here = names.pop()
        before = "why " + STEP.join([*names, ""])
        while names and cell_len(before) + cell_len(here) > view.size.width:
            names.pop(0)
            before = "why … › " + STEP.join([*names, ""])
        if cell_len(before) + cell_len(here) > view.size.width:
            here = fit(here, view.size.width - cell_len(before))
        return Strip([Segment(before, view.style("dim")), Segment(here, view.style("here"))])

    def _lead_lines(self, view: LeadLines, width: int) -> list[Strip]:
        """Return the numbers to follow, and the key that goes to a stale number's moment."""
        lines = self._ref_lines(view, width)
        if self._is_stale:
            key = keys_of(self).name("why-made")
            words = f"{key} goes to moment {self._made}, which computed it"
            lines.append(Strip([Segment(fit(words, width), view.style("dim"))]))
        return lines

    @property
    def _made(self) -> int | None:
        """The moment at which a stale number was computed."""
        ref, debugger = self._here.cause.ref, self._debugger
        return debugger.state.made_at(ref.node, gradient=ref.attribute == "grad")

    @property
    def _is_stale(self) -> bool:
        ref, debugger = self._here.cause.ref, self._debugger
        if ref.moment is not None:
            return False
        gradient = ref.attribute == "grad"
        return debugger.state.freshness(ref.node, gradient=gradient) is Freshness.STALE

    def _ref_lines(self, view: LeadLines, width: int) -> list[Strip]:
        """Return the numbers of the selected term, of which Enter follows the selected one."""
        view.spans = []
        if self._problem:
            return [Strip([Segment(part)]) for part in wrap(self._problem, width)]
        here = self._here
        if not here.leads_to:
            return [Strip([Segment("nothing leads further back", view.style("dim"))])]
        segments = [Segment("Enter ", view.style("dim"))]
        for k, ref in enumerate(here.leads_to):
            chosen = view.style("chosen") if k == here.factor else None
            number = f" = {scalar(self._number(ref))} "
            room = width - 1 - LEAD_INDENT - cell_len(number)
            text = f" {fit_end(self._label(ref, here.cause.ref.moment), room)}{number}"
            segments += [Segment(text, chosen), Segment(" ")]
        lines = [Strip(segments[:1])]
        for at, segment in enumerate(segments[1:]):
            if lines[-1].cell_length + segment.cell_length > width:
                lines.append(Strip([Segment(" " * LEAD_INDENT)]))
            start = lines[-1].cell_length
            lines[-1] = Strip([*lines[-1], segment])
            # Every other segment is a blank.
            if at % 2 == 0:
                view.spans.append((len(lines) - 1, start, lines[-1].cell_length))
        return self._leads_in_view(view, lines)

    def _leads_in_view(self, view: LeadLines, lines: list[Strip]) -> list[Strip]:
        """Return the lines around the selected number, if there are too many."""
        most = MOST_LEADS if self.room.height >= LOW else FEW_LEADS
        if len(lines) <= most:
            return lines
        at = view.spans[self._here.factor][0]
        first = min(max(0, at - most // 2), len(lines) - most)
        view.spans = [(line - first, start, end) for line, start, end in view.spans]
        shown = lines[first : first + most]
        dots = Segment(f"{' ' * (LEAD_INDENT - 2)}… ", view.style("dim"))
        for place, is_cut in ((0, first), (-1, first + most < len(lines))):
            if is_cut:
                shown[place] = Strip([dots, *list(shown[place])[1:]])
        return shown

    def _number(self, ref: EntryRef) -> float:
        """Return a number on the trail; those of other moments are looked up only once."""
        if ref not in self._numbers:
            self._numbers[ref] = ref.number(self._debugger)
        return self._numbers[ref]

    def _label(self, ref: EntryRef, here: int | None) -> str:
        """Return a number's name, with its moment if that differs from `here`."""
        at = "" if ref.moment == here else f" at {ref.moment or self._debugger.moment}"
        return ref.text(self._debugger) + at

    # The mouse ---------------------------------------------------------------------------

    def on_term_list_clicked(self, event: TermList.Clicked) -> None:
        """Select the term that was clicked; follow it if it was clicked twice."""
        if not event.twice:
            self.action_term(event.term - self._here.term)
        else:
            self.action_follow()

    def on_lead_lines_clicked(self, event: LeadLines.Clicked) -> None:
        """Explain the number that was clicked."""
        self._here.factor = event.factor
        self.action_follow()

    # Keys --------------------------------------------------------------------------------

    def action_term(self, by: int) -> None:
        """Select another term."""
        here = self._here
        last = max(0, len(here.cause.terms) - 1)
        here.term, self._problem = min(max(here.term + by, 0), last), ""
        here.factor = self._first_factor(here)
        self._show()

    def action_factor(self, by: int) -> None:
        """Select another number of the term."""
        here = self._here
        if here.leads_to:
            here.factor, self._problem = (here.factor + by) % len(here.leads_to), ""
            self._show()

    def action_follow(self) -> None:
        """Explain the selected number."""
        ref = self._here.chosen
        if ref is None:
            return
        try:
            self._go_to(why(self._debugger, ref))
        except MiniflowError as error:
            self._problem = with_keys(str(error), keys_of(self))
        self._show()

    def _go_to(self, cause: Cause) -> None:
        visit = _Visit(cause, self._first_term(cause))
        visit.factor = self._first_factor(visit)
        self._trail.append(visit)

    def _first_term(self, cause: Cause) -> int:
        """Return the term to select first: the largest, and among equals a computed one.

        For a parameter it is the change by its update; the other term is the value before.
        """
        if " ← " in cause.rule:
            return len(cause.terms) - 1
        sizes = [math.inf if math.isnan(t.amount) else abs(t.amount) for t in cause.terms]
        largest = [k for k, size in enumerate(sizes) if size == max(sizes)]
        computed = (k for k in largest if not all(map(self._is_constant, cause.terms[k].leads_to)))
        return next(computed, largest[0] if largest else 0)

    def _is_constant(self, ref: EntryRef) -> bool:
        """Whether a number belongs to an input that is not trained, which explains nothing."""
        node = self._debugger.graph.nodes[ref.node]
        return ref.attribute == "value" and isinstance(node, Input) and not node.trainable

    def _first_factor(self, visit: _Visit) -> int:
        """Return the number to select first: one that is not finite, or else not constant."""
        if not math.isfinite(visit.cause.number):
            for k, ref in enumerate(visit.leads_to):
                if not math.isfinite(self._number(ref)):
                    return k
        for k, ref in enumerate(visit.leads_to):
            if not self._is_constant(ref):
                return k
        return 0

    def action_return(self) -> None:
        """Return to the previous number."""
        if len(self._trail) > 1:
            self._trail.pop()
        self._problem = ""
        self._show()

    async def action_prompt(self) -> None:
        """Close, and open the prompt."""
        await self.app.pop_screen()
        await self.app.screen.run_action("prompt('')")

    def action_leave(self) -> None:
        """Close without going anywhere."""
        self.dismiss(None)

    def action_made(self) -> None:
        """Close, and go to the present number, at the moment that computed it."""
        ref = self._here.cause.ref
        self.dismiss(replace(ref, moment=self._made) if self._is_stale else ref)


def _met(cause: Cause, width: int, room: int) -> list[Segment]:
    """Return the lines of the matrices that met: of as many as fit into `room` lines."""
    met: list[Segment] = []
    for meeting in cause.meetings:
        lines = [Segment(cut_end(line, width)) for line in meeting_lines([meeting], width)]
        if len(met) + len(lines) > room:
            break
        met += lines
    return met


def _shortened(lines: list[str], most: int) -> list[str]:
    """Return the first lines of a note, if not all have room."""
    lines = [line for line in lines if line]
    if len(lines) <= most:
        return lines
    return [*lines[: most - 1], f"{lines[most - 1][:-1].rstrip()}…"] if most > 0 else []


def _equation(told: list[str], width: int) -> list[Segment]:
    return [Segment(part) for line in told for part in _wrapped(line, width)]


def _wrapped(line: str, width: int) -> list[str]:
    """Wrap a line of an equation at its terms; continuation lines are indented."""
    indent = line[: len(line) - len(line.lstrip())]
    first, *rest = wrap_terms(line.strip(), width - len(indent) - 4) or [""]
    return [indent + first, *(f"{indent}    {part}" for part in rest)]
