"""`mfdebug GRAPH --draw`: prints the graph as it is drawn at a moment, or writes it to a file.

And the choice between that and the page of `--html`.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from mfdebug.config.ascii import register
from mfdebug.config.settings import Settings
from mfdebug.config.terminal import abilities
from mfdebug.core.circuit.svg import svg
from mfdebug.core.circuit.text import coloured_text, plain_text
from mfdebug.core.commands.draw import LEAST_WIDTH
from mfdebug.core.commands.drawing import caption, drawn
from mfdebug.core.session.session import Session
from mfdebug.core.timeline.debugger import DebuggerError
from miniflow.errors import MiniflowError
from miniflow.files.atomic import replace_file

# Where the output is no terminal.
DEFAULT_WIDTH = 80


def last_of(options: argparse.Namespace, settings: Settings) -> Callable[[Session], bool] | None:
    """Return what writes the drawing or the page that is asked for, or None."""
    if options.html:
        from mfdebug.cli.html import write_page

        return partial(write_page, path=options.html)
    return partial(write_drawing, options=options, settings=settings) if options.draw else None


def go_there(session: Session, moment: str) -> None:
    """Go to the moment of `--at`; raise `DebuggerError` if it does not exist."""
    reply = session.run(f"goto {moment}")
    if reply.stopped:
        raise DebuggerError(reply.stopped)


def write_drawing(session: Session, options: argparse.Namespace, settings: Settings) -> bool:
    """Go to the moment asked for, and print the drawing or write its file; whether it worked."""
    try:
        if options.at is not None:
            go_there(session, options.at)
    except MiniflowError as error:
        sys.stderr.write(f"--at {options.at}: {error}\n")
        return False
    output: Path | None = options.output
    if output is None:
        sys.stdout.write(_text(session, options.width or _terminal_width(), coloured=_colours()))
        return True
    try:
        replace_file(output, _content(session, options, settings), str(output))
    except MiniflowError as error:
        sys.stderr.write(f"-o {error}\n")
        return False
    return True


def _terminal_width() -> int:
    if not sys.stdout.isatty():
        return DEFAULT_WIDTH
    return max(LEAST_WIDTH, shutil.get_terminal_size((DEFAULT_WIDTH, 24)).columns)


def _colours() -> bool:
    return sys.stdout.isatty() and abilities().colours != "none"


def _text(session: Session, width: int, *, coloured: bool) -> str:
    debugger = session.debugger
    rows = drawn(debugger, width).draw(debugger)
    text = coloured_text(rows) if coloured else plain_text(rows)
    return "\n".join([text, "", *caption(debugger, rows)]) + "\n"


def _content(session: Session, options: argparse.Namespace, settings: Settings) -> bytes:
    debugger, width = session.debugger, options.width or DEFAULT_WIDTH
    if options.output.suffix != ".svg":
        text = _text(session, width, coloured=False)
        return text.encode("ascii", register()) if settings.ascii_only else text.encode()
    circuit = drawn(debugger, width)
    rows = circuit.draw(debugger)
    title = "; ".join(caption(debugger, rows))
    return svg(rows, circuit.width, title, background=True).encode()
