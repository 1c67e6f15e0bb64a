"""Starts the recorder in the program's interpreter before the program, then removes every trace.

The interpreter is started as for `python prog.py`, with this folder first on PYTHONPATH. `site`
imports this file, which starts the recorder, restores the environment and `sys.path`, and imports
the `sitecustomize` that would have been imported without it.
"""

import os
import sys


def _start() -> None:
    here = os.path.dirname(os.path.abspath(__file__))
    settings = os.environ.pop("MFDEBUG_RECORD", "")
    before = os.environ.pop("MFDEBUG_PYTHONPATH", None)
    if before is None:
        os.environ.pop("PYTHONPATH", None)
    else:
        os.environ["PYTHONPATH"] = before
    sys.path[:] = [folder for folder in sys.path if os.path.abspath(folder) != here]
    sys.path_importer_cache.pop(here, None)
    del sys.modules["sitecustomize"]
    missing = None
    try:
        # The one that this file shadows, if there is one.
        import sitecustomize  # type: ignore[import-not-found] # noqa: F401
    except ImportError as error:
        if error.name != "sitecustomize":
            raise
        missing = error
    if settings:
        _load(os.path.dirname(os.path.dirname(here)), settings)
    if missing is not None:
        # `site` expects this error and continues.
        raise missing


def _load(package: str, settings: str) -> None:
    """Import the recorder from the folder `package`, start it, and forget the modules."""
    known, looked_into = set(sys.modules), set(sys.path_importer_cache)
    sys.path.insert(0, package)
    try:
        from debuggee.start import start  # type: ignore[import-not-found]

        start(settings)
    finally:
        sys.path.remove(package)
        for folder in set(sys.path_importer_cache) - looked_into:
            del sys.path_importer_cache[folder]
        for name in set(sys.modules) - known:
            del sys.modules[name]


_start()
