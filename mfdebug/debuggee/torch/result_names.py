"""The names that PyTorch's documentation has for the results and the states of its functions."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# The results of recurrent layers and cells, and the states that they begin with.
_RECURRENT = {
    "gru": (("output", "h_n"), ("h_0",)),
    "gru_cell": (("h",), ("h_0",)),
    "lstm": (("output", "h_n", "c_n"), ("h_0", "c_0")),
    "lstm_cell": (("h", "c"), ("h_0", "c_0")),
    "rnn_relu": (("output", "h_n"), ("h_0",)),
    "rnn_relu_cell": (("h",), ("h_0",)),
    "rnn_tanh": (("output", "h_n"), ("h_0",)),
    "rnn_tanh_cell": (("h",), ("h_0",)),
}


def results_of(kind: str) -> tuple[str, ...]:
    """Return the names of the results of a function, empty if they have none."""
    return _RECURRENT[kind][0] if kind in _RECURRENT else ()


def states_of(kind: str, tensors: list[Any]) -> dict[int, str]:
    """Return the names of those of a function's tensors that are its states."""
    if kind not in _RECURRENT:
        return {}
    # Sequences of several lengths come with how many there are at each step.
    first = 1 if tensors[1].is_floating_point() else 2
    return dict(enumerate(_RECURRENT[kind][1], first))
