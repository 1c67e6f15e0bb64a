"""The guide's pages print what they say they print.

Each `$ mfdebug …` line of a session block is run and must answer with the lines below it; a line
`…` stands for any lines, and `…` after a digit for the digits that depend on the machine.
`$ echo $?` is the status of the command before. The folder it runs in has the page's json and
python blocks that have a name. A python block prints the text block after it.
"""

from __future__ import annotations

import contextlib
import io
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from textual.binding import Binding

from mfdebug.cli.main import main
from mfdebug.config.bindings import at
from mfdebug.core.commands.table import COMMANDS
from mfdebug.tui.screens.debug import DebugScreen
from mfdebug.tui.widgets.node_panel import NodePanel
from mfdebug.tui.widgets.order_tree import OrderTree
from tests.support import warm_start
from tests.support.app_driver import left, opened, right
from tests.support.paths import ROOT
from tests.support.rounding import NUMBER, same
from tests.support.sizes import quick

GUIDE = ROOT / "docs" / "guide"
PAGES = sorted(GUIDE.glob("*.md"))
CONSOLE = re.compile(r"^```console\n(.*?)^```$", re.DOTALL | re.MULTILINE)
FILE = re.compile(r"^```(?:json|python|text) (\S+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
SEEN = re.compile(r"^\| confusion \|.*\n\|.*\n((?:\|.*\n)+)", re.MULTILINE)
PYTHON = re.compile(r"^```python\n(.*?)^```\n+```text\n(.*?)^```$", re.DOTALL | re.MULTILINE)
# Not the digits before a `…`.
WHOLE = re.compile(rf"{NUMBER.pattern}(?![\d…])")
# Keys that the app names by a word, as people write them.
WRITTEN = {
    "space": "space", "Tab": "tab", "Enter": "enter", "Esc": "escape", "→": "right", "←": "left",
    "↑": "up", "↓": "down", "+": "plus", "-": "minus", ":": "colon", "?": "question_mark",
    "/": "slash",
}  # fmt: skip


def _page(name: str) -> str:
    return (GUIDE / name).read_text(encoding="utf-8")


def _runs(block: str) -> Iterator[tuple[str, str]]:
    """Yield each command line of a block, with what stands below it."""
    assert block.startswith("$ ")
    for run in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        line, _, answer = run.partition("\n")
        yield line, answer


def _run(line: str) -> tuple[str, int]:
    """Run a command line; return what it prints, and its status."""
    program, *arguments = shlex.split(line)
    assert program == "mfdebug", line
    if any(argument.endswith(".py") for argument in arguments):
        # A program prints to the streams of its process.
        command = [sys.executable, "-m", "mfdebug", *arguments]
        done = warm_start.run(
            command, stdin=subprocess.DEVNULL, stderr=subprocess.STDOUT, text=True
        )
        return done.stdout, done.returncode
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        status = main(arguments)
    return printed.getvalue(), status


def _matches(printed: str, answer: str) -> bool:
    """Whether a text is an answer, but for what its `…` stand for, and the rounding of numbers."""
    found = re.fullmatch("".join(map(_pattern, answer.splitlines(keepends=True))), printed)
    return found is not None and all(map(same, found.groups(), WHOLE.findall(answer)))


def _pattern(line: str) -> str:
    if line == "…\n":
        return "(?:.*\n)*?"
    words = (re.sub(r"(?<=\d)…", r"(?:…|\\d*)", re.escape(part)) for part in WHOLE.split(line))
    return f"({NUMBER.pattern})".join(words)


@pytest.mark.parametrize("page", quick([page.name for page in PAGES], 3))
def test_every_console_block_prints_what_the_page_says(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, text in FILE.findall(_page(page)):
        (tmp_path / name).write_text(text, encoding="utf-8")
    blocks = CONSOLE.findall(_page(page))
    assert len(blocks) == _page(page).count("```console"), "a block without an end"
    for block in blocks:
        runs = list(_runs(block))
        status = 0
        for (line, answer), (after, _) in zip(runs, [*runs[1:], ("", "")], strict=True):
            if line == "echo $?":
                printed = f"{status}\n"
            else:
                printed, status = _run(line)
                # A `…` must not hide that a command failed.
                assert status == 0 or after == "echo $?", printed
            # Not an assertion on the match alone: this one shows the difference.
            if not _matches(printed, answer):
                assert printed == answer, line


@pytest.mark.parametrize("page", [page.name for page in PAGES])
def test_every_program_prints_what_the_page_says(page: str) -> None:
    text = _page(page)
    programs = PYTHON.findall(text)
    assert len(programs) == text.count("```python\n"), "a program without its output"
    for program, answer in programs:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(program, {"__name__": "__main__"})
        assert printed.getvalue() == answer


def test_the_index_leads_to_every_page() -> None:
    linked = re.findall(r"\]\(([\w-]+\.md)\)", _page("index.md"))
    assert sorted(linked) == sorted(page.name for page in PAGES if page.name != "index.md")


@pytest.mark.parametrize("page", [page.name for page in PAGES])
def test_what_a_page_links_to_is_there(page: str) -> None:
    prose = re.sub(r"^```.*?^```$", "", _page(page), flags=re.DOTALL | re.MULTILINE)
    for target in re.findall(r"\]\(([^)#]+)\)", prose):
        assert "://" in target or (GUIDE / target).exists(), target


@pytest.mark.parametrize("page", [page.name for page in PAGES])
def test_every_key_in_a_table_of_keys_exists(page: str) -> None:
    known = {key.key for command in COMMANDS.values() for key in command.keys}
    for place in (DebugScreen, OrderTree, NodePanel):
        known |= {binding.key for binding in place.BINDINGS if isinstance(binding, Binding)}
    known |= {key for binding in at("demo") for key in binding.keys}
    for table in re.findall(r"^\| keys? \|.*\n(?:\|.*\n)*", _page(page), re.MULTILINE):
        for row in table.splitlines()[2:]:
            for written in re.findall(r"`([^`]+)`", row.split("|")[1]):
                key = written.lstrip("0123456789")
                assert WRITTEN.get(key, key) in known, written


def _rows_seen() -> Iterator[tuple[str, list[str], list[str]]]:
    """Yield graph, keys and texts of each row that says where on the screen something stands."""
    for table in SEEN.findall(_page("confusions.md")):
        for row in table.splitlines():
            _, _, graph, keys, seen, _ = row.split("|")
            quoted = re.compile(r"`([^`]+)`")
            yield quoted.findall(graph)[0], quoted.findall(keys), quoted.findall(seen)


def _in_one_line(lines: list[str]) -> str:
    return " ".join(" ".join(lines).split())


@pytest.mark.slow
@pytest.mark.parametrize(("graph", "keys", "seen"), list(_rows_seen()))
async def test_what_a_row_of_confusions_says_is_on_the_screen(
    graph: str, keys: list[str], seen: list[str]
) -> None:
    async with opened(graph) as driver:
        # A text may stand on the way, but not only before the first key.
        screens: list[str] = []
        for key in keys:
            await driver.press(WRITTEN.get(key, key))
            await driver.app.workers.wait_for_complete()
            await driver.pilot.pause()
            columns = [driver.text.split("\n")]
            if isinstance(driver.app.screen, DebugScreen):
                columns += [left(driver), right(driver)]
            screens += [_in_one_line(column) for column in columns]
        for text in seen:
            # A key, and a command to type, are not what is seen.
            if len(text) > 1 and not text.startswith(":"):
                assert any(text in screen for screen in screens), text
