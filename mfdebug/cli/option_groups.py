"""Options that belong together, and that several commands of the command line take."""

from __future__ import annotations

import argparse

from mfdebug.cli.argument_types import columns, drawing_file, html_file, passes
from mfdebug.cli.completers import any_file, complete_with, nothing
from mfdebug.config.themes import AUTO, MANY_COLOURS


def add_feeds(parser: argparse.ArgumentParser) -> None:
    """Add the values of inputs."""
    complete_with(
        parser.add_argument(
            "--feed",
            metavar="NODE=VALUE",
            action="append",
            default=[],
            help="give an input its value: a number, a list, or an .npy file (repeatable)",
        ),
        nothing,
    )


def add_model_options(parser: argparse.ArgumentParser) -> None:
    """Add the options for a model, whose file has no cost."""
    parser.add_argument(
        "--cost",
        choices=("cross-entropy", "mse", "sum"),
        metavar="COST",
        help="the cost of a model's output: cross-entropy, mse or sum",
    )
    complete_with(
        parser.add_argument(
            "--labels",
            metavar="LABELS",
            help="what a model's output is compared with: numbers such as 3,1,4, or an .npy file",
        ),
        any_file,
    )


def add_pace_options(parser: argparse.ArgumentParser) -> None:
    """Add the options for how much of a program's run is kept."""
    options = parser.add_mutually_exclusive_group()
    complete_with(
        options.add_argument(
            "--every",
            metavar="N",
            type=passes,
            help="keep every Nth pass of a program whole, and the cost of each "
            "(default: as many as there is time for)",
        ),
        nothing,
    )
    options.add_argument(
        "--costs",
        action="store_true",
        help="keep only the cost of each pass of a program, unless you look at it",
    )


def add_screen_options(parser: argparse.ArgumentParser) -> None:
    """Add the options for the display of the app and of a demo."""
    screen = parser.add_argument_group("the screen")
    screen.add_argument(
        "--theme",
        choices=(AUTO, *MANY_COLOURS),
        metavar="NAME",
        help="the colours: dark, light, contrast, nord, ...",
    )
    screen.add_argument(
        "--ascii",
        dest="ascii_only",
        action=argparse.BooleanOptionalAction,
        help="draw with ASCII only, or with all characters",
    )
    screen.add_argument(
        "--present", action="store_true", help="layout for a projector: fewer panels, more space"
    )
    screen.add_argument("--show-keys", action="store_true", help="show the pressed keys")


def add_drawing_options(parser: argparse.ArgumentParser) -> None:
    """Add the options for a drawing, and for a page."""
    parser.add_argument(
        "--draw", action="store_true", help="print the graph as a drawing, after all commands"
    )
    complete_with(
        parser.add_argument(
            "--at",
            metavar="MOMENT",
            help="with --draw: a moment as in `goto`: 61, end, 'sgd 3' (default: where it is)",
        ),
        nothing,
    )
    complete_with(
        parser.add_argument(
            "--width",
            metavar="COLUMNS",
            type=columns,
            help="with --draw: the most columns (default: the terminal's, or 80)",
        ),
        nothing,
    )
    complete_with(
        parser.add_argument(
            "-o",
            dest="output",
            metavar="FILE",
            type=drawing_file,
            help="with --draw: the file to write, which ends in .svg or .txt",
        ),
        any_file,
    )
    complete_with(
        parser.add_argument(
            "--html",
            metavar="FILE",
            type=html_file,
            help="write a page that needs no network: the moments of a pass and of the run",
        ),
        any_file,
    )
