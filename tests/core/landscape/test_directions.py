"""Principal directions of a path, against NumPy's singular value decomposition."""

from __future__ import annotations

import numpy as np
import pytest

from mfdebug.core.landscape.directions import principal_directions


@pytest.mark.parametrize(("points", "parameters"), [(3, 2), (12, 5), (5, 300)])
def test_they_are_those_of_the_singular_value_decomposition(points: int, parameters: int) -> None:
    path = np.random.default_rng(points).normal(size=(points, parameters))
    end = path[-1]
    found = principal_directions(path, end)
    _, sizes, rows = np.linalg.svd(path - end)
    assert np.abs(found.rows @ rows[:2].T) == pytest.approx(np.eye(2), abs=1e-9)
    assert found.shares == pytest.approx(sizes[:2] ** 2 / (sizes**2).sum())


def test_a_straight_path_has_one_and_a_point_none() -> None:
    line = np.outer(np.arange(4.0), [3.0, 4.0])
    found = principal_directions(line, line[-1])
    assert found.rows == pytest.approx(np.array([[0.6, 0.8]]))
    assert found.shares == pytest.approx((1.0,))
    assert len(principal_directions(line[:1], line[0]).rows) == 0


def test_the_size_of_the_numbers_does_not_matter() -> None:
    path = np.random.default_rng(1).normal(size=(6, 4))
    plain = principal_directions(path, path[-1])
    for scale in (1e-200, 1e200):
        scaled = principal_directions(path * scale, path[-1] * scale)
        assert scaled.rows == pytest.approx(plain.rows)
