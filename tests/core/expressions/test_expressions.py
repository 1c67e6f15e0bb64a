"""The language of conditions and watches: what it means, what it says when it fails."""

from __future__ import annotations

import contextlib
import math
import re
import subprocess
import sys
from collections.abc import Collection
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from numpy.typing import NDArray

from mfdebug.core.expressions.names import quoted
from mfdebug.core.expressions.parser import (
    WORDS,
    Environment,
    ExpressionError,
    NodeRef,
    NotComputed,
    Result,
    parse,
    parse_entry,
    take_entry,
)
from tests.support.counting import lines_run

L1 = np.arange(12.0).reshape(4, 3)


class Run:
    """A run of two SGD steps, by hand."""

    def __init__(
        self,
        values: dict[str, NDArray[Any]],
        gradients: dict[str, NDArray[Any]] | None = None,
        words: dict[str, float] | None = None,
        before: Run | None = None,
    ) -> None:
        self.values = values
        self.gradients = gradients or {}
        self.words = words or {}
        self.before = before

    def node_names(self) -> Collection[str]:
        return self.values

    def value(self, node: str) -> NDArray[Any]:
        return self.values[node]

    def gradient(self, node: str) -> NDArray[Any]:
        if node not in self.gradients:
            raise NotComputed(f"{node} has no gradient yet")
        return self.gradients[node]

    def lasting(self, node: str, name: str) -> NDArray[Any]:
        raise NotComputed(f"{node} has no {name}")

    def word(self, name: str) -> float:
        if name not in self.words:
            raise NotComputed(f"{name} is not known yet")
        return self.words[name]

    def earlier(self) -> Environment:
        if self.before is None:
            raise NotComputed("there is no earlier SGD step")
        return self.before


VALUES: dict[str, NDArray[Any]] = {
    "l1": L1,
    "W1": np.array([[3.0, -4.0, 0.0], [0.0, 0.0, 12.0]]),
    "v": np.array([1.0, 2.0, 3.0]),
    "a": np.array(5.0),
    "b": np.array(3.0),
    "one": np.array([[8.0]]),
    "none": np.zeros((0, 3)),
    "wild": np.array([1.0, math.nan, math.inf]),
    "single": np.array([0.1, 0.2], dtype=np.float32),
    "layer1/W": np.array([6.0, 7.0]),
    "a-b": np.array(100.0),
    "my node": np.array(7.0),
    "odd `name`": np.array(13.0),
    "max": np.array(9.0),
    "1": np.array(11.0),
    "nan": np.array(17.0),
    "tall": np.broadcast_to(np.array(1.0), (5000, 1)),
    "wide": np.broadcast_to(np.array(1.0), (1, 5000)),
    "long": np.broadcast_to(np.array(1.0), (9_000_000,)),
    "longer": np.broadcast_to(np.array(1.0), (10_000_001,)),
}
BEFORE = Run(
    {name: value + 1 for name, value in VALUES.items() if value.size < 100},
    {"W1": np.ones((2, 3))},
    {"cost": 0.9, "lr": 0.1, "sgd_step": 3.0, "moment": 40.0},
)
RUN = Run(
    VALUES,
    {"W1": np.full((2, 3), 2.0)},
    {"cost": 0.5, "lr": 0.1, "sgd_step": 4.0, "moment": 50.0},
    BEFORE,
)


def worth(text: str) -> Result:
    return parse(text, VALUES).evaluate(RUN)


def complaint(text: str) -> str:
    with pytest.raises(ExpressionError) as caught:
        worth(text)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1 + 2 * 3", 7.0),
        ("(1 + 2) * 3", 9.0),
        ("10 - 3 - 2", 5.0),
        ("8 / 4 / 2", 1.0),
        ("2 ** 3 ** 2", 512.0),
        ("-2 ** 2", -4.0),
        ("2 ** -1", 0.5),
        ("-7 // 2", -4.0),
        ("-7 % 3", 2.0),
        ("--1", 1.0),
        ("1e-3 + .5 + 1. + 2E2", 201.501),
        ("v @ v", 14.0),
        ("l1[2,1]", 7.0),
        ("l1.value[-1][0]", 9.0),
        ("W1.grad[0,:][1]", 2.0),
        ("-v[0]", -1.0),
        ("l1.shape", (4, 3)),
        ("shape(W1.grad)[1]", 3.0),
        ("l1.shape[:1]", (4,)),
        ("shape(l1) == shape(W1)", False),
        ("shape(l1) != shape(W1)", True),
        ("abs(-3)", 3.0),
        ("min(W1)", -4.0),
        ("max(W1)", 12.0),
        ("mean(v)", 2.0),
        ("sum(l1 > 3)", 8.0),
        ("norm(W1)", 13.0),
        ("std(v - v)", 0.0),
        ("any(v > 2)", True),
        ("all(v > 2)", False),
        ("sum(isnan(wild)) + sum(isinf(wild))", 2.0),
        ("sqrt(exp(log(9)))", 3.0),
        ("cost", 0.5),
        ("lr * 10 + sgd_step + moment", 55.0),
        ("cost < prev(cost)", True),
        ("prev(a) - a", 1.0),
        ("norm(W1.grad - prev(W1.grad)) ** 2", 6.0),
        ("1 < 2 < 3", True),
        ("1 < 3 < 2", False),
        ("3 > 2 > 1 == 1 != 2", True),
        ("1 and 0 or 2", True),
        ("not 1 == 2", True),
        ("not 0 and not 0", True),
        ("one > 7 and a == 5", True),
        ("1and 2", None),
    ],
)
def test_an_expression_is_worth(text: str, expected: object) -> None:
    if expected is None:
        assert complaint(text) == "unexpected '1and' at column 1"
        return
    result = worth(text)
    assert type(result) is type(expected)
    assert result == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("l1[1:3, ::2]", L1[1:3, ::2]),
        ("l1[..., 0]", L1[..., 0]),
        ("l1[::-1]", L1[::-1]),
        ("l1[9999999999999999999999:]", L1[4:]),
        ("l1 * v + 1", L1 * [1.0, 2.0, 3.0] + 1),
        ("l1 @ v", L1 @ [1.0, 2.0, 3.0]),
        ("max(l1, 0)", L1.max(0)),
        ("sum(l1, -1)", L1.sum(1)),
        ("argmax(l1, 1)", L1.argmax(1)),
        ("argmax(l1)", L1.argmax()),
        ("norm(l1, 1)", np.linalg.norm(L1, axis=1)),
        ("std(l1, 0)", L1.std(0)),
        ("any(l1 > 5, 1)", (L1 > 5).any(1)),
        ("mean(argmax(l1, 1) == 2)", (L1.argmax(1) == 2).mean()),
        ("W1 @ v", [-5.0, 36.0]),
        ("3 <= l1 < 5", (L1 >= 3) & (L1 < 5)),
        ("-v", [-1.0, -2.0, -3.0]),
        ("+v", [1.0, 2.0, 3.0]),
        ("layer1/W * 2", [12.0, 14.0]),
    ],
)
def test_an_array_expression_is_worth(text: str, expected: object) -> None:
    np.testing.assert_array_equal(worth(text), expected, strict=False)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1 / 0", math.inf),
        ("-1 / 0", -math.inf),
        ("0 / 0", math.nan),
        ("log(-1)", math.nan),
        ("log(0)", -math.inf),
        ("sqrt(-1)", math.nan),
        ("exp(1000)", math.inf),
        ("9 ** 9 ** 9 ** 9", math.inf),
        ("(0 - 8) ** 0.5", math.nan),
        ("1e999", math.inf),
        ("inf - inf", math.nan),
        ("1 % 0", math.nan),
        ("std(wild)", math.nan),
        ("norm(wild)", math.nan),
        ("norm(wild[2:])", math.inf),
        ("sum(none) + norm(none)", 0.0),
    ],
)
@pytest.mark.filterwarnings("error")
def test_arithmetic_is_ieee_and_quiet(text: str, expected: float) -> None:
    np.testing.assert_equal(worth(text), expected)


def test_the_norm_of_a_vanishing_gradient_is_not_zero() -> None:
    run = Run({"g": np.array([3e-200, 4e-200]), "h": np.array([3e200, 4e200])})
    assert parse("norm(g)", run.values).evaluate(run) == pytest.approx(5e-200)
    assert parse("norm(h)", run.values).evaluate(run) == pytest.approx(5e200)


def test_sums_are_float64_in_a_float32_graph() -> None:
    assert worth("single[0] == 0.1") is False
    assert worth("sum(single)") == float(np.float32(0.1)) + float(np.float32(0.2))
    assert worth("single * 1e300")[0] > 9e298  # type: ignore[index]
    shown = worth("single")
    assert isinstance(shown, np.ndarray)
    assert shown.dtype == np.float32


def test_the_longest_node_name_is_taken() -> None:
    assert worth("a-b") == 100.0
    assert worth("a - b") == 2.0
    assert worth("`a`-`b`") == 2.0
    assert worth("my node + 1") == 8.0
    assert parse("layer1/W[0]", VALUES).nodes == {"layer1/W"}
    assert parse("layer1/W", {"layer1": 0, "W": 0}).nodes == {"layer1", "W"}


def test_a_name_is_not_taken_out_of_a_word() -> None:
    assert complaint("a1 + 1").startswith("unknown name 'a1' at column 1")
    assert complaint("a-b2").startswith("unknown name 'b2' at column 3")


def test_a_scope_in_place_of_a_name_is_told_its_last_node() -> None:
    names = ["net.0.fc.weight", "net.0.fc.linear", "net.1.fc.linear", "net.head.linear", "loss"]
    found = {}
    for scope in ("net.0.fc", "net", "head", "fc", "0.fc", "inear"):
        with pytest.raises(ExpressionError) as caught:
            parse(scope, names)
        found[scope] = str(caught.value).partition("its last node is ")[2].strip("')")
    assert found == {
        "net.0.fc": "net.0.fc.linear",
        "net": "net.head.linear",
        "head": "net.head.linear",
        "fc": "",
        "0.fc": "",
        "inear": "",
    }
    assert parse("x.y", {"x.": 0, "x.y": 0}).nodes == {"x.y"}


def test_literals_and_functions_keep_their_meaning_words_do_not() -> None:
    assert worth("1 + 1") == 2.0
    assert worth("`1` + 1") == 12.0
    np.testing.assert_equal(worth("nan"), math.nan)
    assert worth("`nan`") == 17.0
    assert worth("max + max(v)") == 12.0
    assert worth("max (v)") == 3.0
    run = Run({"cost": np.array([4.0])}, words={"cost": 9.0})
    np.testing.assert_array_equal(parse("cost", run.values).evaluate(run), [4.0])
    assert parse("cost", run.values).words == frozenset()


def test_any_name_can_be_quoted() -> None:
    assert worth("`odd ``name``` + 1") == 14.0
    for name in VALUES:
        assert parse(quoted(name) + ".grad", VALUES).nodes == {name}
        assert parse_entry(quoted(name), VALUES) == NodeRef(name)


def test_an_expression_knows_what_it_mentions() -> None:
    expression = parse(" norm(W1.grad) > prev(l1[0, 0]) and cost < lr ", VALUES)
    assert expression.nodes == {"W1", "l1"}
    assert expression.words == {"cost", "lr"}
    assert expression.text == " norm(W1.grad) > prev(l1[0, 0]) and cost < lr "


def test_a_result_does_not_change_with_the_run() -> None:
    run = Run({"x": np.array([1.0, 2.0])})
    results = [parse(text, run.values).evaluate(run) for text in ("x", "x[:1]", "x[...]")]
    run.values["x"][:] = 9.0
    assert [list(result) for result in results] == [[1.0, 2.0], [1.0], [1.0, 2.0]]  # type: ignore[arg-type]


def test_a_condition_holds_or_not() -> None:
    assert parse("cost < 1", VALUES).holds(RUN) is True
    assert parse("one - 8", VALUES).holds(RUN) is False
    with pytest.raises(ExpressionError, match="shape \\(3,\\) is neither true nor false"):
        parse("v > 1", VALUES).holds(RUN)


def test_and_or_and_chains_stop_when_decided() -> None:
    assert worth("0 and l1.grad[0, 0]") is False
    assert worth("1 or l1.grad[0, 0]") is True
    assert worth("2 < 1 < l1.grad[0, 0]") is False


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("l1.grad", "l1 has no gradient yet"),
        ("norm(l1.grad) > 1", "l1 has no gradient yet"),
        ("prev(prev(cost))", "there is no earlier SGD step"),
    ],
)
def test_what_is_not_computed_is_said(text: str, message: str) -> None:
    with pytest.raises(NotComputed) as caught:
        worth(text)
    assert str(caught.value) == message


def test_prev_comes_back_to_now_after_an_error() -> None:
    run = Run({"x": np.array(1.0)}, before=Run({"x": np.array(2.0)}))
    assert parse("prev(x) - x", run.values).evaluate(run) == 1.0
    with pytest.raises(NotComputed):
        parse("prev(x.grad)", run.values).evaluate(run)
    assert parse("x", run.values).evaluate(run) == 1.0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty expression at column 1"),
        ("1 +", "unexpected end at column 4"),
        ("(1", "unexpected end, expected ')' at column 3"),
        ("1)", "unexpected ')' at column 2"),
        ("()", "unexpected ')' at column 2"),
        ("1 2", "unexpected '2' at column 3"),
        ("a not b", "unexpected 'not' at column 3"),
        ("and 1", "unexpected 'and' at column 1"),
        ("1 + not 2", "'not' needs parentheses here at column 5"),
        ("a = 5", "unexpected '=' at column 3 (compare with ==)"),
        ("a && b", "unexpected '&&' at column 3 (write 'and')"),
        ("a ^ 2", "unexpected '^' at column 3 (write ** for a power)"),
        ("!a", "unexpected '!' at column 1 (write 'not')"),
        ("2x", "unexpected '2x' at column 1"),
        ("1.2.3", "unexpected '1.2.3' at column 1"),
        ("'text'", "unexpected \"'\" at column 1"),
        ("`odd", "unmatched '`' at column 1"),
        ("1 +  W9", "unknown name 'W9' at column 6 (did you mean 'W1'?)"),
        ("`W9`.grad", "unknown name 'W9' at column 1 (did you mean 'W1'?)"),
        ("zzz", "unknown name 'zzz' at column 1"),
        ("1 + layr1/W.grad", "unknown name 'layr1/W' at column 5 (did you mean 'layer1/W'?)"),
        ("W9/2", "unknown name 'W9' at column 1 (did you mean 'W1'?)"),
        ("cots > 1", "unknown name 'cots' at column 1 (did you mean 'cost'?)"),
        ("abs > 1", "'abs' is a function at column 1 (write abs(...))"),
        ("max(l1, 2)", "axis 2 does not exist in (4, 3) at column 1"),
        (
            "max(l1, x)",
            "unexpected 'x', expected an axis: an integer, as in mean(x, 0) at column 9",
        ),
        ("abs(l1, 0)", "unexpected ',', expected ')' at column 7"),
        ("nrm(l1)", "unknown function 'nrm' at column 1 (did you mean 'norm'?)"),
        ("__import__('os')", "unknown function '__import__' at column 1"),
        ("abs(a, b)", "unexpected ',', expected ')' at column 6"),
        ("W1.gradient", "unknown attribute 'gradient' at column 4 (did you mean 'grad'?)"),
        ("W1.T", "unknown attribute 'T' at column 4 (there are value, grad, shape)"),
        ("a.__class__", "unknown attribute '__class__' at column 3 (there are value, grad, shape)"),
        ("l1[0].grad", "unexpected '.grad' at column 6 (it belongs right after a node's name)"),
        ("cost.grad", "unexpected '.grad' at column 5 (it belongs right after a node's name)"),
        ("l1[]", "unexpected ']', expected an integer, ':' or '...' at column 4"),
        ("l1[a]", "unexpected 'a', expected an integer, ':' or '...' at column 4"),
        ("l1[1.5]", "unexpected '.', expected ']' at column 5"),
        ("l1[0", "unexpected end, expected ']' at column 5"),
        ("l1[::0]", "the step of a slice cannot be 0 at column 7"),
        ("1 + l1[9, 0]", "index [9, 0] does not fit (4, 3) at column 7"),
        ("v[0,0]", "index [0,0] does not fit (3,) at column 2"),
        ("a[0]", "index [0] does not fit a number at column 2"),
        ("l1[99999999999999999999]",
         "index [99999999999999999999] does not fit (4, 3) at column 3"),
        ("l1.shape[2]", "index [2] does not fit a shape of 2 axes at column 9"),
        ("l1 + W1", "'+' does not fit (4, 3) and (2, 3) at column 4"),
        ("l1 @ W1", "'@' does not fit (4, 3) and (2, 3) at column 4"),
        ("l1 @ 2", "'@' does not fit (4, 3) and a number at column 4"),
        ("l1 == W1", "'==' does not fit (4, 3) and (2, 3) at column 4"),
        ("l1.shape + 1", "'+' needs numbers, not a shape at column 10"
                         " (take one axis: shape(x)[0])"),
        ("l1.shape < 1", "'<' needs numbers, not a shape at column 10"
                         " (take one axis: shape(x)[0])"),
        ("not l1.shape", "a shape is neither true nor false at column 5"),
        ("1 and l1", "an array of shape (4, 3) is neither true nor false at column 7"
                     " (use any(...) or all(...))"),
        ("max(none)", "max of an empty array at column 1"),
        ("tall * wide", "too large: (5000, 5000) is 25,000,000 numbers, the limit is 10,000,000"
                        " at column 6"),
        ("tall @ wide", "too large: (5000, 5000) is 25,000,000 numbers, the limit is 10,000,000"
                        " at column 6"),
        ("tall < wide", "too large: (5000, 5000) is 25,000,000 numbers, the limit is 10,000,000"
                        " at column 6"),
        ("abs(longer)", "too large: (10000001,) is 10,000,001 numbers, the limit is 10,000,000"
                        " at column 1"),
        ("-" * 12 + "long", "too much work: over 100,000,000 numbers in one expression"
                            " at column 1"),
        ("1" * 1001, "1,001 characters, the limit is 1,000"),
        ("(" * 51 + "1", "nested too deeply at column 51"),
        ("-" * 51 + "1", "nested too deeply at column 51"),
        ("a\x1b[31m", "unexpected '\\x1b' at column 2"),
    ],
)  # fmt: skip
def test_an_error_says(text: str, message: str) -> None:
    assert complaint(text) == message


def test_an_error_keeps_its_column() -> None:
    with pytest.raises(ExpressionError) as caught:
        parse("1 +  W9", VALUES)
    assert caught.value.column == 6


@pytest.mark.parametrize(
    "text", ["+".join(["1"] * 500), "a" + "[...]" * 199, "1" + "<=1" * 333, "0" + " or 0" * 199]
)
def test_a_long_row_is_no_deep_tree(text: str) -> None:
    assert worth(text) is not None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("l1", NodeRef("l1")),
        (" W1.grad [0, -1] ", NodeRef("W1", "grad", (0, -1))),
        ("layer1/W.value[1]", NodeRef("layer1/W", "value", (1,))),
        ("1", NodeRef("1")),
        ("nan", NodeRef("nan")),
        ("max", NodeRef("max")),
        ("`odd ``name```.grad", NodeRef("odd `name`", "grad")),
    ],
)
def test_a_node_or_entry_is_read(text: str, expected: NodeRef) -> None:
    assert parse_entry(text, VALUES) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected a node name at column 1"),
        ("W9[0]", "unknown name 'W9' at column 1 (did you mean 'W1'?)"),
        ("(l1)", "unknown name '(' at column 1"),
        ("cost", "unknown name 'cost' at column 1"),
        ("l1 + 1", "unexpected '+' at column 4"),
        ("l1.shape", "unknown attribute 'shape' at column 4 (there are value, grad)"),
        ("l1[0, :]", "[0, :] is not one entry at column 3 (as in [0, 1])"),
    ],
)
def test_a_wrong_place_says(text: str, message: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        parse_entry(text, VALUES)
    assert str(caught.value) == message


def test_a_place_can_stand_before_more_text() -> None:
    assert take_entry("W1[0,1] = 3", VALUES) == (NodeRef("W1", "value", (0, 1)), "= 3")
    assert take_entry("my node forward if cost > 1", VALUES) == (
        NodeRef("my node"),
        "forward if cost > 1",
    )


def test_a_hundred_thousand_names_cost_what_ten_do() -> None:
    text = "norm(block99999/weight.grad) > 2 * norm(block5/weight.grad)"
    many = dict.fromkeys(f"block{i}/weight" for i in range(100_000))
    few = dict.fromkeys(["block99999/weight", "block5/weight"])
    assert lines_run(lambda: parse(text, many)) == lines_run(lambda: parse(text, few))
    with pytest.raises(ExpressionError, match="did you mean 'block"):
        parse("blok99/weight", many)


def _operations(
    inner: st.SearchStrategy[str], operators: list[str], *prefixes: str
) -> st.SearchStrategy[str]:
    operator = st.sampled_from(operators)
    return st.one_of(
        inner.map(lambda x: f"({x})"),
        st.tuples(st.sampled_from(prefixes), inner).map("".join),
        st.tuples(inner, operator, inner).map(" ".join),
        st.tuples(inner, operator, inner, operator, inner).map(" ".join),
    )


NUMBERS = st.one_of(
    st.integers(0, 20).map(lambda n: f"{n}.0"),
    st.floats(0, 1e300).map(repr),
    st.sampled_from(["1e-3", ".5", "2."]),
)
ARITHMETIC = st.recursive(
    NUMBERS, lambda inner: _operations(inner, ["+", "-", "*", "/", "//", "%"], "-", "+"),
    max_leaves=8,
)  # fmt: skip
COMPARISONS = st.recursive(
    NUMBERS, lambda inner: _operations(inner, ["<", "<=", ">", ">=", "==", "!=", "+"], "-"),
    max_leaves=6,
).map(lambda text: f"0.0 < {text}")  # fmt: skip
LOGIC = st.recursive(COMPARISONS, lambda inner: _operations(inner, ["and", "or"], "not "))
POWERS = st.recursive(
    st.floats(0, 8).map(repr), lambda inner: _operations(inner, ["**"], "-"), max_leaves=4
)


def by_python(text: str) -> object:
    """What Python makes of it, or None where it raises an error or leaves the real numbers."""
    try:
        result = eval(text, {"__builtins__": {}})
    except (ZeroDivisionError, OverflowError, TypeError):
        return None
    return None if isinstance(result, complex) else result


@given(st.one_of(ARITHMETIC, LOGIC))
@example("10.0 - 3.0 - 2.0 * -1.0 // 2.0 % -3.0 / .5")
@example("not 1.0 < 2.0 + 1.0 == 3.0 and 0.0 != 1.0 or 2.0 < 1.0")
def test_arithmetic_and_logic_are_python_s_to_the_bit(text: str) -> None:
    result = parse(text, {}).evaluate(RUN)
    if (expected := by_python(text)) is not None:
        assert type(result) is type(expected)
        np.testing.assert_equal(result, expected)


@given(POWERS)
@example("- 2.0 ** - 2.0 ** 3.0")
def test_powers_are_python_s(text: str) -> None:
    result = parse(text, {}).evaluate(RUN)
    if (expected := by_python(text)) is not None:  # NumPy's own power may differ in the last bit
        assert result == pytest.approx(expected, rel=1e-6, abs=1e-300, nan_ok=True)


PIECES = st.sampled_from(
    [
        *VALUES,
        *("+", "-", "*", "/", "//", "%", "**", "@", "<", "<=", "==", "!=", "and", "or", "not"),
        *("(", ")", "[", "]", ",", ":", ".", "...", "`", "``", " ", ".grad", ".shape"),
        *("cost", "prev(", "norm(", "shape(", "any(", "1", "0", "1e9", "-1", "²"),
    ]
)
CHEAP = {name: value for name, value in VALUES.items() if value.size < 100}


@given(st.one_of(st.text(max_size=40), st.lists(PIECES, max_size=12).map("".join)))
@example("l1[...,...]")
@example("l1[" + "0," * 70 + "0]")
@example("\ud800`")
@example("prev(prev(a))")
@pytest.mark.filterwarnings("error")
def test_garbage_is_an_expression_error_or_a_result(text: str) -> None:
    run = Run(CHEAP, RUN.gradients, RUN.words, BEFORE)
    error: ExpressionError | None = None
    try:
        assert isinstance(parse(text, CHEAP).evaluate(run), np.ndarray | float | bool | tuple)
    except ExpressionError as caught:
        error = caught
    if error is not None:
        assert str(error).isprintable()
        assert error.column is None or 1 <= error.column <= len(text) + 1


@given(st.one_of(st.text(max_size=40), st.lists(PIECES, max_size=6).map("".join)))
def test_a_garbled_place_is_an_expression_error_or_a_place(text: str) -> None:
    with contextlib.suppress(ExpressionError):
        place, rest = take_entry(text, CHEAP)
        assert place.node in CHEAP
        assert text.endswith(rest)


def test_nothing_of_the_screen_is_loaded() -> None:
    code = "import sys, mfdebug.core.expressions.parser; "
    code += "print(sorted({'textual', 'rich'} & set(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


@pytest.mark.parametrize("word", sorted(WORDS))
def test_a_node_hides_a_word_and_empty_parentheses_bring_it_back(word: str) -> None:
    words = {"cost": 0.5, "lr": 0.25, "sgd_step": 3.0, "moment": 40.0}
    values = {word: np.array(7.0), "x": np.array(2.0), f"{word}()": np.array(8.0)}
    run, value = Run(values, words=words), words[word]
    for text, result, hiding in (
        (word, 7.0, {word}),
        (f"`{word}`", 7.0, set()),
        (f"{word}()", value, set()),
        (f"x * {word} ( )", 2 * value, set()),
        (f"{word} - {word}()", 7.0 - value, {word}),
        (f"`{word}()`", 8.0, set()),
    ):
        expression = parse(text, values)
        assert expression.evaluate(run) == result
        assert expression.hiding == hiding
        assert (word in expression.words) == bool(re.search(rf"(?<!`){word} ?\( ?\)", text))
    assert parse(f"{word}()", {"x": 1}).evaluate(run) == value


def test_empty_parentheses_after_another_name_are_no_word() -> None:
    assert "unknown function 'costs'" in complaint("costs()")
    assert "unexpected '('" in complaint("lr(1)")
