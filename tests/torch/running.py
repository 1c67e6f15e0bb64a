"""PyTorch programs in processes of their own: alone, recorded by mfdebug and by other means."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.program.programs import environment
from tests.program.running import Ended

HERE = Path(__file__).parent
PROGRAMS = sorted((HERE / "programs").glob("*.py"))
STATE = HERE / "final_state.py"
# With one thread, torch adds up in the same order each time.
ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
SECONDS = 300


@dataclass(frozen=True)
class Script:
    """A program: its main file, its arguments, and the files of its folder."""

    main: Path
    arguments: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()

    def copy_to(self, folder: Path) -> Path:
        """Copy it into an empty folder, which is always the same; return its main file there."""
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for name in (self.main.name, *self.beside):
            source = self.main.parent / name
            if source.is_dir():
                shutil.copytree(source, folder / name)
            else:
                shutil.copyfile(source, folder / name)
        return folder / self.main.name


def run(folder: Path, script: Script, command: Sequence[str], *, path: str = "") -> Ended:
    """Run a command in a fresh copy of a program's folder; what it holds in the end is a file."""
    main = script.copy_to(folder)
    with main.open("a") as file:
        file.write("\n" + STATE.read_text())
    variables = environment(**ONE_THREAD)
    if path:
        variables["PYTHONPATH"] += f":{path}"
    done = subprocess.run(
        [sys.executable, *command, *script.arguments],
        cwd=folder,
        env=variables,
        capture_output=True,
        stdin=subprocess.DEVNULL,
        timeout=SECONDS,
        check=False,
    )
    files = {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }
    return Ended(done.stdout, done.stderr, done.returncode, files)


def alone(folder: Path, script: Script, *, path: str = "") -> Ended:
    """Run a program alone."""
    return run(folder, script, [script.main.name], path=path)


def recorded(folder: Path, script: Script, file: Path, *, path: str = "") -> Ended:
    """Run a program and record it into a run file."""
    command = ["-P", "-m", "mfdebug", "record", "--every", "1", script.main.name, "-o", str(file)]
    if script.arguments:
        command.append("--")
    return run(folder, script, command, path=path)


def kept_by_others(folder: Path, script: Script, file: Path, *, path: str = "") -> Ended:
    """Run a program and record it with the independent recorder."""
    command = [str(HERE / "independent.py"), str(file), script.main.name]
    return run(folder, script, command, path=path)


def of_the_program(ended: Ended) -> bytes:
    """Return what a program has written to its standard error: the debugger's lines left out."""
    lines = ended.stderr.splitlines(keepends=True)
    return b"".join(line for line in lines if not line.startswith(b"mfdebug: "))
