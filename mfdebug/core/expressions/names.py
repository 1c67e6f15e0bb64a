"""How names of nodes and words are typed on a command line."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import TYPE_CHECKING

from mfdebug.core.expressions.functions import FUNCTIONS
from mfdebug.core.timeline.debugger import Debugger
from mfdebug.core.timeline.entry_ref import is_summed
from mfdebug.core.timeline.timeline import NODE_PHASES

if TYPE_CHECKING:
    from mfdebug.core.expressions.expression import Expression

RESERVED = {"and", "or", "not", "nan", "inf", *FUNCTIONS, *NODE_PHASES}


def typed(name: str) -> str:
    """Return a node's name as typed on a command line: in backquotes if it is not a plain word."""
    plain = re.fullmatch(r"[^\W\d][\w/]*", name) and name not in RESERVED
    return name if plain else quoted(name)


def quoted(name: str) -> str:
    """Return `name` in backquotes, which the parser always takes as that node."""
    return "`" + name.replace("`", "``") + "`"


def word_typed(word: str, names: Collection[str]) -> str:
    """Return a word as typed: `lr`, or `lr()` if a node has that name."""
    return f"{word}()" if word in names else word


def which_is_meant(expression: Expression, debugger: Debugger) -> str:
    """Return a note on the words of an expression that are names of nodes, or "".

    The note has no entry for a node `cost` that is the cost: both are the same number.
    """
    from mfdebug.core.expressions.scanner import WORD_MEANINGS

    graph = debugger.graph
    same = graph.by_name.get("cost") == graph.cost and not is_summed(debugger)
    notes = [
        f"{word} is the node; {word}() is {WORD_MEANINGS[word]}"
        for word in sorted(expression.hiding)
        if not (word == "cost" and same)
    ]
    return f"  ({'; '.join(notes)})" if notes else ""
