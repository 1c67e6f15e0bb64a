"""Widths in terminal cells, and text cut so that one sees that it is cut."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from mfdebug.core.format.cells import CUT, cells, cut_end, cut_name, cut_start
from tests.support.sizes import examples

# Blank letters of Korean, which name no node.
FILLERS = {"\u3164", "\uffa0"}
# Narrow, wide and combining characters, and those of names and formulas.
TEXT = st.text(st.sampled_from("ab/.[0]∂·ᵀ日本語한é\u0301👩\u200d🚀\ufe0f"), max_size=24)


def test_widths_are_those_of_the_app() -> None:
    # Python's tables are of an older Unicode, in which some symbols and rods were narrow.
    characters = [chr(code) for code in range(0x20, 0x1FB00) if chr(code).isprintable()]
    other = [c for c in characters if cells(c) != cell_len(c)]
    assert {c for c in other if unicodedata.category(c) not in ("So", "No")} == FILLERS
    assert len(other) < 250
    assert cells("👩\u200d🚀") == cell_len("👩\u200d🚀") == 2


@pytest.mark.parametrize(
    ("name", "width", "shown"),
    [
        ("W1[0,1]", 7, "W1[0,1]"),
        ("encoder/layer3/attention/W[0,1]", 20, "…attention/W[0,1]"),
        ("encoder/layer3/attention/W[0,1]", 27, "…layer3/attention/W[0,1]"),
        ("∂cost/∂encoder/layer3/attention/W[0,1]", 24, "∂cost/∂…attention/W[0,1]"),
        ("a_name_without_any_scope[0,1]", 12, "…_scope[0,1]"),
        ("層/重み", 6, "…重み"),
        ("W1", 0, ""),
    ],
)
def test_a_name_is_cut_from_the_left_in_its_scopes(name: str, width: int, shown: str) -> None:
    assert cut_name(name, width) == shown


@given(TEXT, st.integers(0, 20))
@settings(deadline=None, max_examples=examples(200))
def test_a_cut_fits_and_shows(text: str, width: int) -> None:
    for cut in (cut_end, cut_start, cut_name):
        shown = cut(text, width)
        assert cells(shown) <= width
        assert (shown == text) if cells(text) <= width else (CUT in shown or not width)
