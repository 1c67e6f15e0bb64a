"""What a run file stores of each pass, and what it drops when it has become too large.

A pass has a *turn*, the number of earlier passes over its structure: thinning goes by it, so that
of each structure some passes stay.
"""

from __future__ import annotations

from array import array
from typing import Literal, NamedTuple

from mfdebug.recording.schema import REPLACEABLE
from mfdebug.recording.thinning import StoredRows

# Structures whose passes are counted separately; all others share one count.
_MAX_COUNTED = 64


class Dropped(NamedTuple):
    """The passes whose rows are to be deleted from a table."""

    table: Literal["inputs", "body"]
    numbers: list[int]


class StoredPasses:
    """How much of each pass is in the tables `inputs` and `body`, and the turns of the passes."""

    def __init__(self) -> None:
        self.bodies, self.inputs = StoredRows(), StoredRows()
        self._turns = array("q")
        self._next_turn: dict[int, int] = {}
        # What the turns of the last passes count: the number of a structure, or -1.
        self._counted: dict[int, int] = {}

    def put(self, number: int, structure: int, inputs: int, body: int) -> int:
        """Set the sizes of a pass, which may be new or replace another; return its turn."""
        turn = self._turn(number, structure)
        self.inputs.put(number, inputs)
        self.bodies.put(number, body)
        return turn

    def add(self, number: int, inputs: int, body: int) -> None:
        """Add bytes that are stored, and dropped, with the rows of a pass."""
        for rows, size in ((self.inputs, inputs), (self.bodies, body)):
            rows.put(number, rows.sizes[number] + size)

    def _turn(self, number: int, structure: int) -> int:
        """Return the turn of a pass: the number of earlier passes over its structure."""
        key = structure
        if structure not in self._next_turn and len(self._next_turn) >= _MAX_COUNTED:
            key = -1
        if number < len(self._turns) and self._counted.get(number) == key:
            return self._turns[number]
        turn = self._next_turn.get(key, 0)
        self._next_turn[key] = turn + 1
        self._counted[number] = key
        self._counted.pop(number - REPLACEABLE - 1, None)
        if number < len(self._turns):
            self._turns[number] = turn
        else:
            self._turns.append(turn)
        return turn

    def drop(self, most_inputs: int) -> Dropped | None:
        """Thin until something is dropped; return what that is, or None if nothing can be.

        Bodies go first, unless the inputs have more than `most_inputs` bytes.
        """
        end = len(self._turns) - REPLACEABLE
        while True:
            step, rows = self.bodies.next_step(end), self.bodies
            if step is None or self.inputs.total > most_inputs:
                further = self.inputs.next_step(end)
                # This way a pass that has its body also has its inputs.
                if further is not None and further.thinning.is_within(self.bodies.thinning):
                    step, rows = further, self.inputs
            if step is None:
                return None
            if numbers := rows.apply(step, self._turns):
                return Dropped("body" if rows is self.bodies else "inputs", numbers)
