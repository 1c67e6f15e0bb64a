"""Tensor files that lie about themselves: refused with one line, and nothing is unpacked or run."""

from __future__ import annotations

import io
import json
import pickle
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.miniflow.files.refusals import at_most, refused_value


class Bomb:
    """An object whose unpickling would leave a trace."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (exec, ("import builtins; builtins.unpickled = True",))


def test_pickles_in_npz_files_are_never_loaded(tmp_path: Path) -> None:
    np.savez(tmp_path / "p.npz", x=np.array([Bomb()], dtype=object))
    assert "pickled and never loaded" in refused_value(tmp_path, file="p.npz")
    with zipfile.ZipFile(tmp_path / "q.npz", "w") as archive:
        archive.writestr("x.npy", pickle.dumps(Bomb()))
    assert "cannot be read" in refused_value(tmp_path, file="q.npz")
    (tmp_path / "r.npz").write_bytes(pickle.dumps(Bomb()))
    assert "not an .npz file" in refused_value(tmp_path, file="r.npz", tensor="x")
    assert not hasattr(__builtins__, "unpickled")


def npy(header: str, data: bytes = b"", version: tuple[int, int] = (1, 0)) -> bytes:
    text = header.encode("latin1")
    size = struct.pack("<H" if version == (1, 0) else "<I", len(text))
    return b"\x93NUMPY" + bytes(version) + size + text + data


F8 = "{'descr': '<f8', 'fortran_order': False, 'shape': %s}"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (npy(F8 % "(1000000000,)"), "1,000,000,000 numbers"),
        (npy(F8 % "(100000, 100000)"), "10,000,000,000 numbers"),
        (npy(F8 % "(-1,)", b"12345678"), "no valid shape"),
        (npy(F8 % "(1,)", b"1234"), "less data than its shape 1 says"),
        (npy(F8 % "(1,)", b"1" * 16), "more data than its shape 1 says"),
        (npy(F8 % "(0,)"), "is empty"),
        (npy(F8 % "(True,)", b"12345678"), "no valid shape"),
        (npy(F8 % ("(" + "1," * 9 + ")"), b"12345678"), "has 9 axes (at most 8)"),
        (npy(F8 % "'abc'"), "cannot be read"),
        (npy("{'descr': '|O', 'fortran_order': False, 'shape': (1,)}"), "pickled and never loaded"),
        (npy("{'descr': '|S8', 'fortran_order': False, 'shape': (1,)}", b"a" * 8), "not numbers"),
        (npy("{'descr': '<c16', 'fortran_order': False, 'shape': ()}", b"a" * 16), "not numbers"),
        (npy("{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': ()}", b"a" * 8), "descr"),
        (npy("{'descr': ('<f8', (9999999,)), 'fortran_order': False, 'shape': ()}"), "valid descr"),
        (npy("(" * 5000), "cannot be read"),
        (npy("__import__('os')"), "cannot be read"),
        (npy("1" * 60_000), "cannot be read"),
        (npy(F8 % "(1,)", b"12345678", (4, 0)), "does not start like a NumPy array"),
        (b"", "cannot be read"),
        (b"\x93NUMPY", "cannot be read"),
        (b"not numpy", "cannot be read"),
    ],
)  # fmt: skip
def test_headers_of_npz_tensors_that_lie(tmp_path: Path, content: bytes, said: str) -> None:
    with zipfile.ZipFile(tmp_path / "t.npz", "w") as archive:
        archive.writestr("x.npy", content)
    with at_most():
        assert said in refused_value(tmp_path, file="t.npz")


@pytest.mark.slow
def test_an_npz_bomb_is_not_unpacked(tmp_path: Path) -> None:
    zeros = bytes(2**20)
    with (
        zipfile.ZipFile(tmp_path / "t.npz", "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("x.npy", "w", force_zip64=True) as file,
    ):
        file.write(npy(F8 % "(4,)"))
        for _ in range(128):
            file.write(zeros)
    assert (tmp_path / "t.npz").stat().st_size < 2**20
    with at_most():
        assert "more data than its shape 4 says" in refused_value(tmp_path, file="t.npz")


def zipped(**changes: Any) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", changes.pop("compression", zipfile.ZIP_STORED)) as archive:
        archive.writestr("x.npy", npy(F8 % "(1,)", b"12345678"))
    return buffer.getvalue()


def test_zip_files_that_are_broken(tmp_path: Path) -> None:
    whole = zipped()
    broken = {
        "cut": whole[:-30],
        "empty": b"",
        "text": b"PK\x03\x04 and more",
        "encrypted": whole.replace(
            b"PK\x01\x02\x14\x03\x14\x00\x00", b"PK\x01\x02\x14\x03\x14\x00\x01"
        ),
        "crc": whole.replace(b"12345678", b"12345679", 1),
        "bzip2": zipped(compression=zipfile.ZIP_BZIP2),
        "lzma": zipped(compression=zipfile.ZIP_LZMA),
    }
    for name, content in broken.items():
        (tmp_path / f"{name}.npz").write_bytes(content)
        refused_value(tmp_path, file=f"{name}.npz", tensor="x")


def safetensors(header: Any, data: bytes = b"", size: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if size is None else size) + text + data


def entry(shape: list[int], dtype: str = "F64", offsets: tuple[int, int] = (0, 8)) -> Any:
    return {"x": {"dtype": dtype, "shape": shape, "data_offsets": offsets}}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"1234567",
        safetensors(b"{", b""),
        safetensors({}, size=2**63),
        safetensors({}, size=100),
        safetensors(b"[" * 1_000_000),
        safetensors(b"\xff\xfe"),
        safetensors(entry([1]), b""),
        safetensors(entry([1]), b"1234"),
        safetensors(entry([2]), b"12345678"),
        safetensors(entry([10**9]), b"12345678"),
        safetensors(entry([2**40, 2**40]), b"12345678"),
        safetensors(entry([-1]), b"12345678"),
        safetensors(entry([1], offsets=(8, 0)), b"12345678"),
        safetensors(entry([1], offsets=(0, 2**60)), b"12345678"),
        safetensors(entry([1], offsets=(8, 16)), b"1" * 16),
        safetensors(entry([1], dtype="F99"), b"12345678"),
        safetensors(entry([8], dtype="F8_E5M2"), b"12345678"),
        safetensors(entry([0], offsets=(0, 0))),
        safetensors(entry([1] * 9), b"12345678"),
        safetensors({"x": entry([1])["x"], "y": entry([1])["x"]}, b"12345678"),
        safetensors({"y": entry([1])["x"]}, b"12345678"),
    ],
)
def test_headers_of_safetensors_that_lie(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "t.safetensors").write_bytes(content)
    with at_most():
        text = refused_value(tmp_path, file="t.safetensors")
    assert text.startswith("t.json: $.nodes[0].value (x): t.safetensors: ")


@pytest.mark.parametrize("suffix", [".csv", ".npz", ".safetensors"])
def test_random_bytes_in_a_tensor_file(tmp_path: Path, suffix: str) -> None:
    rng = np.random.default_rng(1)
    for size in (1, 10, 100, 10_000):
        (tmp_path / f"t{suffix}").write_bytes(rng.bytes(size))
        refused_value(tmp_path, file=f"t{suffix}")
