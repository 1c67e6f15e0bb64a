"""The reply to a command line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import Struct

from mfdebug.core.timeline.entry_ref import EntryRef

if TYPE_CHECKING:
    from mfdebug.core.format.table import Part

# What a row of a table refers to: a number, or the command line that goes there.
Target = EntryRef | str


class Reply(Struct, frozen=True):
    """The reply to a command: text for users, data for programs.

    `stopped` is the reason if a stop ended a run; `ref` is the entry that the reply is about, if
    there is one; `subject` is the result as an object, for a screen of its own. `parts` are the
    lines and tables of the text, if it has tables; the `to` of their rows is a `Target`.
    """

    text: str
    data: Any = None
    stopped: str = ""
    ref: EntryRef | None = None
    subject: Any = None
    parts: tuple[Part, ...] = ()


def reply_of(*parts: Part, data: Any, subject: Any = None) -> Reply:
    """Return a reply of lines and tables, whose text is as wide as they need."""
    from mfdebug.core.format.table import text_lines

    return Reply("\n".join(text_lines(parts)), data, subject=subject, parts=parts)
