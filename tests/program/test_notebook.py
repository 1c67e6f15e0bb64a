"""A graph as the last line of a notebook's cell: a drawing where mfdebug is installed."""

from __future__ import annotations

import tomllib
from pathlib import Path
from xml.etree import ElementTree

import pytest

import miniflow
from miniflow.graph import Graph
from miniflow.node import Input
from miniflow.ops import Mul
from tests.support.paths import ROOT


def installed(folder: Path, *, with_renderer: bool) -> None:
    """Make a distribution `mfdebug` with the entry points that pyproject.toml declares."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    groups = project["entry-points"] if with_renderer else {}
    found = folder / "mfdebug-0.dist-info"
    found.mkdir()
    (found / "METADATA").write_text("Metadata-Version: 2.1\nName: mfdebug\nVersion: 0\n")
    lines = [
        f"[{group}]\n" + "".join(f"{name} = {value}\n" for name, value in entries.items())
        for group, entries in groups.items()
    ]
    (found / "entry_points.txt").write_text("\n".join(lines))


def graph() -> Graph:
    return miniflow.Graph.of(Mul(Input("x", value=3.0), Input("w", trainable=True, value=2.0)))


def test_a_graph_is_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed(tmp_path, with_renderer=True)
    monkeypatch.syspath_prepend(str(tmp_path))
    picture = ElementTree.fromstring(graph()._repr_html_())
    words = [text.text for text in picture.iter("{http://www.w3.org/2000/svg}text")]
    assert {"x", "w*", "×", "2"} <= set(words)


def test_a_graph_that_cannot_run_yet_is_drawn_without_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed(tmp_path, with_renderer=True)
    monkeypatch.syspath_prepend(str(tmp_path))
    x = Input("x")
    picture = ElementTree.fromstring(miniflow.Graph.of(Mul(x, x, name="y"))._repr_html_())
    words = [text.text for text in picture.iter("{http://www.w3.org/2000/svg}text")]
    assert sorted(word for word in words if word) == ["x", "y", "×"]


def test_without_a_renderer_it_is_a_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed(tmp_path, with_renderer=False)
    monkeypatch.syspath_prepend(str(tmp_path))
    assert graph()._repr_html_().startswith("<table>")
