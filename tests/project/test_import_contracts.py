"""The layers of the packages: who may import whom, as `pyproject.toml` says."""

from __future__ import annotations

import subprocess
import sys
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
