"""Graph files from an enemy: refused with one line, quickly, and without touching anything else."""

from __future__ import annotations

import io
import json
import os
import pickle
import struct
import sys
import threading
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from miniflow import limits
from miniflow.errors import FileError, MiniflowError
from miniflow.files import load, loads
from tests.support.counting import assert_linear
from tests.support.paths import ROOT

GRAPH = '{"miniflow": 1, "nodes": [{"name": "x", "op": "Input", "value": %s}]}'


def refused(data: bytes | str, folder: Path | str = ".") -> str:
    data = data.encode() if isinstance(data, str) else data
    with pytest.raises(MiniflowError) as raised:
        loads(data, folder, "t.json")
    text = str(raised.value)
    assert text.isprintable()
    assert text.startswith("t.json")
    assert len(text) < 3000
    return text


def refused_value(folder: Path, **value: Any) -> str:
    return refused(GRAPH % json.dumps(value), folder)


@contextmanager
def at_most(megabytes: float = 64.0) -> Iterator[None]:
    """Fail if what is inside takes memory before it looks."""
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < megabytes * 1e6
    finally:
        tracemalloc.stop()


# Sizes and depths --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "before",
    [
        b"",
        b'{"miniflow": 1, "nodes": ',
        b'{"miniflow": 1, "nodes": [{"name": "x", "op": "Input", "value": ',
        b'{"miniflow": 1, "nodes": [{"name": "x", "op": "Add", "attrs": {"a": ',
        b'{"miniflow": 1, "data": {"feeds": {"x": ',
    ],
)
@pytest.mark.parametrize("nest", [b"[", b'{"a":'])
def test_a_hundred_megabytes_of_nesting_are_refused_at_once(before: bytes, nest: bytes) -> None:
    data = before + nest * (100_000_000 // len(nest))
    with at_most():
        refused(data)


def test_lists_nested_as_deep_as_json_is_read() -> None:
    for depth in (9, 100, 500, 900):
        assert "nested" in refused(GRAPH % ("[" * depth + "1" + "]" * depth))


def test_a_large_file_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "big.json"
    with path.open("wb") as file:
        file.truncate(2**30)
    with at_most(), pytest.raises(FileError, match="the file has 1,073,741,824 bytes"):
        load(path)


@pytest.mark.parametrize(
    ("name", "most"),
    [
        ("big.csv", "269,484,032"),
        ("big.npz", "269,484,032"),
        ("big.safetensors", "2,164,260,864"),
    ],
)
def test_a_large_table_is_refused_before_it_is_read(tmp_path: Path, name: str, most: str) -> None:
    with (tmp_path / name).open("wb") as file:
        file.truncate(2**40)
    with at_most():
        assert f"bytes (at most {most})" in refused_value(tmp_path, file=name)


def test_what_a_tensor_file_has_is_bounded_by_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_file({"a": np.ones(3000), "b": np.ones(2000)}, tmp_path / "t.safetensors")

    def nodes(*tensors: str) -> bytes:
        made = [
            {"name": f"x{i}", "op": "Input", "value": {"file": "t.safetensors", "tensor": tensor}}
            for i, tensor in enumerate(tensors)
        ]
        cost = {"name": "cost", "op": "Sum", "inputs": ["x0"]}
        return json.dumps({"miniflow": 1, "nodes": [*made, cost], "cost": "cost"}).encode()

    monkeypatch.setattr(limits, "NUMBERS", 2500)
    loads(nodes("a", "b"), tmp_path, "t.json")
    # Another use of a tensor has no bytes of its own in the file.
    loads(nodes("a", "b", "b"), tmp_path, "t.json")
    assert "2,500 in all values" in refused(nodes("b", "b", "b", "b"), tmp_path)
    assert "2,500 in all values" in refused(nodes("a", "a"), tmp_path)
    np.savez(tmp_path / "t.npz", a=np.ones(3000))
    assert "at most 2,500" in refused_value(tmp_path, file="t.npz", tensor="a")
    monkeypatch.setattr(limits, "TOTAL_NUMBERS", 4500)
    assert "4,500 in all values" in refused(nodes("a", "b"), tmp_path)


@pytest.mark.parametrize(
    "shape", [[10**9], [10**5] * 2, [2**27, 2], [2**20] * 8, [10**18], [10**30]]
)
def test_billions_of_initial_numbers_are_refused_before_they_are_made(shape: list[int]) -> None:
    for init in ("zeros", "ones", "normal", "uniform", "xavier"):
        with at_most():
            refused(GRAPH % json.dumps({"init": init, "shape": shape}))


def test_many_values_just_below_the_limit_are_refused_in_sum(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "NUMBERS", 2500)
    value = {"init": "zeros", "shape": [1000]}
    nodes = [{"name": f"x{i}", "op": "Input", "value": value} for i in range(3)]
    add = {"name": "f", "op": "Add", "inputs": ["x0", "x1"]}
    content: dict[str, Any] = {"miniflow": 1, "nodes": [*nodes, add]}
    assert "2,500 in all values" in refused(json.dumps(content))
    monkeypatch.setattr(limits, "TOTAL_NUMBERS", 3000)
    loads(json.dumps({"miniflow": 1, "nodes": [*nodes[:2], add]}).encode(), ".", "t.json")
    loads(json.dumps({"miniflow": 1, "nodes": [add, *nodes[:2]]}).encode(), ".", "t.json")
    monkeypatch.setattr(limits, "TOTAL_NUMBERS", 2500)
    content["nodes"] = [*nodes[:2], add]
    assert "all values together would have 3,000 numbers" in refused(json.dumps(content))


def test_ops_that_would_make_billions_of_numbers_are_refused() -> None:
    value = {"init": "zeros", "shape": [2**20, 1]}
    nodes = [
        {"name": "a", "op": "Input", "value": value},
        {"name": "b", "op": "Input", "value": value | {"shape": [1, 2**20]}},
        {"name": "f", "op": "MatMul", "inputs": ["a", "b"]},
    ]
    with at_most():
        text = refused(json.dumps({"miniflow": 1, "nodes": nodes}))
    assert "$.nodes[2] (f): its value would have shape 1048576x1048576" in text


def test_a_batch_of_billions_is_refused() -> None:
    for sampling in ("replacement", "epoch"):
        for size in (2**26, 2**27, 2**40):
            training = {"batch_size": size, "sampling": sampling}
            nodes = [
                {"name": "x", "op": "Input"},
                {"name": "f", "op": "Concat", "inputs": ["x"] * 9},
            ]
            data = {"feeds": {"x": [[1, 2]]}}
            content = {"miniflow": 1, "nodes": nodes, "training": training, "data": data}
            with at_most():
                refused(json.dumps(content))


def test_a_reshape_to_a_thousand_axes_is_refused() -> None:
    nodes = [
        {"name": "x", "op": "Input", "value": 1},
        {"name": "f", "op": "Reshape", "inputs": ["x"], "attrs": {"shape": [1] * 1000}},
    ]
    assert "$.nodes[1].attrs" in refused(json.dumps({"miniflow": 1, "nodes": nodes}))


def chain(nodes: int, *, backwards: bool = False) -> bytes:
    rows = ['{"name":"n0","op":"Input","value":1}']
    rows += [f'{{"name":"n{i}","op":"Neg","inputs":["n{i - 1}"]}}' for i in range(1, nodes)]
    rows = rows[::-1] if backwards else rows
    return f'{{"miniflow":1,"nodes":[{",".join(rows)}]}}'.encode()


@pytest.mark.parametrize("backwards", [False, True])
def test_loading_is_linear_in_the_nodes(backwards: bool) -> None:
    def read(nodes: int) -> None:
        graph = loads(chain(nodes, backwards=backwards), ".", "t.json")
        assert graph.names()[-1] == f"n{nodes - 1}"

    assert_linear(read, 1_000)
    read(50_000)


def test_many_inputs_of_one_node() -> None:
    names = '"x",' * 199_999 + '"x"'
    node = f'{{"name":"f","op":"Concat","inputs":[{names}]}}'
    data = f'{{"miniflow":1,"nodes":[{{"name":"x","op":"Input","value":[1]}},{node}]}}'
    assert loads(data.encode(), ".", "t.json").shapes() == [(1,), (200_000,)]


def put_everywhere(word: str) -> Iterator[dict[str, Any]]:
    """Yield a file's content with `word` in one place, for every place."""

    def whole(node: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
        x = {"name": "x", "op": "Input", **(node or {})}
        return {"miniflow": 1, "nodes": [x], **fields}

    yield whole(**{word: 1})
    for key in ("name", "dtype", "cost"):
        yield whole(**{key: word})
    yield whole({word: 1})
    yield whole({"name": word, "vlaue": 1})
    yield whole({"op": word})
    for value in (
        word,
        [word],
        {word: 1},
        {"init": word, "shape": []},
        {"file": word},
        {"file": word + ".csv"},
    ):
        yield whole({"value": value})
    for fields in ({"inputs": [word]}, {"inputs": ["x"], "attrs": {word: word}}):
        content = whole()
        content["nodes"].append({"name": "f", "op": "Neg", **fields})
        yield content
    for training in ({"sampling": word}, {"optimizer": {"name": word}}, {word: 1}):
        yield whole(training=training)
    yield whole(data={"feeds": {word: [1]}})
    yield whole(data={"file": word, "feeds": {"x": word}})
    yield whole(data={"feeds": {"x": [1]}, "standardize": [word]})


@pytest.mark.parametrize(
    "word", ["\x1b]0;x\x07" * 50_000, "[/]" * 100_000, "\u202e" * 1000, "\x00"]
)
def test_long_and_strange_words_in_every_place_are_cut_and_escaped(word: str) -> None:
    for content in put_everywhere(word):
        refused(json.dumps(content))


# Paths -------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    inside = tmp_path / "in"
    (inside / "sub").mkdir(parents=True)
    for place in (tmp_path, inside, inside / "sub"):
        (place / "w.csv").write_text("1,2\n")
    return inside


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("../w.csv", "leads out of the graph's folder"),
        ("sub/../../w.csv", "leads out of the graph's folder"),
        ("sub/../w.csv", "leads out of the graph's folder"),
        ("..\\w.csv", "leads out of the graph's folder"),
        ("/etc/w.csv", "is absolute"),
        ("//host/w.csv", "is absolute"),
        ("\\\\host\\w.csv", "is absolute"),
        ("C:w.csv", "is absolute"),
        ("C:\\w.csv", "is absolute"),
        ("", "not a file of a supported type"),
        (".csv", "not a file of a supported type"),
        ("w.csv\0.npz", "is not the name of a file"),
        ("W.csv", "there is no file 'W.csv' (did you mean 'w.csv'?)"),
        ("w.csv/x.csv", "ot a directory"),
        ("n" * 300 + ".csv", "too long"),
        ("~/w.csv", "there is no file"),
        ("$HOME/w.csv", "there is no file"),
    ],
)
def test_paths_stay_in_the_graphs_folder(folder: Path, name: str, said: str) -> None:
    assert said in refused_value(folder, file=name)


def test_links_inside_the_folder_are_followed_and_those_out_of_it_are_not(folder: Path) -> None:
    (folder / "in.csv").symlink_to("sub/w.csv")
    (folder / "out.csv").symlink_to("../w.csv")
    (folder / "absolute.csv").symlink_to(folder.parent / "w.csv")
    (folder / "twice.csv").symlink_to("out.csv")
    (folder / "away").symlink_to("..")
    (folder / "loop.csv").symlink_to("loop.csv")
    (folder / "nowhere.csv").symlink_to("none.csv")
    value = GRAPH % json.dumps({"file": "in.csv"})
    assert loads(value.encode(), folder, "t.json")["x"].value.tolist() == [[1, 2]]
    for name in ("out.csv", "absolute.csv", "twice.csv", "away/w.csv"):
        assert "a link that leads out of the graph's folder" in refused_value(folder, file=name)
    # Python 3.13 leaves the words to the system.
    told = refused_value(folder, file="loop.csv").lower()
    assert "loop" in told or "symbolic links" in told
    assert "there is no file" in refused_value(folder, file="nowhere.csv")


def test_a_graph_reached_by_a_link_reads_files_beside_itself(folder: Path) -> None:
    (folder / "g.json").write_text(GRAPH % json.dumps({"file": "w.csv"}))
    (folder / "w.csv").write_text("5\n")
    link = folder.parent / "link.json"
    link.symlink_to(folder / "g.json")
    assert load(link)["x"].value.tolist() == [[5]]


def without_waiting(call: Callable[[], object]) -> None:
    """Run `call` in a thread, and fail if it waits."""
    thread = threading.Thread(target=call, daemon=True)
    thread.start()
    thread.join(5)
    assert not thread.is_alive()


@pytest.mark.skipif(sys.platform == "win32", reason="no pipes in folders")
def test_pipes_devices_and_folders_are_not_read(folder: Path) -> None:
    os.mkfifo(folder / "pipe.csv")
    (folder / "folder.csv").mkdir()

    def check() -> None:
        said.append(refused_value(folder, file="pipe.csv"))
        for path in (folder / "pipe.csv", Path("/dev/zero"), folder):
            with pytest.raises(FileError) as raised:
                load(path)
            said.append(str(raised.value))

    said: list[str] = []
    without_waiting(check)
    assert "t.json: $.nodes[0].value (x): pipe.csv: it is a pipe, not an ordinary file" in said[0]
    assert "pipe.csv: it is a pipe, not an ordinary file" in said[1]
    assert "zero: it is a device, not an ordinary file" in said[2]
    assert "in: it is a folder" in said[3]
    assert "it is a folder" in refused_value(folder, file="folder.csv")


@pytest.mark.parametrize("name", ["none.json", "\x1b[31m.json", "a\0b.json", "n" * 300, ""])
def test_a_graph_file_that_is_not_there(tmp_path: Path, name: str) -> None:
    with pytest.raises(FileError) as raised:
        load(os.path.join(tmp_path, name))
    assert str(raised.value).isprintable()


def test_the_nearest_graph_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "xor.json").write_text("{}")
    with pytest.raises(FileError, match=r"there is no file 'xro.json' \(did you mean 'xor.json'"):
        load(tmp_path / "xro.json")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root reads all")
def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    path = tmp_path / "g.json"
    path.write_text("{}")
    path.chmod(0)
    with pytest.raises(FileError, match="Permission denied"):
        load(path)


# Tensor files ------------------------------------------------------------------------------------


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


def test_bytes_changed_anywhere_in_a_graph_file_never_raise_anything_else() -> None:
    path = ROOT / "graphs" / "xor.json"
    whole = path.read_bytes()
    rng = np.random.default_rng(2)
    refusals: list[MiniflowError] = []
    for _ in range(1500):
        data = bytearray(whole)
        place = int(rng.integers(len(data)))
        match rng.integers(3):
            case 0:
                data[place] = int(rng.integers(256))
            case 1:
                del data[place : place + int(rng.integers(20))]
            case _:
                data[place:place] = data[int(rng.integers(len(data))) :][:20]
        try:
            loads(bytes(data), path.parent, "t.json")
        except MiniflowError as error:
            refusals.append(error)
    assert len(refusals) > 500
    assert all(str(error).isprintable() for error in refusals)
    assert all(error.where.startswith("t.json") for error in refusals)
