"""Arguments for the ops that mix the entries of several axes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import strategies as st

from miniflow.ops import Op
from tests.support.op_case import Case, Draw, broadcastable, numbers


@st.composite
def _attention(draw: Draw, op: type[Op]) -> Case:
    queries, keys, entries, columns = (draw(st.integers(1, 3)) for _ in range(4))
    heads = draw(st.sampled_from([0, 0, 1, 2]))
    stack = draw(st.lists(st.integers(1, 2), max_size=2).map(tuple))
    stacks = [stack, *(broadcastable(draw, stack) for _ in range(2))]
    of_q, of_k, of_v = draw(st.permutations(stacks))
    times = heads or 1
    values = [
        numbers(draw, (*of_q, queries, times * entries)),
        numbers(draw, (*of_k, keys, times * entries)),
        numbers(draw, (*of_v, keys, times * columns)),
    ]
    attributes: dict[str, Any] = {"heads": heads, "causal": draw(st.booleans())}
    attributes["scale"] = draw(st.sampled_from([None, 1, 0.7137]))
    if draw(st.booleans()):
        scores = (*stack, *((heads,) if heads else ()), queries, keys)
        mask = numbers(draw, broadcastable(draw, scores))
        attributes["mask"] = draw(st.sampled_from(["keep", "add"]))
        hidden = np.where(mask > 0.5, -np.inf, mask)
        values.append(hidden if attributes["mask"] == "add" else (mask < 0.5) * 1.0)
    return Case(op, values, attributes)


MIXING: dict[str, Callable[..., st.SearchStrategy[Case]]] = {
    "Attention": _attention,
}
