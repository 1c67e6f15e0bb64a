"""The pictures, recordings and animations made of a demo."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pyte
import pytest
from PIL import Image
from PIL.GifImagePlugin import GifImageFile

from tests.support.command_line import in_turn
from tests.tui.demo_show import THREE


def export(*names: Path, options: tuple[str, ...]) -> list[list[Path]]:
    """Export the demo to each name in turn; return the files of each."""
    done = in_turn(["demo", str(THREE), "--export", str(name), *options] for name in names)
    told = [process.stdout.splitlines() for process in done]
    return [[Path(line.removeprefix("wrote ")) for line in lines] for lines in told]


def test_a_picture_of_each_beat(tmp_path: Path) -> None:
    (paths,) = export(tmp_path / "three.svg", options=("--size", "80x24"))
    assert [path.name for path in paths] == ["three-01.svg", "three-02.svg", "three-03.svg"]
    assert "Forward:" in paths[1].read_text(encoding="utf-8").replace("&#160;", " ")


@pytest.mark.slow
def test_a_recording_ends_in_what_the_text_shows(tmp_path: Path) -> None:
    names = tmp_path / "three.txt", tmp_path / "three.cast"
    (text,), (cast,) = export(*names, options=("--size", "90x26"))
    screens = re.split(r"beat \d of 3\n\n", text.read_text(encoding="utf-8"))[1:]
    header, *events = map(json.loads, cast.read_text(encoding="utf-8").splitlines())
    assert (header["version"], header["width"], header["height"]) == (2, 90, 26)
    times = [at for at, _, _ in events]
    assert times == sorted(times)
    # The captions take 3.5, 3.5 and 4.2 s, the rest 30 s, four keys 0.7 s each.
    assert 40 < times[-1] < 50
    screen = pyte.Screen(90, 26)
    stream = pyte.Stream(screen)
    for _, kind, data in events:
        assert kind == "o"
        stream.feed(data)
    shown = "\n".join(line.rstrip() for line in screen.display)
    assert shown == screens[-1].rstrip("\n")


@pytest.mark.slow
def test_an_animation_shows_every_frame_of_the_recording(tmp_path: Path) -> None:
    names = tmp_path / "three.gif", tmp_path / "again.gif", tmp_path / "three.cast"
    (first,), (second,), (cast,) = export(*names, options=("--size", "60x20"))
    image = Image.open(first)
    *_, end = map(json.loads, cast.read_text(encoding="utf-8").splitlines())
    assert isinstance(image, GifImageFile)
    seconds = 0.0
    for number in range(image.n_frames):
        image.seek(number)
        seconds += image.info["duration"] / 1000
    assert seconds == pytest.approx(end[0], abs=0.01 * image.n_frames)
    assert image.info["comment"].startswith(b"cells ")
    assert Image.open(second).info["comment"] == image.info["comment"]


@pytest.mark.slow
def test_an_export_can_be_ascii_alone(tmp_path: Path) -> None:
    names = tmp_path / "three.txt", tmp_path / "three.cast"
    (text,), (cast,) = export(*names, options=("--ascii",))
    assert text.read_text(encoding="utf-8").isascii()
    assert cast.read_text(encoding="utf-8").isascii()
