"""The lines of a node at the present moment: its rule, tensors, incoming and outgoing gradients.

The number that has just been computed comes first and is the most prominent. A number that is not
computed yet is shown as such, never as 0.
"""

from __future__ import annotations

from collections.abc import Iterable

from rich.cells import cell_len
from rich.segment import Segment

from mfdebug.core.explain.images import Picture
from mfdebug.core.explain.list_marks import OVERRIDDEN_MARK
from mfdebug.core.explain.moment_text import update_lines
from mfdebug.core.explain.previous_pass import PreviousPass
from mfdebug.core.explain.products import (
    MatrixProduct,
    received_products,
    sent_products,
    value_products,
)
from mfdebug.core.explain.report import NodeReport, report
from mfdebug.core.format.numbers import scalar
from mfdebug.core.timeline.debugger import Debugger, Freshness, index_text
from mfdebug.core.timeline.entry_ref import Index
from mfdebug.tui.terminal.text_fitting import fit, wrap, wrap_terms
from mfdebug.tui.widgets.equations import equation_lines
from mfdebug.tui.widgets.flow_lines import FlowLines
from mfdebug.tui.widgets.heat_cells import Shading
from mfdebug.tui.widgets.input_lines import InputLines
from mfdebug.tui.widgets.node_look import Look
from mfdebug.tui.widgets.product_lines import LEAST_WIDTH, ProductLines
from mfdebug.tui.widgets.tensor import GAP, Line, Paint
from mfdebug.tui.widgets.tensor_columns import (
    ASKED,
    NOT_ASKED,
    NumberSpan,
    ShownTensor,
    heading,
)
from mfdebug.tui.widgets.tensor_view import TensorView, tensor_view
from miniflow.node import Input

# Lines of a title; a formula of many names is cut after them.
TITLE_LINES = 3
# The fewest lines of numbers, and of a heatmap, headings included.
LEAST_ROWS, LEAST_HEAT_ROWS = 7, 9
# The most rows of a matrix at work.
MATRIX_ROWS = 8
# A lower panel has no room for matrices at work unless it scrolls.
ROOM_FOR_WORK = 20


class NodeLines:
    """The lines of one node at the present moment, reported for its selected `entry`.

    `gradient_asked` says that commands take the entry from the gradient, not from the value.
    `picture` is what an image of its tensors is. `shown` is how its tensors are shown, if they have
    several entries.
    """

    def __init__(
        self,
        debugger: Debugger,
        node: int,
        entry: Index,
        look: Look,
        *,
        gradient_asked: bool = False,
        previous: PreviousPass | None = None,
        picture: Picture | None = None,
    ) -> None:
        self._debugger = debugger
        self._node = node
        self._report = report(debugger, node, entry)
        self._look = look
        self._width = look.width
        self._asked = gradient_asked
        self._previous = previous
        self._picture = picture
        self._dim = look.style("dim")
        where = debugger.where
        self._now = where.phase if where.node == node else ""
        self.shown: TensorView | None = None
        # Where the entries of value and gradient are.
        self.spans: list[NumberSpan] = []

    def lines(self) -> list[Line]:
        """Return all lines: a title, the update, value and gradient, what flows, the rule's role.

        The numbers get the room that the other lines leave. Matrices are shown at work if that
        fits; otherwise the inputs fill the room that is left.
        """
        look = self._look
        if look.brief:
            return self._computed_first()
        if (look.zoomed or look.height >= ROOM_FOR_WORK) and (at_work := self._at_work()):
            above, below = self._around_tensors(at_work)
            room = look.height - len(above) - len(below)
            if look.zoomed or room >= LEAST_ROWS:
                return [*above, *self._tensors(room, len(above)), *below]
        above, below = self._around_tensors([])
        tensors = self._tensors(look.height - len(above) - len(below), len(above))
        lines = [*above, *tensors, *below]
        return [*lines, *self._filling(look.height - len(lines))]

    def _computed_first(self) -> list[Line]:
        """Return the lines with what is computed now directly below the title."""
        title, working, flow = list(self._title()), list(self._working([])), self._flow_lines([])
        if self._now == "backward":
            above = [*title, *flow.outgoing(titled=False), *flow.incoming()]
            below = working
        else:
            above = [*title, *self._update(), *working]
            below = list(flow.lines())
        return [*above, *self._tensors(0, len(above)), *below]

    def _around_tensors(self, at_work: list[MatrixProduct]) -> tuple[list[Line], list[Line]]:
        """Return the lines above and below value and gradient."""
        shown, look = self._report, self._look
        blank: list[Line] = [[]] if look.roomy else []
        above = [*self._title(), *self._texts(shown.legend, 0), *blank, *self._update(), *blank]
        working, flow = list(self._working(at_work)), list(self._flow(at_work))
        # What has just been computed is explained first.
        parts = [flow, working] if self._now == "backward" else [working, flow]
        below = [*parts[0], *blank, *parts[1], *self._product_lines(at_work)]
        if shown.role and not look.roomy:
            below += [[], *self._texts(shown.role, 0)]
        return above, below

    def _title(self) -> Iterable[Line]:
        rule = [self._report.name, *filter(None, (self._report.formula, self._report.definition))]
        text = " = ".join(rule)
        kind = f"{self._report.kind} {self._report.shape}"
        target = self._debugger.graph.nodes[self._node]
        if isinstance(target, Input) and target.trainable:
            kind = f"trained {kind}"
        title, dim, width = self._look.style("title"), self._dim, self._width
        room = width - cell_len(kind) - 1
        if cell_len(text) <= room:
            yield [Segment(fit(text, room), title), Segment(f" {kind}", dim)]
            return
        parts = wrap_terms(text, width)
        if len(parts) > TITLE_LINES:
            parts[TITLE_LINES - 1 :] = [fit(f"{parts[TITLE_LINES - 1]}…", width)]
        yield from ([Segment(part, title)] for part in parts)
        yield [Segment(fit(kind, width) if cell_len(kind) > width else kind, dim)]

    def _texts(self, text: str, indent: int) -> Iterable[Line]:
        for part in wrap(text, self._width - indent) if text else ():
            yield [Segment(f"{' ' * indent}{part}", self._dim)]

    def _update(self) -> Iterable[Line]:
        if not self._report.update:
            return
        yield [Segment("update", self._look.style("label"))]
        *lines, last = (line.strip() for line in update_lines(self._report))
        for line in lines:
            for part in wrap_terms(line, self._width - 2):
                yield [Segment(f"  {part}", self._dim)]
        number = self._report.update[-1].number
        text = last.removesuffix(f" = {scalar(number)}")
        yield from self._equation(text, number)

    def _equation(self, text: str, number: float) -> Iterable[Line]:
        return equation_lines(text, number, self._width, self._dim, self._paint(now=True))

    # Value and gradient ------------------------------------------------------------------

    def _tensors(self, height: int, top: int) -> Iterable[Line]:
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
        yield from heading(NOT_ASKED + label, [(reason,)], self._width, self._paint())

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
        if shown.outdated:
            words = f"before {shown.outdated}'s update"
            notes = (f"from {words}, {notes[0]}", f"from {words}", words)
        paint = self._paint(now=self._now == "forward", stale=stale, asked=not self._asked)
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
        paint = self._paint(now=self._now == "backward", stale=stale, asked=self._asked)
        gradient = self._debugger.state.gradient(self._node)
        return ShownTensor("gradient", shown.symbol, notes, gradient, paint, signed=True)

    def _previous_tensor(self) -> ShownTensor | None:
        """Return the tensor of the previous pass, value or gradient: what is asked about."""
        before = self._previous
        if before is None or before.array is None:
            return None
        notes = self._set_words(before.moment, stale=False)
        paint = self._paint(stale=True, asked=False)
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
        if working and self._working_fits:
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
            yield from self._texts(tensor.notes[0], 4)
        if working and self._now != "backward":
            for part in wrap_terms(f"= {working}", self._width - 4):
                yield [Segment(f"    {part}", self._dim)]

    def _working(self, at_work: list[MatrixProduct]) -> Iterable[Line]:
        """Yield how the selected entry of the value was computed, and notes."""
        shown = self._report
        below = self._single and (self._now != "backward" or self._working_fits)
        above = any(product.input_index is None for product in at_work)
        if shown.working and shown.value is not None and not below and not above:
            name = f"{shown.name}{index_text(shown.index)}"
            yield from self._equation(f"{name} = {shown.working}", shown.value)
        for remark in (*shown.notes, *shown.kept, shown.value_override, shown.gradient_override):
            yield from self._texts(remark, 2)

    @property
    def _single(self) -> bool:
        """Whether the value is a single number."""
        return self._report.value is not None and self._debugger.state.value(self._node).size == 1

    @property
    def _working_fits(self) -> bool:
        """Whether a single number and how it was computed fit into a line."""
        shown = self._report
        number = 0.0 if shown.value is None else shown.value
        text = f"{NOT_ASKED}value{GAP}{shown.working} = {scalar(number)}"
        return cell_len(text) <= self._width

    def _paint(self, *, now: bool = False, stale: bool = False, asked: bool = True) -> Paint:
        weighed = not self._look.roomy
        return Paint(self._look.style, now=now, stale=stale, weighed=weighed, asked=asked)

    # Edges -------------------------------------------------------------------------------

    def _flow(self, at_work: list[MatrixProduct]) -> Iterable[Line]:
        return self._flow_lines(at_work).lines()

    def _flow_lines(self, at_work: list[MatrixProduct]) -> FlowLines:
        key = self._look.keys.name("order-open")
        explained = [product.input_index for product in at_work]
        paint = self._paint(now=True)
        return FlowLines(self._report, self._width, paint, key, explained, self._larger())

    def _larger(self) -> str:
        """Return which key shows the matrices of what is sent, if they are not shown here."""
        look, report = self._look, self._report
        if self._width >= LEAST_WIDTH or look.zoomed or look.roomy or not report.outgoing:
            return ""
        key = look.keys.of("zoom") and look.keys.name("zoom")
        sends = key and sent_products(self._debugger, self._node, report.index)
        return f"{key}: matrices" if sends else ""

    # Matrices at work, and what else fills the room that is left ---------------------------

    def _filling(self, height: int) -> list[Line]:
        """Return the inputs, if there is room for some rows of them."""
        if self._look.roomy or height < LEAST_ROWS - 1:
            return []
        plain, stale = self._paint(asked=False), self._paint(stale=True, asked=False)
        inputs = InputLines(self._debugger, self._node, self._report.index, plain, stale)
        ascii_only = self._look.ascii_only
        lines = [[], *inputs.lines(self._width, height - 1, ascii_only=ascii_only)]
        return lines if 1 < len(lines) <= height else []

    def _at_work(self) -> list[MatrixProduct]:
        """Return the products that the present moment is about; they need some width."""
        if self._width < LEAST_WIDTH or self._look.roomy:
            return []
        debugger, node, shown = self._debugger, self._node, self._report
        known = shown.incoming and shown.gradient_freshness is not Freshness.STALE
        # Of the products of many consumers none is more important than the others.
        edges = debugger.state.contributions(node) if known and not shown.incoming_more else []
        received = received_products(debugger, node, shown.index, edges)
        if self._now != "backward":
            return [*value_products(debugger, node, shown.index), *received]
        return [*received, *sent_products(debugger, node, shown.index)]

    def _product_lines(self, products: list[MatrixProduct]) -> Iterable[Line]:
        paint, ascii_only = self._paint(), self._look.ascii_only
        for product in products:
            yield []
            yield from ProductLines(
                product, self._width, MATRIX_ROWS, paint, ascii_only=ascii_only
            ).lines()


def _partial_words(node_report: NodeReport) -> str:
    """Return how many consumers have sent, and when all have, the node's own backward moment."""
    counted = f"{node_report.reported} of {node_report.edges}"
    if node_report.reported < node_report.edges or node_report.turn is None:
        return f"{counted} so far"
    return f"complete, {counted}: its turn is moment {node_report.turn}"
