"""What comes back to a node in the backward pass, and what it sends on, entry by entry."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.cells import cell_len
from rich.segment import Segment

from mfdebug.core.explain.report import Incoming, NodeReport, Outgoing
from mfdebug.core.format.numbers import scalar
from mfdebug.core.timeline.debugger import Freshness, index_text
from mfdebug.tui.terminal.text_fitting import wrap, wrap_terms
from mfdebug.tui.widgets.equations import Row, equation_lines, row_lines
from mfdebug.tui.widgets.tensor import Line, Paint
from mfdebug.tui.widgets.tensor_columns import heading


class FlowLines:
    """The lines of a report's edges in `width` cells.

    `key` opens the list of all edges. What is sent to the inputs `explained` is shown in numbers
    elsewhere; `larger` says how to see more of it.
    """

    def __init__(
        self,
        report: NodeReport,
        width: int,
        paint: Paint,
        key: str,
        explained: Sequence[int | None] = (),
        larger: str = "",
    ) -> None:
        self._report = report
        self._width = width
        self._paint = paint
        self._dim = paint.style("dim")
        self._key = key
        self._explained = explained
        self._larger = larger

    def lines(self) -> Iterable[Line]:
        """Yield the contributions to the node and their sum, then what it sends to its inputs."""
        yield from self.incoming()
        yield from self.outgoing()

    def incoming(self) -> Iterable[Line]:
        """Yield what came back to the selected entry."""
        report = self._report
        if not report.incoming or report.gradient_freshness in (
            Freshness.STALE,
            Freshness.WAITING,
        ):
            return
        title = f"came back to {report.name}{index_text(report.index)}"
        yield from self._title(title)
        rows = [_incoming(incoming) for incoming in report.incoming]
        if report.incoming_more:
            rows.append(self._more(report.incoming_more))
        if len(report.incoming) > 1 and report.received is not None:
            words = "sum" if report.reported == report.edges else "sum so far"
            rows.append(Row(f"  {words}", report.received))
        yield from row_lines(rows, self._width, self._dim, self._paint)
        if not report.outgoing:
            # Of a node that sends something on, that is more important.
            yield from self._copies()

    def _copies(self) -> Iterable[Line]:
        """Yield why what came back is a sum, and its terms, where copies of the node were used."""
        for incoming in self._report.incoming:
            if incoming.working:
                for part in wrap_terms(f"= {incoming.working}", self._width - 5):
                    yield [Segment(f"     {part}", self._dim)]
            if incoming.copied:
                for part in wrap(incoming.copied, self._width - 2):
                    yield [Segment(f"  {part}", self._dim)]

    def outgoing(self, *, titled: bool = True) -> Iterable[Line]:
        """Yield what the node sends on, below a title."""
        report = self._report
        if not report.outgoing:
            return
        rule = "upstream × local = downstream"
        if titled:
            forms = [rule]
            if self._larger:
                short = rule.partition(" =")[0]
                forms = [f"{rule}   {self._larger}", f"{short}   {self._larger}", rule]
            yield from heading("sends on", [forms], self._width, self._paint)
        for input_index, outgoing in enumerate(report.outgoing):
            yield from self._outgoing(outgoing, explained=input_index in self._explained)
        if report.outgoing_more:
            rows = [self._more(report.outgoing_more)]
            yield from row_lines(rows, self._width, self._dim, self._paint)

    def _title(self, text: str) -> Iterable[Line]:
        style = self._paint.style("label")
        yield from ([Segment(part, style)] for part in wrap(text, self._width))

    def _more(self, count: int) -> Row:
        return Row(f"  … {count:,} more; {self._key} in the order lists them all")

    def _outgoing(self, outgoing: Outgoing, *, explained: bool) -> Iterable[Line]:
        to = f"to {outgoing.source}{outgoing.entry}{outgoing.input}"
        if outgoing.remark:
            yield from self._rows(Row(f"  {to}  {outgoing.remark}"))
        elif explained or not outgoing.working:
            yield from self._rows(Row(f"  {to}  {outgoing.rule}", outgoing.number))
        else:
            number = scalar(outgoing.number)
            whole = f"{to}  {outgoing.words} = {outgoing.working}"
            rule = f"  {to}  {outgoing.rule}"
            if cell_len(f"  {whole} = {number}") <= self._width:
                yield from self._equation(whole, outgoing.number, 2)
            elif cell_len(f"{rule}  {number}") <= self._width:
                yield from self._rows(Row(rule, outgoing.number))
                for part in wrap_terms(f"= {outgoing.working}", self._width - 5):
                    yield [Segment(f"     {part}", self._dim)]
            else:
                yield from self._rows(Row(rule))
                yield from self._equation(f"= {outgoing.working}", outgoing.number, 5)

    def _rows(self, row: Row) -> Iterable[Line]:
        return row_lines([row], self._width, self._dim, self._paint)

    def _equation(self, text: str, number: float, indent: int) -> Iterable[Line]:
        return equation_lines(text, number, self._width, self._dim, self._paint, indent)


def _incoming(incoming: Incoming) -> Row:
    text = f"  from {incoming.consumer}{incoming.input}  {incoming.remark or incoming.rule}"
    if incoming.remark:
        return Row(text)
    word = "waiting" if incoming.number is None else ""
    return Row(text, incoming.number, word)
