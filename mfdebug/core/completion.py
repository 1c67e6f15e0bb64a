"""What a command line that is being typed may become."""

from __future__ import annotations

import itertools
import re

from mfdebug.core.commands.places import typed
from mfdebug.core.commands.table import COMMANDS
from mfdebug.core.debugger import Debugger
from mfdebug.core.expressions import WORDS

MOST_COMPLETIONS = 50
# Commands whose argument begins with the name of a node.
NAMING = {"print", "set", "until"}


def complete(debugger: Debugger, line: str) -> list[str]:
    """Return whole lines that `line` may become: commands first, then names of nodes."""
    word, space, _ = line.partition(" ")
    if not space:
        return [f"{name} " for name in COMMANDS if name.startswith(word)]
    if word not in NAMING:
        return []
    if word == "set" and "=" in line:
        return []
    extra = [] if word == "until" else ["lr"] if word == "set" else [*WORDS]
    known = [*debugger.graph.by_name, *extra]
    # A name may hold a slash: the longest end of the line that begins a name counts.
    for start in sorted({match.end() for match in re.finditer(r"[ (+*/<>=,-]", line)}):
        begun = line[start:].removeprefix("`")
        names = (name for name in known if begun and name.startswith(begun))
        if found := [line[:start] + typed(n) for n in itertools.islice(names, MOST_COMPLETIONS)]:
            return found
    return []
