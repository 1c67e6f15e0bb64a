"""Which passes are one line: the same graph under the cost, in whatever order it was walked."""

from __future__ import annotations

from random import Random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mfdebug.recording.lines import Lines, inputs_first, walk
from mfdebug.recording.records import RecordedNode, Structure
from tests.recording.drawn import structures
from tests.recording.runs import node, permuted, structure


def one_line(*given: Structure) -> bool:
    lines = Lines()
    return {lines.add(each)[0] for each in given} == {0}


def by_hand(one: Structure, other: Structure) -> bool:
    """Whether two graphs are the same under the cost: nodes paired off from the cost on."""
    pairs: dict[int, int] = {}
    back: dict[int, int] = {}

    def pair(i: int, j: int) -> bool:
        if i in pairs or j in back:
            return pairs.get(i) == j and back.get(j) == i
        pairs[i], back[j] = j, i
        a, b = one.nodes[i], other.nodes[j]
        return (
            (a.kind, a.ours, a.name, len(a.inbound)) == (b.kind, b.ours, b.name, len(b.inbound))
            and all(pair(k, m) for k, m in zip(a.inbound, b.inbound, strict=True))
        )  # fmt: skip

    return pair(one.cost, other.cost)


@given(structures(), st.randoms(use_true_random=False), st.booleans())
def test_any_order_is_the_same_line(given: Structure, random: Random, both: bool) -> None:
    order = list(range(len(given.nodes)))
    random.shuffle(order)
    moved = permuted(given, order)
    if not both:
        moved = Structure(moved.nodes, moved.forward, (), moved.cost)
    lines = Lines()
    assert lines.add(given)[0] == lines.add(moved)[0] == 0
    line = lines.all[0]
    assert line.mapping(given) == list(range(len(given.nodes)))
    mapping = line.mapping(moved)
    reaches_cost = walk(moved.nodes, moved.cost)
    assert all(mapping[i] == order[i] for i in reaches_cost)
    assert_fits(line.structure, moved, mapping)


def assert_fits(line: Structure, given: Structure, mapping: list[int]) -> None:
    """Check that a mapping keeps classes, names and inputs, and maps no two nodes to one."""
    mapped = [i for i in mapping if i >= 0]
    assert len(mapped) == len(set(mapped))
    for i, own in enumerate(given.nodes):
        if mapping[i] >= 0:
            there = line.nodes[mapping[i]]
            assert (own.kind, own.ours, own.name) == (there.kind, there.ours, there.name)
            assert tuple(mapping[source] for source in own.inbound) == there.inbound


@given(structures(4), structures(4))
def test_two_graphs_are_one_line_if_their_nodes_can_be_paired(
    one: Structure, other: Structure
) -> None:
    assert one_line(one, other) == by_hand(one, other)


@given(structures(), st.data())
def test_a_changed_graph_is_another_line(given: Structure, data: st.DataObject) -> None:
    i = data.draw(st.sampled_from(walk(given.nodes, given.cost)))
    changes: list[dict[str, object]] = [{"kind": "Other"}, {"name": "other"}]
    changes += [{"ours": not given.nodes[i].ours}, {"inbound": (*given.nodes[i].inbound, 0)}]
    change = data.draw(st.sampled_from(changes))
    nodes = list(given.nodes)
    nodes[i] = msgspec.structs.replace(nodes[i], **change)
    if "inbound" in change and i == 0:
        return
    assert not one_line(given, msgspec.structs.replace(given, nodes=tuple(nodes)))


def test_twins_and_shared_inputs() -> None:
    x, y = node("Input"), node("Input")
    twins = structure([x, y, node("Mul", 0, 1)])
    shared = structure([x, node("Mul", 0, 0)])
    assert one_line(twins, permuted(twins, (1, 0, 2)))
    assert not one_line(twins, shared)
    inner = [x, y, node("Neg", 0), node("Neg", 1)]
    assert not one_line(
        structure([*inner, node("Add", 2, 3)]), structure([x, node("Neg", 0), node("Add", 1, 1)])
    )
    # Which of the twins is used twice is seen by its inputs' order.
    assert not one_line(
        structure([x, y, node("Add", 0, 1), node("Mul", 2, 0)]),
        structure([x, y, node("Add", 0, 1), node("Mul", 2, 1)]),
    )


def test_settings_and_places_are_not_looked_at() -> None:
    def built(**more: object) -> Structure:
        return structure([node("Input"), node("Pow", 0, **more)])

    assert one_line(built(), built(attributes={"exponent": 3}), built(file="b.py", line=3))


def test_nodes_beside_the_cost_make_no_other_line() -> None:
    base = [node("Input", name="x"), node("Neg", 0)]
    alone = structure(base, backward=False)
    more = Structure(
        (*base, node("Input", name="t"), node("Sub", 0, 2)), (2, 0, 1, 3), (1, 0), cost=1
    )
    other = Structure((*base, node("Exp", 1)), (0, 1, 2), (1, 0), cost=1)
    lines = Lines()
    assert [lines.add(each) for each in (alone, more, other)] == [(0, False), (0, True), (0, False)]
    line = lines.all[0]
    # The first that went both ways gives the order of the calls, and its further nodes.
    assert line.structure == more
    assert line.mapping(alone) == [0, 1]
    assert line.mapping(more) == [0, 1, 2, 3]
    assert line.mapping(other) == [0, 1, -1]
    assert line.mapping(permuted(more, (3, 2, 1, 0))) == [3, 2, 1, 0]


def test_a_line_keeps_its_numbers_when_a_pass_goes_back() -> None:
    given = structure([node("Input", name="x"), node("Neg", 0), node("Exp", 1)], backward=False)
    both = permuted(structure(given.nodes), (2, 0, 1))
    lines = Lines()
    assert [lines.add(each)[0] for each in (given, both)] == [0, 0]
    assert lines.all[0].structure == structure(given.nodes)
    assert lines.all[0].mapping(both) == [2, 0, 1]


def test_large_graphs_are_walked_without_recursion_and_once() -> None:
    class Counted(tuple[int, ...]):
        looks = 0

        def __reversed__(self) -> object:
            Counted.looks += 1
            return reversed(tuple(self))

    count = 20_000
    nodes = [RecordedNode("Input")]
    nodes += [RecordedNode("Add", Counted((i, i, 0))) for i in range(count - 1)]
    assert len(walk(nodes, count - 1)) == count
    assert Counted.looks == count - 1


def test_a_circle_is_refused() -> None:
    assert inputs_first([node("Neg", 1), node("Input")]) == [1, 0]
    for nodes in ([node("Neg", 0)], [node("Neg", 1), node("Neg", 0), node("Input")]):
        with pytest.raises(ValueError, match="have a cycle"):
            inputs_first(nodes)
