"""The commands that change numbers, and the branches that they make."""

from __future__ import annotations

from mfdebug.core.commands.command import Argument, Command, Key

BRANCH = "branch [off]"
UNROLL = "unroll NODE [on | off]"

ROWS = (
    Command(
        "set",
        "set NODE[i,j] = VALUE | NODE.grad = VALUE | lr = VALUE | schedule = ... | "
        "NODE.trainable = false",
        "change a value, a gradient or how parameters are updated",
        "edit",
        (Key("e", "set ", "change the chosen number, or the learning rate", asks=True),),
        "Starts a branch; `undo` reverts it. An input changes once: everything downstream is "
        "computed again. A computed value or a gradient is overridden from now on, in every pass, "
        "right after it is computed; what was computed before stays. It gets the sign ≠. "
        "set lr = VALUE also ends a schedule. set schedule = cosine(90, warmup=10), "
        "stepdecay(30, 0.1), constant(warmup=10) or none multiplies the learning rate "
        "from the next update on. set W.trainable = false freezes a parameter, "
        "true lets it learn again. "
        "In a graph with a node named lr, set lr() = VALUE sets the learning rate.",
        shows="line",
        argument=Argument.ASSIGNMENT,
        required=True,
    ),
    Command(
        "scale",
        "scale NODE[i,j] FACTOR | NODE.grad FACTOR",
        "multiply a value or a gradient",
        "edit",
        details="As `set`: an input once, a computed value or a gradient in every pass from now "
        "on, as in scale l1.grad 0.5",
        shows="line",
        argument=Argument.ENTRY,
        required=True,
    ),
    Command("undo", "undo", "undo the last edit", "edit", (Key("z", "undo"),), shows="line"),
    Command(
        "redo",
        "redo",
        "reapply the last reverted edit",
        "edit",
        (Key("Z", "redo"),),
        shows="line",
    ),
    Command(
        "branches",
        "branches",
        "list the branches that edits have made",
        "edit",
        details="`diff` compares them, as in: diff 61@0 61",
        shows="text",
    ),
    Command(
        "unroll",
        UNROLL,
        "show a recurrent layer as its own nodes, or as one again",
        "unroll",
        (Key("U", "unroll {node}", "a recurrent layer as its own nodes, and back"),),
        "The moment, all numbers and the edits are kept; an edit that cannot be kept is named.",
        argument=Argument.LAYER,
        required=True,
        shows="line",
    ),
    Command(
        "branch",
        BRANCH,
        "continue from a recorded pass with computed numbers, which can be changed; or return",
        "branch",
        (),
        "The graph, the inputs and the moment are those of the pass. Nothing runs in the program.",
        shows="line",
    ),
)
