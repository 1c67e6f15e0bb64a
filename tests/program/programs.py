"""Every program of `tests/programs`: how it is started, and what it does besides its passes.

They are written as students write. What each of them stands for is its name.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.support.paths import ROOT

FOLDER = ROOT / "tests" / "programs"


@dataclass(frozen=True)
class Program:
    """A program, and what is known of it alone.

    `file` is its path in `tests/programs`; of a program in a folder, the whole folder belongs to
    it. `writes`: it writes files, or leaves its folder. `ends`: it ends by itself. `raises`: it
    ends by an exception, which the interpreter prints. `asks`: it calls the debugger itself.
    `called`: its nodes are called by their methods, so that whoever wraps those sees its passes.
    """

    file: str
    arguments: tuple[str, ...] = ()
    given: bytes = b""
    writes: bool = False
    ends: bool = True
    status: int = 0
    raises: bool = False
    asks: bool = False
    called: bool = True

    @property
    def name(self) -> str:
        """The name of its file, or of its folder."""
        path = Path(self.file)
        return path.stem if path.parent == Path() else path.parent.name

    @property
    def main(self) -> str:
        """The name of its file within its folder."""
        return Path(self.file).name

    def copy_to(self, folder: Path) -> Path:
        """Copy it, with what belongs to it, into a folder; return the file to start."""
        folder.mkdir(parents=True, exist_ok=True)
        source = FOLDER / self.file
        beside = source.parent.glob("*.py") if source.parent != FOLDER else (source,)
        for path in beside:
            shutil.copy(path, folder)
        return folder / self.main


PROGRAMS = (
    Program("accumulating-engine/nn.py"),
    Program("adds_a_list.py"),
    Program("adds_neurons.py"),
    Program("assigns_for_adds.py"),
    Program("backward_once.py"),
    Program("bare_except.py", status=3),
    Program("batches_by_hand.py"),
    Program("catches_an_error.py"),
    Program("catches_everything.py", ends=False),
    Program("changes_folder.py", writes=True),
    Program("counts_its_calls.py"),
    Program("dataclass_types.py"),
    Program("debug_call.py", asks=True),
    Program("draws_numbers.py"),
    Program("engine-of-another-name/p.py"),
    Program("evaluates_between.py"),
    Program("exits_at_once.py", status=3),
    Program("falling_rate.py"),
    Program("forgetful-engine/nn.py"),
    Program("forgets_the_transpose.py"),
    Program("forgets_to_sum.py"),
    Program("forks.py"),
    Program("forward_only.py"),
    Program("forward_value.py"),
    Program("forward_value_alone.py"),
    Program("graph_each_step.py"),
    Program("holds_the_interpreter.py", ends=False),
    Program("housing.py"),
    Program("ideal_output.py"),
    Program("inputs_and_outputs.py"),
    Program("integer_labels.py"),
    Program("labels_with_zero_gradient.py"),
    Program("linear_of_numbers.py"),
    Program("linear_sigmoid.py"),
    Program("makes_nan.py"),
    Program("momentum_and_decay.py"),
    Program("momentum_by_hand.py"),
    Program("mse_of_three.py"),
    Program("names_in_loops.py"),
    Program("nested_state.py"),
    Program("no_backward.py", status=1, raises=True),
    Program("number_for_a_name.py"),
    Program("one_file.py"),
    Program("one_file_forward_value.py"),
    Program("one_file_names_in_loops.py"),
    Program("opening_example.py"),
    Program("other-signature/p.py"),
    Program("overrides_ours.py"),
    Program("overwrites_its_input.py"),
    Program("own-default-rate/p.py"),
    Program("own-keyword-rate/p.py"),
    Program("own_generator.py"),
    Program("own_loops.py"),
    Program("prints_dots.py"),
    Program("ragged_value.py", status=1, raises=True),
    Program("raises_between.py", status=1, raises=True),
    Program("raises_in_a_node.py", status=1, raises=True),
    Program("random_mask.py"),
    Program("random_node.py"),
    Program("reads_all_input.py", given=b"four\nlines\nof\ninput\n"),
    Program("reads_input.py", given=b"0.005\n"),
    Program("rebuilds_its_graph.py", arguments=("40",)),
    Program("rebuilds_twins.py"),
    Program("reconfigures_output.py"),
    Program("redirects_output.py"),
    Program("set_trace_in_a_loop.py", asks=True),
    Program("sleeps.py", ends=False),
    Program("sorts_again.py"),
    Program("sorts_twice.py"),
    Program("stderr.py"),
    Program("tanh_of_its_own.py"),
    Program("tee.py", writes=True),
    Program("text_for_a_value.py"),
    Program("times_itself.py"),
    Program("train_call.py", called=False),
    Program("trains_what_was_fed.py"),
    Program("twins_by_turns.py"),
    Program("twins_share_an_input.py"),
    Program("two_graphs.py"),
    Program("two_graphs_and_a_nan.py"),
    Program("two_graphs_one_update.py"),
    Program("update_by_hand.py"),
    Program("waits_for_a_lock.py", ends=False),
    Program("with_arguments.py", arguments=("3", "--rate", "0.05")),
    Program("writes_a_file.py", writes=True),
    Program("writes_bytes.py"),
    Program("wrong_shape.py"),
    Program("zero_upstream.py"),
)
BY_NAME = {program.name: program for program in PROGRAMS}


@contextmanager
def in_its_folder(program: Program) -> Iterator[Path]:
    """Yield the file of a program; of one that writes, in a copy of its folder."""
    if not program.writes:
        yield FOLDER / program.file
        return
    with TemporaryDirectory() as folder:
        yield program.copy_to(Path(folder))


def environment(**changes: str) -> dict[str, str]:
    """Return the environment in which programs are started: this miniflow can be imported."""
    kept = dict(os.environ)
    for name in os.environ:
        # What is buffered is a part of how a program ends; what pytest does now is none.
        if name.startswith(("MFDEBUG_", "PYTEST_")) or name == "PYTHONUNBUFFERED":
            del kept[name]
    return {**kept, "PYTHONPATH": str(ROOT), **changes}
