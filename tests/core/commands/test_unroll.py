"""`unroll`: a layer as its own nodes at the same moment, with the same numbers and edits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mfdebug.core.commands.interpreter import open_session
from mfdebug.core.session.replay import session_lines
from mfdebug.core.session.session import Session
from mfdebug.core.timeline.computed_debugger import ComputedDebugger
from mfdebug.core.timeline.debugger import DebuggerError, Freshness
from miniflow.errors import MiniflowError
from tests.support.debuggers import state
from tests.support.recurrent_layers import sequences
from tests.support.sizes import examples, some


def opened(kind: str = "LSTM", steps: int = 3) -> Session:
    return open_session(ComputedDebugger(sequences(kind, steps)))


def run(session: Session, *lines: str) -> str:
    return [session.run(line).text for line in lines][-1]


def shared(session: Session, names: list[str]) -> dict[str, Any]:
    """Return what there is to see of nodes that both forms have."""
    debugger = session.debugger
    seen: dict[str, Any] = {
        "where": debugger.where.phase,
        "step": debugger.sgd_step,
        "rate": debugger.state.learning_rate,
        "costs": list(debugger.cursor.costs)[: debugger.sgd_step],
    }
    for name in names:
        node = debugger.graph.by_name[name]
        if debugger.state.value_freshness(node) is not Freshness.WAITING:
            seen[name] = debugger.state.value(node).tobytes()
        if debugger.state.gradient_freshness(node) is Freshness.CURRENT:
            seen[f"{name}.grad"] = debugger.state.gradient(node).tobytes()
    return seen


@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
def test_every_moment_of_a_layer_has_the_same_numbers_as_its_nodes(kind: str) -> None:
    session = opened(kind)
    names = session.debugger.graph.names()
    length = session.debugger.timeline.length
    for moment in [*some(range(length + 2), 8), 5 * length + 3, 41 * length]:
        run(session, f"goto {moment}")
        seen = shared(session, names)
        run(session, "unroll layer on")
        assert len(session.debugger.graph) > len(names)
        assert shared(session, names) == seen
        run(session, "unroll layer off")
        assert session.debugger.moment == moment
        assert shared(session, names) == seen


def test_the_moment_is_found_again_as_if_all_steps_had_been_run() -> None:
    """Unrolled late, the run begins near the moment, not at the start: with the same state."""
    late, early = opened(), opened()
    run(late, "goto sgd 30", "next 2", "unroll layer")
    run(early, "unroll layer", f"goto {late.debugger.moment}")
    assert state(late.debugger) == state(early.debugger)
    run(late, "goto sgd 7")
    run(early, "goto sgd 7")
    assert state(late.debugger) == state(early.debugger)


def test_edits_go_along_and_back_and_undo_finds_them() -> None:
    session, plain = opened(), opened()
    edits = ["sgd 3", "set W_hh[0,0] = 2", "step 4", "set lr = 0.5", "scale turned 2", "undo"]
    edits += ["scale turned.grad 3", "next", "set b_ih.trainable = false", "sgd 2"]
    run(session, *edits)
    run(plain, *edits)
    names = plain.debugger.graph.names()
    run(session, "unroll layer")
    assert shared(session, names) == shared(plain, names)
    assert [edit.words for edit in session.debugger.edits] == [
        edit.words for edit in plain.debugger.edits
    ]
    for each_session in (session, plain):
        run(each_session, "undo", "undo", "sgd 1")
    assert shared(session, names) == shared(plain, names)
    run(session, "unroll layer")
    for each_session in (session, plain):
        run(each_session, "redo", "redo")
    assert state(session.debugger) == state(plain.debugger)


def test_an_edit_that_has_no_place_is_left_out_and_named() -> None:
    session = opened()
    text = run(session, "unroll layer", "sgd 2", "set layer/t1/forget = 0", "scale W_ih 2", "sgd")
    text = run(session, "unroll layer off")
    assert text.split("\n")[0] == "layer is one node again; left out: layer/t1/forget = 0"
    assert [edit.words for edit in session.debugger.edits] == ["W_ih × 2"]
    assert len(session.debugger.branches) == 2
    run(session, "undo")
    assert not session.debugger.edits


def test_a_gate_is_a_node_that_can_be_asked_about_and_forced() -> None:
    session = opened()
    run(session, "unroll layer", "until layer/t1/c")
    text = run(session, "why layer/t1/c[0,0]")
    assert text.startswith("layer/t1/c[0,0] = layer/t1/kept[0,0] + layer/t1/added[0,0]\n")
    run(session, "goto start", "until layer/t0/forget", "set layer/t0/forget = 1")
    run(session, "set layer/t0/input = 0", "until layer")
    cell = session.debugger.state.value(session.debugger.graph.by_name["layer/t0/c"])
    np.testing.assert_array_equal(cell, np.zeros((4, 3)))


def test_a_session_remembers_what_is_unrolled() -> None:
    session = opened()
    run(session, "sgd 2", "unroll layer", "break layer/t1/c", "watch layer/t1/c[0,0]")
    run(session, "set layer/t1/forget[0,0] = 0.25", "goto sgd 4", "step 9")
    lines = session_lines(session)
    assert lines[0] == "unroll layer on"
    again = opened()
    for line in lines:
        again.run(line)
    assert state(again.debugger) == state(session.debugger)
    assert session_lines(again) == lines
    # `resume` begins with one node, whatever is shown now.
    again.clear()
    assert len(again.debugger.graph) == len(opened().debugger.graph)
    run(session, "unroll layer off")
    assert not [line for line in session_lines(session) if "layer/t1" in line]
    run(session, "unroll layer")
    assert [line for line in session_lines(session) if "layer/t1" in line] == [
        "break layer/t1/c",
        "watch layer/t1/c[0,0]",
    ]


def test_two_layers_are_unrolled_one_after_the_other() -> None:
    session = open_session(ComputedDebugger(two_layers()))
    run(session, "sgd 3", "unroll one", "unroll two")
    names = session.debugger.graph.by_name
    assert "one/t0/h" in names
    assert "two/t0/h" in names
    # Any node of a layer stands for it.
    run(session, "unroll one/t1/h")
    names = session.debugger.graph.by_name
    assert "one/t0/h" not in names
    assert "two/t0/h" in names
    plain = open_session(ComputedDebugger(two_layers()))
    run(plain, "sgd 3")
    shown = plain.debugger.graph.names()
    assert shared(session, shown) == shared(plain, shown)


def two_layers() -> Any:
    import miniflow as mf

    rng = np.random.default_rng(4)

    def layer(x: Any, name: str) -> Any:
        with mf.scope(f"{name}_weights"):
            weights = [mf.parameter(rng.normal(size=s), n) for n, s in SHAPES.items()]
        return mf.gru(x, *weights, name=name)

    SHAPES = {"W_ih": (6, 2), "W_hh": (6, 2), "b_ih": (6,), "b_hh": (6,)}
    x = mf.Input("x", value=rng.normal(size=(3, 2, 2)))
    target = mf.Input("target", value=rng.normal(size=(3, 2, 2)))
    return mf.Graph.of(mf.mse(target, layer(layer(x, "one"), "two"), name="cost"))


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("unroll turned", "turned is not a recurrent layer .*those here: layer"),
        ("unroll layer maybe", "'maybe' is not understood"),
        ("unroll layers", "layers"),
        ("unroll", "."),
    ],
)
def test_what_cannot_be_unrolled_is_said(line: str, problem: str) -> None:
    with pytest.raises(MiniflowError, match=problem):
        opened().run(line)


def test_what_is_so_already_stays() -> None:
    session = opened()
    assert run(session, "unroll layer off") == "layer is one node already"
    run(session, "unroll layer on")
    debugger = session.debugger
    assert run(session, "unroll layer on") == "layer is unrolled already"
    assert session.debugger is debugger


def test_a_script_that_fails_returns_to_the_form_before(tmp_path: Path) -> None:
    session = opened()
    run(session, "sgd 2")
    script = tmp_path / "script"
    script.write_text("unroll layer\nset layer/t0/forget = 0\nshow nothing\n")
    with pytest.raises(DebuggerError, match="line 3"):
        session.run(f"source {script}")
    assert not session.debugger.unrolled
    assert not session.debugger.edits


MOVES = ["next", "next 3", "previous", "sgd", "sgd 4", "sgd -1", "until layer", "until W_hh update"]
EDITS = [
    *("set W_ih[0,0] = 0.5", "set b_ih = 0", "set lr = 0.1", "scale turned 2", "scale cost 0.5"),
    *(
        "set W_hh.grad[0,0] = 1",
        "scale layer.grad -1",
        "set layer = 0.5",
        "set W_hh.trainable = false",
        "undo",
        "redo",
    ),
]


@given(data=st.data())
@settings(deadline=None, max_examples=examples(25))
def test_a_run_with_a_layer_unrolled_now_and_then_is_the_run(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(["RNN", "LSTM", "GRU"]))
    session, plain = opened(kind, 2), opened(kind, 2)
    names = plain.debugger.graph.names()
    lines = st.sampled_from([*MOVES, *EDITS, *["unroll layer"] * 6])
    for line in data.draw(st.lists(lines, min_size=4, max_size=14)):
        if line == "unroll layer":
            assert "left out" not in run(session, line)
        else:
            assert failure(session, line) == failure(plain, line)
        assert shared(session, names) == shared(plain, names)
    words = [
        [edit.words for edit in each_session.debugger.edits] for each_session in (session, plain)
    ]
    assert words[0] == words[1]


def failure(session: Session, line: str) -> str:
    """Run a line; return the problem if it fails, or an empty string."""
    try:
        session.run(line)
    except MiniflowError as error:
        return error.problem
    return ""
