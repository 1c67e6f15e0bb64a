"""Reads a run file, while it is being written or years later, without trusting its contents.

A few numbers of each pass are in memory: its line, its cost, and whether it was kept. Everything
else is read on demand, and its checksum is verified then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import numpy as np
from msgspec.structs import replace

from mfdebug.recording.next_inputs import After, NextInputs
from mfdebug.recording.open_run_file import bound_lengths, damaged, open_run, reading
from mfdebug.recording.optimizer_steps import OptimizerSteps
from mfdebug.recording.pass_decoder import PassDecoder
from mfdebug.recording.pass_index import PassIndex
from mfdebug.recording.records import (
    Fault,
    Numbers,
    OptimizerStep,
    Outline,
    RecordedNode,
    ShouldStop,
    Structure,
)
from mfdebug.recording.run_rows import Output, RunRows
from mfdebug.recording.schema import REPLACEABLE, WORDS, Bytes, Head, State
from miniflow.errors import printable
from miniflow.limits import NAME_LENGTH
from miniflow.ops.base import Array


def _nothing_late(_number: int) -> None:
    """Return None: another process writes the file, so no late bytes are available."""


class RunReader:
    """The committed part of a run in a file: a `Run` that never runs a program.

    `live`: the file is being written, so that there may be further passes. `late` returns the body
    of a pass that is still to be written, or None. Node numbers are those of a pass's line. Every
    method raises `FileError` if the file cannot be read or is damaged. Not safe for use by several
    threads at a time.
    """

    def __init__(
        self, path: Path, *, live: bool = False, late: Callable[[int], Bytes | None] = _nothing_late
    ) -> None:
        self._where: Final = str(path)
        self._live = live
        self._late = late
        opened = open_run(path, self._where)
        self._connection, self._path, self._fixed, _ = opened
        self._version = -1
        self._state = State("")
        self._rows = RunRows(self._connection, self._path, self._where, opened.format)
        self._index = PassIndex()
        self._decoder = PassDecoder(self._rows, self._index)
        self._next_inputs = NextInputs(
            self._index, self._decoder, self.inputs, self._snapshot, self._where
        )
        self._steps = OptimizerSteps(self._rows)
        self._steps_cache: tuple[int, int, tuple[OptimizerStep, ...]] | None = None
        self._after_cache: tuple[int, int, After] | None = None
        try:
            self._refresh()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    # The run --------------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        """The name of the program."""
        return printable(self._state.name, NAME_LENGTH)

    @property
    def ending(self) -> str:
        """Why there will be no further pass, as a message; empty while there may be one."""
        self._refresh()
        if self._state.ended:
            return printable(self._state.ending, WORDS) or "the program has ended"
        return "" if self._live else "the recording was cut off here"

    @property
    def status(self) -> int | None:
        """The exit status of the program, if it has ended and had one."""
        self._refresh()
        return self._state.status

    @property
    def output_from(self) -> int:
        """The first pass whose output is kept in full, -1 for all."""
        self._refresh()
        return self._state.output_from

    @property
    def lines(self) -> Sequence[Structure]:
        """The structure of each line, with nodes numbered as in its first pass.

        The call order is that of the first pass with forward and backward, if any. A line may have
        no pass, if its pass turned out to belong to another line.
        """
        self._refresh()
        return [line.structure for line in self._index.lines.all]

    def __len__(self) -> int:
        """Return how many passes have started."""
        self._refresh()
        return len(self._index)

    def steps(self, line: int) -> Sequence[int]:
        """Return the numbers of the passes of a line, in order: a view that grows."""
        self._refresh()
        return self._index.steps[line]

    def costs(self, line: int) -> Array:
        """Return the cost of each pass of a line, NaN if there is none."""
        self._refresh()
        return np.array(self._index.costs[line])

    @property
    def traced_at(self) -> None:
        """None: a file has no program that waits."""

    def run_to(self, number: int, should_stop: ShouldStop | None = None) -> None:
        """Do nothing: a file has no program to run."""

    # Passes ---------------------------------------------------------------------------------------

    def outline(self, number: int) -> Outline:
        """Return the part of a pass that is always kept."""
        self._refresh()
        self._check_number(number)
        index = self._index
        line, step = index.line[number], index.step[number]
        return Outline(
            number,
            line,
            step,
            index.has_backward(number),
            self._is_whole(number),
            index.is_complete(number),
            index.costs[line][step],
            self._fault(number),
            index.graph[number],
            index.is_after_gap(number),
        )

    def numbers(self, number: int) -> Numbers | None:
        """Return every number of a pass, or None if they were not kept. Arrays are read-only."""
        with self._snapshot():
            self._check_number(number)
            if not self._is_whole(number):
                return None
            found = self._decoder.decoded(number)
            if found is None:
                head = self._rows.head(number, self._index.crc[number])
                inputs = self._rows.inputs(head)
                found = self._decoder.numbers(head, inputs, self._body(head))
            return found

    def inputs(self, number: int) -> Mapping[int, Array]:
        """Return the initial values of a pass's inputs, as far as they were kept."""
        with self._snapshot():
            self._check_number(number)
            head = self._rows.head(number, self._index.crc[number])
            turn = self._index.turn[number]
            inputs = body = None
            if self._state.inputs.keeps(number, turn):
                inputs = self._rows.inputs(head)
            if self._state.bodies.keeps(number, turn) and self._has_body(number):
                body = self._body(head)
            return self._decoder.inputs(head, inputs, body)

    def inputs_after(self, number: int) -> Mapping[int, Array]:
        """Return the next values of a pass's inputs: those at the next pass of its line with them.

        Or at the end of the run. If that is not known: the initial values of the line's next pass,
        over another graph (`others_after`), unless graphs of the line are run again. Empty as long
        as nothing is known.
        """
        return self._after(number).values

    def others_after(self, number: int) -> Set[int]:
        """Return the keys of `inputs_after` with values of another graph, perhaps a rebuilt one."""
        return self._after(number).others

    def _after(self, number: int) -> After:
        self._refresh()
        self._check_number(number)
        if self._after_cache is None or self._after_cache[:2] != (number, self._version):
            after = self._next_inputs.after(number)
            steps = self.optimizer_steps(number)
            if steps:
                after = after.corrected(steps, self.inputs(number))
            self._after_cache = number, self._version, after
        return self._after_cache[2]

    def optimizer_steps(self, number: int) -> Sequence[OptimizerStep]:
        """Return the steps of optimizers that concern the inputs of a pass, in order."""
        self._refresh()
        self._check_number(number)
        if self._steps_cache is None or self._steps_cache[:2] != (number, self._version):
            with self._snapshot():
                numbered = self._decoder.structure(self._index.structure[number])
                kept = self._state.bodies.keeps(number, self._index.turn[number])
                found = self._steps.after(number, numbered, kept=kept)
                self._steps_cache = number, self._version, found
        return self._steps_cache[2]

    def outputs(self, number: int) -> tuple[Output, ...]:
        """Return the output printed while `number` was the last pass; -1 is before the first.

        As far as it was kept (`output_from`).
        """
        with self._snapshot():
            return self._rows.output(number)

    def nodes(self, number: int) -> Sequence[RecordedNode]:
        """Return the nodes of a pass's line, with the settings that they have in this pass."""
        with self._snapshot():
            self._check_number(number)
            index = self._index
            line = index.lines.all[index.line[number]].structure.nodes
            own, _, mapping = self._decoder.structure(index.structure[number])
            if own.nodes is line:
                return line
            changed = {
                here: replace(line[here], attributes=node.attributes)
                for node, here in zip(own.nodes, mapping, strict=True)
                if here >= 0 and node.attributes != line[here].attributes
            }
            return [changed.get(i, node) for i, node in enumerate(line)] if changed else line

    def structure(self, number: int) -> Structure:
        """Return the structure of the pass itself: its settings, source lines and call order.

        Nodes are numbered as in the pass; `mapping` has their numbers in the line.
        """
        with self._snapshot():
            self._check_number(number)
            return self._decoder.structure(self._index.structure[number]).structure

    def mapping(self, number: int) -> Sequence[int]:
        """Return the number in the line of each node of the pass's own structure, or -1.

        A node that the cost does not depend on may be missing in the line.
        """
        with self._snapshot():
            self._check_number(number)
            return tuple(self._decoder.structure(self._index.structure[number]).mapping)

    def _check_number(self, number: int) -> None:
        if not 0 <= number < len(self._index):
            raise IndexError(f"no pass {number}")

    def _is_whole(self, number: int) -> bool:
        if not (self._index.is_whole(number) and self._has_body(number)):
            return False
        return self._state.bodies.keeps(number, self._index.turn[number])

    def _has_body(self, number: int) -> bool:
        """Whether the body of a pass is in the file or available from `late`."""
        return number != self._state.late or self._late(number) is not None

    def _body(self, head: Head) -> Bytes:
        late = self._late(head.number)
        if late is not None and len(late) == head.body:
            return late
        return self._rows.body(head)

    def _fault(self, number: int) -> Fault | None:
        if (fault := self._index.faults.get(number)) is None:
            return None
        with self._snapshot():
            numbered = self._decoder.structure(self._index.structure[number])
        if not 0 <= fault.node < len(numbered.mapping):
            raise damaged(f"pass {number}", self._where)
        node, words = numbered.mapping[fault.node], fault.words
        if node < 0:
            own = numbered.structure.nodes[fault.node]
            node = self._index.lines.all[self._index.line[number]].structure.cost
            words = f"in {own.name or own.kind}, which the cost does not depend on: {words}"
        return Fault(
            fault.direction, node, printable(fault.error, NAME_LENGTH), printable(words, WORDS)
        )

    # Updating -------------------------------------------------------------------------------------

    def _refresh(self) -> None:
        """Load what has been committed since the last call."""
        if self._version >= 0 and self._fixed:
            return
        with reading(self._where):
            (version,) = self._connection.execute("PRAGMA data_version").fetchone()
        if version != self._version:
            with self._snapshot():
                pass

    @contextmanager
    def _snapshot(self) -> Iterator[None]:
        """Read from one consistent, up-to-date state of the file."""
        with reading(self._where):
            if self._fixed:
                if self._version < 0:
                    self._load(self._rows.state(self._rows.state_row()))
                    self._version = 0
                yield
                return
            self._connection.execute("BEGIN")
            try:
                # The first query fixes the state that the transaction sees.
                row = self._rows.state_row()
                (version,) = self._connection.execute("PRAGMA data_version").fetchone()
                if version != self._version:
                    bound_lengths(self._connection, self._path)
                    self._load(self._rows.state(row))
                    self._version = version
                yield
            finally:
                self._connection.execute("ROLLBACK")

    def _load(self, state: State) -> None:
        """Bring the index up to date with a new state of the file."""
        finals_before, self._state = self._state.finals, state
        index, known = self._index, len(self._index)
        expected = max(0, known - REPLACEABLE)
        for head in self._rows.heads(expected):
            if expected >= known or index.crc[expected] != head.crc:
                fault = self._rows.fault(head)
                index.put(head, fault, self._decoder.line_of(head.structure))
            expected += 1
        if expected != state.passes or expected < known:
            raise damaged(f"pass {min(expected, state.passes)}", self._where)
        if state.finals != finals_before:
            for number, (graph, structure) in enumerate(self._rows.finals(state.finals)):
                index.finals[self._decoder.line_of(structure).line][graph] = number
