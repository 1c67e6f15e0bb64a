"""Completion in real shells: a word, Tab, and what stands there then."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mfdebug.cli.shell_completion import _parser_for, code_for
from tests.support.pty_app import PtyApp

PROMPT = "ready> "
# How each is started without anyone's own settings, and what it reads first.
STARTED = {
    "bash": ["bash", "--noprofile", "--rcfile", "first"],
    "zsh": ["zsh", "-d"],
    "fish": ["fish", "--no-config", "--init-command", "source first"],
}
FIRST = {
    "bash": f"PS1='{PROMPT}'; bind 'set bell-style none'\n",
    "zsh": f"PS1='{PROMPT}'; setopt nobeep; autoload -Uz compinit; compinit -u -D\n",
    "fish": f"function fish_prompt; echo -n '{PROMPT}'; end; set -g fish_greeting\n",
}


class Shell:
    """A shell at whose prompt one types and presses Tab."""

    def __init__(self, terminal: PtyApp) -> None:
        self.terminal = terminal

    def complete(self, typed: str, wanted: str) -> None:
        """Type, press Tab, see `wanted` on the screen, and clear the line."""
        self.terminal.send(f"{typed}\t".encode())
        self.terminal.wait_for(wanted)
        # Ctrl+U clears the line, Ctrl+L the screen, in all three.
        self.terminal.send(b"\x15\x0c")
        self.terminal.settle(first=0.5, idle=0.1)


@pytest.fixture(params=STARTED)
def shell(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Shell]:
    name: str = request.param
    if shutil.which(name) is None:
        pytest.skip(f"needs {name}: apt-get install {name} (macOS: brew install {name})")
    # As an installed one, found by its name.
    script = tmp_path / "mfdebug"
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m mfdebug "$@"\n')
    script.chmod(0o755)
    work = tmp_path / "work"
    (work / "inner").mkdir(parents=True)
    (work / "my_package").mkdir()
    for file in ("my-graph.json", "my-notes.txt", "my-program.py", "my_package/train.py"):
        (work / file).touch()
    (work / ("first" if name != "zsh" else ".zshrc")).write_text(FIRST[name] + code_for(name))
    path = f"{tmp_path}:{os.environ['PATH']}"
    env = {"PATH": path, "HOME": str(tmp_path), "ZDOTDIR": str(work)}
    with PtyApp(STARTED[name], env=env, cwd=work) as terminal:
        terminal.wait_for(PROMPT.strip())
        yield Shell(terminal)


@pytest.mark.slow
def test_graphs_commands_files_and_options_are_completed(shell: Shell) -> None:
    # Bash lists what there is at a second Tab.
    shell.complete("mfdebug di\t", "diamond")
    shell.complete("mfdebug par", f"{PROMPT}mfdebug parabola")
    shell.complete("mfdebug compl", f"{PROMPT}mfdebug completion")
    shell.complete("mfdebug completion z", f"{PROMPT}mfdebug completion zsh")
    shell.complete("mfdebug --hist", f"{PROMPT}mfdebug --history-memory")
    shell.complete("mfdebug xor --theme li", f"{PROMPT}mfdebug xor --theme light")
    shell.complete("mfdebug demo --exp", f"{PROMPT}mfdebug demo --export")
    shell.complete("mfdebug demo five", f"{PROMPT}mfdebug demo five-to-two")
    shell.complete("mfdebug my-g", f"{PROMPT}mfdebug my-graph.json")
    shell.complete("mfdebug my-p", f"{PROMPT}mfdebug my-program.py")
    shell.complete("mfdebug my-program.py my-n", f"{PROMPT}mfdebug my-program.py my-notes.txt")
    shell.complete("mfdebug -m my_p", f"{PROMPT}mfdebug -m my_package.train")
    shell.complete("mfdebug in", f"{PROMPT}mfdebug inner/")


@pytest.mark.parametrize(
    ("line", "program"),
    [
        ("mfdebug", "mfdebug"),
        ("mfdebug dem", "mfdebug"),
        ("mfdebug demo", "mfdebug"),
        ("mfdebug demo ", "demo"),
        ("mfdebug demo --ch", "demo"),
        ("mfdebug xor demo ", "mfdebug"),
    ],
)
def test_the_first_word_says_which_command_is_completed(line: str, program: str) -> None:
    parser = _parser_for(line)
    assert ("demo" if parser._subparsers is not None else "mfdebug") == program
