"""The cycle collector is off during a start, and on afterwards."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from mfdebug.collector import collector_held, release_collector
from miniflow.garbage import collector_paused


@pytest.fixture(autouse=True)
def _unfrozen() -> Iterator[None]:
    yield
    gc.unfreeze()
    gc.enable()


def test_the_collector_is_held_until_the_end_of_the_start() -> None:
    with collector_held():
        assert not gc.isenabled()
    assert gc.isenabled()
    assert not gc.get_freeze_count()


def test_a_command_without_a_screen_releases_it() -> None:
    with collector_held():
        release_collector()
        assert gc.isenabled()
        assert not gc.get_freeze_count()


def test_the_app_keeps_what_the_start_created_out_of_later_scans() -> None:
    with collector_held():
        release_collector(keep=True)
        assert gc.isenabled()
        assert gc.get_freeze_count() > 10_000
        with collector_paused():
            assert not gc.isenabled()
        assert gc.isenabled()
        assert gc.get_freeze_count() > 10_000
    assert gc.get_freeze_count() > 10_000


def test_a_collector_that_is_not_held_stays_as_it_is() -> None:
    release_collector(keep=True)
    assert not gc.get_freeze_count()
    gc.disable()
    with collector_held():
        release_collector(keep=True)
    assert not gc.isenabled()
    assert not gc.get_freeze_count()
