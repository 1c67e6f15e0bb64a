"""Arguments for every op: the shapes it takes, values away from its kinks, its attributes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import strategies as st

from miniflow.node import Input
from miniflow.ops import OPS, Op, Var
from miniflow.ops.base import Shape
from miniflow.ops.recurrent import Recurrent
from tests.support import window_cases
from tests.support.mixing_cases import MIXING
from tests.support.op_case import SHAPES, Draw, broadcastable, numbers
from tests.support.op_case import Case as Case

ELEMENTWISE: dict[str, tuple[float, float]] = {
    "Neg": (-2, 2),
    "Exp": (-2, 2),
    "Log": (0.3, 3),
    "Sqrt": (0.3, 3),
    "Abs": (-2, 2),
    "Sigmoid": (-4, 4),
    "Tanh": (-2, 2),
    "ReLU": (-2, 2),
    "LeakyReLU": (-2, 2),
    "Softplus": (-4, 4),
    "SiLU": (-4, 4),
    "Selu": (-2, 2),
    "Reciprocal": (0.3, 3),
    "Sin": (-4, 4),
    "Cos": (-4, 4),
    "Erf": (-2, 2),
    "Detach": (-2, 2),
    "Dropout": (-2, 2),
}
GATES: dict[str, tuple[float, float]] = {
    "Add": (-2, 2),
    "Mul": (-2, 2),
    "Max": (-2, 2),
    "Min": (-2, 2),
}
# Attributes to choose from; the kinks that they make are off the grids of `numbers`.
ATTRIBUTED: dict[str, list[dict[str, Any]]] = {
    "GELU": [{}, {"form": "erf"}],
    "Elu": [{}, {"alpha": 0.5}],
    "Cast": [{}, {"to": "boolean"}],
    "HardSigmoid": [{}, {"slope": 1.03, "offset": 0.3137}],
    "Clip": [{}, {"low": -0.7137}, {"high": 0.9171}, {"low": -0.7137, "high": 0.9171}],
}
PAIRS: dict[str, tuple[float, float]] = {
    "Sub": (-2, 2),
    "Div": (0.5, 2),
    "Pow": (0.5, 2),
    "PRelu": (-2, 2),
    "Equal": (-2, 2),
    "Less": (-2, 2),
    "LessOrEqual": (-2, 2),
    "Greater": (-2, 2),
    "GreaterOrEqual": (-2, 2),
}


@st.composite
def cases(draw: Draw, name: str) -> Case:
    """Draw arguments for the op called `name`."""
    op = OPS[name]
    shape = draw(SHAPES)
    if name in ELEMENTWISE:
        return Case(op, [numbers(draw, shape, *ELEMENTWISE[name])])
    if name in ("Max", "Min") and draw(st.booleans()):
        case = draw(_reduction(op))
        axis = case.attributes["axis"]
        return Case(op, case.values, {**case.attributes, "axis": "all" if axis is None else axis})
    if name in ATTRIBUTED:
        return Case(op, [numbers(draw, shape)], draw(st.sampled_from(ATTRIBUTED[name])))
    if name in GATES or name in PAIRS:
        count = draw(st.integers(1, 3)) if name in GATES else 2
        low, high = GATES.get(name) or PAIRS[name]
        shapes = [shape, *(broadcastable(draw, shape) for _ in range(count - 1))]
        # One draw for all inputs: none of their entries tie in a max.
        pool = numbers(draw, (sum(int(np.prod(s)) for s in shapes),), low, high)
        cuts = np.cumsum([int(np.prod(s)) for s in shapes])[:-1]
        values = [part.reshape(s) for part, s in zip(np.split(pool, cuts), shapes, strict=True)]
        order = draw(st.permutations(values))
        same = name not in ("Max", "Min") and draw(st.booleans())
        return Case(op, list(order), same=same)
    return draw(_SPECIAL[name](op))


@st.composite
def _matmul(draw: Draw, op: type[Op]) -> Case:
    n, k, m, s = (draw(st.integers(1, 3)) for _ in range(4))
    pairs = [
        ((n, k), (k, m)),
        ((k,), (k, m)),
        ((n, k), (k,)),
        ((k,), (k,)),
        ((), (n, k)),
        ((n, k), ()),
        ((), ()),
        ((s, n, k), (k, m)),
        ((s, n, k), (s, k, m)),
        ((n, k), (s, k, m)),
        ((1, n, k), (s, k, m)),
        ((k,), (s, k, m)),
        ((s, n, k), (k,)),
    ]
    x, w = draw(st.sampled_from(pairs))
    return Case(op, [numbers(draw, x), numbers(draw, w)])


@st.composite
def _linear(draw: Draw, op: type[Op]) -> Case:
    n, k, m = (draw(st.integers(1, 3)) for _ in range(3))
    shapes = draw(
        st.sampled_from(
            [
                [(n, k), (k, m), (m,)],
                [(n, k), (k, m), (1, m)],
                [(n, k), (k, m), (n, 1)],
                [(n, k), (k, m), ()],
                [(k,), (k, m), (m,)],
                [(k,), (k,), ()],
                [(n, k), (k,), ()],
                [(), (), ()],
                [(), (), (), (), ()],
                [(n, k), (n, m), (k, m), (m, m), (m,)],
            ]
        )
    )
    return Case(op, [numbers(draw, shape) for shape in shapes])


@st.composite
def _reduction(draw: Draw, op: type[Op]) -> Case:
    shape = draw(SHAPES)
    axes = [None, *range(-len(shape), len(shape))]
    if len(shape) > 1:
        axes += [[0, 1], [0, -1]]
    attributes = {"axis": draw(st.sampled_from(axes)), "keepdims": draw(st.booleans())}
    return Case(op, [numbers(draw, shape)], attributes)


@st.composite
def _variance(draw: Draw, op: type[Op]) -> Case:
    case = draw(_reduction(op))
    axes = Var(Input(), **case.attributes).axes(case.values[0].shape)
    several = int(np.prod([case.values[0].shape[axis] for axis in axes])) > 1
    # The unbiased variance of one entry is NaN.
    unbiased = several and draw(st.booleans())
    return Case(op, case.values, {**case.attributes, "unbiased": unbiased})


@st.composite
def _where(draw: Draw, op: type[Op]) -> Case:
    shape = draw(SHAPES)
    shapes = draw(st.permutations([shape, broadcastable(draw, shape), broadcastable(draw, shape)]))
    condition = np.array(numbers(draw, shapes[0]) > 0, np.float64)
    return Case(op, [condition, *(numbers(draw, other) for other in shapes[1:])])


@st.composite
def _along(draw: Draw, op: type[Op]) -> Case:
    shape = draw(st.lists(st.integers(1, 3), min_size=1, max_size=3).map(tuple))
    axis = draw(st.integers(-len(shape), len(shape) - 1))
    keeps = {"keepdims": draw(st.booleans())} if "keepdims" in op.attributes else {}
    return Case(op, [numbers(draw, shape)], {"axis": axis, **keeps})


@st.composite
def _transpose(draw: Draw, op: type[Op]) -> Case:
    shape = draw(SHAPES)
    axes = draw(st.one_of(st.none(), st.permutations(range(len(shape)))))
    return Case(op, [numbers(draw, shape)], {"axes": axes if axes is None else list(axes)})


@st.composite
def _reshape(draw: Draw, op: type[Op]) -> Case:
    shape = draw(SHAPES)
    wanted = draw(st.sampled_from([[-1], list(shape), [*shape[::-1], 1], [1, -1]]))
    return Case(op, [numbers(draw, shape)], {"shape": wanted})


@st.composite
def _concat(draw: Draw, op: type[Op]) -> Case:
    shape = draw(st.lists(st.integers(1, 3), min_size=1, max_size=3).map(list))
    axis = draw(st.integers(-len(shape), len(shape) - 1))
    values = []
    for _ in range(draw(st.integers(1, 3))):
        shape[axis] = draw(st.integers(1, 3))
        values.append(numbers(draw, tuple(shape)))
    return Case(op, values, {"axis": axis})


@st.composite
def _slice(draw: Draw, op: type[Op]) -> Case:
    shape = draw(st.lists(st.integers(2, 4), min_size=1, max_size=3).map(tuple))
    axis = draw(st.integers(-len(shape), len(shape) - 1))
    size = shape[axis]
    ends = st.none() | st.integers(-size - 1, size + 1)
    bounds = st.tuples(ends, ends, st.integers(-2, 2).filter(bool))
    start, stop, step = draw(bounds.filter(lambda b: len(range(*slice(*b).indices(size)))))
    attributes = {"start": start, "stop": stop, "axis": axis, "step": step}
    return Case(op, [numbers(draw, shape)], attributes)


@st.composite
def _split(draw: Draw, op: type[Op]) -> Case:
    shape = draw(st.lists(st.integers(1, 3), min_size=1, max_size=3).map(list))
    axis = draw(st.integers(-len(shape), len(shape) - 1))
    sizes = draw(st.lists(st.integers(1, 2), min_size=1, max_size=3))
    equal = len(set(sizes)) == 1 and draw(st.booleans())
    shape[axis] = sum(sizes)
    part = draw(st.integers(0, len(sizes) - 1))
    attributes = {"parts": len(sizes) if equal else sizes, "part": part, "axis": axis}
    return Case(op, [numbers(draw, tuple(shape))], attributes)


@st.composite
def _stack(draw: Draw, op: type[Op]) -> Case:
    shape = draw(SHAPES)
    axis = draw(st.integers(-len(shape) - 1, len(shape)))
    values = [numbers(draw, shape) for _ in range(draw(st.integers(1, 3)))]
    return Case(op, values, {"axis": axis})


@st.composite
def _squeeze(draw: Draw, op: type[Op]) -> Case:
    shape = draw(st.lists(st.sampled_from([1, 1, 2, 3]), max_size=4).map(tuple))
    ones = [axis for axis, n in enumerate(shape) if n == 1]
    choices: list[Any] = [None, ones, *ones, *(axis - len(shape) for axis in ones)]
    return Case(op, [numbers(draw, shape)], {"axis": draw(st.sampled_from(choices))})


@st.composite
def _unsqueeze(draw: Draw, op: type[Op]) -> Case:
    shape = draw(SHAPES)
    single = st.integers(-len(shape) - 1, len(shape))
    axis = draw(single | st.sampled_from([[0, 1], [-1, 0], []]))
    return Case(op, [numbers(draw, shape)], {"axis": axis})


@st.composite
def _expand(draw: Draw, op: type[Op]) -> Case:
    shape = draw(SHAPES)
    return Case(op, [numbers(draw, broadcastable(draw, shape))], {"shape": list(shape)})


@st.composite
def _tile(draw: Draw, op: type[Op]) -> Case:
    repeats = draw(st.lists(st.integers(1, 3), max_size=3))
    return Case(op, [numbers(draw, draw(SHAPES))], {"repeats": repeats})


@st.composite
def _take(draw: Draw, op: type[Op]) -> Case:
    shape = draw(st.lists(st.integers(1, 3), min_size=1, max_size=3).map(tuple))
    axis = draw(st.integers(-len(shape), len(shape) - 1))
    size = shape[axis]
    of_rows = draw(st.lists(st.integers(1, 3), max_size=2).map(tuple))
    rows = st.integers(-size, size - 1)
    count = int(np.prod(of_rows))
    indices = draw(st.lists(rows, min_size=count, max_size=count))
    return Case(op, [numbers(draw, shape), np.array(indices, int).reshape(of_rows)], {"axis": axis})


@st.composite
def _cost(draw: Draw, op: type[Op]) -> Case:
    shape = draw(SHAPES)
    low, high = (0.1, 0.9) if op.__name__ == "BinaryCrossEntropy" else (-2.0, 2.0)
    pool = numbers(draw, (2, *shape), low, high)
    y, a = pool[0], pool[1]
    if op.__name__ == "SigmoidCrossEntropy":
        y = numbers(draw, shape, 0.1, 0.9)
    if len(shape) == 1 and draw(st.booleans()):
        a = a.reshape(-1, 1)
    attributes = {"delta": draw(st.sampled_from([1.013, 0.317]))} if op.__name__ == "Huber" else {}
    return Case(op, [np.array(y), np.array(a)], attributes)


# With a variance near 0 the gradients are differences of large numbers.
_NORM_EPS = (0.05, 0.5)


def _weighted(draw: Draw, op: type[Op], shape: Shape, of: Shape, attributes: Any) -> Case:
    weights = [numbers(draw, of) for _ in range(draw(st.integers(0, 2)))]
    eps = draw(st.sampled_from(_NORM_EPS))
    return Case(op, [numbers(draw, shape), *weights], {**attributes, "eps": eps})


@st.composite
def _last_axes_norm(draw: Draw, op: type[Op]) -> Case:
    shape = draw(st.lists(st.integers(1, 4), min_size=1, max_size=3).map(tuple))
    axes = draw(st.integers(1, len(shape)))
    case = _weighted(draw, op, shape, shape[len(shape) - axes :], {})
    told = len(case.values) == 1 or draw(st.booleans())
    return Case(op, case.values, {**case.attributes, "axes": axes} if told else case.attributes)


@st.composite
def _channel_norm(draw: Draw, op: type[Op]) -> Case:
    name = op.__name__
    n, groups, each = (draw(st.integers(1, 3)) for _ in range(3))
    least = 1 if name == "InstanceNorm" else 0
    spatial = draw(st.lists(st.integers(1, 3), min_size=least, max_size=2))
    attributes: dict[str, Any] = {"groups": groups} if name == "GroupNorm" else {}
    if name == "BatchNorm":
        alone = n * int(np.prod(spatial)) == 1
        attributes = {"training": not alone and draw(st.booleans()), "momentum": 0.25}
    shape = (n, groups * each, *spatial)
    return _weighted(draw, op, shape, (groups * each,), attributes)


@st.composite
def _nll(draw: Draw, op: type[Op]) -> Case:
    shape = draw(st.lists(st.integers(1, 3), min_size=1, max_size=3).map(tuple))
    seed = draw(st.integers(0, 2**32 - 1))
    labels = np.random.default_rng(seed).integers(shape[-1], size=shape[:-1])
    return Case(op, [numbers(draw, shape, -3, -0.1), np.array(labels, np.float64)])


@st.composite
def _cross_entropy(draw: Draw, op: type[Op]) -> Case:
    shape = draw(st.lists(st.integers(1, 3), min_size=1, max_size=2).map(tuple))
    logits = numbers(draw, shape)
    shares = numbers(draw, shape, 0.1, 1.0)
    return Case(op, [logits, shares])


@st.composite
def _recurrent(draw: Draw, op: type[Recurrent]) -> Case:
    steps, count, entries, units = (draw(st.integers(1, n)) for n in (4, 2, 3, 3))
    rows = len(op.gates) * units
    shapes: list[Shape] = [(steps, count, entries), (rows, entries), (rows, units)]
    shapes += [draw(st.sampled_from([(rows,), (rows,), ()])) for _ in range(2)]
    if draw(st.booleans()):
        shapes += [(count, units)] * len(op.states)
    choices = {"activation": ["tanh", "relu"], "output": ["h", "both"], "reverse": [False, True]}
    attributes = {key: draw(st.sampled_from(choices[key])) for key in op.attributes}
    return Case(op, [numbers(draw, shape) for shape in shapes], attributes)


@st.composite
def _windowed(draw: Draw, op: type[Op]) -> Case:
    pool = op.__name__.endswith("Pool")
    of = window_cases.pool if pool else window_cases.convolution
    shapes, attributes = draw(of(op.__name__))
    return Case(op, [numbers(draw, shape) for shape in shapes], attributes)


_SPECIAL: dict[str, Callable[..., st.SearchStrategy[Case]]] = {
    **MIXING,
    "MatMul": _matmul,
    "RNN": _recurrent,
    "LSTM": _recurrent,
    "GRU": _recurrent,
    "Linear": _linear,
    "Conv": _windowed,
    "ConvTranspose": _windowed,
    "MaxPool": _windowed,
    "AveragePool": _windowed,
    "AdaptiveMaxPool": _windowed,
    "AdaptiveAveragePool": _windowed,
    "Sum": _reduction,
    "Mean": _reduction,
    "Var": _variance,
    "Norm": _reduction,
    "LogSumExp": _reduction,
    "Prod": _reduction,
    "CumSum": _along,
    "ArgMax": _along,
    "LayerNorm": _last_axes_norm,
    "RMSNorm": _last_axes_norm,
    "GroupNorm": _channel_norm,
    "InstanceNorm": _channel_norm,
    "BatchNorm": _channel_norm,
    "Softmax": _along,
    "LogSoftmax": _along,
    "NLL": _nll,
    "Huber": _cost,
    "Hinge": _cost,
    "Where": _where,
    "Transpose": _transpose,
    "Reshape": _reshape,
    "Concat": _concat,
    "Slice": _slice,
    "Split": _split,
    "Stack": _stack,
    "Squeeze": _squeeze,
    "Unsqueeze": _unsqueeze,
    "Expand": _expand,
    "Tile": _tile,
    "Take": _take,
    "MSE": _cost,
    "MAE": _cost,
    "BinaryCrossEntropy": _cost,
    "SigmoidCrossEntropy": _cost,
    "SoftmaxCrossEntropy": _cross_entropy,
}
COVERED = {*ELEMENTWISE, *ATTRIBUTED, *GATES, *PAIRS, *_SPECIAL}
