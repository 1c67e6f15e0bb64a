"""The commands of demos: captions, questions, pauses and expectations."""

from __future__ import annotations

from mfdebug.core.commands.command import Argument, Command

ROWS = (
    Command(
        "say",
        "say TEXT",
        "show a caption; without TEXT, remove it",
        "demo",
        details="In a demo it stays until the next caption.",
        instant=True,
        argument=Argument.TEXT,
        required=True,
    ),
    Command(
        "ask",
        "ask QUESTION? ANSWER",
        "ask the viewers of a demo for a number or a choice",
        "demo",
        details="ANSWER is an expression, or choices with | between them and * before the right "
        "one: ask Which counts? the first | *both. On the screen of a demo the answer is typed.",
        shows="line",
        argument=Argument.TEXT,
        required=True,
    ),
    Command(
        "pause",
        "pause",
        "end a beat of a demo; a key continues it",
        "demo",
        details="Does nothing elsewhere.",
        instant=True,
    ),
    Command(
        "wait",
        "wait SECONDS",
        "pause a demo for a time, as in: wait 2s",
        "demo",
        details="Does nothing elsewhere.",
        instant=True,
        argument=Argument.TEXT,
        required=True,
    ),
    Command(
        "expect",
        "expect EXPR",
        "fail unless an expression is true",
        "demo",
        details="It makes a demo, or a script run with --batch, a test as well.",
        shows="line",
        argument=Argument.EXPRESSION,
        required=True,
    ),
)
