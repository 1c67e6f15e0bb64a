"""What the options of `mfdebug [GRAPH] ...` come to: settings, lines, feeds, and what clashes."""

from __future__ import annotations

import argparse
import io
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mfdebug.cli.program_words import kind_of
from mfdebug.config.ascii import register
from mfdebug.config.terminal import Abilities, abilities, has_screen
from mfdebug.opening.given import COST, LABELS, path_given
from mfdebug.opening.readers import Kind

if TYPE_CHECKING:
    from mfdebug.config.settings import Settings

# Options that do without the app.
WITHOUT_SCREEN = ("batch", "plain", "check", "save", "draw", "html", "summary")
# Options that are settings, by the name of the setting.
SETTINGS = {
    "theme": "--theme",
    "ascii_only": "--ascii",
    "history_memory": "--history-memory",
    "present": "--present",
    "show_keys": "--show-keys",
    "live": "--live",
}


def settings_of(options: argparse.Namespace) -> Settings:
    """Return the settings in force; raise `MiniflowError` for an invalid settings file."""
    from mfdebug.config.settings import read_settings

    settings = read_settings()
    for name, option in SETTINGS.items():
        given = getattr(options, name, None)
        # These can be switched off; for the others False means that they are not given.
        if given or (given is False and name in ("ascii_only", "live")):
            settings = settings.overridden(option, **{name: given})
    return settings


def lines_of(given: list[str | Path]) -> list[str]:
    """Return the command lines of -c and -x, in their order.

    Raises `MiniflowError` with the line of a script that is not a command.
    """
    from mfdebug.core.commands.interpreter import read_commands

    lines: list[str] = []
    for source in given:
        if isinstance(source, Path):
            lines += [line for _, line in read_commands(source).lines]
        else:
            lines.append(source)
    return lines


def feeds_of(given: list[str]) -> dict[str, Any]:
    """Return the values of `--feed`; raise `FeedError` for one that is not NODE=VALUE."""
    import json

    from miniflow.errors import FeedError

    feeds: dict[str, Any] = {}
    for text in given:
        name, equals, value = text.partition("=")
        try:
            if not (name and equals):
                raise ValueError
            feeds[name] = path_given(value) or json.loads(value)
        except (ValueError, RecursionError):
            raise FeedError(
                f"{text!r} is not NODE=VALUE with a number, a list or an .npy file",
                where="--feed",
                hint="as in --feed x=3, --feed 'X=[[1,2],[3,4]]' or --feed x=x.npy",
            ) from None
    return feeds


def model_options_of(options: argparse.Namespace) -> dict[str, Any]:
    """Return `--cost` and `--labels`; raise `FeedError` for labels that are neither file nor list.

    Labels can be written without brackets: 3,1,4.
    """
    import json

    from miniflow.errors import FeedError

    found: dict[str, Any] = {}
    if options.cost is not None:
        found[COST] = options.cost
    if options.labels is not None:
        text = options.labels
        try:
            bare = text if text[:1] == "[" else f"[{text}]"
            found[LABELS] = path_given(text) or json.loads(bare)
        except (ValueError, RecursionError):
            raise FeedError(
                f"{text!r} is neither an .npy file nor numbers",
                where="--labels",
                hint="as in --labels 3,1,4 or --labels y.npy",
            ) from None
    return found


def every_of(options: argparse.Namespace) -> int:
    """Return how many passes of a program apart those are that are kept whole, from the options.

    0 means as many as there is time for.
    """
    from mfdebug.debuggee.ring import NEVER

    every: int = NEVER if options.costs else options.every or 0
    return every


def problem_with(options: argparse.Namespace) -> str:
    """Return why the options cannot be combined, or an empty string."""
    if options.attach:
        return ""
    if options.batch and options.plain:
        return "--batch and --plain are mutually exclusive"
    if options.check and options.plain:
        return "--check and --plain are mutually exclusive"
    if problem := _drawing_conflict(options) or _alone_conflict(options):
        return problem
    if options.json and not (options.batch or options.check or options.twice or options.summary):
        return "--json requires --batch, --check, --twice or --summary"
    if problem := _program_conflict(options) if is_recorded(options) else _graph_conflict(options):
        return problem
    if options.batch and not (
        options.commands or options.check or options.save or options.draw or options.html
    ):
        return '--batch needs commands: -c "COMMAND" or -x SCRIPT'
    if options.resume:
        return ""
    needs_graph = (
        options.batch,
        options.plain,
        options.check,
        options.draw,
        options.html,
        options.summary,
        options.feed,
        options.cost,
    )
    if options.graph is None and any(needs_graph):
        return "name a graph file, or a shipped graph (see mfdebug --list)"
    return ""


def _drawing_conflict(options: argparse.Namespace) -> str:
    if options.html:
        for name in ("plain", "json", "draw"):
            if getattr(options, name):
                return f"--html and --{name} are mutually exclusive"
        if kind_of(options) is Kind.PROGRAM:
            program = f"-m {options.module}" if options.module else options.graph
            hint = f"mfdebug record {program} -o RUN.mfrun makes one"
            return f"--html requires a graph or a run file ({hint})"
    if options.draw:
        for name in ("plain", "json"):
            if getattr(options, name):
                hint = "; -c draw prints it there" if name == "json" else ""
                return f"--draw and --{name} are mutually exclusive{hint}"
        return ""
    needs = {"--at": options.at, "--width": options.width, "-o": options.output}
    return next((f"{name} requires --draw" for name, value in needs.items() if value), "")


def _alone_conflict(options: argparse.Namespace) -> str:
    """Return what cannot be combined with `--twice` or `--summary`, or an empty string."""
    chosen = [name for name in ("twice", "summary") if getattr(options, name)]
    if not chosen:
        return ""
    others = ["batch", "plain", "check", "draw", "save", "resume", "commands", "html"]
    clash = [*chosen[1:], *(name for name in others if getattr(options, name))]
    if clash:
        other = {"commands": "-c"}.get(clash[0], f"--{clash[0]}")
        return f"--{chosen[0]} and {other} are mutually exclusive"
    if options.twice and kind_of(options) is not Kind.PROGRAM:
        return "--twice requires a program"
    return ""


def is_recorded(options: argparse.Namespace) -> bool:
    """Whether the options name a program or a run file, rather than a graph."""
    return bool(options.attach) or kind_of(options) is not Kind.GRAPH


def _program_conflict(options: argparse.Namespace) -> str:
    if options.feed:
        return "--feed requires a graph: a program feeds its own inputs"
    if (options.every or options.costs) and kind_of(options) is Kind.RUN:
        return "--every and --costs require a program: a run file has what it has"
    if options.live and (problem := _live_conflict(options)):
        return problem
    if options.cost or options.labels:
        return "--cost and --labels require a model: a program computes its own cost"
    if options.arguments and kind_of(options) is Kind.RUN:
        return f"{options.arguments[0]!r} is too much: only a program takes arguments"
    return ""


def _live_conflict(options: argparse.Namespace) -> str:
    if kind_of(options) is Kind.RUN:
        return "--live requires a program: a run file runs nothing"
    without = [name for name in WITHOUT_SCREEN if getattr(options, name)]
    if options.twice:
        without.append("twice")
    return f"--live and --{without[0]} are mutually exclusive" if without else ""


def _graph_conflict(options: argparse.Namespace) -> str:
    if options.live:
        return "--live requires a program"
    if options.every or options.costs:
        return "--every and --costs require a program"
    if options.arguments:
        return f"{options.arguments[0]!r} is too much: only a program takes arguments"
    return "--save requires a program" if options.save else ""


def wants_screen(options: argparse.Namespace) -> bool:
    """Whether the app is asked for, and there is a terminal for it."""
    return not any(getattr(options, name) for name in WITHOUT_SCREEN) and has_screen()


def write_ascii(options: argparse.Namespace, settings: Settings) -> None:
    """Write only ASCII if that is set, or if the output is a terminal that needs it.

    Output for programs stays UTF-8: JSON, and pipes.
    """
    if options.json:
        return
    ascii_only = settings.ascii_only
    for stream in (sys.stdout, sys.stderr):
        if ascii_only is None and stream.isatty():
            ascii_only = abilities().ascii_only
        if ascii_only and isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="ascii", errors=register())


def abilities_of(settings: Settings) -> Abilities:
    """Return the terminal's abilities, and prepare Textual, which must not be imported yet."""
    able = abilities(theme=settings.theme, ascii_only=settings.ascii_only)
    able.prepare()
    return able
