"""Graph files that name other files: only those in their folder are read, and only files."""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from miniflow.errors import FileError
from miniflow.files import load, loads
from tests.miniflow.files.refusals import GRAPH, refused_value


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    inside = tmp_path / "in"
    (inside / "sub").mkdir(parents=True)
    for place in (tmp_path, inside, inside / "sub"):
        (place / "w.csv").write_text("1,2\n")
    return inside


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("../w.csv", "leads out of the graph's folder"),
        ("sub/../../w.csv", "leads out of the graph's folder"),
        ("sub/../w.csv", "leads out of the graph's folder"),
        ("..\\w.csv", "leads out of the graph's folder"),
        ("/etc/w.csv", "is absolute"),
        ("//host/w.csv", "is absolute"),
        ("\\\\host\\w.csv", "is absolute"),
        ("C:w.csv", "is absolute"),
        ("C:\\w.csv", "is absolute"),
        ("", "not a file of a supported type"),
        (".csv", "not a file of a supported type"),
        ("w.csv\0.npz", "is not the name of a file"),
        ("W.csv", "there is no file 'W.csv' (did you mean 'w.csv'?)"),
        ("w.csv/x.csv", "ot a directory"),
        ("n" * 300 + ".csv", "too long"),
        ("~/w.csv", "there is no file"),
        ("$HOME/w.csv", "there is no file"),
    ],
)
def test_paths_stay_in_the_graphs_folder(folder: Path, name: str, said: str) -> None:
    assert said in refused_value(folder, file=name)


def test_links_inside_the_folder_are_followed_and_those_out_of_it_are_not(folder: Path) -> None:
    (folder / "in.csv").symlink_to("sub/w.csv")
    (folder / "out.csv").symlink_to("../w.csv")
    (folder / "absolute.csv").symlink_to(folder.parent / "w.csv")
    (folder / "twice.csv").symlink_to("out.csv")
    (folder / "away").symlink_to("..")
    (folder / "loop.csv").symlink_to("loop.csv")
    (folder / "nowhere.csv").symlink_to("none.csv")
    value = GRAPH % json.dumps({"file": "in.csv"})
    assert loads(value.encode(), folder, "t.json")["x"].value.tolist() == [[1, 2]]
    for name in ("out.csv", "absolute.csv", "twice.csv", "away/w.csv"):
        assert "a link that leads out of the graph's folder" in refused_value(folder, file=name)
    # Python 3.13 leaves the words to the system.
    told = refused_value(folder, file="loop.csv").lower()
    assert "loop" in told or "symbolic links" in told
    assert "there is no file" in refused_value(folder, file="nowhere.csv")


def test_a_graph_reached_by_a_link_reads_files_beside_itself(folder: Path) -> None:
    (folder / "g.json").write_text(GRAPH % json.dumps({"file": "w.csv"}))
    (folder / "w.csv").write_text("5\n")
    link = folder.parent / "link.json"
    link.symlink_to(folder / "g.json")
    assert load(link)["x"].value.tolist() == [[5]]


def without_waiting(call: Callable[[], object]) -> None:
    """Run `call` in a thread, and fail if it waits."""
    thread = threading.Thread(target=call, daemon=True)
    thread.start()
    thread.join(5)
    assert not thread.is_alive()


@pytest.mark.skipif(sys.platform == "win32", reason="no pipes in folders")
def test_pipes_devices_and_folders_are_not_read(folder: Path) -> None:
    os.mkfifo(folder / "pipe.csv")
    (folder / "folder.csv").mkdir()

    def check() -> None:
        said.append(refused_value(folder, file="pipe.csv"))
        for path in (folder / "pipe.csv", Path("/dev/zero"), folder):
            with pytest.raises(FileError) as raised:
                load(path)
            said.append(str(raised.value))

    said: list[str] = []
    without_waiting(check)
    assert "t.json: $.nodes[0].value (x): pipe.csv: it is a pipe, not an ordinary file" in said[0]
    assert "pipe.csv: it is a pipe, not an ordinary file" in said[1]
    assert "zero: it is a device, not an ordinary file" in said[2]
    assert "in: it is a folder" in said[3]
    assert "it is a folder" in refused_value(folder, file="folder.csv")


@pytest.mark.parametrize("name", ["none.json", "\x1b[31m.json", "a\0b.json", "n" * 300, ""])
def test_a_graph_file_that_is_not_there(tmp_path: Path, name: str) -> None:
    with pytest.raises(FileError) as raised:
        load(os.path.join(tmp_path, name))
    assert str(raised.value).isprintable()


def test_the_nearest_graph_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "xor.json").write_text("{}")
    with pytest.raises(FileError, match=r"there is no file 'xro.json' \(did you mean 'xor.json'"):
        load(tmp_path / "xro.json")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root reads all")
def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    path = tmp_path / "g.json"
    path.write_text("{}")
    path.chmod(0)
    with pytest.raises(FileError, match="Permission denied"):
        load(path)
