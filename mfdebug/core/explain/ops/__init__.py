"""The explainers of the ops, with one module per family of ops.

They write the working of an op in numbers. The sentence that says what an op does is its `role`, in
`miniflow/ops`.
"""

from __future__ import annotations

from mfdebug.core.explain.node_view import NodeView
from mfdebug.core.explain.ops.base import Explainer
from miniflow.node import Node
from miniflow.ops.base import Op, follows_rules
from miniflow.ops.composed import Composed


def applicable_explainer(view: NodeView) -> tuple[Op, Explainer] | None:
    """Return a view's op and its explainer, or None if the recorded values do not fit its rule."""
    found = explainer_of(view.op)
    if found is None or not view.debugger.state.explicable(view.node):
        return None
    if isinstance(found[0], Composed):
        from mfdebug.core.explain.ops.composed import ComposedExplainer

        return found[0], ComposedExplainer(view, found[0], _family_explainer)
    return found


def explainer_of(node: Node) -> tuple[Op, Explainer] | None:
    """Return an op and its explainer; None for inputs and for nodes in the lesson's style.

    A class derived from one of miniflow's ops may have other rules, so it is probed.
    """
    if not isinstance(node, Op) or not follows_rules(node):
        return None
    return node, _family_explainer(node)


def _family_explainer(op: Op) -> Explainer:
    # Not for the first screen: the families are thirty modules.
    from mfdebug.core.explain.ops.families import family_explainer

    return family_explainer(op)
