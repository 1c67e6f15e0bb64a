"""`pytest --cpu`: the CPU time of the tests by file, of this process and those it starts.

The setup, call and teardown of a test each count what was used since the one before.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support import warm_start

SHOWN = 40


def _used() -> float:
    """Seconds of this process, of its children that have ended, and of the warm servers."""
    ticks = sum(
        sum(map(int, Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:15]))
        for pid in warm_start.servers()
    )
    return sum(os.times()[:4]) + ticks / os.sysconf("SC_CLK_TCK")


class CpuTime:
    """Measures in each process that runs tests, and sums up in the one that reports."""

    def __init__(self) -> None:
        self.last = self.start = 0.0
        self.files: Counter[str] = Counter()

    def pytest_collection_finish(self) -> None:
        self.last = self.start = _used()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item) -> Iterator[None]:
        report: Any = yield
        now = _used()
        # Lasts with the report on its way from a worker.
        report.cpu = now - self.last, self.start
        self.last, self.start = now, 0.0
        return report

    def pytest_runtest_logreport(self, report: Any) -> None:
        # A worker that has crashed has not measured.
        used, start = getattr(report, "cpu", (0.0, 0.0))
        self.files[report.nodeid.partition("::")[0]] += used
        self.files["start and collection"] += start

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        folders: Counter[str] = Counter()
        for file, seconds in self.files.items():
            folders[str(Path(file).parent)] += seconds
        for title, counted in ("file", self.files), ("folder", folders):
            terminalreporter.section(f"CPU seconds by {title}: {counted.total():.0f}")
            for name, seconds in counted.most_common(SHOWN):
                terminalreporter.line(f"{seconds:8.1f}  {name}")
