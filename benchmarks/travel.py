"""Moving to any of a million moments of a long run, in bounded memory.

    python benchmarks/travel.py

The network 13-10-1 runs for a million moments; then the cursor goes to random moments, and the
state there must be bit for bit that of the run.
"""

from __future__ import annotations

import statistics
from random import Random
from time import perf_counter

from engines import Compiled, Network
from harness import machine, one_thread, options, show

from mfdebug.core.timeline.computed_debugger import ComputedDebugger

ROUNDS = 200
MOMENTS = 1_000_000
MEMORY = 2**17


def run(rounds: int) -> list[str]:
    """Return the Markdown lines of this benchmark."""
    debugger = ComputedDebugger(Compiled(Network((13, 10, 1), 11, 506, "float64")).graph)
    bounded = ComputedDebugger(
        Compiled(Network((13, 10, 1), 11, 506, "float64")).graph, history_memory=MEMORY
    )
    lines = [
        "## Going to any moment",
        "",
        f"13-10-1, batch 11: {MOMENTS:,} moments, then `goto` {rounds} of them at random.",
        "",
        "| history at most | taken | SGD steps between checkpoints | median | 95 % | most |",
        "|:--|--:|--:|--:|--:|--:|",
    ]
    for timed in (debugger, bounded):
        timed.move(MOMENTS)
        random = Random(0)
        times = []
        for _ in range(rounds):
            moment = random.randrange(MOMENTS)
            begun = perf_counter()
            timed.move(moment)
            times.append(perf_counter() - begun)
            assert timed.moment == moment
        times.sort()
        checkpoints = timed.cursor.checkpoints
        lines.append(
            f"| {checkpoints.memory / 2**10:,.0f} KiB | {checkpoints.bytes / 2**10:,.0f} KiB "
            f"| {checkpoints.stride:,} | {statistics.median(times) * 1e3:.2f} ms "
            f"| {times[int(0.95 * len(times))] * 1e3:.2f} ms | {times[-1] * 1e3:.2f} ms |"
        )
    moment = MOMENTS // 3
    debugger.move(moment)
    bounded.move(moment)
    for node in range(len(debugger.graph)):
        assert debugger.state.value(node).tobytes() == bounded.state.value(node).tobytes()
    return [*lines, ""]


if __name__ == "__main__":
    one_thread()
    asked = options(__doc__ or "", ROUNDS).parse_args()
    show([*run(asked.rounds), machine()], markdown=asked.markdown)
