"""What a stop was met for: in words, and the number that the words name."""

from __future__ import annotations

from msgspec import Struct

from mfdebug.core.spots import Spot


class Finding(Struct, frozen=True):
    """Why a trigger fires; `spot` is the number that shows it, if one does."""

    words: str
    spot: Spot | None = None
