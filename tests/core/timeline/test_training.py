"""Every way to train is a line on which one goes back and forth, saves, and edits."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from mfdebug.core.commands.interpreter import open_session
from mfdebug.core.session.replay import session_lines
from mfdebug.core.timeline.computed_debugger import ComputedDebugger
from mfdebug.core.timeline.debugger import Debugger
from miniflow.errors import MiniflowError
from miniflow.files import load, save
from miniflow.graph import Graph, Training
from miniflow.node import Input
from miniflow.ops import MSE, Add, Linear, Mul, Tanh
from miniflow.training.groups import Group
from miniflow.training.optimizers import SGD, Adagrad, Adam, AdamW, Momentum, RMSProp
from miniflow.training.schedules import Constant, Cosine, StepDecay
from tests.support.sizes import examples

OPTIMIZERS = [
    SGD(0.1, weight_decay=0.2),
    Momentum(0.05, nesterov=True, weight_decay=0.1),
    Adam(0.05, weight_decay=0.1),
    AdamW(0.05, weight_decay=0.3),
    RMSProp(0.02),
    Adagrad(0.1),
]
SCHEDULES = [None, StepDecay(2, 0.5), Cosine(5, 0.1, warmup=2), Constant(warmup=3)]
GROUPS = [
    (),
    (Group("b*", 0.5, 0.0),),
    (Group("W", frozen=True),),
    (Group("b2", 2.0), Group("*", frozen=True)),
]
trainings = st.builds(
    lambda optimizer, schedule, clip, accumulate, groups: Training(
        optimizer, schedule=schedule, accumulate=accumulate, groups=groups, **clip
    ),
    st.sampled_from(OPTIMIZERS),
    st.sampled_from(SCHEDULES),
    st.sampled_from([{}, {"clip_norm": 0.3}, {"clip_value": 0.05}]),
    st.sampled_from([1, 1, 3]),
    st.sampled_from(GROUPS),
)
FEW = settings(
    deadline=None,
    max_examples=examples(40),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
# Each is a line of commands; none depends on the moment.
EDITS = [
    "set lr = 0.03",
    "set schedule = cosine(4, warmup=2)",
    "set schedule = stepdecay(every=2, decay=0.5)",
    "set schedule = none",
    "set W.trainable = false",
    "set W.trainable = true",
    "set b2.trainable = false",
]


def arrays(training: Training, dtype: str = "float64") -> Graph:
    rng = np.random.default_rng(2)
    W = Input("W", value=rng.normal(size=(3, 2)), trainable=True)
    b = Input("b", value=[0.1, -0.2], trainable=True)
    b2 = Input("b2", value=[0.3, 0.4], trainable=True)
    X, t = Input("X", value=rng.normal(size=(4, 3))), Input("t", value=rng.normal(size=(4, 2)))
    return Graph.of(MSE(t, Add(Tanh(Linear(X, W, b)), b2)), training=training, dtype=dtype)


def scalars(training: Training) -> Graph:
    W, b, b2 = (Input(n, value=v, trainable=True) for n, v in (("W", 0.7), ("b", -0.4), ("b2", 2)))
    out = Add(Mul(W, b), Mul(b2, W))
    return Graph.of(Mul(out, out), training=training)


def state_of(debugger: Debugger) -> list[bytes]:
    plan = debugger.plan
    kept = [a.tobytes() for i in range(3) for a in plan.optimizer_state(i)]
    values = [debugger.state.value(i).tobytes() for i in debugger.graph.trainables]
    return [*values, *kept, repr(plan.control).encode()]


@FEW
@given(
    training=trainings,
    make=st.sampled_from([arrays, scalars]),
    moments=st.lists(st.integers(0, 150), min_size=1, max_size=4),
    edits=st.lists(st.tuples(st.integers(0, 60), st.sampled_from(EDITS)), max_size=3),
)
def test_going_back_and_forth_is_a_fresh_run(
    training: Training,
    make: Callable[[Training], Graph],
    moments: list[int],
    edits: list[tuple[int, str]],
) -> None:
    """Stepped moment by moment, in one run of whole steps, and from checkpoints: the same bits."""
    wandered, stepped = (open_session(ComputedDebugger(make(training))) for _ in range(2))
    for after, line in sorted(edits):
        for session in (wandered, stepped):
            session.debugger.move(after)
            session.run(line)
    for moment in moments:
        wandered.debugger.move(moment)
    end = moments[-1]
    stepped.debugger.move(0)
    while stepped.debugger.moment < end:
        stepped.debugger.cursor.step()
    assert state_of(wandered.debugger) == state_of(stepped.debugger)


@FEW
@given(
    training=trainings,
    make=st.sampled_from([arrays, scalars]),
    before=st.integers(0, 7),
    edit=st.sampled_from([*EDITS, ""]),
)
def test_a_saved_run_continues_bit_for_bit(
    training: Training, make: Callable[[Training], Graph], before: int, edit: str, tmp_path: Path
) -> None:
    session = open_session(ComputedDebugger(make(training)))
    debugger = session.debugger
    length = debugger.timeline.length
    debugger.move(before * length)
    if edit:
        session.run(edit)
    session.run(f"save {tmp_path}/g.json")
    again = ComputedDebugger(load(tmp_path / "g.json"))
    assert again.graph.training.optimizer.learning_rate == debugger.plan.base_rate
    for moment in (1, length, 5 * length):
        debugger.move(before * length + moment)
        again.move(moment)
        for i in debugger.graph.trainables:
            assert debugger.state.value(i).tobytes() == again.state.value(i).tobytes()
        assert debugger.plan.learning_rate == again.plan.learning_rate


@FEW
@given(training=trainings)
def test_settings_survive_a_file(training: Training, tmp_path: Path) -> None:
    save(arrays(training), tmp_path / "g.json")
    assert load(tmp_path / "g.json").training == training


def test_edits_of_the_updates_are_part_of_a_session() -> None:
    session = open_session(ComputedDebugger(arrays(Training(SGD(0.1)))))
    for line in ("sgd 2", "set schedule = cosine(8, warmup=2)", "sgd 1", "set b.trainable = false"):
        session.run(line)
    again = open_session(ComputedDebugger(arrays(Training(SGD(0.1)))))
    for line in session_lines(session):
        again.run(line)
    for run in (session, again):
        run.debugger.move(80)
    assert state_of(session.debugger) == state_of(again.debugger)


def test_a_schedule_counts_from_where_it_was_set_and_a_rate_ends_it() -> None:
    session = open_session(ComputedDebugger(arrays(Training(SGD(0.1)))))
    debugger = session.debugger

    def rate_of_next_step() -> float:
        session.run("sgd 1")
        return debugger.plan.learning_rate

    assert rate_of_next_step() == 0.1
    assert session.run("set schedule = constant(warmup=4)").text.startswith(
        "schedule = constant(warmup=4)"
    )
    assert [rate_of_next_step() for _ in range(5)] == [0.025, 0.05, 0.1 * 0.75, 0.1, 0.1]
    session.run("set schedule = stepdecay(2, 0.5)")
    assert [rate_of_next_step() for _ in range(4)] == [0.1, 0.1, 0.05, 0.05]
    assert "(the schedule ends here)" in session.run("set lr = 0.2").text
    assert [rate_of_next_step() for _ in range(3)] == [0.2, 0.2, 0.2]
    session.run("undo")
    assert debugger.plan.learning_rate < 0.1


def test_a_frozen_parameter_stays_and_learns_again() -> None:
    session = open_session(ComputedDebugger(arrays(Training(Momentum(0.1)))))
    debugger = session.debugger
    session.run("sgd 2")
    session.run("set W.trainable = false")
    W = debugger.graph.index_of("W")
    before = debugger.state.value(W).copy()
    session.run("sgd 3")
    assert debugger.state.value(W).tobytes() == before.tobytes()
    session.run("set W.trainable = true")
    session.run("sgd 1")
    assert debugger.state.value(W).tobytes() != before.tobytes()


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("set schedule = cosin(3)", "did you mean 'cosine'?"),
        ("set schedule = cosine(0)", "steps is 0; it takes a whole number from 1"),
        ("set schedule = cosine(3, 0.1, 4)", "cosine has no 4 (it takes"),
        ("set schedule = cosine(x)", "cosine: steps: not a number: x"),
        ("set schedule = cosine(stps=3)", "cosine has no stps (it takes"),
        ("set X.trainable = false", "X is not a parameter"),
        ("set W.trainable = maybe", "not true or false: maybe"),
        ("set lr = -1", "the learning rate is at least 0"),
    ],
)
def test_what_is_not_understood_is_said(line: str, said: str) -> None:
    session = open_session(ComputedDebugger(arrays(Training())))
    with pytest.raises(MiniflowError) as raised:
        session.run(line)
    assert said in str(raised.value)


@pytest.mark.parametrize("clip", ["clip_norm", "clip_value"])
def test_float32_stays_float32(clip: str) -> None:
    training = replace(Training(AdamW(0.1), accumulate=2), **{clip: 0.1})
    debugger = ComputedDebugger(arrays(training, "float32"))
    debugger.move(100)
    assert all(debugger.state.value(i).dtype == np.float32 for i in debugger.graph.trainables)
