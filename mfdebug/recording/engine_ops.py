"""The functions of micrograd and of autograd that are ops of ours, with their settings.

Only functions that our op computes in the same way, from the node's inputs alone; every other node
is shown with the program's numbers and no rule.
"""

from __future__ import annotations

from typing import Any

from mfdebug.recording.records import RecordedNode

_MICROGRAD = {
    "add": "Add",
    "sub": "Sub",
    "mul": "Mul",
    "truediv": "Div",
    "neg": "Neg",
    "pow": "Pow",
    "relu": "ReLU",
    "tanh": "Tanh",
    "sigmoid": "Sigmoid",
    "exp": "Exp",
    "log": "Log",
}
_AUTOGRAD = {
    "add": "Add",
    "subtract": "Sub",
    "multiply": "Mul",
    "divide": "Div",
    "true_divide": "Div",
    "negative": "Neg",
    "power": "Pow",
    "tanh": "Tanh",
    "exp": "Exp",
    "log": "Log",
    "sqrt": "Sqrt",
    "sin": "Sin",
    "cos": "Cos",
    "matmul": "MatMul",
    "dot": "MatMul",
}
_TABLES = {"micrograd": _MICROGRAD, "autograd": _AUTOGRAD}


def op_of(node: RecordedNode) -> tuple[str, dict[str, Any]] | None:
    """Return the name and the attributes of the op that a function is, or None."""
    name = _TABLES.get(node.engine, {}).get(node.kind)
    arguments = node.attributes.get("arguments")
    if name is None or not isinstance(arguments, list | tuple) or node.attributes.get("options"):
        return None
    inputs = [f"@{i}" for i in range(len(node.inbound))]
    given = list(arguments)
    if given == inputs:
        return name, {}
    is_power = name == "Pow" and given[:-1] == inputs == ["@0"]
    if is_power and isinstance(given[-1], int | float):
        return name, {"exponent": float(given[-1])}
    return None
