"""A node without a rule steps forward; before it, no gradient is made up."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

from mfdebug.core.commands.interpreter import open_session
from mfdebug.core.timeline.computed_debugger import ComputedDebugger
from mfdebug.core.timeline.debugger import Freshness
from miniflow.errors import FileError, ShapeError
from miniflow.files import save
from miniflow.gradcheck import check
from miniflow.graph import Graph
from tests.support.onnx_models import NODE, graph, model, passed, value_of

RNG = np.random.default_rng(0)


def with_determinant() -> onnx.ModelProto:
    """y = [det(h), ⌊h⌋] · w2 for h = x · w1, as a matrix."""
    nodes = [
        NODE("MatMul", ["x", "w1"], ["h"]),
        NODE("Reshape", ["h", "square"], ["m"]),
        NODE("Det", ["m"], ["d"]),
        NODE("Unsqueeze", ["d", "axis"], ["column"]),
        NODE("Floor", ["h"], ["f"]),
        NODE("Concat", ["column", "f"], ["c"], axis=1),
        NODE("MatMul", ["c", "w2"], ["y"]),
    ]
    numbers = {
        "w1": RNG.normal(size=(3, 4)),
        "w2": RNG.normal(size=(5, 2)),
        "square": np.array([-1, 2, 2]),
        "axis": np.array([1]),
    }
    return model(nodes, {"x": (1, 3)}, initializers=numbers)


@pytest.fixture
def stuck() -> Graph:
    return graph(with_determinant(), {"x": [[0.5, -1.0, 2.0]]})


def test_its_value_is_that_of_the_reference_implementation(stuck: Graph) -> None:
    plan = passed(stuck)
    h = plan.value(stuck.by_name["h"])
    assert plan.value(stuck.by_name["d"]) == pytest.approx(np.linalg.det(h.reshape(1, 2, 2)))
    assert plan.value(stuck.by_name["f"]).tolist() == np.floor(h).tolist()


def test_parameters_before_it_are_not_trained_and_that_is_said(stuck: Graph) -> None:
    assert [stuck.nodes[i].label for i in stuck.trainables] == ["w2"]
    notes = stuck.description.splitlines()
    assert "d (Det) is computed by onnx.reference, and no gradient is known before it." in notes
    assert "1 parameter whose gradient is not known is not trained: w1." in notes
    stuck.train(3)
    assert np.isfinite(np.asarray(stuck["w2"].value)).all()


def test_no_gradient_before_it_is_known(stuck: Graph) -> None:
    debugger = ComputedDebugger(stuck)
    debugger.cursor.move(debugger.timeline.start_of(1))
    state, index = debugger.state, stuck.by_name
    known = {n: state.gradient_freshness(i) is Freshness.CURRENT for n, i in index.items()}
    for before in ("x", "w1", "h", "m"):
        assert state.gradient_freshness(index[before]) is Freshness.UNKNOWN, before
        assert (
            state.unknown(index[before], gradient=True)
            == "no gradient of the ONNX op Det is known (d)"
        )
    assert all(known[after] for after in ("d", "column", "f", "c", "w2", "y", "cost"))
    # What has jumps sends nothing, and that is known.
    sent = {edge.consumer: edge.sent for edge in state.contributions(index["h"])}
    floor = sent[index["f"]]
    assert floor is not None
    assert not floor.any()
    assert sent[index["m"]] is None


def test_commands_say_so_in_one_sentence(stuck: Graph) -> None:
    session = open_session(ComputedDebugger(stuck))
    session.run("sgd")
    with pytest.raises(Exception, match=r"w1\.grad: no gradient of the ONNX op Det is known \(d\)"):
        session.run("print w1.grad")
    assert "?" not in session.run("print d.grad").text
    session.run("break nan")
    assert "nan" not in session.run("sgd 3").text.lower()


def test_a_check_leaves_it_out(stuck: Graph) -> None:
    verdicts = check(stuck)
    untested = {stuck.nodes[v.node].label for v in verdicts if v.judgement == "untested"}
    assert untested == {"d"}
    assert {v.judgement for v in verdicts} == {"right", "untested"}


def test_a_graph_file_cannot_have_it(stuck: Graph, tmp_path: object) -> None:
    with pytest.raises(FileError, match='"d" cannot be saved: graph files have no op Det'):
        save(stuck, f"{tmp_path}/g.json")


def test_integers_are_computed_as_integers() -> None:
    nodes = [
        NODE("Div", ["i", "two"], ["half"]),
        NODE("Gather", ["table", "half"], ["y"]),
    ]
    proto = model(
        nodes,
        {"i": (3,)},
        initializers={"two": np.array(2), "table": np.arange(6.0).reshape(6, 1)},
        types={"i": onnx.TensorProto.INT64},
    )
    assert value_of(proto, {"i": [3, 4, 11]}).reshape(-1).tolist() == [1, 2, 5]


def test_a_shape_that_changes_is_an_error() -> None:
    nodes = [NODE("NonZero", ["x"], ["i"]), NODE("Cast", ["i"], ["y"], to=1)]
    found = graph(model(nodes, {"x": (3,)}), {"x": [1.0, 0.0, 2.0]})
    assert passed(found).cost() == 2.0
    found.feed("x", [1.0, 1.0, 2.0])
    with pytest.raises(ShapeError, match="as when the file was read"):
        passed(found)
