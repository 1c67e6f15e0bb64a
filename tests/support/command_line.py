"""The command line several times in one process: starting Python is most of the time of each."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from tests.support.paths import ROOT

IN_TURN = """
import contextlib, io, json, sys
from mfdebug.cli.main import main
for arguments in map(json.loads, sys.argv[1:]):
    with (
        contextlib.redirect_stdout(io.StringIO()) as out,
        contextlib.redirect_stderr(io.StringIO()) as errors,
    ):
        try:
            status = main(arguments)
        except SystemExit as end:
            status = end.code or 0
    print(json.dumps([status, out.getvalue(), errors.getvalue()]))
"""


def in_turn(
    lines: Iterable[Sequence[str]], cwd: Path = ROOT
) -> list[subprocess.CompletedProcess[str]]:
    """Run the command line with each list of arguments; return what each came to."""
    done = subprocess.run(
        [sys.executable, "-c", IN_TURN, *map(json.dumps, lines)],
        capture_output=True,
        text=True,
        cwd=cwd,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    results = map(json.loads, done.stdout.splitlines())
    return [subprocess.CompletedProcess((), *result) for result in results]
