"""Scopes: the parts of a graph that node names form, as `layer1` in `layer1/W`.

A scope here is a run of consecutive nodes in topological order, so that its nodes can be shown as
one row where they are. Building is linear in the nodes and their names.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Hashable, Sequence
from itertools import pairwise

# Deeper scopes are part of their nodes' names: a screen has no columns to indent them.
MOST_LEVELS = 6
# Fewer alike scopes in a row are not worth a row of their own.
LEAST_REPEATS = 3
# A dot separates names as in `h.0.attn`, but `x.5` is a number.
_DOTTED = re.compile(r"\.(?=[^./]*[^\W\d])")
_DIGITS = re.compile(r"\d+")


class Scope:
    """Nodes `first` to `end` - 1: in `parts`, in order, its nodes and the scopes within it.

    `label` is the name within the scope around it, with its separator; `repeats` is the number of
    alike scopes that are its parts, or 0. A `group` stands for some parts of the scope around it,
    which has them in the names of its nodes. The graph itself is the scope without a parent.
    """

    __slots__ = ("end", "first", "group", "label", "parent", "parts", "repeats", "starts")

    def __init__(self, label: str, first: int, parent: Scope | None = None) -> None:
        self.label = label
        self.first = first
        self.end = first
        self.parent = parent
        self.parts: list[int | Scope] = []
        self.repeats = 0
        self.group = False
        # The first node of each part.
        self.starts: list[int] = []

    @property
    def last(self) -> int:
        """The last node."""
        return self.end - 1

    def __contains__(self, node: int) -> bool:
        return self.first <= node < self.end

    def position(self, node: int) -> int:
        """Return the position among `parts` of the part that has a node of this scope."""
        return bisect_right(self.starts, node) - 1


def split_name(name: str) -> tuple[str, ...]:
    """Return the names of a node's scopes, each with its separator, and its name within them.

    `layer1/W` is `layer1/`, `W`. A name with an empty part has no scope.
    """
    if "/" not in name and "." not in name:
        return (name,)
    parts: list[str] = []
    for i, piece in enumerate(pieces := name.split("/")):
        dots = [match.end() for match in _DOTTED.finditer(piece)]
        cuts = [0, *dots, len(piece)]
        inner = [piece[a:b] for a, b in pairwise(cuts)]
        if i < len(pieces) - 1:
            inner[-1] += "/"
        parts += inner
    if any(not part.rstrip("/.") for part in parts):
        return (name,)
    if len(parts) > MOST_LEVELS + 1:
        parts[MOST_LEVELS:] = ["".join(parts[MOST_LEVELS:])]
    return tuple(parts)


def scopes_of(names: Sequence[str], alike: Callable[[int], Hashable] | None = None) -> Scope:
    """Return the graph as a scope of nodes and scopes.

    With `alike`, which returns what two nodes must have in common besides their names, scopes in a
    row whose names differ in one number, and whose nodes correspond, become the parts of a scope of
    its own, such as `layer1…12/`.
    """
    root = Scope("", 0)
    _build(root, names)
    if alike is not None:
        _group(root, names, alike)
    return root


def _build(root: Scope, names: Sequence[str]) -> None:
    path = [root]
    for node, name in enumerate(names):
        *wanted, _ = split_name(name)
        kept = 0
        while kept < min(len(wanted), len(path) - 1) and path[kept + 1].label == wanted[kept]:
            kept += 1
        for scope in path[kept + 1 :]:
            scope.end = node
        del path[kept + 1 :]
        for label in wanted[kept:]:
            _add(path[-1], scope := Scope(label, node, path[-1]))
            path.append(scope)
        _add(path[-1], node)
    for scope in path:
        scope.end = len(names)


def _add(scope: Scope, part: int | Scope) -> None:
    scope.parts.append(part)
    scope.starts.append(part if isinstance(part, int) else part.first)


def _group(scope: Scope, names: Sequence[str], alike: Callable[[int], Hashable]) -> Hashable:
    """Group repeated scopes, innermost first; return what scopes alike this one have in common."""
    common: list[Hashable] = []
    for part in scope.parts:
        if isinstance(part, int):
            stem = _DIGITS.sub("#", split_name(names[part])[-1])
            common.append((stem, alike(part)))
        else:
            common.append((_DIGITS.sub("#", part.label), _group(part, names, alike)))
    parts: list[int | Scope] = []
    start = 0
    while start < len(scope.parts):
        end = start + 1
        while (
            end < len(scope.parts)
            and common[end] == common[start]
            and isinstance(scope.parts[start], Scope)
        ):
            end += 1
        run = [part for part in scope.parts[start:end] if isinstance(part, Scope)]
        if len(run) < LEAST_REPEATS:
            parts += scope.parts[start:end]
        elif len(run) == len(scope.parts) and scope.parent is not None:
            parts += run
            scope.repeats = len(run)
        else:
            parts.append(_repeated(scope, run))
        start = end
    scope.parts = parts
    scope.starts = [part if isinstance(part, int) else part.first for part in parts]
    return tuple(common)


def _repeated(parent: Scope, run: list[Scope]) -> Scope:
    first, last = run[0].label, run[-1].label
    group = Scope(_span(first, last), run[0].first, parent)
    group.end, group.repeats, group.group = run[-1].end, len(run), True
    for scope in run:
        scope.parent = group
        _add(group, scope)
    return group


def _span(first: str, last: str) -> str:
    """Return `layer1…12/` for `layer1/` and `layer12/`."""
    for one, other in zip(_DIGITS.finditer(first), _DIGITS.finditer(last), strict=False):
        if one[0] != other[0]:
            return f"{first[: one.end()]}…{other[0]}{first[one.end() :]}"
    return first


def within(name: str, scope: Scope) -> str:
    """Return a node's name within a scope that has it: `attn/w` of `h/3/attn/w` in `h/3/`."""
    depth = 0
    above: Scope | None = scope
    while above is not None and above.parent is not None:
        depth += not above.group
        above = above.parent
    return "".join(split_name(name)[depth:])
