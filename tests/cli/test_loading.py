"""While the process loads, no garbage is looked for, and an interrupt ends it at once."""

from __future__ import annotations

import gc
import signal
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from mfdebug.loading import load_late, loaded, loading
from miniflow.garbage import collector_paused
from miniflow.graph import Graph
from miniflow.node import Input
from miniflow.ops import Add, Mul


@pytest.fixture(autouse=True)
def _unfrozen() -> Iterator[None]:
    gc.unfreeze()  # of an app that another test has run
    yield
    gc.unfreeze()
    gc.enable()


def test_the_collector_is_held_until_the_end_of_the_start() -> None:
    with loading():
        assert not gc.isenabled()
    assert gc.isenabled()
    assert not gc.get_freeze_count()


def test_a_command_without_a_screen_releases_it() -> None:
    with loading():
        loaded()
        assert gc.isenabled()
        assert not gc.get_freeze_count()


def test_the_app_keeps_what_the_start_created_out_of_later_scans() -> None:
    with loading():
        loaded(keep=True)
        assert gc.isenabled()
        assert gc.get_freeze_count() > 10_000
        with collector_paused():
            assert not gc.isenabled()
        assert gc.isenabled()
        assert gc.get_freeze_count() > 10_000
    assert gc.get_freeze_count() > 10_000


def test_what_is_loaded_late_is_kept_out_of_scans_too() -> None:
    before = gc.get_freeze_count()
    load_late("mfdebug.loading")
    assert gc.get_freeze_count() == before
    sys.modules.pop("colorsys", None)
    load_late("mfdebug.loading", "colorsys")
    assert gc.get_freeze_count() > before
    assert gc.isenabled()


def test_a_collector_that_is_not_held_stays_as_it_is() -> None:
    loaded(keep=True)
    assert not gc.get_freeze_count()
    gc.disable()
    with loading():
        loaded(keep=True)
    assert not gc.isenabled()
    assert not gc.get_freeze_count()


def test_an_interrupt_raises_an_error_only_after_the_load() -> None:
    # Tests in the background ignore it.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with loading():
            assert signal.getsignal(signal.SIGINT) is signal.SIG_DFL
            loaded()
            assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
        with loading():
            pass
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("handler", [signal.SIG_IGN, lambda *_: None])
def test_a_handler_of_interrupts_stays(handler: Any) -> None:
    before = signal.signal(signal.SIGINT, handler)
    try:
        with loading():
            assert signal.getsignal(signal.SIGINT) is handler
        assert signal.getsignal(signal.SIGINT) is handler
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_handler_that_was_set_while_it_loads_stays() -> None:
    with loading():
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    assert signal.signal(signal.SIGINT, signal.default_int_handler) is signal.SIG_IGN


@pytest.mark.slow
def test_the_collector_does_not_scan_the_consumers_of_each_node() -> None:
    x = Input("x", value=1.0)
    graph = Graph.of(Add(Mul(x, x), Mul(x, Add(x, x))))
    assert len(graph.consumers[graph.index_of("x")]) == 5
    for _ in range(3):  # of tuples in tuples, a scan forgets the inner ones first
        gc.collect()
    assert not any(gc.is_tracked(edges) for edges in graph.consumers)
