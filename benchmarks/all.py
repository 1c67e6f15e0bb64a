"""Run all benchmarks; --markdown writes docs/benchmarks.md.

    python benchmarks/all.py [--percent 100] [--markdown]

It takes about twenty minutes; `--percent 10` gives a first impression.
"""

from __future__ import annotations

import argparse
import os

import app
import armed
import chain
import circuit
import files
import line
import models
import networks
import order
import program
import sgd_step
import travel
from harness import ROOT, machine, one_thread, show

PAGE = ROOT / "docs" / "benchmarks.md"

HEAD = """\
# Benchmarks

The time that miniflow and its peers take: in one process, in turns, with one BLAS thread.
*ratio* is the median of the ratios to the first row of the same round (smaller is faster);
*quartiles* are those of the ratios: half of all rounds lie between them. Before anything is timed,
all engines must agree on every cost and every parameter, and miniflow stepped node by node must
agree with miniflow running, bit for bit. `benchmarks/` has the code of each engine;
[performance.md](performance.md) explains the figures.

Machine: {machine}; load from other processes {load:.1f} at the start.
Made by `python benchmarks/all.py --markdown`.
"""


def shown(lines: list[str]) -> list[str]:
    """Print lines of Markdown as text, and return them."""
    show(lines, markdown=False)
    return lines


def main() -> None:
    """Run from the command line."""
    one_thread()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--percent", type=int, default=100, help="of the rounds (%(default)s)")
    parser.add_argument("--markdown", action="store_true", help=f"write {PAGE.relative_to(ROOT)}")
    asked = parser.parse_args()
    load = os.getloadavg()[0]

    percent: int = asked.percent

    def rounds(full: int) -> int:
        return max(2, full * percent // 100)

    lines: list[str] = []
    lines += shown(sgd_step.run(rounds(sgd_step.ROUNDS), list(sgd_step.CASES)))
    lines += shown(networks.run(rounds(networks.ROUNDS), list(networks.NETWORKS)))
    lines += shown(chain.run(rounds(chain.ROUNDS)))
    lines += shown(order.run(rounds(order.ROUNDS), list(order.SIZES)))
    lines += shown(files.run(rounds(files.ROUNDS)))
    lines += shown(travel.run(rounds(travel.ROUNDS)))
    lines += shown(armed.run(rounds(armed.ROUNDS)))
    lines += shown([*program.run(rounds(program.ROUNDS)), *program.waiting()])
    lines += shown(app.run(rounds(app.ROUNDS)))
    lines += shown(models.run(rounds(models.ROUNDS)))
    lines += shown(circuit.run(rounds(circuit.ROUNDS)))
    lines += shown(line.run(rounds(line.ROUNDS)))
    head = HEAD.format(machine=machine(), load=load).splitlines()
    if asked.markdown:
        PAGE.write_text("\n".join([*head, "", *lines]).rstrip() + "\n", encoding="utf-8")
        print(f"written: {PAGE.relative_to(ROOT)}")
    else:
        print(machine())


if __name__ == "__main__":
    main()
