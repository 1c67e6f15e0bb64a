"""The cost of stops in a long run of the debugger.

    python benchmarks/armed.py

One SGD step of a run with history, first with no stop set, then with stops that are never met.
All runs must end with identical values before anything is timed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from harness import Contestant, measure, one_thread, options, show, table

from mfdebug.core.commands.interpreter import open_session
from mfdebug.core.session.session import Session
from mfdebug.core.timeline.computed_debugger import ComputedDebugger
from mfdebug.opening.graphs import load_graph

ROUNDS = 40
# Steps of warm-up before timing, and steps in each piece of work.
BEFORE = 50
STEPS = {"diabetes": 10_000, "digits": 1_000}
HEALTH = (
    "break nan",
    "break inf",
    "break vanishing 1e-30",
    "break exploding",
    "break dead",
    "break saturated 1",
    "break unchanged",
)
CASES: dict[str, dict[str, Sequence[str]]] = {
    "diabetes": {
        "no stop": (),
        "nan and inf": HEALTH[:2],
        "seven health rules": HEALTH,
        "a condition on the cost": ("break if cost > 1e9",),
        "a condition on one gradient": ("break if norm(W1.grad) > 1e9",),
        "a condition on the step before": ("break if cost > 1e9 + prev(cost)",),
        "a change of the cost": ("break on-change cost by 1e9",),
    },
    "digits": {
        "no stop": (),
        "nan and inf": HEALTH[:2],
        "seven health rules": HEALTH,
        "a condition on the cost": ("break if cost > 1e9",),
        "a condition on the step before": ("break if cost > 1e9 + prev(cost)",),
    },
}


def armed(graph: str, lines: Sequence[str]) -> Session:
    """Return a warmed-up debugger with these stops set."""
    session = open_session(ComputedDebugger(load_graph(graph)))
    for line in lines:
        session.run(line)
    session.run(f"sgd {BEFORE}")
    return session


def make(graph: str) -> list[Contestant]:
    """Return the contestants, once all have ended with the same parameters."""
    consoles = {name: armed(graph, lines) for name, lines in CASES[graph].items()}
    reached = {name: _parameters(session, STEPS[graph]) for name, session in consoles.items()}
    assert len(set(reached.values())) == 1, reached
    return [Contestant(name, _runner(session, STEPS[graph])) for name, session in consoles.items()]


def _parameters(session: Session, steps: int) -> bytes:
    session.run(f"sgd {steps}")
    debugger = session.debugger
    assert debugger.sgd_step == BEFORE + steps - 1, "a stop was met"
    return b"".join(debugger.state.value(i).tobytes() for i in debugger.graph.trainables)


def _runner(session: Session, steps: int) -> Callable[[int], object]:
    def run(times: int) -> None:
        session.run(f"sgd {times * steps}")

    return run


def run(rounds: int) -> list[str]:
    """Measure and return the lines of Markdown."""
    lines = ["## A debugger's run with stops set", ""]
    for graph in CASES:
        lines += [f"`{graph}`, {STEPS[graph]:,} SGD steps at a time, full history", ""]
        results = measure(lambda graph=graph: make(graph), rounds)  # type: ignore[misc]
        lines += [*table(results, "SGD step", per=STEPS[graph]), ""]
    return lines


if __name__ == "__main__":
    one_thread()
    asked = options(__doc__ or "", ROUNDS).parse_args()
    show(run(asked.rounds), markdown=asked.markdown)
