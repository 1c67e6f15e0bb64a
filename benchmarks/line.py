"""Bytes that the app sends for typical keys, and its lag on a slow connection.

    python benchmarks/line.py

It needs the packages of the tests, whose terminal emulator it uses. Bytes do not depend on the
speed of the machine; only the seconds of the last table do.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time

from harness import ROOT, options, show

sys.path.insert(0, str(ROOT))

from rich.console import Console
from slow_line import SlowApp

from mfdebug.config.terminal import abilities
from mfdebug.core.commands.interpreter import open_session
from mfdebug.core.timeline.computed_debugger import ComputedDebugger
from mfdebug.opening.graphs import load_graph
from mfdebug.tui.app import DebuggerApp
from mfdebug.tui.export.frames import whole_screen
from mfdebug.tui.terminal.cells import CellUpdate
from mfdebug.tui.terminal.pacing import QUERY
from mfdebug.tui.terminal.pen import Terminal
from tests.support.pty_app import PtyApp

ROUNDS = 60
GRAPHS = ("wx", "xor", "digits", "vanishing")
COLOURS = {
    "256 colours": {"TERM": "xterm-256color", "COLORTERM": None},
    "true colour": {"TERM": "xterm-256color", "COLORTERM": "truecolor"},
    "ASCII, no colour": {"TERM": "vt100", "COLORTERM": None},
}
COMMAND = [sys.executable, "-m", "mfdebug"]
# Seconds without a key, with a key held down, and of playing automatically.
IDLE, HELD, PLAYED = 2.0, 4.0, 5.0
KEYS_A_SECOND = 30
# Steps of each shipped graph, and what is shown: the list, the circuit, heatmaps.
MOST_STEPS = 40
SHOWN = (
    ("256 colours", ""),
    ("256 colours", "G"),
    ("256 colours", "h"),
    ("true colour", ""),
    ("true colour", "G"),
)


def _environment(colours: str) -> dict[str, str | None]:
    # With a state of its own, so that no session is offered.
    return {**COLOURS[colours], "XDG_STATE_HOME": tempfile.mkdtemp()}


def _bytes(graph: str, colours: str, keys: int, *, circuit: bool = False) -> str:
    with PtyApp([*COMMAND, graph], env=_environment(colours), warm=False) as app:
        app.wait_for("press s to begin")
        app.settle()
        first = len(app.output)
        if circuit:
            app.press("G")
        app.press("s")
        steps = [len(app.press("s")) for _ in range(keys)]
        app.press("t")
        steps += [len(app.press("s")) for _ in range(keys)]
        nothing = len(app.settle(first=IDLE))
        app.press("P", "+", "+", "+")
        since, began = len(app.output), time.monotonic()
        while time.monotonic() - began < PLAYED:
            app.settle(first=0.1)
        played = (len(app.output) - since) / (time.monotonic() - began)
    steps.sort()
    median, late = statistics.median(steps), steps[int(len(steps) * 0.95)]
    cells = [f"{first:,}", f"{median:,.0f}", f"{late:,}", f"{steps[-1]:,}", f"{nothing}"]
    drawn = ", circuit" if circuit else ""
    return f"| {graph}{drawn}, {colours} | {' | '.join(cells)} | {played / 1000:.1f} |"


def _shipped(graph: str) -> str:
    """Return the medians of a graph's steps: with the list, the circuit, heatmaps."""
    medians = [
        statistics.median(asyncio.run(_steps(graph, shown, colours))) for colours, shown in SHOWN
    ]
    return f"| {graph} | {' | '.join(f'{median:,.0f}' for median in medians)} |"


async def _steps(graph: str, shown: str, colours: str) -> list[int]:
    """Return the bytes of each step, as one frame; the app runs here, without a terminal."""
    term = {name: value for name, value in COLOURS[colours].items() if value is not None}
    able = abilities({**term, "LANG": "C.UTF-8"})
    session = open_session(ComputedDebugger(load_graph(graph)))
    app = DebuggerApp(None, history_memory=2**24, session=session, abilities=able)
    system = "256" if able.colours == "256" else "truecolor"
    console = Console(color_system=system, force_terminal=True)
    terminal = Terminal(erases=able.erases)
    found: list[int] = []
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        if shown:
            await pilot.press(shown)
        while len(found) <= MOST_STEPS and not session.debugger.cursor.at_end:
            await pilot.pause()
            frame = CellUpdate(whole_screen(app), terminal, app.size).render_segments(console)
            found.append(len((frame + QUERY).encode()))
            await pilot.press("s")
    # The first one is the whole screen.
    return found[1:]


def _slow(rate: float, delay: float) -> str:
    env = _environment("256 colours")
    with SlowApp([*COMMAND, "xor"], env=env, rate=rate, delay=delay) as app:
        app.wait_for("press s to begin")
        pressed, most = 0, 0
        began = time.monotonic()
        while (now := time.monotonic() - began) < HELD:
            while pressed < now * KEYS_A_SECOND:
                app.send(b"s")
                pressed += 1
            app.settle(first=0.01, idle=0.0)
            most = max(most, app.queued)
        let_go = time.monotonic()
        app.wait_for(f"moment {pressed} ", idle=False)
        behind = time.monotonic() - let_go
        app.send(b"q")
        asked = time.monotonic()
        app.wait()
        left = time.monotonic() - asked
    line = f"{rate * 8 / 1000:.0f} kbit/s, {2000 * delay:.0f} ms"
    return f"| {line} | {behind:.2f} s | {most:,} | {left:.2f} s |"


def run(keys: int) -> list[str]:
    """Measure and return the lines of Markdown."""
    return [
        "## Bytes on the line",
        "",
        "80x24 in a pseudo-terminal: bytes of the first screen, of a step (median, 95 % of them,",
        f"most), of {IDLE:g} s without a key, and kB per second while playing 8 steps per second.",
        "",
        "| | first screen | step | 95 % | most | idle | kB/s played |",
        "|---|---|---|---|---|---|---|",
        *(
            _bytes(graph, colours, keys, circuit=circuit)
            for colours in COLOURS
            for circuit in (False, True)
            for graph in GRAPHS
        ),
        "",
        f"All shipped graphs: the median of their first {MOST_STEPS} steps, or of all of them,",
        "with the list, the circuit and heatmaps (`h`), in 256 colours and in 24-bit colours.",
        "",
        "| | list | circuit | heatmaps | list, 24-bit | circuit, 24-bit |",
        "|---|--:|--:|--:|--:|--:|",
        *(_shipped(path.stem) for path in sorted((ROOT / "graphs").glob("*.json"))),
        "",
        f"A key held down for {HELD:g} s, {KEYS_A_SECOND} times a second, on a slow connection:",
        "the time from its release until the last moment is on the screen, the maximum of bytes",
        "in transit, and the time from `q` to the end of the process.",
        "",
        "| connection | lag | in transit | q |",
        "|---|---|---|---|",
        *(_slow(rate, delay) for rate, delay in ((8000, 0.15), (2400, 0.3), (125_000, 0.02))),
        "",
    ]


if __name__ == "__main__":
    asked = options(__doc__ or "", ROUNDS).parse_args()
    show(run(asked.rounds), markdown=asked.markdown)
