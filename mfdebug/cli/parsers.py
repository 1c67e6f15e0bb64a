"""The argument parsers of the command line, one per command.

`mfdebug GRAPH` has no command name; every other command is the first word.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from mfdebug import __version__
from mfdebug.cli.argument_types import (
    megabytes,
    run_file,
    seed,
    size,
    tolerance,
)
from mfdebug.cli.completers import (
    COMMANDS,
    any_file,
    comparable,
    complete_with,
    course_graphs,
    demos,
    graphs_and_commands,
    modules,
    nothing,
    program_argument,
    programs,
)
from mfdebug.cli.option_groups import (
    add_drawing_options,
    add_feeds,
    add_model_options,
    add_pace_options,
    add_screen_options,
)
from mfdebug.opening.readers import RUN_FILE

SHELLS = ("bash", "zsh", "fish")

EPILOG = """\
examples:
  mfdebug xor                              step through a shipped graph (see --list)
  mfdebug my-graph.json                    or through your own
  mfdebug model.onnx --labels 3,1,4        or through a model that another library saved
  mfdebug prog.py                          or through a program, pass by pass
  mfdebug -m package.module                or what `python -m` runs, in the same way
  mfdebug record prog.py -o run.mfrun      or record it, and step through that: mfdebug run.mfrun
  mfdebug xor --batch -c "sgd 3" -c "print cost"
  mfdebug xor --plain                      the same commands at a line prompt

other commands (mfdebug COMMAND --help; a graph file of that name is ./demo):
""" + "\n".join(f"  mfdebug {name:<32} {words}" for name, words in COMMANDS.items())


def main_parser() -> argparse.ArgumentParser:
    """Return the parser of `mfdebug [GRAPH] ...`."""
    parser = argparse.ArgumentParser(
        prog="mfdebug",
        description="Step through backpropagation, one node at a time, forwards and back.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    complete_with(
        parser.add_argument(
            "graph",
            nargs="?",
            help="a graph file, a model (.onnx, .pt2), the name of a shipped graph, a Python "
            "program, or a run file; without it, choose from a list",
        ),
        graphs_and_commands,
    )
    complete_with(
        parser.add_argument(
            "arguments",
            nargs="*",
            metavar="args",
            help="arguments of the program; put -- before arguments that start with -",
        ),
        program_argument,
    )
    _add_module(parser)
    parser.add_argument("--list", action="store_true", help="list the shipped graphs")
    parser.add_argument("--version", action="version", version=f"mfdebug {__version__}")
    parser.add_argument("--batch", action="store_true", help="run commands without a screen")
    parser.add_argument("--plain", action="store_true", help="a line prompt instead of a screen")
    complete_with(
        parser.add_argument(
            "-c",
            dest="commands",
            metavar="COMMAND",
            action="append",
            help="run a command first (repeatable)",
        ),
        nothing,
    )
    complete_with(
        parser.add_argument(
            "-x",
            dest="commands",
            metavar="SCRIPT",
            action="append",
            type=Path,
            help="run the commands of a file first (repeatable)",
        ),
        any_file,
    )
    # Used by a program that calls `set_trace` to start mfdebug: the path of its ring, the file
    # descriptor of its output, and its name.
    parser.add_argument("--attach", nargs=3, help=argparse.SUPPRESS)
    parser.add_argument(
        "--json", action="store_true", help="with --batch, --check, --twice or --summary: JSON"
    )
    parser.add_argument(
        "--check",
        action="store_true",
        help="check all gradients against finite differences; status 1 if one is wrong",
    )
    parser.add_argument(
        "--twice",
        action="store_true",
        help="run a program twice, and say whether it repeats itself; status 1 if not",
    )
    parser.add_argument(
        "--summary",
        action="store_true",
        help="list the modules with their shapes and parameters",
    )
    add_drawing_options(parser)
    parser.add_argument(
        "--resume",
        action="store_true",
        help="continue the last session of the graph (by default, of the last graph)",
    )
    add_feeds(parser)
    add_model_options(parser)
    add_pace_options(parser)
    parser.add_argument(
        "--live",
        action=argparse.BooleanOptionalAction,
        help="let a program run at once, with a table of its modules, until a key pauses it",
    )
    complete_with(
        parser.add_argument(
            "--save",
            metavar="FILE",
            help="save the program's network as a graph file, after all commands",
        ),
        any_file,
    )
    complete_with(
        parser.add_argument(
            "--history-memory",
            metavar="MB",
            type=megabytes,
            help="memory for the history (default 256 to 1024, by the machine)",
        ),
        nothing,
    )
    add_screen_options(parser)
    return parser


def _add_module(parser: argparse.ArgumentParser) -> None:
    complete_with(
        parser.add_argument(
            "-m",
            "--module",
            metavar="MODULE",
            help="a module in place of a program, run as by python -m",
        ),
        modules,
    )


def record_parser() -> argparse.ArgumentParser:
    """Return the parser of `mfdebug record`."""
    parser = argparse.ArgumentParser(
        prog="mfdebug record",
        description="Run a program as python does, and record what its nodes compute.",
        epilog="mfdebug FILE opens the recorded run, on this or another machine.",
    )
    complete_with(
        parser.add_argument("program", metavar="PROGRAM", nargs="?", help="a Python program"),
        programs,
    )
    complete_with(
        parser.add_argument(
            "arguments",
            nargs="*",
            metavar="args",
            help="arguments of the program; put -- before arguments that start with -",
        ),
        any_file,
    )
    _add_module(parser)
    complete_with(
        parser.add_argument(
            "-o",
            dest="output",
            metavar="FILE",
            type=run_file,
            required=True,
            help=f"the file, which ends in {RUN_FILE.suffix}",
        ),
        any_file,
    )
    complete_with(
        parser.add_argument(
            "--most",
            metavar="MB",
            type=megabytes,
            default=2048,
            help="the maximum size of the file; older passes are thinned (default 2048)",
        ),
        nothing,
    )
    add_pace_options(parser)
    return parser


def demo_parser() -> argparse.ArgumentParser:
    """Return the parser of `mfdebug demo`."""
    parser = argparse.ArgumentParser(
        prog="mfdebug demo",
        description="Play a demonstration; without a name, list the shipped ones.",
    )
    complete_with(
        parser.add_argument(
            "demo",
            nargs="?",
            metavar="NAME|FILE",
            help="a shipped demonstration, or a file; without it, list them",
        ),
        demos,
    )
    parser.add_argument(
        "--check", action="store_true", help="run it without a screen; status 1 if a line fails"
    )
    complete_with(
        parser.add_argument("--export", metavar="FILE", help="write it as a recording"), any_file
    )
    complete_with(
        parser.add_argument(
            "--size",
            metavar="COLUMNSxROWS",
            type=size,
            help="with --export: the size of the terminal, as in 80x24",
        ),
        nothing,
    )
    add_screen_options(parser)
    return parser


def quiz_parser() -> argparse.ArgumentParser:
    """Return the parser of `mfdebug quiz`."""
    parser = argparse.ArgumentParser(
        prog="mfdebug quiz",
        description="Predict what backpropagation computes, over the shipped graphs from simple "
        "to hard. It continues where you left off.",
        epilog="Without a terminal, or with --plain, each line of the input is an answer.",
    )
    complete_with(
        parser.add_argument(
            "graph", nargs="?", metavar="GRAPH", help="start at this graph of the course"
        ),
        course_graphs,
    )
    parser.add_argument("--restart", action="store_true", help="start the course again")
    complete_with(
        parser.add_argument(
            "--seed",
            metavar="N",
            type=seed,
            help="ask about other entries and inputs (default 0); another seed restarts the course",
        ),
        nothing,
    )
    parser.add_argument("--plain", action="store_true", help="a line prompt instead of a screen")
    parser.set_defaults(json=False)
    add_screen_options(parser)
    return parser


def diff_parser() -> argparse.ArgumentParser:
    """Return the parser of `mfdebug diff`."""
    parser = argparse.ArgumentParser(
        prog="mfdebug diff",
        description="Run one pass of two graphs, and find the first node that differs; or compare "
        "two recorded runs of a program, and find the first value and the first gradient that do.",
        epilog="With one file, its graph in float64 is compared with itself in float32. Status 1 "
        "if something differs.",
    )
    complete_with(
        parser.add_argument(
            "files",
            metavar="FILE",
            nargs="+",
            help="graph files, models or shipped graphs, or two run files",
        ),
        comparable,
    )
    add_feeds(parser)
    add_model_options(parser)
    complete_with(
        parser.add_argument(
            "--tolerance",
            metavar="RELATIVE",
            type=tolerance,
            help="up to which relative difference numbers are equal (default 1e-9, or 1e-3 in "
            "float32; 0 for run files)",
        ),
        nothing,
    )
    parser.add_argument(
        "--bits", action="store_true", help="of run files: -0.0 is not equal to 0.0"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object")
    return parser


def config_parser() -> argparse.ArgumentParser:
    """Return the parser of `mfdebug config`."""
    parser = argparse.ArgumentParser(
        prog="mfdebug config",
        description="Show every setting in force, its origin, and what auto means here.",
    )
    parser.add_argument("--path", action="store_true", help="only print the path of the file")
    return parser


def keys_parser() -> argparse.ArgumentParser:
    """Return the parser of `mfdebug keys`."""
    return argparse.ArgumentParser(
        prog="mfdebug keys",
        description="List the keys in force, in the format of the settings file.",
    )


def completion_parser() -> argparse.ArgumentParser:
    """Return the parser of `mfdebug completion`."""
    parser = argparse.ArgumentParser(
        prog="mfdebug completion",
        description="Print shell code that completes mfdebug command lines.",
        epilog="""\
bash:  mfdebug completion bash > ~/.local/share/bash-completion/completions/mfdebug
zsh:   mfdebug completion zsh > a file _mfdebug in a folder of $fpath
fish:  mfdebug completion fish > ~/.config/fish/completions/mfdebug.fish
or, only for this shell:  eval "$(mfdebug completion bash)\"""",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("shell", choices=SHELLS, help="the shell")
    return parser


PARSERS: dict[str, Callable[[], argparse.ArgumentParser]] = {
    "record": record_parser,
    "demo": demo_parser,
    "quiz": quiz_parser,
    "diff": diff_parser,
    "config": config_parser,
    "keys": keys_parser,
    "completion": completion_parser,
}
