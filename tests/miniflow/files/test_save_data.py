"""Saving a graph with data: its file stays a reference, and is never overwritten."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from miniflow.errors import FileError
from miniflow.files import load, save
from tests.miniflow.files.saving import saved


@pytest.fixture
def table(tmp_path: Path) -> Path:
    folder = tmp_path / "home"
    folder.mkdir()
    (folder / "t.csv").write_text("a,b\n1,2\n2,4\n6,9\n")
    content = {
        "miniflow": 1,
        "nodes": [{"name": "x", "op": "Input"}, {"name": "s", "op": "Sum", "inputs": ["x"]}],
        "data": {"file": "t.csv", "feeds": {"x": ["a", "b"]}, "standardize": ["x"]},
    }
    (folder / "g.json").write_text(json.dumps(content))
    return folder / "g.json"


def data_of(path: Path) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(path.read_text())["data"]
    return data


def test_data_of_a_file_in_the_same_folder_stays_a_reference(table: Path) -> None:
    saved(load(table), table.with_name("again.json"))
    assert data_of(table.with_name("again.json")) == data_of(table)
    saved(load(table), table)


def test_a_folder_is_the_same_by_any_path(table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(table.parent)
    save(load("g.json"), "../home/again.json")
    assert data_of(table.with_name("again.json")) == data_of(table)


def test_elsewhere_the_data_is_written_and_not_standardised_twice(
    table: Path, tmp_path: Path
) -> None:
    again = saved(load(table), tmp_path / "g.json")
    assert again.data is not None
    assert np.allclose(again.data.feeds["x"].std(axis=0), 1)
    assert list(data_of(tmp_path / "g.json")) == ["feeds"]
    saved(again, tmp_path / "sub.json")


def test_large_data_elsewhere_goes_to_a_tensor_file(table: Path, tmp_path: Path) -> None:
    rows = "\n".join(f"{i},{i * i}" for i in range(1000))
    table.with_name("t.csv").write_text(f"a,b\n{rows}\n")
    saved(load(table), tmp_path / "g.json")
    assert data_of(tmp_path / "g.json")["file"].endswith(".safetensors")
    assert list(data_of(tmp_path / "g.json")) == ["file", "feeds"]


def test_data_whose_file_is_gone_is_written(table: Path) -> None:
    graph = load(table)
    table.with_name("t.csv").unlink()
    saved(graph, table)


def test_a_graph_is_not_saved_over_its_own_data(table: Path) -> None:
    graph = load(table)
    with pytest.raises(FileError, match="this file contains the graph's data"):
        save(graph, table.with_name("t.csv"))
    assert table.with_name("t.csv").read_text().startswith("a,b")
