"""What the inputs of a pass were after it: the record holds only what they were at its start.

The next pass over the same graph, another graph that shares inputs with it, or the end of the run
shows them.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import NamedTuple

from mfdebug.recording.open_run_file import damaged
from mfdebug.recording.pass_decoder import PassDecoder
from mfdebug.recording.pass_index import PassIndex
from mfdebug.recording.records import OptimizerStep
from miniflow.ops.base import Array

# Later passes that are searched for graphs sharing inputs with a pass's graph: the recorder
# compares a graph with as many others.
_SEARCHED = 4


class After(NamedTuple):
    """The next values of a pass's inputs, and the inputs whose value is from another graph."""

    values: Mapping[int, Array]
    others: frozenset[int]

    def corrected(self, steps: Sequence[OptimizerStep], initial: Mapping[int, Array]) -> After:
        """Return the values right after optimizers' steps, where those are known.

        Inputs that were only updated after a later pass keep their `initial` values.
        """
        values = dict(self.values)
        for step in steps:
            values |= {i: initial[i] for i in step.later if i in initial}
        for step in steps:
            values |= {i: value for (i, name), value in step.arrays.items() if name == "after"}
        known = {i for step in steps for i in (*step.later, *step.settings)}
        return After(values, self.others - known)


class NextInputs:
    """The inputs after each pass of a run.

    `inputs` returns the initial values of a pass's inputs, `snapshot` a context in which the file
    does not change; `where` is the name of the file in errors.
    """

    def __init__(
        self,
        index: PassIndex,
        decoder: PassDecoder,
        inputs: Callable[[int], Mapping[int, Array]],
        snapshot: Callable[[], AbstractContextManager[None]],
        where: str,
    ) -> None:
        self._index, self._decoder = index, decoder
        self._inputs, self._snapshot = inputs, snapshot
        self._where = where

    def after(self, number: int) -> After:
        """Return the next values of a pass's inputs, as far as the run has come."""
        index = self._index
        line, step = index.line[number], index.step[number]
        following = index.steps[line][step + 1 : step + 1 + _SEARCHED]
        found: dict[int, Array] = {}
        settled: set[int] = set()
        next_pass, gap = index.next[number], index.gap_after(number)
        if gap is not None:
            # What comes later was changed by passes that nobody has seen.
            following = following[: bisect_left(following, gap)]
            next_pass = next_pass if next_pass < gap else -1
        for other in following:
            if other == next_pass:
                break
            if shared := self._shared(number, other) - settled:
                values = self._inputs(other)
                found |= {i: values[i] for i in shared if i in values}
                settled |= shared
        if next_pass >= 0:
            rest = self._inputs(next_pass)
            found |= {i: value for i, value in rest.items() if i not in settled}
            return After(found, frozenset())
        end = {} if gap is not None else self._end_of(number, settled)
        if not following or index.graph_returns[line]:
            return After(end | found, frozenset())
        # The next graph may be this one rebuilt: then its own inputs keep their values, or hold, if
        # they are changed in place, the values that later graphs gave them.
        has_earlier, initial = index.before[number] >= 0, self._inputs(number)
        rest = {i: x for i, x in self._inputs(following[0]).items() if i not in settled}
        if has_earlier:
            rest |= {i: x for i, x in end.items() if i in initial and not _same(x, initial[i])}
        return After(rest | found, frozenset(rest))

    def _end_of(self, number: int, settled: set[int]) -> dict[int, Array]:
        """Return the final values of the inputs of a pass that is the last one over its graph.

        Inputs that another graph of the line used later are left out, and added to `settled`.
        """
        index = self._index
        line, graph = index.line[number], index.graph[number]
        if graph not in index.finals[line]:
            return {}
        for other in index.finals[line]:
            last = index.latest[line].get(other, -1)
            if last > number:
                settled |= self._shared(number, last)
        with self._snapshot():
            values = self._decoder.final(line, graph)
        return {i: value for i, value in values.items() if i not in settled}

    def _shared(self, number: int, other: int) -> set[int]:
        """Return the inputs that the graphs of two passes of a line have in common."""
        found: set[int] = set()
        index, decoder = self._index, self._decoder
        line = index.line[number]
        for first, second in ((number, other), (other, number)):
            sharing = index.sharing[first]
            if sharing < 0:
                continue
            less = index.graph[first] - index.graph[second]
            with self._snapshot():
                shared = decoder.sharing(sharing).get(less)
                if shared is None or decoder.line_of(shared.structure).line != line:
                    continue
                mapping = decoder.structure(index.structure[first]).mapping
                others = decoder.structure(shared.structure).mapping
                try:
                    pairs = ((mapping[i], others[j]) for i, j in shared.pairs)
                    found.update(i for i, j in pairs if i == j >= 0)
                except IndexError:
                    raise damaged(f"pass {first}", self._where) from None
        return found


def _same(a: Array, b: Array) -> bool:
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
