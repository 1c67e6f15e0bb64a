"""What all tests share."""

from __future__ import annotations

import gc
import itertools
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from tests.support import sizes
from tests.support.cpu_time import CpuTime


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--slow", action="store_true", help="run the tests marked slow, too")
    parser.addoption("--long", action="store_true", help="try everything, not a sample of it")
    parser.addoption(
        "--cpu", action="store_true", help="print the CPU seconds of files and folders"
    )


def pytest_configure(config: pytest.Config) -> None:
    sizes.long = config.getoption("long")
    # The examples are the same at each check, which fails by no chance; with `--long` they are new.
    # No deadline: how long an example takes says how busy the machine is.
    settings.register_profile(
        "size",
        max_examples=sizes.examples(100),
        derandomize=not sizes.long,
        deadline=None,
    )
    settings.load_profile("size")
    if config.getoption("cpu"):
        config.pluginmanager.register(CpuTime())
    # Otherwise every program that a test starts in a fresh checkout compiles all of mfdebug anew.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    # Nor is it theirs how the output of whoever runs the tests is buffered.
    os.environ.pop("PYTHONUNBUFFERED", None)
    if not sizes.long:
        # Threads that wait for matrices to multiply were a third of the time of a short process.
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    # A worker is always given what to collect.
    node.workerinput["slow"] = _takes_slow(node.config)


def _takes_slow(config: pytest.Config) -> bool:
    """Whether tests marked slow are run: those of named files and folders always are."""
    worker: dict[str, Any] = getattr(config, "workerinput", {})
    named = config.args_source is pytest.Config.ArgsSource.ARGS
    wanted: bool = config.getoption("slow") or config.getoption("long") or named
    return worker.get("slow", wanted)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not _takes_slow(config):
        slow = [item for item in items if item.get_closest_marker("slow")]
        config.hook.pytest_deselected(items=slow)
        items[:] = [item for item in items if not item.get_closest_marker("slow")]


def pytest_collection_finish() -> None:
    # Here, as numpy reads what is set above when it is imported.
    from miniflow.garbage import FEW

    # What is loaded by now stays: to look for garbage in it was a fifth of the time in the app's.
    gc.collect()
    gc.freeze()
    # With more, each second graph that is compiled would count the frozen objects: 10 ms each time.
    gc.set_threshold(FEW, 10, 10)


def pytest_sessionfinish() -> None:
    # Nothing is left that could be garbage and matter: to look for it took each process 1.5 s.
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def _quick_apps() -> Iterator[None]:
    """Let apps leave out what no test looks at, but with `--long`."""
    # Here, as numpy reads what `pytest_configure` sets when it is imported.
    from tests.support import quick_apps

    with pytest.MonkeyPatch.context() as patch:
        if not sizes.long:
            quick_apps.use(patch)
        yield


_numbers = itertools.count()


@pytest.fixture(autouse=True)
def _sessions_of_its_own(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """Let no test find the session that another one, or a person, has left, nor settings."""
    # Not `mktemp`, which looks through all the folders there are for the next number.
    folder = tmp_path_factory.getbasetemp() / "states" / str(next(_numbers))
    folder.mkdir(parents=True)
    monkeypatch.setenv("XDG_STATE_HOME", str(folder))
    # Not an empty name, which would mean no file: a test may look for the usual one.
    monkeypatch.setenv("XDG_CONFIG_HOME", str(folder / "config"))
    for name in ("CONFIG", "THEME", "ASCII", "HISTORY_MEMORY"):
        monkeypatch.delenv(f"MFDEBUG_{name}", raising=False)
    return folder
