"""What Python runs, a file or a module, and whether there is such a one.

A module is looked for in the folders of `sys.path`, as `python -m` does, but nothing is imported:
the code of a program runs in its own process only.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from importlib.machinery import BuiltinImporter, FrozenImporter
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from miniflow.errors import FileError, nearest
from miniflow.files.paths import check_ordinary

SUFFIX = ".py"
PACKAGE, MAIN = f"__init__{SUFFIX}", f"__main__{SUFFIX}"
# A package whose own code changes where its modules are: only Python can find them.
MOVES = b"__path__"
# Bytes that are read of it.
MOST_READ = 2**20


class Runnable(NamedTuple):
    """A file that `python NAME` runs, or a module that `python -m NAME` does."""

    name: str
    is_module: bool = False

    @property
    def words(self) -> list[str]:
        """What follows `python` on the command line."""
        return ["-m", self.name] if self.is_module else [self.name]

    @property
    def title(self) -> str:
        """The name of its run: of a file, without its folder and suffix."""
        return self.name if self.is_module else Path(self.name).stem

    def check(self) -> None:
        """Raise `FileError` if there is no such file or module, or it cannot be run."""
        self.file()

    def file(self) -> Path | None:
        """Return its file, or None for a module that only Python itself can find.

        Raises `FileError` as `check` does.
        """
        return _module_file(self.name) if self.is_module else _program_file(self.name)


def _program_file(name: str) -> Path:
    path = Path(name)
    check_ordinary(path, name)
    if not path.exists():
        raise FileError("no such program", where=name)
    return path


def _module_file(name: str) -> Path | None:
    """Return the file that `python -m NAME` runs, or None if only Python can find it."""
    if name.endswith(SUFFIX) or os.sep in name:
        raise FileError(
            "it is the name of a file, not of a module", where=name, hint=_as_file(name)
        )
    parts = name.split(".")
    if not all(parts):
        raise FileError("it is not the name of a module", where=name, hint="as in package.module")
    # As of a namespace package, there can be several.
    folders = [Path.cwd(), *map(Path, sys.path)]
    if "PYTHONSAFEPATH" in os.environ:
        del folders[0]
    for number, part in enumerate(parts):
        file, inside = _found_in(folders, part)
        is_last = number == len(parts) - 1
        if file is not None and is_last:
            return file
        if not inside:
            above = ".".join(parts[:number])
            if file is None and _only_python_knows(above, part, folders):
                return None
            hint = nearest(part, _modules_in(folders if above else folders[:1]))
            if file is not None:
                problem, hint = f"{'.'.join(parts[: number + 1])} is a module, not a package", ""
            else:
                problem = f"there is no module {part!r}" + (f" in {above}" if above else "")
            raise FileError(problem, where=f"-m {name}", hint=hint)
        folders = inside
    main = _found_in(folders, Path(MAIN).stem)[0]
    if main is None and not _only_python_knows(name, MAIN, folders):
        known = ", ".join(f"-m {name}.{module}" for module in sorted(_modules_in(folders))[:3])
        raise FileError(
            f"it is a package without a {MAIN}", where=f"-m {name}", hint=known and f"as in {known}"
        )
    return main


def _found_in(folders: list[Path], part: str) -> tuple[Path | None, list[Path]]:
    """Return the file of a module, or the folders of a package: the first that Python takes."""
    plain: list[Path] = []
    for folder in folders:
        inside = folder / part
        if (inside / PACKAGE).is_file():
            return None, [inside]
        file = folder / f"{part}{SUFFIX}"
        if file.is_file():
            return file, []
        if inside.is_dir():
            plain.append(inside)
    return None, plain


def _only_python_knows(package: str, part: str, folders: list[Path]) -> bool:
    """Whether a module that is in none of the folders may be found by Python all the same."""
    if not package:
        finders = BuiltinImporter, FrozenImporter
        if any(finder.find_spec(part) is not None for finder in finders):
            return True
        try:
            return find_spec(part) is not None
        except (ImportError, ValueError):
            return False
    return any(_moves(folder / PACKAGE) for folder in folders)


def _moves(file: Path) -> bool:
    try:
        with file.open("rb") as opened:
            return MOVES in opened.read(MOST_READ)
    except OSError:
        return False


def _modules_in(folders: list[Path]) -> Iterator[str]:
    """Yield the names of the modules and packages in folders."""
    for folder in folders:
        try:
            entries = list(os.scandir(folder))
        except OSError:
            continue
        for entry in entries:
            name = entry.name.removesuffix(SUFFIX)
            is_module = name != entry.name or os.path.isfile(os.path.join(entry.path, PACKAGE))
            if is_module and name.isidentifier() and not name.startswith("_"):
                yield name


def _as_file(name: str) -> str:
    module = name.removesuffix(SUFFIX).strip(os.sep).replace(os.sep, ".")
    if Path(name).is_file():
        return f"mfdebug {name} runs the file, mfdebug -m {module} the module"
    return f"did you mean {module!r}?"
