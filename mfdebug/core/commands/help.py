"""The `help` command: the table of commands as text."""

from __future__ import annotations

from collections.abc import Mapping

from mfdebug.core.commands.command import Argument, Command, Key, find_in, short_forms
from mfdebug.core.expressions.parser import FUNCTIONS, WORDS
from mfdebug.core.expressions.parser import WORD_MEANINGS as WORD_MEANINGS
from mfdebug.core.session.reply import Reply
from mfdebug.core.session.session import Session

EXPRESSIONS = (
    "EXPR: a node is its value; NODE.grad, NODE.shape, NODE[i,j], NODE.grad[0,:]; "
    f"{', '.join(sorted(WORDS))} (with (), as in lr(), if a node has that name); "
    "+ - * / // % ** @, < <= > >= == !=, and or not; "
    f"{', '.join(f'{name}()' for name in sorted(FUNCTIONS))}; prev(x) is x one SGD step earlier"
)
# The forms of an expression in `print`, `watch` and conditions, a line each.
FORMS = {
    "W1": "a node is its value",
    "W1.grad": "∂cost/∂W1; also W1.value and W1.shape",
    "W1[0,1]": "one number; negative indices count from the end",
    "W1.grad[0,:]": "a row; slices as in NumPy",
    "`my node`": "a node with an odd name, in backquotes",
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
    "max": "the largest number",
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
    "watch lr * max(abs(W1.grad))": "the largest change that the update will make",
    "break if cost > prev(cost)": "stop when the cost goes up",
    "break l1 backward if any(isnan(l1.grad))": "stop where a gradient becomes NaN",
}


def help_command(commands: Mapping[str, Command]) -> Command:
    """Return the command that describes `commands`, which may include the command itself."""

    def run(_session: Session, text: str) -> Reply:
        if not text:
            return _all(commands)
        # A short form or a key of the app stands for the command that it runs.
        named = [c for c in commands.values() if text in {key.key for key in c.keys}]
        named += [c for c in commands.values() if text in c.aliases]
        return _one(named[0] if named else find_in(commands, text))

    return Command(
        "help",
        "help [COMMAND]",
        "list all commands, or describe one",
        run,
        (Key("question_mark", "help", "show or close this help", asks=True),),
        shows="text",
        instant=True,
        argument=Argument.COMMAND,
    )


def _one(command: Command) -> Reply:
    lines = [command.usage, f"  {command.summary}"]
    if command.details:
        lines.append(f"  {command.details}")
    if "EXPR" in command.usage:
        lines.append(f"  {EXPRESSIONS}")
    if command.aliases:
        lines.append(f"  also: {', '.join(command.aliases)}")
    if short := short_forms(command):
        lines.append(f"  short: {', '.join(short)}")
    data = {"usage": command.usage, "summary": command.summary}
    return Reply("\n".join(lines), data, subject=command.name)


def _all(commands: Mapping[str, Command]) -> Reply:
    rows = [(c.usage, " ".join(short_forms(c)), c.summary) for c in commands.values()]
    width = min(44, max(len(usage) for usage, _, _ in rows))
    widest = max(len(short) for _, short, _ in rows)
    lines = [f"{usage:{width}}  {short:{widest}}  {summary}" for usage, short, summary in rows]
    lines.append(EXPRESSIONS)
    return Reply("\n".join(lines), {usage: summary for usage, _, summary in rows})
