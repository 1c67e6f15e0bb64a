"""The lines of a node's value and gradient: numbers on their own lines, tensors in one window."""

from __future__ import annotations

from collections.abc import Iterable

from rich.cells import cell_len
from rich.segment import Segment

from mfdebug.core.explain.freshness import set_by_user
from mfdebug.core.explain.images import Picture
from mfdebug.core.explain.list_marks import OVERRIDDEN_MARK
from mfdebug.core.explain.previous_pass import PreviousPass
from mfdebug.core.explain.report import NodeReport
from mfdebug.core.format.numbers import scalar
from mfdebug.core.timeline.debugger import Debugger, Freshness
from mfdebug.tui.terminal.text_fitting import wrap_terms
from mfdebug.tui.widgets.equations import equation_lines, text_lines
from mfdebug.tui.widgets.heat_cells import Shading
from mfdebug.tui.widgets.node_look import Look
from mfdebug.tui.widgets.tensor import GAP, Line, Paint
from mfdebug.tui.widgets.tensor_columns import (
    ASKED,
    NOT_ASKED,
    NumberSpan,
    ShownTensor,
    heading,
)
from mfdebug.tui.widgets.tensor_view import TensorView, tensor_view

# The fewest lines of numbers, and of a heatmap, headings included.
LEAST_ROWS, LEAST_HEAT_ROWS = 7, 9


class NodeTensors:
    """Value and gradient of a node at the present moment, and those of the pass before if asked.

    `shown` is how they are shown, if they have several entries; `spans` is where the entries are.
    """

    def __init__(
        self,
        debugger: Debugger,
        node: int,
        report: NodeReport,
        look: Look,
        *,
        gradient_asked: bool,
        previous: PreviousPass | None,
        picture: Picture | None,
    ) -> None:
        self._debugger, self._node, self._report, self._look = debugger, node, report, look
        self._width, self._dim = look.width, look.style("dim")
        self._asked, self._previous, self._picture = gradient_asked, previous, picture
        where = debugger.where
        self._now = where.phase if where.node == node else ""
        self.shown: TensorView | None = None
        self.spans: list[NumberSpan] = []

    def lines(self, height: int, top: int) -> Iterable[Line]:
        """Yield value and gradient: numbers in lines of their own, tensors in one window.

        The first of these lines is line `top` of the panel.
        """
        self.spans = []
        value, gradient = self._value_tensor(), self._gradient_tensor()
        before = self._previous_tensor()
        found = [tensor for tensor in (value, gradient, before) if tensor is not None]
        several = bool(found) and found[0].array.size > 1
        if value is None:
            words = self._report.unknown or "not computed yet"
            absent_value = list(self._absent("value", words))
            yield from absent_value
            top += len(absent_value)
        if several:
            absent = [] if gradient is not None else list(self._no_gradient())
            rows, look = max(self._least_rows, height - len(absent)), self._look
            shading = Shading(look.style, look.half_blocks, ascii_only=look.ascii_only)
            index, width, picture = self._report.index, self._width, self._picture
            self.shown = tensor_view(found, index, width, rows, look.view, shading, picture)
            self.spans = [span._replace(line=span.line + top) for span in self.shown.spans]
            yield from self.shown.lines
        else:
            for tensor in found:
                lines = list(self._number(tensor))
                yield from lines
                self.spans += [
                    NumberSpan(y, 0, self._width, 0, tensor.label)
                    for y in range(top, top + len(lines))
                ]
                top += len(lines)
        if gradient is None:
            yield from self._no_gradient()
        if self._previous is not None and self._previous.problem:
            yield from self._absent("previous pass", self._previous.problem)

    @property
    def _least_rows(self) -> int:
        """The fewest lines of a tensor, headings included, even if the panel has to scroll then."""
        if self._look.view != "numbers":
            return max(LEAST_HEAT_ROWS, self._look.height - 1)
        return max(LEAST_ROWS, self._look.height // (2 if self._look.zoomed else 3))

    def _absent(self, label: str, reason: str) -> Iterable[Line]:
        yield from heading(NOT_ASKED + label, [(reason,)], self._width, paint_of(self._look))

    def _no_gradient(self) -> Iterable[Line]:
        shown = self._report
        if shown.no_gradient:
            yield from self._absent("gradient", f"none: {shown.no_gradient}")
        else:
            yield from self._absent("gradient", shown.unknown_gradient or "not computed yet")

    def _value_tensor(self) -> ShownTensor | None:
        shown = self._report
        if shown.value_freshness.absent:
            return None
        stale = shown.value_freshness is Freshness.STALE
        overridden = self._debugger.state.override(self._node) is not None
        notes = self._set_words(shown.value_set, stale, overridden=overridden)
        if not stale and set_by_user(self._debugger, self._node):
            notes = (f"set by you at moment {shown.value_set or 0}", "by you")
        if shown.outdated:
            words = f"before {shown.outdated}'s update"
            notes = (f"from {words}, {notes[0]}", f"from {words}", words)
        paint = paint_of(self._look, now=self._now == "forward", stale=stale, asked=not self._asked)
        return ShownTensor("value", "", notes, self._debugger.state.value(self._node), paint)

    def _gradient_tensor(self) -> ShownTensor | None:
        shown = self._report
        if shown.no_gradient or shown.gradient_freshness.absent:
            return None
        stale = shown.gradient_freshness is Freshness.STALE
        overridden = self._debugger.state.override(self._node, gradient=True) is not None
        notes = self._set_words(shown.gradient_set, stale, overridden=overridden)
        if shown.gradient_freshness is Freshness.PARTIAL:
            words = _partial_words(shown)
            notes = (f"{words}, {notes[0]}", words) if notes[0] else (words,)
        paint = paint_of(self._look, now=self._now == "backward", stale=stale, asked=self._asked)
        gradient = self._debugger.state.gradient(self._node)
        return ShownTensor("gradient", shown.symbol, notes, gradient, paint, signed=True)

    def _previous_tensor(self) -> ShownTensor | None:
        """Return the tensor of the previous pass, value or gradient: what is asked about."""
        before = self._previous
        if before is None or before.array is None:
            return None
        notes = self._set_words(before.moment, stale=False)
        paint = paint_of(self._look, stale=True, asked=False)
        symbol = self._report.symbol if self._asked else self._report.name
        meaning = symbol if before.array.size == 1 else ""
        return ShownTensor("previous pass", meaning, notes, before.array, paint, signed=self._asked)

    def _set_words(
        self, moment: int | None, stale: bool, *, overridden: bool = False
    ) -> tuple[str, ...]:
        """Return when a tensor was set, in a long and a short form: `set at moment 9`."""
        if overridden and not stale:
            return f"{OVERRIDDEN_MARK} set by you at moment {moment}", f"{OVERRIDDEN_MARK} by you"
        if self._look.roomy and not stale:
            return ("",)
        if moment is None:
            return "initial value", "initial"
        if moment == self._debugger.moment:
            # A title line above names the present moment.
            return ("set now", "now", "")
        if not stale:
            return (f"set at moment {moment}", f"moment {moment}")
        step = self._debugger.timeline.sgd_step(moment)
        long = f"stale (step {step}), set at moment {moment}"
        return long, f"stale, moment {moment}", "stale"

    def _number(self, tensor: ShownTensor) -> Iterable[Line]:
        """Yield the lines of a value or gradient of one number."""
        number = float(tensor.array.reshape(()))
        label = (ASKED if tensor.paint.asked else NOT_ASKED) + tensor.label
        before = f"{tensor.meaning} = " if tensor.meaning else ""
        working = self._report.working if tensor.label == "value" else ""
        if working and self.working_fits:
            before, working = f"{working} = ", ""
        shown = tensor.paint.number(scalar(number), number)
        line = [
            Segment(label, tensor.paint.style("label")),
            Segment(f"{GAP}{before}", self._dim),
            tensor.paint.chosen(shown) if tensor.paint.asked else shown,
        ]
        used = sum(segment.cell_length for segment in line)
        if used > self._width:
            yield line[:1]
            paint = tensor.paint
            text = before.removesuffix(" = ")
            yield from equation_lines(text, number, self._width, self._dim, paint, 4)
            used, line = self._width, []
        room = self._width - used - len(GAP)
        notes = next((form for form in tensor.notes if cell_len(form) <= room), None)
        if line:
            yield [*line, Segment(f"{GAP}{notes}", self._dim)] if notes else line
        if notes is None:
            yield from text_lines(tensor.notes[0], self._width, 4, self._dim)
        if working and self._now != "backward":
            for part in wrap_terms(f"= {working}", self._width - 4):
                yield [Segment(f"    {part}", self._dim)]

    @property
    def working_fits(self) -> bool:
        """Whether a single number and how it was computed fit into a line."""
        shown = self._report
        number = 0.0 if shown.value is None else shown.value
        text = f"{NOT_ASKED}value{GAP}{shown.working} = {scalar(number)}"
        return cell_len(text) <= self._width


def _partial_words(node_report: NodeReport) -> str:
    """Return how many consumers have sent, and when all have, the node's own backward moment."""
    counted = f"{node_report.reported} of {node_report.edges}"
    if node_report.reported < node_report.edges or node_report.turn is None:
        return f"{counted} so far"
    return f"complete, {counted}: its turn is moment {node_report.turn}"


def paint_of(look: Look, *, now: bool = False, stale: bool = False, asked: bool = True) -> Paint:
    """Return how numbers are styled in a look."""
    return Paint(look.style, now=now, stale=stale, weighed=not look.roomy, asked=asked)
