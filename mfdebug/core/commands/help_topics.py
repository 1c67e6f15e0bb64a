"""Topics of the help that are not commands: the parts of `break`, expressions, the legend.

`help TOPIC` prints one; in the app each is a page. A topic has no more than a screen of 80x24.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from mfdebug.core.breakpoints.health_rules import RULES, Rule
from mfdebug.core.commands.legend import CIRCUIT, COLOURS, CURVES, HEATMAPS, MARKS, NUMBERS
from mfdebug.core.explain.list_marks import COLUMNS
from mfdebug.core.expressions.parser import WORD_MEANINGS

# The lesson's words, and where on the screen they are.
LESSON_WORDS = {
    "neuron, layer, node": "a row of the list; the versions of the lesson call its class so",
    "inbound nodes": "the inputs of a node, listed under its row when it is opened",
    "outbound nodes": "the nodes that take it as an input: its consumers",
    "value": "what forward computes; in the list under value",
    "gradients[self]": "what a node sends to an input: sends on … to x",
    "n.gradients[self]": "what comes back from the consumer n: came back … from n",
    "t.gradients[t]": "the gradient of an input; in the list under grad",
    "trainables": "the nodes with * in the list, changed by the update",
    "topological_sort": "the order of the list; `order` shows how it is found",
    "forward_pass": "the forward phase: each node in order",
    "sgd_update": "the update phase: x ← x - lr × ∂cost/∂x",
    "batch, epoch": "the rows of a step, and one run over all rows: in the status line",
}


class Topic(Struct, frozen=True):
    """A topic: its name, one line about it, and its entries, each a head and what it means."""

    name: str
    summary: str
    entries: Mapping[str, str]


def _threshold(rule: Rule) -> str:
    if rule.threshold is None:
        return "no threshold"
    which = "the upper threshold" if rule.name == "update-ratio" else "threshold"
    return f"{which} {rule.threshold:g}"


# The forms of an expression in `print`, `watch` and conditions, a line each.
FORMS = {
    "W1": "a node is its value",
    "W1.grad": "∂cost/∂W1; also W1.value and W1.shape",
    "W1[0,1]": "one number; negative indices count from the end",
    "W1.grad[0,:]": "a row; slices as in NumPy",
    "`my node`": "a node with an odd name, in backquotes",
    "bn.running_mean": "what a BatchNorm keeps; also bn.running_var",
    "lr()": "the learning rate, in a graph with a node named lr",
    "+ - * / // % ** @": "arithmetic; @ is the matrix product",
    "< <= > >= == !=": "comparisons, also chained: 0 < x < 1",
    "and or not": "for conditions, as in: break if cost > 1 or isnan(cost)",
    "1e-3 nan inf": "numbers",
}
FUNCTION_MEANINGS = {
    "abs": "the absolute value of each number",
    "exp": "e to the power of each number",
    "log": "the natural logarithm of each number",
    "sqrt": "the square root of each number",
    "isnan": "which numbers are NaN",
    "isinf": "which numbers are infinite",
    "min": "the smallest number",
    "max": "the largest number; max(x, 1) along an axis, as of the next six",
    "argmax": "the index of the largest, the first on a tie: argmax(scores, 1)",
    "mean": "the mean of all numbers",
    "sum": "the sum of all numbers",
    "std": "the standard deviation of all numbers",
    "norm": "the root of the sum of the squares",
    "any": "whether any number is true",
    "all": "whether all numbers are true",
    "shape": "the shape, as in: shape(x) == shape(W1)",
    "prev": "x one SGD step earlier, as in: cost - prev(cost)",
}
EXAMPLES = {
    "print W1.grad[0,:]": "a row of a gradient",
    "print norm(W1.grad) / norm(W1)": "the size of a gradient relative to its weights",
    "print mean(argmax(scores, 1) == label)": "the accuracy of class numbers",
    "watch lr * max(abs(W1.grad))": "the largest change that the update will make",
    "break if cost > prev(cost)": "stop when the cost goes up",
    "break l1 backward if any(isnan(l1.grad))": "stop where a gradient becomes NaN",
}

_BREAK = (
    Topic(
        "break",
        "what a stop can be set on",
        {
            "break NODE": "at moments of a node: help break moments",
            "break ... if EXPR": "on a condition: help break conditions",
            "break on-change NODE[i,j]": "when a number changes: help break changes",
            "break RULE, break health": "when something goes wrong: help break health",
            "tbreak ...": "any of these, met only once",
            "stops": "the list of stops, how often each was met, and where last",
            "disable N, enable N": "switch a stop off and on; ignore N COUNT passes it COUNT times",
            "delete N, delete all": "delete stops",
            "continue, reverse-continue": "run to the next stop, or back to the last one",
        },
    ),
    Topic(
        "break moments",
        "stops at moments of a node",
        {
            "break NODE": "at its forward and its backward, and the update of a parameter",
            "break NODE forward": "only where its value is computed",
            "break NODE backward": "only where its gradient is complete and sent on",
            "break NODE update": "only where the update changes it",
            "break l1 backward if EXPR": "only if a condition holds there",
        },
    ),
    Topic(
        "break conditions",
        "stops on conditions",
        {
            "break if EXPR": "wherever all that EXPR names is computed, if it is true",
            "break NODE if EXPR": "at a node's moments, if EXPR is true there",
            "break if cost > prev(cost)": "prev(x) is x one SGD step earlier",
            "break if norm(W1.grad) > 10": "a gradient is larger than it should be",
            "break if W1[0,1] < 0 or cost < 0.1": "one of two things is true",
            "break l1 backward if any(isnan(l1.grad))": "a gradient becomes NaN",
            "EXPR": "expressions as in print and watch: help expressions",
        },
    ),
    Topic(
        "break changes",
        "stops on a number that changes",
        {
            "break on-change NODE": "when any entry of a node's value changes",
            "break on-change NODE[i,j]": "when one entry changes",
            "break on-change NODE.grad[i,j]": "when an entry of its gradient changes",
            "break on-change W1[0,1] by 0.1": "when it has changed by 0.1 or more",
            "last NODE[i,j]": "goes back to the moment of the last change, without a stop",
        },
    ),
    Topic(
        "break health",
        "stops where training goes wrong",
        {
            "break health": "all of the rules below; except NODE, ... leaves nodes out",
            "break RULE at NODE": "a rule at one node; also: break RULE except NODE, ...",
            "break RULE THRESHOLD": "another threshold, as in: break vanishing 1e-6",
            "nan, inf": "where they first appear; no threshold",
            **{rule.name: rule.summary + f"; {_threshold(rule)}" for rule in RULES.values()},
        },
    ),
)
_OTHERS = (
    Topic("expressions", "the forms of EXPR, in print, watch and conditions", FORMS),
    Topic("expressions words", "words of EXPR", WORD_MEANINGS),
    Topic(
        "expressions functions",
        "functions of EXPR",
        {f"{name}(x)": meaning for name, meaning in FUNCTION_MEANINGS.items()},
    ),
    Topic("expressions examples", "commands with expressions", EXAMPLES),
    Topic("lesson", "the words of the MiniFlow lesson, and where they are here", LESSON_WORDS),
    Topic("legend", "the marks of the screen", MARKS),
    Topic("legend list", "numbers, bars and colours of the list of nodes", COLUMNS),
    Topic("circuit", "the graph drawn: boxes, wires and their signs", CIRCUIT),
    Topic("legend numbers", "numbers and blocks on the screen", NUMBERS),
    Topic("legend curves", "the cost curve, trends and the status line", CURVES),
    Topic("legend heatmaps", "shades and marks of heatmaps and pictures", HEATMAPS),
    Topic("legend colours", "colours (colors), bold, dim and underlined text", COLOURS),
)
TOPICS: dict[str, Topic] = {topic.name: topic for topic in (*_BREAK, *_OTHERS)}


def entries_with(words: str) -> list[tuple[Topic, str]]:
    """Return the entries that contain all of some words, each as its topic and head."""
    wanted = words.casefold().split()
    return [
        (topic, head)
        for topic in TOPICS.values()
        for head, meaning in topic.entries.items()
        if all(
            word in f"{topic.name} {topic.summary} {head} {meaning}".casefold() for word in wanted
        )
    ]
