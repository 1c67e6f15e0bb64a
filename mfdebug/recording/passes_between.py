"""Passes over other graphs that may have changed a parameter before it was seen again.

A run keeps what inputs hold when a pass begins. If a program's graphs take turns, what a parameter
holds at the next pass over the same graph is not only the update after this one.
"""

from __future__ import annotations

from mfdebug.recording.records import Run, Structure

# Later passes that are looked at.
MOST_PASSES = 64


def passes_between(run: Run, line: int, step: int, name: str) -> int:
    """Return how many passes over other graphs with a parameter of this name follow a pass.

    Up to the next pass of its line, or to the end of the run; `MOST_PASSES` of them at most.
    """
    lines = run.lines
    if len(lines) == 1 or not any(
        _has_parameter(structure, name) for i, structure in enumerate(lines) if i != line
    ):
        return 0
    steps = run.steps(line)
    following = steps[step + 1] if step + 1 < len(steps) else len(run)
    between = range(steps[step] + 1, min(following, steps[step] + 1 + MOST_PASSES))
    return sum(_has_parameter(lines[run.outline(number).line], name) for number in between)


def _has_parameter(structure: Structure, name: str) -> bool:
    """Whether a graph has a parameter of a name; nodes in the lesson's style declare none."""
    return any(node.trained and node.name == name for node in structure.nodes)
