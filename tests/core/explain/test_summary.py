"""The summary of a graph: scopes as modules, parameters counted once."""

from __future__ import annotations

import numpy as np

from mfdebug.core.explain.summary import summary_of
from mfdebug.core.explain.summary_report import size_text, summary_data, summary_parts
from mfdebug.core.format.table import text_lines
from mfdebug.core.timeline.computed_debugger import ComputedDebugger
from miniflow.graph import Graph
from miniflow.node import Input
from miniflow.ops import OPS


def tied_graph() -> Graph:
    """A weight that two modules use, and one that only another module than its own uses."""
    x, w, v = Input("x"), Input("net/emb/w", trainable=True), Input("net/v", trainable=True)
    x.value, w.value, v.value = np.ones((3, 2)), np.ones((2, 2)), np.ones((2, 2))
    first = OPS["MatMul"].of([x, w], "net/emb/out", {})
    second = OPS["MatMul"].of([first, w], "net/head/out", {})
    third = OPS["MatMul"].of([second, v], "last", {})
    cost = OPS["Sum"].of([third], "cost", {})
    return Graph([x, w, v, first, second, third, cost], cost, name="tied")


def test_a_tied_parameter_counts_once_and_is_said() -> None:
    found = summary_of(ComputedDebugger(tied_graph()))
    assert text_lines(summary_parts(found)) == [
        "tied",
        "module  op      shape  parameters  size",
        "x       Input     3x2",
        "net               3x2           8  64 B",
        "  emb   MatMul    3x2           4  32 B  net/emb/w is also used by net/head",
        "  head  MatMul    3x2",
        "last    MatMul    3x2",
        "cost    Sum        ()",
        "8 parameters, 64 B; 1 tied one counted once",
        "4 ops, whose values take 152 B in a pass",
    ]


def test_a_penalty_on_a_weight_does_not_tie_it() -> None:
    x, w = Input("x"), Input("net/one/w", trainable=True)
    x.value, w.value = np.ones((3, 2)), np.ones((2, 2))
    out = OPS["MatMul"].of([x, w], "net/one/out", {})
    # In the program itself, and in the module around its own.
    squares = OPS["Mul"].of([w, w], "squares", {})
    inner = OPS["Mul"].of([w, squares], "net/inner", {})
    sums = [OPS["Sum"].of([node], f"sum{i}", {}) for i, node in enumerate((out, squares, inner))]
    cost = OPS["Add"].of(sums, "cost", {})
    graph = Graph([x, w, out, squares, inner, *sums, cost], cost, name="penalty")
    found = summary_of(ComputedDebugger(graph))
    assert not any(module.tied for module in found.modules)
    assert not any("tied" in str(line) for line in summary_parts(found))


def test_the_data_has_the_same_counts() -> None:
    data = summary_data(summary_of(ComputedDebugger(tied_graph())))
    modules = {module["name"]: module for module in data["modules"]}
    assert modules["net/emb/"]["tied"] == [{"parameter": "net/emb/w", "others": ["net/head/"]}]
    own = [module["parameters"] for module in data["modules"] if module["depth"] == 0]
    assert sum(own) == data["total"]["parameters"] == 8


def test_sizes_have_units() -> None:
    sizes = (0, 999, 1000, 999_999, 10**6, 12_345_678, 4 * 10**9)
    texts = ["0 B", "999 B", "1 kB", "1,000 kB", "1 MB", "12.3 MB", "4,000 MB"]
    assert [size_text(size) for size in sizes] == texts
