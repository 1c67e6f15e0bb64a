"""The count before a key: `12s` steps twelve times."""

from __future__ import annotations

from mfdebug.config.bindings import Keys

# More digits than any valid count has; the command rejects such a count with a message.
MAX_DIGITS = 20


class Count:
    """The digits that were typed since the last key that took them."""

    def __init__(self) -> None:
        self._digits = ""

    def add(self, character: str | None) -> bool:
        """Add a digit; return False for any other character, and for a 0 at the start."""
        digit = character or ""
        if not digit.isdecimal() or (digit == "0" and not self._digits):
            return False
        self._digits = (self._digits + digit)[:MAX_DIGITS]
        return True

    def take(self) -> str:
        """Return the count, by default 1, and clear it."""
        digits, self._digits = self._digits or "1", ""
        return digits

    def clear(self) -> None:
        """Forget the digits."""
        self._digits = ""

    def words(self, keys: Keys, *, steps: bool) -> str:
        """Return what the keys do with the count; `steps`: there are SGD steps."""
        step, phase, sgd = map(keys.name, ("step", "next", "sgd"))
        counted = f"{step} steps, {phase} phases"
        if steps:
            counted += f", {sgd} SGD steps"
        return f"{self._digits} times: {counted}; Esc clears it"
