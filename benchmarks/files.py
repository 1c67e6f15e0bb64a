"""Loading and checking a graph file of many nodes, compared with decoding it by msgspec.

    python benchmarks/files.py

Decoding makes dicts; loading makes linked nodes, looks up every name, and computes every shape.
Python's cycle collector takes most of the time of plain decoding, and takes longer the more objects
exist; loading pauses it, and so does the second decoder here.
"""

from __future__ import annotations

import gc
import json
from random import Random
from typing import Any

import msgspec
from harness import Contestant, machine, measure, one_thread, options, show, table

from miniflow.files import loads

ROUNDS = 15
SIZES = (10_000, 100_000, 200_000)
OPS = {"Add": 2, "Mul": 2, "Sub": 2, "Tanh": 1, "Sigmoid": 1}
# Nodes take their inputs from this many nodes before them; scopes have this size.
NEAR, SCOPE = 50, 100


def large_graph(nodes: int) -> bytes:
    """Return a graph file of scalars: a tenth inputs, the rest ops, the last of them the cost."""
    random = Random(1)
    made: list[dict[str, Any]] = [
        {"name": f"x{i}", "op": "Input", "value": random.uniform(-1, 1), "trainable": i % 2 == 0}
        for i in range(nodes // 10)
    ]
    for i in range(nodes - len(made)):
        op = random.choice(list(OPS))
        near = [made[-1 - random.randrange(min(NEAR, len(made)))] for _ in range(OPS[op])]
        name = f"layer{i // SCOPE}/n{i}"
        made.append({"name": name, "op": op, "inputs": [node["name"] for node in near]})
    form = {"miniflow": 1, "name": "large", "nodes": made, "cost": made[-1]["name"]}
    return json.dumps(form).encode()


def run(rounds: int) -> list[str]:
    """Return the Markdown lines of this benchmark."""
    lines = ["## Loading a graph file", ""]
    for nodes in SIZES:
        file = large_graph(nodes)
        assert len(loads(file, ".", "large")) == nodes

        def decode(times: int, file: bytes = file) -> None:
            for _ in range(times):
                msgspec.json.decode(file)

        def decode_quietly(times: int, file: bytes = file) -> None:
            gc.disable()
            decode(times, file)
            gc.enable()

        def load(times: int, file: bytes = file) -> None:
            for _ in range(times):
                loads(file, ".", "large")

        all_three = [
            Contestant("msgspec, decoding alone", decode),
            Contestant("the same, the collector held off", decode_quietly),
            Contestant("**miniflow, loading and checking**", load),
        ]
        results = measure(lambda all_three=all_three: all_three, rounds)  # type: ignore[misc]
        lines += [f"### {nodes:,} nodes", "", *table(results, "node", per=nodes), ""]
    return lines


if __name__ == "__main__":
    one_thread()
    asked = options(__doc__ or "", ROUNDS).parse_args()
    show([*run(asked.rounds), machine()], markdown=asked.markdown)
