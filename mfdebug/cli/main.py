"""The command line. `--help`, `--version` and `--list` import neither numpy nor textual.

The modules for settings and shell completion, too, are imported only when they are needed.
"""

from __future__ import annotations

import argparse
import errno
import importlib
import io
import os
import sys
from collections.abc import Sequence

from mfdebug import __version__
from mfdebug.cli.exit_status import FAILED, OK, unusable
from mfdebug.cli.parsed_options import feeds_of, is_recorded, problem_with, settings_of
from mfdebug.cli.parsers import PARSERS, main_parser
from mfdebug.cli.program_words import kind_of, parse, resume_module
from mfdebug.cli.words import COMMANDS, record
from mfdebug.config.ascii import register
from mfdebug.opening.readers import Kind

# The variables that a shell sets when it requests completions.
COMPLETION_ASKED = {"_ARGCOMPLETE", "COMP_LINE"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit status."""
    for name in ("stdin", "stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by the parent process
            setattr(sys, name, open(os.devnull, "r+", encoding="utf-8"))  # noqa: SIM115
    if os.environ.keys() >= COMPLETION_ASKED:
        from mfdebug.cli.shell_completion import answer

        answer()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # Characters that the encoding lacks are written as similar ASCII characters.
            stream.reconfigure(errors=register())
    try:
        status = _run(arguments)
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader of the output has exited, as `head` does, so no message is written.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EIO):
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return unusable(f"cannot write output: {error.strerror}")
    return status


def _run(arguments: Sequence[str] | None) -> int:
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words == ["--version"]:
        # Before a parser with all options is made, which would take as long as the rest.
        sys.stdout.write(f"mfdebug {__version__}\n")
        return OK
    if words and words[0] in PARSERS:
        options = parse(PARSERS[words[0]](), words[1:])
        if words[0] == "diff" and len(options.files) > 2:
            return unusable(f"{options.files[2]!r} is too much: diff compares two files")
        run = COMMANDS[words[0]]
    else:
        options = parse(main_parser(), words)
        if options.list:
            return _list()
        if problem := problem_with(options):
            return unusable(problem)
        run = _debug
    if run is record or (run is _debug and is_recorded(options)):
        _load_numpy()
    from miniflow.errors import MiniflowError

    try:
        return run(options)
    except MiniflowError as error:
        return unusable(str(error))


def _load_numpy() -> None:
    """Import NumPy with a single BLAS thread: more threads would only delay the first screen.

    The environment is restored for the program.
    """
    name = "OPENBLAS_NUM_THREADS"
    if name in os.environ:
        return
    os.environ[name] = "1"
    try:
        importlib.import_module("numpy")
    finally:
        del os.environ[name]


def _debug(options: argparse.Namespace) -> int:
    """Debug what the first word names; raise `MiniflowError` if it is unusable."""
    settings = settings_of(options)
    feeds = feeds_of(options.feed)
    if options.resume and options.graph is None:
        from mfdebug.core.commands.interpreter import check_known
        from mfdebug.core.session.store import SessionStore

        left = SessionStore(check_known).latest()
        options.graph, feeds = left.graph, {**left.feeds, **feeds}
        options.arguments = list(left.arguments)
        options.resumed_options = left.options
        resume_module(options, left.options)
    if not is_recorded(options):
        from mfdebug.cli.graphs import debug_graph

        return debug_graph(options, settings, feeds)
    from mfdebug.cli.programs import debug_attached, debug_program, debug_run_file

    if options.attach:
        return debug_attached(options, settings)
    if options.twice:
        from mfdebug.cli.twice import run_twice

        return run_twice(options, settings)
    is_program = kind_of(options) is Kind.PROGRAM
    return (debug_program if is_program else debug_run_file)(options, settings)


def _list() -> int:
    from mfdebug.core.format.table import Column, Row, Table
    from mfdebug.opening.shipped import shipped, shipped_models, shipped_runs

    rows = tuple(
        Row((graph.name, graph.description.split(". ")[0].rstrip(".")))
        for graph in [*shipped(), *shipped_models(), *shipped_runs()]
    )
    lines = Table((Column(), Column()), rows).lines()
    sys.stdout.writelines(f"{line}\n" for line in lines)
    return OK
