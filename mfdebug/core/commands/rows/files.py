"""The commands about files, the help, the screen and the end."""

from __future__ import annotations

from mfdebug.core.commands.command import Argument, Command, Key

ROWS = (
    Command(
        "resume",
        "resume [previous]",
        "continue the last session of this graph",
        "session",
        (Key("R", "resume"),),
        "Restores edits, stops, watches and the moment, bit for bit. "
        "`resume previous` continues the session before the last one.",
        shows="line",
        argument=Argument.TEXT,
        choices=("previous",),
    ),
    Command(
        "record",
        "record FILE",
        "write this session as a script",
        "session",
        details="It has the edits, stops, watches and the moment; `source` runs it.",
        shows="line",
        argument=Argument.FILE,
        required=True,
    ),
    Command(
        "source",
        "source FILE",
        "run a script, all of it or nothing",
        "session",
        details="An error names the line and restores the state from before the script.",
        shows="line",
        argument=Argument.FILE,
        required=True,
    ),
    Command(
        "transcript",
        "transcript FILE | off",
        "write every command and its reply to a file",
        "session",
        details="Replies are comments, so a transcript is also a script.",
        shows="line",
        argument=Argument.FILE,
        choices=("off",),
        required=True,
    ),
    Command(
        "help",
        "help [COMMAND | TOPIC]",
        "list all commands, or describe one or a topic",
        "help",
        (Key("question_mark", "help", "show or close this help", asks=True),),
        shows="text",
        instant=True,
        argument=Argument.COMMAND,
    ),
    Command(
        "theme",
        "theme [NAME]",
        "choose a theme for the screen; without NAME, list the themes",
        "screen",
        details="A simple terminal has two: dark and light.",
        shows="line",
        instant=True,
        argument=Argument.THEME,
    ),
    Command(
        "save",
        "save FILE",
        "save the graph with its current parameters",
        "files",
        shows="line",
        argument=Argument.FILE,
        required=True,
    ),
    Command("quit", "quit", "quit", "files", (Key("q", "quit"),), instant=True),
)
