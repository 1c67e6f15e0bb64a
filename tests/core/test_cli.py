"""The command line, as a process of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def mfdebug(*arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "mfdebug", *arguments],
        capture_output=True,
        text=True,
        input=stdin,
        cwd=ROOT,
        timeout=60,
    )


def test_batch_prints_what_commands_answer() -> None:
    done = mfdebug("wx", "--batch", "-c", "sgd 2", "-c", "print w")
    assert done.returncode == 0
    assert done.stdout.endswith("w = 3.92\n")
    assert done.stderr == ""


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


def test_feed_gives_an_input_its_value(tmp_path: Path) -> None:
    path = tmp_path / "fed.json"
    path.write_text(
        '{"miniflow": 1, "nodes": [{"name": "x", "op": "Input"},'
        ' {"name": "y", "op": "Mul", "inputs": ["x", "x"]}]}'
    )
    done = mfdebug(str(path), "--batch", "-c", "next 2", "-c", "print y", "--feed", "x=3")
    assert done.stdout.endswith("y = 9\n")
    unfed = mfdebug(str(path), "--batch", "-c", "next")
    assert unfed.returncode == 2
    assert "no value for x" in unfed.stderr
    assert "--feed x=3" in unfed.stderr
    assert mfdebug(str(path), "--batch", "-c", "next", "--feed", "x=three").returncode == 2
    assert mfdebug(str(path), "--batch", "-c", "next", "--feed", "z=3").returncode == 2


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["nowhere.json", "--batch", "-c", "step"], "there is no such file"),
        (["xro", "--batch", "-c", "step"], "did you mean 'xor'?"),
        (["xor", "--batch"], "--batch needs commands"),
        (["xor", "--json"], "--json goes with --batch"),
        (["xor", "--batch", "--plain", "-c", "step"], "exclude each other"),
        (["--batch", "-c", "step"], "name a graph file"),
        ([], "name a graph file"),
        (["xor", "--batch", "-x", "nowhere.txt"], "there is no file 'nowhere.txt'"),
        (["xor", "--batch", "-c", "step", "--history-memory", "0"], "not a number of megabytes"),
        (["xor", "--xyzzy"], "unrecognized arguments"),
    ],
)
def test_an_unusable_command_line_is_one_clear_error(arguments: list[str], problem: str) -> None:
    done = mfdebug(*arguments)
    assert done.returncode == 2
    assert problem in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_list_names_the_shipped_graphs_with_what_they_teach() -> None:
    done = mfdebug("--list")
    names = [line.split()[0] for line in done.stdout.splitlines()]
    assert names[:4] == ["wx", "circuit-a", "circuit-b", "sigmoid-neuron"]
    assert {path.stem for path in (ROOT / "graphs").glob("*.json")} == set(names)


def test_version_and_help() -> None:
    assert mfdebug("--version").stdout == "mfdebug 0.2.0\n"
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


def test_a_terminal_without_utf_8_gets_question_marks_not_a_traceback() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mfdebug", "wx", "--batch", "-c", "sgd"],
        capture_output=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"SGD step 0 ? update 1 of 1" in done.stdout


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
