"""A file that is cut, cyclic, hostile or not whole is refused with one error, in bounds."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper

from miniflow import limits
from miniflow.errors import FileError, MiniflowError
from miniflow.importers.onnx import load, read
from miniflow.importers.onnx.model_file import Weights
from tests.support.onnx_models import NODE, graph, imported, model, passed

W = np.arange(6, dtype=np.float32).reshape(3, 2)


def written(folder: Path, proto: onnx.ModelProto) -> Path:
    path = folder / "m.onnx"
    path.write_bytes(proto.SerializeToString())
    return path


def with_external(folder: Path, location: str, **entries: str) -> Path:
    nodes = [NODE("MatMul", ["x", "w"], ["y"])]
    proto = model(nodes, {"x": (1, 3)}, initializers={"w": W})
    tensor = proto.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    for key, value in {"location": location, **entries}.items():
        tensor.external_data.add(key=key, value=value)
    return written(folder, proto)


def test_weights_in_a_file_beside_it_are_read(tmp_path: Path) -> None:
    (tmp_path / "m.data").write_bytes(b"\0" * 8 + W.tobytes())
    path = with_external(tmp_path, "m.data", offset="8", length="24")
    found = load(path)
    np.testing.assert_array_equal(found["w"].value, W)
    assert found["w"].value.dtype == np.float64


@pytest.mark.parametrize(
    ("location", "entries", "problem"),
    [
        ("../secret", {}, "leads out of the graph's folder"),
        ("/etc/passwd", {}, "is absolute"),
        ("link", {}, "is a link that leads out of the graph's folder"),
        ("", {}, "is not the name of a file"),
        ("missing", {}, "there is no file 'missing'"),
        ("m.data", {"offset": "20"}, "its numbers cannot be read"),
        ("m.data", {"offset": "20", "length": "24"}, "bytes 20 to 44 are not in 'm.data'"),
        ("m.data", {"offset": "-1"}, "are not in 'm.data'"),
        ("m.data", {"offset": "x"}, "its place in the file beside is not a number"),
    ],
)
def test_weights_elsewhere_are_refused(
    tmp_path: Path, location: str, entries: dict[str, str], problem: str
) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    (tmp_path / "secret").write_bytes(W.tobytes())
    (inside / "link").symlink_to(tmp_path / "secret")
    (inside / "m.data").write_bytes(W.tobytes())
    path = with_external(inside, location, **entries)
    with pytest.raises(FileError, match=problem):
        read(path)


def test_a_file_that_is_cut_or_no_model_is_refused(tmp_path: Path) -> None:
    whole = model([NODE("MatMul", ["x", "w"], ["y"])], initializers={"w": W}).SerializeToString()
    path = tmp_path / "m.onnx"
    for content in (b"", b"{}", b"\0" * 100, *(whole[:n] for n in range(1, len(whole), 7))):
        path.write_bytes(content)
        with pytest.raises(MiniflowError):
            read(path)


@pytest.mark.parametrize(
    ("nodes", "problem"),
    [
        (
            [NODE("Add", ["x", "b"], ["a"]), NODE("Neg", ["a"], ["b"]), NODE("Neg", ["b"], ["y"])],
            "Add takes 'b', which comes later: a cycle, or a wrong order",
        ),
        ([NODE("Add", ["x", "z"], ["y"])], "Add takes 'z', which does not exist"),
        ([NODE("Neg", ["x"], ["y"]), NODE("Exp", ["x"], ["y"])], "'y' is computed twice"),
    ],
)
def test_a_cycle_a_wrong_order_and_unknown_names_are_refused(
    tmp_path: Path, nodes: list[onnx.NodeProto], problem: str
) -> None:
    with pytest.raises(FileError, match=problem):
        read(written(tmp_path, model(nodes)))


@pytest.mark.parametrize("dims", [[2**40, 2], [-1, 2], [1] * 9, [7, 7]])
def test_a_tensor_that_its_numbers_do_not_fill_is_refused(tmp_path: Path, dims: list[int]) -> None:
    proto = model([NODE("MatMul", ["x", "w"], ["y"])], initializers={"w": W})
    proto.graph.initializer[0].dims[:] = dims
    with pytest.raises(FileError):
        read(written(tmp_path, proto))


def test_numbers_that_the_file_has_may_be_more_than_those_that_it_may_ask_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "m.data").write_bytes(W.tobytes())
    beside = with_external(tmp_path, "m.data", length="24")
    monkeypatch.setattr(limits, "NUMBERS", 5)
    nodes = [NODE("Gemm", ["x", "w"], ["y"], transB=1)]
    within = model(nodes, {"x": (1, 2)}, initializers={"w": W})
    # The transpose has as many, and no more.
    found = graph(within, cost="sum")
    assert passed(found).value(found.by_name["y.B_T"]).size == 6
    np.testing.assert_array_equal(load(beside)["w"].value, W)
    more = [NODE("Expand", ["w", "n"], ["v"]), NODE("Gemm", ["x", "v"], ["y"], transB=1)]
    numbers = {"w": W[:1], "n": np.array([3, 2])}
    with pytest.raises(MiniflowError, match="at most 5 numbers"):
        graph(model(more, {"x": (1, 2)}, initializers=numbers), cost="sum")
    with pytest.raises(MiniflowError, match="at most 5 numbers"):
        graph(model([NODE("Relu", ["x"], ["y"])], {"x": (2, 3)}), cost="sum")
    monkeypatch.setattr(limits, "TOTAL_NUMBERS", 5)
    with pytest.raises(FileError, match=r"the shape 3x2 has 6 numbers .at most 5 in all values"):
        read(beside)
    with pytest.raises(FileError, match=r"w: the shape 3x2 has 6 numbers .at most 5 in all"):
        graph(within, cost="sum")


@pytest.mark.parametrize(
    ("element", "content"),
    [
        (onnx.TensorProto.FLOAT16, W.astype("<f2")),
        # The upper half of a float32.
        (onnx.TensorProto.BFLOAT16, (W.view("<u4") >> 16).astype("<u2")),
        (onnx.TensorProto.DOUBLE, W.astype("<f8")),
    ],
)
def test_a_file_beside_it_may_have_other_floats(
    tmp_path: Path, element: int, content: np.ndarray
) -> None:
    (tmp_path / "m.data").write_bytes(content.tobytes())
    proto = onnx.load(with_external(tmp_path, "m.data"), load_external_data=False)
    tensor = proto.graph.initializer[0]
    tensor.data_type = element
    np.testing.assert_array_equal(Weights(tmp_path).read(tensor, "w"), W)


def test_a_file_beside_it_belongs_to_the_fingerprint(tmp_path: Path) -> None:
    (tmp_path / "m.data").write_bytes(W.tobytes())
    path = with_external(tmp_path, "m.data")
    before = load(path).fingerprint
    assert load(path).fingerprint == before
    (tmp_path / "m.data").write_bytes((W + 1).tobytes())
    assert load(path).fingerprint != before


@pytest.mark.parametrize(
    "node",
    [
        NODE("ConstantOfShape", ["n"], ["big"]),
        NODE("Expand", ["c", "n"], ["big"]),
        NODE("Tile", ["c2", "times"], ["big"]),
        NODE("Range", ["zero", "much", "one"], ["big"]),
    ],
)
def test_a_few_bytes_cannot_ask_for_much_memory(node: onnx.NodeProto) -> None:
    numbers = {
        "n": np.array([2**20, 2**20]),
        "c": np.array(1.0),
        "c2": np.array([1]),
        "times": np.array([2**40]),
        "zero": np.array(0),
        "one": np.array(1),
        "much": np.array(2**40),
    }
    sums = [node, NODE("Cast", ["big"], ["f"], to=1), NODE("Add", ["x", "f"], ["y"])]
    with pytest.raises(MiniflowError, match="numbers"):
        imported(model(sums, initializers=numbers))


def test_a_huge_declared_input_is_refused_before_it_is_drawn() -> None:
    with pytest.raises(MiniflowError, match=f"at most {limits.NUMBERS:,} numbers"):
        graph(model([NODE("Relu", ["x"], ["y"])], {"x": (2**20, 2**20)}))


def test_functions_that_call_themselves_end() -> None:
    loop = helper.make_function(
        "own", "Loop2", ["a"], ["b"], [NODE("Loop2", ["a"], ["b"], domain="own")],
        [helper.make_opsetid("own", 1)],
    )  # fmt: skip
    proto = model([NODE("Loop2", ["x"], ["y"], domain="own")])
    proto.functions.append(loop)
    with pytest.raises(MiniflowError, match="nested too deep"):
        imported(proto)


def test_without_the_package_one_sentence_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(FileError) as caught:
        read(tmp_path / "m.onnx")
    assert str(caught.value) == (
        "m.onnx: this file needs the onnx package (pip install 'mfdebug[onnx]')"
    )
