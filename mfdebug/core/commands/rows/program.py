"""The commands about a running program."""

from __future__ import annotations

from mfdebug.core.commands.command import Argument, Command, Key

ROWS = (
    Command(
        "detach",
        "detach",
        "let the program run on at full speed, unwatched",
        "detach",
        (Key("X", "detach"),),
        "What is recorded stays, and can be looked at. The passes until attach are not kept.",
        shows="line",
        instant=True,
    ),
    Command(
        "attach",
        "attach",
        "watch the program again, from its next pass on",
        "detach",
        (Key("W", "attach"),),
        shows="line",
    ),
    Command(
        "aten",
        "aten [NODE]",
        "show the ATen ops that PyTorch runs for a function",
        "aten",
        (Key("a", "aten {node}", "the ATen ops of the function under the cursor"),),
        "In a running PyTorch program: the function is run once more, apart from the program, "
        "from its recorded inputs, and its backward from what had arrived. Each op with what it "
        "took and returned, and whether the results are bit for bit the program's. Without NODE: "
        "that of the current moment.",
        shows="text",
        argument=Argument.NODE,
    ),
)
