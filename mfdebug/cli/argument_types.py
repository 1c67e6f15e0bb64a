"""The types of command-line arguments: each raises an error that says what is expected."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from mfdebug.opening.readers import RUN_FILE, Kind, reader_of


def run_file(text: str) -> Path:
    """Return the path of a run file."""
    if reader_of(text).kind is not Kind.RUN:
        raise argparse.ArgumentTypeError(f"{text!r} does not end in {RUN_FILE.suffix}")
    return Path(text)


def drawing_file(text: str) -> Path:
    """Return the path of a drawing to write."""
    if Path(text).suffix not in (".svg", ".txt"):
        raise argparse.ArgumentTypeError(f"{text!r} does not end in .svg or .txt")
    return Path(text)


def html_file(text: str) -> Path:
    """Return the path of a page to write."""
    if Path(text).suffix not in (".html", ".htm"):
        raise argparse.ArgumentTypeError(f"{text!r} does not end in .html")
    return Path(text)


def columns(text: str) -> int:
    """Return a number of columns."""
    if not re.fullmatch(r"\d{1,5}", text) or not 20 <= int(text) <= 10_000:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of columns from 20 to 10000")
    return int(text)


def megabytes(text: str) -> float:
    """Return a size in megabytes, above 0."""
    try:
        size = float(text)
    except ValueError:
        size = 0.0
    if not 0 < size < 1e6:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of megabytes above 0")
    return size


def passes(text: str) -> int:
    """Return a number of passes, at least 1."""
    if not text.isdecimal() or not 1 <= int(text) < 10**12:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of passes, 1 or more")
    return int(text)


def seed(text: str) -> int:
    """Return a seed, from 0."""
    if not text.isdecimal() or int(text) >= 2**31:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0 to 2147483647")
    return int(text)


def size(text: str) -> tuple[int, int]:
    """Return the columns and rows of a screen."""
    size = re.fullmatch(r"(\d{1,4})x(\d{1,4})", text)
    if size is None or not int(size[1]) or not int(size[2]):
        raise argparse.ArgumentTypeError(f"{text!r} is not COLUMNSxROWS, as in 80x24")
    return int(size[1]), int(size[2])


def tolerance(text: str) -> float:
    """Return a relative difference, from 0 to below 1."""
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 to below 1")
    return number
