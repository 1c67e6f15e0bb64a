"""What a command line answers."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from mfdebug.core.timeline.entry_ref import EntryRef


class Reply(Struct, frozen=True):
    """What a command answers: text for people, data for programs.

    `stopped` says why a run ended where it did, if a stop ended it; `ref` is the number that
    the answer is about, if it is about one; `subject` is the answer itself, for a screen of its
    own.
    """

    text: str
    data: Any = None
    stopped: str = ""
    ref: EntryRef | None = None
    subject: Any = None
