"""The lines of a node at the present moment: its rule, tensors, incoming and outgoing gradients.

The number that has just been computed comes first and is the most prominent. A number that is not
computed yet is shown as such, never as 0.
"""

from __future__ import annotations

from collections.abc import Iterable

from rich.cells import cell_len
from rich.segment import Segment

from mfdebug.core.explain.images import Picture
from mfdebug.core.explain.moment_text import update_lines
from mfdebug.core.explain.previous_pass import PreviousPass
from mfdebug.core.explain.products import (
    MatrixProduct,
    received_products,
    sent_products,
    value_products,
)
from mfdebug.core.explain.report import report
from mfdebug.core.explain.so_far import SoFar
from mfdebug.core.format.numbers import scalar
from mfdebug.core.timeline.debugger import Debugger, Freshness, index_text
from mfdebug.core.timeline.entry_ref import Index
from mfdebug.tui.terminal.text_fitting import fit, wrap_terms
from mfdebug.tui.widgets.equations import equation_lines, text_lines
from mfdebug.tui.widgets.flow_lines import FlowLines
from mfdebug.tui.widgets.input_lines import InputLines
from mfdebug.tui.widgets.node_look import Look
from mfdebug.tui.widgets.node_tensors import LEAST_ROWS, NodeTensors, paint_of
from mfdebug.tui.widgets.product_lines import LEAST_WIDTH, ProductLines
from mfdebug.tui.widgets.tensor import Line
from mfdebug.tui.widgets.tensor_columns import NumberSpan
from mfdebug.tui.widgets.tensor_view import TensorView
from miniflow.node import Input

# Lines of a title; a formula of many names is cut after them.
TITLE_LINES = 3
# The most rows of a matrix at work.
MATRIX_ROWS = 8
# Fewer equations of the pass say too little.
LEAST_SO_FAR = 4
# A lower panel has no room for matrices at work unless it scrolls.
ROOM_FOR_WORK = 20


class NodeLines:
    """The lines of one node at the present moment, reported for its selected `entry`.

    `gradient_asked` says that commands take the entry from the gradient, not from the value.
    `picture` is what an image of its tensors is, `so_far` has what the pass has computed before.
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
        so_far: SoFar | None = None,
    ) -> None:
        self._debugger = debugger
        self._equations = so_far
        self._node = node
        self._report = report(debugger, node, entry)
        self._look = look
        self._width = look.width
        self._dim = look.style("dim")
        where = debugger.where
        self._now = where.phase if where.node == node else ""
        self._tensors = NodeTensors(
            debugger,
            node,
            self._report,
            look,
            gradient_asked=gradient_asked,
            previous=previous,
            picture=picture,
        )

    @property
    def shown(self) -> TensorView | None:
        """How its tensors are shown, if they have several entries."""
        return self._tensors.shown

    @property
    def spans(self) -> list[NumberSpan]:
        """Where the entries of value and gradient are."""
        return self._tensors.spans

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
                return [*above, *self._tensors.lines(room, len(above)), *below]
        above, below = self._around_tensors([])
        tensors = self._tensors.lines(look.height - len(above) - len(below), len(above))
        lines = [*above, *tensors, *below]
        lines += self._filling(look.height - len(lines))
        return [*lines, *self._so_far(look.height - len(lines))]

    def _computed_first(self) -> list[Line]:
        """Return the lines with what is computed now directly below the title."""
        title, working, flow = list(self._title()), list(self._working([])), self._flow_lines([])
        if self._now == "backward":
            above = [*title, *flow.outgoing(titled=False), *flow.incoming()]
            below = working
        else:
            above = [*title, *self._update(), *working]
            below = list(flow.lines())
        return [*above, *self._tensors.lines(0, len(above)), *below]

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
        return text_lines(text, self._width, indent, self._dim)

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
        return equation_lines(text, number, self._width, self._dim, paint_of(self._look, now=True))

    def _working(self, at_work: list[MatrixProduct]) -> Iterable[Line]:
        """Yield how the selected entry of the value was computed, and notes."""
        shown = self._report
        below = self._single and (self._now != "backward" or self._tensors.working_fits)
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

    # Edges -------------------------------------------------------------------------------

    def _flow(self, at_work: list[MatrixProduct]) -> Iterable[Line]:
        return self._flow_lines(at_work).lines()

    def _flow_lines(self, at_work: list[MatrixProduct]) -> FlowLines:
        key = self._look.keys.name("order-open")
        explained = [product.input_index for product in at_work]
        paint = paint_of(self._look, now=True)
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
        plain, stale = (
            paint_of(self._look, asked=False),
            paint_of(self._look, stale=True, asked=False),
        )
        inputs = InputLines(self._debugger, self._node, self._report.index, plain, stale)
        ascii_only = self._look.ascii_only
        lines = [[], *inputs.lines(self._width, height - 1, ascii_only=ascii_only)]
        return lines if 1 < len(lines) <= height else []

    def _so_far(self, height: int) -> list[Line]:
        """Return what the pass has computed before this moment, if there is room for some of it."""
        most = height - 2
        if self._equations is None or self._look.roomy or most < LEAST_SO_FAR:
            return []
        found = self._equations.last(most)
        if not found:
            return []
        forward = self._debugger.where.phase == "forward"
        words = "computed so far" if forward else "sent so far"
        paint = paint_of(self._look, asked=False)
        lines: list[Line] = [[], [Segment(words, self._look.style("label"))]]
        for computed in found:
            lines += equation_lines(computed.text, computed.number, self._width, self._dim, paint)
        return lines if len(lines) <= height else []

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
        paint, ascii_only = paint_of(self._look), self._look.ascii_only
        for product in products:
            yield []
            yield from ProductLines(
                product, self._width, MATRIX_ROWS, paint, ascii_only=ascii_only
            ).lines()
