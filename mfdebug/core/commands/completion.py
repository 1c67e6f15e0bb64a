"""Completion of command lines, by the kind of the command's argument."""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from mfdebug.core.breakpoints.parser import RULE_NAMES
from mfdebug.core.commands.command import Argument, Command
from mfdebug.core.commands.help_topics import FUNCTION_MEANINGS
from mfdebug.core.commands.schedule_text import SCHEDULES_TYPED
from mfdebug.core.commands.table import ALIASES, COMMANDS, find, split
from mfdebug.core.expressions.names import typed, word_typed
from mfdebug.core.expressions.parser import FUNCTIONS, WORD_MEANINGS, WORDS
from mfdebug.core.session.session import Session
from mfdebug.core.timeline.debugger import Debugger, DebuggerError
from mfdebug.core.timeline.timeline import NODE_PHASES
from miniflow.node import shape_text

MOST_COMPLETIONS = 50
# Entries of a folder that are read.
MOST_FILES = 2000
CALLS = [f"{name}(" for name in FUNCTIONS]
EXPRESSION_WORDS = [*WORDS, *CALLS]
TRIGGER_WORDS = ["if", "on-change", "health", "at", "except", *RULE_NAMES, *NODE_PHASES]
# Where a word of an expression ends.
WORD_ENDS = " (+*/<>=,-"
MOMENTS = ["start", "end", "sgd ", "cost ", "order ", "now"]


def complete(session: Session, line: str) -> list[str]:
    """Return complete lines that start with `line`: command names, then arguments."""
    if " " not in line:
        return [f"{name} " for name in (*COMMANDS, *ALIASES) if name.startswith(line)]
    try:
        command = find(split(line)[0])
    except DebuggerError:
        return [f"{alias} " for alias in ALIASES if alias.startswith(line)]
    found = COMPLETERS[command.argument](session, command, line)
    return list(itertools.islice(found, MOST_COMPLETIONS))


class Completion(NamedTuple):
    """A complete line, what it adds at the end as one word, and what that word is."""

    line: str
    word: str
    about: str


def completions(session: Session, line: str) -> list[Completion]:
    """Return what `complete` returns, each with a description of its last word."""
    found = complete(session, line)
    # The words of all of them start where the last word of the line does.
    start = 0 if " " not in line else max(line.rfind(sign) for sign in WORD_ENDS) + 1
    return [
        Completion(whole, whole[start:].strip(), _about(session, whole[start:].strip(), start))
        for whole in found
    ]


def _about(session: Session, word: str, start: int) -> str:
    """Return what a word of a line is: a command at its start, else a function, word or node."""
    if start == 0:
        command = COMMANDS.get(ALIASES.get(word, word))
        return "" if command is None else command.summary
    if word in CALLS:
        return FUNCTION_MEANINGS[word.removesuffix("(")]
    graph = session.debugger.graph
    if (position := graph.by_name.get(word.strip("`"))) is not None:
        shape = shape_text(session.debugger.plan.shapes[position])
        return f"{type(graph.nodes[position]).__name__} {shape}"
    return WORD_MEANINGS.get(word.removesuffix("()"), "")


def _nothing(_session: Session, _command: Command, _line: str) -> Iterator[str]:
    return iter(())


def _named(words: Iterable[str]) -> Completer:
    """Complete node names, these words and the command's choices."""

    def found(session: Session, command: Command, line: str) -> Iterator[str]:
        return _names_and_words(session.debugger, line, [*words, *command.choices])

    return found


def _names_and_words(debugger: Debugger, line: str, words: list[str]) -> Iterator[str]:
    names = debugger.graph.by_name
    known = [
        word_typed(word, names) if word in WORDS else word
        for word in words
        # If the cost node has the name of a word, the node name stands for both.
        if word not in names or (word in WORDS and names[word] != debugger.graph.cost)
    ]
    known_calls = {word for word in known if word.endswith("(")}
    # A name may contain a slash, so the longest suffix that starts a name is completed.
    for start in sorted({match.end() for match in re.finditer(f"[{re.escape(WORD_ENDS)}]", line)}):
        begun = line[start:].removeprefix("`")
        if (not begun and start < len(line)) or begun in known_calls:
            continue
        nodes = (typed(name) for name in names if name.startswith(begun))
        quoted = line.startswith("`", start)
        fitting = (word for word in known if word.startswith(begun) and not quoted)
        texts = itertools.chain(nodes, fitting)
        found = [line[:start] + text for text in itertools.islice(texts, MOST_COMPLETIONS)]
        if found:
            return iter(found)
    return iter(())


def _trigger(session: Session, _command: Command, line: str) -> Iterator[str]:
    """Complete the trigger of a stop; functions are offered only inside a condition."""
    words = [*TRIGGER_WORDS, *WORDS]
    if re.search(r" (if|on-change) ", line):
        words += CALLS
    return _names_and_words(session.debugger, line, words)


def _assignment(session: Session, _command: Command, line: str) -> Iterator[str]:
    """Complete what is set; after a name its attributes, and after `=` what it can be set to."""
    start, equals, value = line.partition("=")
    if not equals:
        begun, dot, attribute = line.rpartition(".")
        if dot and (node := _node_before(session, begun)) is not None:
            fitting = (known for known in _attributes(session, node) if known.startswith(attribute))
            return (f"{begun}.{known}" for known in fitting)
        return _names_and_words(session.debugger, line, ["lr", "schedule"])
    target = start.strip().removeprefix("set ").strip()
    choices: list[str] | None = None
    if target in ("schedule", "schedule()") and target not in session.debugger.graph.by_name:
        choices = SCHEDULES_TYPED
    elif target.endswith(".trainable"):
        choices = ["true", "false"]
    if choices is None:
        return _names_and_words(session.debugger, line, EXPRESSION_WORDS)
    begun = value.lstrip()
    return (f"{start}= {word}" for word in choices if word.startswith(begun) and word != begun)


def _node_before(session: Session, begun: str) -> int | None:
    """Return the node whose name ends a line, or None."""
    names = session.debugger.graph.by_name
    return names.get(begun.partition(" ")[2].strip().strip("`"))


def _attributes(session: Session, node: int) -> list[str]:
    debugger = session.debugger
    # Backward starts with the gradient of the cost, which is 1.
    settable = node != debugger.graph.cost and not debugger.state.no_gradient(node)
    found = ["grad"] if settable else []
    return [*found, "trainable"] if node in debugger.graph.trainables else found


def _layer(session: Session, _command: Command, line: str) -> Iterator[str]:
    """Complete the name of a recurrent layer, or what to do with it."""
    debugger = session.debugger
    layers = [node.label for node in debugger.rolled.graph.nodes if node.recurrent]
    begun, space, last = line.rpartition(" ")
    words = ["on", "off"] if begun.partition(" ")[2].strip() else map(typed, layers)
    return (f"{begun}{space}{word}" for word in words if word.startswith(last))


def _words(of: Callable[[Session], Iterable[str]]) -> Completer:
    """Complete the last word of a line to one of these words or of the command's choices."""

    def found(session: Session, command: Command, line: str) -> Iterator[str]:
        begun, space, last = line.rpartition(" ")
        for word in (*of(session), *command.choices):
            if word.startswith(last):
                yield f"{begun}{space}{word}"

    return found


def _moment(_session: Session, command: Command, line: str) -> Iterator[str]:
    begun = line.partition(" ")[2]
    return (f"{command.name} {moment}" for moment in MOMENTS if moment.startswith(begun))


def _moments_or_file(session: Session, command: Command, line: str) -> Iterator[str]:
    """Complete the last of two moments, or the name of a file."""
    yield from _words(lambda _session: MOMENTS)(session, command, line)
    yield from _file(session, command, line)


def _file(_session: Session, command: Command, line: str) -> Iterator[str]:
    begun, space, text = line.partition(" ")
    folder, name = os.path.split(text)
    for choice in command.choices:
        if choice.startswith(text):
            yield f"{begun}{space}{choice}"
    try:
        with os.scandir(Path(folder).expanduser() if folder else ".") as entries:
            some = itertools.islice(entries, MOST_FILES)
            for entry in sorted(some, key=lambda entry: entry.name):
                hidden = entry.name.startswith(".") and not name.startswith(".")
                if entry.name.startswith(name) and not hidden:
                    slash = "/" * entry.is_dir()
                    yield f"{begun}{space}{os.path.join(folder, entry.name)}{slash}"
    except (OSError, RuntimeError, ValueError):
        return


def _stops(session: Session) -> list[str]:
    return [str(stop.number) for stop in session.stops]


def _watches(session: Session) -> list[str]:
    return [str(reading.number) for reading in session.watches.read()]


def _graphs(session: Session) -> list[str]:
    return [str(number) for number in range(1, len(session.debugger.lines) + 1)]


Completer = Callable[[Session, Command, str], Iterator[str]]
COMPLETERS: dict[Argument, Completer] = {
    Argument.NONE: _nothing,
    Argument.COUNT: _nothing,
    Argument.INDEX: _nothing,
    Argument.NODE: _named([]),
    Argument.LAYER: _layer,
    Argument.ENTRY: _named([]),
    Argument.EXPRESSION: _named(EXPRESSION_WORDS),
    Argument.TRIGGER: _trigger,
    Argument.ASSIGNMENT: _assignment,
    Argument.MOMENT: _moment,
    Argument.MOMENTS_OR_FILE: _moments_or_file,
    Argument.STOP_NUMBER: _words(_stops),
    Argument.WATCH_NUMBER: _words(_watches),
    Argument.GRAPH_NUMBER: _words(_graphs),
    Argument.FILE: _file,
    Argument.COMMAND: _words(lambda _session: COMMANDS),
    Argument.THEME: _words(lambda session: session.themes),
    Argument.TEXT: _words(lambda _session: ()),
}
