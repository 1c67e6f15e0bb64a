"""The commands that set, list and change stops."""

from __future__ import annotations

from mfdebug.core.commands.command import Argument, Command, Key

ROWS = (
    Command(
        "break",
        "break NODE [forward|backward|update] [if EXPR] | RULE | ...",
        "stop at a node, on a condition, or when something goes wrong",
        "stop",
        (Key("b", "break {node} ", "set a stop at the node under the cursor", asks=True),),
        "A condition is tested wherever all it names is computed. `help break moments`, "
        "`help break conditions`, `help break changes` and `help break health` list all forms.",
        shows="line",
        argument=Argument.TRIGGER,
        required=True,
    ),
    Command(
        "tbreak",
        "tbreak ...",
        "like break, but met only once",
        "stop",
        shows="line",
        argument=Argument.TRIGGER,
        required=True,
    ),
    Command(
        "stops",
        "stops",
        "list all stops and how often each was met",
        "stop",
        aliases=("info breakpoints", "info break", "info b"),
        shows="text",
    ),
    *(
        Command(
            name,
            f"{name} N | all",
            f"{name} stops",
            "stop",
            shows="line",
            argument=Argument.STOP_NUMBER,
            choices=("all",),
            required=True,
        )
        for name in ("delete", "enable", "disable")
    ),
    Command(
        "ignore",
        "ignore N COUNT",
        "ignore the next COUNT hits of a stop",
        "stop",
        shows="line",
        argument=Argument.STOP_NUMBER,
        required=True,
    ),
)
