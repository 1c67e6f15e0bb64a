"""The layers of the packages: who may import whom, as `pyproject.toml` says."""

from __future__ import annotations

import subprocess
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LINT = "from importlinter.cli import lint_imports_command; lint_imports_command()"


def test_every_import_contract_is_kept() -> None:
    pytest.importorskip("importlinter", reason="import-linter is of the extra `test`")
    done = subprocess.run(
        [sys.executable, "-c", LINT, "--no-cache"], capture_output=True, text=True, cwd=ROOT
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout


def test_no_two_modules_import_each_other_in_a_circle() -> None:
    """Also not where an import waits for its use: contracts see layers, not the files of one."""
    grimp = pytest.importorskip("grimp", reason="grimp comes with import-linter")
    graph = grimp.build_graph(
        "miniflow", "mfdebug", exclude_type_checking_imports=True, cache_dir=None
    )
    # A package imports its modules only to offer them.
    packages = {name for name in graph.modules if graph.find_children(name)}
    imports = {
        name: graph.find_modules_directly_imported_by(name) - packages
        for name in graph.modules - packages
    }
    try:
        TopologicalSorter(imports).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


def test_the_recorder_imports_its_modules_by_relative_names() -> None:
    """It is loaded into a program as a package of another name; only `trace` is not."""
    folder = ROOT / "mfdebug" / "debuggee"
    found = [
        f"{path.relative_to(folder)}: {line}"
        for path in sorted(folder.rglob("*.py"))
        for line in path.read_text(encoding="utf-8").splitlines()
        if path.name != "trace.py" and line.strip().startswith(("import mfdebug", "from mfdebug"))
    ]
    assert found == []
