"""The exit statuses of the command line."""

from __future__ import annotations

import sys

OK, FAILED, UNUSABLE = 0, 1, 2
# By Ctrl+C: 128 and the number of SIGINT, as shells count.
INTERRUPTED = 130


def unusable(problem: str) -> int:
    """Write why what was given cannot be used; return the exit status for that."""
    sys.stderr.write(f"mfdebug: {problem}\n")
    return UNUSABLE
