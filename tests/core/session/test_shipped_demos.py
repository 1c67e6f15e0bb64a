"""The shipped demos: what they say holds, fits the screen, and takes a few minutes to read."""

from __future__ import annotations

import re

import pytest

from mfdebug.config.bindings import BOUND, PLACES
from mfdebug.config.key_names import shown
from mfdebug.core.commands.interpreter import check_known
from mfdebug.core.session.demo import ASK, SAY, Demo, read_demo, run_through
from mfdebug.opening.sessions import session_of
from mfdebug.opening.shipped import names, shipped_demos

SHIPPED = {demo.name: demo for demo in shipped_demos()}
EACH = pytest.mark.parametrize("name", SHIPPED)
LONGEST = 210
SHORTEST_READ, LONGEST_READ = 100, 300
# As in: press l, the key b, keys b.
KEY = re.compile(r"\b(?:[Pp]ress(?:es|ing)?|[Kk]eys?)\s+(?:the\s+)?(\S+?)[.,:;!?)]*(?=\s|$)")
# Words of a caption that are written as names of graphs.
GRAPH = re.compile(r"\b[Gg]raph ([a-z][a-z0-9-]*)")


def read(name: str) -> Demo:
    return read_demo(SHIPPED[name].path, check_known)


def captions(demo: Demo) -> list[str]:
    return [text for beat in demo.beats for text in beat.captions]


def test_the_ten_ship_in_order() -> None:
    assert list(SHIPPED) == [
        "five-to-two",
        "chain-rule",
        "gates",
        "diamond",
        "xor-learns",
        "convolution",
        "attention",
        "why-normalise",
        "where-did-nan-come-from",
        "where-does-pytorch-turn-nan",
    ]


@EACH
def test_runs_through(name: str) -> None:
    demo = read(name)
    met = run_through(session_of(demo.graph, 2**24), demo)
    assert met >= len(demo.beats) / 2


@EACH
def test_asks_for_predictions(name: str) -> None:
    """Two at least, but not in the first beat, which sets the scene, nor in the last."""
    asking = [
        any(line.startswith(f"{ASK} ") for _, line in beat.lines) for beat in read(name).beats
    ]
    assert sum(asking) >= 2
    assert not asking[0]
    assert not asking[-1]


@EACH
def test_has_a_title_and_a_shipped_graph(name: str) -> None:
    demo = read(name)
    assert demo.title == SHIPPED[name].title
    assert demo.title != demo.name
    assert demo.graph in names()


@EACH
def test_captions_are_said_in_every_beat(name: str) -> None:
    """One a beat: with two the first would be gone before anybody has read it."""
    for beat in read(name).beats:
        assert len(beat.captions) == 1
        assert beat.captions[0]
        # What is announced comes before it happens.
        assert beat.lines[0][1].startswith(f"{SAY} ")


@EACH
def test_captions_are_short(name: str) -> None:
    assert [text for text in captions(read(name)) if len(text) > LONGEST] == []


@EACH
def test_reading_takes_a_few_minutes(name: str) -> None:
    seconds = sum(beat.seconds for beat in read(name).beats)
    assert SHORTEST_READ <= seconds <= LONGEST_READ


@EACH
def test_captions_name_keys_that_are_bound(name: str) -> None:
    # Space, B, P and R are the demo's; elsewhere on the screen keys keep what they do.
    there = {"screen", "app", "order", "entries", "demo"}
    assert there <= set(PLACES)
    bound = {
        shown(key) for binding in BOUND.values() if binding.place in there for key in binding.keys
    }
    named = [key for text in captions(read(name)) for key in KEY.findall(text)]
    assert [key for key in named if key not in bound] == []


@EACH
def test_captions_name_graphs_that_ship(name: str) -> None:
    named = [graph for text in captions(read(name)) for graph in GRAPH.findall(text)]
    assert [graph for graph in named if graph not in names()] == []
