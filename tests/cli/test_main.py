"""The command line, as a process of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.support import warm_start
from tests.support.command_line import in_turn
from tests.support.paths import ROOT


def mfdebug(*arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mfdebug", *arguments]
    return warm_start.run(command, stdin, text=True, cwd=ROOT)


@pytest.mark.slow
def test_batch_prints_what_commands_answer() -> None:
    done = mfdebug("wx", "--batch", "-c", "sgd 2", "-c", "print w")
    assert done.returncode == 0
    assert done.stdout.endswith("w = 3.92\n")
    assert done.stderr == ""


@pytest.mark.slow
def test_json_is_one_object_a_line_and_goes_on_after_a_failure() -> None:
    done = mfdebug("wx", "--batch", "--json", "-c", "sgd", "-c", "xyzzy", "-c", "print w")
    assert done.returncode == 1
    moved, failed, printed = map(json.loads, done.stdout.splitlines())
    place = {"moment": 9, "sgd_step": 0, "phase": "update", "node": "w"}
    assert moved.items() >= {"command": "sgd", "ok": True, **place}.items()
    assert moved["result"]["cost"] == 900.0
    assert failed == {
        "command": "xyzzy",
        "ok": False,
        "error": "there is no command 'xyzzy' (see: help)",
        **place,
    }
    assert printed == {"command": "print w", "ok": True, "result": 4.4, **place}


def test_scripts_and_commands_run_in_the_order_given(tmp_path: Path) -> None:
    script = tmp_path / "script.txt"
    script.write_text("# to the first update\nsgd\n\nset w = 2\n")
    done = mfdebug("wx", "--batch", "-c", "print w", "-x", str(script), "-c", "print w")
    assert done.stdout.startswith("w = 5\n")
    assert done.stdout.endswith("w = 2\n")


def test_quit_ends_a_script() -> None:
    done = mfdebug("wx", "--batch", "-c", "quit", "-c", "print w")
    assert (done.returncode, done.stdout) == (0, "")


def test_plain_reads_commands_from_a_pipe() -> None:
    done = mfdebug("wx", "--plain", stdin="sgd\nprint w\nquit\nprint x\n")
    assert done.returncode == 0
    assert done.stdout.splitlines()[-1] == "w = 4.4"


@pytest.mark.slow
def test_feed_gives_an_input_its_value(tmp_path: Path) -> None:
    path = tmp_path / "fed.json"
    path.write_text(
        '{"miniflow": 1, "nodes": [{"name": "x", "op": "Input"},'
        ' {"name": "y", "op": "Mul", "inputs": ["x", "x"]}]}'
    )
    options = ("--feed", "x=3"), (), ("--feed", "x=three"), ("--feed", "z=3")
    begun = [str(path), "--batch", "-c", "next 2", "-c", "print y"]
    fed, unfed, *unusable = in_turn([*begun, *given] for given in options)
    assert fed.stdout.endswith("y = 9\n")
    assert unfed.returncode == 2
    assert "no value for x" in unfed.stderr
    assert "--feed x=3" in unfed.stderr
    assert [done.returncode for done in unusable] == [2, 2]


UNUSABLE = [
    (["nowhere.json", "--batch", "-c", "step"], "there is no such file"),
    (["xro", "--batch", "-c", "step"], "did you mean 'xor'?"),
    (["xor", "--batch"], "--batch needs commands"),
    (["xor", "--json"], "--json requires --batch"),
    (["xor", "--batch", "--plain", "-c", "step"], "are mutually exclusive"),
    (["--batch", "-c", "step"], "name a graph file"),
    ([], "name a graph file"),
    (["xor", "--batch", "-x", "nowhere.txt"], "there is no file 'nowhere.txt'"),
    (["xor", "--batch", "-c", "step", "--history-memory", "0"], "not a number of megabytes"),
    (["xor", "--live"], "--live requires a program"),
    (["x.mfrun", "--live"], "--live requires a program: a run file runs nothing"),
    (["x.py", "--live", "--summary"], "--live and --summary are mutually exclusive"),
    (["x.py", "--live", "--twice"], "--live and --twice are mutually exclusive"),
    (["xor", "--xyzzy"], "unrecognized arguments"),
    # Words that cannot be carried out.
    (["demo", "--check"], "name a demo"),
    (["demo", "five-to-two", "--check", "--export", "x"], "are mutually exclusive"),
    (["demo", "five-to-two", "--size", "80x24"], "--size requires --export"),
    (["demo", "five-to-two", "--export", "x", "--size", "80"], "is not COLUMNSxROWS"),
    (["demo", "five-to-tow", "--check"], "did you mean 'five-to-two'?"),
    (["completion", "tcsh"], "invalid choice"),
    (["keys", "step"], "unrecognized arguments"),
    (["./demo", "--batch", "-c", "step"], "there is no such file"),
]


def test_an_unusable_command_line_is_one_clear_error() -> None:
    answers = in_turn(arguments for arguments, _ in UNUSABLE)
    for (arguments, problem), done in zip(UNUSABLE, answers, strict=True):
        assert (done.returncode, done.stdout) == (2, ""), arguments
        assert problem in done.stderr
        assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_an_unusable_command_line_is_one_clear_error_in_a_process_of_its_own() -> None:
    done = mfdebug("xro", "--batch", "-c", "step")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("mfdebug: ")


@pytest.mark.slow
def test_list_names_the_shipped_graphs_with_what_they_teach() -> None:
    done = mfdebug("--list")
    names = [line.split()[0] for line in done.stdout.splitlines()]
    assert names[:4] == ["wx", "parabola", "circuit-a", "circuit-b"]
    graphs = {path.stem for path in (ROOT / "graphs").glob("*.json")}
    models = {
        path.name
        for path in (ROOT / "graphs" / "models").iterdir()
        if path.suffix in (".onnx", ".pt2")
    }
    runs = {path.name for path in (ROOT / "graphs" / "runs").iterdir()}
    assert graphs | models | runs == set(names)
    assert set(names[len(graphs) :]) == models | runs


def test_version_and_help() -> None:
    assert mfdebug("--version").stdout == "mfdebug 0.4.0\n"
    assert "Step through backpropagation" in mfdebug("--help").stdout


def test_a_closed_pipe_is_no_error() -> None:
    done = subprocess.run(
        f"{sys.executable} -m mfdebug --list | head -1",
        shell=True,
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert done.stderr == ""


@pytest.mark.slow
def test_a_terminal_without_utf_8_gets_ascii_not_a_traceback() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mfdebug", "wx", "--batch", "-c", "sgd"],
        capture_output=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"SGD step 0 . update 1 of 1" in done.stdout


@pytest.mark.slow
def test_ctrl_c_ends_a_long_run_and_the_batch() -> None:
    running = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "mfdebug",
            "digits",
            "--batch",
            "-c",
            "print lr",
            "-c",
            "sgd 9999999",
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    assert running.stdout is not None
    assert running.stdout.readline() == "lr = 0.01\n"
    running.send_signal(signal.SIGINT)
    _, errors = running.communicate(timeout=30)
    assert (running.returncode, errors) == (130, "")


def test_quit_among_the_first_commands_leaves_plain_mode_too() -> None:
    done = mfdebug("wx", "--plain", "-c", "quit", "-c", "print lr", stdin="print w\n")
    assert done.stdout == ""


# Settings, and the commands that are words ---------------------------------------------------


@pytest.fixture
def settings_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "mine.toml"
    monkeypatch.setenv("MFDEBUG_CONFIG", str(path))
    return path


WITH_SETTINGS = [
    ["xor", "--batch", "-c", "step"],
    ["xor", "--plain"],
    ["xor", "--check"],
    ["demo", "five-to-two", "--check"],
    ["config"],
    ["keys"],
]


@pytest.mark.slow
def test_bad_settings_are_one_clear_error(settings_file: Path) -> None:
    settings_file.write_text('\ntheme = "drak"\n')
    for arguments, done in zip(WITH_SETTINGS, in_turn(WITH_SETTINGS), strict=True):
        assert (done.returncode, done.stdout) == (2, ""), arguments
        assert done.stderr.startswith(
            f'mfdebug: {settings_file}:2: theme is \'drak\', but may be "auto", "dark", "light", '
        )
        assert done.stderr.endswith(
            "(did you mean 'dark'?; MFDEBUG_CONFIG= mfdebug ... runs without the file)\n"
        )


@pytest.mark.slow
def test_an_empty_name_goes_on_without_the_file(
    settings_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings_file.write_text("?")
    assert mfdebug("wx", "--batch", "-c", "print w").returncode == 2
    monkeypatch.setenv("MFDEBUG_CONFIG", "")
    assert mfdebug("wx", "--batch", "-c", "print w").returncode == 0


@pytest.mark.slow
def test_settings_that_nobody_needs_are_not_read(settings_file: Path) -> None:
    settings_file.write_text("?")
    answers = in_turn((["--list"], ["--version"], ["demo"], ["completion", "bash"]))
    assert [done.returncode for done in answers] == [0] * 4
    assert mfdebug("config", "--path").stdout == f"{settings_file}\n"


@pytest.mark.slow
def test_config_tells_where_each_setting_comes_from(settings_file: Path) -> None:
    settings_file.write_text('history_memory = 32\n[keys]\nstep = "j"\n')
    lines = [" ".join(line.split()) for line in mfdebug("config").stdout.splitlines()]
    assert f"history_memory 32 {settings_file}:1" in lines
    assert f'step ["j"] {settings_file}:3' in lines
    assert lines[-1] == f"file: {settings_file} (read)"


@pytest.mark.slow
def test_keys_lists_them_as_the_file_has_them(settings_file: Path) -> None:
    settings_file.write_text('[keys]\nstep = "j"\n')
    done = mfdebug("keys")
    assert tomllib.loads(done.stdout)["keys"]["step"] == ["j"]
    assert "one moment forward (changed; default" in done.stdout


def test_the_settings_bound_the_memory_without_a_screen_too(settings_file: Path) -> None:
    from mfdebug.cli.parsed_options import settings_of as _settings
    from mfdebug.cli.parsers import main_parser

    settings_file.write_text("history_memory = 32\nascii = true\n")
    given = _settings(main_parser().parse_args(["xor", "--batch", "-c", "step"]))
    assert given.history_bytes == 32 * 2**20
    options = ["--history-memory", "8", "--no-ascii", "--theme", "light", "--present"]
    given = _settings(main_parser().parse_args(options))
    assert (given.history_bytes, given.ascii_only, given.theme) == (8 * 2**20, False, "light")
    assert given.origin("ascii") == "--ascii"
    assert given.present
    assert not given.show_keys


@pytest.mark.slow
def test_demo_without_a_name_lists_them() -> None:
    names = [line.split()[0] for line in mfdebug("demo").stdout.splitlines()]
    assert set(names) == {path.stem for path in (ROOT / "graphs" / "demos").glob("*.demo")}


@pytest.mark.slow
def test_a_graph_called_like_a_command_is_opened_by_its_path(tmp_path: Path) -> None:
    (tmp_path / "keys").write_bytes((ROOT / "graphs" / "wx.json").read_bytes())
    done = subprocess.run(
        [sys.executable, "-m", "mfdebug", "./keys", "--batch", "-c", "print w"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.stdout == "w = 5\n", done.stderr


def test_every_command_is_told_and_tells_of_itself() -> None:
    commands = "demo", "config", "keys", "completion"
    told, *of_itself = in_turn((["--help"], *([command, "--help"] for command in commands)))
    for command, done in zip(commands, of_itself, strict=True):
        assert f"mfdebug {command} " in told.stdout
        assert f"usage: mfdebug {command}" in done.stdout


@pytest.mark.slow
def test_completion_prints_what_the_shell_reads() -> None:
    for done in in_turn(["completion", shell] for shell in ("bash", "zsh", "fish")):
        assert "_ARGCOMPLETE" in done.stdout
        assert "mfdebug" in done.stdout
