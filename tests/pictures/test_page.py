"""A page in one file: hostile text stays text, and nothing is loaded."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mfdebug.core.commands.page_data import page_data
from mfdebug.core.timeline.computed_debugger import ComputedDebugger
from mfdebug.opening.graphs import load_graph
from mfdebug.pictures.page import page
from tests.support.command_line import in_turn

HOSTILE = "</script><img src=x onerror=alert(1)> <!--script-->&\"'"
# Elements of a page that end by themselves.
VOID = {"meta", "input", "circle", "rect", "path"}


class Reader(HTMLParser):
    """The elements of a page with their attributes, and the text of its scripts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.texts: dict[str, list[str]] = {}
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open:
            self.texts.setdefault(self.open[-1], []).append(data)


def read(text: str) -> tuple[Reader, dict[str, Any]]:
    found = Reader(text)
    assert not found.open
    return found, json.loads(found.texts["script"][0])


@pytest.mark.slow
def test_a_page_is_one_file_that_loads_nothing() -> None:
    text = page(page_data(ComputedDebugger(load_graph("xor"))))
    found, data = read(text)
    assert data["name"] == "xor"
    assert len(data["frames"]) == 41
    assert not re.search(r"https?:|//[a-z]|url\(|@import|import\(|fetch\(|XMLHttp", text)
    for tag, attributes in found.elements:
        assert tag not in ("link", "img", "iframe", "object", "embed", "base", "form")
        assert not {"src", "href", "srcset", "data"} & attributes.keys()
        assert not any(name.startswith("on") for name in attributes)
    policy = [a.get("content") for tag, a in found.elements if tag == "meta" and "http-equiv" in a]
    assert policy == ["default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'"]
    ids = [attributes["id"] for _, attributes in found.elements if "id" in attributes]
    asked = re.findall(r'\bat\("(\w+)"\)', found.texts["script"][1])
    assert len(ids) == len(set(ids))
    assert set(asked) <= set(ids)


def test_hostile_names_stay_text() -> None:
    graph = load_graph("square")
    graph.nodes[0].name = HOSTILE
    graph.name = HOSTILE
    data = page_data(ComputedDebugger(graph))
    assert not any("<img" in piece for piece in data["pieces"])
    found, again = read(page(data))
    assert again["name"] == HOSTILE
    assert "".join(found.texts["title"]).startswith(HOSTILE)
    assert all(tag != "img" for tag, _ in found.elements)
    assert len(found.texts["script"]) == 2


def test_numbers_that_are_not_finite_are_texts() -> None:
    graph = load_graph("square")
    graph.nodes[0].value = np.array(np.nan)
    _, data = read(page(page_data(ComputedDebugger(graph))))
    assert any(reading.get("bad") and reading["text"] == "nan" for reading in data["readings"])
    assert data["costs"] == [None]


@pytest.mark.slow
def test_the_command_line_writes_the_page_after_its_commands(tmp_path: Path) -> None:
    (done,) = in_turn([["xor", "-c", "sgd 2", "--html", "page.html"]], tmp_path)
    assert done.returncode == 0, done.stderr
    _, data = read((tmp_path / "page.html").read_text(encoding="utf-8"))
    assert data["limits"][0].startswith("This page has every moment of SGD step 1, ")
