"""The modern face of miniflow: operators, functions, scopes; the same nodes as the lesson's."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import miniflow as mf
from miniflow import MSE, Add, Div, Input, MatMul, Mul, Neg, Node, Pow, Sub, topological_sort
from miniflow.errors import FeedError, GraphError
from miniflow.graph_text import as_table
from miniflow.lesson import forward_pass


def valued(node: Node) -> float:
    graph = mf.Graph.of(node)
    for each_node in graph.nodes:
        each_node.forward()
    return float(node.value)


def test_operators_make_the_nodes_of_the_classes() -> None:
    x, y = Input("x", value=6.0), Input("y", value=4.0)
    made = {x + y: Add, x - y: Sub, x * y: Mul, x / y: Div, -x: Neg, x**2: Pow}
    assert [type(node) for node in made] == list(made.values())
    assert [valued(node) for node in made] == [10.0, 2.0, 24.0, 1.5, -6.0, 36.0]
    assert type(x @ y) is MatMul


@pytest.mark.parametrize(
    ("made", "value"),
    [
        (lambda x: 2 + x, 8.0), (lambda x: x + 2, 8.0), (lambda x: 2 - x, -4.0),
        (lambda x: 2 * x, 12.0), (lambda x: 3 / x, 0.5), (lambda x: x * np.float64(0.5), 3.0),
        (lambda x: sum([x, x, x]), 18.0),
    ],
)  # fmt: skip
def test_numbers_stand_for_inputs(made: object, value: float) -> None:
    assert callable(made)
    assert valued(made(Input("x", value=6.0))) == value


def test_arrays_on_the_left_are_left_to_the_node() -> None:
    node = np.ones((2, 2)) @ Input("x", value=np.eye(2))
    assert isinstance(node, MatMul)
    assert isinstance(np.ones(2) * Input("x"), Mul)


def test_other_things_make_no_node() -> None:
    with pytest.raises(TypeError, match="cannot combine a node with a str"):
        Input("x") + "one"
    with pytest.raises(TypeError):
        Input("x") ** Input("y")


def test_functions_are_the_classes_in_small_letters() -> None:
    x = Input("x", value=0.0)
    for name in ("sigmoid", "tanh", "relu", "leaky_relu", "softplus", "gelu", "exp", "sqrt"):
        node = getattr(mf, name)(x, name=name)
        assert type(node).__name__.lower() == name.replace("_", "")
    assert valued(mf.mse(Input("t", value=3.0), x)) == 9.0


def test_scopes_begin_the_names_and_nest() -> None:
    with mf.scope("net"):
        with mf.scope("layer1"):
            W = mf.parameter([[1.0]], "W")
            h = W @ W
        out = h + 1.0
    graph = mf.Graph.of(out)
    assert graph.names() == ["net/layer1/W", "net/layer1/matmul1", "net/input1", "net/add1"]
    assert Input("after").label == "after"
    with pytest.raises(GraphError, match="is not a scope name"), mf.scope("a/b"):
        pass


def test_a_graph_trains_and_leaves_its_values_in_the_nodes() -> None:
    x, wanted = Input("x", value=10.0), Input("wanted", value=20.0)
    w = mf.parameter(5.0, "w")
    graph = mf.Graph.of(mf.mse(wanted, w * x), optimizer=mf.SGD(0.001))
    assert graph.train(3) == pytest.approx([900.0, 576.0, 368.64])
    assert w.value == pytest.approx(3.536)


def test_tables_feed_batches() -> None:
    state = np.random.default_rng(0)
    table = state.normal(size=(40, 3))
    wanted = table @ np.array([[1.0], [2.0], [3.0]]) + 1
    X, y = Input("X"), Input("y")
    W, b = mf.parameter(np.zeros((3, 1)), "W"), mf.parameter([0.0], "b")
    graph = mf.Graph.of(
        mf.mse(y, X @ W + b), feeds={X: table, y: wanted}, batch_size=8, optimizer=mf.Adam(0.1)
    )
    costs = graph.train(300)
    assert costs[-1] < 1e-3 < costs[0]
    np.testing.assert_allclose(W.value.ravel(), [1, 2, 3], atol=0.02)
    with pytest.raises(FeedError):
        mf.Graph.of(mf.mse(X, y), feeds={X: table, y: wanted[:7]})


def test_both_faces_make_the_same_graph() -> None:
    def named() -> tuple[Input, ...]:
        return tuple(Input(name, value=np.eye(2)) for name in ("X", "W", "b", "y"))

    X, W, b, y = named()
    old = mf.Graph.of(MSE(y, Add(MatMul(X, W, name="xw"), b, name="l"), name="cost"))
    X, W, b, y = named()
    product = X @ W
    product.name = "xw"
    total = product + b
    total.name = "l"
    new = mf.Graph.of(mf.mse(y, total, name="cost"))
    assert old.names() == new.names()
    assert [type(n) for n in old.nodes] == [type(n) for n in new.nodes]


# Files ----------------------------------------------------------------------------------------


def test_a_lesson_programs_network_is_saved(tmp_path: Path) -> None:
    x, w, wanted = Input("x"), Input("w"), Input("wanted")
    cost = MSE(wanted, Mul(w, x, name="y"), name="cost")
    graph = topological_sort({w: 5.0, x: 10.0, wanted: 20.0})
    for subject in (graph, cost, mf.Graph.of(cost)):
        mf.save(subject, tmp_path / "saved.json", trainables=[w])
        loaded = mf.load(tmp_path / "saved.json")
        assert loaded.names() == ["x", "w", "wanted", "y", "cost"]
        assert [loaded.nodes[i].label for i in loaded.trainables] == ["w"]
        assert forward_pass(loaded.nodes[loaded.cost], loaded.nodes) == 900.0


@pytest.mark.parametrize("subject", [3, [], "graph", [1, 2]])
def test_what_is_no_graph_is_refused(subject: object, tmp_path: Path) -> None:
    with pytest.raises(GraphError, match="is not a graph"):
        mf.save(subject, tmp_path / "x.json")  # type: ignore[arg-type]
    x = Input("x", value=1.0)
    with pytest.raises(GraphError, match="it is not an Input"):
        mf.save(x + x, tmp_path / "x.json", trainables=[x + x])


def test_a_graph_tells_of_itself() -> None:
    x = Input("<b>x</b>", value=1.0)
    graph = mf.Graph.of(mf.exp(x, name="e"), name="small")
    assert repr(graph) == "<Graph small: 2 nodes, cost e, 0 trained>"
    html = as_table(graph)
    assert "<td>&lt;b&gt;x&lt;/b&gt;</td>" in html
    assert html.count("<tr>") == 3


def test_the_star_gives_what_the_lesson_gave() -> None:
    names: dict[str, object] = {}
    exec("from miniflow import *", names)
    assert {"np", "Node", "Neuron", "Layer", "Input", "Linear", "forward_pass"} <= set(names)
    assert not {"Graph", "save", "load", "exp", "scope"} & set(names)
