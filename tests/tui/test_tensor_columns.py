"""Value and gradient in one panel: the numbers of one entry are found together."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.style import Style

from mfdebug.tui.widgets.tensor import Paint, summary_text
from mfdebug.tui.widgets.tensor_columns import ShownTensor, TensorColumns
from tests.support.sizes import examples

MAGNITUDES = st.sampled_from([0.0, 1.0, 1e-9, 1e-3, 20.0, 1e7])


@settings(max_examples=examples(300), deadline=None)
@given(
    st.one_of(
        st.tuples(st.integers(1, 40)),
        st.tuples(st.integers(1, 20), st.integers(1, 20)),
    ),
    MAGNITUDES,
    MAGNITUDES,
    st.integers(20, 150),
    st.integers(4, 30),
)
def test_below_each_other_the_numbers_of_an_entry_end_in_one_column(
    shape: tuple[int, ...], value: float, gradient: float, width: int, height: int
) -> None:
    random = np.random.default_rng(len(shape) + width)
    paint = Paint(lambda name: Style.null())
    tensors = [
        ShownTensor(label, "", ("",), scale * random.standard_normal(shape), paint)
        for label, scale in (("value", value), ("gradient", gradient))
    ]
    columns = TensorColumns(tensors, (0,) * len(shape), width, height)
    ends: defaultdict[int, set[int]] = defaultdict(set)
    lines: defaultdict[int, set[int]] = defaultdict(set)
    for span in columns.spans:
        ends[span.position].add(span.end)
        lines[span.position].add(span.line)
        text = "".join(part.text for part in columns.lines[span.line])
        assert not text[span.end - 1].isspace()
        assert not text[span.end : span.end + 1].strip()
    assert len(ends) == columns.window.size
    for position, where in ends.items():
        below = len(lines[position]) == 2
        assert len(where) == (1 if below else 2)


def test_equal_entries_have_no_histogram() -> None:
    # It would be one bar, which says no more than the words.
    assert summary_text(np.zeros(10), 60) == "all 0"
    assert summary_text(np.arange(10.0), 60).startswith("█")
