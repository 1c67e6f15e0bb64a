"""A matrix product fits into any panel."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from rich.style import Style
from textual.strip import Strip

from mfdebug.core.explain.products import MatrixProduct
from mfdebug.tui.widgets.product_lines import LEAST_WIDTH, ProductLines
from mfdebug.tui.widgets.tensor import Paint


def product(seed: int, rows: int, terms: int, columns: int, *, result: bool) -> MatrixProduct:
    """A product of numbers of any sizes, from tiny to large."""
    rng = np.random.default_rng(seed)
    left, right = (
        rng.normal(size=shape) * 10.0 ** rng.integers(-9, 9)
        for shape in ((rows, terms), (terms, columns))
    )
    row, column = int(rng.integers(rows)), int(rng.integers(columns))
    return MatrixProduct(
        "Y = X·W",
        left,
        right,
        row,
        column,
        left @ right if result else None,
        f"Y[{row},{column}]",
        "",
        0.0,
    )


@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 20),
    st.integers(1, 90),
    st.integers(1, 20),
    st.booleans(),
    st.integers(LEAST_WIDTH, 130),
    st.integers(1, 30),
)
def test_no_line_is_wider_than_the_panel(
    seed: int, rows: int, terms: int, columns: int, result: bool, width: int, height: int
) -> None:
    shown = product(seed, rows, terms, columns, result=result)
    lines = ProductLines(shown, width, height, Paint(lambda _name: Style()), ascii_only=False)
    assert max(Strip(line).cell_length for line in lines.lines()) <= width
