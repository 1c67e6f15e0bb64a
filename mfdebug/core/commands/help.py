"""The `help` command: the table of commands, one of them, or a topic, as text."""

from __future__ import annotations

from collections.abc import Mapping

from mfdebug.core.commands.command import Command, short_forms
from mfdebug.core.commands.help_topics import TOPICS, Topic, entries_with
from mfdebug.core.commands.table import COMMANDS, find
from mfdebug.core.format.table import Column, Part, Row, Table
from mfdebug.core.session.reply import Reply, reply_of
from mfdebug.core.session.session import Session
from mfdebug.core.timeline.debugger import DebuggerError


def run_help(_session: Session, text: str) -> Reply:
    if not text:
        return _all()
    # A short form or a key of the app stands for the command that it runs.
    named = [c for c in COMMANDS.values() if text in {key.key for key in c.keys}]
    named += [c for c in COMMANDS.values() if text in c.aliases]
    if named or text in COMMANDS:
        return _one(named[0] if named else COMMANDS[text])
    if text in TOPICS:
        return _topic(TOPICS[text])
    try:
        return _one(find(text))
    except DebuggerError:
        if found := entries_with(text):
            return _found(found)
        raise


def _one(command: Command) -> Reply:
    lines = [command.usage, f"  {command.summary}"]
    if command.details:
        lines.append(f"  {command.details}")
    if "EXPR" in command.usage:
        lines.append("  EXPR is an expression: help expressions")
    if command.aliases:
        lines.append(f"  also: {', '.join(command.aliases)}")
    if short := short_forms(command):
        lines.append(f"  short: {', '.join(short)}")
    parts: list[Part] = [*lines]
    if (topic := TOPICS.get(command.name)) is not None:
        parts.append(_table(topic.entries, indent=2))
    data = {"usage": command.usage, "summary": command.summary}
    return reply_of(*parts, data=data, subject=command.name)


def _topic(topic: Topic) -> Reply:
    heading = f"{topic.name}: {topic.summary}"
    data = {"topic": topic.name, "entries": dict(topic.entries)}
    return reply_of(heading, _table(topic.entries, indent=2), data=data, subject=topic.name)


def _found(found: list[tuple[Topic, str]]) -> Reply:
    """Return the entries of topics that contain the words asked about."""
    entries = {head: f"{topic.entries[head]}  (help {topic.name})" for topic, head in found}
    return reply_of(_table(entries), data=entries)


def _table(entries: Mapping[str, str], *, indent: int = 0) -> Table:
    return Table((Column(), Column()), tuple(map(Row, entries.items())), indent)


def _all() -> Reply:
    columns = (Column(), Column(), Column(cut="end"))
    rows = [Row((c.usage, " ".join(short_forms(c)), c.summary)) for c in COMMANDS.values()]
    data = {command.usage: command.summary for command in COMMANDS.values()}
    topics = f"topics: {', '.join(TOPICS)}"
    return reply_of(Table(columns, tuple(rows)), topics, data=data)
