"""`detach` lets a program run on unwatched, `attach` watches it again."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.program.program_app import opened, press
from tests.program.small_programs import LESSON, MICROGRAD, in_batch

ENDLESS = "while True:\n    step()\n"


def debug(folder: Path, text: str, *commands: str) -> list[str]:
    (folder / "program.py").write_text(text)
    done = in_batch(folder, "program.py", *commands)
    return (done.stdout + done.stderr).splitlines()


@pytest.mark.slow
@pytest.mark.parametrize("program", [LESSON, MICROGRAD], ids=["lesson", "micrograd"])
def test_no_update_is_made_up_over_passes_that_nobody_saw(tmp_path: Path, program: str) -> None:
    lines = debug(
        tmp_path,
        program + ENDLESS,
        *("sgd 2", "detach", "attach", "explain", "sgd 2", "goto sgd 2", "sgd"),
    )
    assert "attached: the passes in between were not kept" in lines
    at = lines.index("attached: the passes in between were not kept")
    assert lines[at + 1].startswith("SGD step 3 ∙ feed")
    assert "  (passes before this one were not watched, so they are not kept)" in lines[at:]
    # After the gap, passes have their updates again; the one before it has none.
    ends = [line for line in lines if line.startswith("SGD step")]
    assert ends[-3].startswith("SGD step 4 ∙ update")
    assert ends[-1].startswith(("SGD step 2 ∙ backward", "SGD step 3 ∙"))
    assert not any(line.startswith("SGD step 2 ∙ update") for line in ends)


@pytest.mark.slow
def test_while_it_is_unwatched_only_what_was_recorded_can_be_seen(tmp_path: Path) -> None:
    lines = debug(
        tmp_path,
        LESSON + ENDLESS,
        *("sgd 2", "detach", "detach", "back 3", "print w", "sgd 5", "attach", "attach"),
    )
    assert "detach: the program runs on unwatched already (attach watches it again)" in lines
    assert "w = 4.4" in lines
    words = "the program runs on unwatched (attach watches it again, from its next pass)"
    assert f"sgd 5: {words}" in lines
    assert "attach: the program is watched already (detach lets it run unwatched)" in lines


@pytest.mark.slow
def test_a_program_that_ended_meanwhile_is_said_to_have_ended(tmp_path: Path) -> None:
    text = LESSON + "for _ in range(40):\n    step()\n"
    lines = debug(tmp_path, text, "sgd", "detach", "attach", "attach", "sgd 99", "detach")
    said = [line for line in lines if line.startswith(("attached", "detach: "))]
    assert said[0].startswith("attached: ")
    assert "the program has ended" in said[-1]


def test_there_must_be_a_program(tmp_path: Path) -> None:
    done = in_batch(tmp_path, "wx", "detach")
    assert "no program is running here" in done.stderr


@pytest.mark.slow
async def test_keys_detach_and_attach(tmp_path: Path) -> None:
    path = tmp_path / "program.py"
    path.write_text(LESSON + ENDLESS)
    async with opened(path) as driver:
        await press(driver, "t", "t", "X")
        assert "detached: the program runs on unwatched" in driver.text
        await press(driver, "S", "t", "t", "t")
        assert "the program runs on unwatched" in driver.text
        await press(driver, "W")
        assert "attached: the passes in between were not kept" in driver.text
        await press(driver, "t")
        assert "SGD step 3" in driver.text


@pytest.mark.slow
async def test_what_it_prints_while_it_is_unwatched_is_shown(tmp_path: Path) -> None:
    path, go = tmp_path / "program.py", tmp_path / "go"
    path.write_text(
        f"import os\n{LESSON}print('begun')\nwhile True:\n    step()\n"
        f"    if os.path.exists({str(go)!r}):\n"
        f"        os.remove({str(go)!r})\n        print('it prints')\n"
    )
    async with opened(path) as driver:
        await press(driver, "t", "X")
        assert "it prints" not in driver.text
        go.touch()
        for _ in range(100):
            await driver.pilot.pause(0.1)
            if "it prints" in driver.text:
                break
        assert "it prints" in driver.text
