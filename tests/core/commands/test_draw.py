"""The command that draws the graph."""

from __future__ import annotations

import json

import pytest

from mfdebug.core.commands.interpreter import open_session
from mfdebug.core.format.results import as_json
from mfdebug.core.session.session import Session
from mfdebug.core.timeline.computed_debugger import ComputedDebugger
from mfdebug.opening.graphs import load_graph
from miniflow.errors import MiniflowError
from tests.core.circuit.graphs import transformer_like


def session(graph: str, *lines: str) -> Session:
    run = open_session(ComputedDebugger(load_graph(graph)))
    for line in lines:
        run.run(line)
    return run


def test_draw_prints_the_graph_with_its_moment() -> None:
    text = session("square", "step 2").run("draw").text
    assert (
        text
        == """\
                          ┏━━━┓
               ┏━━━━━━━━━▶┫   ┃
             3 ┃          ┃   ┃             9
 x ━━━━━━━━━━━━┻━━━━━━━━━▶┫ × ┣ y
             ∙            ┗━━━┛             ∙

square ∙ forward 1 of 1 ∙ moment 2 ∙ y = 9
value above each wire, gradient below; ∙ not computed"""
    )


def test_draw_fits_its_width() -> None:
    run = session("vanishing", "sgd")
    for width in (40, 80, 150):
        drawing = run.run(f"draw {width}").text.partition("\n\nvanishing")[0]
        assert max(map(len, drawing.splitlines())) <= width


def test_draw_has_the_boxes_and_wires_as_data() -> None:
    data = json.loads(json.dumps(as_json(session("circuit-b", "goto 8").run("draw 80").data)))
    assert (data["width"], data["height"], data["plan"]) == (77, 15, "whole")
    boxes = {box["name"]: box for box in data["boxes"]}
    assert boxes["larger"] == {
        "name": "larger",
        "kind": "op",
        "op": "Max",
        "rectangle": [15, 8, 7, 7],
        "active": True,
        "shape": [],
        "trained": False,
        "value": "current",
        "gradient": "current",
    }
    assert boxes["x"]["gradient"] == "waiting"
    wires = [(wire["from"], wire["to"], wire["input"]) for wire in data["wires"]]
    assert sorted(wires) == [
        ("larger", "total", 1),
        ("total", "f", 1),
        ("two", "f", 0),
        ("w", "larger", 1),
        ("x", "xy", 0),
        ("xy", "total", 0),
        ("y", "xy", 1),
        ("z", "larger", 0),
    ]
    assert [wire["from"] for wire in data["wires"] if wire["carries"]] == ["z", "w"]


def test_the_data_of_a_fold_names_its_nodes() -> None:
    run = open_session(ComputedDebugger(transformer_like(30)))
    run.run("until block7/out")
    data = run.run("draw").data
    (fold,) = (box for box in data["boxes"] if box["kind"] == "repeat")
    assert fold["name"] == "block1…30/ ×30"
    assert len(fold["nodes"]) == 300
    assert fold["active"]


@pytest.mark.parametrize("text", ["x", "3", "10001", "80 40"])
def test_draw_rejects_what_is_not_a_width(text: str) -> None:
    with pytest.raises(MiniflowError, match=r"usage: draw \[COLUMNS\]"):
        session("wx").run(f"draw {text}")
