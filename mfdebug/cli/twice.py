"""`mfdebug --twice prog.py [args]`: says whether and where a program does not repeat itself."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from mfdebug.cli.batch import OutputLines
from mfdebug.cli.exit_status import FAILED, OK
from mfdebug.cli.program_words import runnable_of
from mfdebug.cli.run_diff import write_comparison
from mfdebug.config.settings import Settings
from mfdebug.loading import loaded, raise_interrupts
from mfdebug.recording.run_diff import compare_runs
from mfdebug.recording.run_diff_report import run_diff_data
from mfdebug.running.twice import both_runs
from miniflow.errors import FileError, printable

NAMES = ("first run", "second run")


def run_twice(options: argparse.Namespace, settings: Settings) -> int:
    """Run a program twice and compare the runs; return the exit status: 1 if they differ.

    Raises `MiniflowError` if it cannot be recorded or runs no graph.
    """
    loaded()
    # The program that is started must be ended, too.
    raise_interrupts()

    def announce(run: int) -> None:
        sys.stdout.flush()
        sys.stderr.write(f"mfdebug: run {run + 1} of 2\n")
        sys.stderr.flush()

    with both_runs(
        runnable_of(options),
        options.arguments,
        memory=settings.history_bytes,
        streams="piped" if options.json else "inherited",
        on_run=announce,
        on_output=OutputLines().write if options.json else None,
    ) as (first, second):
        if not len(first) and not len(second):
            raise FileError(f"it ran no graph; {first.ending}", where=options.graph)
        found = compare_runs(first, second, bits=True)
        statuses = first.status, second.status
    repeats = found.same and statuses[0] == statuses[1]
    if options.json:
        data = run_diff_data(found) | {"repeats": repeats, "statuses": statuses}
        sys.stdout.write(json.dumps(data, ensure_ascii=False) + "\n")
    else:
        verdict = "repeats itself" if repeats else "does not repeat itself"
        sys.stdout.write(f"{printable(Path(options.graph).name)} {verdict}\n")
        write_comparison(found, NAMES, as_json=False)
        sys.stdout.writelines(f"{line}\n" for line in _ends(statuses, found.endings))
    return OK if repeats else FAILED


def _ends(statuses: tuple[int | None, int | None], endings: tuple[str, str]) -> list[str]:
    """Return how the runs ended, unless both succeeded."""
    if statuses[0] == statuses[1]:
        return [f"both runs: {endings[0]}"] if statuses[0] else []
    ends = zip(NAMES, endings, strict=True)
    return ["; ".join(f"the {name}: {ending}" for name, ending in ends)]
