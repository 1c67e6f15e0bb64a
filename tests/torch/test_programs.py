"""PyTorch programs are as alone under mfdebug, and every number recorded is the program's own.

Seven models, and a program for each trap that was found in watching PyTorch.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

pytest.importorskip("torch")

from mfdebug.recording.debugger import RecordedDebugger, RecordedLines
from tests.program.compare import PassSeen, opened, states
from tests.program.running import Ended
from tests.program.walks import differences_on, single_steps
from tests.torch.compare import differences, kept
from tests.torch.running import PROGRAMS, Script, alone, kept_by_others, of_the_program, recorded

BY_NAME = {path.stem: path for path in PROGRAMS}
# What is compiled is not seen: of it only parameters and gradients are compared.
COMPILED = {"trap_compile"}
# What it computes with the other recorder is not what it computes alone.
NOT_BY_OTHERS = {"trap_compiled_step"}
# They fail on purpose.
FAILING = {"trap_error_forward", "trap_error_backward"}


class Lab:
    """One program, run in each way at most once."""

    def __init__(self, folder: Path, path: Path) -> None:
        self._script = Script(path)
        self._here = folder / "here"
        self.run_file, self._kept_file = folder / "run.mfrun", folder / "kept"

    @cache  # noqa: B019 - a lab lives as long as its module
    def alone(self) -> Ended:
        return alone(self._here, self._script)

    @cache  # noqa: B019
    def recorded(self) -> Ended:
        return recorded(self._here, self._script, self.run_file)

    @cache  # noqa: B019
    def seen(self) -> list[PassSeen]:
        self.recorded()
        return list(states(opened(self.run_file)))

    @cache  # noqa: B019
    def kept(self) -> dict[str, object]:
        kept_by_others(self._here, self._script, self._kept_file)
        return kept(self._kept_file)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Lab]:
    return {name: Lab(tmp_path_factory.mktemp(name), path) for name, path in BY_NAME.items()}


@pytest.mark.parametrize("name", BY_NAME)
def test_a_program_is_as_alone(lab: dict[str, Lab], name: str) -> None:
    expected, ended = lab[name].alone(), lab[name].recorded()
    assert (expected.status == 0) == (name not in FAILING), expected.stderr.decode()
    assert ended.stdout == expected.stdout
    assert of_the_program(ended) == expected.stderr
    assert ended.status == expected.status
    assert ended.files == expected.files
    assert name in FAILING or "final-state.txt" in expected.files


@pytest.mark.parametrize("name", sorted(BY_NAME.keys() - NOT_BY_OTHERS))
def test_every_number_is_the_programs_own(lab: dict[str, Lab], name: str) -> None:
    place = lab[name]
    found, compared = differences(place.kept(), place.seen(), leaves_only=name in COMPILED)
    assert found == []
    assert len(place.seen()) >= 3
    assert all(seen.whole for seen in place.seen())
    assert compared >= (16 if name in COMPILED else 40)


@pytest.mark.parametrize("name", BY_NAME)
def test_every_graph_of_a_run_opens_and_has_each_parameter_once(
    lab: dict[str, Lab], name: str
) -> None:
    lab[name].recorded()
    run = opened(lab[name].run_file)
    for debugger, line in zip(RecordedLines(run).all(), run.lines, strict=True):
        assert len(debugger.graph) == len(line.nodes)
        names = [node.name for node in line.nodes if node.trained and node.name]
        assert len(names) == len(set(names))


def test_parameters_of_compiled_steps_are_the_programs_own(lab: dict[str, Lab]) -> None:
    place = lab["trap_compiled_step"]
    printed = place.alone().stdout.decode().splitlines()
    expected = [line for line in printed if line.startswith("bias ")]
    assert len(place.seen()) == len(expected) == 6
    for seen, line in zip(place.seen(), expected, strict=True):
        assert seen.whole
        assert line in [f"bias {value.tolist()}" for value in seen.inputs.values()]


@pytest.mark.parametrize(
    ("name", "number", "kind", "words"),
    [
        (
            "trap_error_forward",
            3,
            "linear",
            "forward of model.0.linear in trap_error_forward.py, line 11 raised RuntimeError: "
            "mat1 and mat2 shapes cannot be multiplied (2x5 and 3x4) "
            "[its inputs: x 2x5, model.0.weight 4x3, model.0.bias 4]",
        ),
        ("trap_error_caught", 1, "linear", "(2x4 and 3x1) [its inputs: model.tensor 2x4, model.w"),
    ],
)
def test_a_function_that_raises_is_the_last_moment_of_its_pass(
    lab: dict[str, Lab], name: str, number: int, kind: str, words: str
) -> None:
    place = lab[name]
    faults = [i for i, seen in enumerate(place.seen()) if seen.fault and seen.fault[0] == "forward"]
    assert faults == [number]
    debugger = RecordedLines(opened(place.run_file)).at_pass(number, at_its_end=True)
    assert words in debugger.state.remark
    failed = place.seen()[number].fault
    assert failed is not None
    assert place.seen()[number].kinds[failed[1]] == kind
    # All that it was called with is there.
    assert set(place.seen()[number].inbound[failed[1]]) <= place.seen()[number].inputs.keys()


def test_it_is_said_whose_backward_has_raised_not_whose_was_the_last_to_end(
    lab: dict[str, Lab],
) -> None:
    place = lab["trap_error_backward"]
    *_, last = place.seen()
    assert last.fault is not None
    assert (last.fault[0], last.kinds[last.fault[1]]) == ("backward", "exp")
    debugger = RecordedLines(opened(place.run_file)).at_pass(3, at_its_end=True)
    # Nothing is shown of it but what had come.
    assert debugger.cursor.where.node is not None
    assert type(debugger.graph.nodes[debugger.cursor.where.node]).__name__ == "sum"
    assert "backward of h in trap_error_backward.py, line 8 raised" in debugger.state.remark


def test_another_learning_rate_is_found(lab: dict[str, Lab], tmp_path: Path) -> None:
    text = BY_NAME["model_mlp"].read_text()
    changed = text.replace("lr=0.1,", "lr=0.1000001,")
    assert changed != text
    (tmp_path / "model_mlp.py").write_text(changed)
    recorded(tmp_path / "here", Script(tmp_path / "model_mlp.py"), tmp_path / "run.mfrun")
    seen = list(states(opened(tmp_path / "run.mfrun")))
    found, _ = differences(lab["model_mlp"].kept(), seen)
    assert found


def back_to_the_third(lines: RecordedLines) -> Iterator[RecordedDebugger]:
    """To the end a moment at a time, back to the third pass, and to the end again."""
    yield from single_steps(lines)
    debugger = lines.at_pass(2, at_its_end=False)
    yield debugger
    while debugger.moment < debugger.timeline.start_of(len(debugger.cursor.steps) - 1):
        debugger.move(debugger.moment + 1)
        yield debugger


@pytest.mark.parametrize("name", ["model_mlp", "model_vae", "trap_several_results"])
def test_it_is_shown_so_on_the_way_back_and_forward_again(lab: dict[str, Lab], name: str) -> None:
    place = lab[name]
    run = opened(place.run_file) if place.recorded() else None
    assert run is not None
    assert differences_on(back_to_the_third, run, place.seen(), place.seen()) == []
