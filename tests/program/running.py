"""Programs in processes of their own, alone and watched, with each Python that is here."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from tests.program.programs import ROOT, Program, environment
from tests.support import warm_start

VERSIONS = ("3.11", "3.12", "3.13")
PIP = [sys.executable, "-m", "pip", "--python"]
# Appended to a copy of a program: what it holds in the end is one of the files that it writes.
# As one expression with names of its own, it disturbs nothing of the program's.
STATE = Path(__file__).with_name("final_state.py")


# Pythons ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Python:
    """A Python of a version, or why there is none: what to install."""

    version: str
    path: str = ""
    missing: str = ""

    @property
    def monitors(self) -> bool:
        """Whether calls are noticed by `sys.monitoring`, and so leave no trace."""
        return tuple(map(int, self.version.split("."))) >= (3, 12)


RUNNING = Python(".".join(map(str, sys.version_info[:2])), sys.executable)


@cache
def newest() -> str:
    """Return the newest version that is here."""
    found = (version for version in reversed(VERSIONS) if _found(version))
    return next(found, RUNNING.version)


@cache
def python_of(version: str) -> Python:
    """Return the Python of a version: the running one, or an environment made of another, once."""
    if version == RUNNING.version:
        return RUNNING
    found = _found(version)
    if not found:
        return Python(version, missing=f"install Python {version}, on PATH or with pyenv")
    project = (ROOT / "pyproject.toml").read_bytes()
    key = hashlib.sha256(project + str(ROOT).encode() + found.encode()).hexdigest()[:12]
    folder = Path(tempfile.gettempdir()) / f"mfdebug-tests-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    made = folder / f"python-{version}-{key}"
    python = made / "bin" / "python"
    with open(folder / f"{made.name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (made / "complete").exists():
            shutil.rmtree(made, ignore_errors=True)
            # The running Python's pip fills it, without compiling what is never imported.
            commands = (
                [found, "-m", "venv", "--without-pip", str(made)],
                [*PIP, str(python), "install", "-q", "--no-compile", "-e", str(ROOT)],
            )
            for command in commands:
                done = subprocess.run(command, capture_output=True, text=True, check=False)
                if done.returncode:
                    last = (done.stderr.strip().splitlines() or ["no words"])[-1]
                    return Python(version, missing=f"{' '.join(command[1:])} fails: {last}")
            (made / "complete").touch()
    return Python(version, str(python))


@cache
def _found(version: str) -> str:
    """Return the path of an interpreter of this version, or an empty text."""
    return next((path for path in _candidates(version) if _starts(path, version)), "")


def _candidates(version: str) -> Iterator[str]:
    # A shim of pyenv is on PATH also where it starts nothing.
    pyenv = Path(os.environ.get("PYENV_ROOT", "~/.pyenv")).expanduser() / "versions"
    yield from (str(path) for path in sorted(pyenv.glob(f"{version}.*/bin/python")))
    if (found := shutil.which(f"python{version}")) is not None:
        yield found


def _starts(path: str, version: str) -> bool:
    words = "import sys; print('%d.%d' % sys.version_info[:2])"
    with contextlib.suppress(OSError):
        done = subprocess.run([path, "-c", words], capture_output=True, text=True, check=False)
        return done.stdout.strip() == version
    return False


# Programs -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Ended:
    """What is left of a process: all that others can see of it."""

    stdout: bytes
    stderr: bytes
    status: int
    files: dict[str, bytes]


def run(folder: Path, program: Program, command: Sequence[str], *, probed: bool = True) -> Ended:
    """Run a command in a fresh copy of a program's folder, which is always the same one.

    `probed`: what the program holds in the end is written into its folder.
    """
    shutil.rmtree(folder, ignore_errors=True)
    main = program.copy_to(folder)
    if probed:
        with main.open("a") as file:
            file.write("\n" + STATE.read_text())
    done = warm_start.run(command, program.given, cwd=folder, env=environment())
    # What the interpreter keeps for itself is no file of the program's.
    files = {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }
    return Ended(done.stdout, done.stderr, done.returncode, files)


def alone(python: Python, program: Program) -> list[str]:
    """Return the command that runs a program alone."""
    return [python.path, program.main, *program.arguments]


# As the command `mfdebug` does, `-P` keeps the program's own modules out of the debugger.
def batch(python: Python, program: Program, lines: Sequence[str], *options: str) -> list[str]:
    """Return the command that runs it under the debugger with these commands."""
    given = [part for line in lines for part in ("-c", line)]
    return [
        *(python.path, "-P", "-m", "mfdebug", program.main, "--batch", *options, *given),
        *(["--", *program.arguments] if program.arguments else []),
    ]


def record(python: Python, program: Program, file: Path) -> list[str]:
    """Return the command that records it into a run file."""
    return [
        *(python.path, "-P", "-m", "mfdebug", "record", program.main, "-o", str(file)),
        *(["--", *program.arguments] if program.arguments else []),
    ]


def independent(python: Python, program: Program, file: Path) -> list[str]:
    """Return the command that records it by other means."""
    recorder = str(Path(__file__).with_name("independent.py"))
    return [python.path, recorder, str(file), program.main, *program.arguments]


# What the debugger says between -------------------------------------------------------------


def answers(stdout: bytes) -> list[dict[str, Any]]:
    """Return the answers of `--json` to the commands."""
    return [part for part in _parts(stdout) if isinstance(part, dict) and "command" in part]


def printed(stdout: bytes) -> bytes:
    """Return what the program itself has printed, of an output of `--json`."""
    parts = (part for part in _parts(stdout) if not (isinstance(part, dict) and "command" in part))
    return b"".join(p if isinstance(p, bytes) else f"{p['output']}\n".encode() for p in parts)


def _parts(stdout: bytes) -> Iterator[dict[str, Any] | bytes]:
    """Yield objects that the debugger writes, each in a line of its own, and the bytes between."""
    for line in stdout.splitlines(keepends=True):
        # A program's last line may have no end.
        begin = line.find(b'{"command": ')
        begin = begin if begin >= 0 else 0 if line.startswith(b'{"output": ') else len(line)
        try:
            found = json.loads(line[begin:])
        except ValueError:
            yield line
        else:
            if begin:
                yield line[:begin]
            yield found


def of_the_program(stderr: bytes, python: Python) -> bytes:
    """Return what a program has written to its standard error: the debugger's lines left out.

    Where calls are noticed by a wrapper, its frames are left out of tracebacks as well.
    """
    lines = [line for line in stderr.splitlines(True) if not line.startswith(b"mfdebug: ")]
    text = b"".join(lines)
    if not python.monitors:
        frame = rb'  File "[^"\n]*/mfdebug/debuggee/[^"\n]*", line .*\n(?:    .*\n)*'
        text = re.sub(frame, b"", text)
    return text
