"""Every op forward and backward against PyTorch.

Through the real engine: a graph of one op, its plan stepped.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

import numpy as np
import pytest

from miniflow.graph import Graph
from miniflow.node import Input
from miniflow.ops import OPS
from miniflow.ops.arithmetic import Mul
from miniflow.ops.reduce import Sum
from tests.peers.compared_ops import EDGES, EDGES32, Array, Case, compare
from tests.support.one_pass import one_pass

torch: Any = pytest.importorskip("torch", reason="needs PyTorch: pip install -e '.[test,peers]'")
nn = torch.nn.functional


def positive(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    return rng.uniform(0.1, 3.0, size=shape)


def near_0(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    return rng.uniform(-2.0, 2.0, size=shape)


def bits(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    return rng.integers(2, size=shape).astype(np.float64)


def first_winner(select: Callable[..., Any]) -> Callable[..., Any]:
    """Return a gate whose ties go to the first input, made of PyTorch's operations."""

    def gate(*inputs: Any) -> Any:
        best, *others = inputs
        for other in others:
            best = torch.where(select(other, best) | other.isnan() & ~best.isnan(), other, best)
        return best

    return gate


# Not tried at the edge of floats: sums there depend on the order in which they are added up, and
# PyTorch's own formulas of some go over to others.


def recurrent_cases() -> Iterator[Case]:
    """Yield every recurrent layer with every attribute, with and without initial states."""
    steps, count, entries, units = 6, 3, 4, 5
    for op, gates in {"RNN": 1, "LSTM": 4, "GRU": 3}.items():
        rows = gates * units
        shapes = [(steps, count, entries), (rows, entries), (rows, units), (rows,), (rows,)]
        states = [(count, units)] * (2 if op == "LSTM" else 1)
        second = {"RNN": ("activation", ["tanh", "relu"]), "LSTM": ("output", ["h", "both"])}
        name, choices = second.get(op, ("reverse", [False]))
        for choice, reverse, begins in product(choices, [False, True], [False, True]):
            attributes = {name: choice, "reverse": reverse}
            given = (*shapes, *states) if begins else tuple(shapes)
            yield Case(op, given, recurrent(op, **attributes), attributes, near_0, edges=False)


def recurrent(op: str, reverse: bool, activation: str = "tanh", output: str = "h") -> Any:
    """Return a layer of PyTorch's as a function of its inputs and weights."""
    names = {"RNN": f"rnn_{activation}", "LSTM": "lstm", "GRU": "gru"}

    def layer(x: Any, *arrays: Any) -> Any:
        weights, begin = list(arrays[:4]), arrays[4:]
        if not begin:
            zeros = x.new_zeros(x.shape[1], weights[1].shape[1])
            begin = (zeros, zeros) if op == "LSTM" else (zeros,)
        state: Any = tuple(array[None] for array in begin)
        # One step at a time: only so PyTorch shows the cells between.
        found = []
        for step in x.flip(0).split(1) if reverse else x.split(1):
            given = state if op == "LSTM" else state[0]
            _, *state = getattr(torch, names[op])(
                step, given, weights, True, 1, 0.0, False, False, False
            )
            found.append(torch.stack(tuple(state)))
        both = torch.cat(found[::-1] if reverse else found, 1)
        return both if output == "both" else both[0]

    return layer


CASES = [
    Case("Sigmoid", ((4, 3),), torch.sigmoid),
    Case("Tanh", ((4, 3),), torch.tanh),
    Case("ReLU", ((4, 3),), torch.relu),
    Case("LeakyReLU", ((4, 3),), lambda x: nn.leaky_relu(x, 0.01)),
    Case("LeakyReLU", ((5,),), lambda x: nn.leaky_relu(x, 0.3), {"slope": 0.3}),
    Case("Softplus", ((4, 3),), lambda x: nn.softplus(x, threshold=1e9), edges=False),
    Case("GELU", ((4, 3),), lambda x: nn.gelu(x, approximate="tanh"), edges=False),
    Case("GELU", ((4, 3),), nn.gelu, {"form": "erf"}, near_0, edges=False),
    Case("SiLU", ((4, 3),), nn.silu),
    Case("Elu", ((4, 3),), nn.elu),
    Case("Elu", ((4, 3),), lambda x: nn.elu(x, 0.5), {"alpha": 0.5}),
    Case("Selu", ((4, 3),), nn.selu),
    Case("PRelu", ((4, 3), (1,)), nn.prelu),
    Case("PRelu", ((4, 3), (3,)), nn.prelu),
    Case("HardSigmoid", ((4, 3),), lambda x: nn.hardtanh(x / 2 + 0.5, 0, 1), {"slope": 0.5}),
    # nn.hardsigmoid itself has 1/6 only in float32.
    Case("HardSigmoid", ((4, 3),), lambda x: nn.relu6(x + 3) / 6),
    Case("Clip", ((4, 3),), lambda x: x.clamp(-0.5, 1.0), {"low": -0.5, "high": 1.0}),
    Case("Clip", ((4, 3),), lambda x: x.clamp(min=0.0), {"low": 0}),
    Case("Clip", ((4, 3),), lambda x: x.clamp(max=1.0), {"high": 1}),
    Case("Reciprocal", ((4, 3),), torch.reciprocal),
    Case("Sin", ((4, 3),), torch.sin, edges=False),
    Case("Cos", ((4, 3),), torch.cos, edges=False),
    Case("Erf", ((4, 3),), torch.erf),
    Case("Where", ((4, 3), (3,), (4, 1)), lambda c, x, y: torch.where(c != 0, x, y), draw=bits),
    Case("Equal", ((4, 3), (3,)), lambda x, y: (x == y).to(x.dtype), draw=bits),
    Case("Less", ((4, 3), (3,)), lambda x, y: (x < y).to(x.dtype)),
    Case("LessOrEqual", ((4, 3), (3,)), lambda x, y: (x <= y).to(x.dtype), draw=bits),
    Case("Greater", ((4, 3), (3,)), lambda x, y: (x > y).to(x.dtype)),
    Case("GreaterOrEqual", ((4, 3), (3,)), lambda x, y: (x >= y).to(x.dtype), draw=bits),
    Case("Detach", ((4, 3),), lambda x: x.detach()),
    Case("Cast", ((4, 3),), lambda x: x.detach().trunc()),
    Case("Cast", ((4, 3),), lambda x: x.bool().to(x.dtype), {"to": "boolean"}),
    Case("Softmax", ((4, 3),), lambda x: torch.softmax(x, -1), edges=False),
    Case("Softmax", ((4, 3),), lambda x: torch.softmax(x, 0), {"axis": 0}, edges=False),
    Case("LogSoftmax", ((4, 3),), lambda x: torch.log_softmax(x, -1), edges=False),
    Case("LogSoftmax", ((4, 3),), lambda x: torch.log_softmax(x, 0), {"axis": 0}, edges=False),
    Case("LayerNorm", ((4, 3),), lambda x: nn.layer_norm(x, (3,)), edges=False),
    Case(
        "LayerNorm",
        ((2, 4, 3), (4, 3), (4, 3)),
        lambda x, w, b: nn.layer_norm(x, (4, 3), w, b, 1e-3),
        {"eps": 1e-3},
        edges=False,
    ),
    Case("RMSNorm", ((4, 3), (3,)), lambda x, w: nn.rms_norm(x, (3,), w, 1e-5), edges=False),
    Case(
        "GroupNorm",
        ((3, 6, 2), (6,), (6,)),
        lambda x, w, b: nn.group_norm(x, 3, w, b),
        {"groups": 3},
        edges=False,
    ),
    Case(
        "InstanceNorm",
        ((3, 2, 4, 3), (2,), (2,)),
        lambda x, w, b: nn.instance_norm(x, None, None, w, b),
        edges=False,
    ),
    Case(
        "BatchNorm",
        ((6, 3), (3,), (3,)),
        lambda x, w, b: nn.batch_norm(x, None, None, w, b, True),
        edges=False,
    ),
    Case(
        "BatchNorm",
        ((4, 3, 2, 5), (3,), (3,)),
        lambda x, w, b: nn.batch_norm(x, None, None, w, b, True),
        edges=False,
    ),
    Case(
        "BatchNorm",
        ((2, 3), (3,)),
        lambda x, w: nn.batch_norm(x, torch.zeros(3).to(x), torch.ones(3).to(x), w),
        {"training": False},
        edges=False,
    ),
    Case("NLL", ((4, 3), (4,)), lambda x, y: nn.nll_loss(x, y.long()), draw=bits, edges=False),
    Case("Huber", ((4, 3), (4, 3)), lambda y, a: nn.huber_loss(a, y), edges=False),
    Case(
        "Huber",
        ((5,), (5,)),
        lambda y, a: nn.huber_loss(a, y, delta=0.3),
        {"delta": 0.3},
        edges=False,
    ),
    Case("Hinge", ((4, 3), (4, 3)), lambda y, a: (1 - y * a).relu().mean(), edges=False),
    Case("Add", ((4, 3), (4, 3)), torch.add),
    Case("Add", ((4, 3), (3,), ()), lambda a, b, c: a + b + c),
    Case("Sub", ((4, 1), (3,)), torch.sub),
    Case("Mul", ((4, 3), (4, 1)), torch.mul),
    Case("Mul", ((4, 3), (3,), (1,)), lambda a, b, c: a * b * c, edges=False),
    Case("Div", ((4, 3), (3,)), torch.div),
    Case("Neg", ((4, 3),), torch.neg),
    # 2 x g at 3e38 overflows or not, depending on what is multiplied first.
    Case("Pow", ((4, 3),), lambda x: x**2.0, edges=False),
    Case("Pow", ((4, 3),), lambda x: x**-1.5, {"exponent": -1.5}, positive),
    Case("Pow", ((4, 3), (3,)), torch.pow, {}, positive, edges=False),
    Case("Exp", ((4, 3),), torch.exp),
    Case("Log", ((4, 3),), torch.log, {}, positive),
    Case("Sqrt", ((4, 3),), torch.sqrt, {}, positive),
    Case("Abs", ((4, 3),), torch.abs),
    Case("Max", ((4, 3), (4, 3)), first_winner(torch.gt)),
    Case("Max", ((4, 3), (3,), ()), first_winner(torch.gt)),
    Case("Min", ((4, 3), (4, 3)), first_winner(torch.lt)),
    Case("Max", ((4, 3),), lambda x: x.max(1).values, {"axis": 1}),
    Case("Max", ((4, 3),), torch.max, {"axis": "all"}, edges=False),
    Case("Min", ((4, 3),), lambda x: x.min(0, keepdim=True).values, {"axis": 0, "keepdims": True}),
    Case("Var", ((4, 3),), lambda x: x.var(correction=0), edges=False),
    Case("Var", ((4, 3),), lambda x: x.var(1), {"axis": 1, "unbiased": True}, edges=False),
    Case("Norm", ((4, 3),), torch.linalg.vector_norm, edges=False),
    Case("Norm", ((4, 3),), lambda x: torch.linalg.vector_norm(x, dim=0), {"axis": 0}, edges=False),
    Case("LogSumExp", ((4, 3),), lambda x: torch.logsumexp(x, 1), {"axis": 1}, edges=False),
    Case("Prod", ((4, 3),), lambda x: x.prod(1), {"axis": 1}, edges=False),
    Case("CumSum", ((4, 3),), lambda x: x.cumsum(1), {"axis": 1}, edges=False),
    Case("MSE", ((4, 3), (4, 3)), lambda y, a: ((y - a) ** 2).mean(), edges=False),
    Case("MAE", ((4, 3), (4, 3)), lambda y, a: (y - a).abs().mean()),
    Case("MatMul", ((4, 3), (3, 2)), torch.matmul, edges=False),
    Case("MatMul", ((3,), (3, 2)), torch.matmul, edges=False),
    Case("MatMul", ((2, 4, 3), (3, 2)), torch.matmul, edges=False),
    Case("MatMul", ((120, 110), (110, 100)), torch.matmul, edges=False),
    Case("Linear", ((4, 3), (3, 2), (2,)), lambda x, w, b: x @ w + b, edges=False),
    *recurrent_cases(),
    Case("MaxPool", ((2, 1, 4, 6),), lambda x: nn.max_pool2d(x, 2), {}),
    Case("AveragePool", ((2, 1, 4, 6),), lambda x: nn.avg_pool2d(x, 2), {}, edges=False),
    Case("Sum", ((4, 3),), torch.sum, edges=False),
    Case("Sum", ((4, 3),), lambda x: x.sum(0, keepdim=True), {"axis": 0, "keepdims": True}),
    Case("Mean", ((4, 3),), torch.mean, edges=False),
    Case("Mean", ((4, 3, 2),), lambda x: x.mean((0, 2)), {"axis": [0, 2]}),
    Case("Transpose", ((4, 3),), torch.t),
    Case("Transpose", ((4, 3, 2),), lambda x: x.permute(1, 2, 0), {"axes": [1, 2, 0]}),
    Case("Reshape", ((4, 3),), lambda x: x.reshape(2, -1), {"shape": [2, -1]}),
    Case("Concat", ((4, 3), (4, 2)), lambda a, b: torch.cat((a, b), 1), {"axis": 1}),
    Case("Slice", ((4, 3),), lambda x: x[:, 1:3], {"start": 1, "stop": 3, "axis": 1}),
    Case("Slice", ((4, 3),), lambda x: x.flip(0)[::2], {"step": -2}),
    Case(
        "Split", ((4, 3),), lambda x: x.split([1, 2], 1)[1], {"parts": [1, 2], "part": 1, "axis": 1}
    ),
    Case("Stack", ((4, 3), (4, 3)), lambda a, b: torch.stack((a, b), 1), {"axis": 1}),
    Case("Squeeze", ((4, 1, 3),), torch.squeeze),
    Case("Unsqueeze", ((4, 3),), lambda x: x.unsqueeze(1), {"axis": 1}),
    Case("Expand", ((4, 1),), lambda x: x.expand(2, 4, 3), {"shape": [2, 4, 3]}, edges=False),
    Case("Tile", ((4, 3),), lambda x: x.tile(2, 3), {"repeats": [2, 3]}, edges=False),
]


def test_every_op_is_compared() -> None:
    # Dropout draws its own numbers; the entropies have tests of their own below.
    entropies = {"BinaryCrossEntropy", "SigmoidCrossEntropy", "SoftmaxCrossEntropy"}
    # An index has no gradient that PyTorch could compute; Take has a test of its own.
    apart = {"Dropout", "ArgMax", "Take"} | entropies
    # These are compared in test_mixing.py.
    apart |= {"Attention", "Einsum", "KL", "Pad", "Resize"}
    # In `test_windows_against_torch.py`.
    apart |= {"Conv", "ConvTranspose", "AdaptiveMaxPool", "AdaptiveAveragePool"}
    assert {case.op for case in CASES} | apart == set(OPS)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_random_inputs(case: Case, dtype: str) -> None:
    rng = np.random.default_rng(zlib.crc32(str(case).encode()))
    for _ in range(20):
        compare(case, [case.draw(rng, shape).astype(dtype) for shape in case.shapes], dtype)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("case", [case for case in CASES if case.edges], ids=str)
def test_values_at_the_edge(case: Case, dtype: str) -> None:
    edges = np.array(EDGES if dtype == "float64" else EDGES32, dtype)
    rng = np.random.default_rng(zlib.crc32(str(case).encode()))
    with np.errstate(all="ignore"):
        for _ in range(200):
            compare(case, [rng.choice(edges, shape) for shape in case.shapes], dtype)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_softmax_cross_entropy(dtype: str) -> None:
    rng = np.random.default_rng(1)
    for _ in range(20):
        scores = (3 * rng.normal(size=(6, 4))).astype(dtype)
        classes = rng.integers(4, size=6)
        nodes = [Input("s", value=scores, trainable=True), Input("y", value=classes.astype(dtype))]
        graph = Graph.of(OPS["SoftmaxCrossEntropy"](*nodes, name="cost"), dtype=dtype)
        plan = one_pass(graph)
        tensor = torch.tensor(scores, requires_grad=True)
        cost = nn.cross_entropy(tensor, torch.tensor(classes))
        cost.backward()
        tolerance = 1e-12 if dtype == "float64" else 1e-5
        np.testing.assert_allclose(plan.cost(), cost.item(), rtol=tolerance)
        found = plan.gradient(graph.by_name["s"])
        np.testing.assert_allclose(found, tensor.grad.numpy(), rtol=tolerance, atol=tolerance / 10)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_binary_cross_entropy(dtype: str) -> None:
    rng = np.random.default_rng(2)
    for _ in range(20):
        shares = rng.uniform(0.01, 0.99, size=(6, 1)).astype(dtype)
        wanted = rng.integers(2, size=(6, 1)).astype(dtype)
        nodes = [Input("y", value=wanted), Input("a", value=shares, trainable=True)]
        graph = Graph.of(OPS["BinaryCrossEntropy"](*nodes, name="cost"), dtype=dtype)
        plan = one_pass(graph)
        tensor = torch.tensor(shares, requires_grad=True)
        cost = nn.binary_cross_entropy(tensor, torch.tensor(wanted))
        cost.backward()
        tolerance = 1e-12 if dtype == "float64" else 1e-4
        np.testing.assert_allclose(plan.cost(), cost.item(), rtol=tolerance)
        found = plan.gradient(graph.by_name["a"])
        np.testing.assert_allclose(found, tensor.grad.numpy(), rtol=tolerance)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_sigmoid_cross_entropy(dtype: str) -> None:
    rng = np.random.default_rng(3)
    for scale in (1.0, 30.0, 1000.0):
        logits = (scale * rng.normal(size=(6, 1))).astype(dtype)
        wanted = rng.integers(2, size=(6, 1)).astype(dtype)
        nodes = [Input("y", value=wanted), Input("z", value=logits, trainable=True)]
        graph = Graph.of(OPS["SigmoidCrossEntropy"](*nodes, name="cost"), dtype=dtype)
        plan = one_pass(graph)
        tensor = torch.tensor(logits, requires_grad=True)
        cost = nn.binary_cross_entropy_with_logits(tensor, torch.tensor(wanted))
        cost.backward()
        tolerance = 1e-12 if dtype == "float64" else 1e-4
        np.testing.assert_allclose(plan.cost(), cost.item(), rtol=tolerance)
        found = plan.gradient(graph.by_name["z"])
        np.testing.assert_allclose(found, tensor.grad.numpy(), rtol=tolerance, atol=tolerance / 10)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("shape", [(), (5,), (2, 6)])
def test_take_is_an_embedding(shape: tuple[int, ...], dtype: str) -> None:
    rng = np.random.default_rng(7)
    table = rng.standard_normal((4, 3)).astype(dtype)
    rows = rng.integers(0, 4, shape)
    x, found = Input("x", value=table, trainable=True), Input("rows", value=rows)
    op = OPS["Take"](x, found, name="op")
    weights = rng.standard_normal((*shape, 3)).astype(dtype)
    graph = Graph.of(Sum(Mul(op, Input("weights", value=weights)), name="cost"), dtype=dtype)
    plan = one_pass(graph)
    tensor = torch.tensor(table, requires_grad=True)
    value = nn.embedding(torch.tensor(rows), tensor)
    (value * torch.tensor(weights)).sum().backward()
    np.testing.assert_array_equal(plan.value(graph.index[op]), value.detach().numpy())
    tolerance = 1e-12 if dtype == "float64" else 1e-5
    np.testing.assert_allclose(plan.gradient(graph.index[x]), tensor.grad.numpy(), tolerance)
