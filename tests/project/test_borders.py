"""The borders of the house: who may import whom, seen in a fresh process."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.support.fresh_process import loaded_by
from tests.support.paths import ROOT

# Loaded when they are used: the first screen must not wait for them.
NOT_AT_THE_FIRST_SCREEN = {
    "argcomplete",
    "html",
    "mfdebug.cli.batch",
    "mfdebug.cli.prompt",
    "mfdebug.core.breakpoints.triggers",
    "mfdebug.core.circuit.circuit",
    "mfdebug.core.commands.completion",
    "mfdebug.core.commands.edit",
    "mfdebug.core.commands.help_topics",
    "mfdebug.core.commands.move",
    "mfdebug.core.explain.check_report",
    "mfdebug.core.expressions.parser",
    "mfdebug.core.format.table",
    "mfdebug.core.plots.chart",
    "mfdebug.core.quiz.quiz",
    "mfdebug.core.session.course",
    "mfdebug.core.session.replay",
    "mfdebug.tui.command_palette",
    "mfdebug.tui.export.demo",
    "mfdebug.tui.screens.demo",
    "mfdebug.tui.screens.feed",
    "mfdebug.tui.screens.help",
    "mfdebug.tui.screens.picker",
    "mfdebug.tui.screens.text",
    "mfdebug.tui.screens.why",
    "mfdebug.tui.widgets.circuit",
    "mfdebug.tui.widgets.module_list",
    "mfdebug.tui.widgets.prompt",
    "mfdebug.tui.widgets.quiz_panel",
    "miniflow.files.tensors",
    "miniflow.functional",
    "miniflow.gradcheck",
    "miniflow.importers",
    "miniflow.lesson",
    "miniflow.training.adaptive",
    "miniflow.unroll",
    "onnx",
    "safetensors",
    "secrets",
    "sqlite3",
    "zipfile",
}
# All of `miniflow.ops` that opening xor needs: its three families, and what every graph needs.
OPS_OF_XOR = {"activation", "cost", "linear"}
OPS_OF_ALL = {"base", "broadcasting", "calls", "composed", "ieee", "lasting"}


def modules_below(package: str) -> list[str]:
    files = sorted((ROOT / package).rglob("*.py"))
    return [".".join(file.relative_to(ROOT).with_suffix("").parts) for file in files]


def imported_by(file: Path) -> set[str]:
    """Return the modules that a file imports, and `module.name` of each name from one."""
    found = set()
    for node in ast.walk(ast.parse(file.read_bytes())):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            found.update(f"{node.module or ''}.{alias.name}" for alias in node.names)
    return found


def test_what_tests_share_is_not_in_a_test_module() -> None:
    names = {file.stem for file in (ROOT / "tests").rglob("test_*.py")}
    # The programs among them are not ours to order, and some have errors on purpose.
    files = [
        file
        for folder in ("tests", "benchmarks", "examples")
        for file in sorted((ROOT / folder).rglob("*.py"))
        if "programs" not in file.relative_to(ROOT).parts
    ]
    found = [
        f"{file.relative_to(ROOT)}: {name}"
        for file in files
        for name in sorted(imported_by(file))
        if names & set(name.split("."))
    ]
    assert found == []


def test_miniflow_knows_no_debugger_and_no_terminal() -> None:
    modules = [name.removesuffix(".__init__") for name in modules_below("miniflow")]
    loaded = loaded_by("import " + ", ".join(modules))
    assert "miniflow.plans.base" in loaded
    assert not {name.split(".")[0] for name in loaded} & {"mfdebug", "textual", "rich"}


@pytest.mark.slow
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


@pytest.mark.slow
def test_the_first_screen_loads_no_explanation_plot_or_quiz() -> None:
    loaded = loaded_by("import mfdebug.tui.app")
    late = ("mfdebug.core.explain.report", "mfdebug.core.explain.ops.", "mfdebug.core.quiz.")
    late += ("mfdebug.core.landscape.", "mfdebug.core.answers.", "mfdebug.core.plots.cost_curve")
    late += ("mfdebug.tui.widgets.node_lines", "mfdebug.tui.widgets.tensor")
    assert not [name for name in loaded if name.startswith(late)]


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
    # It loads `inspect`, a tenth of the time.
    assert "dataclasses" not in loaded


@pytest.mark.slow
def test_keys_and_settings_do_not_load_textual() -> None:
    code = "from mfdebug.cli.main import main; main(['keys']); main(['config'])"
    assert not {name.split(".")[0] for name in loaded_by(code)} & {"textual", "rich"}


def test_batch_mode_does_not_load_textual() -> None:
    code = "from mfdebug.cli.main import main; main(['wx', '--batch', '-c', 'sgd'])"
    loaded = {name.split(".")[0] for name in loaded_by(code)}
    assert "numpy" in loaded
    assert not loaded & {"textual", "rich"}


def test_the_first_screen_loads_only_what_it_shows() -> None:
    code = """
from mfdebug.opening.graphs import open_graph
from mfdebug.tui.app import DebuggerApp

show = DebuggerApp.show_first_frame
# What is mounted after the first frame is not.
DebuggerApp.show_first_frame = lambda app, then: show(app, app.exit)
DebuggerApp(open_graph('xor').graph, history_memory=1 << 20).run(headless=True)"""
    loaded = loaded_by(code)
    assert "mfdebug.tui.screens.debug" in loaded
    assert not loaded & NOT_AT_THE_FIRST_SCREEN
    packages = {".".join(name.split(".")[:2]) for name in loaded}
    assert not packages & {"mfdebug.debuggee", "mfdebug.recording", "mfdebug.running"}
    ops = {
        name.removeprefix("miniflow.ops.") for name in loaded if name.startswith("miniflow.ops.")
    }
    assert ops == OPS_OF_XOR | OPS_OF_ALL
