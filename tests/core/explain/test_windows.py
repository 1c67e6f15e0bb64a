"""What is said of convolutions and pools, word for word."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mfdebug.core.explain.cause_text import cause_data, cause_lines
from mfdebug.core.explain.meetings import Meeting, meeting_lines
from mfdebug.core.explain.moment_text import explain
from mfdebug.core.explain.why import why
from mfdebug.core.timeline.computed_debugger import ComputedDebugger
from mfdebug.core.timeline.debugger import Debugger
from mfdebug.core.timeline.entry_ref import EntryRef
from miniflow.graph import Graph
from miniflow.node import Input, Node
from miniflow.ops import AveragePool, Conv, ConvTranspose, MaxPool, Mul, Sum

IMAGE = np.arange(16.0).reshape(1, 1, 4, 4) % 5 - 1
KERNEL = [[[[1.0, 0.5], [0.0, -1.0]]]]


def finished(op: Node) -> Debugger:
    """Return a run over the sum of an op's squares, at the end of its first backward pass."""
    debugger = ComputedDebugger(Graph.of(Sum(Mul(op, op, name="sq"), name="cost")))
    debugger.move(debugger.timeline.length)
    return debugger


def told(debugger: Debugger, name: str, attribute: Any, *index: int) -> list[str]:
    ref = EntryRef(debugger.graph.index_of(name), attribute, index)
    return cause_lines(why(debugger, ref), debugger)


def conv(**attributes: Any) -> Conv:
    x, bias = Input("x", value=IMAGE), Input("b", value=[0.25])
    return Conv(x, Input("W", value=KERNEL), bias, name="y", **attributes)


def test_why_shows_the_window_and_the_kernel_that_met() -> None:
    assert told(finished(conv()), "y", "value", 0, 0, 1, 2) == [
        "y[0,0,1,2] = Σₙⱼ x[0,0,n+1,j+2]·W[0,0,n,j] + b[0]",
        "  = x[0,0,1,2]·W[0,0,0,0] + x[0,0,1,3]·W[0,0,0,1] + x[0,0,2,2]·W[0,0,1,0]"
        " + x[0,0,2,3]·W[0,0,1,1] + b[0]",
        "  = 0 × 1 + 1 × 0.5 + (-1) × 0 + 0 × (-1) + 0.25",
        "  = 0.75",
        "  x[0,0,1:3,2:4] ⊙ W[0,0,0:2,0:2], together 0.5:",
        "     0   1     1.000   0.500",
        "    -1   0     0.000  -1.000",
        "  term  sum so far",
        "  0           0     x[0,0,1,2]·W[0,0,0,0] = 0 × 1",
        "  0.5         0.5   x[0,0,1,3]·W[0,0,0,1] = 1 × 0.5",
        "  0           0.5   x[0,0,2,2]·W[0,0,1,0] = (-1) × 0",
        "  0           0.5   x[0,0,2,3]·W[0,0,1,1] = 0 × (-1)",
        "  0.25        0.75  b[0] = 0.25",
    ]


def test_of_a_window_in_the_padding_only_what_is_on_the_axis_met() -> None:
    lines = told(finished(conv(padding=1, dilation=2)), "y", "value", 0, 0, 0, 1)
    assert lines[0] == "y[0,0,0,1] = Σₙⱼ x[0,0,2·n-1,2·j]·W[0,0,n,j] + b[0]"
    assert "  x[0,0,1,0:3:2] ⊙ W[0,0,1,0:2], together 0:" in lines
    assert lines[-1] == "  (what the window has outside of x is padding, which is 0)"


def test_a_gradient_names_the_outputs_reached_and_through_which_kernel_entry() -> None:
    lines = told(finished(conv(stride=2)), "x", "grad", 0, 0, 2, 1)
    assert lines[:3] == [
        "∂cost/∂x[0,0,2,1] = ∂cost/∂y[0,0,1,0]·W[0,0,0,1]",
        "  = 3.5 × 0.5",
        "  = 1.75",
    ]
    lines = told(finished(conv()), "x", "grad", 0, 0, 1, 1)
    assert lines[0] == "∂cost/∂x[0,0,1,1] = Σₙⱼ ∂cost/∂y[0,0,n,j]·W[0,0,1-n,1-j]"
    assert lines[1].startswith("  = ∂cost/∂y[0,0,0,0]·W[0,0,1,1] + ∂cost/∂y[0,0,0,1]·W[0,0,1,0]")


def test_the_gradient_of_a_kernel_is_its_sum_over_positions() -> None:
    lines = told(finished(conv(stride=2)), "W", "grad", 0, 0, 1, 0)
    assert lines[0] == "∂cost/∂W[0,0,1,0] = Σₙⱼ ∂cost/∂y[0,0,n,j]·x[0,0,2·n+1,2·j]"
    assert lines[1].count("·x[0,0,") == 4


def test_what_no_window_has_gets_nothing() -> None:
    debugger = finished(conv(stride=3))
    assert told(debugger, "x", "grad", 0, 0, 2, 1) == [
        "∂cost/∂x[0,0,2,1] = 0",
        "  (y leaves x[0,0,2,1] out: no window has it)",
    ]


def test_a_transposed_convolution_says_what_brought_its_sum_together() -> None:
    x = Input("x", value=IMAGE[:, :, :2, :2])
    lines = told(
        finished(ConvTranspose(x, Input("W", value=KERNEL), name="y")), "y", "value", 0, 0, 1, 1
    )
    assert lines[0] == "y[0,0,1,1] = Σₙⱼ x[0,0,1-n,1-j]·W[0,0,n,j]"
    assert lines[1] == (
        "  = x[0,0,0,0]·W[0,0,1,1] + x[0,0,0,1]·W[0,0,1,0] + x[0,0,1,0]·W[0,0,0,1]"
        " + x[0,0,1,1]·W[0,0,0,0]"
    )
    assert lines[4:7] == [
        "  x[0,0,0:2,0:2] ⊙ W[0,0,1::-1,1::-1], together 1.5:",
        "    -1   0    -1.000   0.000",
        "     3  -1     0.500   1.000",
    ]


def test_a_pool_names_its_winner_or_the_terms_of_its_mean() -> None:
    x = Input("x", value=[[[2.0, 3.0, 3.0, 1.0]]])
    debugger = finished(MaxPool(x, kernel=3, stride=1, name="y"))
    assert told(debugger, "y", "value", 0, 0, 0) == [
        "y[0,0,0] = max(x[0,0,0], x[0,0,1], x[0,0,2])",
        "  = max(2, 3, 3)",
        "  = 3",
        "  (x[0,0,1] won: on a tie the first one does)",
    ]
    assert told(debugger, "x", "grad", 0, 0, 1)[:3] == [
        "∂cost/∂x[0,0,1] = Σⱼ ∂cost/∂y[0,0,j]·[x[0,0,1] won]",
        "  = ∂cost/∂y[0,0,0]·[x[0,0,1] won] + ∂cost/∂y[0,0,1]·[x[0,0,1] won]",
        "  = 6 × 1 + 6 × 1",
    ]
    debugger = finished(AveragePool(x, padding=1, name="y"))
    assert told(debugger, "y", "value", 0, 0, 0) == [
        "y[0,0,0] = mean of each window of 2 of x",
        "  = x[0,0,0]/m",
        "  = 2/2",
        "  = 1",
        "  (m = 2, the number of entries in a window; 1 of the 2 entries is a 0 of the padding)",
    ]


def test_the_step_says_how_an_entry_was_made() -> None:
    debugger = ComputedDebugger(Graph.of(Sum(conv(), name="cost")))
    debugger.move(debugger.timeline.position_of("forward", debugger.graph.index_of("y")) or 0)
    assert "  y = x ∗ W + b" in explain(debugger)


def test_of_many_channels_those_that_add_most_are_shown() -> None:
    x = Input("x", value=np.arange(5.0).repeat(2).reshape(1, 5, 2))
    weights = [[[1.0, 0.0], [-9.0, 0.0], [1.0, 0.0], [1.0, 0.0], [2.0, 0.0]]]
    debugger = finished(Conv(x, Input("W", value=weights), name="y"))
    cause = why(debugger, EntryRef(debugger.graph.index_of("y"), "value", (0, 0, 0)))
    assert [meeting.left_name for meeting in cause.meetings] == [
        "x[0,1,0:2]",
        "x[0,4,0:2]",
        "x[0,3,0:2]",
    ]
    assert cause_data(cause, debugger)["meetings"][0] == {
        "left": ["x[0,1,0:2]", [[1.0, 1.0]]],
        "right": ["W[0,1,0:2]", [[-9.0, 0.0]]],
        "sum": -9.0,
    }


@pytest.mark.parametrize(("width", "lines"), [(40, 3), (20, 5)])
def test_matrices_stand_side_by_side_if_there_is_room(width: int, lines: int) -> None:
    meeting = Meeting("a", np.array([[1.0, 2.5], [3.0, 4.0]]), "b", np.ones((2, 2)))
    found = list(meeting_lines([meeting], width))
    assert found[0] == "a ⊙ b, together 10.5:"
    assert len(found) == lines


def test_of_large_matrices_the_first_rows_and_columns_are_shown() -> None:
    meeting = Meeting("a", np.zeros((11, 11)), "b", np.zeros((11, 11)))
    lines = list(meeting_lines([meeting]))
    assert len(lines) == 10
    assert lines[1].count("0") == 16
    assert lines[1].count("…") == 2
    assert lines[-1].split() == ["…", "…"]
