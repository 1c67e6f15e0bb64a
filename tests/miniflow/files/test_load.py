"""Graph files that load, and the names of their nodes."""

from __future__ import annotations

import gc
import json
from pathlib import Path

import numpy as np
import pytest

from miniflow.errors import FeedError, FileError, GraphError
from miniflow.files import load, loads, save
from miniflow.plans.train import train
from tests.miniflow.files.reading import X, read, refused
from tests.support.paths import ROOT

GRAPHS = sorted((ROOT / "graphs").glob("*.json"))


# Graphs that load --------------------------------------------------------------------------------


@pytest.mark.parametrize("path", GRAPHS, ids=lambda path: path.stem)
def test_every_shipped_graph_loads_and_runs(path: Path) -> None:
    graph = load(path)
    assert graph.name == path.stem
    assert not graph.unfed()
    with np.errstate(all="ignore"):
        assert len(train(graph, 2)) == 2


def test_nodes_stand_in_any_order_and_keep_theirs() -> None:
    graph = read({"name": "f", "op": "Neg", "inputs": ["x"]}, X)
    assert [node.label for node in graph.declared] == ["f", "x"]
    assert graph.names() == ["x", "f"]
    assert graph["f"].inbound_nodes == [graph["x"]]
    assert graph["x"].outbound_nodes == [graph["f"]]


def test_a_graph_is_named_by_its_file_when_it_has_no_name(tmp_path: Path) -> None:
    path = tmp_path / "my graph.json"
    path.write_text('{"miniflow": 1, "nodes": [{"name": "x", "op": "Input", "value": 1}]}')
    assert load(path).name == "my graph"
    assert load(str(path)).name == "my graph"


def test_a_byte_order_mark_is_passed_over() -> None:
    data = b"\xef\xbb\xbf" + json.dumps({"miniflow": 1, "nodes": [X]}).encode()
    assert loads(data, ".", "t.json")["x"].value == 3


def test_a_file_may_name_its_schema_for_editors() -> None:
    assert len(read(X, **{"$schema": "https://example.org/graph.schema.json"})) == 1


def test_names_with_markup_and_brackets_stay_as_they_are() -> None:
    name = '[red]x[/red] :smile: "quoted" \\ ünïcode 名前'
    assert read({**X, "name": name}).names() == [name]


def test_markup_in_an_unknown_name_stands_in_the_error_as_it_is() -> None:
    assert '"[bold]"' in refused(X, cost="[bold]", kind=GraphError)


def test_one_node_twice_in_one_op() -> None:
    graph = read(X, {"name": "f", "op": "Mul", "inputs": ["x", "x"]})
    assert graph.consumers[0] == ((1, 0), (1, 1))
    assert graph["x"].outbound_nodes == [graph["f"]]


def test_attributes_reach_their_op() -> None:
    graph = read(
        {"name": "x", "op": "Input", "value": [[1, 2], [3, 4]]},
        {"name": "s", "op": "Sum", "inputs": ["x"], "attrs": {"axis": [0], "keepdims": True}},
        cost="s",
    )
    assert graph["s"].attrs == {"axis": [0], "keepdims": True}  # type: ignore[attr-defined]
    assert graph.shapes()[1] == (1, 2)


def test_loading_leaves_the_cycle_collector_as_it_was() -> None:
    read(X)
    assert gc.isenabled()
    gc.disable()
    try:
        read(X)
        assert not gc.isenabled()
    finally:
        gc.enable()
    with pytest.raises(FileError):
        read(X, dtype="float16")
    assert gc.isenabled()


# Names ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["\x1b[31mred", "a\nb", "a\tb", "\x9b2J", "\u202eabc", "a\u200bb"])
def test_names_are_printable(name: str) -> None:
    text = refused({**X, "name": name})
    assert "$.nodes[0].name: expected a name of 1 to 200 printable characters, found" in text
    assert ascii(name)[1:-1].replace("\\x9b", "\\x9b") in text
    assert "expected a name" in refused(X, name=name)


WITH_JOINERS = [
    "می\u200cروم",
    "क्\u200dष",
    "क्\u200cष",
    "র\u200d্যাম",
    "ශ්\u200dරී",
    "\U0001f468\u200d\U0001f469\u200d\U0001f467",
    "\U0001f469\U0001f3fd\u200d⚕\ufe0f",
    "❤\ufe0f\u200d\U0001f525",
]


@pytest.mark.parametrize("name", WITH_JOINERS)
def test_names_may_have_joiners_where_scripts_and_emoji_have_them(
    tmp_path: Path, name: str
) -> None:
    graph = read({**X, "name": name})
    assert graph.names() == [name]
    save(graph, tmp_path / "g.json")
    assert load(tmp_path / "g.json").names() == [name]
    with pytest.raises(FeedError) as raised:
        graph.feed(name, "text")
    assert name in str(raised.value)


@pytest.mark.parametrize(
    "name",
    [
        *(
            "\u200c",
            "\u200d",
            "a\u200db",
            "a\u200cb",
            "\u200dك",
            "ك\u200d",
            "م\u200c",
            "م\u200c\u200cر",
        ),
        *("م\u200ca", "\U0001f468\u200d", "\U0001f468\u200da", "क्\u200d", "م\u202eر", "数\u200d数"),
        *("a\u2060b", "a\ufeffb", "a\u00adb", "\u2066a\u2069"),
    ],
)
def test_names_have_no_other_invisible_characters(name: str) -> None:
    assert "expected a name" in refused({**X, "name": name})


def test_names_have_1_to_200_characters() -> None:
    assert read({**X, "name": "n" * 200}).names() == ["n" * 200]
    said = "expected a name of 1 to 200 printable characters, found"
    assert said in refused({**X, "name": "n" * 201})
    assert said in refused({**X, "name": ""})
    assert said in refused(X, name="n" * 201)
    assert "$.nodes[0].name: expected a string, found 3" in refused({**X, "name": 3})


def test_a_description_has_lines_but_nothing_else_unprintable() -> None:
    assert read(X, description="one\ntwo").description == "one\ntwo"
    assert 'found "two\\x1b[2J"' in refused(X, description="one\ntwo\x1b[2J")
    assert "length <= 10000" in refused(X, description="d" * 10_001)
