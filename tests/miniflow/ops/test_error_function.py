"""The error function on arrays agrees with `math.erf`."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from miniflow.ops.error_function import erf_into


def erf(x: Any) -> Any:
    out = np.zeros_like(x)
    erf_into(out, x)
    return out


def test_it_is_within_1e_15_of_the_error_function_absolute_and_relative() -> None:
    rng = np.random.default_rng(0)
    powers = 10.0 ** rng.uniform(-300, 0, 2000)
    x = np.concatenate([rng.uniform(-7, 7, 20_000), rng.uniform(-0.1, 0.1, 5000), powers])
    exact = np.array([math.erf(number) for number in x.tolist()])
    np.testing.assert_allclose(erf(x), exact, rtol=1e-15, atol=0)


def test_at_the_nodes_and_halfway_between_them_it_is_as_exact() -> None:
    x = np.arange(-1600, 1601) / 256
    exact = np.array([math.erf(number) for number in x.tolist()])
    np.testing.assert_allclose(erf(x), exact, rtol=1e-15, atol=0)


def test_in_float32_nearly_all_are_the_nearest_number_and_none_is_further_than_the_next() -> None:
    rng = np.random.default_rng(1)
    powers = 10.0 ** rng.uniform(-30, 0, 5000)
    x = np.concatenate([rng.uniform(-7, 7, 20_000), powers, np.arange(-1600, 1601) / 256])
    x = x.astype(np.float32)
    nearest = np.array([math.erf(number) for number in x.tolist()], np.float32)
    found = erf(x)
    assert np.mean(found != nearest) < 0.001
    assert np.all(np.abs(found - nearest) <= np.spacing(np.abs(nearest)))


def test_it_keeps_nan_infinity_and_the_sign_of_zero() -> None:
    found = erf(np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1e300, -5e-324]))
    assert found.tolist()[:4] == [0.0, 0.0, 1.0, -1.0]
    assert np.signbit(found).tolist()[:2] == [False, True]
    assert math.isnan(found[4])
    assert found.tolist()[5:] == [1.0, -5e-324]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_arrays_of_any_layout_are_read_and_written(dtype: Any) -> None:
    x = np.linspace(-2, 2, 24, dtype=dtype).reshape(4, 6)
    whole = erf(x)
    assert whole.dtype == dtype
    out = np.zeros((6, 4), dtype).T
    erf_into(out, x[::-1])
    np.testing.assert_array_equal(out, whole[::-1])
    in_place = x.copy()
    erf_into(in_place, in_place)
    np.testing.assert_array_equal(in_place, whole)
