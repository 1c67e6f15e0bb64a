"""Archives that are damaged or hostile: one error that says what and where, and nothing else."""

from __future__ import annotations

import json
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from miniflow import limits
from miniflow.errors import FileError, MiniflowError
from miniflow.importers.pt2 import load
from miniflow.importers.pt2.archive import ENTRIES, Archive
from miniflow.importers.pt2.tensors import Tensors
from tests.miniflow.importers.pt2.archives import (
    FILES,
    Entries,
    Model,
    changed,
    entries_of,
    nodes_of,
    write,
)

WEIGHTS = "mlp/data/weights/model_weights_config.json"


def refused(path: Path) -> str:
    """Return the error that refuses a file."""
    with pytest.raises(FileError) as raised:
        load(path)
    return str(raised.value)


def with_weights(path: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    """Write the MLP with a changed entry of its first weight."""
    entries = entries_of("mlp")
    form = json.loads(entries[WEIGHTS])
    change(form["config"]["model.0.weight"])
    return write(path, {**entries, WEIGHTS: json.dumps(form).encode()})


class Planted:
    """What writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


def test_a_pickle_is_never_read(tmp_path: Path) -> None:
    planted = tmp_path / "planted"
    content = pickle.dumps(Planted(planted))
    entries = entries_of("mlp")
    for name in entries:
        if name.endswith(("/model.pt", "weight_0")):
            entries[name] = content
    form = json.loads(entries[WEIGHTS])
    form["config"]["model.0.weight"]["use_pickle"] = True
    entries[WEIGHTS] = json.dumps(form).encode()
    assert refused(write(tmp_path / "m.pt2", entries)).endswith(
        "m.pt2: model.0.weight: this tensor is pickled, and never loaded"
    )
    assert not planted.exists()


def test_archives_of_older_versions_are_named(tmp_path: Path) -> None:
    path = write(tmp_path / "old.pt2", {"serialized_exported_program.json": b"{}"})
    assert refused(path) == (
        "old.pt2: it was saved by an old PyTorch, with pickled weights, which are never loaded "
        "(save it again with PyTorch 2.9 or later)"
    )

    def age(model: Model) -> None:
        model["schema_version"]["major"] = 7

    assert "its schema has version 7, not 8" in refused(changed(tmp_path / "m.pt2", age))


def test_what_is_not_an_archive(tmp_path: Path) -> None:
    path = tmp_path / "m.pt2"
    path.write_bytes(b"PK, but no zip file")
    assert refused(path) == "m.pt2: not a .pt2 file: File is not a zip file"
    assert "the zip file has no models/NAME.json" in refused(write(path, {"a": b"1"}))
    path.write_bytes((FILES / "mlp.pt2").read_bytes()[:9000])
    assert "not a .pt2 file" in refused(path)
    assert "there is no file" in refused(tmp_path / "other.pt2")


def test_bombs_are_not_unpacked(tmp_path: Path) -> None:
    entries = entries_of("mlp")
    path = tmp_path / "m.pt2"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            if name.endswith("models/model.json"):
                with archive.open(name, "w", force_zip64=True) as entry:
                    for _ in range(65):
                        entry.write(bytes(2**20))
            else:
                archive.writestr(name, content)
    assert "it has 68,157,440 bytes (at most 67,108,864)" in refused(path)


def test_numbers_that_the_archive_has_may_be_more_than_those_that_it_may_ask_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(path: Path) -> np.ndarray:
        return Tensors(Archive(path)).read("model.0.weight")

    def refusal(path: Path) -> str:
        with pytest.raises(FileError) as raised:
            read(path)
        return str(raised.value)

    monkeypatch.setattr(limits, "NUMBERS", 14)
    path = FILES / "mlp.pt2"
    assert read(path).shape == (5, 3)
    packed = tmp_path / "m.pt2"
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries_of("mlp").items():
            archive.writestr(name, content)
    assert "it has 120 bytes (at most 112)" in refusal(packed)
    repeated = with_weights(
        tmp_path / "r.pt2",
        lambda form: form["tensor_meta"].update(sizes=[{"as_int": 16}], strides=[{"as_int": 0}]),
    )
    assert "the tensors have too many numbers (at most 14)" in refusal(repeated)
    monkeypatch.setattr(limits, "TOTAL_NUMBERS", 14)
    assert "at most 14 numbers" in refusal(path)


def test_the_number_of_entries_is_limited(tmp_path: Path) -> None:
    path = tmp_path / "m.pt2"
    path.write_bytes(b"PK\x01\x02" * (ENTRIES + 1))
    assert refused(path) == f"m.pt2: it has more than {ENTRIES:,} entries"


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"path_name": "../../etc/passwd"}, "the path of a tensor is not the name of an entry"),
        ({"path_name": "weight_99"}, "the archive has no such entry"),
        ({"path_name": 3}, "Expected `str`, got `int`"),
        ({"path_name": "weight_1"}, "40 bytes do not fit the shape 5x3"),
        ({"use_pickle": None}, "Expected `bool`, got `null`"),
    ],
)
def test_paths_of_tensors(change: dict[str, Any], problem: str, tmp_path: Path) -> None:
    assert problem in refused(with_weights(tmp_path / "m.pt2", lambda form: form.update(change)))


@pytest.mark.parametrize(
    ("key", "value", "problem"),
    [
        ("sizes", [{"as_int": 2**40}], "a tensor has the shape 1099511627776"),
        ("sizes", [{"as_int": -1}, {"as_int": 3}], "a tensor has the shape -1x3"),
        ("sizes", [{"as_int": 1}] * 9, "a tensor has the shape 1x1x1x1x1x1x1x1x1"),
        ("sizes", [{"as_int": 9}, {"as_int": 3}], "120 bytes do not fit the shape 9x3"),
        ("sizes", [{"as_int": "5"}], "Expected `int | null`, got `str`"),
        ("strides", [{"as_int": -3}, {"as_int": 1}], "the strides of a tensor do not fit"),
        ("strides", [{"as_int": 1}], "the strides of a tensor do not fit its shape"),
        ("strides", [{"as_int": 2**50}, {"as_int": 1}], "120 bytes do not fit the shape 5x3"),
        ("storage_offset", {"as_int": 1}, "120 bytes do not fit the shape 5x3"),
        ("dtype", 11, "the unsupported type 11"),
    ],
)
def test_shapes_of_tensors(key: str, value: Any, problem: str, tmp_path: Path) -> None:
    def change(form: dict[str, Any]) -> None:
        form["tensor_meta"][key] = value

    assert problem in refused(with_weights(tmp_path / "m.pt2", change))


def test_a_stride_along_an_axis_of_size_1_can_be_any_number(tmp_path: Path) -> None:
    def change(form: dict[str, Any]) -> None:
        form["tensor_meta"]["sizes"] = [{"as_int": 1}, {"as_int": 15}]
        form["tensor_meta"]["strides"] = [{"as_int": 10**30}, {"as_int": 1}]

    graph = load(with_weights(tmp_path / "m.pt2", change))
    assert np.shape(graph["model.0.weight"].value) == (1, 15)


def _cycle(model: Model) -> None:
    nodes = nodes_of(model)
    nodes[0]["inputs"][0]["arg"] = nodes[-1]["outputs"][0]


def _twice(model: Model) -> None:
    nodes_of(model).insert(1, nodes_of(model)[0])


def _name(model: Model) -> None:
    renamed = json.loads(json.dumps(model["graph_module"]).replace('"x"', json.dumps("\x1b[2J")))
    model["graph_module"] = renamed


def _huge(model: Model) -> None:
    node = nodes_of(model)[1]
    node["target"] = "torch.ops.aten.expand.default"
    node["inputs"].append({"name": "size", "arg": {"as_ints": [2**20, 2**20, 6, 5]}, "kind": 1})


def _axis(model: Model) -> None:
    node = nodes_of(model)[1]
    node["target"] = "torch.ops.aten.transpose.int"
    for name in ("dim0", "dim1"):
        node["inputs"].append({"name": name, "arg": {"as_string": "all"}, "kind": 1})


def _random(model: Model) -> None:
    node = nodes_of(model)[1]
    node["target"] = "torch.ops.aten.rand.default"
    node["inputs"] = []


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (_cycle, "'cross_entropy_loss' is used before it is computed"),
        (_twice, "two values are called 'linear'"),
        (_name, r"'\x1b[2J' is not a name of 1 to 200 printable characters"),
        (_huge, f"at most {limits.NUMBERS:,} numbers"),
        (_axis, "the arguments of aten.transpose.int do not fit"),
        (_random, "ATen op aten.rand.default is unknown, and takes no tensors"),
        (lambda model: model["graph_module"].pop("graph"), "missing required field `graph`"),
        (lambda model: nodes_of(model).append(7), "Expected `object`, got `int`"),
    ],
)
def test_graphs(change: Callable[[Model], None], problem: str, tmp_path: Path) -> None:
    assert problem in refused(changed(tmp_path / "m.pt2", change))


def test_deep_nesting(tmp_path: Path) -> None:
    entries: Entries = entries_of("mlp")
    name = next(entry for entry in entries if "/models/" in entry)
    entries[name] = b'{"graph_module":' + b"[" * 10**6
    assert "not a model's JSON" in refused(write(tmp_path / "m.pt2", entries))


def test_an_in_place_call_on_a_tensor_whose_view_is_used_later(tmp_path: Path) -> None:
    def view(model: Model) -> None:
        nodes = nodes_of(model)
        tanh = next(node for node in nodes if "tanh" in node["target"])
        at = nodes.index(tanh)
        values = model["graph_module"]["graph"]["tensor_values"]
        source = tanh["inputs"][0]
        values["seen"] = values["changed"] = values["linear"]
        nodes[at:at] = [
            {"target": "torch.ops.aten.alias.default", "inputs": [source],
             "outputs": [{"as_tensor": {"name": "seen"}}], "metadata": {}},
            {"target": "torch.ops.aten.relu_.default", "inputs": [source],
             "outputs": [{"as_tensor": {"name": "changed"}}], "metadata": {}},
        ]  # fmt: skip
        tanh["inputs"] = [{"name": "self", "arg": {"as_tensor": {"name": "seen"}}, "kind": 1}]

    with pytest.raises(MiniflowError, match="it changes 'linear' in place, and 'seen'"):
        load(changed(tmp_path / "m.pt2", view))
