"""The ring between a program and its debugger: records arrive whole, in order, however it fills."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from mfdebug.debuggee import ring as ring_module
from mfdebug.debuggee.ring import CACHED_BYTES, Record, Ring, new_ring

BYTES = 64 * 1024


@pytest.fixture(
    params=[BYTES, CACHED_BYTES + BYTES], ids=["wraps at the end", "wraps in the cache"]
)
def ends(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Ring, Ring]]:
    """A writer and a reader of one ring."""
    monkeypatch.setattr(ring_module, "RING_BYTES", request.param)
    writer = new_ring(nameless=False)
    reader = Ring(writer.path, writer.sidecar)
    yield writer, reader
    writer.unlink()


@pytest.mark.parametrize("every", [7, 64, 1000])
def test_short_records_arrive_between_long_ones(ends: tuple[Ring, Ring], every: int) -> None:
    writer, reader = ends
    count = writer.capacity // 50
    wanted = list(range(count))
    found: list[tuple[int, bytes]] = []

    def read() -> None:
        while len(found) < count:
            found.extend((taken.number, bytes(taken.data)) for taken in reader.take())
            # A reader that is late at times: the ring is full then.
            time.sleep(0.0005)

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    for number in wanted:
        data = number.to_bytes(4, "little")
        if number % every == every - 1:
            writer.put(Record(3, number, data=data * 25))
        else:
            writer.put_short(Record(3, data=data), number)
    thread.join(60)
    assert [number for number, _ in found] == wanted
    for number, data in found:
        assert data[:4] == number.to_bytes(4, "little")
        assert len(data) == (100 if number % every == every - 1 else 4)
