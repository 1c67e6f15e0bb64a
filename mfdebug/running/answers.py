"""What a paused program answers: numbered arrays, or a text that says why there are none."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from mfdebug.recording.encoding import Value, value_of
from mfdebug.recording.records import Entry
from miniflow.errors import GraphError


class Answer(NamedTuple):
    """A number of an answer: its key, and its array or text."""

    key: int
    value: Value


def read_answer(data: bytes) -> list[Answer]:
    """Return what is in the bytes of an answer; raise `GraphError` if there is none."""
    if len(data) < 4:
        raise GraphError("the program returned no answer")
    length = int.from_bytes(data[:4], "little")
    described = msgspec.json.decode(data[4 : 4 + length], type=list[tuple[int, str, list[int]]])
    offset, answers = 4 + length, []
    for key, dtype_name, shape in described:
        entry = Entry("v", 0, -1, dtype_name, tuple(shape))
        answers.append(Answer(key, value_of(entry, data, offset)))
        offset += entry.size
    return answers
