"""The long runs: commands through the core, keys and bytes through the app, random programs.

    python -m tests.soak --commands 1000000
    python -m tests.soak --keys 20000
    python -m tests.soak --bytes 1000000
    python -m tests.soak --programs 1000

Exit status 0 only if nothing broke; what the memory did is printed, and checked.
"""

from __future__ import annotations

import argparse
import gc
import sys
import time
from pathlib import Path

from mfdebug.core.commands.interpreter import open_session
from mfdebug.core.timeline.computed_debugger import ComputedDebugger
from mfdebug.opening.graphs import load_graph
from mfdebug.opening.shipped import shipped
from tests.soak.commands import Walk, check_against_a_straight_way
from tests.soak.input_bytes import soak as soak_of_bytes
from tests.soak.keys import soak as soak_of_keys
from tests.soak.programs import soak as soak_of_programs

# Commands between two looks: a debugger has then many stops, watches, edits and branches.
STRETCH = 200
# A process of this many megabytes more than at half-time has grown.
GROWN = 60


def soak_of_commands(commands: int, seed: int = 0, stretch: int = STRETCH) -> list[str]:
    """Run random commands over all shipped graphs in turn; return what to tell."""
    graphs = [graph.name for graph in shipped()]
    done = refused = 0
    memory: list[int] = []
    begun = time.monotonic()
    while done < commands:
        for graph in graphs:
            session = open_session(ComputedDebugger(load_graph(graph)))
            walk = Walk(session, f"{seed}/{done}")
            try:
                walk.go(stretch)
                check_against_a_straight_way(session.debugger, ComputedDebugger(load_graph(graph)))
            except Exception as error:
                error.add_note(f"{graph}, --seed {seed}, after {done} commands")
                raise
            done += stretch
            refused += walk.refused
            del session, walk
        gc.collect()
        memory.append(resident_megabytes())
        if sys.stderr.isatty():
            print(f"\r{done:,} commands, {memory[-1]} MB", end="", file=sys.stderr)
    half = max(memory[: len(memory) // 2 + 1])
    assert memory[-1] <= half + GROWN, f"memory grew from {half} MB to {memory[-1]} MB"
    return [
        f"{done:,} commands over {len(graphs)} graphs in {time.monotonic() - begun:.0f} s, "
        f"{refused:,} of them refused",
        f"memory: {memory[0]} MB at first, {half} MB by half-time, {memory[-1]} MB at the end",
    ]


def resident_megabytes() -> int:
    """Return the memory that this process has now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 >> 20


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--commands", type=int, default=0)
    parser.add_argument("--keys", type=int, default=0)
    parser.add_argument("--bytes", type=int, default=0)
    parser.add_argument("--programs", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    if asked.commands:
        print("\n".join(soak_of_commands(asked.commands, asked.seed)))
    if asked.keys:
        print("\n".join(soak_of_keys(asked.keys, asked.seed)))
    if asked.bytes:
        print("\n".join(soak_of_bytes(asked.bytes, asked.seed)))
    if asked.programs:
        print("\n".join(soak_of_programs(asked.programs, asked.seed)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
