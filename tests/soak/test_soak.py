"""A little of the long runs, at every check."""

from __future__ import annotations

import pytest

from tests.soak.__main__ import soak_of_commands
from tests.soak.input_bytes import soak as soak_of_bytes
from tests.soak.keys import soak
from tests.soak.programs import soak as soak_of_programs
from tests.support.sizes import pick


@pytest.mark.slow
def test_random_commands_over_all_graphs() -> None:
    told = soak_of_commands(pick(2_500, 600), stretch=pick(200, 40))
    assert "commands over" in told[0]


def test_random_keys_and_sizes() -> None:
    assert "keys" in soak(pick(150, 40))[0]


@pytest.mark.slow
def test_random_bytes_and_changed_sequences() -> None:
    assert "bytes in" in soak_of_bytes(pick(2_000, 600))[0]


@pytest.mark.slow
def test_random_programs() -> None:
    assert "programs in" in soak_of_programs(pick(6, 2))[0]
