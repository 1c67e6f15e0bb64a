"""Every op forward and backward, and every optimizer, against PyTorch.

Through the real engine: a graph of one op, its plan stepped. Where our convention is another one
than PyTorch's it stands in `CONVENTIONS`, with the reason.
"""

from __future__ import annotations

import zlib
from array import array
from collections.abc import Callable, Iterator
from itertools import product
from typing import Any, NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

from miniflow.graph import Graph, Training
from miniflow.node import Input
from miniflow.ops import OPS
from miniflow.ops.arithmetic import Mul
from miniflow.ops.cost import MSE
from miniflow.ops.reduce import Sum
from miniflow.plans.arrays import ArrayPlan
from miniflow.training.optimizers import (
    OPTIMIZERS,
    SGD,
    Adagrad,
    Adam,
    AdamW,
    Momentum,
    Optimizer,
    RMSProp,
)

torch: Any = pytest.importorskip("torch", reason="needs PyTorch: pip install -e '.[test,peers]'")

Array = NDArray[Any]
EDGES = (0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan, 1e300, -1e300, 1e-300, 5e-324, -5e-324)
EDGES32 = (0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan, 3e38, -3e38, 1e-38, 1e-45, -1e-45)


class Case(NamedTuple):
    """An op on inputs of these shapes, and the same in PyTorch.

    `draw` makes random inputs; `edges` is whether values at the edge of floats are tried too.
    """

    op: str
    shapes: tuple[tuple[int, ...], ...]
    theirs: Callable[..., Any]
    attributes: dict[str, Any] = {}  # noqa: RUF012 - nobody changes it
    draw: Callable[[np.random.Generator, tuple[int, ...]], Array] = lambda rng, shape: rng.normal(
        size=shape
    )
    edges: bool = True

    def __str__(self) -> str:
        shapes = " ".join("x".join(map(str, shape)) or "()" for shape in self.shapes)
        return f"{self.op} {shapes} {self.attributes or ''}".strip()


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


# Where a value is NaN our gradients are others than PyTorch's; what they are is no convention of
# mathematics, only of each library.
CONVENTIONS = {
    "ReLU": "of NaN: 0, as nothing greater than 0 came in; PyTorch passes the gradient on",
    "Elu": "of NaN: NaN; PyTorch passes the gradient on",
    "Selu": "of NaN: NaN; PyTorch passes the gradient on",
    "HardSigmoid": "of NaN: 0, as nn.hardsigmoid has it; nn.hardtanh passes the gradient on",
    "Abs": "of NaN: NaN, which has no sign; PyTorch sends 0",
    "MAE": "of NaN: NaN, which has no sign; PyTorch sends 0",
    "Max": "NaN wins nothing: no input equals the value; PyTorch sends the gradient to the NaN",
    "Min": "NaN wins nothing: no input equals the value; PyTorch sends the gradient to the NaN",
    "MaxPool": "NaN wins nothing: no entry equals the value; PyTorch sends the gradient to the NaN",
}
SIGNS_OF_ZERO = {
    "ReLU": "of -0.0: 0.0, the greater of two equals is either; PyTorch keeps -0.0",
    "Clip": "of -0.0 at a limit of 0: either, they are equal",
    "Elu": "of -0.0: 0.0, the sum of both sides; PyTorch keeps -0.0",
    "Selu": "of -0.0: 0.0, the sum of both sides; PyTorch keeps -0.0",
    "HardSigmoid": "of a limit of 0: either, they are equal",
    "Max": "of 0.0 and -0.0: either, they are equal",
    "Min": "of 0.0 and -0.0: either, they are equal",
    "MaxPool": "of 0.0 and -0.0: either, they are equal",
}
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


nn = torch.nn.functional
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


def ours(case: Case, inputs: list[Array], weights: Array, dtype: str) -> list[Array]:
    """Return the op's value and the gradients of a weighted sum of it."""
    nodes = [Input(f"x{i}", value=value, trainable=True) for i, value in enumerate(inputs)]
    op = OPS[case.op](*nodes, name="op", **case.attributes)
    graph = Graph.of(Sum(Mul(op, Input("weights", value=weights)), name="cost"), dtype=dtype)
    plan = ArrayPlan(graph, graph.shapes())
    plan.feed(0)
    plan.walk(1, 1 + len(graph.forward_nodes) + len(graph.backward_nodes))
    return [
        plan.value(graph.index[op]).copy(),
        *(plan.gradient(graph.index[node]).copy() for node in nodes),
    ]


def theirs(case: Case, inputs: list[Array], weights: Array) -> list[Array]:
    tensors = [torch.tensor(value, requires_grad=True) for value in inputs]
    value = case.theirs(*tensors)
    if value.requires_grad:
        (value * torch.tensor(weights)).sum().backward()
    # Of conditions and of what is detached PyTorch has no gradient; ours is 0.
    sent = [torch.zeros_like(tensor) if tensor.grad is None else tensor.grad for tensor in tensors]
    return [value.detach().numpy(), *(tensor.numpy() for tensor in sent)]


def compare(case: Case, inputs: list[Array], dtype: str) -> None:
    shape = case.theirs(*(torch.tensor(array) for array in inputs)).shape
    weights = np.linspace(0.5, 2.0, int(np.prod(shape)), dtype=dtype).reshape(shape)
    tolerance = 1e-12 if dtype == "float64" else 3e-5
    found, wanted = ours(case, inputs, weights, dtype), theirs(case, inputs, weights)
    for what, mine, other in zip(("value", *case.shapes), found, wanted, strict=True):
        assert mine.dtype == other.dtype == np.dtype(dtype)
        if what != "value" and case.op in CONVENTIONS and not _all_numbers(inputs):
            continue
        size = np.max(np.abs(other), initial=0.0, where=np.isfinite(other))
        # Products of rows: what is small beside them is rounding.
        summed = case.op.endswith("Norm") or case.op in (
            *("MatMul", "Linear", "LogSoftmax", "Attention", "Einsum", "Resize"),
            *("RNN", "LSTM", "GRU"),
        )
        beside = tolerance * size if summed else tolerance * 1e-3
        np.testing.assert_allclose(mine, other, tolerance, beside, err_msg=f"{case}: {what}")
        if what == "value" and case.op not in SIGNS_OF_ZERO:
            zeros = (mine == 0) & (other == 0)
            assert (np.signbit(mine) == np.signbit(other))[zeros].all(), f"{case}: signs of zero"


def _all_numbers(inputs: list[Array]) -> bool:
    """Whether neither an input nor a difference of two is NaN."""
    with np.errstate(all="ignore"):
        ends = [inputs[0] - other for other in inputs[1:] if other.shape == inputs[0].shape]
    return not any(np.isnan(array).any() for array in [*inputs, *ends])


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
        plan = ArrayPlan(graph, graph.shapes())
        plan.feed(0)
        plan.walk(1, 1 + len(graph.forward_nodes) + len(graph.backward_nodes))
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
        plan = ArrayPlan(graph, graph.shapes())
        plan.feed(0)
        plan.walk(1, 1 + len(graph.forward_nodes) + len(graph.backward_nodes))
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
        plan = ArrayPlan(graph, graph.shapes())
        plan.feed(0)
        plan.walk(1, 1 + len(graph.forward_nodes) + len(graph.backward_nodes))
        tensor = torch.tensor(logits, requires_grad=True)
        cost = nn.binary_cross_entropy_with_logits(tensor, torch.tensor(wanted))
        cost.backward()
        tolerance = 1e-12 if dtype == "float64" else 1e-4
        np.testing.assert_allclose(plan.cost(), cost.item(), rtol=tolerance)
        found = plan.gradient(graph.by_name["z"])
        np.testing.assert_allclose(found, tensor.grad.numpy(), rtol=tolerance, atol=tolerance / 10)


# Optimizers ------------------------------------------------------------------------------------

STEPS = 100
RATE, LATER = 0.05, 0.01
TRAINED: list[tuple[Optimizer, Callable[[Any], Any]]] = [
    (SGD(RATE), lambda p: torch.optim.SGD(p, RATE)),
    (Momentum(RATE), lambda p: torch.optim.SGD(p, RATE, momentum=0.9)),
    (Momentum(RATE, 0.5), lambda p: torch.optim.SGD(p, RATE, momentum=0.5)),
    (Adam(RATE), lambda p: torch.optim.Adam(p, RATE)),
    (
        Adam(RATE, 0.8, 0.99, 1e-6),
        lambda p: torch.optim.Adam(p, RATE, betas=(0.8, 0.99), eps=1e-6),
    ),
    (AdamW(RATE), lambda p: torch.optim.AdamW(p, RATE)),
    (RMSProp(RATE), lambda p: torch.optim.RMSprop(p, RATE)),
    (Adagrad(RATE), lambda p: torch.optim.Adagrad(p, RATE)),
]


def test_every_optimizer_is_compared() -> None:
    assert {type(optimizer) for optimizer, _ in TRAINED} == set(OPTIMIZERS.values())


@pytest.mark.parametrize(
    ("optimizer", "other"), TRAINED, ids=[str(optimizer)[:40] for optimizer, _ in TRAINED]
)
def test_trajectories(optimizer: Optimizer, other: Callable[[Any], Any]) -> None:
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(20, 4)), rng.normal(size=(20, 2))
    first = [rng.normal(size=shape) for shape in ((4, 5), (5,), (5, 2), (2,))]
    w1, b1, w2, b2 = (Input(f"p{i}", value=p, trainable=True) for i, p in enumerate(first))
    hidden = OPS["Tanh"](OPS["Linear"](Input("x", value=x), w1, b1))
    cost = MSE(Input("y", value=y), OPS["Linear"](hidden, w2, b2))
    graph = Graph.of(cost, training=Training(optimizer))
    plan = ArrayPlan(graph, graph.shapes())
    tensors = [torch.tensor(p, requires_grad=True) for p in first]
    trained = other(tensors)
    for step in range(STEPS):
        if step == STEPS // 2:
            plan.set_learning_rate(LATER)
            trained.param_groups[0]["lr"] = LATER
        costs = array("d")
        plan.run(step, 1, costs)
        trained.zero_grad()
        out = torch.tanh(torch.tensor(x) @ tensors[0] + tensors[1]) @ tensors[2] + tensors[3]
        theirs = ((torch.tensor(y) - out) ** 2).mean()
        theirs.backward()
        trained.step()
        np.testing.assert_allclose(costs[0], theirs.item(), rtol=1e-10)
        for place, tensor in zip(graph.trainables, tensors, strict=True):
            np.testing.assert_allclose(
                plan.value(place), tensor.detach().numpy(), rtol=1e-10, atol=1e-12
            )


@pytest.mark.parametrize("shape", [(20, 4), (6, 4, 3)])
def test_a_trained_batch_norm(shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(4)
    x, y = rng.normal(2, 3, size=(2, *shape))
    first = [rng.normal(size=4), rng.normal(size=4)]
    w, b = (Input(f"p{i}", value=p, trainable=True) for i, p in enumerate(first))
    norm = OPS["BatchNorm"](Input("x", value=x), w, b, name="norm")
    graph = Graph.of(MSE(Input("y", value=y), norm), training=Training(SGD(RATE)))
    plan = ArrayPlan(graph, graph.shapes())
    module = (torch.nn.BatchNorm1d if len(shape) < 4 else torch.nn.BatchNorm2d)(4).double()
    with torch.no_grad():
        module.weight.copy_(torch.tensor(first[0]))
        module.bias.copy_(torch.tensor(first[1]))
    trained = torch.optim.SGD(module.parameters(), RATE)
    for step in range(STEPS):
        plan.run(step, 1, array("d"))
        trained.zero_grad()
        ((torch.tensor(y) - module(torch.tensor(x))) ** 2).mean().backward()
        trained.step()
        for place, tensor in zip(graph.trainables, module.parameters(), strict=True):
            np.testing.assert_allclose(plan.value(place), tensor.detach().numpy(), 1e-10, 1e-12)
        for name, array_ in plan.lasting(graph.index_of("norm")).items():
            theirs = dict(module.named_buffers())[name].numpy()
            np.testing.assert_allclose(array_, theirs, 1e-12)


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
    plan = ArrayPlan(graph, graph.shapes())
    plan.feed(0)
    plan.walk(1, 1 + len(graph.forward_nodes) + len(graph.backward_nodes))
    tensor = torch.tensor(table, requires_grad=True)
    value = nn.embedding(torch.tensor(rows), tensor)
    (value * torch.tensor(weights)).sum().backward()
    np.testing.assert_array_equal(plan.value(graph.index[op]), value.detach().numpy())
    tolerance = 1e-12 if dtype == "float64" else 1e-5
    np.testing.assert_allclose(plan.gradient(graph.index[x]), tensor.grad.numpy(), tolerance)
