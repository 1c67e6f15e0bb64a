"""What the tests of hostile graph files share: a file is refused in one line and little memory."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from miniflow.errors import MiniflowError
from miniflow.files import loads

GRAPH = '{"miniflow": 1, "nodes": [{"name": "x", "op": "Input", "value": %s}]}'


def refused(data: bytes | str, folder: Path | str = ".") -> str:
    data = data.encode() if isinstance(data, str) else data
    with pytest.raises(MiniflowError) as raised:
        loads(data, folder, "t.json")
    text = str(raised.value)
    assert text.isprintable()
    assert text.startswith("t.json")
    assert len(text) < 3000
    return text


def refused_value(folder: Path, **value: Any) -> str:
    return refused(GRAPH % json.dumps(value), folder)


@contextmanager
def at_most(megabytes: float = 64.0) -> Iterator[None]:
    """Fail if what is inside takes memory before it looks."""
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < megabytes * 1e6
    finally:
        tracemalloc.stop()
