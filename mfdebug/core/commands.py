"""The command language: every key, prompt line, script and batch run goes through it.

One table says what there is: names, usage, keys and help. The app makes its key bindings and its
help screen from it, `--batch` and `--plain` run lines through `Console.run`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal, NoReturn

import numpy as np

from mfdebug.core import numbers
from mfdebug.core.debugger import Debugger, DebuggerError, Progress, Standing, place_or_error
from mfdebug.core.explain import explain, name_moment
from mfdebug.core.expressions import parse, parse_place, take_place
from mfdebug.core.scene import Scene
from mfdebug.core.timeline import NODE_PHASES, Phase
from miniflow.errors import nearest
from miniflow.files.values import read_array
from miniflow.ops.base import shape_text


@dataclass(frozen=True)
class Reply:
    """What a command answers: text for people, data for programs."""

    text: str
    data: Any = None


@dataclass(frozen=True)
class Key:
    """A key of the app and the line it runs.

    {n} in the line stands for the count typed before the key, {node} for the node under the
    app's cursor. `asks`: the command wants an argument, which a dialog or the prompt asks for.
    """

    key: str
    line: str
    words: str = ""
    asks: bool = False


@dataclass(frozen=True)
class Command:
    """A row of the table. Keys without words of their own are told by the `summary`.

    `shows` is where the app puts the answer: nowhere (the picture tells it), in one line, or as
    a text; `instant` commands always end at once.
    """

    name: str
    usage: str
    summary: str
    run: Callable[[Console, str], Reply]
    keys: tuple[Key, ...] = ()
    details: str = ""
    shows: Literal["picture", "line", "text"] = "picture"
    instant: bool = False


class Console:
    """Runs command lines against a debugger.

    `progress` is told the present moment during long runs and ends them by returning True.
    """

    def __init__(self, debugger: Debugger, progress: Progress | None = None) -> None:
        self.debugger = debugger
        self.progress = progress
        self.closed = False

    def run(self, line: str) -> Reply:
        """Run one command line.

        Raises `MiniflowError` when the command is unknown or cannot be carried out.
        """
        word, rest = [*line.split(None, 1), "", ""][:2]
        if not word or word.startswith("#"):
            return Reply("")
        if not rest and (key := KEY_OF.get(word)) is not None:
            return self.run(key)
        if pressed := re.fullmatch(r"(\d+)\s*(\D)", line.strip()):
            return self.run(key_line(pressed[2], pressed[1]))
        return find(word).run(self, rest.strip())


def key_line(key: str, count: str) -> str:
    """Return the line that a key runs after a count: `sgd 500` for 500 and `t`."""
    for command in COMMANDS.values():
        for known in command.keys:
            if known.key == key and "{n}" in known.line:
                return known.line.replace("{n}", count)
    raise DebuggerError(f"{count}{key}: no key {key!r} takes a count", hint="as in 10s or 500t")


def command_of(line: str) -> Command | None:
    """Return the command that a line names, or None."""
    try:
        return find(line.split(None, 1)[0])
    except (DebuggerError, IndexError):
        return None


def find(word: str) -> Command:
    """Return the command called `word`, or the only one that begins with it."""
    if word in COMMANDS:
        return COMMANDS[word]
    begun = [name for name in COMMANDS if name.startswith(word)]
    if len(begun) == 1:
        return COMMANDS[begun[0]]
    if begun:
        raise DebuggerError(f"{word!r} could be {' or '.join(begun)}")
    raise DebuggerError(
        f"there is no command {word!r}", hint=nearest(word, COMMANDS) or "see: help"
    )


# Where the cursor is ---------------------------------------------------------------------------


def status(debugger: Debugger) -> str:
    """Return the status in one line: SGD step, phase, moment, cost, learning rate."""
    where = debugger.where
    part = f" {where.part} of {where.parts}" if where.node is not None else ""
    rate = f" · lr {numbers.scalar(debugger.learning_rate)}" if debugger.graph.trains else ""
    return (
        f"SGD step {where.sgd_step} · {where.phase}{part} · moment {where.number} · "
        f"{cost_text(debugger)}{rate}"
    )


def cost_text(debugger: Debugger) -> str:
    """Return the cost in words; one of an earlier pass says so."""
    standing = debugger.cost_standing()
    if standing is Standing.WAITING:
        return "cost not computed"
    shape = debugger.plan.shapes[debugger.graph.cost]
    summed = " (sum)" if shape else ""
    old = f" (of SGD step {debugger.sgd_step - 1})" if standing is Standing.STALE else ""
    return f"cost{summed} {numbers.scalar(debugger.plan.cost())}{old}"


def _moved(console: Console) -> Reply:
    debugger = console.debugger
    lines = explain(debugger)
    computed = debugger.cost_standing() is not Standing.WAITING
    data = {
        "cost": debugger.plan.cost() if computed else None,
        "learning_rate": debugger.learning_rate if debugger.graph.trains else None,
        "explain": lines,
    }
    end = "\n  the line ends here; S goes back" if debugger.at_end else ""
    return Reply("\n".join([status(debugger), *lines]) + end, data)


# The commands ----------------------------------------------------------------------------------


def _count(text: str, usage: str, *, negative: bool = False) -> int:
    if not text:
        return 1
    if not re.fullmatch(r"[+-]?\d{1,12}", text) or (text.startswith("-") and not negative):
        raise DebuggerError(f"{text!r} is not a count", hint=f"usage: {usage}")
    return int(text)


def _step(console: Console, text: str) -> Reply:
    count = _count(text, "step [n]")
    if console.debugger.at_end:
        _line_ends(console)
    console.debugger.step(count, console.progress)
    return _moved(console)


def _line_ends(console: Console) -> NoReturn:
    why = "" if console.debugger.graph.trains else " (nothing is trained here)"
    raise DebuggerError(f"the line ends here{why}", hint="S goes back")


def _back(console: Console, text: str) -> Reply:
    count = _count(text, "back [n]")
    if console.debugger.moment == 0:
        raise DebuggerError("this is the start", hint="s goes on")
    console.debugger.step(-count, console.progress)
    return _moved(console)


def _next(console: Console, text: str) -> Reply:
    count = _count(text, "next [n]")
    if console.debugger.at_end:
        _line_ends(console)
    console.debugger.phases(count, console.progress)
    return _moved(console)


def _previous(console: Console, text: str) -> Reply:
    count = _count(text, "previous [n]")
    if console.debugger.moment == 0:
        raise DebuggerError("this is the start", hint="s goes on")
    console.debugger.phases(-count, console.progress)
    return _moved(console)


def _sgd(console: Console, text: str) -> Reply:
    count = _count(text, "sgd [n]", negative=True)
    if count >= 0 and console.debugger.at_end:
        _line_ends(console)
    console.debugger.sgd(count, console.progress)
    return _moved(console)


def _until(console: Console, text: str) -> Reply:
    debugger = console.debugger
    phase: Phase | None = None
    name = text
    for candidate in NODE_PHASES:
        if text.endswith(f" {candidate}"):
            phase, name = candidate, text.removesuffix(candidate).strip()
    if not name:
        raise DebuggerError("until which node?", hint="usage: until NODE [phase]")
    place = parse_place(name, debugger.graph.by_name)
    debugger.until(place_or_error(debugger.graph, place.node), phase, console.progress)
    return _moved(console)


def _goto(console: Console, text: str) -> Reply:
    debugger = console.debugger
    length = debugger.timeline.length
    usage = "goto MOMENT | start | end | sgd K"
    word, _, rest = text.partition(" ")
    if text == "start":
        target = 0
    elif text == "end":
        end = debugger.timeline.end
        target = len(debugger.history.costs) * length if end is None else end
    elif word == "sgd" and rest:
        target = debugger.timeline.start_of(_count(rest.strip(), usage))
    elif text:
        target = _count(text, usage)
    else:
        raise DebuggerError("goto where?", hint=f"usage: {usage}")
    debugger.move(target, console.progress)
    return _moved(console)


def _explain(console: Console, text: str) -> Reply:
    debugger = console.debugger
    index = None
    if text:
        at = debugger.where.node
        name = "" if at is None else debugger.graph.nodes[at].label
        place = parse_place(name + text if text.startswith("[") else text, debugger.graph.by_name)
        if place.node != name:
            raise DebuggerError(
                f"the present moment is {name_moment(debugger, debugger.where)}",
                hint=f"go there first: until {place.node}",
            )
        index = place.index
        if at is not None and index is not None:
            debugger.check_index(at, index)
            shape = debugger.plan.shapes[at]
            index = tuple(i % n for i, n in zip(index, shape, strict=True))
    lines = explain(debugger, index)
    return Reply("\n".join(lines), {"explain": lines})


def _print(console: Console, text: str) -> Reply:
    if not text:
        raise DebuggerError("print what?", hint="usage: print EXPR, as in: print norm(W1.grad)")
    scene = Scene(console.debugger)
    result = parse(text, scene.node_names()).evaluate(scene)
    note = scene.note()
    return Reply(f"{text} = {_shown(result)}{note}", result)


def _set(console: Console, text: str) -> Reply:
    debugger = console.debugger
    usage = "set NODE[i,j] = VALUE, set lr = VALUE"
    names = debugger.graph.by_name
    is_rate = re.match(r"lr\s*=", text) and "lr" not in names
    if is_rate:
        place, rest = None, text[2:].lstrip()
    else:
        place, rest = take_place(text, names) if text else (None, "")
    if not rest.startswith("="):
        raise DebuggerError("set what to what?", hint=f"usage: {usage}")
    value = _given(debugger, rest[1:].strip(), usage)
    if place is None:
        left = debugger.set_learning_rate(_number(value))
    else:
        if place.attribute == "grad":
            raise DebuggerError("a gradient is computed; set an input", where="set")
        left = debugger.set_value(place_or_error(debugger.graph, place.node), place.index, value)
    later = f"; {left} later edit{'s' * (left > 1)} left behind (undo brings back)" if left else ""
    words = debugger.edits[-1].words
    if debugger.edits[-1].after > debugger.moment:
        later = f", when SGD step {debugger.coming_step} has been fed{later}"
    return Reply(f"{words}{later}\n{status(debugger)}", {"set": words, "left_behind": left})


def _given(debugger: Debugger, text: str, usage: str) -> Any:
    if not text:
        raise DebuggerError("no value given", hint=f"usage: {usage}")
    if text.startswith("["):
        try:
            return read_array(json.loads(text), "set")
        except (ValueError, RecursionError):
            raise DebuggerError(f"not a list of numbers: {text[:80]}") from None
    scene = Scene(debugger)
    return parse(text, scene.node_names()).evaluate(scene)


def _number(value: Any) -> float:
    array = np.asarray(value, np.float64)
    if array.size != 1:
        raise DebuggerError("the learning rate is one number", where="set lr")
    return float(array.reshape(()))


def _undo(console: Console, _text: str) -> Reply:
    edit = console.debugger.undo()
    return Reply(f"taken back: {edit.words}\n{status(console.debugger)}", {"undone": edit.words})


def _redo(console: Console, _text: str) -> Reply:
    edit = console.debugger.redo()
    return Reply(f"made again: {edit.words}\n{status(console.debugger)}", {"redone": edit.words})


def _save(console: Console, text: str) -> Reply:
    if not text:
        raise DebuggerError("save where?", hint="usage: save FILE")
    console.debugger.save(text)
    return Reply(f"saved {text}", {"saved": text})


def _help(_console: Console, text: str) -> Reply:
    if text:
        command = find(text)
        lines = [f"{command.usage}", f"  {command.summary}"]
        if command.details:
            lines.append(f"  {command.details}")
        if command.keys:
            lines.append(f"  keys: {keys_text(command)}")
        return Reply("\n".join(lines), {"usage": command.usage, "summary": command.summary})
    rows = [(c.usage, keys_text(c), c.summary) for c in COMMANDS.values()]
    width = max(len(usage) for usage, _, _ in rows)
    keys = max(len(keys) for _, keys, _ in rows)
    lines = [f"{usage:{width}}  {key:{keys}}  {summary}" for usage, key, summary in rows]
    return Reply("\n".join(lines), {usage: summary for usage, _, summary in rows})


def _quit(console: Console, _text: str) -> Reply:
    console.closed = True
    return Reply("")


def _table(commands: Iterable[Command]) -> dict[str, Command]:
    return {command.name: command for command in commands}


COMMANDS = _table(
    [
        Command(
            "step",
            "step [n]",
            "one moment on",
            _step,
            (Key("s", "step {n}"), Key("right", "step {n}"), Key("space", "step {n}")),
            "A moment is one feed, one node forward, one node backward, or one update.",
        ),
        Command(
            "back",
            "back [n]",
            "one moment back",
            _back,
            (Key("S", "back {n}"), Key("left", "back {n}")),
        ),
        Command("next", "next [n]", "to the end of this phase", _next, (Key("n", "next {n}"),)),
        Command(
            "previous",
            "previous [n]",
            "back to where this phase began",
            _previous,
            (Key("N", "previous {n}"),),
        ),
        Command(
            "sgd",
            "sgd [n]",
            "whole SGD steps on",
            _sgd,
            (Key("t", "sgd {n}"), Key("T", "sgd -{n}", "whole SGD steps back")),
            "In the middle of a step the first one goes to its end. `sgd -n` goes back.",
        ),
        Command(
            "until",
            "until NODE [forward|backward|update]",
            "run to a node's next moment",
            _until,
            (Key("u", "until {node}", "run to the node under the cursor"),),
        ),
        Command(
            "goto",
            "goto MOMENT | start | end | sgd K",
            "to any moment",
            _goto,
            (Key("g", "goto ", asks=True),),
            "`goto sgd K` is where SGD step K begins: K steps are done.",
        ),
        Command(
            "explain",
            "explain [[i,j]]",
            "this moment in words and numbers",
            _explain,
            (Key("x", "explain"),),
            "With an index it tells that entry of the node, as in: explain [2,3]",
            shows="text",
            instant=True,
        ),
        Command(
            "print",
            "print EXPR",
            "a value, gradient or expression",
            _print,
            (Key("p", "print ", asks=True),),
            "As in: print l1, print W1.grad[0,:], print norm(W1.grad), print cost",
            shows="line",
        ),
        Command(
            "set",
            "set NODE[i,j] = VALUE | lr = VALUE",
            "change an input or the learning rate",
            _set,
            (Key("e", "set ", asks=True),),
            "A branch in time: what lies downstream is worked out again. `undo` takes it back.",
            shows="line",
        ),
        Command(
            "undo", "undo", "take back the last edit", _undo, (Key("z", "undo"),), shows="line"
        ),
        Command("redo", "redo", "make it again", _redo, (Key("Z", "redo"),), shows="line"),
        Command("save", "save FILE", "the graph with its present parameters", _save, shows="line"),
        Command(
            "help",
            "help [COMMAND]",
            "this list, or one command",
            _help,
            (Key("question_mark", "help", asks=True),),
            shows="text",
            instant=True,
        ),
        Command("quit", "quit", "leave", _quit, (Key("q", "quit"),), instant=True),
    ]
)

# What a key alone runs, where it needs no node and asks for nothing; `?` is help.
KEY_OF = {
    key.key: key.line.replace("{n}", "1")
    for command in COMMANDS.values()
    for key in command.keys
    if len(key.key) == 1 and not key.asks and "{node}" not in key.line
} | {"?": "help"}

KEY_NAMES = {"question_mark": "?", "right": "→", "left": "←", "space": "space"}


def keys_text(command: Command) -> str:
    """Return a command's keys as people read them: `s → space`."""
    return " ".join(KEY_NAMES.get(key.key, key.key) for key in command.keys)


def _shown(result: Any) -> str:
    if isinstance(result, bool | np.bool_):
        return str(bool(result)).lower()
    if isinstance(result, tuple):
        return shape_text(result)
    array = np.asarray(result)
    if array.dtype == np.bool_:
        return str(array.tolist()).lower()
    if array.ndim == 0:
        return numbers.scalar(float(array))
    text = np.array2string(array, precision=6, threshold=200, edgeitems=3, max_line_width=78)
    return ("\n" if array.ndim > 1 else "") + text


def as_json(value: Any) -> Any:
    """Return `value` as JSON can hold it: arrays as nested lists, NaN and infinity as strings."""
    if isinstance(value, dict):
        return {key: as_json(item) for key, item in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return as_json(value.tolist())
    if isinstance(value, list | tuple):
        return [as_json(item) for item in value]
    if isinstance(value, float) and not np.isfinite(value):
        return "NaN" if np.isnan(value) else ("Infinity" if value > 0 else "-Infinity")
    return value
