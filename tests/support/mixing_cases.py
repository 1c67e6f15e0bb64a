"""Arguments for the ops that mix the entries of several axes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import strategies as st

from miniflow.ops import Op
from tests.support.op_case import SHAPES, Case, Draw, broadcastable, numbers


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


EQUATIONS: list[tuple[str, list[str]]] = [
    ("ij,jk->ik", ["ij", "jk"]),
    ("ij,jk", ["ij", "jk"]),
    ("bij,bjk->bik", ["bij", "bjk"]),
    ("i,j->ij", ["i", "j"]),
    ("i,i", ["i", "i"]),
    ("ij->", ["ij"]),
    ("ij->ji", ["ij"]),
    ("ij->j", ["ij"]),
    ("ij,jk->i", ["ij", "jk"]),
    ("ij,j,k->ki", ["ij", "j", "k"]),
    ("ii->i", ["ii"]),
    ("ii", ["ii"]),
    ("iij,j->i", ["iij", "j"]),
    ("bqhd, bkhd -> bhqk", ["bqhd", "bkhd"]),
    ("...ij,...jk->...ik", ["AAij", "Ajk"]),
    ("...i,...i", ["Ai", "i"]),
    ("i...,i->...", ["iA", "i"]),
    (",ij->ij", ["", "ij"]),
    ("->", [""]),
    ("mn,m->n", ["mn", "m"]),
]


@st.composite
def _einsum(draw: Draw, op: type[Op]) -> Case:
    equation, operands = draw(st.sampled_from(EQUATIONS))
    sizes = {letter: draw(st.integers(1, 3)) for letter in sorted(set("".join(operands)))}
    shapes = [tuple(sizes[letter] for letter in letters) for letters in operands]
    # An axis of size 1 is broadcast; of a diagonal both or none.
    if draw(st.booleans()):
        ones = {letter for letter in sorted(sizes) if draw(st.booleans())}
        shapes[-1] = tuple(1 if a in ones else sizes[a] for a in operands[-1])
    return Case(op, [numbers(draw, shape) for shape in shapes], {"equation": equation})


@st.composite
def _kl(draw: Draw, op: type[Op]) -> Case:
    shape = draw(SHAPES)
    in_logs = draw(st.booleans())
    low, high = (-3.0, -0.1) if in_logs else (0.1, 0.9)
    attributes = {"log_target": in_logs, "mean": draw(st.sampled_from(["batch", "all"]))}
    return Case(op, [numbers(draw, shape, -3, -0.1), numbers(draw, shape, low, high)], attributes)


@st.composite
def _pad(draw: Draw, op: type[Op]) -> Case:
    shape = draw(st.lists(st.integers(2, 3), max_size=3).map(tuple))
    mode = draw(st.sampled_from(["constant", "reflect", "edge", "wrap"]))
    pads: list[int] = []
    for n in shape[::-1][: draw(st.integers(0, len(shape)))]:
        most = n - 1 if mode == "reflect" else 2
        pads += draw(st.lists(st.integers(0, most), min_size=2, max_size=2))
        if mode == "constant" and draw(st.booleans()):
            pads[-draw(st.integers(1, 2))] = 1 - n
    return Case(op, [numbers(draw, shape)], {"pads": pads, "mode": mode, "value": 0.5})


@st.composite
def _resize(draw: Draw, op: type[Op]) -> Case:
    shape = draw(st.lists(st.integers(1, 4), min_size=1, max_size=4).map(tuple))
    attributes: dict[str, Any] = {"mode": draw(st.sampled_from(["nearest", "linear"]))}
    if attributes["mode"] == "linear":
        attributes["align_corners"] = draw(st.booleans())
    factor = st.sampled_from([1.0, 1.5, 2, 3.0])
    if len(shape) > 2 and draw(st.booleans()):
        attributes["scale"] = draw(factor)
    else:
        count = draw(st.integers(1, min(2, len(shape))))
        many = draw(st.sampled_from(["size", "scale"]))
        each = st.integers(1, 5) if many == "size" else factor
        attributes[many] = draw(st.lists(each, min_size=count, max_size=count))
    return Case(op, [numbers(draw, shape)], attributes)


MIXING: dict[str, Callable[..., st.SearchStrategy[Case]]] = {
    "Attention": _attention,
    "Einsum": _einsum,
    "KL": _kl,
    "Pad": _pad,
    "Resize": _resize,
}
