"""The order of imported nodes: topological, each scope in one piece where the edges allow it."""

from __future__ import annotations

import random
from itertools import groupby

from hypothesis import given
from hypothesis import strategies as st

from miniflow.importers.scope_order import scope_order
from miniflow.text.scope_names import split_name
from miniflow.toposort import topological_order

Tree = list["int | Tree"]
TREES = st.recursive(
    st.lists(st.just(0), min_size=1, max_size=3),
    lambda inner: st.lists(st.one_of(st.just(0), inner), min_size=1, max_size=4),
    max_leaves=12,
)


def named(tree: Tree, scope: str = "") -> list[str]:
    """Return the names of the leaves of a tree, whose branches are scopes."""
    found = []
    for i, part in enumerate(tree):
        separator = "/" if i % 2 else "."
        inner = named(part, f"{scope}s{i}{separator}") if isinstance(part, list) else []
        found += inner if isinstance(part, list) else [f"{scope}n{i}"]
    return found


def pieces(names: list[str], scope: str) -> int:
    """Return in how many runs the nodes of a scope are."""
    return sum(inside for inside, _ in groupby(name.startswith(scope) for name in names))


def scopes(names: list[str]) -> set[str]:
    """Return every scope as what the names in it start with."""
    paths = [split_name(name) for name in names]
    return {"".join(path[:level]) for path in paths for level in range(1, len(path))}


def edges(count: int, choice: random.Random) -> list[list[int]]:
    """Return the inputs of each node, which come before it."""
    return [choice.sample(range(i), min(i, choice.randrange(3))) for i in range(count)]


@given(TREES, st.randoms(use_true_random=False))
def test_scopes_that_can_be_together_are_in_whatever_order_nodes_come(
    tree: Tree, choice: random.Random
) -> None:
    # In this order each scope is in one piece.
    whole = named(tree)
    inbound = edges(len(whole), choice)
    shuffled = choice.sample(range(len(whole)), len(whole))
    position = {node: i for i, node in enumerate(shuffled)}
    names = [whole[node] for node in shuffled]
    given_edges = [[position[source] for source in inbound[node]] for node in shuffled]
    order = scope_order(names, given_edges)
    assert is_topological(order, given_edges)
    arranged = [names[i] for i in order]
    assert {pieces(arranged, scope) for scope in scopes(names)} <= {1}


@given(st.lists(TREES.map(named), min_size=1, max_size=3), st.randoms(use_true_random=False))
def test_the_order_is_topological_whatever_scopes_nodes_are_in(
    trees: list[list[str]], choice: random.Random
) -> None:
    names = list({name for names in trees for name in names})
    names.sort()
    choice.shuffle(names)
    inbound = edges(len(names), choice)
    order = scope_order(names, inbound)
    assert is_topological(order, inbound)
    assert scope_order(names, inbound) == order


@given(st.integers(1, 30), st.randoms(use_true_random=False))
def test_without_scopes_the_order_is_that_of_the_nodes(count: int, choice: random.Random) -> None:
    inbound = edges(count, choice)
    names = [f"n{i}" for i in range(count)]
    assert scope_order(names, inbound) == topological_order(inbound) == list(range(count))


def test_what_is_between_two_nodes_of_a_scope_splits_it_but_not_the_scopes_in_it() -> None:
    names = ["m.e.w", "add", "m.e.out", "m.h.w", "m.h.out"]
    inbound = [[], [2], [0], [], [1, 3]]
    order = [names[i] for i in scope_order(names, inbound)]
    assert order == ["m.e.w", "m.e.out", "add", "m.h.w", "m.h.out"]


def test_of_two_layers_that_share_a_weight_the_larger_stays_in_one_piece() -> None:
    names = ["head.w", "body.embedding", "head.b", "body.relu", "body.out", "head.out"]
    inbound = [[], [0], [], [1], [3], [4, 0, 2]]
    order = [names[i] for i in scope_order(names, inbound)]
    assert order == ["head.w", "body.embedding", "body.relu", "body.out", "head.b", "head.out"]


def is_topological(order: list[int], inbound: list[list[int]]) -> bool:
    """Whether an order has every node once, after its inputs."""
    at = {node: i for i, node in enumerate(order)}
    return sorted(order) == list(range(len(inbound))) and all(
        at[source] < at[node] for node, sources in enumerate(inbound) for source in sources
    )
