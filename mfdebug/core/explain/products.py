"""Matrix products at work: both matrices of a Linear or MatMul, the row and column that meet.

For Y = X·W the products are Y itself, and in the backward pass ∂cost/∂Y · Wᵀ and Xᵀ · ∂cost/∂Y. The
matrices are views of the present arrays, so that the cost does not depend on their size.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from mfdebug.core.explain.freshness import changed_note, overridden_since_sent
from mfdebug.core.explain.gradient_sums import edge_sums
from mfdebug.core.explain.node_view import NodeView
from mfdebug.core.explain.ops import applicable_explainer
from mfdebug.core.explain.ops.composed import ComposedExplainer
from mfdebug.core.explain.ops.linear import MatrixExplainer
from mfdebug.core.explain.part_view import PartView
from mfdebug.core.explain.value_sums import value_sums
from mfdebug.core.timeline.debugger import Contribution, Debugger, Freshness, index_text
from mfdebug.core.timeline.entry_ref import Index, gradient_name
from miniflow.ops.base import Array, shape_text

# Terms of the chosen entry that are written out.
TERMS_SHOWN = 8
# Products of a sum that are shown.
PAIRS_SHOWN = 3
RECEIVED = -1


class MatrixProduct(Struct, frozen=True):
    """A product `left` · `right`, n×k times k×m, of which row `row` and column `column` meet.

    `title` says in symbols what the product is, or is sent to. `result` is None if the product is
    only a part of a sum. `working` is the entry `entry` in numbers, whose result is `number`; it is
    empty for all but the last product of a sum. `entry` names that number, and not the input to
    which it is sent: that one's value is another. `input_index` is the input to which it is sent,
    `RECEIVED` if it is sent to the shown node, None for a value.
    """

    title: str
    left: Array
    right: Array
    row: int
    column: int
    result: Array | None
    entry: str
    working: str
    number: float
    input_index: int | None = None

    @property
    def shapes(self) -> str:
        """The shapes of both matrices and of their product: `(2x4)·(4x1) = 2x1`."""
        left, right = self.left.shape, self.right.shape
        product = shape_text((left[0], right[1]))
        return f"({shape_text(left)})·({shape_text(right)}) = {product}"


def value_products(debugger: Debugger, node: int, index: Index) -> list[MatrixProduct]:
    """Return the products of a node's value, for the entry `index`; none for other ops.

    None either where the present inputs are not those that the value was computed from.
    """
    view = matrix_view(NodeView(debugger, node))
    if (
        view is None
        or debugger.state.value_freshness(node) is not Freshness.CURRENT
        or debugger.state.departs(node, "forward")
        or changed_note(debugger, view.sources, debugger.state.written_at(node) or 0)
        or debugger.state.override(node) is not None
    ):
        return []
    pairs = len(view.inputs) // 2
    formula = f"{view.label} = {_formula(view)}"
    working = value_sums(debugger, node, index).working(TERMS_SHOWN)
    found = []
    for pair in range(min(pairs, PAIRS_SHOWN)):
        left, right = _factors(view, pair)
        part = f"{view.labels[pair]}·{view.labels[pair + pairs]}, a part of {view.label}"
        found.append(
            MatrixProduct(
                title=formula if pairs == 1 else part,
                left=left,
                right=right,
                row=index[0],
                column=index[1],
                result=view.value if pairs == 1 else None,
                entry=f"{view.label}{index_text(index)}",
                working=working if pair == min(pairs, PAIRS_SHOWN) - 1 else "",
                number=float(view.value[index]),
            )
        )
    return found


def sent_products(debugger: Debugger, node: int, index: Index) -> list[MatrixProduct]:
    """Return the products that a node sends, for the entries that match `index`."""
    view = NodeView(debugger, node)
    matrices = matrix_view(view)
    if (
        debugger.state.gradient_freshness(node) is not Freshness.CURRENT
        or matrices is None
        or not _sent_is_known(view)
    ):
        return []
    found = []
    for place in range(len(matrices.inputs) // 2 * 2):
        input_index = _outer(matrices, place)
        if input_index is None or debugger.state.unsent(node, input_index):
            continue
        sent = debugger.state.sent(node, input_index)
        entry = tuple(min(i, n - 1) for i, n in zip(index, sent.shape, strict=True))
        title = f"to {view.labels[input_index]}{index_text(entry)}{view.input_note(input_index)}"
        product = _sent(view, input_index, entry, sent, f"{title}  ")
        found.append(replace(product, input_index=input_index))
    return found


def received_products(
    debugger: Debugger, node: int, index: Index, edges: Sequence[Contribution]
) -> list[MatrixProduct]:
    """Return the products among the contributions along some `edges`, for the entry `index`.

    A contribution that is the only one is called the gradient.
    """
    found = []
    only = len(edges) == 1
    for edge in edges:
        if not edge.reported or edge.sent is None:
            continue
        view = NodeView(debugger, edge.consumer)
        matrices = matrix_view(view)
        if matrices is None:
            continue
        place = _place(matrices, edge.input_index)
        weighted = place is not None and place < len(matrices.inputs) // 2 * 2
        if weighted and _sent_is_known(view):
            source = f"from {view.label}{view.input_note(edge.input_index)}  "
            computed = debugger.state.override(node, gradient=True) is None
            name = gradient_name(debugger, node) if only and computed else ""
            title = f"{name} = " if name else source
            found.append(_sent(view, edge.input_index, index, edge.sent, title, name))
    return found


def matrix_view(view: NodeView) -> NodeView | None:
    """Return a view of a node that multiplies matrices, with two axes each, by its own rule.

    Of a library's function it is that of our op that computes it. None for other nodes.
    """
    rules = applicable_explainer(view)
    if rules is not None and isinstance(rules[1], ComposedExplainer):
        view = rules[1].inner_view
        rules = applicable_explainer(view) if view.op is not rules[0] else None
    if rules is None or not isinstance(rules[1], MatrixExplainer):
        return None
    pairs = len(view.inputs) // 2
    factors = [_factors(view, pair) for pair in range(pairs)]
    fits = all(
        x.ndim == w.ndim == 2 and (x.shape[0], w.shape[1]) == view.value.shape for x, w in factors
    )
    return view if factors and fits else None


def _outer(view: NodeView, place: int) -> int | None:
    """Return which input of the node input `place` of a `matrix_view` is."""
    return view.taken[place].input_index if isinstance(view, PartView) else place


def _place(view: NodeView, input_index: int) -> int | None:
    """Return which input of a `matrix_view` an input of the node is."""
    places = range(len(view.inputs))
    return next((place for place in places if _outer(view, place) == input_index), None)


def _formula(view: NodeView) -> str:
    rules = applicable_explainer(view)
    assert rules is not None
    return rules[1].formula(view, rules[0], view.labels)


def _factors(view: NodeView, pair: int) -> tuple[Array, Array]:
    return view.inputs[pair], view.inputs[pair + len(view.inputs) // 2]


def _sent_is_known(view: NodeView) -> bool:
    """Whether what the node sent follows from the present values."""
    debugger, node = view.debugger, view.node
    written = debugger.state.written_at(node, "backward") or 0
    changed = changed_note(debugger, view.sources, written)
    changed = changed or overridden_since_sent(debugger, node)
    return not debugger.state.departs(node, "backward") and not changed


def _sent(
    view: NodeView, input_index: int, entry: Index, sent: Array, title: str, name: str = ""
) -> MatrixProduct:
    """Return the product that a node sends to an input of two axes; its title begins `title`.

    `name` is that of the product; empty if it has none but its formula.
    """
    rules, matrices = applicable_explainer(view), matrix_view(view)
    assert rules is not None
    assert matrices is not None
    op, explainer = rules
    place = _place(matrices, input_index)
    assert place is not None
    pairs = len(matrices.inputs) // 2
    x, w = _factors(matrices, place % pairs)
    gradient = view.debugger.state.gradient(view.node)
    left, right = (x.T, gradient) if place >= pairs else (gradient, w.T)
    if isinstance(matrices, PartView) and matrices.taken[place].is_transposed:
        left, right = right.T, left.T
    formula = explainer.sent(view, op, input_index, entry)
    return MatrixProduct(
        title=title + formula.text,
        left=left,
        right=right,
        row=entry[0],
        column=entry[1],
        result=sent,
        entry=f"{name}{index_text(entry)}" if name else formula.of(entry),
        working=edge_sums(view, input_index, entry, ones=True).working(TERMS_SHOWN),
        number=float(sent[entry]),
        input_index=RECEIVED,
    )
