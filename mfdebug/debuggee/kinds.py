"""Whether a class is one of our miniflow's or the program's own."""

from __future__ import annotations

import sys

# Attributes that a subclass may define without changing the rule of its base class.
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
    """Classifies the classes of nodes; `engine` is the folder of our own miniflow."""

    def __init__(self, engine: str) -> None:
        self._engine = engine
        self._known: dict[type, tuple[str, bool]] = {}

    def of(self, cls: type) -> tuple[str, bool]:
        """Return the name of the rule that a class follows, and whether the rule is ours."""
        known = self._known.get(cls)
        if known is None:
            known = self._known[cls] = self._find(cls)
        return known

    def is_ours(self, cls: type) -> bool:
        """Whether a class follows a rule of our miniflow and overrides nothing."""
        return self.of(cls)[1]

    def _find(self, cls: type) -> tuple[str, bool]:
        for base in cls.__mro__:
            if self.is_from_engine(base):
                return base.__name__, True
            if set(base.__dict__) - _HARMLESS:
                break
        return cls.__name__, False

    def is_from_engine(self, cls: type) -> bool:
        """Whether a class is defined in a file of our miniflow."""
        module = sys.modules.get(cls.__module__)
        return str(getattr(module, "__file__", "") or "").startswith(self._engine)
