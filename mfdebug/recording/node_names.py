"""The names of a program's nodes, from the recorded facts and the program's source.

A name is, in order of preference: the node's own `name`, a module variable that holds it, the
target of the assignment that created it, a variable of the function that built the graph. A loop
variable is not a name, since it holds one node after another.
"""

from __future__ import annotations

import ast
import tokenize
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from msgspec import Struct

from miniflow.text.characters import is_printable

# Larger source files are not read, in bytes.
MAX_SOURCE_BYTES = 4 * 2**20


class Variable(NamedTuple):
    """A variable that holds a node; `function` is empty for a module's variable."""

    name: str
    function: str
    file: str


class SourceSpan(NamedTuple):
    """The span of an expression in the source: lines from 1, columns in bytes from 0."""

    file: str
    function: str
    line: int
    end_line: int
    column: int
    end_column: int


class NodeFacts(Struct, frozen=True):
    """The naming facts of a node: its own name, its variables, where it was created.

    `place`: it is in a tuple that the expression returns, there. `inside`: it was computed by code
    of a library that the expression calls, so it need not be the expression's value.
    """

    named: str = ""
    variables: list[Variable] = []
    made: SourceSpan | None = None
    inside: bool = False

    @property
    def place(self) -> int | None:
        """Which of several results it is; None: it is the result itself."""
        return None


class Naming:
    """Chooses names for nodes; reads each source file once."""

    def __init__(self) -> None:
        self._sources: dict[str, _Source] = {}

    def names(self, graph: Sequence[NodeFacts]) -> list[str]:
        """Return the name of each node of a graph, empty if the program has none for it.

        A name that one node got from a better source is not given to another node.
        """
        names = [""] * len(graph)
        taken: set[str] = set()
        for candidates in (self._own_name, self._of_modules, self._assigned, self._of_functions):
            for i, facts in enumerate(graph):
                if not names[i]:
                    found = (name for name in candidates(facts) if _usable(name))
                    names[i] = next((name for name in found if name not in taken), "")
            taken.update(names)
        return names

    def _own_name(self, facts: NodeFacts) -> Iterator[str]:
        stem, _, last = facts.named.rpartition(".")
        if stem and last.isdecimal() and (variable := self._assigned_part(facts)):
            # Of a module's function, such as `block.split.q`.
            yield f"{stem}.{variable}"
        yield facts.named

    def _of_modules(self, facts: NodeFacts) -> Iterator[str]:
        return self._variable_names(facts.variables, local=False)

    def _assigned(self, facts: NodeFacts) -> Iterator[str]:
        if facts.inside:
            return
        if facts.place is not None:
            yield self._assigned_part(facts)
        elif facts.made is not None:
            yield self._source(facts.made.file).assigned(facts.made)

    def _assigned_part(self, facts: NodeFacts) -> str:
        if facts.place is None or facts.made is None:
            return ""
        parts = self._source(facts.made.file).assigned_parts(facts.made)
        return parts[facts.place] if facts.place < len(parts) else ""

    def _of_functions(self, facts: NodeFacts) -> Iterator[str]:
        return self._variable_names(facts.variables, local=True)

    def _variable_names(self, variables: Sequence[Variable], *, local: bool) -> Iterator[str]:
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
    """The assignments and loop variables of a source file; empty if it cannot be read."""

    def __init__(self, file: str) -> None:
        self._targets: dict[tuple[int, int, int, int], str] = {}
        # Where one value is assigned to several: their names, in order.
        self._parts: dict[tuple[int, int, int, int], list[str]] = {}
        self._loops: dict[str, set[str]] = {}
        try:
            path = Path(file)
            if path.stat().st_size > MAX_SOURCE_BYTES:
                return
            with tokenize.open(path) as text:
                tree = ast.parse(text.read())
        except (OSError, ValueError, SyntaxError, RecursionError):
            return
        self._read(tree, "")

    def _read(self, tree: ast.AST, function: str) -> None:
        stack = [(tree, function)]
        while stack:
            node, scope = stack.pop()
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                scope = node.name
            elif isinstance(node, ast.For | ast.AsyncFor | ast.comprehension):
                self._loops.setdefault(scope, set()).update(_names(node.target))
            elif isinstance(node, ast.Assign):
                for target in node.targets:
                    self._assign(target, node.value)
            elif isinstance(node, ast.AnnAssign | ast.NamedExpr) and node.value is not None:
                self._assign(node.target, node.value)
            stack.extend((child, scope) for child in ast.iter_child_nodes(node))

    def _assign(self, target: ast.expr, value: ast.expr) -> None:
        pairs = [(target, value)]
        while pairs:
            target, value = pairs.pop()
            if isinstance(target, ast.Tuple | ast.List):
                if isinstance(value, ast.Tuple | ast.List) and len(value.elts) == len(target.elts):
                    pairs.extend(zip(target.elts, value.elts, strict=True))
                else:
                    self._parts.setdefault(_span(value), _part_names(target))
            elif (name := _name(target)) and (span := _span(value)) not in self._targets:
                self._targets[span] = name

    def assigned(self, span: SourceSpan) -> str:
        """Return the name that the value of an expression is assigned to, or nothing."""
        return self._targets.get((span.line, span.end_line, span.column, span.end_column), "")

    def assigned_parts(self, span: SourceSpan) -> list[str]:
        """Return the names that the parts of an expression's value are assigned to, in order."""
        place = span.line, span.end_line, span.column, span.end_column
        return self._parts.get(place, [])

    def loop_variables(self, function: str) -> set[str]:
        """Return the loop variables of a function; of the module itself for an empty name."""
        return self._loops.get(function, set())


def _span(node: ast.expr) -> tuple[int, int, int, int]:
    return (
        node.lineno,
        node.end_lineno or node.lineno,
        node.col_offset,
        node.end_col_offset or node.col_offset,
    )


def _name(target: ast.expr) -> str:
    """Return the last name of an assignment target: `w` of `self.w`."""
    if isinstance(target, ast.Name):
        return target.id
    return target.attr if isinstance(target, ast.Attribute) else ""


def _part_names(target: ast.expr) -> list[str]:
    """Return the names in a target in their order; empty for one that is not kept.

    What comes after a starred one is not known.
    """
    if isinstance(target, ast.Tuple | ast.List):
        found: list[str] = []
        for part in target.elts:
            if isinstance(part, ast.Starred):
                break
            found += _part_names(part)
        return found
    name = _name(target)
    return ["" if name.startswith("_") else name]


def _names(target: ast.expr) -> set[str]:
    return {node.id for node in ast.walk(target) if isinstance(node, ast.Name)}
