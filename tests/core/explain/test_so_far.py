"""The equations of a pass before the present moment."""

from __future__ import annotations

from mfdebug.core.explain.so_far import SoFar
from mfdebug.core.timeline.computed_debugger import ComputedDebugger
from mfdebug.opening.graphs import load_graph


def at(moment: int, name: str = "circuit-b") -> tuple[ComputedDebugger, SoFar]:
    debugger = ComputedDebugger(load_graph(name))
    debugger.move(moment)
    return debugger, SoFar(debugger)


def texts(so_far: SoFar, most: int = 20) -> list[str]:
    return [f"{computed.text} = {computed.number:g}" for computed in so_far.last(most)]


def test_a_forward_pass_has_its_values() -> None:
    debugger, so_far = at(2)
    assert texts(so_far) == []
    debugger.move(4)
    assert texts(so_far) == [
        "xy = x × y = 3 × (-4) = -12",
        "larger = max(z, w) = max(2, (-1)) = 2",
    ]
    debugger.move(0)
    assert texts(so_far) == []


def test_a_backward_pass_has_what_was_sent_and_the_last_stay() -> None:
    debugger, so_far = at(6)
    assert texts(so_far) == []
    debugger.move(8)
    sent = [
        "f to two  ∂f/∂f × total = 1 × (-10) = -10",
        "f to total  ∂f/∂f × two = 1 × 2 = 2",
        "total to xy  ∂f/∂total × 1 = 2 × 1 = 2",
        "total to larger  ∂f/∂total × 1 = 2 × 1 = 2",
    ]
    assert texts(so_far) == sent
    assert texts(so_far, 3) == sent[1:]


def test_small_tensors_that_nothing_trains_have_their_first_entries() -> None:
    debugger, so_far = at(4, "lesson-backward")
    assert texts(so_far) == [
        "f[0,0] = (-1) × 2 + (-2) × 3 + (-3) = -11",
        "a[0,0] = σ(-11) = 1.67014e-05",
    ]
    debugger.move(debugger.moment + 4)
    assert texts(so_far)[-1] == "f to b[0]  (Σ rows of ∂cost/∂f)[0] = " + (
        "(-1.67009e-05) × 1 + (-3.3402e-05) × 1 = -5.01029e-05"
    )
    # Where something is trained, the curve has the room.
    assert texts(at(4, "xor")[1]) == []


def test_an_edit_and_a_step_back_leave_no_older_number() -> None:
    debugger, so_far = at(8)
    texts(so_far)
    debugger.set_value(debugger.graph.index_of("two"), None, 5.0)
    assert "f to total  ∂f/∂f × two = 1 × 5 = 5" in texts(so_far)
    debugger.undo()
    debugger.move(7)
    assert texts(so_far) == [
        "f to two  ∂f/∂f × total = 1 × (-10) = -10",
        "f to total  ∂f/∂f × two = 1 × 2 = 2",
    ]


def test_a_question_hides_what_it_asks_for() -> None:
    debugger, so_far = at(8)
    debugger.state.concealed = frozenset({(0, "gradient")})
    assert texts(so_far) == []
