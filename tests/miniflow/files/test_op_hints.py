"""An op name of another library gets the name that the op has here."""

from __future__ import annotations

import pytest

from miniflow.files import op_hints
from miniflow.files.op_hints import op_hint
from miniflow.ops import OPS


@pytest.mark.parametrize(
    ("name", "ours"),
    [
        ("Dense", "Linear"),
        ("Dot", "MatMul"),
        ("Swish", "SiLU"),
        ("binary_cross_entropy_with_logits", "SigmoidCrossEntropy"),
        ("MultiHeadAttention", "Attention"),
        ("scaled_dot_product_attention", "Attention"),
        ("KLDivLoss", "KL"),
        ("Upsample", "Resize"),
        ("Interpolate", "Resize"),
        ("ZeroPad2d", "Pad"),
        ("Parameter", "Input"),
        ("Sigmoyd", "Sigmoid"),
        ("linear", "Linear"),
        ("BatchNorm2d", "BatchNorm"),
        ("BatchNormalization", "BatchNorm"),
        ("batch_norm", "BatchNorm"),
        ("LayerNormalization", "LayerNorm"),
        ("RMSNormalization", "RMSNorm"),
        ("GroupNormalization", "GroupNorm"),
        ("InstanceNorm1d", "InstanceNorm"),
        ("RNNCell", "RNN"),
        ("SimpleRNN", "RNN"),
        ("LSTMCell", "LSTM"),
        ("GRUCell", "GRU"),
    ],
)
def test_the_op_that_is_meant_is_named(name: str, ours: str) -> None:
    assert op_hint(name) == f"did you mean {ours!r}?"


def test_of_what_is_several_nodes_these_are_named() -> None:
    assert (
        op_hint("Bidirectional") == 'two nodes, one with "reverse": true, and a Concat along axis 2'
    )


def test_only_ops_that_exist_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(OPS, "Linear")
    assert op_hint("Dense") == ""
    assert op_hint("qqqqqq") == ""


def test_no_name_of_ours_is_said_to_be_of_others() -> None:
    assert not {name.lower() for name in OPS} & op_hints._OURS.keys()
