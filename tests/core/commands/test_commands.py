"""The command language, as the prompt, scripts and batch runs see it."""

from __future__ import annotations

import contextlib
import inspect
import json
from importlib import import_module
from pathlib import Path

import pytest

from mfdebug.core import commands
from mfdebug.core.commands.completion import complete
from mfdebug.core.commands.interpreter import check_known, open_session
from mfdebug.core.commands.status import status
from mfdebug.core.commands.table import COMMANDS, find
from mfdebug.core.explain.report import report
from mfdebug.core.expressions.names import typed
from mfdebug.core.expressions.parser import WORD_MEANINGS, WORDS
from mfdebug.core.format.results import as_json
from mfdebug.core.session.replay import session_lines
from mfdebug.core.session.session import Session
from mfdebug.core.timeline.computed_debugger import ComputedDebugger
from mfdebug.opening.graphs import load_graph
from miniflow.errors import MiniflowError
from miniflow.files import load
from miniflow.graph import Graph
from miniflow.node import Input
from miniflow.ops import MSE, Add, MatMul, Mul
from tests.soak.commands import everything
from tests.support.sizes import quick


def session(graph: str = "wx") -> Session:
    return open_session(ComputedDebugger(load_graph(graph)))


def said(graph: str, *lines: str) -> str:
    """Run lines and return what the last one answers."""
    run = session(graph).run
    *first, last = lines
    for line in first:
        run(line)
    return run(last).text


def refused(graph: str, *lines: str) -> str:
    with pytest.raises(MiniflowError) as caught:
        said(graph, *lines)
    return str(caught.value)


def test_every_command_has_a_function_and_every_function_a_command() -> None:
    of_rows = {(c.module, f"run_{c.name.replace('-', '_')}") for c in COMMANDS.values()}
    found = {
        (file.stem, name)
        for file in Path(commands.__path__[0]).glob("*.py")
        for name, _ in inspect.getmembers(
            import_module(f"{commands.__name__}.{file.stem}"), inspect.isfunction
        )
        if name.startswith("run_") and name not in ("run_line", "run_script")
    }
    assert of_rows == found


@pytest.mark.parametrize(
    ("lines", "moment"),
    [
        (["step"], 1),
        (["step 5"], 5),
        (["s"], 1),
        (["s", "t", "S"], 8),
        (["un"], None),
        (["step 5", "back"], 4),
        (["step 5", "back 99"], 0),
        (["next"], 1),
        (["next 2"], 3),
        (["next 2", "previous"], 1),
        (["sgd"], 9),
        (["step 2", "sgd"], 9),
        (["sgd 3", "sgd -2"], 9),
        (["step 12", "sgd -1"], 9),
        (["goto 7"], 7),
        (["sgd 3", "goto start"], 0),
        (["sgd 3", "goto start", "goto end"], 27),
        (["goto sgd 2"], 19),
        (["goto sgd 0"], 1),
        (["goto cost 2"], 21),
        (["sgd 5", "goto cost 0"], 3),
        (["sgd 5", "goto sgd 2"], 19),
        (["until y"], 2),
        (["until y backward"], 6),
        (["until w update"], 9),
        (["until y", "until y"], 6),
        (["ste"], 1),
        (["# a comment"], 0),
    ],
)
def test_commands_that_move(lines: list[str], moment: int | None) -> None:
    there = session()
    if moment is None:
        with pytest.raises(MiniflowError, match="could be until or unwatch or undo or unroll"):
            there.run(lines[0])
        return
    for line in lines:
        there.run(line)
    assert there.debugger.moment == moment


def test_explain_tells_every_phase_of_the_opening_example() -> None:
    assert said("wx", "step", "explain").split("\n") == [
        "feed: every input gets its value",
        "  x = 10  (its own value)",
        "  w = 5  (trained)",
        "  wanted = 20  (its own value)",
    ]
    assert said("wx", "until y", "explain").split("\n") == [
        "forward of y (Mul)",
        "  y = w × x",
        "  y = 5 × 10 = 50",
    ]
    assert said("wx", "until y backward", "explain").split("\n") == [
        "backward of y (Mul)",
        "  upstream from cost: ∂cost/∂cost × (-2(wanted - y)/m) = 60",
        "  ∂cost/∂y = 60",
        "  to w: upstream × local = ∂cost/∂y × x = 60 × 10 = 600",
        "  to x: upstream × local = ∂cost/∂y × w = 60 × 5 = 300",
        "  a multiply gate swaps: each input gets the gradient times the other input",
    ]
    assert said("wx", "until w update", "explain").split("\n") == [
        "update of w (Input)",
        "  w ← w - lr × ∂cost/∂w",
        "  w = 5 - 0.001 × 600 = 4.4",
    ]


def test_explain_adds_up_what_several_consumers_sent() -> None:
    lines = said("diamond", "until x backward", "explain").split("\n")
    assert "  upstream from right: ∂y/∂right × (-1) = -25" in lines
    assert "  ∂y/∂x = (-25) + (-50) = -75" in lines


def test_explain_takes_an_entry() -> None:
    first = said("xor", "until l1", "explain")
    other = said("xor", "until l1", "explain [1,1]")
    assert "l1[0,0] = " in first
    assert "l1[1,1] = 0 × 0.8 + 1 × (-0.6) + 0 = -0.6" in other
    assert "go there first: until s1" in refused("xor", "until l1", "explain s1[0,0]")


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        ("w", "w = 5"),
        ("w.grad", "w.grad = 600"),
        ("y.shape", "y.shape = ()"),
        ("cost", "cost = 900"),
        ("lr", "lr = 0.001"),
        ("moment + sgd_step", "moment + sgd_step = 8"),
        ("w * x == y", "w * x == y = true"),
        ("norm(w.grad) / 2", "norm(w.grad) / 2 = 300"),
    ],
)
def test_print(expression: str, text: str) -> None:
    assert said("wx", "step 8", f"print {expression}") == text


def test_print_says_what_is_not_computed_and_what_is_stale() -> None:
    assert refused("wx", "print y") == "y is not computed yet (run: until y forward)"
    assert refused("wx", "next 2", "print y.grad") == (
        "y has no gradient yet (run: until y backward)"
    )
    assert "1 of 2 contributions have arrived" in refused("diamond", "step 6", "print x.grad")
    assert said("wx", "sgd", "step", "print y") == "y = 50  (y: stale, of SGD step 0)"


def test_print_of_the_step_before() -> None:
    assert said("wx", "sgd 2", "print prev(w) - w") == "prev(w) - w = 0.48"
    assert "no earlier SGD step" in refused("wx", "step 3", "print prev(w)")


def test_the_learning_rates_of_the_opening_example() -> None:
    for rate, weights in {
        "0.005": ["2"],
        "0.001": ["4.4", "3.92", "3.536"],
        "0.01": ["-1", "5", "-1", "5"],
        "0.02": ["-7", "29", "-79"],
    }.items():
        there = session()
        there.run(f"set lr = {rate}")
        for weight in weights:
            there.run("sgd")
            assert there.run("print w").text == f"w = {weight}"


def test_set_undo_and_redo() -> None:
    assert said("circuit-a", "next 3", "set x = 1 + 1", "print f") == "f = -28"
    assert said("circuit-a", "next 3", "set x = 2", "undo", "print f") == "f = -12"
    assert said("circuit-a", "next 3", "set x = 2", "undo", "redo", "print f") == "f = -28"
    assert said("xor", "set W1 = [[1, 2], [3, 4]]", "print W1[1,0]") == "W1[1,0] = 3"
    assert "W1 has shape 2x2, the value has shape 3" in refused("xor", "set W1 = [1, 2, 3]")
    assert "no learning rate" in refused("circuit-a", "set lr = 1")
    assert "usage: set" in refused("wx", "set w")
    assert "usage: set" in refused("wx", "set")


def test_a_node_called_lr_wins_over_the_learning_rate() -> None:
    lr = Input("lr", value=1.0, trainable=True)
    there = open_session(ComputedDebugger(Graph([lr, Mul(lr, lr, name="cost")])))
    there.run("set lr = 3")
    assert there.run("print lr").data == 3


def test_odd_names_can_be_typed() -> None:
    odd = Input("my node", value=2.0)
    there = open_session(ComputedDebugger(Graph([odd, Add(odd, odd, name="a-b")])))
    for name, text in (("my node", "`my node`"), ("a-b", "`a-b`"), ("l1", "l1"), ("nan", "`nan`")):
        assert typed(name) == text
    there.run(f"until {typed('a-b')}")
    assert there.run(f"print {typed('a-b')}").text.endswith(" = 4")


def test_save_keeps_parameters_and_learning_rate(tmp_path) -> None:  # type: ignore[no-untyped-def]
    there = session()
    there.run("set lr = 0.002")
    there.run("sgd 2")
    there.run(f"save {tmp_path / 'trained.json'}")
    saved = open_session(ComputedDebugger(load(tmp_path / "trained.json")))
    assert saved.run("print w").data == there.run("print w").data
    assert saved.run("print lr").text == "lr = 0.002"
    assert there.run("goto start").text.startswith("SGD step 0 ∙ start")
    assert there.run("print w").text == "w = 5"


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("digits", quick([5000, 13, 30, 999], 1))
def test_no_number_is_too_long_for_a_command(name: str, digits: int) -> None:
    run = session()
    run.run("break w")
    number = "9" * digits
    for line in (f"{name} {number}", f"{name} 1 {number}", f"{name} -{number}", f"{number}s"):
        if name not in ("save", "record", "transcript", "branches"):
            with contextlib.suppress(MiniflowError):
                run.run(line)
    assert run.debugger.moment == 0


@pytest.mark.parametrize(
    "line", ["step {n}", "goto {n}", "goto sgd {n}", "diff {n}", "{n}t", "ignore 1 {n}"]
)
def test_a_count_is_taken_whole_or_refused_with_the_limit(line: str) -> None:
    told = refused("wx", "break w", line.format(n=10**12))
    assert "1000000000000 is too large: at most 999999999999" in told


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("fly", "there is no command 'fly' (see: help)"),
        ("untl s1", "there is no command 'untl' (did you mean 'until'?)"),
        ("step x", "'x' is not a count (usage: step [n])"),
        ("step -1", "'-1' is not a count (usage: step [n])"),
        (
            "set lr = -1",
            "the learning rate is at least 0, not -1 (to ascend, negate the cost)",
        ),
        (
            "set lr = -1e-300",
            "the learning rate is at least 0, not -1e-300 (to ascend, negate the cost)",
        ),
        ("print \udce9", "'print \\udce9': contains bytes that are not UTF-8"),
        ("print \x1b", "'print \\x1b': contains control characters"),
        ("until", "until which node? (usage: until NODE [phase])"),
        ("goto", "goto where? (usage: goto MOMENT | start | end | sgd K | cost K)"),
        ("goto sgd", "which SGD step? (usage: goto MOMENT | start | end | sgd K | cost K)"),
        ("goto sgd x", "'x' is not a count (usage: goto MOMENT | start | end | sgd K | cost K)"),
        ("goto sgd -1", "'-1' is not a count (usage: goto MOMENT | start | end | sgd K | cost K)"),
        (
            "goto 1000000000000",
            "1000000000000 is too large: at most 999999999999 "
            "(usage: goto MOMENT | start | end | sgd K | cost K)",
        ),
        (
            "goto there",
            "'there' is not a count (usage: goto MOMENT | start | end | sgd K | cost K)",
        ),
        ("print", "print what? (usage: print EXPR, as in: print norm(W1.grad))"),
        ("save", "save where? (usage: save FILE)"),
        ("back", "this is the start (`step` continues)"),
        ("undo", "nothing to undo (`set` changes a number)"),
        ("redo", "nothing to redo (`redo` reapplies what `undo` reverted)"),
    ],
)
def test_errors_say_what_to_do(line: str, problem: str) -> None:
    assert refused("wx", line) == problem


def test_where_the_line_ends_it_is_said() -> None:
    assert "end of the run (nothing is trained here)" in refused("square", "next 3", "step")
    assert "has no further moment ahead" in refused("square", "next 3", "until y")


def test_help_lists_every_command_and_tells_each() -> None:
    run = session("wx").run
    text = run("help").text
    for command in COMMANDS.values():
        assert command.usage in text
        assert command.summary in run(f"help {command.name}").text


def test_commands_can_be_shortened_when_only_one_begins_so() -> None:
    assert find("prev").name == "previous"
    with pytest.raises(MiniflowError, match="could be"):
        find("s")


COMPLETED = {
    "un": ["until ", "unwatch ", "undo ", "unroll ", "undisplay "],
    "info": ["info breakpoints ", "info break ", "info b "],
    "info breakp": ["info breakpoints "],
    "step ": [],
    "until s": ["until s1", "until s2"],
    "until s1 f": ["until s1 forward"],
    "check W": ["check W1", "check W2"],
    "print norm(W": ["print norm(W1", "print norm(W2"],
    "print no": ["print norm("],
    "pri no": ["pri norm("],
    "display no": ["display norm("],
    "watch co": ["watch cost"],
    "expect isn": ["expect isnan("],
    "set W": ["set W1", "set W2"],
    "set l": ["set l1", "set l2", "set lr"],
    "set W1 = no": ["set W1 = norm("],
    "goto 3": [],
    "goto s": ["goto start", "goto sgd "],
    "goto c": ["goto cost "],
    "diff s": ["diff start", "diff sgd "],
    "diff 3 n": ["diff 3 now"],
    "diff fi": ["diff first.session"],
    "diff inner/": ["diff inner/second.json"],
    "break van": ["break vanishing"],
    "break l1 ba": ["break l1 backward"],
    "break on-": ["break on-change"],
    "break if norm(W1.grad) > co": ["break if norm(W1.grad) > cost"],
    "break if isn": ["break if isnan("],
    "tbreak l1 ba": ["tbreak l1 backward"],
    "delete ": ["delete 1", "delete 2", "delete all"],
    "disable 1 2": ["disable 1 2"],
    "ignore ": ["ignore 1", "ignore 2"],
    "unwatch ": ["unwatch 1", "unwatch all"],
    "why gr": ["why grad"],
    "show gr": ["show grad"],
    "last W": ["last W1", "last W2"],
    "graph ": ["graph 1"],
    "quiz o": ["quiz on", "quiz off"],
    "resume p": ["resume previous"],
    "transcript o": ["transcript off"],
    "help st": ["help step", "help stops"],
    "source fi": ["source first.session"],
    "save inner/": ["save inner/second.json"],
    "record in": ["record inner/"],
    "find s1": [],
    "nothing x": [],
}


def test_completion_offers_what_fits_each_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "inner").mkdir()
    for name in ("first.session", ".hidden", "inner/second.json"):
        (tmp_path / name).touch()
    there = open_session(ComputedDebugger(load_graph("xor")))
    for line in ("break l1", "break if cost > 1", "watch cost"):
        there.run(line)
    assert {line: complete(there, line) for line in COMPLETED} == COMPLETED


def test_gdbs_words_are_other_names() -> None:
    there = open_session(ComputedDebugger(load_graph("xor")))
    there.run("break l1")
    for alias, line in (("info breakpoints", "stops"), ("info b", "stops"), ("display", "watch")):
        assert there.run(alias).text == there.run(line).text
    there.run("display cost")
    there.run("undisplay 1")
    assert there.run("watch").text.startswith("no watch is set")
    assert "also: display" in there.run("help display").text
    check_known("info breakpoints")


def test_answers_hold_in_strict_json() -> None:
    there = session("log-nan")
    there.run("goto sgd 10")
    there.run("back")
    answer = as_json(there.run("print if_0").data)
    assert json.loads(json.dumps(answer, allow_nan=False))[3] == ["NaN"]


def test_a_cost_that_is_not_a_scalar_is_summed_and_said_so() -> None:
    assert "g (sum) = " in said("lesson-linear", "next 2")


def test_the_graph_need_not_train_to_have_a_cost() -> None:
    y, a = Input("y", value=[1.0, 2, 3]), Input("a", value=[4.5, 5, 10])
    there = open_session(ComputedDebugger(Graph([y, a, MSE(y, a, name="cost")])))
    assert "cost 23.4167" in there.run("next 2").text


# What a reader of the code found ---------------------------------------------------------------


def test_a_scalar_times_a_matrix_can_be_explained() -> None:
    x, w = Input("x", value=[[1.0, 2, 3], [4, 5, 6]]), Input("w", value=2.0)
    there = open_session(ComputedDebugger(Graph([x, w, MatMul(x, w, name="y")])))
    for _ in range(there.debugger.timeline.end or 0):
        assert there.run("step").text
        node = there.debugger.where.node
        if node is not None:
            report(there.debugger, node)


def test_an_entry_that_does_not_exist_is_an_error() -> None:
    for index in ("[99,0]", "[-9,0]", "[0]"):
        assert "does not exist: its shape is 4x2" in refused("xor", "until l1", f"explain {index}")
    assert "l1[3,1] = " in said("xor", "until l1", "explain [-1,-1]")


def test_numbers_of_today_never_explain_a_value_of_yesterday() -> None:
    there = session("xor")
    l1 = there.debugger.graph.index_of("l1")
    there.run("until l1")
    assert report(there.debugger, l1).working
    there.run("sgd")
    assert report(there.debugger, l1).working == ""
    there.run("step")
    assert report(there.debugger, l1).working == ""


def test_an_update_is_told_as_it_was_made_whatever_is_edited_after() -> None:
    before = said("wx", "sgd", "explain")
    assert said("wx", "sgd", "set lr = 5", "explain") == before
    assert said("wx", "sgd", "set w = 9", "explain") == before


def test_an_edit_of_a_fed_input_waits_for_the_feed() -> None:
    there = session("xor")
    answer = there.run("set X[0,0] = 5").text
    assert answer.startswith("X[0,0] = 5, after the feed of SGD step 0")
    there.run("step")
    assert there.run("print X[0,0]").text == "X[0,0] = 5"
    there.run("sgd")
    assert "after the feed of SGD step 1" in there.run("set X[0,0] = 7").text
    there.run("step")
    assert there.run("print X[0,0]").text == "X[0,0] = 7"


def test_an_edit_that_cannot_be_carried_out_leaves_nothing_behind() -> None:
    there = session("softmax")
    there.run("until cost backward")
    moment = there.debugger.moment
    with pytest.raises(MiniflowError, match="labels are whole numbers"):
        there.run("set label[0] = 0.5")
    assert there.debugger.moment == moment
    assert there.debugger.edits == ()
    there.run("step")
    with pytest.raises(MiniflowError, match="nothing to undo"):
        there.run("undo")


def test_numbers_too_large_are_said_to_be() -> None:
    assert "set" in refused("xor", f"set W1 = [[{'9' * 400}, 1], [2, 3]]")


@pytest.mark.slow
def test_a_million_phases_cost_what_three_do() -> None:
    there = session()
    there.run("next 1000000")
    assert there.debugger.moment == 250_000 * 9
    there.run("previous 999999")
    assert there.debugger.moment == 1
    there.run("previous 999999")
    assert there.debugger.moment == 0


def test_a_count_and_a_key_can_be_typed_as_they_are_pressed() -> None:
    there = session()
    for line, moment in (("3t", 27), ("2T", 9), ("4s", 13), ("10S", 3), ("2 n", 9)):
        there.run(line)
        assert there.debugger.moment == moment
    with pytest.raises(MiniflowError, match="'k' takes no count"):
        there.run("3k")
    there.run("step\t2")


def test_completion_knows_scopes_and_odd_names() -> None:
    debugger = ComputedDebugger(load_graph("vanishing"))
    assert complete(open_session(debugger), "print layer12/") == [
        f"print layer12/{name}" for name in ("W", "b", "z", "a")
    ]
    odd = ComputedDebugger(Graph([x := Input("a b", value=1.0), Mul(x, x, name="y")]))
    assert complete(open_session(odd), "print a")[0] == "print `a b`"
    assert complete(open_session(odd), "print `a") == ["print `a b`"]


@pytest.mark.parametrize("graph", ["wx", "xor"])
@pytest.mark.parametrize("step", [0, 1, 37])
def test_goto_sgd_stands_in_the_step_that_the_status_names(graph: str, step: int) -> None:
    there, other = session(graph), session(graph)
    told = there.run(f"goto sgd {step}").text
    assert told.startswith(f"SGD step {step} ∙ feed ∙ ")
    # From the start so many whole steps end right before it.
    if step:
        other.run(f"sgd {step}")
    assert other.debugger.moment == there.debugger.moment - 1
    assert there.run("back").text.startswith(
        f"SGD step {step - 1} ∙ update " if step else "SGD step 0 ∙ start"
    )


def test_a_graph_that_is_not_trained_has_one_step() -> None:
    told = said("circuit-a", "goto sgd 3")
    assert "there is no SGD step 3: the run ends at moment" in told


def named_like_words(word: str) -> Session:
    """A run that trains a node called like a word of the language."""
    node = Input(word, value=3.0, trainable=True)
    return open_session(ComputedDebugger(Graph.of(Mul(node, Input("y", value=2.0), name="q"))))


@pytest.mark.parametrize("word", sorted(WORDS))
def test_where_a_node_is_called_like_a_word_answers_say_which_is_meant(word: str) -> None:
    there = named_like_words(word)
    there.run("sgd")
    note = f"({word} is the node; {word}() is {WORD_MEANINGS[word]})"
    assert there.run(f"print {word}").text == f"{word} = 2.98  {note}"
    assert there.run(f"watch {word} + 1").text == f"1  {word} + 1 = 3.98  {note}"
    assert there.run(f"break if {word} < 0").text == f"stop 1: break if {word} < 0  {note}"
    for line in (f"print {word}()", f"print `{word}`", f"break if {word}() < 0", "print y"):
        assert "is the node" not in there.run(line).text


def test_the_cost_called_cost_is_what_the_word_stands_for() -> None:
    there = session("wx")
    there.run("sgd")
    assert there.run("print cost").text == "cost = 900"
    assert there.run("print cost()").text == "cost() = 900"


def test_a_node_called_lr_and_the_learning_rate_are_set_each_by_its_name() -> None:
    there = named_like_words("lr")
    there.run("sgd")
    assert there.run("set lr = 5").text.startswith(
        "lr = 5 (the node; set lr() = VALUE sets the learning rate)\n"
    )
    assert there.run("set lr() = 0.5").text.startswith("lr() = 0.5\n")
    assert there.debugger.state.learning_rate == 0.5
    assert there.run("print lr").data == 5
    assert there.run("print lr()").data == 0.5
    assert status(there.debugger).endswith("∙ lr() 0.5")
    assert "lr() = 0.5 after moment" in there.run("branches").text
    assert complete(there, "set lr") == ["set lr", "set lr()"]
    there.run("sgd")
    # A session brings both back.
    again = named_like_words("lr")
    for line in session_lines(there):
        again.run(line)
    assert again.debugger.state.learning_rate == 0.5
    assert [edit.words for edit in again.debugger.edits] == ["lr = 5", "lr() = 0.5"]
    assert everything(again.debugger) == everything(there.debugger)


def test_without_a_node_of_that_name_both_forms_set_the_learning_rate() -> None:
    there = session("wx")
    for line, rate in (("set lr = 0.5", 0.5), ("set lr() = 0.25", 0.25)):
        assert there.run(line).text.startswith(f"lr = {rate}\n")
        assert there.debugger.state.learning_rate == rate
