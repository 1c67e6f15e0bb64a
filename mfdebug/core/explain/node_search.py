"""Search for nodes by a part of their name, op or shape, fast enough for each typed character."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator

from mfdebug.core.explain.names import kind_of
from mfdebug.core.timeline.debugger import Debugger


class NodeSearch:
    """What can be found of a debugger's nodes, at the moment at which this is made."""

    def __init__(self, debugger: Debugger) -> None:
        texts = []
        for i, node in enumerate(debugger.graph.nodes):
            shape = debugger.state.shape_text(i)
            texts.append(f"{node.label}\n{kind_of(node)}\n{shape}\n".casefold())
        # One string, which Python searches at a gigabyte per second.
        self._text = "".join(texts)
        self._starts = [0]
        for text in texts:
            self._starts.append(self._starts[-1] + len(text))

    def all(self, wanted: str) -> Iterator[int]:
        """Yield the indices of all nodes that match, in order."""
        node = self.next(wanted, -1)
        while node is not None:
            yield node
            node = self._forward(wanted.casefold(), node + 1)

    def next(self, wanted: str, after: int, *, back: bool = False) -> int | None:
        """Return the first node after (or the last one before) another that matches, or None.

        The search continues at the other end.
        """
        folded = wanted.casefold()
        if not folded:
            return None
        if back:
            found = self._backward(folded, after)
            return self._backward(folded, len(self._starts) - 1) if found is None else found
        found = self._forward(folded, after + 1)
        return self._forward(folded, 0) if found is None else found

    def _forward(self, folded: str, first: int) -> int | None:
        if first >= len(self._starts) - 1:
            return None
        return self._node_at(self._text.find(folded, self._starts[first]))

    def _backward(self, folded: str, end: int) -> int | None:
        return self._node_at(self._text.rfind(folded, 0, self._starts[max(end, 0)]))

    def _node_at(self, position: int) -> int | None:
        return None if position < 0 else bisect_right(self._starts, position) - 1
