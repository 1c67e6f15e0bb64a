"""Settings in a real terminal: keys of the file are pressed there, mistakes open no screen."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.support.pty_app import PtyApp

MFDEBUG = [sys.executable, "-m", "mfdebug"]


@pytest.mark.slow
def test_keys_and_the_look_of_the_file_reach_the_terminal(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text('ascii = true\n[keys]\nstep = ["ctrl+j", "J", "f2"]\nquit = "alt+x"\n')
    env = {"MFDEBUG_CONFIG": str(config)}
    with PtyApp([*MFDEBUG, "xor"], env=env) as terminal:
        terminal.wait_for("press ctrl+j to begin")
        assert terminal.text.isascii()
        terminal.press("\n", "J", "\x1bOQ")
        terminal.wait_for("moment 3")
        terminal.press("\x1bx")
        assert terminal.wait() == 0
        assert not terminal.not_restored()


def test_a_mistake_is_told_before_a_screen_is_opened(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text('[keys]\nstep = "x"\n')
    with PtyApp([*MFDEBUG, "xor"], env={"MFDEBUG_CONFIG": str(config)}, columns=200) as terminal:
        assert terminal.wait() == 2
        assert "config.toml:2: 'x' is a key of both 'step' and 'explain'" in terminal.text
        assert b"\x1b[?1049h" not in terminal.output
