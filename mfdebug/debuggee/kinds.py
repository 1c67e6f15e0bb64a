"""What a class of the program is: one of our miniflow's, or the program's own."""

from __future__ import annotations

import sys

# What a class may say of itself without being another.
_HARMLESS = {
    "__annotations__",
    "__dict__",
    "__doc__",
    "__firstlineno__",
    "__init__",
    "__module__",
    "__qualname__",
    "__repr__",
    "__static_attributes__",
    "__weakref__",
}


class Kinds:
    """Knows the classes of nodes; `engine` is the folder of our own miniflow."""

    def __init__(self, engine: str) -> None:
        self._engine = engine
        self._known: dict[type, tuple[str, bool]] = {}

    def of(self, kind: type) -> tuple[str, bool]:
        """Return the name of the rule that a class follows, and whether it is one of ours."""
        known = self._known.get(kind)
        if known is None:
            known = self._known[kind] = self._find(kind)
        return known

    def is_ours(self, kind: type) -> bool:
        """Whether a class is one of our miniflow's, with no rule of its own."""
        return self.of(kind)[1]

    def _find(self, kind: type) -> tuple[str, bool]:
        for base in kind.__mro__:
            if self.is_made_here(base):
                return base.__name__, True
            if set(base.__dict__) - _HARMLESS:
                break
        return kind.__name__, False

    def is_made_here(self, kind: type) -> bool:
        """Whether a class itself stands in a file of our miniflow."""
        module = sys.modules.get(kind.__module__)
        return str(getattr(module, "__file__", "") or "").startswith(self._engine)
