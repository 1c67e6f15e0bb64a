"""What is asked of programs in the lesson's style, and what the debugger says of them."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mfdebug.core.commands.quiz import asked
from mfdebug.core.session.session import Session
from mfdebug.opening.programs import open_program
from mfdebug.running.launcher import Streams
from mfdebug.running.runnable import Runnable
from miniflow import load
from miniflow.errors import MiniflowError
from tests.program.programs import BY_NAME, FOLDER, environment
from tests.program.running import RUNNING, answers, batch, run
from tests.support import warm_start
from tests.support.pty_app import PtyApp

# Those that end with an error, and what is said of it.
FAILING = {
    "raises_between": "ended: ValueError: two are enough (line 13 of raises_between.py)",
    "reads_input": "EOFError: EOF when reading a line (line 10 of reads_input.py)",
}
ON_A_TERMINAL: Mapping[str, str | None] = {"PYTHONPATH": environment()["PYTHONPATH"]}


@contextmanager
def console_on(name: str, *lines: str, streams: Streams = "piped") -> Iterator[Session]:
    """Yield a session on a program that runs, after these commands."""
    program = BY_NAME[name]
    running = open_program(
        Runnable(str(FOLDER / program.file)), program.arguments, memory=2**24, streams=streams
    )
    try:
        for line in lines:
            running.session.run(line)
        yield running.session
    finally:
        running.run.close()


def value(session: Session, expression: str) -> Any:
    return session.run(f"print {expression}").data


def mfdebug(*arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-P", "-m", "mfdebug", *arguments]
    return warm_start.run(command, given, text=True, env=environment())


# Errors -------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("name", FAILING)
def test_one_that_fails_says_where_and_can_be_walked_back(tmp_path: Path, name: str) -> None:
    program = BY_NAME[name]
    lines = ["continue", "print moment", "back 2", "step 99", "step"]
    command = batch(RUNNING, replace(program, given=b""), lines, "--json")
    ended = run(tmp_path / "here", replace(program, given=b""), command, probed=False)
    told = answers(ended.stdout)
    assert ended.status == 1
    assert FAILING[name] in told[0]["result"]["ended"]
    assert told[2]["moment"] == told[1]["moment"] - 2
    assert told[3]["moment"] == told[1]["moment"]
    assert FAILING[name] in told[4]["error"]
    assert ended.stderr.startswith(b"Traceback (most recent call last):\n")


@pytest.mark.slow
def test_a_node_that_raises_is_named_with_its_inputs_shapes() -> None:
    with console_on("raises_in_a_node", "goto sgd 2") as session:
        moment = session.debugger.moment
        with pytest.raises(MiniflowError) as refused:
            session.run("step")
        assert re.search(r"forward of l1 raised ShapeError.*\[its inputs: X 2x4, W 3x1, b 1\]",
                         str(refused.value))  # fmt: skip
        assert session.debugger.moment == moment
        assert value(session, "shape(X)") == (2, 4)
        session.run("back")
        assert session.debugger.moment == moment - 1
        assert value(session, "shape(X)") == (2, 3)


@pytest.mark.slow
def test_the_quiz_asks_nothing_about_a_node_that_raises() -> None:
    with console_on("no_backward", "continue", "quiz") as session:
        assert session.debugger.cursor.ending == (
            "the program ended: backward of y raised GraphError: "
            "square#1: Square does not define backward() [its inputs: x ()]"
        )
        with pytest.raises(MiniflowError, match="end of the run"):
            session.run("step")
        assert asked(session) == ""
        session.run("back")
        # How y computes its value is not known.
        assert asked(session) == ""


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "print('hello')\n",
            "the program has ended (a pass is the forward() of nodes with a list of inputs, or a "
            "backward() of PyTorch, micrograd or autograd)",
        ),
        ("def f(:\n", "the program ended: SyntaxError: invalid syntax (line 1 of prog.py)"),
        ("1/0\n", "the program ended: ZeroDivisionError: division by zero (line 1 of prog.py)"),
        ("import sys; sys.exit(3)\n", "the program ended with status 3"),
        ("import os; os.kill(os.getpid(), 9)\n", "the program was killed by SIGKILL"),
        (
            "input()\n",
            "EOFError: EOF when reading a line (line 1 of prog.py) (in the app a program has no "
            "standard input; with --plain or --batch it has)",
        ),
        (
            "from . import nodes\n",
            "(line 1 of prog.py) (it is a module of a package: mfdebug -m PACKAGE.MODULE runs it, "
            "in the folder that has the package)",
        ),
    ],
)
def test_a_program_without_a_pass_is_refused(tmp_path: Path, text: str, problem: str) -> None:
    path = tmp_path / "prog.py"
    path.write_text(text)
    with pytest.raises(MiniflowError) as refused:
        open_program(Runnable(str(path)), [], memory=2**24, streams="piped")
    said = str(refused.value)
    assert said.startswith(f"{path}: it ran no graph; ")
    assert said.endswith(problem)


@pytest.mark.parametrize(
    ("library", "words"),
    [
        (
            "jax",
            "(programs that use JAX are not seen: what jit compiles has no numbers in between)",
        ),
        ("torch", "(of torch, backward() and autograd.grad() make passes, in the thread that "),
    ],
)
def test_what_makes_a_pass_is_said_of_the_library_that_the_program_uses(
    tmp_path: Path, library: str, words: str
) -> None:
    path = tmp_path / "prog.py"
    path.write_text(f"import sys, types\nsys.modules[{library!r}] = types.ModuleType('x')\n")
    with pytest.raises(MiniflowError) as refused:
        open_program(Runnable(str(path)), [], memory=2**24, streams="piped")
    assert words in str(refused.value)


@pytest.mark.slow
def test_what_is_refused_has_a_status_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "prog.py"
    path.write_text("print('hello')\n1/0\n")
    done = mfdebug(str(path), "--batch", "-c", "step")
    assert (done.returncode, done.stdout) == (2, "hello\n")
    *traceback, last = done.stderr.splitlines()
    assert traceback[-1] == "ZeroDivisionError: division by zero"
    assert last.startswith("mfdebug: ")


@pytest.mark.slow
def test_standard_input_is_empty_in_the_app() -> None:
    with console_on("reads_input", "continue", streams="on a terminal") as session:
        assert "EOFError: EOF when reading a line" in session.debugger.cursor.ending
        # From Python 3.13 on, its traceback has colours there.
        shown = session.run("output").text.splitlines()
        assert shown[-1] == "EOFError: EOF when reading a line"


# What the debugger knows of them ------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "expression", "wanted"),
    [
        ("adds_neurons", "f", 19.0),
        ("linear_of_numbers", "f", 12.7),
        ("mse_of_three", "cost", 23.416666666666664),
        ("adds_a_list", "sum(product)", 14.0),
        ("linear_sigmoid", "g[0,1]", 0.9820137900379085),
        ("backward_once", "W.grad[1,0]", 1.00205742e-04),
    ],
)
def test_the_lessons_numbers_by_the_programs_own_names(
    name: str, expression: str, wanted: float
) -> None:
    with console_on(name, "continue") as session:
        found = value(session, expression)
    assert found == pytest.approx(wanted, rel=1e-6 if "grad" in expression else 1e-15)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "trained", "fed"),
    [
        ("housing", {"W1", "b1", "W2", "b2"}, {"X", "y"}),
        ("evaluates_between", {"W", "b"}, {"X", "y"}),
        ("tanh_of_its_own", {"W", "b"}, set()),
    ],
)
def test_what_is_trained_and_what_is_fed(name: str, trained: set[str], fed: set[str]) -> None:
    with console_on(name, "sgd 2", "finish") as session:
        lines = session.run("explain").text.splitlines()
    assert {line.split()[0] for line in lines if line.endswith("(trained)")} == trained
    assert {line.split()[0] for line in lines if line.endswith("(from the program)")} == fed


@pytest.mark.slow
def test_passes_with_other_batches_have_their_own_shapes() -> None:
    with console_on("evaluates_between", "step") as session:
        assert value(session, "shape(X)") == (12, 2)
        session.run("finish")
        assert value(session, "shape(X)") == (4, 2)
        assert session.run("check").data["all_right"]
        assert session.run("check").data["counts"] == {"right": 5}
        session.run("goto 2")
        assert value(session, "shape(X)") == (12, 2)
        found = session.run("diff 12").data
        assert "X" in {difference["node"] for difference in found["differences"]}


@pytest.mark.slow
def test_a_moment_is_reached_by_its_number_before_any_update_was_seen() -> None:
    with console_on("falling_rate") as session:
        session.run("goto 10")
        assert session.debugger.moment == 10
        assert session.debugger.where.phase == "update"


@pytest.mark.slow
def test_one_sgd_step_is_one_pass_with_its_updates_from_the_first_that_has_any() -> None:
    with console_on("evaluates_between") as session:
        reached = []
        for _ in range(4):
            session.run("sgd")
            where = session.debugger.where
            reached.append((where.sgd_step, where.phase))
    assert reached == [(0, "forward"), (1, "update"), (2, "update"), (3, "update")]


@pytest.mark.slow
def test_the_quiz_asks_about_recorded_passes() -> None:
    with console_on("evaluates_between", "sgd 3", "goto sgd 3", "quiz") as session:
        while not asked(session):
            session.run("step")
        moment, question = session.debugger.moment, asked(session)
        session.run("step")
        session.run("back")
        assert asked(session) == question
        assert session.quiz is not None
        found = session.quiz.ask(session.debugger)
        assert found is not None
        assert session.run(f"answer {found.answer}").text.startswith("right: ")
        assert session.debugger.moment == moment + 1


# Students' mistakes -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "node", "source", "entry"),
    [
        ("assigns_for_adds", "d", "w", None),
        ("forgets_to_sum", "l1", "b", (0,)),
        ("forgets_the_transpose", "l1", "h", None),
    ],
)
def test_the_check_names_the_mistake(
    name: str, node: str, source: str, entry: tuple[int, ...] | None
) -> None:
    with console_on(name, "sgd") as session:
        found = session.run("check").data
    worst = found["verdicts"][0]
    assert (worst["judgement"], worst["node"], worst["input"]) == ("wrong", node, source)
    assert entry is None or tuple(worst["entry"]) == entry
    assert found["all_right"] is False


@pytest.mark.slow
def test_a_gradient_of_the_wrong_shape_is_shown_as_it_is_and_named() -> None:
    with console_on("wrong_shape", "continue") as session:
        assert session.printed is not None
        assert session.printed() == ["(7,)"]
        assert "x: wrong shape: it sent 7, x's value has 2x3" in session.run("explain").text
        assert session.run("check").text.splitlines() == [
            "1 gradient is wrong (1 wrong)",
            "  node           verdict  where  remark",
            "  total (Total)  WRONG    to x   shape 7, the value has 2x3",
        ]
        with pytest.raises(MiniflowError, match="wrong shape"):
            session.run("print x.grad")


@pytest.mark.slow
def test_nan_is_found_where_it_is_made() -> None:
    with console_on("makes_nan", "break nan") as session:
        stop = session.run("continue").data["stops"][0]
    assert "made by Log of level" in stop["reason"]


# Around them --------------------------------------------------------------------------------


def test_arguments_reach_the_program() -> None:
    path = str(FOLDER / "with_arguments.py")
    done = mfdebug(path, "--batch", "-c", "continue", "3", "--", "--rate", "0.05")
    plain = subprocess.run(
        [sys.executable, path, "3", "--rate", "0.05"],
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith(plain.stdout)
    assert done.returncode == 0


@pytest.mark.slow
def test_a_program_is_saved_as_a_graph_with_its_numbers(tmp_path: Path) -> None:
    file = tmp_path / "out.json"
    done = mfdebug(str(FOLDER / "housing.py"), "-c", "sgd 2", "--save", str(file))
    assert done.returncode == 0
    assert f"saved {file}" in done.stdout
    graph = load(file)
    with console_on("housing", "sgd 2") as session:
        for name in ("W1", "b1", "W2", "b2", "X", "y"):
            assert graph[name].value.tobytes() == value(session, name).tobytes()


@pytest.mark.slow
def test_a_copy_of_miniflow_beside_it_is_used_as_python_does(tmp_path: Path) -> None:
    text = (FOLDER / "one_file.py").read_text()
    nodes, _, rest = text.partition("X, W, b, y = Input()")
    (tmp_path / "miniflow.py").write_text(nodes + "\nprint('own')\n")
    program = tmp_path / "prog.py"
    program.write_text(f"from miniflow import *\nimport numpy as np\nX, W, b, y = Input(){rest}")
    right = subprocess.run(
        [sys.executable, str(program)],
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert right.stdout.startswith("own\n")
    done = mfdebug(str(program), "--batch", "-c", "sgd", "-c", "check", "-c", "continue")
    assert done.stderr == right.stderr == ""
    assert "no gradient is wrong" in done.stdout
    said = iter(done.stdout.splitlines())
    assert all(line in said for line in right.stdout.splitlines())


PLAIN_NUMBERS = """
class Node:
    def __init__(self, *inbound):
        self.inbound_nodes, self.outbound_nodes, self.gradients = list(inbound), [], {}
        for node in inbound:
            node.outbound_nodes.append(self)

    def forward(self):
        pass

    def sent_back(self):
        return sum(n.gradients[self] for n in self.outbound_nodes) if self.outbound_nodes else 1

    def backward(self):
        self.gradients = {self: self.sent_back()}

class Mul(Node):
    def forward(self):
        a, b = self.inbound_nodes
        self.value = a.value * b.value

    def backward(self):
        a, b = self.inbound_nodes
        self.gradients = {a: self.sent_back() * b.value, b: self.sent_back() * a.value}

class Once(Mul):
    def forward(self):
        if hasattr(self, "value"):
            raise ValueError("only once")
        Mul.forward(self)

x, y, z = Node(), Node(), Node()
x.value, y.value, z.value = 3.0, 5, -2.0
a = Mul(x, y)
b = Once(a, z)
order = [x, y, z, a, b]
for node in order:
    node.forward()
for node in reversed(order):
    node.backward()
"""


def test_classes_are_checked_in_a_program_that_does_not_import_numpy(tmp_path: Path) -> None:
    program = tmp_path / "prog.py"
    program.write_text(PLAIN_NUMBERS)
    rows = mfdebug(str(program), "--check").stdout.splitlines()
    tested = [row for row in rows if row.startswith("  a (Mul)")]
    assert [" right " in row for row in tested] == [True, True]
    failed = [row for row in rows if row.startswith("  b (Once)")]
    # It draws no random numbers.
    remark = "b could not be evaluated again, in a copy of the program"
    assert [row.endswith(remark) for row in failed] == [True, True]


# Standard input -----------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    ("before", "given"),
    [(["-c", "continue"], "0.005\n"), ([], "step\nprint moment\ncontinue\n0.005\n")],
)
def test_commands_and_what_the_program_reads_follow_each_other(
    before: list[str], given: str
) -> None:
    path = str(FOLDER / "reads_input.py")
    done = mfdebug(path, "--plain", *before, given=given)
    assert "learning rate? cost 0.0\n" in done.stdout
    assert before or "moment = 1\n" in done.stdout
    assert (done.stderr, done.returncode) == ("", 0)


@pytest.mark.slow
def test_a_program_asks_whoever_sits_at_the_terminal() -> None:
    command = [sys.executable, "-m", "mfdebug", str(FOLDER / "reads_input.py"), "--plain"]
    with PtyApp(command, env=ON_A_TERMINAL) as app:
        app.wait_for("(mfdebug)")
        # It begins a new line: the program, which waits, is not to be interrupted.
        app.press("ctrl+c")
        app.send(b"continue\r")
        app.wait_for("learning rate?")
        app.send(b"0.005\r")
        app.wait_for("cost 0.0")
        app.wait_for("the program has ended")
        app.send(b"print cost\r")
        app.wait_for("cost = 0")
        app.send(b"quit\r")
        assert app.wait() == 0
        assert app.not_restored() == []


@pytest.mark.slow
def test_an_interrupt_ends_the_commands_and_the_program(tmp_path: Path) -> None:
    path = tmp_path / "loops.py"
    path.write_text(
        "import os\nfrom miniflow import *\nx = Input()\ny = Mul(x, x)\n"
        "forward_pass(y, topological_sort({x: 3.0}))\nprint('looping', os.getpid(), flush=True)\n"
        "while True:\n    pass\n"
    )
    command = [sys.executable, "-m", "mfdebug", str(path), "--batch", "-c", "continue"]
    with PtyApp(command, env=ON_A_TERMINAL) as app:
        app.wait_for("looping ")
        found = re.search(r"looping (\d+)", app.text)
        assert found is not None
        app.press("ctrl+c")
        assert app.wait() in (130, -signal.SIGINT)
        assert "mfdebug/" not in app.text
    assert not Path(f"/proc/{found[1]}").exists()
