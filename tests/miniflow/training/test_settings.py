"""Settings are immutable, can be copied and changed, and name what they take."""

from __future__ import annotations

import copy
import inspect
import pickle

import pytest
from msgspec.structs import asdict, replace

from miniflow.training.data import Data
from miniflow.training.groups import Group
from miniflow.training.optimizers import SGD, AdamW, Momentum
from miniflow.training.progress import Progress, Training
from miniflow.training.schedules import Constant, Cosine
from miniflow.training.settings import Settings

SETTINGS = [
    Training(AdamW(0.1), schedule=Cosine(10, warmup=2), groups=(Group("b*", frozen=True),)),
    Momentum(0.1, 0.5, nesterov=True),
    Cosine(10, 0.5, warmup=3),
    Group("W*", 2.0),
    Progress(3),
]


@pytest.mark.parametrize("settings", SETTINGS, ids=lambda settings: type(settings).__name__)
def test_copies_are_equal(settings: Settings) -> None:
    for made in (
        pickle.loads(pickle.dumps(settings)),
        copy.deepcopy(settings),
        replace(settings),
        type(settings)(**{name: getattr(settings, name) for name in settings.__struct_fields__}),
    ):
        assert type(made) is type(settings)
        assert made == settings
        assert repr(made) == repr(settings)
    assert [*asdict(settings)] == [*inspect.signature(type(settings)).parameters]


def test_a_change_is_checked_and_makes_others() -> None:
    cosine = Cosine(10)
    changed = replace(cosine, steps=20)
    assert (changed, cosine) == (Cosine(20), Cosine(10))
    assert hash(changed) == hash(Cosine(20))
    assert Constant() != Cosine()
    with pytest.raises(AttributeError, match="immutable"):
        cosine.steps = 3  # type: ignore[misc]


def test_a_class_of_a_program_may_have_fields_of_its_own() -> None:
    class Own(Momentum, frozen=True):
        patience: int = 3

    assert Own(0.1, 0.5, True, 4).patience == 4
    assert Own(0.1) != Momentum(0.1)
    assert type(replace(Own(0.1), patience=5)) is Own


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: SGD(0.1, 0.2), "SGD(learning_rate, *, weight_decay): extra positional"),
        (
            lambda: Cosine(stps=3),
            "Cosine(steps, least, *, warmup, start): unexpected keyword argument 'stps'",
        ),
        (
            lambda: Group(),
            "Group(names, rate, weight_decay, frozen): missing required argument 'names'",
        ),
        (lambda: Data(), "missing required argument 'feeds'"),
    ],
)
def test_arguments_that_it_does_not_take(make: object, said: str) -> None:
    with pytest.raises(TypeError) as raised:
        make()  # type: ignore[operator]
    assert said in str(raised.value)


def test_an_error_of_a_check_is_its_own() -> None:
    class Own(Settings, frozen=True):
        def __post_init__(self) -> None:
            raise TypeError("of the check")

    with pytest.raises(TypeError, match=r"^of the check$"):
        Own()
