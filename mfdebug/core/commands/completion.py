"""What a command line that is being typed may become."""

from __future__ import annotations

import itertools
import re

from mfdebug.core.breakpoints.parser import RULE_NAMES
from mfdebug.core.commands.table import COMMANDS
from mfdebug.core.expressions.names import typed, word_typed
from mfdebug.core.expressions.parser import WORDS
from mfdebug.core.timeline.debugger import Debugger
from mfdebug.core.timeline.timeline import NODE_PHASES

MOST_COMPLETIONS = 50
# Commands whose argument begins with the name of a node.
NAMING = {"print", "set", "until", "break", "tbreak", "why", "last", "check", "watch"}
# Words of their language, besides names.
STOP_WORDS = ["if", "on-change", "health", "at", "except", *RULE_NAMES, *NODE_PHASES, *WORDS]
MOMENTS = ["start", "end", "sgd ", "now"]
OTHER_WORDS: dict[str, list[str]] = {
    "print": [*WORDS],
    "watch": [*WORDS],
    "set": ["lr"],
    "until": [*NODE_PHASES],
    "break": STOP_WORDS,
    "tbreak": STOP_WORDS,
    "why": ["grad"],
}


def complete(debugger: Debugger, line: str) -> list[str]:
    """Return whole lines that `line` may become: commands first, then names of nodes."""
    word, space, _ = line.partition(" ")
    if not space:
        return [f"{name} " for name in COMMANDS if name.startswith(word)]
    if word == "goto":
        return [f"goto {moment}" for moment in MOMENTS if moment.startswith(line[len("goto ") :])]
    if word == "graph":
        numbers = (f"graph {number}" for number in range(1, len(debugger.lines) + 1))
        return [text for text in numbers if text.startswith(line)]
    if word not in NAMING:
        return []
    if word == "set" and "=" in line:
        return []
    names = debugger.graph.by_name
    words = [
        word_typed(other, names) if other in WORDS else other
        for other in OTHER_WORDS.get(word, [])
        # The node of that name that is the cost stands for the word as well.
        if other not in names or (other in WORDS and names[other] != debugger.graph.cost)
    ]
    # A name may hold a slash: the longest end of the line that begins a name counts.
    for start in sorted({match.end() for match in re.finditer(r"[ (+*/<>=,-]", line)}):
        begun = line[start:].removeprefix("`")
        if not begun:
            continue
        begin_so = (typed(name) for name in names if name.startswith(begun))
        texts = itertools.chain(begin_so, (other for other in words if other.startswith(begun)))
        if found := [line[:start] + text for text in itertools.islice(texts, MOST_COMPLETIONS)]:
            return found
    return []
