"""The reply to a command line."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from mfdebug.core.timeline.entry_ref import EntryRef


class Reply(Struct, frozen=True):
    """The reply to a command: text for users, data for programs.

    `stopped` is the reason if a stop ended a run; `ref` is the entry that the reply is about, if
    there is one; `subject` is the result as an object, for a screen of its own.
    """

    text: str
    data: Any = None
    stopped: str = ""
    ref: EntryRef | None = None
    subject: Any = None
