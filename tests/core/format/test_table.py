"""Tables: aligned by cells, never wider than the width, and cut so that one sees it."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from mfdebug.core.format.cells import CUT, cells
from mfdebug.core.format.table import GAP, Column, Fitted, Row, Table, text_lines
from tests.support.sizes import examples

COLUMNS = (
    Column("entry", cut="name"),
    Column("A", "point"),
    Column("B", "point"),
    Column("entries", "right", rank=1),
    Column(cut="end", rank=2),
)
TABLE = Table(
    COLUMNS,
    (
        Row(("W1[0,0]", "-0.4", "12.25", "4 of 4", "max")),
        Row(("重み[1]", "1e-05", "nan so far", "", "")),
        Row(("encoder/attention/W[0,1]", "not computed", "600", "10 of 12", "")),
    ),
    indent=2,
)


def test_numbers_are_aligned_by_their_points_and_words_to_the_right() -> None:
    assert TABLE.lines() == [
        "  entry                                A           B   entries",
        "  W1[0,0]                         -0.4     12.25        4 of 4  max",
        "  重み[1]                          1e-05  nan so far",
        "  encoder/attention/W[0,1]  not computed  600         10 of 12",
    ]


def test_columns_are_left_out_before_names_are_cut_and_the_heads_say_so() -> None:
    assert TABLE.lines(65) == [
        "  entry                                A           B   entries  …",
        "  W1[0,0]                         -0.4     12.25        4 of 4",
        "  重み[1]                          1e-05  nan so far",
        "  encoder/attention/W[0,1]  not computed  600         10 of 12",
    ]
    assert TABLE.lines(48) == [
        "  entry                         A           B  …",
        "  W1[0,0]                  -0.4     12.25",
        "  重み[1]                   1e-05  nan so far",
        "  …attention/W[0,1]  not computed  600",
    ]


def test_a_table_without_heads_an_empty_column_and_rows_that_are_left_out() -> None:
    rows = tuple(Row((name, "", str(k))) for k, name in enumerate(["one", "three", "two"]))
    table = Table((Column(), Column("empty"), Column()), rows, most=2, left_out=1000)
    assert table.lines() == ["one    0", "three  1", "… 1,001 more"]
    lines = ["first", "second", "one    0", "three  1", "… 1,001 …"]
    assert text_lines(["first\nsecond", table], 9) == lines


# Any table, at any width ------------------------------------------------------------------------

# Words of whole characters: a combining one alone has no cell of its own.
CHARACTERS = [*"ab/_[0]∂日本語한é", "e\u0301", "👩\u200d🚀"]
WORDS = st.lists(st.sampled_from(CHARACTERS), max_size=20).map("".join)
NUMBERS = st.one_of(
    st.floats().map(lambda x: f"{x:.4g}"), st.integers(-(10**9), 10**9).map(str), WORDS
)


@st.composite
def tables(draw: st.DrawFn) -> Table:
    columns = tuple(
        Column(
            draw(WORDS),
            draw(st.sampled_from(["left", "right", "point"])),
            draw(st.sampled_from(["", "end", "name"])),
            draw(st.integers(0, 2)),
        )
        for _ in range(draw(st.integers(1, 5)))
    )
    cell = st.tuples(*(NUMBERS if c.align == "point" else WORDS for c in columns))
    rows = tuple(map(Row, draw(st.lists(cell, min_size=1, max_size=5))))
    return Table(columns, rows, draw(st.integers(0, 3)), draw(st.integers(0, 2)))


@given(tables(), st.integers(1, 120))
@settings(deadline=None, max_examples=examples(200))
def test_no_line_is_wider_than_the_width_and_what_is_cut_is_shown_to_be(
    table: Table, width: int
) -> None:
    lines, whole = table.lines(width), table.lines()
    # Columns that are left out are shown by `…` in the line of the heads, also if none has a head.
    assert 0 <= len(lines) - len(whole) <= 1
    assert all(cells(line) <= width for line in lines)
    if max(map(cells, whole)) <= width:
        assert lines == whole
    elif width > 1:
        assert any(CUT in line for line in lines)


@given(tables())
@settings(deadline=None, max_examples=examples(200))
def test_every_cell_lies_between_the_edges_of_its_column(table: Table) -> None:
    fitted = Fitted(table)
    shown = [k for k in range(len(table.columns)) if any(row.cells[k] for row in table.rows)]
    sizes = {}
    for k in shown:
        texts = [row.cells[k] for row in table.rows]
        if table.columns[k].align != "point":
            sizes[k] = max(cells(table.columns[k].head), *map(cells, texts), 0)
    for y, row in enumerate(table.rows):
        line = fitted.line(y)
        left = table.indent
        for k in shown:
            if k not in sizes:
                break  # the tails of numbers decide how wide a column of them is
            text, size = row.cells[k], sizes[k]
            before = size - cells(text) if table.columns[k].align == "right" else 0
            assert _from(line, left + before).startswith(text.rstrip())
            left += size + len(GAP)


def _from(line: str, cell: int) -> str:
    """Return what of a line is at a cell and after it."""
    for start in range(len(line) + 1):
        if cells(line[:start]) == cell and not (line[start:] and cells(line[start]) == 0):
            return line[start:]
    return ""


@given(st.lists(st.floats(allow_nan=False, width=32).map(lambda x: f"{x:.6g}"), min_size=1))
@settings(deadline=None, max_examples=examples(200))
def test_decimal_points_are_in_one_column(numbers: list[str]) -> None:
    lines = Table((Column("", "point"),), tuple(Row((n,)) for n in numbers)).lines()
    units = {
        len(line) - len(line.lstrip()) + len(number.partition("e")[0].partition(".")[0])
        for line, number in zip(lines, numbers, strict=True)
    }
    assert len(units) == 1
