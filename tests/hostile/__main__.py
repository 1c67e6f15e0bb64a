"""The long run: hostile files by the hundred thousand.

    python -m tests.hostile [--inputs 200000] [--seed 0] [--workers 2]

An input that does harm is kept in `hostile-SEED-NUMBER.bin`; it is input NUMBER of that seed in
every run. A worker that dies or hangs is reported with its input.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path

from tests.hostile.judge import Judge, limit_memory
from tests.hostile.sources import drawn


def work(seed: int, first: int, inputs: int, step: int, *, limited: bool = True) -> Counter[str]:
    """Judge every `step`th input from `first` on; return how many came to what.

    Raises `AssertionError` that names the input.
    """
    counts: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        judge = Judge(Path(folder))
        if limited:
            limit_memory()
        for number in range(first, inputs, step):
            given = drawn(seed, number)
            try:
                counts[f"{given.kind}: {judge.judge(given)}"] += 1
            except BaseException as error:
                kept = Path(f"hostile-{seed}-{number}.bin")
                kept.write_bytes(given.data)
                raise AssertionError(f"{given.kind} {kept}: {error!r}") from error
        counts["slowest, in ms"] = round(judge.slowest * 1e3)
        counts["most memory, in MB"] = judge.most_bytes >> 20
    return counts


def main() -> int:
    """Run from the command line; workers are processes of their own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=200_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--worker", type=int, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.worker is not None:
        try:
            counts = work(asked.seed, asked.worker, asked.inputs, asked.workers)
        except AssertionError:
            traceback.print_exc()
            return 1
        for told, count in counts.items():
            print(f"{count}\t{told}")
        return 0
    begun = time.monotonic()
    command = [sys.executable, "-m", "tests.hostile", *sys.argv[1:], "--worker"]
    workers = [
        subprocess.Popen([*command, str(number)], stdout=subprocess.PIPE, text=True)
        for number in range(asked.workers)
    ]
    total: Counter[str] = Counter()
    most: Counter[str] = Counter()
    for worker in workers:
        for line in worker.communicate()[0].splitlines():
            count, _, told = line.partition("\t")
            if told.startswith(("slowest", "most")):
                most[told] = max(most[told], int(count))
            else:
                total[told] += int(count)
    for told, count in sorted(total.items()):
        print(f"{count:9,}  {told}")
    for told, figure in most.items():
        print(f"{figure:9,}  {told}")
    print(f"{total.total():9,}  in all, {time.monotonic() - begun:.0f} s")
    return int(any(worker.returncode for worker in workers))


if __name__ == "__main__":
    sys.exit(main())
