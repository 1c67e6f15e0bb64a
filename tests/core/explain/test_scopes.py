"""Scopes of node names: which nodes belong together, and which scopes are alike."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mfdebug.core.explain.scopes import Scope, scopes_of, within
from miniflow.text.scope_names import MOST_LEVELS, split_name

PARTS = st.lists(
    st.sampled_from(["a", "b", "h", "0", "11", "w.x", "ß", "層"]), min_size=1, max_size=9
)
NAMES = st.lists(
    PARTS.flatmap(lambda parts: st.sampled_from(["/", "."]).map(lambda s: s.join(parts)))
)


def all_scopes(scope: Scope) -> Iterator[Scope]:
    yield scope
    for part in scope.parts:
        if isinstance(part, Scope):
            yield from all_scopes(part)


def outline(scope: Scope, names: list[str]) -> list[object]:
    """Scopes as nested lists."""
    found: list[object] = []
    for part in scope.parts:
        if isinstance(part, Scope):
            repeats = f" ×{part.repeats}" if part.repeats else ""
            found += [part.label + repeats, outline(part, names)]
        else:
            found.append(within(names[part], scope))
    return found


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("W", ("W",)),
        ("layer1/W", ("layer1/", "W")),
        ("transformer.h.0.attn.w", ("transformer.", "h.0.", "attn.", "w")),
        ("block/fc.weight", ("block/", "fc.", "weight")),
        ("x.5", ("x.5",)),
        ("lr0.01", ("lr0.01",)),
        ("/x", ("/x",)),
        ("a//b", ("a//b",)),
        ("a/", ("a/",)),
        ("..", ("..",)),
        ("a/b.", ("a/", "b.")),
    ],
)
def test_a_name_is_split_at_slashes_and_at_dots_between_words(name: str, parts: tuple[str]) -> None:
    assert split_name(name) == parts


@given(NAMES)
def test_the_parts_of_a_name_are_the_name_and_few(names: list[str]) -> None:
    for name in names:
        parts = split_name(name)
        assert "".join(parts) == name
        assert 1 <= len(parts) <= MOST_LEVELS + 1


def test_scopes_nest() -> None:
    names = ["x", "a/w", "a/attn/q", "a/attn/k", "a/out", "y"]
    assert outline(scopes_of(names), names) == [
        "x",
        "a/",
        ["w", "attn/", ["q", "k"], "out"],
        "y",
    ]


def test_a_scope_that_is_left_and_entered_again_is_part_of_the_names_in_it() -> None:
    names = ["x", "a/w", "a/attn/q", "a/attn/k", "a/out", "y", "a/w2", "a/h.0.b"]
    assert outline(scopes_of(names), names) == [
        "x",
        "a/w",
        "a/attn/",
        ["q", "k"],
        "a/out",
        "y",
        "a/w2",
        "a/h.0.",
        ["b"],
    ]


@given(NAMES, st.booleans())
def test_no_scope_is_there_twice_and_none_in_one_run_is_left_out(
    names: list[str], group: bool
) -> None:
    root = scopes_of(names, (lambda _node: "") if group else None)
    found = [
        names[scope.first][: scope.depth]
        for scope in all_scopes(root)
        # A row of alike scopes is none itself.
        if scope.parent is not None and scope.depth > scope.parent.depth
    ]
    assert len(set(found)) == len(found)
    runs: list[str] = []
    before: tuple[str, ...] = ()
    for name in names:
        *scopes, _ = split_name(name)
        now = tuple("".join(scopes[: n + 1]) for n in range(len(scopes)))
        runs += [scope for scope in now if scope not in before]
        before = now
    assert sorted(found) == sorted(scope for scope in set(runs) if runs.count(scope) == 1)


def test_alike_scopes_in_a_row_become_one() -> None:
    names = ["x", *(f"h.{i}.{leaf}" for i in range(12) for leaf in ("w", "mlp.b")), "cost"]
    found = outline(scopes_of(names, lambda _node: ""), names)
    assert found[:2] == ["x", "h.0…11. ×12"]
    assert found[3] == "cost"
    assert isinstance(found[2], list)
    assert found[2][:4] == ["h.0.", ["w", "mlp.", ["b"]], "h.1.", ["w", "mlp.", ["b"]]]


def test_scopes_that_are_all_of_their_scope_need_no_other_one() -> None:
    names = [f"blocks/{i}/w" for i in range(5)]
    assert outline(scopes_of(names, lambda _node: ""), names)[:2] == [
        "blocks/ ×5",
        ["0/", ["w"], "1/", ["w"], "2/", ["w"], "3/", ["w"], "4/", ["w"]],
    ]


def test_nodes_that_count_and_feed_each_other_become_one() -> None:
    names = ["x", "w", "h8", "h9", "h10", "h11", "cost", "l2.a1", "l2.a2", "l2.a3"]
    inbound = [[], [], [0, 1], [2, 1], [3, 1], [4, 1], [5], [6], [7], [8]]
    root = scopes_of(names, lambda _node: "", inbound)
    found = ["x", "w", "h8…11 ×4", ["h8", "h9", "h10", "h11"], "cost", "l2. ×3", ["a1", "a2", "a3"]]
    assert outline(root, names) == found
    # One that is not fed by the one before, that is of another kind or that skips a number.
    apart = [sources if node != 4 else [0, 1] for node, sources in enumerate(inbound)]
    assert "h8" in outline(scopes_of(names, lambda _node: "", apart), names)
    assert "h8" in outline(scopes_of(names, lambda node: node == 4, inbound), names)
    skipping = [name.replace("h10", "h20") for name in names]
    assert "h8" in outline(scopes_of(skipping, lambda _node: "", inbound), skipping)


@given(NAMES)
def test_no_two_scopes_have_the_same_key(names: list[str]) -> None:
    found = [s.key for s in all_scopes(scopes_of(names, lambda _node: "")) if s.parent is not None]
    assert len(set(found)) == len(found)


def test_what_differs_is_not_alike() -> None:
    names = [f"layer{i}/{leaf}" for i in range(1, 6) for leaf in ("W", "z")]
    last = scopes_of(names, lambda node: "wide" if node == 9 else "")
    assert outline(last, names)[0] == "layer1…4/ ×4"
    assert outline(last, names)[2:] == ["layer5/", ["W", "z"]]
    two = names[:4]
    assert outline(scopes_of(two, lambda _node: ""), two)[0] == "layer1/"


@given(NAMES, st.booleans())
def test_every_node_is_in_one_place_of_the_scopes_around_it(names: list[str], group: bool) -> None:
    root = scopes_of(names, (lambda _node: "") if group else None)
    seen = []
    for scope in all_scopes(root):
        assert scope.starts == sorted(scope.starts)
        end = scope.first
        for i, part in enumerate(scope.parts):
            first, stop = (part, part + 1) if isinstance(part, int) else (part.first, part.end)
            assert first == end == scope.starts[i]
            end = stop
            assert all(scope.position(node) == i for node in range(first, stop))
            if isinstance(part, int):
                seen.append(part)
                assert names[part].endswith(within(names[part], scope))
            else:
                assert part.parent is scope
        assert end == scope.end
        if scope.repeats:
            assert scope.repeats == len(scope.parts)
    assert sorted(seen) == list(range(len(names)))
