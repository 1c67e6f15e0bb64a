"""Learns when the program has imported a package, and leaves no trace of having waited for it.

An audit hook sees that an import begins. Only then is a finder put into `sys.meta_path`, which
takes itself out again when it is asked; the loader of the package is the ordinary one.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import ModuleType
    from typing import Any


# The actions of modules that are not imported yet. An audit hook stays for ever, so there is one.
_waiting: dict[str, Callable[[ModuleType], None]] = {}
_hooks: list[Callable[[str, tuple[Any, ...]], None]] = []


def when_imported(actions: dict[str, Callable[[ModuleType], None]]) -> None:
    """Call the action of each module, by its name, once it has been imported: now, if it has.

    What an earlier call wanted of modules that are not imported yet is forgotten.
    """
    _waiting.clear()
    _waiting.update({name: action for name, action in actions.items() if name not in sys.modules})
    for name, action in actions.items():
        if name not in _waiting:
            action(sys.modules[name])
    if not _hooks:
        _hooks.append(_see)
        sys.addaudithook(_see)


def _see(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "import" and arguments[0] in _waiting and arguments[0] not in sys.modules:
        sys.meta_path.insert(0, _Finder(arguments[0], _waiting.pop(arguments[0])))


class _Finder:
    """Finds one module through the finders after it, and acts when it has been loaded."""

    def __init__(self, name: str, action: Callable[[ModuleType], None]) -> None:
        self._name = name
        self._action = action

    def find_spec(self, name: str, path: Sequence[str] | None, target: Any = None) -> Any:
        if name != self._name:
            return None
        sys.meta_path.remove(self)
        for finder in sys.meta_path:
            find: Any = getattr(finder, "find_spec", None)
            spec = None if find is None else find(name, path, target)
            if spec is not None:
                if spec.loader is not None and hasattr(spec.loader, "exec_module"):
                    self._watch(spec.loader)
                return spec
        return None

    def _watch(self, loader: Any) -> None:
        execute = loader.exec_module

        def exec_module(module: ModuleType) -> None:
            del loader.exec_module
            execute(module)
            self._action(module)

        loader.exec_module = exec_module
