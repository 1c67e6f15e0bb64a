"""Expressions over many moments at once: each row is what it is alone, bit for bit."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mfdebug.core.expressions.environment import EvaluationContext, TooManyRows
from mfdebug.core.expressions.functions import FUNCTIONS, SUMMARIES, Rows
from mfdebug.core.expressions.parser import ExpressionError, parse
from tests.support.sizes import examples

STEPS = 9
# Of every rank, with entries that round, cancel, overflow and are not finite.
SHAPES = {"a": (), "v": (3,), "m": (2, 3), "n": (3, 2), "t": (2, 1, 3), "long": (40,), "e": (0,)}


def _moments(dtype: type) -> dict[str, Rows]:
    random = np.random.default_rng(1)
    made = {}
    for name, shape in SHAPES.items():
        rows = random.normal(size=(STEPS + 1, *shape)) * 10.0 ** random.integers(-9, 9)
        rows.reshape(-1)[::7] = 0.0
        made[name] = rows.astype(dtype)
    made["wild"] = np.tile([1e300, -math.inf, 0.0, -0.0], (STEPS + 1, 1))
    made["wild"][1::3, 1] = math.nan
    made["wild"][2::3, 0] = 1e-200
    return made


MOMENTS = {dtype: _moments(dtype) for dtype in (np.float64, np.float32)}


class Moments:
    """Some of the rows, of which the first is that of SGD step 1."""

    def __init__(self, rows: dict[str, Rows], first: int, last: int) -> None:
        self.rows, self.first, self.last = rows, first, last

    def value(self, node: str) -> Rows:
        return self.rows[node][self.first : self.last]

    def gradient(self, node: str) -> Rows:
        return -2.5 * self.value(node)

    def lasting(self, node: str, name: str) -> Rows:
        return 0.5 * self.value(node)

    def word(self, name: str) -> Rows:
        if name == "lr":
            return np.array([0.3])
        return np.arange(self.first, self.last, dtype=np.float64)

    def earlier(self) -> Moments:
        if not self.first:
            raise ExpressionError("there is no earlier SGD step")
        return Moments(self.rows, self.first - 1, self.last - 1)


NODES = ["a", "v", "m", "n", "t", "long", "wild", "e", "v.grad", "m.grad"]
PARTS = ["m[0]", "m[:,1]", "v[-1]", "t[...,0]", "m.shape", "shape(n)[1]"]
OPERANDS = st.sampled_from([*NODES, *PARTS, "1.5", "0", "2", "nan", "lr", "sgd_step"])
OPERATORS = ["+", "-", "*", "/", "//", "%", "**", "@", "<", "<=", "==", "and", "or"]
EXPRESSIONS = st.recursive(
    OPERANDS,
    lambda inner: st.one_of(
        st.builds("({} {} {})".format, inner, st.sampled_from(OPERATORS), inner),
        st.builds("{}({})".format, st.sampled_from([*sorted(FUNCTIONS), "-"]), inner),
        st.builds(
            "{}({}, {})".format,
            st.sampled_from(sorted(SUMMARIES)),
            inner,
            st.sampled_from([0, 1, -1, -2]),
        ),
    ),
    max_leaves=5,
)


@settings(deadline=None, max_examples=examples(150))
@given(EXPRESSIONS, st.sampled_from([np.float64, np.float32]))
@example("norm(wild) + sum(long) / std(m)", np.float32)
@example("exp(long) ** a", np.float64)
@example("m @ n @ m < v", np.float64)
@example("sgd_step > 4 and v", np.float64)
def test_each_row_is_what_it_is_alone(text: str, dtype: type) -> None:
    moments = MOMENTS[dtype]
    root = parse(text, moments).root

    def evaluated(first: int, last: int) -> list[bytes | tuple[int, ...]] | None:
        with np.errstate(all="ignore"):
            try:
                value = root.evaluate(
                    EvaluationContext(Moments(moments, first, last), last - first)
                )
            except ExpressionError:
                return None
        if isinstance(value, tuple):
            return [value] * (last - first)
        return [row.tobytes() for row in np.broadcast_to(value, (last - first, *value.shape[1:]))]

    begin = 5  # for `prev` of `prev`
    alone = [evaluated(row, row + 1) for row in range(begin, STEPS + 1)]
    together = evaluated(begin, STEPS + 1)
    if together is None:
        # At one of the moments at least it cannot be evaluated.
        assert None in alone
    elif None not in alone:
        assert together == [row[0] for row in alone if row is not None]


def test_rows_that_take_too_much_memory_together_are_refused() -> None:
    wide = {"w": np.broadcast_to(1.0, (3, 5_000_000))}
    condition = parse("any(w > 2)", wide)
    assert not condition.holds_over(Moments(wide, 0, 1), 1).any()
    with pytest.raises(TooManyRows):
        condition.holds_over(Moments(wide, 0, 3), 3)
