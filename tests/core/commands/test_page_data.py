"""The data of a page: at every moment what the debugger has there, in bounded size."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from mfdebug.core.commands import page_data as module
from mfdebug.core.commands.page_data import page_data
from mfdebug.core.commands.page_moments import evenly, page_moments
from mfdebug.core.commands.status import status
from mfdebug.core.timeline.computed_debugger import ComputedDebugger
from mfdebug.core.timeline.debugger import Debugger
from mfdebug.opening.graphs import load_graph
from mfdebug.recording.debugger import RecordedLines
from mfdebug.recording.reader import RunReader
from tests.recording.runs import SQUARE, Recording, square


def readings(data: dict[str, Any]) -> list[dict[str, dict[int, Any]]]:
    """Return all readings of each moment, as the page's script finds them."""
    found: list[dict[str, dict[int, Any]]] = []
    now: dict[str, dict[int, Any]] = {"values": {}, "gradients": {}}
    for frame in data["frames"]:
        for what, known in now.items():
            known |= {node: data["readings"][i] for node, i in frame[what].items()}
        found.append({what: dict(known) for what, known in now.items()})
    return found


def check(data: dict[str, Any], debugger: Debugger) -> None:
    """Check small tensors and the absence of numbers at every moment against the debugger."""
    for frame, now in zip(data["frames"], readings(data), strict=True):
        debugger.cursor.go(frame["moment"])
        assert frame["status"] == status(debugger)
        for what, gradient in (("values", False), ("gradients", True)):
            assert len(now[what]) == len(debugger.graph)
            for node, reading in now[what].items():
                freshness = debugger.state.freshness(node, gradient=gradient)
                if freshness.absent:
                    assert reading["text"] in ("none", "∙", "not known")
                    continue
                state = debugger.state
                array = state.gradient(node) if gradient else state.value(node)
                if array.size <= module.WRITTEN_OUT:
                    rows = array.size // (array.shape[-1] if array.ndim else 1)
                    numbers = " ".join(reading["lines"][-rows:]).split()
                    shown = np.array(numbers, float).reshape(array.shape)
                    assert np.allclose(shown, array, rtol=1e-2, atol=1e-3)


@pytest.mark.parametrize("name", ["xor", "diamond", "lstm"])
def test_every_moment_has_the_numbers_of_the_debugger(name: str) -> None:
    debugger = ComputedDebugger(load_graph(name))
    data = page_data(debugger)
    length = debugger.timeline.length
    moments = [frame["moment"] for frame in data["frames"]]
    assert moments[: length + 1] == list(range(length + 1))
    assert len(moments) == length + (20 if debugger.graph.trains else 1)
    check(data, debugger)


@pytest.mark.slow
def test_the_moments_of_the_present_pass_are_shown() -> None:
    debugger = ComputedDebugger(load_graph("xor"))
    debugger.cursor.sgd(100)
    data = page_data(debugger)
    assert data["limits"][0] == (
        "This page has every moment of SGD step 99, and the end of 40 of the first 100 SGD steps."
    )
    assert [frame["step"] for frame in data["frames"]].count(99) == debugger.timeline.length
    assert len(data["costs"]) == 100
    check(data, debugger)


def test_a_recorded_run_has_its_passes_and_says_what_was_not_kept(tmp_path: Path) -> None:
    with Recording(tmp_path / "run.mfrun") as run:
        for i in range(60):
            run.add(SQUARE, *square(float(i), 2.0), whole=i < 30)
    debugger = RecordedLines(RunReader(tmp_path / "run.mfrun")).debugger(0)
    data = page_data(debugger)
    assert "and the end of 40 of the 60 SGD steps" in data["limits"][0]
    last = readings(data)[-1]
    assert last["values"][0]["text"] == "59"
    assert last["gradients"][0] == {"text": "not known", "lines": ["not kept"]}
    check(data, debugger)


def test_pieces_are_elements_of_svg_with_the_numbers_of_the_drawing() -> None:
    data = page_data(ComputedDebugger(load_graph("square")))
    frame = data["frames"][2]
    pieces = [
        piece
        for row in frame["rows"]
        for piece in map(data["pieces"].__getitem__, data["rows"][row])
    ]
    elements = [ElementTree.fromstring(f"<g>{piece}</g>") for piece in pieces]
    texts = ["".join(element.itertext()) for element in elements]
    assert {"3", "9", "x", "y"} <= set(texts)
    layout = data["layouts"][frame["layout"]]
    assert layout["height"] == len(frame["rows"])
    assert any(nodes == [1] for *_, nodes in layout["boxes"])


def test_the_size_is_bounded_and_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_CHARACTERS", 40_000)
    monkeypatch.setattr(module, "MOST_NODES", 8)
    data = page_data(ComputedDebugger(load_graph("xor")))
    assert len(data["nodes"]) == 8
    assert 2 < len(data["frames"]) < 20
    assert len(json.dumps(data)) < 60_000
    assert any(line.startswith("It ends after ") for line in data["limits"])
    assert "The list has the first 8 of 11 nodes." in data["limits"]


def test_large_graphs_have_fewer_moments(monkeypatch: pytest.MonkeyPatch) -> None:
    debugger = ComputedDebugger(load_graph("xor"))
    monkeypatch.setattr("mfdebug.core.commands.page_moments.MOST_READINGS", 11 * 12)
    found = page_moments(debugger)
    assert (found.moments, found.passes, found.known) == (9, 3, 20)
    assert found.chosen[:2] == (0, 1)
    assert debugger.timeline.length * 20 == found.chosen[-1]


def test_even_numbers_have_both_ends() -> None:
    assert evenly(5, 9) == range(5)
    assert evenly(100, 3) == [0, 50, 99]
