"""Whatever names a file: a pipe, a socket, a device or a folder there is refused, and stays."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from mfdebug.cli.main import main
from mfdebug.core.commands.interpreter import check_known, open_session
from mfdebug.core.session.store import AutoSaver, SessionStore
from mfdebug.core.timeline.computed_debugger import ComputedDebugger
from mfdebug.opening.graphs import open_graph
from mfdebug.opening.shipped import find
from tests.support.paths import ROOT

PROGRAM = ROOT / "tests" / "programs" / "housing.py"


def a_pipe(path: Path) -> None:
    os.mkfifo(path)


def a_socket(path: Path) -> None:
    # The path of a socket may be short only.
    before = Path.cwd()
    os.chdir(path.parent)
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(path.name)
    os.chdir(before)


def a_device(path: Path) -> None:
    # A link to one, as not everybody may make one.
    path.symlink_to("/dev/zero")


def a_folder(path: Path) -> None:
    path.mkdir()


def identity(path: Path) -> tuple[int, int]:
    found = path.lstat()
    return found.st_ino, found.st_mode


KINDS = {a_pipe: "a pipe, not", a_socket: "a socket, not", a_device: "a device, not"}
KINDS[a_folder] = "a folder, not"
BATCH = ["wx", "--batch"]
# By the file's name: the command line that names it.
NAMED: dict[str, Callable[[str], list[str]]] = {
    "graph.json": lambda path: [path, "--batch", "-c", "step"],
    "program.py": lambda path: [path, "--batch", "-c", "step"],
    "script": lambda path: [*BATCH, "-x", path],
    "sourced": lambda path: [*BATCH, "-c", f"source {path}"],
    "recorded": lambda path: [*BATCH, "-c", f"record {path}"],
    "recorded.demo": lambda path: [*BATCH, "-c", "step", "-c", f"record {path}"],
    "transcript": lambda path: [*BATCH, "-c", f"transcript {path}"],
    "saved.json": lambda path: [*BATCH, "-c", f"save {path}"],
    "of-a-program.json": lambda path: [str(PROGRAM), "--save", path],
    "played.demo": lambda path: ["demo", path, "--check"],
    "exported.txt": lambda path: ["demo", "chain-rule", "--export", path],
}


@pytest.mark.parametrize("make", KINDS)
@pytest.mark.parametrize("name", NAMED)
def test_on_the_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, make: Callable[[Path], None]
) -> None:
    path = tmp_path / name
    make(path)
    before = identity(path)
    assert main(NAMED[name](str(path))) != 0
    told = capsys.readouterr().err
    assert KINDS[make] in told
    assert name in told
    assert told.count("\n") == 1
    assert identity(path) == before
    assert [found.name for found in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("make", KINDS)
def test_as_settings(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    make: Callable[[Path], None],
) -> None:
    path = tmp_path / "config.toml"
    make(path)
    monkeypatch.setenv("MFDEBUG_CONFIG", str(path))
    assert main([*BATCH, "-c", "step"]) == 2
    told = capsys.readouterr().err
    assert KINDS[make] in told
    assert "config.toml" in told


@pytest.mark.parametrize("make", KINDS)
def test_as_a_session(tmp_path: Path, make: Callable[[Path], None]) -> None:
    graph, origin = open_graph("wx")
    store = SessionStore(check_known, tmp_path)
    path = store.path_for(origin.graph)
    make(path)
    before = identity(path)
    autosaver = AutoSaver(store, origin)
    assert KINDS[make] in autosaver.problem
    session = open_session(ComputedDebugger(graph), origin=origin)
    session.run("step")
    autosaver.keep(session)
    assert f"cannot save this session: {path}: it is {KINDS[make]}" in autosaver.problem
    assert identity(path) == before


@pytest.mark.parametrize("make", KINDS)
@pytest.mark.parametrize("name", ["xor.csv", "digits.safetensors"])
def test_beside_a_graph(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, make: Callable[[Path], None]
) -> None:
    graph = find(Path(name).stem)
    assert graph is not None
    shutil.copy(graph, tmp_path)
    make(tmp_path / name)
    assert main([str(tmp_path / graph.name), "--batch", "-c", "step"]) == 2
    told = capsys.readouterr().err
    # A link may not lead out of the folder, wherever to.
    assert KINDS[make] in told or "leads out of the graph's folder" in told
