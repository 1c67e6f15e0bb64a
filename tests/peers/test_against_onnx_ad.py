"""onnx-ad, which writes the derivative of an .onnx model as another one: a second judge.

Each case of the onnx package that both know must have the gradients that onnx-ad's model computes.
With `--long` all of them; a sample otherwise.
"""

from __future__ import annotations

import re
import warnings
from collections import Counter
from collections.abc import Iterable
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, defs, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from miniflow.errors import MiniflowError
from miniflow.importers.model import ImportedModel
from miniflow.importers.onnx.names import clean
from tests.support.onnx_cases import (
    IS_RECENT,
    Case,
    forward,
    lacking,
    node_cases,
    opened,
    weighted,
)
from tests.support.onnx_models import passed
from tests.support.sizes import pick, some

onnx_ad = pytest.importorskip("onnx_ad")
pytestmark = pytest.mark.skipif(not IS_RECENT, reason="the cases are those of onnx 1.20 or later")

SAMPLE = 60
# Functions of the standard are computed in float32 in part, also in a model of doubles.
TOLERANCE = 1e-6
NARROW = (TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.BFLOAT16)
OPSET = 18

# Where onnx-ad, or what runs its models, is wrong. With `--long` each must still be.
WRONG = {
    "test_onehot_.*": "it sends zeros to the two numbers, silently",
    "test_reduce_((log_sum_exp|l2|mean|sum_square)_default_axes_keepdims_(example|random)"
    "|l1_default_axes_keepdims_random|min_default_axes_keepdims_example)": (
        "an empty list of axes is all axes; it takes it for none"
    ),
    "test_spacetodepth_crd_mode_example": "it ignores the mode CRD",
    "test_maxpool_(1d_default|2d_default|3d_default|2d_pads)": (
        "onnx.reference numbers the maxima of each channel from 0; with onnxruntime it is right"
    ),
    "test_l2normalization_axis_0": "0/0 where the norm is 0; the gradient is 0 there",
    "test_pow": "0 * log 0, of an exponent of the base 0; the limit is 0",
    "test_attention_causal_boolmask_nan_robustness": "NaN for a query that sees no key",
    "test_attention_23_boolmask_fullymasked_row_nan_robustness": "NaN for a query that sees no key",
}
# What the present reference implementation cannot run, of onnx-ad's models.
NOT_RUN = re.compile(
    "test_(lstm|simple_rnn|rnn)_.*|test_scatter_with(out)?_axis|test_reshape_allowzero_reordered"
)
# Inputs that get no gradient here, by definition: an added mask that is fed, not learned.
DATA = {"attn_mask"}


def reason(name: str) -> str:
    """Return why onnx-ad is wrong about a case, or an empty text."""
    return next((why for pattern, why in WRONG.items() if re.fullmatch(pattern, name)), "")


def in_float64(case: Case) -> onnx.ModelProto:
    """Return a model whose floats are doubles, and whose integers are constants."""
    model = onnx.ModelProto()
    model.CopyFrom(case.model)
    graph = model.graph
    _widen(graph)
    given = dict(zip((value.name for value in graph.input), case.inputs, strict=False))
    kept = []
    for value in graph.input:
        x = np.asarray(given[value.name]) if value.name in given else None
        if x is not None and x.dtype.kind in "iub" and value.type.HasField("tensor_type"):
            graph.initializer.append(numpy_helper.from_array(x, value.name))
        else:
            kept.append(onnx.ValueInfoProto.FromString(value.SerializeToString()))
    del graph.input[:]
    graph.input.extend(kept)
    # Sums of scattered numbers need a newer opset; the nodes must mean the same in it.
    for entry in model.opset_import:
        if not entry.domain and entry.version < OPSET and _same(graph.node, entry.version):
            entry.version = OPSET
    return model


def _same(nodes: Iterable[Any], version: int) -> bool:
    return all(
        defs.has(node.op_type)
        and defs.get_schema(node.op_type, version).since_version
        == defs.get_schema(node.op_type, OPSET).since_version
        for node in nodes
    )


def _widen(graph: Any) -> None:
    for value in [*graph.input, *graph.output, *graph.value_info]:
        if value.type.tensor_type.elem_type in NARROW:
            value.type.tensor_type.elem_type = TensorProto.DOUBLE
    for tensor in graph.initializer:
        _widen_tensor(tensor)
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.type == attribute.GRAPH:
                _widen(attribute.g)
            elif attribute.type == attribute.TENSOR:
                _widen_tensor(attribute.t)
            elif node.op_type == "Cast" and attribute.name == "to" and attribute.i in NARROW:
                attribute.i = TensorProto.DOUBLE
            elif node.op_type == "Constant" and attribute.name in ("value_float", "value_floats"):
                numbers = np.asarray(helper.get_attribute_value(attribute), np.float64)
                made = helper.make_attribute("value", numpy_helper.from_array(numbers))
                attribute.CopyFrom(made)


def _widen_tensor(tensor: Any) -> None:
    if tensor.data_type in NARROW:
        numbers = numpy_helper.to_array(tensor).astype(np.float64)
        tensor.CopyFrom(numpy_helper.from_array(numbers, tensor.name))


def their_gradients(case: Case, weights: list[np.ndarray]) -> dict[str, np.ndarray]:
    """Return the gradient of Σ weights · outputs by the name of the input.

    Raises what onnx-ad raises for an op that it does not differentiate.
    """
    model = in_float64(case)
    doubles = [
        value.name
        for value in model.graph.input
        if value.type.tensor_type.elem_type == TensorProto.DOUBLE
    ]
    if not doubles:
        return {}
    derivative = onnx_ad.reverse(model, inputs=doubles, layout="onnx")
    names = [value.name for value in case.model.graph.input]
    feeds = {
        name: np.asarray(x).astype(np.float64)
        for name, x in zip(names, case.inputs, strict=False)
        if "float" in np.asarray(x).dtype.name
    }
    for output, numbers in zip(model.graph.output, weights, strict=True):
        feeds[f"adj_{output.name}"] = numbers[..., None]
    wanted = [value.name for value in derivative.graph.output][len(model.graph.output) :]
    with np.errstate(all="ignore"):
        found = ReferenceEvaluator(derivative).run(wanted, feeds)
    return {name: np.asarray(x)[..., 0] for name, x in zip(doubles, found, strict=True)}


def outcome(case: Case) -> str:
    """Return what came of a case: equal, different, or which of both does not know it."""
    try:
        model = opened(case)
    except MiniflowError:
        return "refused here"
    if len(model.outputs) < len(case.outputs) or lacking(model):
        return "no gradient here"
    if re.fullmatch("test_reduce_(max|min)_empty_set", case.name):  # NumPy has none of nothing
        return "empty"
    if NOT_RUN.fullmatch(case.name):
        return "not run by onnx.reference"
    forward(model)
    graph = weighted(model)
    weights = [
        np.array(graph.nodes[graph.by_name[f"weights {i}"]].value)
        for i in range(len(model.outputs))
    ]
    try:
        theirs = their_gradients(case, weights)
    except onnx_ad.UnsupportedOperator:
        return "refused there"
    plan = passed(graph)
    count, equal = 0, True
    for name, gradient in theirs.items():
        index = graph.by_name.get(clean(name))
        if index is None:
            # It is a number that decided about nodes, such as a limit, or no node took it.
            assert _is_said(model, name) or not gradient.any(), (case.name, name)
        elif name not in DATA:
            count += 1
            equal &= _is_near(np.array(plan.gradient(index)), gradient)
    return ("equal" if equal else "different") if count else "no input with a gradient"


def _is_said(model: ImportedModel, name: str) -> bool:
    """Whether a note says that an input keeps its numbers."""
    return any(f"that {clean(name)} has now" in note for note in model.notes)


def _is_near(own: np.ndarray, other: np.ndarray) -> bool:
    if own.shape != other.shape:
        return False
    numbers = np.abs(own[np.isfinite(own)])
    scale = max(1e-3, float(numbers.max())) if numbers.size else 1.0
    return np.allclose(own, other, rtol=0.0, atol=TOLERANCE * scale, equal_nan=True)


def test_gradients_of_nodes() -> None:
    with warnings.catch_warnings():
        # Of shapes that onnx does not infer, and of casts.
        warnings.simplefilter("ignore")
        outcomes = {case.name: outcome(case) for case in some(node_cases(), SAMPLE)}
    counts = Counter(outcomes.values())
    different = {name for name, found in outcomes.items() if found == "different"}
    known = {name for name in outcomes if reason(name) and outcomes[name] != "refused there"}
    assert different == known, counts
    assert counts["equal"] >= pick(930, SAMPLE * 6 // 10), counts


def test_silent_zeros_are_not_repeated_here() -> None:
    """Of ops for which onnx-ad has a zero: a gradient, a sentence, or none that is known."""
    expected = {
        "test_onehot_with_axis": "different",
        "test_det_2d": "no gradient here",
        "test_batchnorm_example": "equal",
    }
    cases = {case.name: case for case in node_cases() if case.name in expected}
    assert {name: outcome(case) for name, case in cases.items()} == expected
    notes = opened(cases["test_batchnorm_example"]).notes
    assert any("that mean has now" in note for note in notes)
    assert any("that var has now" in note for note in notes)
