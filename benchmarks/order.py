"""Topological order: miniflow's against the standard library's graphlib.

    python benchmarks/order.py [--sizes 1000 10000 100000 1000000]

Random graphs in which every node takes three inputs from the nodes before it; once as created,
which is already in order, and once with the nodes shuffled. Every result is checked to be a
topological order before anything is timed.
"""

from __future__ import annotations

from graphlib import TopologicalSorter

import numpy as np
from harness import Array, Contestant, machine, measure, one_thread, options, show, table

from miniflow.toposort import topological_order

ROUNDS = 30
SIZES = (1_000, 10_000, 100_000, 1_000_000)
INPUTS = 3

# Fewer rounds where graphlib is slow: half a minute for a million nodes.
NODE_ROUNDS = 3_000_000


def random_graph(nodes: int, *, shuffled: bool) -> list[list[int]]:
    """Return the inputs of each node; the first three nodes have none."""
    rng = np.random.default_rng(nodes)
    before = np.arange(nodes)[:, None]
    sources = (rng.random((nodes, INPUTS)) * before).astype(np.intp)
    names = rng.permutation(nodes) if shuffled else np.arange(nodes)
    inbound: list[list[int]] = [[] for _ in range(nodes)]
    for node, taken in zip(names[INPUTS:].tolist(), names[sources[INPUTS:]].tolist(), strict=True):
        inbound[node] = taken
    return inbound


def by_graphlib(inbound: list[list[int]]) -> list[int]:
    """Return graphlib's order."""
    return list(TopologicalSorter(dict(enumerate(inbound))).static_order())


def check_order(inbound: list[list[int]], order: list[int]) -> None:
    """Check that `order` has every node once, and after its inputs."""
    place: Array = np.empty(len(inbound), np.intp)
    assert sorted(order) == list(range(len(inbound)))
    place[order] = np.arange(len(order))
    for node, sources in enumerate(inbound):
        assert all(place[source] < place[node] for source in sources)


def run(rounds: int, sizes: list[int]) -> list[str]:
    """Return the Markdown lines of this benchmark."""
    lines = ["## Topological order", ""]
    for nodes in sizes:
        for shuffled in (False, True):
            inbound = random_graph(nodes, shuffled=shuffled)
            ours = topological_order(inbound)
            check_order(inbound, ours)
            assert shuffled or ours == list(range(nodes)), "a list in order stays as it is"
            check_order(inbound, by_graphlib(inbound))

            def time_graphlib(times: int, inbound: list[list[int]] = inbound) -> None:
                for _ in range(times):
                    by_graphlib(inbound)

            def time_ours(times: int, inbound: list[list[int]] = inbound) -> None:
                for _ in range(times):
                    topological_order(inbound)

            both = [Contestant("graphlib", time_graphlib), Contestant("**miniflow**", time_ours)]

            def make(both: list[Contestant] = both) -> list[Contestant]:
                return both

            results = measure(make, max(1, min(rounds, NODE_ROUNDS // nodes)))
            how = "shuffled" if shuffled else "as created"
            lines += [f"### {nodes:,} nodes, {how}", "", *table(results, "node", per=nodes), ""]
    return lines


def main() -> None:
    """Run from the command line."""
    one_thread()
    parser = options(__doc__ or "", rounds=ROUNDS)
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES))
    asked = parser.parse_args()
    show([*run(asked.rounds, asked.sizes), machine()], markdown=asked.markdown)


if __name__ == "__main__":
    main()
