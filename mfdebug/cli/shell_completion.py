"""Shell completion: the shell runs this program to complete a line.

argcomplete uses the parsers of the command line, so that completions are always valid. It is
imported only when the shell requests completions.
"""

from __future__ import annotations

import argparse
import os

from mfdebug.cli.completers import COMMANDS
from mfdebug.cli.parsers import PARSERS, main_parser


def answer() -> None:
    """Write the completions of the shell's line, and end the process."""
    import argcomplete

    line = os.environ.get("COMP_LINE", "")
    point = int(os.environ.get("COMP_POINT", len(line)))
    argcomplete.autocomplete(_parser_for(line[:point]), always_complete_options=False)


def _parser_for(line: str) -> argparse.ArgumentParser:
    """Return the parser for an incomplete line, up to the cursor."""
    words = line.split()
    command = words[1] if len(words) > 1 else ""
    if command not in COMMANDS or (len(words) == 2 and not line[-1:].isspace()):
        return main_parser()
    parser = argparse.ArgumentParser(prog="mfdebug")
    parser.add_subparsers().add_parser(
        command, parents=[PARSERS[command]()], conflict_handler="resolve"
    )
    return parser


def code_for(shell: str) -> str:
    """Return the code that enables completion in a shell."""
    from argcomplete.shell_integration import shellcode

    return shellcode(["mfdebug"], shell=shell)
