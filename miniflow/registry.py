"""The ops by their names: graph files, operators and functions look them up here."""

from __future__ import annotations

from typing import Any

# Filled by `miniflow.ops`: each is an `Op` class.
OPS: dict[str, type[Any]] = {}
