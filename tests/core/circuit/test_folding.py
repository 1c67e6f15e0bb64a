"""Which nodes share a box: scopes by level, repeated blocks, and no cycles."""

from __future__ import annotations

from collections.abc import Iterable

from hypothesis import given, settings

from mfdebug.core.circuit.circuit import Circuit
from mfdebug.core.circuit.folds.folding import Folding, keys_of_scopes
from mfdebug.core.explain.scopes import graph_scopes
from miniflow.graph import Graph
from miniflow.node import Input, Node
from miniflow.ops import Add, Mul, Neg, Sigmoid
from tests.core.circuit.graphs import graphs, shipped, transformer_like


def folded(graph: Graph, opened: Iterable[str] = ()) -> Folding:
    return Folding(graph, graph_scopes(graph, graph.shapes()), opened)


def keys_of(graph: Graph) -> set[str]:
    return set(keys_of_scopes(graph_scopes(graph, graph.shapes())))


def keys(folding: Folding) -> list[str]:
    return [group.key for group in folding.groups]


def test_repeated_blocks_are_one_box() -> None:
    graph = shipped("vanishing").graph
    folding = folded(graph)
    assert keys(folding) == ["X", "y", "layer1…12/ ×12", "cost"]
    assert len(folding.groups[2].units) == 12


def test_a_run_opens_into_its_blocks_and_a_block_into_its_nodes() -> None:
    graph = transformer_like(3)
    folding = folded(graph, ["block1…3/ ×3"])
    assert keys(folding) == ["x", "block1/", "block2/", "block3/", "wanted", "cost"]
    folding = folded(graph, ["block1…3/ ×3", "block2/"])
    assert keys(folding)[2:6] == ["block2/att/", "block2/mlp/", "block2/both", "block2/out"]
    # The other blocks stay as they are.
    assert {"block1/", "block3/"} <= set(keys(folding))
    folding = folded(graph, ["block1…3/ ×3", "block2/", "block2/att/"])
    assert "block2/att/line" in keys(folding)


def test_the_innermost_fold_around_a_node_closes_first() -> None:
    graph = transformer_like(3)
    opened = {"block1…3/ ×3", "block2/", "block2/att/"}
    node = graph.by_name["block2/att/line"]
    for key in ("block2/att/", "block2/", "block1…3/ ×3"):
        folding = folded(graph, opened)
        assert folding.around(node) == key
        opened.remove(key)
    assert folded(graph, opened).around(node) is None


def test_a_chain_without_scopes_repeats_too() -> None:
    assert "h1…10 ×10" in keys(folded(shipped("exploding").graph))


def test_names_that_do_not_count_are_no_run() -> None:
    node: Node = Input("x", value=1.0)
    for number in (1, 2, 4, 5, 7):
        node = Neg(node, name=f"n{number}")
    assert len(folded(Graph.of(node)).groups) == 6


def test_other_ops_are_no_run() -> None:
    node: Node = Input("x", value=1.0)
    for number, op in enumerate((Neg, Sigmoid, Neg, Sigmoid), 1):
        node = op(node, name=f"n{number}")
    assert len(folded(Graph.of(node)).groups) == 5


def test_two_blocks_are_not_worth_a_run() -> None:
    assert "block1/" in keys(folded(transformer_like(2)))


def test_a_scope_that_is_left_and_entered_again_is_no_box() -> None:
    x = Input("x", value=2.0)
    first = Neg(x, name="s/first")
    outside = Mul(first, x, name="outside")
    last = Add(outside, first, name="s/last")
    inner = Neg(last, name="t/inner")
    folding = folded(Graph.of(Neg(inner, name="t/end")))
    assert keys(folding) == ["x", "s/first", "outside", "s/last", "t/"]
    assert folding.around(folding.graph.by_name["s/last"]) is None


@settings(deadline=None)
@given(graphs())
def test_every_node_is_in_one_group_and_no_group_needs_itself(graph: Graph) -> None:
    for opened in ((), keys_of(graph)):
        folding = folded(graph, opened)
        nodes = [node for group in folding.groups for node in group.nodes]
        assert sorted(nodes) == list(range(len(graph)))
        for number, group in enumerate(folding.groups):
            assert {folding.group_of[node] for node in group.nodes} == {number}
        done: set[int] = set()
        left = set(range(len(folding.groups)))
        while left:
            ready = {
                number
                for number in left
                if all(folding.group_of[i] in done for i in folding.inputs(number))
            }
            assert ready
            done |= ready
            left -= ready


def test_names_with_odd_slashes_are_nodes() -> None:
    x = Input("/", value=1.0)
    graph = Graph.of(Neg(Neg(Neg(x, name="a//b"), name="c/"), name="/d"))
    folding = folded(graph)
    assert sorted(node for group in folding.groups for node in group.nodes) == [0, 1, 2, 3]
    assert Circuit(graph, graph.shapes(), 80).height > 2


def test_dots_separate_scopes_as_slashes_do() -> None:
    with_dots = transformer_like(3)
    for node in with_dots.nodes:
        node.name = node.label.replace("/", ".")
    dotted = Graph(with_dots.nodes, with_dots.nodes[with_dots.cost])
    for opened in ((), ("block1…3/ ×3",), keys_of(transformer_like(3))):
        slashes = folded(transformer_like(3), opened)
        dots = folded(dotted, {key.replace("/", ".") for key in opened})
        assert keys(dots) == [key.replace("/", ".") for key in keys(slashes)]
    assert keys_of(dotted) == {key.replace("/", ".") for key in keys_of(transformer_like(3))}


def test_a_number_after_a_dot_is_no_scope() -> None:
    x = Input("x.0", value=1.0)
    graph = Graph.of(Neg(Neg(x, name="h.0.a"), name="h.0.b"))
    assert keys(folded(graph)) == ["x.0", "h.0."]
    assert keys(folded(graph, ["h.0."])) == ["x.0", "h.0.a", "h.0.b"]
