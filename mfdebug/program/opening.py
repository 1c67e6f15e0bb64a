"""From a program on the command line to a console on its first pass."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from mfdebug.core.commands.console import Console
from mfdebug.program.debugger import debugger_of
from mfdebug.program.running import Program
from miniflow.errors import FileError
from miniflow.files.paths import check_ordinary


class TextSink(Protocol):
    """Where text goes."""

    def write(self, text: str) -> None:
        """Take a piece of text."""

    def flush(self) -> None:
        """Send on what was written."""


class Running(NamedTuple):
    """A program that waits at its first pass, and the console on it."""

    program: Program
    console: Console


def run_program(
    name: str,
    arguments: Sequence[str],
    *,
    memory: int,
    own_miniflow: bool = False,
    reads: bool = False,
    told: TextSink | None = None,
) -> Running:
    """Run a program to its first pass over a graph; `told` gets what it prints, as it does.

    Raises `MiniflowError` when it cannot be read, or ends before it has run one.
    """
    path = Path(name)
    check_ordinary(path, name)
    if not path.exists():
        raise FileError("there is no such program", where=name)
    program = Program(path, arguments, memory=memory, own_miniflow=own_miniflow, reads=reads)
    if told is not None:
        program.output.told, program.output.flushed = told.write, told.flush
    program.start()
    if program.present is None:
        program.kill()
        if told is None:
            sys.stdout.write("".join(f"{line}\n" for line in program.output.all))
        problem = program.error or "it ended without running a graph"
        raise FileError(problem, where=name, hint="it needs a forward pass over nodes")
    console = Console(debugger_of(program, memory))
    console.printed = lambda: program.output.all
    return Running(program, console)
