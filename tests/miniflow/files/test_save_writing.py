"""Writing a graph file: what the format cannot hold, and what is on the disk if writing fails."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from miniflow import limits
from miniflow.errors import FileError
from miniflow.files import load, save
from miniflow.graph import Graph, Training
from miniflow.node import Input, Node
from miniflow.ops import MSE, Neg, Pow, Sum
from miniflow.plans.train import train
from miniflow.training.data import Data
from miniflow.training.optimizers import SGD, Adam, Momentum, Optimizer
from tests.miniflow.files.saving import same, saved


class OurOp(Neg):
    """An op of somebody's own."""


class OurOptimizer(SGD):
    """An optimizer of somebody's own."""


def graph_with(**fields: Any) -> Graph:
    return Graph([Input("x", value=1.0, trainable=True)], **fields)


@pytest.mark.parametrize(
    ("graph", "said"),
    [
        (
            Graph.of(OurOp(Input("x", value=1.0), name="f")),
            '"f" cannot be saved: graph files have no op OurOp',
        ),
        (Graph([Node(name="n")]), '"n" cannot be saved: graph files have no op Node'),
        (Graph([Input("a\nb", value=1.0)]), "a name has 1 to 200 printable characters"),
        (Graph([Input("n" * 201, value=1.0)]), "a name has 1 to 200 printable characters"),
        (Graph([Input("x", value="word")]), "its value is of type <U4"),
        (Graph([Input("x", value=1j)]), "its value is of type complex128"),
        (Graph([Input("x", value=[[1], [2, 3]])]), "its value is not an array"),
        (Graph([Input("x", value=[])]), "its value is of type float64, (0,)"),
        (Graph([Input("x", value=np.zeros((1,) * 9))]), "its value is too large"),
        (graph_with(name="a\x1b"), '"a\\x1b" contains unprintable characters'),
        (graph_with(name="n" * 201), "too long"),
        (graph_with(description="\x9b"), "contains unprintable characters"),
        (
            graph_with(training=Training(OurOptimizer())),
            "graph files have no optimizer OurOptimizer",
        ),
        (Graph.of(Pow(Input("x", value=1.0), exponent=float("inf"))), "cannot be written"),
    ],
)
def test_what_the_format_cannot_hold_is_refused(graph: Graph, said: str, tmp_path: Path) -> None:
    path = tmp_path / "g.json"
    path.write_text("old")
    with pytest.raises(FileError) as raised:
        save(graph, path)
    assert said in str(raised.value)
    assert str(raised.value).startswith("g.json: ")
    assert [entry.name for entry in tmp_path.iterdir()] == ["g.json"]
    assert path.read_text() == "old"


def test_a_value_beyond_what_a_file_may_ask_for_is_saved_with_its_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    graph = Graph.of(Sum(Input("W", value=np.arange(6000.0), shape=(6000,), trainable=True)))
    graph = Graph(graph.nodes, training=Training(Adam()))
    monkeypatch.setattr(limits, "NUMBERS", 2500)
    train(graph, 2)
    save(graph, tmp_path / "g.json")
    same(graph, load(tmp_path / "g.json"))
    before = sorted(tmp_path.iterdir())
    monkeypatch.setattr(limits, "TOTAL_NUMBERS", 5000)
    with pytest.raises(FileError, match="its value is too large"):
        save(graph, tmp_path / "g.json")
    assert sorted(tmp_path.iterdir()) == before


def test_tables_that_could_not_be_loaded_again_are_not_saved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    x, y = Input("x"), Input("y")
    data = Data({"x": np.ones((2000, 1)), "y": np.ones((2000, 1))})
    graph = Graph.of(MSE(y, x), data=data)
    monkeypatch.setattr(limits, "TOTAL_NUMBERS", 3000)
    with pytest.raises(FileError, match="4,000 numbers are too many for a file"):
        save(graph, tmp_path / "g.json")
    assert not list(tmp_path.iterdir())


def test_a_save_that_fails_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "g.json"
    save(graph_with(name="old"), path)

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(FileError, match=r"g\.json: cannot be written: No space left on device"):
        save(graph_with(name="new"), path)
    assert load(path).name == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["g.json"]


def test_the_new_file_is_on_the_disk_before_it_takes_the_old_ones_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    happened: list[str] = []
    sync, replace = os.fsync, Path.replace
    monkeypatch.setattr(os, "fsync", lambda fd: (happened.append("sync"), sync(fd)))
    monkeypatch.setattr(
        Path, "replace", lambda self, to: (happened.append("replace"), replace(self, to))[1]
    )
    save(graph_with(), tmp_path / "g.json")
    assert happened[:2] == ["sync", "replace"]


@pytest.mark.skipif(sys.platform == "win32", reason="other permissions")
def test_permissions_of_the_old_file_stay(tmp_path: Path) -> None:
    path = tmp_path / "g.json"
    save(graph_with(), path)
    path.chmod(0o640)
    save(graph_with(), path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_a_link_is_saved_through(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "g.json").write_text("old")
    link = tmp_path / "link.json"
    link.symlink_to("real/g.json")
    graph = Graph([Input("x", value=np.zeros(2000))])
    saved(graph, link)
    assert link.is_symlink()
    same(graph, load(tmp_path / "real" / "g.json"))


@pytest.mark.parametrize("name", ["none/g.json", "a\0b", ""])
def test_places_that_cannot_be_written(tmp_path: Path, name: str) -> None:
    with pytest.raises(FileError):
        save(graph_with(), f"{tmp_path}/{name}")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="no pipes in folders")
def test_pipes_and_devices_are_not_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/null")):
        with pytest.raises(FileError, match="not an ordinary file"):
            save(graph_with(), path)
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)


@pytest.mark.parametrize("optimizer", [SGD(0.5), Momentum(1e-5, 0.25), Adam(3, 0.5, 0.25, 1e-300)])
def test_training_survives(optimizer: Optimizer, tmp_path: Path) -> None:
    saved(graph_with(training=Training(optimizer, 3, "all", 2**62)), tmp_path / "g.json")


def test_training_is_left_out_of_a_graph_that_has_nothing_to_train(tmp_path: Path) -> None:
    saved(Graph([Input("x", value=1.0)]), tmp_path / "g.json")
    assert "training" not in (tmp_path / "g.json").read_text()
