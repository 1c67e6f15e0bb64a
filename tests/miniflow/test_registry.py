"""What is loaded on demand: every name is found in its module, and loads no other."""

from __future__ import annotations

import ast
import pickle
from pathlib import Path

import pytest

import miniflow
from miniflow import functional, ops
from miniflow.files.op_hints import op_hint
from miniflow.registry import FAMILIES, FUNCTIONS, OPS, homes
from miniflow.training import optimizers
from tests.support.fresh_process import loaded_by, printed_by
from tests.support.paths import ROOT

ENGINE = ROOT / "miniflow"
OP_FILES = sorted((ENGINE / "ops").glob("[a-z]*.py"))


def registered_in(file: Path) -> list[str]:
    return [
        node.name
        for node in ast.parse(file.read_bytes()).body
        if isinstance(node, ast.ClassDef)
        for decorator in node.decorator_list
        if isinstance(decorator, ast.Name) and decorator.id == "register"
    ]


def seen_by_type_checkers(file: Path) -> list[ast.stmt]:
    return [
        line
        for node in ast.parse(file.read_bytes()).body
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for line in node.body
    ]


def imports_for_type_checkers(file: Path) -> dict[str, str]:
    """Return the module of each name that a file imports under its own name, for their use."""
    return {
        alias.name: node.module or ""
        for node in seen_by_type_checkers(file)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if alias.asname == alias.name
    }


@pytest.mark.parametrize("file", OP_FILES, ids=lambda file: file.stem)
def test_the_table_has_the_ops_of_each_module(file: Path) -> None:
    assert FAMILIES.get(file.stem, "").split() == registered_in(file)


def test_every_op_is_found_under_its_name() -> None:
    for name, home in homes("miniflow.ops", FAMILIES).items():
        op = OPS[name]
        assert (op.__name__, op.__module__) == (name, home)
        assert op is getattr(ops, name) is getattr(miniflow, name)
        assert pickle.loads(pickle.dumps(op)) is op


def test_type_checkers_see_every_op_and_function() -> None:
    assert imports_for_type_checkers(ENGINE / "ops" / "__init__.py") == homes(
        "miniflow.ops", FAMILIES
    )
    functions = seen_by_type_checkers(ENGINE / "functional.py")
    assert [ast.unparse(line) for line in functions] == [
        f"{name} = ops.{op}" for name, op in FUNCTIONS.items()
    ]


def test_type_checkers_see_every_optimizer_and_schedule() -> None:
    found = imports_for_type_checkers(ENGINE / "training" / "optimizers.py")
    assert set(found) == set(optimizers.OPTIMIZERS)
    assert found.items() <= imports_for_type_checkers(ENGINE / "__init__.py").items()
    for name, home in imports_for_type_checkers(ENGINE / "__init__.py").items():
        assert getattr(miniflow, name).__module__ == home


def test_every_function_is_its_op() -> None:
    for name, op in FUNCTIONS.items():
        assert getattr(miniflow, name) is getattr(functional, name) is OPS[op]


def test_all_names_are_listed() -> None:
    named = {*miniflow.__all__, *FUNCTIONS, "Adam", "Cosine", "Graph", "load", "scope"}
    assert named <= set(dir(miniflow))
    assert FUNCTIONS.keys() <= set(dir(functional))
    assert OPS.keys() <= set(dir(ops))


def test_the_star_import_has_the_lessons_names_and_all_ops() -> None:
    names: dict[str, object] = {}
    exec("from miniflow import *", names)
    lesson = {"forward_and_backward", "forward_pass", "np", "sgd_update", "topological_sort"}
    nodes = {"Input", "Layer", "Neuron", "Node"}
    assert names.keys() - {"__builtins__"} == {*OPS} | lesson | nodes


@pytest.mark.parametrize("module", [miniflow, ops, functional, optimizers])
def test_a_name_that_is_misspelt_is_said(module: object) -> None:
    with pytest.raises(AttributeError, match="has no attribute 'Sigmoyd'") as caught:
        module.Sigmoyd  # type: ignore[attr-defined]  # noqa: B018
    assert (caught.value.name, caught.value.obj) == ("Sigmoyd", module)


def test_a_name_is_an_attribute_once_it_was_used() -> None:
    assert ops.LSTM is vars(ops)["LSTM"]
    assert miniflow.lstm is vars(miniflow)["lstm"] is vars(functional)["lstm"]


# In this order in one process: what each of them loads of the ops and the optimizers.
STEPS = {
    "import miniflow.graph": "descent",
    "import miniflow.functional": "",
    "dir(miniflow), list(OPS), len(OPS), 'GRU' in OPS": "",
    "op_hint('Sigmoyd')": "",
    "miniflow.parameter(1.0)": "",
    "miniflow.Input() * miniflow.Input()": "arithmetic",
    "miniflow.log_softmax": "activation",
    "load('graphs/xor.json')": "cost linear",
    "from miniflow import Einsum": "einsum",
    "OPS['GRU']": "gated recurrent",
    "load('graphs/lstm.json')": "adaptive shape slices",
    # One of a program's own, before ours is loaded.
    "pad = register(type('Pad', (Op,), {})); assert OPS['Pad'] is pad": "",
    "assert miniflow.Pad is not pad is OPS['Pad']": "pad",
}


def test_only_what_is_used_is_loaded() -> None:
    code = f"""
import miniflow.graph
from miniflow.files import load
from miniflow.files.op_hints import op_hint
from miniflow.ops.base import OPS, Op, register

before = set()
for step in {[*STEPS]}:
    exec(step)
    now = {{name.rpartition(".")[2] for name in sys.modules if name.count(".") == 2}}
    print(*sorted(now & {{*{[*FAMILIES]}, "adaptive", "descent"}} - before))
    before |= now"""
    assert dict(zip(STEPS, printed_by(code), strict=True)) == STEPS


def test_who_asks_for_all_ops_loads_all_of_them() -> None:
    loaded = loaded_by("from miniflow.ops import OPS; list(OPS.values())")
    assert {*homes("miniflow.ops", FAMILIES).values()} <= loaded


def test_an_op_that_is_deleted_is_not_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(OPS, "Huber")
    assert "Huber" not in OPS
    assert OPS.get("Huber") is None
    assert op_hint("SmoothL1") == ""
