"""A built wheel does the main job where there is no checkout."""

from __future__ import annotations

import json
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

from mfdebug.opening.shipped import shipped, shipped_demos
from tests.support.paths import ROOT
from tests.support.pty_app import PtyApp


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a wheel of the checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", folder, ROOT]
    subprocess.run([*map(str, command)], check=True, capture_output=True, timeout=170)
    (made,) = folder.glob("*.whl")
    return made


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the `bin` of an environment with the wheel; what it needs is this environment's."""
    folder = tmp_path_factory.mktemp("env")
    venv.create(folder)
    python = folder / "bin" / "python"
    # This environment's pip: to install one there takes longer than all else.
    pip = [sys.executable, "-m", "pip", "--python", python]
    install = [*pip, "install", "-q", "--no-deps", "--no-index", wheel]
    subprocess.run([*map(str, install)], check=True, capture_output=True, timeout=170)
    inside = subprocess.run(
        [str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        capture_output=True,
        text=True,
        check=True,
    )
    # After its own packages on the path, so that mfdebug and miniflow are the wheel's.
    needed = Path(inside.stdout.strip()) / "needed.pth"
    needed.write_text(sysconfig.get_path("purelib") + "\n")
    return python.parent


def run(installed: Path, folder: Path, *words: str) -> str:
    environment = {"PATH": str(installed), "LANG": "C.UTF-8", "XDG_STATE_HOME": str(folder)}
    done = subprocess.run(
        [str(installed / words[0]), *words[1:]],
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
        cwd=folder,
        env=environment,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    return done.stdout


@pytest.mark.slow
def test_the_code_that_runs_is_the_wheels(installed: Path, tmp_path: Path) -> None:
    where = "import mfdebug, miniflow; print(mfdebug.__file__); print(miniflow.__file__)"
    for path in run(installed, tmp_path, "python", "-c", where).splitlines():
        assert Path(path).is_relative_to(installed.parent)
        assert not Path(path).is_relative_to(ROOT)


# Each list of arguments in turn, in one process: starting Python is most of the time.
IN_TURN = "import json, sys; from mfdebug.cli.main import main; " + (
    "[sys.exit(1) for line in map(json.loads, sys.argv[1:]) if main(line)]"
)


def in_turn(installed: Path, folder: Path, lines: list[list[str]]) -> str:
    return run(installed, folder, "python", "-c", IN_TURN, *map(json.dumps, lines))


@pytest.mark.slow
def test_it_lists_and_runs_every_graph(installed: Path, tmp_path: Path) -> None:
    assert run(installed, tmp_path, "mfdebug", "--version").startswith("mfdebug ")
    told = run(installed, tmp_path, "mfdebug", "--list")
    names = [graph.name for graph in shipped()]
    for name in names:
        assert f"\n{name} " in f"\n{told}"
    commands = ["--batch", "--json", "-c", "sgd", "-c", "print cost"]
    answers = in_turn(installed, tmp_path, [[name, *commands] for name in names])
    printed = [json.loads(line) for line in answers.splitlines() if '"print cost"' in line]
    assert [answer["ok"] for answer in printed] == [True] * len(names)


@pytest.mark.slow
def test_its_demos_run_through(installed: Path, tmp_path: Path) -> None:
    in_turn(installed, tmp_path, [["demo", demo.name, "--check"] for demo in shipped_demos()])


@pytest.mark.slow
def test_the_app_opens(installed: Path, tmp_path: Path) -> None:
    environment = {"XDG_STATE_HOME": str(tmp_path), "PYTHONPATH": None}
    with PtyApp([installed / "mfdebug", "xor"], env=environment, cwd=tmp_path) as app:
        app.wait_for("press s to begin")
        app.press("t")
        assert "update 4 of 4" in app.text
        app.send(b"q")
        assert app.wait() == 0
        assert app.not_restored() == []


def test_it_holds_what_it_needs_and_no_more(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    for wanted in (
        "mfdebug/tui/app.tcss",
        "mfdebug/graphs/xor.json",
        "mfdebug/graphs/demos/diamond.demo",
        "mfdebug/graphs/models/lenet.onnx.data",
        "miniflow/files/graph.schema.json",
        "miniflow/py.typed",
    ):
        assert wanted in names
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if ".dist-info" not in top} == {"mfdebug", "miniflow"}
    assert not [name for name in names if "__pycache__" in name or name.startswith("tests")]
