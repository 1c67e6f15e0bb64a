"""The commands that show state and plots, and change nothing."""

from __future__ import annotations

from mfdebug.core.commands.command import Argument, Command, Key
from mfdebug.core.plots import usage

DRAW = "draw [COLUMNS]"

ROWS = (
    Command(
        "explain",
        "explain [[i,j]]",
        "explain this moment in words and numbers",
        "look",
        (Key("x", "explain {index}"),),
        "With an index it explains that entry of the node, as in: explain [2,3]",
        shows="text",
        instant=True,
        argument=Argument.INDEX,
    ),
    Command(
        "print",
        "print EXPR",
        "print a value, gradient or expression",
        "look",
        (Key("p", "print ", asks=True),),
        "As in: print l1, print W1.grad[0,:], print norm(W1.grad), print cost",
        shows="line",
        argument=Argument.EXPRESSION,
        required=True,
    ),
    Command(
        "why",
        "why [grad] NODE[i,j]",
        "explain a number term by term",
        "look",
        (Key("y", "why {entry}", "where the chosen number comes from"),),
        "The largest terms first. In the app each term can be followed to its source.",
        shows="text",
        argument=Argument.ENTRY,
        choices=("grad",),
        required=True,
    ),
    Command(
        "watch",
        "watch [EXPR]",
        "show an expression at every moment",
        "look",
        (Key("w", "watch ", "watch an expression at every moment", asks=True),),
        "As in: watch norm(W1.grad), watch cost - prev(cost). Without EXPR it lists all watches.",
        aliases=("display",),
        shows="line",
        argument=Argument.EXPRESSION,
    ),
    Command(
        "unwatch",
        "unwatch N | all",
        "delete a watch",
        "look",
        aliases=("undisplay",),
        shows="line",
        argument=Argument.WATCH_NUMBER,
        choices=("all",),
        required=True,
    ),
    Command(
        "check",
        "check [NODE]",
        "check gradients against finite differences",
        "look",
        (Key("k", "check {node}", "check the gradients of the node under the cursor"),),
        "For each gradient the worst entry, both numbers and the verdict. Without NODE: all nodes.",
        shows="text",
        argument=Argument.NODE,
    ),
    Command(
        "inside",
        "inside [NODE]",
        "show the ops that compute a function of a library",
        "look",
        (Key("I", "inside {node}", "the ops that compute the function under the cursor"),),
        "For a program that uses PyTorch: our ops that together are the function, with values and "
        "gradients by our rules, and how they compare with the program's. PyTorch's own ops are "
        "shown by aten. Without NODE: that of the current moment.",
        shows="text",
        argument=Argument.NODE,
    ),
    Command(
        "diff",
        "diff A [B] | FILE",
        "compare two moments, or with a file",
        "diff",
        (Key("d", "diff ", asks=True),),
        "A and B are moments, as in `goto`; 61@0 is moment 61 on branch 0, the run without edits. "
        "The default of B is the current moment. With a graph file or a model: one pass of both, "
        "with the parameters of the current moment here, and the first node whose numbers differ. "
        "With a run file, in a session on one: the first value and the first gradient that "
        "differ.",
        shows="text",
        argument=Argument.MOMENTS_OR_FILE,
        required=True,
    ),
    Command(
        "graph",
        "graph [N]",
        "list the program's graphs, or switch to one",
        "look",
        details="A program may run several; each has its own moments. Stops and watches apply to "
        "every graph that has the nodes they name.",
        shows="text",
        argument=Argument.GRAPH_NUMBER,
    ),
    Command(
        "output",
        "output",
        "show the program's output",
        "look",
        (Key("o", "output"),),
        shows="log",
        instant=True,
    ),
    Command(
        "show",
        "show [grad] NODE[i,j]",
        "show a node and one of its numbers",
        "look",
        details="In the app the cursor stays there until it follows the current node again.",
        shows="line",
        argument=Argument.ENTRY,
        choices=("grad",),
        required=True,
    ),
    Command(
        "find",
        "find TEXT",
        "find a node by name, op or shape",
        "look",
        (Key("slash", "find ", asks=True),),
        shows="line",
        argument=Argument.TEXT,
        required=True,
    ),
    Command(
        "landscape",
        usage.LANDSCAPE,
        "the cost against what is trained, with the steps on it",
        "plots",
        (Key("D", "landscape toggle"),),
        "One parameter: a curve. Two: shades, as for `landscape W1[0,0] b1[0]`. More: along the "
        "gradient, by learning rate; or, with `path`, over the plane in which the parameters have "
        "moved most. `landscape lr 0.001 0.01` says where these learning rates would land. The "
        "engine computes the costs in a copy: nothing here changes.",
        argument=Argument.ENTRY,
        choices=("gradient", "path", "toggle", "off"),
        instant=True,
    ),
    Command(
        "answers",
        usage.ANSWERS,
        "what the network answers at this moment",
        "plots",
        (Key("A", "answers toggle"),),
        "Over the plane of its two inputs or along its one input, with the rows of the data; for "
        "classes a table of what is wanted against what is answered; else each answer against its "
        "target. NODE is the answer, by default what the cost compares with the target.",
        argument=Argument.NODE,
        choices=("toggle", "off"),
        instant=True,
    ),
    Command(
        "modules",
        "modules",
        "list the modules with value, gradient, and what is wrong",
        "modules",
        details="What is wrong: NaN, inf, exploding, vanishing, saturated, or how many units are "
        "dead, as in: dead 12 of 64. The bars are the last gradients that are kept, on a "
        "logarithmic scale.",
        shows="text",
    ),
    Command(
        "draw",
        DRAW,
        "draw the graph at this moment",
        "draw",
        details="The value is above each wire, the gradient below it; the wires that carry "
        "something now are heavy. The default is 64 columns.",
        shows="text",
        argument=Argument.COUNT,
    ),
)
