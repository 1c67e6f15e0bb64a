"""`-m package.module`: a module is run and watched as `python -m` runs it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mfdebug.cli.completers import modules
from mfdebug.core.commands.interpreter import check_known
from mfdebug.core.session.store import AutoSaver, SessionStore
from mfdebug.opening.programs import open_program
from mfdebug.opening.runs import program_origin
from mfdebug.running.runnable import Runnable
from tests.program.programs import environment
from tests.support.command_line import in_turn

# Writes what it is run as; `python -m` alone does the same.
TRAIN = """
import json, re, sys
from .net import Mul, Input
x, w = Input(), Input()
y = Mul(x, w)
x.value, w.value = 1.0, 2.0
for i in range(3):
    for node in (x, w, y):
        node.forward()
    for node in (y, w, x):
        node.backward()
    w.value -= 0.1
names = {k: re.sub("0x[0-9a-f]+", "", str(v)) for k, v in globals().items()
         if k[:2] == "__" and k != "__builtins__"}
main = sys.modules["__main__"]
with open("seen.json", "w") as file:
    json.dump([sys.argv, sys.path, sys.orig_argv[1:], names, main.y is y], file)
"""
ARGUMENTS = ["a", "-m", "b", "--", "--batch"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    # With the same path for the program that is alone and for the one that is watched.
    monkeypatch.setenv("PYTHONPATH", environment()["PYTHONPATH"])
    package = tmp_path / "pkg"
    (package / "inner").mkdir(parents=True)
    (tmp_path / "plain").mkdir()
    for file in ("__init__.py", "inner/__init__.py", "moved.py"):
        (package / file).touch()
    (package / "net.py").write_text("from miniflow import Input, Mul\n")
    (package / "train.py").write_text(TRAIN)
    (package / "inner" / "__main__.py").write_text(TRAIN.replace(".net", "..net"))
    (tmp_path / "plain" / "train.py").write_text(TRAIN.replace(".net", "pkg.net"))
    return tmp_path


def seen(folder: Path) -> Any:
    file = folder / "seen.json"
    text = file.read_text()
    file.unlink()
    return json.loads(text)


@pytest.mark.slow
def test_it_is_what_python_runs_and_every_way_to_watch_a_program_watches_it(folder: Path) -> None:
    alone = {}
    for name in ("pkg.train", "pkg.inner", "plain.train"):
        command = [sys.executable, "-m", name, *ARGUMENTS]
        subprocess.run(command, cwd=folder, env=environment(), check=True)
        alone[name] = seen(folder)
    assert alone["pkg.inner"][3]["__package__"] == "pkg.inner"
    lines = ["--batch", "-c", "continue", "-c", "print y"]
    for name in alone:
        (done,) = in_turn([["-m", name, "a", *lines, "--", *ARGUMENTS[1:]]], folder)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.endswith("y = 1.8\n")
        assert seen(folder) == alone[name]
    recorded, opened, summary, twice = in_turn(
        [
            ["record", "-m", "pkg.train", "-o", "run.mfrun", "--every", "1", "--", *ARGUMENTS],
            ["run.mfrun", "--batch", "-c", "goto end", "-c", "print y"],
            ["--summary", "-m", "pkg.train"],
            ["--twice", "--json", "-m", "pkg.train"],
        ],
        folder,
    )
    assert (recorded.returncode, recorded.stderr) == (0, "")
    assert opened.stdout.endswith("y = 1.8\n")
    assert "w       Input     ()           1   8 B" in summary.stdout
    assert json.loads(twice.stdout)["repeats"]


UNUSABLE = [
    (["-m", "pgk"], "-m pgk: there is no module 'pgk' (did you mean 'pkg'?)"),
    (
        ["-m", "pkg.tarin"],
        "-m pkg.tarin: there is no module 'tarin' in pkg (did you mean 'train'?)",
    ),
    (["-m", "pkg.train.x"], "-m pkg.train.x: pkg.train is a module, not a package"),
    (["-m", "pkg"], "-m pkg: it is a package without a __main__.py (as in -m pkg.inner, "),
    (["-m", "pkg/train.py"], "(mfdebug pkg/train.py runs the file, mfdebug -m pkg.train the mod"),
    (["-m", "pkg.train.py"], "it is the name of a file, not of a module (did you mean 'pkg.train'"),
    (["-m", ".train"], ".train: it is not the name of a module (as in package.module)"),
    (["-m", "pkg.train", "--rate", "3"], "(those of the program come after --, as in -- --rate)"),
    (["prog.py", "-m", "x"], "prog.py and -m x are mutually exclusive (the program's own options"),
    (["-m", "pkg.train", "--html", "x.html"], "(mfdebug record -m pkg.train -o RUN.mfrun makes "),
    (["-m", "pkg.train", "--feed", "x=3"], "--feed requires a graph"),
    (["record", "-m", "pgk", "-o", "x.mfrun"], "there is no module 'pgk'"),
    (["record", "-o", "x.mfrun"], "name a program, or a module with -m"),
]


@pytest.mark.slow
def test_what_cannot_be_run_is_refused_with_what_to_do(folder: Path) -> None:
    batch = ["--batch", "-c", "step"]
    given = [words if words[0] == "record" else [*batch, *words] for words, _ in UNUSABLE]
    for (words, problem), done in zip(UNUSABLE, in_turn(given, folder), strict=True):
        assert done.returncode == 2, words
        assert problem in done.stderr
        assert "Traceback" not in done.stderr
    assert not (folder / "x.mfrun").exists()


def test_python_finds_what_only_it_can_find(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    assert Runnable("sys", is_module=True).file() is None
    (folder / "pkg" / "inner" / "__init__.py").write_text("__path__.append('elsewhere')")
    assert Runnable("pkg.inner.away", is_module=True).file() is None
    # A package wins over a module of its name, and the first folder over the others.
    (folder / "pkg.py").touch()
    assert Runnable("pkg.moved", is_module=True).file() == folder / "pkg" / "moved.py"
    monkeypatch.setenv("PYTHONSAFEPATH", "1")
    with pytest.raises(Exception, match="there is no module 'plain'"):
        Runnable("plain.train", is_module=True).check()


@pytest.mark.slow
def test_its_session_is_resumed_as_of_that_module(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setenv("XDG_STATE_HOME", str(folder / "state"))
    runs = Runnable("pkg.train", is_module=True)
    running = open_program(runs, ["one"], memory=2**24, streams="piped")
    try:
        running.session.run("goto 3")
        origin = program_origin(runs, ["one"])
        assert origin is not None
        running.session.origin = origin
        store = SessionStore(check_known)
        AutoSaver(store, origin).keep(running.session)
    finally:
        running.run.close()
    (left,) = store.recent(1)
    assert left.moment > 0
    for words in ([], ["-m", "pkg.train", "one"]):
        (done,) = in_turn([[*words, "--resume", "--batch", "-c", "print moment"]], folder)
        assert done.stdout.endswith(f"moment = {left.moment}\n")
        assert "it was left with" not in done.stdout


def test_modules_are_completed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    (folder / "alone.py").touch()
    assert list(modules("")) == ["alone", *modules("pkg"), "plain.train"]
    assert list(modules("pk")) == ["pkg.inner", "pkg.moved", "pkg.net", "pkg.train"]
    assert list(modules("pkg.inn")) == ["pkg.inner"]
    assert list(modules("nowhere.")) == []
