"""Golden screens: what a person sees, kept as text files that can be read and compared.

After a wanted change, write them anew with

    GOLDEN=write python -m pytest tests/tui/test_golden.py

and read the difference before it is committed.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.support.app_driver import opened
from tests.support.rounding import assert_same
from tests.support.sizes import quick

GOLDEN = Path(__file__).with_name("golden")

SCREENS = {
    "start": ("xor", (80, 24), ""),
    "order-found": ("circuit-b", (80, 24), "K 4 s"),
    "order-found-wide": ("xor", (120, 40), "K 8 s"),
    "forward": ("xor", (80, 24), "s s"),
    "backward": ("xor", (80, 24), "2 0 t n n s s"),
    "update": ("wx", (80, 24), "2 t n n n s"),
    "partly-there": ("diamond", (80, 24), "n n s s home"),
    "not-a-number": ("log-nan", (80, 24), "9 t n n"),
    "zoomed": ("xor", (80, 24), "2 0 t n n s s s i greater_than_sign"),
    "heatmap": ("digits", (80, 24), "t n n s s tab h"),
    "picture": (
        "digits",
        (120, 40),
        "2 8 t n n n home down down tab h h down right pagedown pagedown",
    ),
    "overridden": (
        "xor",
        (80, 24),
        "s s s colon s e t space s 1 left_square_bracket 0 comma 1 right_square_bracket space "
        "equals_sign space 0 enter colon s c a l e space s 1 full_stop g r a d space 2 enter "
        "n s s s",
    ),
    "narrow": ("circuit-b", (60, 20), "n n s"),
    "wide": ("xor", (120, 40), "3 0 0 t n n s s s"),
    "widest": ("linear-regression", (200, 50), "1 0 t n n s s s"),
    "circuit": ("circuit-b", (80, 24), "G n n s s s"),
    "circuit-shared": ("diamond", (80, 24), "G n n s s"),
    "circuit-tensors": ("xor", (80, 24), "G 2 t n n s s s"),
    "circuit-folded": ("vanishing", (80, 24), "G t n n s s s s s"),
    "circuit-scrolled": ("log-nan", (80, 24), "G n n s s s s"),
    "circuit-chosen": ("sigmoid-neuron", (80, 24), "G n n s left left down"),
    "circuit-narrow": ("wx", (60, 20), "G n n s s s"),
    "circuit-wide": ("dead-relu", (120, 40), "n n s s s"),
    "circuit-wide-folded": ("exploding", (120, 40), "t n n s s s"),
    "circuit-widest": ("digits", (200, 50), "n n s s s"),
    "circuit-whole-screen": ("sigmoid-neuron", (120, 40), "G G i n n s s s"),
    "landscape": ("wx", (80, 24), "3 t D"),
    "landscape-plane": ("valley", (120, 40), "2 0 t D"),
    "landscape-whole-screen": ("linear-regression", (80, 24), "1 0 t D tab tab i"),
    "answers": ("xor", (80, 24), "1 0 0 0 t A"),
    "answers-by-class": ("digits", (80, 24), "2 8 t A"),
    "help": ("xor", (80, 24), "question_mark"),
    "explain": ("circuit-a", (80, 24), "n n s x"),
    "why": ("xor", (80, 24), "t n n y enter enter enter enter"),
    "stops-and-watches": (
        "xor",
        (80, 24),
        "w c o s t enter b i f space c o s t space less_than_sign space 0 "
        "full_stop 2 5 1 2 enter colon b r e a k space h e a l t h enter c",
    ),
    "picker": (None, (80, 24), "down down"),
    "picker-over-a-graph": ("xor", (80, 24), "s s s O down"),
}


@pytest.mark.parametrize("name", quick(SCREENS, 5))
async def test_the_screen_is_as_it_was(name: str) -> None:
    graph, size, keys = SCREENS[name]
    async with opened(graph, size) as driver:
        for key in keys.split():
            await driver.press(key)
        shown = driver.text + "\n"
    path = GOLDEN / f"{name}.txt"
    if os.environ.get("GOLDEN") == "write":
        path.parent.mkdir(exist_ok=True)
        path.write_text(shown, encoding="utf-8")
    assert_same(shown, path.read_text(encoding="utf-8"))
