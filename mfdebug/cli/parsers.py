"""The argument parsers of the command line, one per command, with their completers.

`mfdebug GRAPH` has no command name; every other command is the first word. A completer is a
function from the typed prefix of a word to its completions.
"""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from mfdebug import __version__
from mfdebug.config.themes import AUTO, MANY_COLOURS
from mfdebug.opening.readers import PROGRAM, READERS, RUN_FILE, Kind, reader_of

Completer = Callable[..., Iterable[str]]
COMMANDS = {
    "record": "record a program's run into a file, without a screen",
    "demo": "play a demonstration: a graph and a script",
    "config": "show the settings in force, and where each comes from",
    "keys": "list the keys in force, in the format of the settings file",
    "completion": "print the completion code for bash, zsh or fish",
}
SHELLS = ("bash", "zsh", "fish")

EPILOG = """\
examples:
  mfdebug xor                              step through a shipped graph (see --list)
  mfdebug my-graph.json                    or through your own
  mfdebug prog.py                          or through a program, pass by pass
  mfdebug record prog.py -o run.mfrun      or record it, and step through that: mfdebug run.mfrun
  mfdebug xor --batch -c "sgd 3" -c "print cost"
  mfdebug xor --plain                      the same commands at a line prompt

other commands (mfdebug COMMAND --help; a graph file of such a name is ./demo):
""" + "\n".join(f"  mfdebug {name:<32} {words}" for name, words in COMMANDS.items())


def main_parser() -> argparse.ArgumentParser:
    """Return the parser of `mfdebug [GRAPH] ...`."""
    parser = argparse.ArgumentParser(
        prog="mfdebug",
        description="Step through backpropagation, one node at a time, forwards and back.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _complete(
        parser.add_argument(
            "graph",
            nargs="?",
            help="a graph file, the name of a shipped graph, a Python program, or a run file; "
            "without it, choose from a list",
        ),
        graphs_and_commands,
    )
    _complete(
        parser.add_argument(
            "arguments",
            nargs="*",
            metavar="args",
            help="arguments of the program; put -- before arguments that start with -",
        ),
        program_argument,
    )
    parser.add_argument("--list", action="store_true", help="list the shipped graphs")
    parser.add_argument("--version", action="version", version=f"mfdebug {__version__}")
    parser.add_argument("--batch", action="store_true", help="run commands without a screen")
    parser.add_argument("--plain", action="store_true", help="a line prompt instead of a screen")
    _complete(
        parser.add_argument(
            "-c",
            dest="commands",
            metavar="COMMAND",
            action="append",
            help="run a command first (repeatable)",
        ),
        nothing,
    )
    _complete(
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
        "--json", action="store_true", help="with --batch or --check: one JSON object per command"
    )
    parser.add_argument(
        "--check",
        action="store_true",
        help="check all gradients against finite differences; status 1 if one is wrong",
    )
    parser.add_argument(
        "--resume",
        action="store_true",
        help="continue the last session of the graph (by default, of the last graph)",
    )
    _complete(
        parser.add_argument(
            "--feed",
            metavar="NODE=VALUE",
            action="append",
            default=[],
            help="give an input its value: a number or a list (repeatable)",
        ),
        nothing,
    )
    _complete(
        parser.add_argument(
            "--save",
            metavar="FILE",
            help="save the program's network as a graph file, after all commands",
        ),
        any_file,
    )
    _complete(
        parser.add_argument(
            "--history-memory",
            metavar="MB",
            type=_megabytes,
            help="memory for the history (default 256)",
        ),
        nothing,
    )
    _add_screen_options(parser)
    return parser


def _add_screen_options(parser: argparse.ArgumentParser) -> None:
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


def record_parser() -> argparse.ArgumentParser:
    """Return the parser of `mfdebug record`."""
    parser = argparse.ArgumentParser(
        prog="mfdebug record",
        description="Run a program as python does, and record what its nodes compute.",
        epilog="mfdebug FILE opens the recorded run, on this or another machine.",
    )
    _complete(parser.add_argument("program", metavar="PROGRAM", help="a Python program"), programs)
    _complete(
        parser.add_argument(
            "arguments",
            nargs="*",
            metavar="args",
            help="arguments of the program; put -- before arguments that start with -",
        ),
        any_file,
    )
    _complete(
        parser.add_argument(
            "-o",
            dest="output",
            metavar="FILE",
            type=_run_file,
            required=True,
            help=f"the file, which ends in {RUN_FILE.suffix}",
        ),
        any_file,
    )
    _complete(
        parser.add_argument(
            "--most",
            metavar="MB",
            type=_megabytes,
            default=2048,
            help="the maximum size of the file; older passes are thinned (default 2048)",
        ),
        nothing,
    )
    return parser


def demo_parser() -> argparse.ArgumentParser:
    """Return the parser of `mfdebug demo`."""
    parser = argparse.ArgumentParser(
        prog="mfdebug demo",
        description="Play a demonstration; without a name, list the shipped ones.",
    )
    _complete(
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
    _complete(
        parser.add_argument("--export", metavar="FILE", help="write it as a recording"), any_file
    )
    _complete(
        parser.add_argument(
            "--size",
            metavar="COLUMNSxROWS",
            type=_size,
            help="with --export: the size of the terminal, as in 80x24",
        ),
        nothing,
    )
    _add_screen_options(parser)
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
    "config": config_parser,
    "keys": keys_parser,
    "completion": completion_parser,
}


def _run_file(text: str) -> Path:
    if reader_of(text).kind is not Kind.RUN:
        raise argparse.ArgumentTypeError(f"{text!r} does not end in {RUN_FILE.suffix}")
    return Path(text)


def _megabytes(text: str) -> float:
    try:
        size = float(text)
    except ValueError:
        size = 0.0
    if not 0 < size < 1e6:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of megabytes above 0")
    return size


def _size(text: str) -> tuple[int, int]:
    size = re.fullmatch(r"(\d{1,4})x(\d{1,4})", text)
    if size is None or not int(size[1]) or not int(size[2]):
        raise argparse.ArgumentTypeError(f"{text!r} is not COLUMNSxROWS, as in 80x24")
    return int(size[1]), int(size[2])


# What is completed ---------------------------------------------------------------------------


def _complete(action: argparse.Action, completer: Completer) -> None:
    # argcomplete looks for this attribute.
    action.completer = completer  # type: ignore[attr-defined]


def nothing(**_: Any) -> Iterable[str]:
    """Complete nothing: the word is free text."""
    return ()


def any_file(prefix: str, **_: Any) -> Iterable[str]:
    """Complete a path."""
    return _paths(prefix, ("",))


def program_argument(prefix: str, parsed_args: argparse.Namespace, **_: Any) -> Iterable[str]:
    """Complete an argument of a program, which may be a path; graphs take no arguments."""
    takes_arguments = reader_of(parsed_args.graph).kind is Kind.PROGRAM
    return _paths(prefix, ("",)) if takes_arguments else ()


def programs(prefix: str, **_: Any) -> Iterable[str]:
    """Complete a program."""
    return _paths(prefix, (PROGRAM.suffix,))


def graphs_and_commands(prefix: str, **_: Any) -> Iterable[str]:
    """Complete a graph, a program, a run file or a command."""
    from mfdebug.opening.shipped import names

    found = [*names(), *COMMANDS]
    files = _paths(prefix, tuple(reader.suffix for reader in READERS))
    return [*(name for name in found if name.startswith(prefix)), *files]


def demos(prefix: str, **_: Any) -> Iterable[str]:
    """Complete a demo."""
    from mfdebug.opening.shipped import shipped_demos

    found = [demo.name for demo in shipped_demos()]
    return [*(name for name in found if name.startswith(prefix)), *_paths(prefix, (".demo",))]


def _paths(prefix: str, endings: tuple[str, ...]) -> list[str]:
    """Return the folders that start with `prefix`, and the files with one of the `endings`."""
    folder, slash, typed = prefix.rpartition("/")
    before = folder + slash
    try:
        entries = list(os.scandir(os.path.expanduser(before) or "."))
    except (OSError, ValueError):
        return []
    found = []
    for entry in entries:
        if not entry.name.startswith(typed) or (entry.name.startswith(".") and not typed):
            continue
        if entry.is_dir():
            found.append(f"{before}{entry.name}/")
        elif entry.name.endswith(endings):
            found.append(before + entry.name)
    return sorted(found)
