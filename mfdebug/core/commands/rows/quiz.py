"""The commands of the quiz."""

from __future__ import annotations

from mfdebug.core.commands.command import Argument, Command

ROWS = (
    Command(
        "quiz",
        "quiz [on|off|score]",
        "ask about each moment before it is shown",
        "quiz",
        details="`answer TEXT` answers, `hint` helps, `skip` shows the answer; `step` passes. The "
        "score is kept: `quiz score` shows it by kind of question, as `quiz off` does at the end.",
        shows="line",
        argument=Argument.TEXT,
        choices=("on", "off", "score"),
    ),
    Command(
        "answer",
        "answer TEXT",
        "answer the question and show the working",
        "quiz",
        details="A number (2 % off counts as right), + or - or 0, or the letter of a choice. A "
        "wrong answer is diagnosed, and a similar question comes again.",
        shows="line",
        argument=Argument.TEXT,
        required=True,
    ),
    Command(
        "hint",
        "hint",
        "a hint for the question: the rule, without numbers",
        "quiz",
        shows="line",
    ),
    Command(
        "skip",
        "skip",
        "skip the question and show the answer",
        "quiz",
        shows="line",
    ),
)
