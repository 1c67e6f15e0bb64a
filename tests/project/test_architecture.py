"""The architecture page names files, classes and functions that are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
# The walks through the code: from the first one to the words.
WALKS = PAGE[PAGE.index("## One key press") : PAGE.index("## Words")]
SOURCES = {
    path: path.read_text(encoding="utf-8")
    for package in ("miniflow", "mfdebug")
    for path in sorted((ROOT / package).rglob("*.py"))
}
NAMES = re.findall(r"`([A-Za-z_][\w.]*)`", WALKS)


def defines(text: str, name: str) -> bool:
    return re.search(rf"^\s*(?:async )?(?:def|class) {name}\b", text, re.MULTILINE) is not None


def test_every_file_and_folder_is_there() -> None:
    paths = re.findall(r"`((?:miniflow|mfdebug|tests|graphs|docs)/[\w./-]*)`", PAGE)
    assert len(paths) > 50
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_the_table_names_every_folder() -> None:
    for package in ("miniflow", "mfdebug", "mfdebug/core"):
        table = PAGE[PAGE.index("## Folders") : PAGE.index("## One key press")]
        for folder in (ROOT / package).iterdir():
            if (folder / "__init__.py").exists() and folder.name != "core":
                name = f"core/{folder.name}/" if package == "mfdebug/core" else f"{folder.name}/"
                assert f"`{name}`" in table


@pytest.mark.slow
def test_every_method_of_the_walks_is_there() -> None:
    methods = [name for name in NAMES if re.fullmatch(r"_?[A-Z]\w+\.\w+", name)]
    assert len(methods) > 20
    for owner, method in (name.split(".") for name in methods):
        found = [text for text in SOURCES.values() if defines(text, owner)]
        assert any(defines(text, method) for text in found), f"{owner}.{method}"


@pytest.mark.slow
def test_every_class_and_function_of_the_walks_is_there() -> None:
    names = {name for name in NAMES if re.fullmatch(r"[A-Z]\w*[a-z]\w*|[a-z]+_\w+", name)}
    assert len(names) > 15
    for name in names:
        assert any(defines(text, name) for text in SOURCES.values()), name
