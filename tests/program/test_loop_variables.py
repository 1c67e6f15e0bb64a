"""Loop variables hold one thing after another: they are no names, whatever the form of the loop."""

from __future__ import annotations

import sys
from types import CodeType, SimpleNamespace

import pytest

from mfdebug.debuggee.loop_variables import loop_variables
from mfdebug.debuggee.name_facts import Names, variable_of
from mfdebug.debuggee.paths import paths_to

PADDING = "\n".join(f"filler{i} = {i}" for i in range(300))


@pytest.mark.parametrize("padding", ["", PADDING])
@pytest.mark.parametrize(
    ("loop", "names"),
    [
        ("for p in a: pass", {"p"}),
        ("for p in a:\n  q = p", {"p"}),
        ("for i, (x, y) in enumerate(a): pass", {"i", "x", "y"}),
        ("for x, y in a:\n  z = x + y", {"x", "y"}),
        ("for x in a:\n  for y in x:\n    for z in y: w = z", {"x", "y", "z"}),
        ("p = a\nwhile p: p = q", set()),
        ("x, y = a", set()),
        ("for a.b in c: d = 1", set()),
    ],
)
def test_they_are_those_of_its_loops(loop: str, names: set[str], padding: str) -> None:
    module = compile(f"{padding}\n{loop}\n", "module", "exec")
    body = "\n".join(f"  {line}" for line in f"{padding}\n{loop}".splitlines())
    function = next(
        code
        for code in compile(f"def f(a=0, c=0, q=0):\n{body}\n", "module", "exec").co_consts
        if isinstance(code, CodeType)
    )
    assert loop_variables(module) == names
    assert loop_variables(function) == names


def test_a_path_is_preferred_to_a_loop_variable_and_a_variable_to_a_path() -> None:
    model = SimpleNamespace(weights=[[], []], bias=[])
    bias, alone = model.bias, [[]]
    count = 0
    for p in model.weights:
        count += len(p)
    for only in alone[:]:
        count += len(only)
    alone.clear()
    frame = sys._getframe()
    wanted = {id(model.weights[0]), id(model.weights[1]), id(model.bias), id(only)}
    found = paths_to(wanted, frame, Names("/nowhere"))
    names = [found[id(thing)] for thing in (*model.weights, model.bias, only)]
    of_frame = [variable_of(frame, model.weights[1], loops=loops) for loops in (True, False)]
    of_frame.append(variable_of(frame, bias))
    assert names == ["model.weights.0", "model.weights.1", "bias", "only"]
    assert of_frame == ["p", "", "bias"]
    assert count == 0
