"""One SGD step of a small, a middle and a large network, by miniflow and its peers.

    python benchmarks/sgd_step.py [--network small|middle|large|all] [--dtype float64|float32]

The small one measures call overhead, the large one almost only matrix products. Before anything is
timed, all engines train side by side, and their costs and parameters must agree; stepping
miniflow and running it must agree bit for bit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from engines import ENGINES, Compiled, Engine, Network
from harness import Contestant, machine, measure, one_processor, one_thread, options, show, table
from peers import peers

ROUNDS = 400


@dataclass(frozen=True)
class Case:
    """A network to measure: steps to compare first, rounds in a hundred, builds, and a turn.

    A debugger walks the last step of each turn moment by moment, to show it: turns are long.
    """

    sizes: tuple[int, ...]
    batch: int
    rows: int
    dtype: str
    compared: int
    rounds_percent: int
    builds: int
    turn_seconds: float


CASES = {
    "small": Case((13, 10, 1), 11, 506, "float64", 200, 25, 5, 0.05),
    "middle": Case((784, 256, 128, 10), 64, 2000, "float64", 10, 15, 5, 0.1),
    "large": Case((784, 2048, 2048, 10), 512, 2000, "float32", 2, 3, 2, 0.005),
}


def check_agreement(engines: list[Engine], steps: int) -> None:
    """Train all engines and compare every step's cost and all parameters with the first one's."""
    first = engines[0]
    # float32 sums of hundreds of products, added up in different orders.
    tolerance = 1e-10 if first.network.dtype == np.float64 else 1e-4
    for engine in engines:
        engine.run(steps)
        assert len(engine.costs) == steps, engine.name
        pairs = [(np.array(engine.costs), np.array(first.costs))]
        pairs += zip(engine.parameters(), first.parameters(), strict=True)
        for got, wanted in pairs:
            np.testing.assert_allclose(got, wanted, tolerance, tolerance, err_msg=engine.name)
    running = next(engine for engine in engines if type(engine) is Compiled)
    for other in engines:
        if isinstance(other, Compiled):
            assert running.costs == other.costs, other.name
            for parameter, same in zip(running.parameters(), other.parameters(), strict=True):
                assert parameter.tobytes() == same.tobytes(), f"{other.name} differs from running"


def compare(name: str, rounds: int, dtype: str | None = None) -> list[str]:
    """Return the Markdown lines of one network."""
    case = CASES[name]
    network = Network(case.sizes, case.batch, case.rows, dtype or case.dtype)
    others, missing = peers()
    kinds = ENGINES + others

    def make() -> list[Contestant]:
        engines = [kind(network) for kind in kinds]
        check_agreement(engines, case.compared)
        return [Contestant(engine.name, engine.run) for engine in engines]

    rounds = max(4, rounds * case.rounds_percent // 100)
    results = measure(make, rounds, builds=case.builds, turn_seconds=case.turn_seconds)
    return [f"### {network}", "", *table(results, "step", missing=missing), ""]


def run(rounds: int, networks: list[str], dtype: str | None = None) -> list[str]:
    """Return the Markdown lines of this benchmark."""
    lines = ["## One SGD step", ""]
    with one_processor():
        for name in networks:
            lines += compare(name, rounds, dtype)
    return lines


def main() -> None:
    """Run from the command line."""
    one_thread()
    parser = options(__doc__ or "", rounds=ROUNDS)
    parser.add_argument("--network", choices=[*CASES, "all"], default="small")
    parser.add_argument("--dtype", choices=["float64", "float32"], help="instead of the network's")
    asked = parser.parse_args()
    networks = list(CASES) if asked.network == "all" else [asked.network]
    show([*run(asked.rounds, networks, asked.dtype), machine()], markdown=asked.markdown)


if __name__ == "__main__":
    main()
