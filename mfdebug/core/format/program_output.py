"""A program's output as it looks on a terminal, without the control sequences."""

from __future__ import annotations

import re

# CSI sequences (colours, cursor moves), OSC sequences (titles, links) up to their terminator.
_SEQUENCE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[ -/]*[0-~])")


def as_seen(line: str) -> str:
    """Return a line without escape sequences; of text overwritten with CR, only the last."""
    if "\x1b" in line:
        line = _SEQUENCE.sub("", line)
    return line.rstrip("\r").rpartition("\r")[2]
