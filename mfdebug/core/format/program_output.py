"""What a program has printed, as it would be seen on a terminal: without what a terminal obeys."""

from __future__ import annotations

import re

# Colours and moves of the cursor; titles and links, up to their end.
_SEQUENCE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[ -/]*[0-~])")


def as_seen(line: str) -> str:
    """Return a line without escape sequences, and of one that was written over the last state."""
    if "\x1b" in line:
        line = _SEQUENCE.sub("", line)
    return line.rstrip("\r").rpartition("\r")[2]
