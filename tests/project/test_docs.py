"""The documents describe the engine and the keys correctly."""

from __future__ import annotations

import contextlib
import io
import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from mfdebug.cli.main import main
from mfdebug.config.key_names import shown
from mfdebug.core.commands.table import COMMANDS
from miniflow.ops import OPS
from tests.support.paths import ROOT


def test_the_graph_file_page_names_every_op_and_attribute() -> None:
    page = (ROOT / "docs" / "graph-file.md").read_text(encoding="utf-8")
    table = page[page.index("## Ops") : page.index("### Where ops differ")]
    for name, op in OPS.items():
        (row,) = (line for line in table.split("\n") if f"`{name}`" in line)
        for attribute in op.attributes:
            assert f"`{attribute}`" in row, f"{attribute} of {name}"


def test_the_readmes_program_prints_what_it_says() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (program,) = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(program, {})
    assert printed.getvalue().startswith("2.0000")


def test_the_readme_names_every_shipped_graph() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for path in (ROOT / "graphs").glob("*.json"):
        assert f"`{path.stem}`" in readme


def test_the_readme_names_every_key_of_a_command() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for command in COMMANDS.values():
        for key in command.keys:
            name = shown(key.key)
            assert f"`{name}`" in readme or f"{name} |" in readme, f"{key.key}: {command.name}"


@pytest.mark.slow
def test_the_readmes_animation_shows_what_the_app_draws(tmp_path: Path) -> None:
    demo = ROOT / "docs" / "animation.demo"
    (line,) = re.findall(
        r"^# mfdebug (demo .*) --export (\S+) --size (\S+)$", demo.read_text(), re.MULTILINE
    )
    drawn = tmp_path / "animation.gif"
    command = [sys.executable, "-m", "mfdebug", *line[0].split(), "--export", str(drawn)]
    subprocess.run([*command, "--size", line[2]], cwd=ROOT, check=True, capture_output=True)
    hint = f"draw it again: mfdebug {line[0]} --export {line[1]} --size {line[2]}"
    # The pixels depend on the version of Pillow, the cells on the app alone.
    assert cells_of(drawn) == cells_of(ROOT / line[1]), hint
    assert f"({line[1]})" in (ROOT / "README.md").read_text(encoding="utf-8").split("\n")[0]


@pytest.mark.slow
def test_the_guides_pictures_show_what_the_app_draws(tmp_path: Path) -> None:
    guide = ROOT / "docs" / "guide"
    for demo in guide.glob("*.demo"):
        ((shown, target, size),) = re.findall(
            r"^# mfdebug demo (.*) --export (\S+) --size (\S+)$", demo.read_text(), re.MULTILINE
        )
        assert (shown, target) == tuple(
            str(demo.with_suffix(suffix).relative_to(ROOT)) for suffix in (".demo", ".svg")
        )
        command = ["demo", str(demo), "--export", str(tmp_path / Path(target).name)]
        with contextlib.redirect_stdout(io.StringIO()):
            assert main([*command, "--size", size]) == 0
        drawn = {path.name: path.read_text() for path in tmp_path.glob(f"{demo.stem}-*.svg")}
        kept = {path.name: path.read_text() for path in guide.glob(f"{demo.stem}-*.svg")}
        assert kept == drawn, (
            f"draw them again: mfdebug demo {shown} --export {target} --size {size}"
        )
        page = demo.with_suffix(".md").read_text(encoding="utf-8")
        assert re.findall(r"\]\(([\w-]+\.svg)\)", page) == sorted(kept)


def cells_of(animation: Path) -> str:
    """Return the digest of the cells of an animation's frames."""
    with Image.open(animation) as image:
        comment: bytes = image.info["comment"]
    return comment.decode()
