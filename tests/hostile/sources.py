"""Where hostile files come from: each row makes files of a kind."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from tests.hostile.archives import archive_bytes, archive_form
from tests.hostile.example_files import example_bytes, example_header, example_tensors
from tests.hostile.inputs import (
    GRAPHS,
    SETTINGS,
    Input,
    damaged,
    graph_form,
    nested,
    of_files,
    run_bytes,
    run_rows,
    session,
    tensors,
)
from tests.hostile.onnx_inputs import MODELS, SHIPPED, onnx_form

SOURCES: list[tuple[str, Callable[[Random], bytes]]] = [
    ("graph", of_files(sorted(GRAPHS.glob("*.json")))),
    ("graph", graph_form),
    ("graph", graph_form),
    ("graph", graph_form),
    ("graph", nested),
    ("tensors", tensors),
    ("tensors", of_files([GRAPHS / "digits.safetensors", GRAPHS / "xor.csv"])),
    ("model", archive_bytes),
    ("model", archive_form),
    ("model", archive_form),
    ("session", session),
    ("demo", of_files(sorted((GRAPHS / "demos").glob("*.demo")))),
    ("run", run_bytes),
    ("run", run_rows),
    ("onnx", of_files([MODELS / f"{name}.onnx" for name in SHIPPED])),
    ("onnx", onnx_form),
    ("onnx", onnx_form),
    ("example", example_bytes),
    ("example", example_header),
    ("example", example_tensors),
    ("settings", lambda random: damaged(random, SETTINGS)),
]


def drawn(seed: int, number: int) -> Input:
    """Return input `number` of a seed: the same one in every run."""
    random = Random(f"{seed}/{number}")
    kind, make = random.choice(SOURCES)
    return Input(kind, make(random))
