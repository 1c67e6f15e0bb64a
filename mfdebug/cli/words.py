"""The commands that are words: `mfdebug record`, `demo`, `quiz`, `diff`, `config` and others."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable

from mfdebug.cli.exit_status import OK, unusable
from mfdebug.cli.parsed_options import every_of, settings_of
from mfdebug.cli.program_words import runnable_of
from mfdebug.loading import loaded


def record(options: argparse.Namespace) -> int:
    """Record a run of a program in a file."""
    from mfdebug.running.record import record as record_run

    if options.program is None:
        return unusable("name a program, or a module with -m")
    loaded()
    most_bytes = int(options.most * 2**20)
    return record_run(
        runnable_of(options),
        options.arguments,
        options.output,
        most_bytes=most_bytes,
        every=every_of(options),
    )


def demo(options: argparse.Namespace) -> int:
    """Play, check or export a demo, or list those that ship."""
    from mfdebug.opening.shipped import shipped_demos

    if options.check and options.export:
        return unusable("--check and --export are mutually exclusive")
    if options.size and not options.export:
        return unusable("--size requires --export")
    if options.demo is None:
        if options.check or options.export:
            return unusable("name a demo (mfdebug demo lists them)")
        from mfdebug.core.format.table import Column, Row, Table

        rows = tuple(Row((shipped.name, shipped.title)) for shipped in shipped_demos())
        lines = Table((Column(), Column()), rows).lines()
        sys.stdout.writelines(f"{line}\n" for line in lines)
        return OK
    from mfdebug.cli.demo import run_demo

    return run_demo(options, settings_of(options))


def quiz(options: argparse.Namespace) -> int:
    """Ask about the shipped graphs, one after the other."""
    from mfdebug.cli.quiz import run_quiz

    return run_quiz(options, settings_of(options))


def diff(options: argparse.Namespace) -> int:
    """Find the first node that differs between two files."""
    from mfdebug.cli.diff import diff as compare

    loaded()
    return compare(options)


def config(options: argparse.Namespace) -> int:
    """Write the settings in force, or the path of their file."""
    from mfdebug.config.settings import settings_path

    if options.path:
        path = settings_path()
        sys.stdout.write("" if path is None else f"{path}\n")
        return OK
    from mfdebug.config.listing import settings_lines

    sys.stdout.write("".join(f"{line}\n" for line in settings_lines(settings_of(options))))
    return OK


def keys(options: argparse.Namespace) -> int:
    """Write the keys in force."""
    settings = settings_of(options)
    from mfdebug.config.listing import key_lines

    sys.stdout.write("".join(f"{line}\n" for line in key_lines(settings)))
    return OK


def completion(options: argparse.Namespace) -> int:
    """Write the code that makes a shell complete the command line."""
    from mfdebug.cli.shell_completion import code_for

    sys.stdout.write(code_for(options.shell))
    return OK


COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {
    "record": record,
    "demo": demo,
    "quiz": quiz,
    "diff": diff,
    "config": config,
    "keys": keys,
    "completion": completion,
}
