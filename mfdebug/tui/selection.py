"""What has been chosen on the screen, and the command lines that keys make of it."""

from __future__ import annotations

from dataclasses import dataclass

from mfdebug.core.commands.command import Argument
from mfdebug.core.commands.interpreter import command_of
from mfdebug.core.expressions.names import typed, word_typed
from mfdebug.core.timeline.debugger import Debugger, Freshness, index_text
from mfdebug.core.timeline.entry_ref import Index
from miniflow.node import Input

SET = "set "


@dataclass(frozen=True)
class Selection:
    """The node `under` the cursor of the order, the one looked `at`, and its chosen entry."""

    debugger: Debugger
    under: int
    at: int
    entry: Index

    @property
    def settable(self) -> bool:
        """Whether the node looked at is an input, which can be changed."""
        return isinstance(self.debugger.graph.nodes[self.at], Input)

    @property
    def number(self) -> str:
        """The chosen number of the node looked at: of its gradient while that is the topic."""
        backward = self.debugger.where.phase == "backward"
        heard = self.debugger.gradient_freshness(self.at) in (Freshness.CURRENT, Freshness.PARTIAL)
        gradient = ".grad" if backward and heard else ""
        return f"{self._name(self.at)}{gradient}{index_text(self.entry)}"

    def line(self, template: str, count: str) -> str:
        """Return the line of a key, with the count and what is chosen filled in."""
        line = template.replace("{n}", count)
        return line.replace("{node}", self._name(self.under)).replace("{entry}", self.number)

    def begun(self, template: str) -> tuple[str, int]:
        """Return the beginning of the line that a key asks for, and how much of it to replace."""
        name = self._name(self.at)
        command = command_of(template)
        argument = None if command is None else command.argument
        if argument is Argument.ASSIGNMENT:
            begun, old = self._setting(name)
            return f"{begun} = {old}", len(old)
        if argument is Argument.EXPRESSION:
            return f"{template}{name}", len(name)
        if argument is Argument.MOMENTS:
            moments = self._compared()
            return f"{template}{moments}", len(moments)
        # A node that is not meant is typed over.
        filled = template.replace("{node}", name)
        return filled, len(name) + 1 if filled != template else 0

    def _name(self, node: int) -> str:
        return typed(self.debugger.graph.nodes[node].label)

    def _setting(self, name: str) -> tuple[str, str]:
        """Return what to set, and what it is now: the chosen number, or the learning rate."""
        if not self.settable:
            rate = word_typed("lr", self.debugger.graph.by_name)
            return f"{SET}{rate}", repr(self.debugger.learning_rate)
        now = float(self.debugger.value(self.at)[self.entry])
        return f"{SET}{name}{index_text(self.entry)}", repr(now)

    def _compared(self) -> str:
        """Return two moments worth comparing: without the edits, or one SGD step earlier."""
        now = self.debugger.moment
        if self.debugger.edits:
            return f"{now}@0 {now}"
        before = now - self.debugger.timeline.length
        return f"{before} {now}" if before >= 0 else ""
