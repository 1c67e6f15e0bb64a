"""The commands that move in time."""

from __future__ import annotations

from mfdebug.core.commands.command import Argument, Command, Key
from mfdebug.core.timeline.timeline import NODE_PHASES

GOTO = "goto MOMENT | start | end | sgd K | cost K"

ORDER = "order [on|off]"

ROWS = (
    Command(
        "step",
        "step [n]",
        "one moment forward",
        "move",
        (Key("s", "step {n}"), Key("right", "step {n}"), Key("space", "step {n}")),
        "A moment is one feed, one node forward, one node backward, or one update.",
        argument=Argument.COUNT,
    ),
    Command(
        "back",
        "back [n]",
        "one moment back",
        "move",
        (Key("S", "back {n}"), Key("left", "back {n}")),
        argument=Argument.COUNT,
    ),
    Command(
        "next",
        "next [n]",
        "to the end of this phase",
        "move",
        (Key("n", "next {n}"),),
        argument=Argument.COUNT,
    ),
    Command(
        "previous",
        "previous [n]",
        "back to the start of this phase",
        "move",
        (Key("N", "previous {n}"),),
        argument=Argument.COUNT,
    ),
    Command(
        "sgd",
        "sgd [n]",
        "whole SGD steps forward",
        "move",
        (Key("t", "sgd {n}"), Key("T", "sgd -{n}", "whole SGD steps back", id="sgd-back")),
        "In the middle of a step the first one completes it. `sgd -n` goes back. The first SGD "
        "step is step 0: from the start, `sgd 3` runs steps 0 to 2.",
        argument=Argument.COUNT,
    ),
    Command(
        "finish",
        "finish",
        "finish this pass and start the next one",
        "move",
        details="A program continues to its next pass.",
    ),
    Command(
        "continue",
        "continue",
        "run to the next stop",
        "move",
        (Key("c", "continue"),),
        "`step`, `next`, `sgd` and `until` stop there too; going back, only "
        "`reverse-continue` does.",
    ),
    Command(
        "reverse-continue",
        "reverse-continue",
        "run back to the last stop",
        "move",
        (Key("C", "reverse-continue"),),
    ),
    Command(
        "until",
        "until NODE [forward|backward|update]",
        "run to a node's next moment",
        "move",
        (Key("u", "until {node}", "run to the node under the cursor"),),
        argument=Argument.NODE,
        choices=NODE_PHASES,
        required=True,
    ),
    Command(
        "goto",
        GOTO,
        "go to any moment",
        "move",
        (Key("g", "goto ", asks=True),),
        "`goto sgd K` goes to the first moment of SGD step K, its feed, and `goto cost K` to the "
        "moment that computes its cost, as a click on the cost curve does. From the start, `sgd K` "
        "ends with step K - 1; the next moment is the feed of step K.",
        argument=Argument.MOMENT,
        required=True,
    ),
    Command(
        "last",
        "last NODE[i,j]",
        "go back to the moment that last changed a number",
        "move",
        (Key("L", "last {entry}", "back to what last changed the chosen number"),),
        "Repeat it for the change before. `last W1.grad[0,1]` is about the gradient.",
        argument=Argument.ENTRY,
        required=True,
    ),
    Command(
        "order",
        ORDER,
        "see how the order of the nodes is found, by Kahn's algorithm",
        "order",
        (Key("K", "order", "how the order is found, and back"),),
        "A moment for each node that is placed, in front of the start: `step` and `back` work "
        "there, too, and `goto order K` goes to the one that places the K-th. `order off` ends it.",
        argument=Argument.TEXT,
        choices=("on", "off"),
    ),
)
