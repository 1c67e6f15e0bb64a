"""What a program calls its nodes, from the facts that were noted and the program's source.

A name is, in this order: what the node itself says, a variable of a module that holds it, what the
line that made it assigns it to, a variable of the function that built the graph. A variable that a
loop assigns is no name: it holds one node after the other.
"""

from __future__ import annotations

import ast
import tokenize
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from msgspec import Struct

from miniflow.text.characters import is_printable

# A source file that is read, in bytes.
LARGEST_SOURCE = 4 * 2**20


class Variable(NamedTuple):
    """A variable that held a node: its name, the function that it is local to, the file."""

    name: str
    function: str
    file: str


class Place(NamedTuple):
    """Where an expression stands: lines from 1, columns in bytes from 0."""

    file: str
    function: str
    line: int
    end_line: int
    column: int
    end_column: int


class NodeFacts(Struct, frozen=True):
    """What was noted of a node: the name that it says, its variables, where it was made."""

    named: str = ""
    variables: list[Variable] = []
    made: Place | None = None


class Naming:
    """Names for nodes; each source file is read once."""

    def __init__(self) -> None:
        self._sources: dict[str, _Source] = {}

    def names(self, graph: Sequence[NodeFacts]) -> list[str]:
        """Return the name of each node of a graph, or nothing where the program has none for it.

        A better name is never given again: not what a line assigns now and again, where a variable
        of that name holds another node.
        """
        names = [""] * len(graph)
        taken: set[str] = set()
        for candidates in (self._said, self._of_modules, self._assigned, self._of_functions):
            for i, facts in enumerate(graph):
                if not names[i]:
                    found = (name for name in candidates(facts) if _usable(name))
                    names[i] = next((name for name in found if name not in taken), "")
            taken.update(names)
        return names

    @staticmethod
    def _said(facts: NodeFacts) -> Iterator[str]:
        yield facts.named

    def _of_modules(self, facts: NodeFacts) -> Iterator[str]:
        return self._held(facts.variables, local=False)

    def _assigned(self, facts: NodeFacts) -> Iterator[str]:
        if facts.made is not None:
            yield self._source(facts.made.file).assigned(facts.made)

    def _of_functions(self, facts: NodeFacts) -> Iterator[str]:
        return self._held(facts.variables, local=True)

    def _held(self, variables: Sequence[Variable], *, local: bool) -> Iterator[str]:
        for variable in variables:
            if bool(variable.function) == local:
                source = self._source(variable.file)
                function = variable.function.split(".")[-1]
                if variable.name not in source.loop_variables(function):
                    yield variable.name

    def _source(self, file: str) -> _Source:
        if file not in self._sources:
            self._sources[file] = _Source(file)
        return self._sources[file]


def _usable(name: str) -> bool:
    return bool(name) and is_printable(name)


class _Source:
    """A source file, or nothing where it cannot be read."""

    def __init__(self, file: str) -> None:
        self._targets: dict[tuple[int, int, int, int], str] = {}
        self._loops: dict[str, set[str]] = {}
        try:
            path = Path(file)
            if path.stat().st_size > LARGEST_SOURCE:
                return
            with tokenize.open(path) as text:
                tree = ast.parse(text.read())
        except (OSError, ValueError, SyntaxError, RecursionError):
            return
        self._read(tree, "")

    def _read(self, tree: ast.AST, function: str) -> None:
        todo = [(tree, function)]
        while todo:
            node, inside = todo.pop()
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                inside = node.name
            elif isinstance(node, ast.For | ast.AsyncFor | ast.comprehension):
                self._loops.setdefault(inside, set()).update(_names(node.target))
            elif isinstance(node, ast.Assign):
                for target in node.targets:
                    self._assign(target, node.value)
            elif isinstance(node, ast.AnnAssign | ast.NamedExpr) and node.value is not None:
                self._assign(node.target, node.value)
            todo.extend((child, inside) for child in ast.iter_child_nodes(node))

    def _assign(self, target: ast.expr, value: ast.expr) -> None:
        pairs = [(target, value)]
        while pairs:
            one, given = pairs.pop()
            if isinstance(one, ast.Tuple | ast.List):
                if isinstance(given, ast.Tuple | ast.List) and len(given.elts) == len(one.elts):
                    pairs.extend(zip(one.elts, given.elts, strict=True))
            elif (name := _name(one)) and (at := _span(given)) not in self._targets:
                self._targets[at] = name

    def assigned(self, place: Place) -> str:
        """Return the name that the value of an expression is given, if it is given one."""
        return self._targets.get((place.line, place.end_line, place.column, place.end_column), "")

    def loop_variables(self, function: str) -> set[str]:
        """Return the variables that loops of a function assign, or of the module's own lines."""
        return self._loops.get(function, set())


def _span(node: ast.expr) -> tuple[int, int, int, int]:
    return (
        node.lineno,
        node.end_lineno or node.lineno,
        node.col_offset,
        node.end_col_offset or node.col_offset,
    )


def _name(target: ast.expr) -> str:
    """Return the last word of what is assigned to: `w` of `self.w`."""
    if isinstance(target, ast.Name):
        return target.id
    return target.attr if isinstance(target, ast.Attribute) else ""


def _names(target: ast.expr) -> set[str]:
    return {node.id for node in ast.walk(target) if isinstance(node, ast.Name)}
