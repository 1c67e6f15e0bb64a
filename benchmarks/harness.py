"""The harness of all benchmarks: one thread, contestants taking turns, ratios, tables.

Times on a busy machine vary by tens of percent within seconds, for all contestants alike. So they
take turns in one process, in rounds, and each is compared with the baseline of the same round; the
medians of those ratios are reproducible to about one percent, while times are not.
"""

from __future__ import annotations

import argparse
import gc
import os
import platform
import statistics
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from random import Random
from time import perf_counter
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

ROOT = Path(__file__).resolve().parent.parent
THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")

# Peers that are installed and cannot run, by name, with the reason.
SKIPPED: dict[str, str] = {}

# The benchmarks measure the checkout they are in, installed or not. Import this module first.
sys.path.insert(0, str(ROOT))


@dataclass(frozen=True)
class Contestant:
    """One way to do the work: `run(n)` does it n times over."""

    name: str
    run: Callable[[int], object]


@dataclass(frozen=True)
class Result:
    """Median seconds for one piece of work, and ratios to the baseline of the same round."""

    name: str
    seconds: float
    ratio: float
    low: float
    high: float


def one_thread() -> None:
    """Restart this program with one BLAS thread, unless it has one.

    The libraries read these variables once, when they are loaded: setting them here is too late.
    Also drop a setting that restricts OpenBLAS to the kernels of an older processor.
    """
    bound = os.environ.pop("OPENBLAS_CORETYPE", None)
    if bound or any(os.environ.get(name) != "1" for name in THREADS):
        os.environ.update(dict.fromkeys(THREADS, "1"))
        sys.stdout.flush()
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])


@contextmanager
def one_processor() -> Iterator[None]:
    """Use only one processor: some libraries start threads regardless of the settings."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def measure(
    make: Callable[[], Sequence[Contestant]],
    rounds: int,
    *,
    builds: int = 1,
    turn_seconds: float = 0.005,
) -> list[Result]:
    """Measure the contestants in turns; the first is the baseline.

    A turn lasts about `turn_seconds`, or one piece of work. The order changes each round, so that
    no contestant always runs after the same one with its caches. The rounds are divided among
    `builds` constructions of all contestants: the addresses of their arrays can matter by 5 %.
    """
    times: dict[str, list[float]] = {}
    random = Random(0)
    keeping: list[object] = []
    for build in range(builds):
        contestants = make()
        # Objects kept alive put the arrays of the next build at other addresses.
        keeping.append(np.zeros(random.randrange(1, 200_000)))
        repeats = {entry.name: _repeats(entry, turn_seconds) for entry in contestants}
        order = list(contestants)
        for _ in range(rounds * (build + 1) // builds - rounds * build // builds):
            gc.collect()
            random.shuffle(order)
            for entry in order:
                start = perf_counter()
                entry.run(repeats[entry.name])
                taken = (perf_counter() - start) / repeats[entry.name]
                times.setdefault(entry.name, []).append(taken)
    baseline = times[contestants[0].name]
    return [_result(entry.name, times[entry.name], baseline) for entry in contestants]


def _result(name: str, times: list[float], baseline: list[float]) -> Result:
    ratios = [mine / base for mine, base in zip(times, baseline, strict=True)]
    low, middle, high = statistics.quantiles(ratios, n=4) if len(ratios) > 1 else ratios * 3
    return Result(name, statistics.median(times), middle, low, high)


def _repeats(contestant: Contestant, turn_seconds: float) -> int:
    """Return how many pieces of work fill a turn."""
    repeats = 1
    while True:
        start = perf_counter()
        contestant.run(repeats)
        taken = perf_counter() - start
        if taken > turn_seconds / 4:
            return max(1, round(repeats * turn_seconds / taken))
        repeats *= 4


def table(
    results: Sequence[Result], unit: str, *, per: int = 1, missing: Sequence[str] = ()
) -> list[str]:
    """Return the lines of a Markdown table; `unit` is what takes the time, `per` its parts."""
    lines = [
        f"| engine | ratio | quartiles | µs per {unit} |",
        "|:--|--:|--:|--:|",
    ]
    for result in results:
        microseconds = result.seconds / per * 1e6
        digits = 3 if microseconds < 10 else 1 if microseconds < 1000 else 0
        lines.append(
            f"| {result.name} | {result.ratio:.2f} | {result.low:.2f}-{result.high:.2f} "
            f"| {microseconds:,.{digits}f} |"
        )
    # In brackets: why it could not run, unless it is not installed.
    lines += [f"| {name} | {'-' if '(' in name else 'not installed'} | | |" for name in missing]
    return lines


def text(markdown: Sequence[str]) -> str:
    """Return lines of Markdown for a terminal: tables in aligned columns."""
    shown: list[str] = []
    rows: list[list[str]] = []
    for line in [*markdown, ""]:
        if line.startswith("|"):
            rows.append([cell.strip() for cell in line.strip("|").split("|")])
            continue
        if rows:
            shown += _aligned(rows)
            rows = []
        shown.append(line.replace("`", ""))
    return "\n".join(shown)


def _aligned(rows: list[list[str]]) -> list[str]:
    head, rule, *body = rows
    widths = [max(len(row[i]) for row in (head, *body)) for i in range(len(head))]
    right = [cell.endswith(":") for cell in rule]
    return [
        "  ".join(
            cell.rjust(width) if flush else cell.ljust(width)
            for cell, width, flush in zip(row, widths, right, strict=True)
        ).rstrip()
        for row in (head, *body)
    ]


def machine() -> str:
    """Return one line about what the figures were measured on."""
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    parts = [
        f"{_processor()}, {os.cpu_count()} cores",
        f"{platform.python_implementation()} {platform.python_version()}",
        f"NumPy {np.__version__} ({blas['name']} {blas['version']})",
    ]
    if "torch" in sys.modules:
        parts.append(f"PyTorch {sys.modules['torch'].__version__}")
    return ", ".join(parts)


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def why_not(attempt: Callable[[], object]) -> str:
    """Try to run a peer; return the reason in one line if it fails, else an empty text."""
    try:
        attempt()
    except Exception as error:
        reason = next(iter(str(error).strip().splitlines()), "")
        return f"{type(error).__name__}: {reason}"[:100] if reason else type(error).__name__
    return ""


class Runs(Protocol):
    """An engine that can be tried."""

    def run(self, steps: int) -> object:
        """Do a number of steps."""


R = TypeVar("R", bound=Runs)


def that_run(name: str, make: Callable[[], list[R]]) -> list[R]:
    """Return a peer's engines after a trial run, or none if one of them fails."""
    if name not in SKIPPED and (reason := why_not(lambda: [engine.run(1) for engine in make()])):
        SKIPPED[name] = reason
        print(f"skipped: {name} ({reason})", file=sys.stderr)
    return [] if name in SKIPPED else make()


def find_torch() -> Any:
    """Return the module `torch`, held to one thread, or None if it is not installed."""
    if find_spec("torch") is None:
        return None
    torch = import_module("torch")
    torch.set_num_threads(1)
    return torch


def options(description: str, rounds: int) -> argparse.ArgumentParser:
    """Return a command line with the options that all benchmarks have."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--rounds", type=int, default=rounds, help="rounds of turns (%(default)s)")
    parser.add_argument("--markdown", action="store_true", help="give Markdown, not text")
    return parser


def show(lines: Sequence[str], *, markdown: bool) -> None:
    """Print one benchmark's lines of Markdown as asked."""
    print("\n".join(lines) if markdown else text(lines), flush=True)
