"""The documents describe the engine and the keys correctly."""

from __future__ import annotations

import contextlib
import io
import re

from mfdebug.config.key_names import shown
from mfdebug.core.commands.table import COMMANDS
from miniflow.ops import OPS
from tests.support.paths import ROOT


def test_the_graph_file_page_names_every_op_and_attribute() -> None:
    page = (ROOT / "docs" / "graph-file.md").read_text(encoding="utf-8")
    table = page[page.index("## Ops") :]
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
