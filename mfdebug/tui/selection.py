"""The selection on the screen, and the command lines that keys build from it."""

from __future__ import annotations

from msgspec import Struct

from mfdebug.core.commands.command import Argument
from mfdebug.core.commands.interpreter import command_of
from mfdebug.core.expressions.names import typed, word_typed
from mfdebug.core.timeline.debugger import Debugger, index_text
from mfdebug.core.timeline.entry_ref import Index
from miniflow.node import Input

SET = "set "


class Selection(Struct, frozen=True):
    """The node under the `cursor` of the order, the `shown` node, and its selected entry.

    `gradient` says that the entry of the gradient is asked about, not that of the value.
    """

    debugger: Debugger
    cursor: int
    shown: int
    entry: Index
    gradient: bool = False

    @property
    def settable(self) -> bool:
        """Whether the chosen number can be set: there is one, and it is not where backward starts.

        A computed number that is still to come can be set too.
        """
        state, graph = self.debugger.state, self.debugger.graph
        if not self.gradient:
            return not state.unknown(self.shown)
        return self.shown != graph.cost and not state.no_gradient(self.shown)

    @property
    def number(self) -> str:
        """The name of the selected entry of the shown node's value or gradient."""
        return f"{self.tensor}{index_text(self.entry)}"

    @property
    def tensor(self) -> str:
        """The name of the shown node's value or gradient, whichever is asked about."""
        return f"{self._name(self.shown)}{'.grad' if self.gradient else ''}"

    @property
    def index(self) -> str:
        """The selected entry's index if the shown node is that of the present moment."""
        return index_text(self.entry) if self.shown == self.debugger.where.node else ""

    def line(self, template: str, count: str) -> str:
        """Return the command line of a key, with the count and the selection filled in."""
        line = template.replace("{n}", count).replace("{index}", self.index).rstrip()
        return line.replace("{node}", self._name(self.cursor)).replace("{entry}", self.number)

    def prefilled(self, template: str) -> tuple[str, int]:
        """Return the prefilled prompt of a key, and how many of its last characters to select."""
        name = self._name(self.shown)
        command = command_of(template)
        argument = None if command is None else command.argument
        if argument is Argument.ASSIGNMENT:
            target, old = self._setting()
            return f"{target} = {old}", len(old)
        if argument is Argument.EXPRESSION:
            return f"{template}{self.tensor}", len(self.tensor)
        if argument is Argument.MOMENTS_OR_FILE:
            moments = self._default_moments()
            return f"{template}{moments}", len(moments)
        # Selected, so that typing another node replaces it.
        filled = template.replace("{node}", name)
        return filled, len(name) + 1 if filled != template else 0

    def _name(self, node: int) -> str:
        return typed(self.debugger.graph.nodes[node].label)

    def _setting(self) -> tuple[str, str]:
        """Return the target of `set` and its present value: the entry, or the learning rate."""
        state = self.debugger.state
        if not self.settable:
            rate = word_typed("lr", self.debugger.graph.by_name)
            return f"{SET}{rate}", repr(state.learning_rate)
        target = self.debugger.graph.nodes[self.shown]
        # Nothing reads the gradient of an input that is not trained.
        gradient = self.gradient and not (isinstance(target, Input) and not target.trainable)
        name = f"{self._name(self.shown)}{'.grad' * gradient}{index_text(self.entry)}"
        if state.freshness(self.shown, gradient=gradient).absent:
            return f"{SET}{name}", ""
        array = state.gradient(self.shown) if gradient else state.value(self.shown)
        return f"{SET}{name}", repr(float(array[self.entry]))

    def _default_moments(self) -> str:
        """Return two moments to compare: without the edits and now, or one SGD step apart."""
        now = self.debugger.moment
        if self.debugger.edits:
            return f"{now}@0 {now}"
        before = now - self.debugger.timeline.length
        return f"{before} {now}" if before >= 0 else ""
