"""The core names commands, never keys: the app puts the keys that are in force in their place."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from mfdebug.config.bindings import BOUND
from mfdebug.core.commands.interpreter import check_known, open_session
from mfdebug.core.commands.table import COMMANDS
from mfdebug.core.format.hints import HINTS
from mfdebug.core.timeline.computed_debugger import ComputedDebugger
from mfdebug.opening.graphs import load_graph
from tests.support.paths import ROOT

PACKAGE = ROOT / "mfdebug"
FILES = [
    file
    for room in ("core", "recording", "running", "opening", "cli")
    for file in (PACKAGE / room).rglob("*.py")
]
# `S goes back`, and keys by their names.
KEY = re.compile(
    r"(?<![\w`'(\[.])(?![aI] )[A-Za-z] (?!is\b|was\b|has\b)[a-z]+s\b"
    r"|\b(?:Backspace|Ctrl|Enter|Esc|PgDn|PgUp|Tab|press)\b"
)


def texts(file: Path) -> Iterator[str]:
    """Yield the strings of a module but for its docstrings."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    told: set[int] = set()
    # A node comes before those within it.
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            if isinstance(first, ast.Expr):
                told.add(id(first.value))
        elif (
            isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in told
        ):
            yield node.value


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_no_text_names_a_key(file: Path) -> None:
    assert [text for text in texts(file) if KEY.search(text)] == []


def test_the_judge_finds_a_key() -> None:
    for text in ("; S goes back", "b sets one, t runs SGD steps", "In the app Enter follows it"):
        assert KEY.search(text)


def test_every_hint_names_commands_that_keys_run() -> None:
    for hint in HINTS:
        named = re.findall("`(.*?)`", hint)
        assert named
        assert all(name in COMMANDS and name in BOUND for name in named)


def test_every_answer_of_help_has_forms_that_can_be_typed_and_no_keys() -> None:
    run = open_session(ComputedDebugger(load_graph("xor")))
    answers = [run.run("help").text, *(run.run(f"help {name}").text for name in COMMANDS)]
    for text in answers:
        assert not KEY.search(text)
        assert not re.search("[←→]", text)
        assert "key" not in text.replace("a key continues it", "")
    for name in COMMANDS:
        if short := re.search(r"^  short: (.*)$", run.run(f"help {name}").text, re.MULTILINE):
            for form in short[1].split(", "):
                check_known(form)
