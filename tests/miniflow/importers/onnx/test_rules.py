"""Every form of an op comes to the same numbers; tests/peers/test_onnx_backend.py has the rest."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from onnx.reference import ReferenceEvaluator

from miniflow.errors import GraphError
from miniflow.importers.onnx.reference import ReferenceOp
from miniflow.node import Node
from miniflow.ops import BatchNorm
from tests.support.onnx_cases import IS_RECENT
from tests.support.onnx_models import INT64, NODE, graph, imported, model, passed, value_of

RNG = np.random.default_rng(0)
X = RNG.normal(size=(2, 3, 4)).astype(np.float32)


def ops_of(proto: onnx.ModelProto, feeds: dict[str, Any]) -> list[Node]:
    found = graph(proto, feeds)
    return [found.nodes[i] for i in found.forward_nodes]


# An op, the inputs besides x, and its attributes, in an old opset and in a new one.
FORMS: list[tuple[str, int, dict[str, Any], dict[str, Any]]] = [
    ("Squeeze", 11, {}, {"axes": [0]}),
    ("Squeeze", 13, {"axes": [0]}, {}),
    ("Unsqueeze", 11, {}, {"axes": [0, 4]}),
    ("Unsqueeze", 13, {"axes": [0, 4]}, {}),
    ("ReduceSum", 11, {}, {"axes": [1], "keepdims": 0}),
    ("ReduceSum", 13, {"axes": [1]}, {"keepdims": 0}),
    ("ReduceSum", 13, {}, {"noop_with_empty_axes": 1}),
    ("ReduceMean", 13, {}, {"axes": [-1]}),
    ("ReduceMean", 18, {"axes": [-1]}, {}),
    ("ReduceMax", 18, {"axes": [0, 2]}, {}),
    ("ReduceL1", 18, {"axes": [2]}, {}),
    ("ReduceLogSum", 18, {"axes": [2]}, {}),
    ("Clip", 6, {}, {"min": -0.5, "max": 0.5}),
    ("Clip", 11, {"min": np.float32(-0.5), "max": np.float32(0.5)}, {}),
    ("Slice", 9, {}, {"starts": [1, -3], "ends": [3, 100], "axes": [1, 2]}),
    ("Slice", 10, {"starts": [-1], "ends": [-100], "axes": [2], "steps": [-2]}, {}),
    ("Pad", 2, {}, {"pads": [0, 1, 0, 0, 0, 2], "value": 7.0}),
    ("Pad", 11, {"pads": [0, 1, 0, 0, 0, 2], "value": np.float32(7)}, {}),
    ("Pad", 18, {"pads": [1, 1], "": None, "axes": [2]}, {"mode": "reflect"}),
    ("Softmax", 13, {}, {"axis": 1}),
    ("Flatten", 13, {}, {"axis": -1}),
    ("Reshape", 5, {"shape": [0, -1]}, {}),
    ("Upsample", 9, {"scales": np.array([1, 1, 2], np.float32)}, {"mode": "nearest"}),
    ("Resize", 19, {"": None, " ": None, "sizes": [2, 3, 9]}, {"mode": "linear"}),
    ("Resize", 19, {"": None, " ": None, "sizes": [2, 3, 7]}, {"mode": "cubic"}),
    ("DepthToSpace", 13, {}, {"blocksize": 1}),
    ("LRN", 13, {}, {"size": 3}),
    ("CumSum", 14, {"axis": np.array(1)}, {"reverse": 1, "exclusive": 1}),
    ("Trilu", 14, {"k": np.array(1)}, {"upper": 0}),
    ("Selu", 6, {}, {"alpha": 2.0, "gamma": 1.5}),
    ("MeanVarianceNormalization", 13, {}, {"axes": [0, 2]}),
    ("LpNormalization", 1, {}, {"p": 1}),
    ("GatherElements", 13, {"indices": [[[0, -1]] * 3, [[1, 1]] * 3]}, {"axis": 2}),
    ("GatherND", 13, {"indices": [[1, 2], [0, -1]]}, {}),
    ("ScatterND", 18, {"indices": [[1], [1]], "updates": X}, {"reduction": "add"}),
    ("Compress", 11, {"condition": [True, False, True]}, {"axis": 1}),
    ("Shrink", 9, {}, {"lambd": 0.5, "bias": 0.1}),
    ("Celu", 12, {}, {"alpha": 0.7}),
    ("HardSwish", 14, {}, {}),
    ("Mish", 18, {}, {}),
    ("Hardmax", 13, {}, {"axis": 2}),
    ("Sinh", 9, {}, {}),
    ("Atanh", 9, {}, {}),
]  # fmt: skip


# Other numbers than x, for what is not defined everywhere; and where the reference implementation
# goes wrong: LRN unless there are as many channels as rows, a length of negative numbers.
OF_KIND = {
    "Atanh": X / 4,
    "Squeeze": X[:1],
    "ReduceLogSum": np.abs(X),
    "LpNormalization": np.abs(X),
    "DepthToSpace": X[:, :, None],
    "LRN": X[:, :2, None],
}


@pytest.mark.parametrize(
    ("kind", "opset", "more", "attributes"),
    FORMS,
    ids=[f"{k}-{o}-{i}" for i, (k, o, *_) in enumerate(FORMS)],
)
def test_the_forms_of_an_op(
    kind: str, opset: int, more: dict[str, Any], attributes: dict[str, Any]
) -> None:
    given = {name: np.asarray(value) for name, value in more.items() if value is not None}
    inputs = [name if name in given else "" for name in more]
    x = OF_KIND.get(kind, X)
    node = NODE(kind, ["x", *inputs], ["y"], **attributes)
    proto = model([node], {"x": x.shape}, initializers=given, opset=opset)
    (wanted,) = ReferenceEvaluator(proto).run(None, {"x": x})
    np.testing.assert_allclose(value_of(proto, {"x": x}), wanted, rtol=2e-5, atol=1e-6)
    unknown = [
        op for op in ops_of(proto, {"x": x}) if isinstance(op, ReferenceOp) and not op.in_jumps
    ]
    assert not unknown


@pytest.mark.parametrize("axis", [-1, 0, 1])
@pytest.mark.parametrize("fed", [False, True])
def test_the_two_numbers_of_a_one_hot_have_a_gradient(axis: int, *, fed: bool) -> None:
    places = np.array([[0, -1, 2], [1, 1, 2]])
    values = np.array([-0.5, 2.0])
    nodes = [NODE("OneHot", ["x", "depth", "values"], ["y"], axis=axis)]
    inputs: dict[str, Any] = {"x": places.shape, **({"values": (2,)} if fed else {})}
    given = {"depth": np.array(3), **({} if fed else {"values": values})}
    proto = model(nodes, inputs, initializers=given, opset=11, types={"x": INT64})
    feeds = {"x": places, **({"values": values} if fed else {})}
    (wanted,) = ReferenceEvaluator(proto).run(
        None, {name: x.astype(np.int64 if name == "x" else np.float32) for name, x in feeds.items()}
    )
    found = graph(proto, feeds, cost="sum")
    plan = passed(found)
    index = found.by_name["values"]
    np.testing.assert_allclose(plan.gradient(index), [12.0, 6.0])
    np.testing.assert_allclose(value_of(proto, feeds), wanted)


def test_a_one_hot_of_given_numbers_is_one_node_and_sends_nothing() -> None:
    nodes = [
        NODE("OneHot", ["x", "depth", "values"], ["h"]),
        NODE("MatMul", ["h", "W"], ["y"]),
    ]
    values = np.array([1.0, 2.0], np.float32)
    nodes.insert(0, NODE("Constant", [], ["values"], value=numpy_helper.from_array(values)))
    given = {"depth": np.array(3), "W": np.ones((3, 2))}
    proto = model(nodes, {"x": (4,)}, initializers=given, opset=13, types={"x": INT64})
    found = ops_of(proto, {"x": np.array([0, 1, 2, 0])})
    assert [type(op).__name__ for op in found[:2]] == ["OneHot", "MatMul"]
    assert isinstance(found[0], ReferenceOp)
    assert found[0].in_jumps


@pytest.mark.skipif(not IS_RECENT, reason="Attention is an op of onnx 1.18 and later")
@pytest.mark.parametrize("learned", [False, True])
def test_a_mask_that_is_learned_has_a_gradient(*, learned: bool) -> None:
    mask = NODE("Mul", ["m", "W" if learned else "half"], ["mask"])
    nodes = [mask, NODE("Attention", ["x", "x", "x", "mask"], ["y"])]
    given = {"W": np.full((3, 3), 0.5), "half": np.array(0.5)}
    inputs = {"x": (1, 1, 3, 4), "m": (3, 3)}
    rng = np.random.default_rng(1)
    feeds = {name: rng.normal(size=shape) for name, shape in inputs.items()}
    proto = model(nodes, inputs, initializers=given, opset=23)
    found = graph(proto, feeds, cost="mse", labels=np.zeros((1, 1, 3, 4)))
    kinds = [type(found.nodes[i]).__name__ for i in found.forward_nodes]
    assert ("Attention" in kinds) != learned
    if learned:
        gradient = passed(found).gradient(found.by_name["W"])
        assert np.count_nonzero(gradient) == gradient.size


def test_operands_of_old_opsets_are_aligned_at_an_axis() -> None:
    node = NODE("Add", ["x", "b"], ["y"], broadcast=1, axis=1)
    b = np.arange(3.0)
    proto = model([node], {"x": X.shape}, initializers={"b": b}, opset=6)
    np.testing.assert_allclose(value_of(proto, {"x": X}), X + b[:, None])


@pytest.mark.parametrize("kind", ["Softmax", "LogSoftmax"])
def test_an_old_softmax_is_over_all_axes_from_its_own_on(kind: str) -> None:
    # The reference implementation takes the newest meaning, along one axis.
    proto = model([NODE(kind, ["x"], ["y"], axis=1)], {"x": X.shape}, opset=11)
    shares = np.exp(X.reshape(2, 12).astype(float))
    shares /= shares.sum(1, keepdims=True)
    wanted = shares if kind == "Softmax" else np.log(shares)
    np.testing.assert_allclose(value_of(proto, {"x": X}), wanted.reshape(X.shape), rtol=1e-6)


def test_what_depends_on_shapes_only_is_computed_at_once() -> None:
    nodes = [
        NODE("Shape", ["x"], ["s"]),
        NODE("Gather", ["s", "one"], ["n"]),
        NODE("Unsqueeze", ["n", "zero"], ["n1"]),
        NODE("Concat", ["minus", "n1"], ["shape"], axis=0),
        NODE("Reshape", ["x", "shape"], ["y"]),
    ]
    numbers = {"one": np.array(1), "zero": np.array([0]), "minus": np.array([-1])}
    found = graph(model(nodes, {"x": ("N", 3, 4)}, initializers=numbers), {"x": X})
    assert found.names() == ["x", "y", "cost"]


def test_a_gemm_is_a_linear_layer_if_nothing_is_scaled() -> None:
    w, b = (RNG.normal(size=shape).astype(np.float32) for shape in ((5, 3), 5))
    plain = model([NODE("Gemm", ["x", "w", "b"], ["y"], transB=1)], initializers={"w": w, "b": b})
    scaled = model(
        [NODE("Gemm", ["x", "w", "b"], ["y"], transB=1, alpha=0.5, beta=2.0)],
        initializers={"w": w, "b": b},
    )
    x = X[0, :2, :3]
    assert [type(op).__name__ for op in ops_of(plain, {"x": x})] == ["Transpose", "Linear", "Sum"]
    np.testing.assert_allclose(value_of(plain, {"x": x}), x @ w.T + b, rtol=1e-6)
    np.testing.assert_allclose(value_of(scaled, {"x": x}), 0.5 * x @ w.T + 2 * b, rtol=1e-6)


@pytest.mark.parametrize("training", [0, 1])
def test_a_batch_norm_has_the_statistics_of_the_file(training: int) -> None:
    numbers = {n: RNG.uniform(0.5, 1.5, 3) for n in ("scale", "bias", "mean", "var")}
    outputs = ["y", "m", "v"] if training else ["y"]
    node = NODE("BatchNormalization", ["x", *numbers], outputs, training_mode=training)
    proto = model([node], {"x": X.shape}, initializers=numbers, opset=15)
    found = graph(proto, {"x": X})
    norm = found["y"]
    assert isinstance(norm, BatchNorm)
    assert [found.nodes[i].label for i in found.trainables] == ["scale", "bias"]
    wanted = ReferenceEvaluator(proto).run(None, {"x": X})[0]
    np.testing.assert_allclose(passed(found).value(found.by_name["y"]), wanted, rtol=1e-5)
    np.testing.assert_allclose(norm.state["running_mean"], numbers["mean"].astype(np.float32))


@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
def test_recurrent_layers_have_the_weights_of_pytorch(kind: str, direction: str) -> None:
    gates, both = {"RNN": 1, "LSTM": 4, "GRU": 3}[kind], 1 + (direction == "bidirectional")
    units = 2
    numbers = {
        "w": RNG.normal(size=(both, gates * units, 4)),
        "r": RNG.normal(size=(both, gates * units, units)),
        "b": RNG.normal(size=(both, 2 * gates * units)),
    }
    outputs = ["y", "h", "c"] if kind == "LSTM" else ["y", "h"]
    options = {"linear_before_reset": 1} if kind == "GRU" else {}
    node = NODE(
        kind, ["x", "w", "r", "b"], outputs, name="/rnn/Layer", hidden_size=units,
        direction=direction, **options,
    )  # fmt: skip
    proto = model([node], {"x": X.shape}, outputs, numbers)
    made = imported(proto, {"x": X})
    found = graph(proto, {"x": X}, cost="sum")
    ends = {"": direction != "reverse", "_reverse": direction != "forward"}
    suffixes = [f"_l0{end}" for end, present in ends.items() if present]
    roles = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    labels = [found.nodes[i].label for i in found.trainables]
    assert labels == [f"rnn.{role}{suffix}" for suffix in suffixes for role in roles]
    if direction != "bidirectional" and IS_RECENT:
        wanted = ReferenceEvaluator(proto).run(None, {"x": X})
        assert len(made.outputs) == len(wanted)
        np.testing.assert_allclose(value_of(proto, {"x": X}), wanted[0], rtol=1e-4, atol=1e-6)


def test_a_branch_that_is_always_taken_replaces_its_condition() -> None:
    then = onnx.helper.make_graph(
        [NODE("Neg", ["x"], ["t"])], "then", [], [onnx.helper.make_tensor_value_info("t", 1, None)]
    )
    other = onnx.helper.make_graph(
        [NODE("Exp", ["x"], ["e"])], "else", [], [onnx.helper.make_tensor_value_info("e", 1, None)]
    )
    node = NODE("If", ["c"], ["y"], then_branch=then, else_branch=other)
    proto = model([node], {"x": (2,)}, initializers={"c": np.array(True)})
    assert value_of(proto, {"x": [1.0, 2.0]}).tolist() == [-1.0, -2.0]


def test_a_function_of_the_file_is_a_scope() -> None:
    double = onnx.helper.make_function(
        "own", "Double", ["a"], ["b"], [NODE("Add", ["a", "a"], ["b"])],
        [onnx.helper.make_opsetid("", 18)],
    )  # fmt: skip
    node = NODE("Double", ["x"], ["y"], domain="own", name="twice")
    proto = model([node])
    proto.functions.append(double)
    proto.opset_import.append(onnx.helper.make_opsetid("own", 1))
    assert graph(proto).names() == ["x", "twice.b", "cost"]


@pytest.mark.parametrize(
    ("kind", "problem"),
    [
        ("RandomNormalLike", "y: RandomNormalLike draws other random numbers in each pass"),
        ("Scan", "y: Scan repeats nodes as often as a pass decides, which is not supported"),
        ("Frobnicate", "y: the op Frobnicate is unknown"),
    ],
)
def test_what_cannot_be_repeated_or_known_is_refused_in_one_sentence(
    kind: str, problem: str
) -> None:
    with pytest.raises(GraphError, match=problem):
        imported(model([NODE(kind, ["x"], ["y"])]))


def test_an_op_of_another_domain_is_named_with_it() -> None:
    proto = model([NODE("FusedMatMul", ["x", "x"], ["y"], domain="com.microsoft")])
    with pytest.raises(
        GraphError, match=r"the op FusedMatMul of the domain 'com\.microsoft' is unknown"
    ):
        imported(proto)
