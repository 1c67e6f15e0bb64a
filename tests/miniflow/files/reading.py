"""Graph files as the tests of loading write them: read, refused, or with one value."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from miniflow.errors import FileError, MiniflowError
from miniflow.files import loads
from miniflow.graph import Graph

X = {"name": "x", "op": "Input", "value": 3}
UNFED = {"name": "x", "op": "Input"}


def read(*nodes: dict[str, Any], folder: Path | str = ".", **fields: Any) -> Graph:
    content = {"miniflow": 1, "nodes": list(nodes), **fields}
    return loads(json.dumps(content).encode(), folder, "t.json")


def refused(*nodes: dict[str, Any], kind: type[MiniflowError] = FileError, **fields: Any) -> str:
    with pytest.raises(kind) as raised:
        read(*nodes, **fields)
    text = str(raised.value)
    assert text.isprintable()
    return text


def value_of(value: Any, **fields: Any) -> Any:
    node = read({"name": "x", "op": "Input", "value": value}, **fields)["x"]
    return node.value


def bad_value(value: Any, **fields: Any) -> str:
    return refused({"name": "x", "op": "Input", "value": value}, **fields)


def neg(**fields: Any) -> dict[str, Any]:
    return {"name": "f", "op": "Neg", "inputs": ["x"], **fields}
