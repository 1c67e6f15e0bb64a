"""Small plots as exact text: what a person sees of every kind of cost curve."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mfdebug.config.ascii import in_ascii
from mfdebug.core.plots.cost_curve import SMALLEST, Curves, Picture, axis_of, draw


def picture(*costs: float, step: int = -1, **options: object) -> Picture:
    return draw(Curves(np.array(costs, np.float64), step, **options), 34, 6)  # type: ignore[arg-type]


def assert_looks(found: Picture, expected: str) -> None:
    assert found.text() == expected.strip("\n")


def styles(found: Picture) -> set[str]:
    return {style for line in found.lines for text, style in line if text.strip()}


FALLING = [0.1 + 0.3 * math.exp(-k / 3) for k in range(11)]


def test_a_curve_that_falls() -> None:
    assert_looks(
        picture(*FALLING, step=10),
        """
 0.4┤⠑⢄⡀
    │  ⠈⠢⣀
    │     ⠑⠢⢄⣀
 0.2┤         ⠉⠒⠒⠤⠤⣀⣀⡀
    │                ⠈⠉⠉⠉⠉⠒⠒⠒⠒⠒⠒◆
    └0─────────────5───────────10
""",
    )


def test_two_points_are_a_line() -> None:
    assert_looks(
        picture(4.0, 3.0, step=1),
        """
 4.0┤⠉⠒⠒⠤⢄⣀⡀
    │      ⠈⠉⠒⠢⠤⢄⣀
 3.5┤             ⠉⠉⠒⠢⠤⢄⣀
    │                    ⠉⠑⠒⠢⠤⣀⣀
 3.0┤                           ◆
    └0──────────────────────────1
""",
    )


def test_one_point_is_its_mark() -> None:
    assert_looks(
        picture(5.0, step=0),
        """
 5.002┤
      │
 5.000┤◆
      │
 4.998┤
      └0────────────────────────1
""",
    )
    # Away from it, it is a point.
    assert "•" in picture(5.0).text()


def test_a_flat_curve_is_flat_and_so_is_noise_of_the_last_digits() -> None:
    flat = picture(0.25, 0.25, 0.25, 0.25, step=3)
    assert_looks(
        flat,
        """
 0.2501┤
       │
 0.2500┤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤◆
       │
 0.2499┤
       └0───────────────2────────
""",
    )
    assert picture(0.25, 0.25 * (1 + 1e-12), 0.25, 0.25 * (1 - 1e-12), step=3).text() == flat.text()
    assert_looks(
        picture(0.0, 0.0, 0.0, step=1),
        """
 1.0┤
    │
 0.5┤
    │
 0.0┤⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉◆⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉
    └0─────────────1────────────2
""",
    )


def test_nan_and_infinity_are_gaps() -> None:
    assert_looks(
        picture(3, 2, math.nan, 1, math.inf, 0.5, 0.4, -math.inf, step=7),
        """
  │⠑⢄⡀
 2┤  ⠈⠢
  │
  │           •      ⢀⣀⣀⡀
 0┤                     ⠈⠁
  └0─────────────────5───────────
""",
    )


def test_costs_that_are_never_finite_leave_the_axes() -> None:
    assert_looks(
        picture(math.nan, math.inf, step=1),
        """
 1.0┤
    │
 0.5┤
    │
 0.0┤
    └0──────────────────────────1
""",
    )


def test_the_largest_numbers_of_both_signs() -> None:
    assert_looks(
        picture(1.7e308, -1.7e308, step=1),
        """
  4e+307┤⠉⠒⠢⠤⣀⡀
  2e+307┤     ⠈⠉⠒⠢⠤⣀⡀
       0┤           ⠈⠑⠒⠤⢄⣀
 -2e+307┤                 ⠉⠑⠒⠤⢄⣀
 -4e+307┤                       ◆
        └0──────────────────────1
""",
    )


def test_a_log_scale_leaves_out_what_is_not_above_zero() -> None:
    assert_looks(
        picture(1, 0.1, 0.01, 0, 1e-4, 1e-5, step=5, logarithmic=True),
        """
     1┤⠉⠒⠢⠤⣀⡀
      │     ⠈⠉⠑⠒⠤⠄
      │
      │                    ⠐⠒⠤⢄⣀
 1e-05┤                         ◆
      └0─────────2─────────4─────
""",
    )


def branches(fork: int, *costs: float) -> list[tuple[int, object]]:
    return [(fork, np.array(costs))]


def test_other_branches_are_dashed_from_where_they_fork() -> None:
    found = picture(
        *FALLING[:5], step=4, branches=[(3, np.array(FALLING)), (2, np.array([0.4, 0.3, 0.5, 0.6]))]
    )
    assert_looks(
        found,
        """
     │      ⣀ ⠂
 0.50┤⡀   ⡠
     │⠈⠑⠢⢄⣀
 0.25┤     ⠉⠉⠒⠒⠤◆⢄ ⣀ ⣀
     │                 ⠉ ⠉ ⠉ ⠉ ⠉
     └0────────────5───────────10
""",
    )
    assert styles(found) == {"axis", "branch", "curve", "mark"}


def test_in_ascii_and_without_colours_the_present_curve_differs_from_the_others() -> None:
    found = picture(*FALLING[:6], step=5, branches=branches(1, 0.4, *[0.25] * 10))
    text = "".join(sign if sign == "\n" else in_ascii(sign) for sign in found.text())
    expected = """
 0.4+'..
    | ''-.
    |  ' -'-.. - - - - - - - - -
 0.2+         '----X
    |
    `0-------------5-----------10
""".strip("\n")
    assert text == expected


def test_a_branch_that_diverged_leaves_at_the_top_and_does_not_flatten_the_present() -> None:
    costs = np.array([0.25 * 10.0**k for k in range(11)])
    found = picture(*FALLING, step=10, branches=[(1, costs)])
    assert_looks(
        found,
        """
 0.8┤⢸
 0.6┤
 0.4┤⠉⠒⠒⠤⠤⣀⣀⡀
 0.2┤       ⠈⠉⠉⠉⠉⠒⠒⠒⠒⠒⠒⠒⠒⠒⠤⠤⠤⠤⠤⠤◆
 0.0┤
    └0─────────────5───────────10
""",
    )


def test_the_axis_of_steps_reaches_to_the_aim_of_a_run() -> None:
    assert_looks(
        picture(*FALLING, step=10, aim=40),
        """
 0.4┤⢇
    │⠸⡀
    │ ⠱⡀
 0.2┤  ⠈⢆
    │    ⠉⠑⠒◆
    └0─────────────20──────────40
""",
    )


def test_no_spike_is_lost_among_many_steps() -> None:
    costs = np.ones(100_000)
    costs[77_777] = 2.0
    top = draw(Curves(costs, 5), 40, 6).text().split("\n")[0]
    assert sum(character in "⡇⢸" for character in top) == 1


def test_a_cell_stands_for_a_step_and_the_axes_for_none() -> None:
    found = picture(*FALLING, step=10)
    right = found.left + found.across - 1
    assert round(found.step_at(found.left, 0) or 0) == 0
    assert round(found.step_at(right, 3) or 0) == 10
    for x, y in ((found.left - 1, 0), (right + 1, 0), (found.left, 6), (found.left, -1)):
        assert found.step_at(x, y) is None


number = st.floats(allow_nan=True, allow_infinity=True, width=64)


@given(
    st.lists(number, max_size=60),
    st.lists(number, max_size=60),
    st.integers(0, 70),
    st.booleans(),
    st.integers(3, 60),
    st.integers(1, 12),
    st.integers(0, 10**6),
)
def test_any_costs_are_drawn_in_any_size(
    costs: list[float],
    other: list[float],
    fork: int,
    logarithmic: bool,
    width: int,
    height: int,
    aim: int,
) -> None:
    curves = Curves(
        np.array(costs, np.float64),
        len(costs) - 1,
        [(fork, np.array(other, np.float64))],
        logarithmic,
        aim,
    )
    found = draw(curves, width, height)
    assert len(found.lines) == max(2, height)
    assert all(text for line in found.lines for text, _ in line)
    text = ["".join(text for text, _ in line) for line in found.lines]
    assert len({len(line) for line in text}) == 1
    if len(text[0]) > found.left + 1:
        assert len(text[0]) <= width
    finite = [cost for cost in costs if math.isfinite(cost) and (cost > 0 or not logarithmic)]
    if finite:
        drawn = {style for line in found.lines for part, style in line if part.strip()}
        assert drawn & {"curve", "mark"}


@given(
    st.lists(st.floats(-1e300, 1e300), min_size=1, max_size=20), st.booleans(), st.integers(1, 9)
)
def test_the_limits_hold_the_present_curve(
    costs: list[float], logarithmic: bool, rows: int
) -> None:
    low, high, _ = axis_of(np.array(costs), [], rows, logarithmic)
    # What is below the smallest magnitude is drawn as 0.
    slack = SMALLEST + 1e-12 * max(map(abs, costs))
    assert low - slack <= min(costs) <= max(costs) <= high + slack
    assert low < high
    assert math.isfinite(high - low)


@pytest.mark.parametrize("costs", [[1.0, 0.5], [1.0, 0.5, 0.45]])
def test_the_limits_stay_while_a_curve_grows_within_them(costs: list[float]) -> None:
    assert axis_of(np.array(costs), [], 6)[1] == axis_of(np.array([1.0, 0.5]), [], 6)[1]
