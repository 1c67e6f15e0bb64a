"""What a fresh process prints and loads."""

from __future__ import annotations

import subprocess
import sys

from tests.support.paths import ROOT


def printed_by(code: str) -> list[str]:
    """Return the lines that a fresh process prints with `code`, which may use `sys`."""
    script = f"import sys\n{code}"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, check=True
    )
    return done.stdout.splitlines()


def loaded_by(code: str) -> set[str]:
    """Return the modules that a fresh process has loaded after `code`."""
    lines = printed_by(f"{code}\nprint('\\n'.join(['', *sys.modules]))")
    return set(lines)
