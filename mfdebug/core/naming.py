"""Nodes' names as a command line takes them."""

from __future__ import annotations

import re

from mfdebug.core.expressions import FUNCTIONS, quoted
from mfdebug.core.timeline import NODE_PHASES

RESERVED = {"and", "or", "not", "nan", "inf", *FUNCTIONS, *NODE_PHASES}


def typed(name: str) -> str:
    """Return a node's name as a command line takes it: in backquotes if it is an odd one."""
    plain = re.fullmatch(r"[^\W\d][\w/]*", name) and name not in RESERVED
    return name if plain else quoted(name)
