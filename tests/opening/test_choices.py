"""What the list of demos and graphs offers."""

from __future__ import annotations

import re
import shutil
import time
from pathlib import Path

import pytest

from mfdebug.core.session.store import Left
from mfdebug.opening.choices import HERE, RECENT, Choice, choices
from mfdebug.opening.graphs import open_graph
from mfdebug.opening.runs import open_run
from mfdebug.opening.shipped import (
    DEMOS,
    GROUPS,
    folder,
    next_demo,
    shipped,
    shipped_demos,
    shipped_models,
    shipped_runs,
)
from miniflow.errors import FileError
from tests.support.paths import ROOT


def of(group: str, found: list[Choice]) -> list[Choice]:
    return [choice for choice in found if choice.group == group]


def test_the_groups_are_those_of_the_readme() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    table = readme.split("| to see | open |\n|---|---|\n")[1].split("\n\n")[0]
    rows = dict(re.findall(r"^\| (.+?) \| (.+) \|$", table, re.MULTILINE))
    assert {group: tuple(re.findall("`(.+?)`", names)) for group, names in rows.items()} == GROUPS


def test_every_shipped_graph_and_demo_is_offered_once(tmp_path: Path) -> None:
    found = [choice for choice in choices([], tmp_path) if not choice.demo]
    assert sorted(choice.target for choice in found) == sorted(
        example.name for example in [*shipped(), *shipped_models(), *shipped_runs()]
    )
    demos = [choice for choice in choices([], tmp_path) if choice.demo]
    assert [Path(choice.target).stem for choice in demos] == list(DEMOS)


def test_every_shipped_model_has_a_description_and_can_be_opened() -> None:
    files = {p.name for p in (folder() / "models").iterdir() if p.suffix in (".onnx", ".pt2")}
    assert {model.name for model in shipped_models()} == files
    for model in shipped_models():
        assert open_graph(model.name).origin.graph == model.name


@pytest.mark.slow
def test_every_shipped_run_has_a_description_and_can_be_opened() -> None:
    runs = shipped_runs()
    assert {run.name for run in runs} == {p.name for p in (folder() / "runs").iterdir()}
    for run in runs:
        session = open_run(run.name)
        assert session.origin is not None
        assert session.origin.graph == run.name


@pytest.mark.slow
def test_a_run_is_named_by_its_file_unless_it_ships(tmp_path: Path) -> None:
    name = shipped_runs()[0].name
    copy = tmp_path / name
    shutil.copy(folder() / "runs" / name, copy)
    session = open_run(str(copy))
    assert session.origin is not None
    assert session.origin.graph == str(copy)
    with pytest.raises(
        FileError, match=r"gpt-with-a-nen\.mfrun: there is no such file.*mean 'gpt-"
    ):
        open_run("gpt-with-a-nen.mfrun")


def test_each_demo_names_the_next_one() -> None:
    following = [next_demo(name) for name in DEMOS]
    assert [demo and demo.name for demo in following] == [*DEMOS[1:], None]
    assert sorted(demo.name for demo in shipped_demos()) == sorted(DEMOS)


def test_recent_graphs_are_those_that_can_be_opened_again(tmp_path: Path) -> None:
    own, program, run = tmp_path / "own.json", tmp_path / "prog.py", tmp_path / "own.mfrun"
    shutil.copy(folder() / "wx.json", own)
    program.touch()
    run.touch()
    now = time.time()
    recent = [
        Left("xor", 61, now - 7500),
        Left(str(own), 3, now - 30),
        Left(str(program), 3, now),
        Left(str(run), 3, now),
        Left(shipped_runs()[0].name, 3, now),
        Left(str(tmp_path / "deleted.json"), 3, now),
    ]
    found = of(RECENT, choices(recent, tmp_path / "nowhere"))
    assert [choice.name for choice in found] == [
        "xor",
        "own.json",
        "own.mfrun",
        "gpt-with-a-nan.mfrun",
    ]
    assert shipped_runs()[0].description in found[3].text
    assert found[0].text.startswith("Left at moment 61, 2 hours ago.\n\nExclusive or")
    assert found[1].text == f"Left at moment 3, just now.\n\n{own}"
    for choice in found[:2]:
        open_graph(choice.target)


def test_files_of_the_folder_are_offered_if_they_are_graphs(tmp_path: Path) -> None:
    shutil.copy(folder() / "wx.json", tmp_path / "own.json")
    (tmp_path / "package.json").write_text('{"name": "other"}')
    (tmp_path / "cut.json").write_text('{"miniflow": 1, "description": "a \\')
    (tmp_path / "hostile.json").write_text('{"miniflow": 1, "description": "a\\u001b[2Jb"}')
    shutil.copy(folder() / "models" / "lstm.onnx", tmp_path / "model.onnx")
    (tmp_path / "folder.json").mkdir()
    (tmp_path / "folder.onnx").mkdir()
    (tmp_path / "run.mfrun").write_bytes(b"\0")
    (tmp_path / "dangling.json").symlink_to(tmp_path / "nothing")
    found = {choice.name: choice.text for choice in of(HERE, choices([], tmp_path))}
    assert found.keys() == {"own.json", "cut.json", "hostile.json", "model.onnx", "run.mfrun"}
    assert found["own.json"].startswith("The smallest possible network")
    assert found["cut.json"] == ""
    assert "\x1b" not in found["hostile.json"]


def test_all_words_of_a_search_must_occur() -> None:
    choice = Choice("what can go wrong", "log-nan", "log-nan", "A mistake in the data", "log-nan")
    assert choice.matches("")
    assert choice.matches("NaN mistake")
    assert choice.matches("wrong log")
    assert not choice.matches("nan wine")
