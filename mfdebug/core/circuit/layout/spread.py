"""Numbers in order and apart, each as near as possible to where it wants to be."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from operator import le, sub


def spread(wanted: Sequence[int], weights: Sequence[float], gaps: Sequence[int]) -> list[int]:
    """Return integers near `wanted`, each at least its gap after the one before.

    The first gap is not used. They minimize the weighted sum of distances: neighbours that are too
    close are pooled at their weighted median (pool adjacent violators). Means instead of medians
    would put a kink of one row into wires that could be straight.
    """
    if not wanted:
        return []
    offsets = list(accumulate(gaps[1:], initial=0))
    places = list(map(sub, wanted, offsets))
    if all(map(le, places, places[1:])):
        # None is too close to the one before it.
        return list(wanted)
    pools: list[tuple[int, list[tuple[int, float]]]] = []
    for place, weight in zip(places, weights, strict=True):
        members = [(place, weight)]
        while pools and pools[-1][0] > place:
            members = sorted(pools.pop()[1] + members)
            place = _weighted_median(members)
        pools.append((place, members))
    places = [place for place, members in pools for _ in members]
    return [place + offset for place, offset in zip(places, offsets, strict=True)]


def _weighted_median(members: Sequence[tuple[int, float]]) -> int:
    """Return the lower weighted median of sorted numbers with weights."""
    half = sum([weight for _, weight in members]) / 2
    total = 0.0
    for place, weight in members:
        total += weight
        if total >= half:
            return place
    return members[-1][0]


def middle(numbers: Sequence[int]) -> int:
    """Return the median of integers, rounded down."""
    ordered = sorted(numbers)
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) // 2
