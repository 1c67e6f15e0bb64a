"""The borders of the house: who may import whom, seen in a fresh process."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.support.paths import ROOT


def loaded_by(code: str) -> set[str]:
    """Return the modules that a fresh process has loaded after `code`."""
    script = f"import sys\n{code}\nprint('\\n'.join(sys.modules), file=sys.stderr)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, check=True
    )
    return set(done.stderr.split())


def modules_below(package: str) -> list[str]:
    files = sorted((ROOT / package).rglob("*.py"))
    return [".".join(file.relative_to(ROOT).with_suffix("").parts) for file in files]


def test_miniflow_knows_no_debugger_and_no_terminal() -> None:
    modules = [name.removesuffix(".__init__") for name in modules_below("miniflow")]
    loaded = loaded_by("import " + ", ".join(modules))
    assert "miniflow.plans.base" in loaded
    assert not {name.split(".")[0] for name in loaded} & {"mfdebug", "textual", "rich"}


def test_the_debugger_core_knows_no_screen() -> None:
    modules = [name.removesuffix(".__init__") for name in modules_below("mfdebug/core")]
    loaded = loaded_by("import " + ", ".join(modules))
    assert "mfdebug.core.timeline.debugger" in loaded
    assert not {name.split(".")[0] for name in loaded} & {"textual", "rich"}
    assert not any(name.startswith("mfdebug.tui") for name in loaded)


def test_a_run_file_is_read_without_the_debugger() -> None:
    loaded = loaded_by("import mfdebug.recording.reader, mfdebug.recording.writer")
    assert not {name.split(".")[0] for name in loaded} & {"textual", "rich"}
    assert not any(name.startswith(("mfdebug.core", "mfdebug.tui")) for name in loaded)


@pytest.mark.parametrize("option", ["--help", "--version", "--list"])
def test_help_version_and_list_load_neither_numpy_nor_textual(option: str) -> None:
    code = f"""
from mfdebug.cli.main import main
try:
    main([{option!r}])
except SystemExit as ended:
    assert not ended.code"""
    loaded = {name.split(".")[0] for name in loaded_by(code)}
    assert "mfdebug" in loaded
    assert not loaded & {"numpy", "textual", "rich", "msgspec"}
    assert not loaded & {"argcomplete", "tomllib", "platformdirs"}


def test_keys_and_settings_do_not_load_textual() -> None:
    code = "from mfdebug.cli.main import main; main(['keys']); main(['config'])"
    assert not {name.split(".")[0] for name in loaded_by(code)} & {"textual", "rich"}


def test_batch_mode_does_not_load_textual() -> None:
    code = "from mfdebug.cli.main import main; main(['wx', '--batch', '-c', 'sgd'])"
    loaded = {name.split(".")[0] for name in loaded_by(code)}
    assert "numpy" in loaded
    assert not loaded & {"textual", "rich"}
