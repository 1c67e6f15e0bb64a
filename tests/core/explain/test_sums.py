"""Sums of many terms: which are written out, and what is said of the others."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mfdebug.core.explain import sums
from mfdebug.core.explain.sums import Bundle, Sums, TermText
from mfdebug.core.format.numbers import scalar

AMOUNT = st.sampled_from([0.0, 0.0, 0.0, 1.0, -2.5, 0.125, float("nan")])


def working(amounts: list[float], most: int, parts: int = 1) -> str:
    bundles = tuple(
        Bundle(part, lambda k, part=part: TermText("", scalar(float(part[k])), ()))
        for part in np.array_split(np.array(amounts), parts)
    )
    return Sums("", bundles).working(most)


@given(st.lists(AMOUNT, min_size=1, max_size=30), st.integers(1, 5), st.integers(1, 3))
def test_the_first_terms_that_are_not_0_and_the_sum_of_the_others(
    amounts: list[float], most: int, parts: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sums, "CHUNK", 4)
        text = working(amounts, most, parts)
    nonzero = [k for k, amount in enumerate(amounts) if amount != 0]
    # A single one is not left out.
    shown = (nonzero if len(nonzero) == most + 1 else nonzero[:most]) or [0]
    if len(amounts) <= most:
        assert "…" not in text
        assert text.count(" + ") + text.count(" - ") == len(amounts) - 1
        return
    others = [amount for k, amount in enumerate(amounts) if k not in shown]
    left, zeros = sum(amount != 0 for amount in others), sum(amount == 0 for amount in others)
    rest = f"… ({left:,} more, together {scalar(sum(others))})"
    assert text.endswith(" is 0)" if zeros == 1 else f" ({zeros} terms are 0)") or not zeros
    assert (rest in text) is (left > 0)
    assert "(1 more" not in text
    assert text.startswith(scalar(amounts[shown[0]]))


def test_of_a_large_sum_no_list_of_all_terms_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_through: list[int] = []
    found = np.flatnonzero

    def counted(array: np.ndarray) -> np.ndarray:
        looked_through.append(array.size)
        return found(array)

    monkeypatch.setattr(np, "flatnonzero", counted)
    text = working([0.0, 0.5, *[1.0] * 1_000_000], 2)
    assert text == "0.5 + 1 + … (999,999 more, together 999999) (1 term is 0)"
    assert sum(looked_through) == sums.CHUNK
