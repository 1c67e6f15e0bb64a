"""Names and scopes of nodes and parameters, from what the file carries.

An exporter of PyTorch keeps the path of the module that a node is from: the older one in the name
of the node, `/block/ln_1/MatMul`; the newer one as the metadata `pkg.torch.onnx.name_scopes`, one
more name for each module inside another. Parameters have the name of the module's attribute, unless
an optimizer has merged or computed them: `onnx::MatMul_27` is no name.
"""

from __future__ import annotations

import ast
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from miniflow import limits
from miniflow.errors import printable

# The modules that a node is from, from the outermost in, and then its own name.
Scopes = tuple[str, ...]
SCOPES = "pkg.torch.onnx.name_scopes"
# What exporters call a value without a name: `onnx::MatMul_27`, `val_3`, `_to_copy_1`, `12`.
_GENERATED = re.compile(r"onnx::\w+|val_\d+|\d+|_lifted_\w+|scalar_tensor\w*|tensor_constant\d*")


def clean(name: str) -> str:
    """Return a name from a file as the name of a node: printable, and of bounded length."""
    pieces = [piece.strip() for piece in name.split("/")]
    text = printable("/".join(piece for piece in pieces if piece), limits.NAME_LENGTH - 20)
    return text or "value"


def is_generated(name: str) -> bool:
    """Whether an exporter has made up a name."""
    return _GENERATED.fullmatch(name) is not None


def has_scopes(node: Any) -> bool:
    """Whether a node has the metadata of the newer exporter."""
    return any(entry.key == SCOPES for entry in node.metadata_props)


def _key(node: Any) -> str:
    return next(iter(node.output), "") or str(node.name)


def scopes_in(node: Any) -> Scopes:
    """Return the names of the modules that a node is from, from the outermost in, and its own."""
    for entry in node.metadata_props:
        if entry.key == SCOPES and len(entry.value) < 10_000:
            try:
                paths = ast.literal_eval(entry.value)
            except (ValueError, SyntaxError, MemoryError, RecursionError):
                break
            if isinstance(paths, list) and all(isinstance(path, str) for path in paths) and paths:
                return _nested(paths)
    name = node.name.strip("/")
    if "/" in name:
        pieces = [piece for piece in name.split("/") if piece]
        # A part of a Sequential `block` is called `block.0` in `block`.
        before = ["", *pieces]
        return tuple(p.removeprefix(f"{b}.") for p, b in zip(pieces, before, strict=False))
    return (name,) if name else ()


def _nested(paths: list[str]) -> Scopes:
    """Return each path without the path that it continues; the last is the node's own name."""
    *modules, own = paths
    found: list[str] = []
    before = ""
    for path in modules:
        piece = path.removeprefix(before + ".") if before else path
        if piece:
            found.append(piece)
            before = path
    return (*found, own)


class Names:
    """Gives out names, each once.

    `nodes` are those of the model, in its order, and `weights` the names of its initializers.
    """

    def __init__(self, nodes: Iterable[Any], weights: Iterable[str] = ()) -> None:
        self._counts: dict[str, int] = {}
        # The scopes of each node, and how many have the same, by the name of its first output.
        self._scopes: dict[str, Scopes] = {}
        nodes = list(nodes)
        for node in nodes:
            self._scopes[_key(node)] = scopes_in(node)
        if any(has_scopes(node) for node in nodes):
            self._fill_in(nodes)
        else:
            self._complete(weights)
        self._alike = Counter(self._scopes.values())
        # The dotted paths of the modules.
        self._modules: set[str] = set()
        for scopes in self._scopes.values():
            for end in range(1, len(scopes)):
                self._modules.add(".".join(scopes[:end]))

    def _fill_in(self, nodes: Sequence[Any]) -> None:
        """Give nodes without scopes those that its first input and its first consumer share."""
        consumers: dict[str, Any] = {}
        for node in nodes:
            for name in node.input:
                consumers.setdefault(name, node)
        for node in nodes:
            if has_scopes(node):
                continue
            before = self._scopes.get(node.input[0] if node.input else "", ())[:-1]
            taker = next((consumers[name] for name in node.output if name in consumers), None)
            after = () if taker is None else self._scopes[_key(taker)][:-1]
            if taker is not None and not has_scopes(taker):
                after = before
            shared = [a for a, b in zip(before, after, strict=False) if a == b]
            self._scopes[_key(node)] = (*shared, _key(node))

    def _complete(self, weights: Iterable[str]) -> None:
        """Put the modules ahead that the older exporter leaves out, since nothing calls them.

        `h.0` is `transformer.h.0` if the names of parameters know that path, and no other like it.
        """
        known: set[str] = set()
        for name in weights:
            pieces = name.split(".") if "/" not in name else []
            known.update(".".join(pieces[:end]) for end in range(1, len(pieces)))
        ends: defaultdict[str, set[str]] = defaultdict(set)
        for path in known:
            cuts = [i for i, character in enumerate(path) if character == "."]
            for cut in cuts:
                ends[path[cut + 1 :]].add(path)
        for key, scopes in self._scopes.items():
            if len(scopes) > 1 and scopes[0] not in known and len(ends[scopes[0]]) == 1:
                self._scopes[key] = (next(iter(ends[scopes[0]])), *scopes[1:])

    def scopes_of(self, node: Any) -> Scopes:
        """Return the names of the modules that a node is from, and its own."""
        found = self._scopes.get(_key(node))
        return scopes_in(node) if found is None else found

    def unique(self, wanted: str) -> str:
        """Return `wanted`, or if that is taken the first free one of `wanted_2`, `wanted_3`, ..."""
        name = clean(wanted)
        count = self._counts.get(name, 0) + 1
        self._counts[name] = count
        if count == 1:
            return name
        while (other := f"{name}_{count}") in self._counts:
            count += 1
        self._counts[name] = count
        self._counts[other] = 1
        return other

    def of_node(self, node: Any) -> str:
        """Return a name for a node; it is not taken yet: see `unique`.

        Several nodes that one operation of the source was made of are a scope of that name.
        """
        scopes = self.scopes_of(node)
        if not scopes:
            outputs = [name for name in node.output if name and not is_generated(name)]
            return clean(outputs[0] if outputs else node.op_type.lower())
        if self._alike[scopes] > 1:
            scopes = (*scopes, node.op_type)
        return clean(".".join(scopes))

    def of_weight(self, name: str, node: Any, role: str, *, merged: bool) -> str:
        """Return a unique name for a parameter of a node, whose name in the file is `name`.

        It is that of the module's attribute; in the node's scope if it is that of another module,
        because equal numbers were `merged`. `role`, such as "weight", stands for a made-up name.
        """
        scope = ".".join(self.scopes_of(node)[:-1])
        path, _, attribute = name.rpartition(".")
        if is_generated(name) or name == role:
            own = role
        elif "/" in name or not self._modules:
            return self.unique(name)
        else:
            own = attribute
            if not merged:
                scope = path
        return self.unique(f"{scope}.{own}" if scope else own)
