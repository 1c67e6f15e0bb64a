"""Taps the nodes and the backward pass of the program's autograd."""

from __future__ import annotations

import os
import sys

from .. import reading
from ..graph_numbers import ByResult, reference
from ..name_facts import source_span, variable_of
from ..pass_nodes import Backward, Fault, Node, ancestors
from ..tape import Tape
from .arguments import Container, Part, argument_names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import CodeType, FrameType
    from typing import Any

    from ..name_facts import SourceSpan
    from ..open_pass import Encoded
    from ..recorder import Recorder
    from .arguments import Path

# Characters kept of a setting that is a text.
MAX_SETTING = 80


class Vjp:
    """The tap of the `vjp` of a node; `sources` are the nodes that it sends to."""

    __slots__ = ("call", "node", "sources", "taps")

    def __init__(
        self, taps: Taps, call: Any, node: Node | Container, sources: list[Node | Container]
    ) -> None:
        self.taps = taps
        self.call = call
        self.node = node
        self.sources = sources

    def __call__(self, gradient: Any) -> Any:
        """Call the node's own `vjp` with the gradient that has arrived."""
        backward = self.taps.running
        node = self.node
        if backward is None or isinstance(node, Container):
            return self.call(gradient)
        backward.order.pop(node, None)
        backward.order[node] = None
        if not isinstance(node, Part) or not node.path:
            self.taps.safely(lambda: self.taps.note(backward.own, node, gradient))
        shares = self.call(gradient)
        if type(shares) is tuple:
            self.taps.safely(lambda: self._note(backward, list(shares)))
            return shares
        return self._noted(backward, shares)

    def _noted(self, backward: Backward, shares: Iterator[Any]) -> Iterator[Any]:
        found = []
        for share in shares:
            found.append(share)
            if len(found) == len(self.sources):
                # The caller asks for no more than there are sources.
                self.taps.safely(lambda: self._note(backward, found))
            yield share

    def _note(self, backward: Backward, shares: list[Any]) -> None:
        """Note what the node sends; to a source that it takes twice, the sum."""
        node = self.node
        if isinstance(node, (Part, Container)):
            return
        sums: dict[Node, Any] = {}
        for source, share in zip(self.sources, shares, strict=False):
            to = source.as_node(self.taps) if isinstance(source, Container) else source
            share = self.taps.plain(share)
            if not isinstance(share, list | tuple | dict):
                sums[to] = sums[to] + share if to in sums else share
        for to, share in sums.items():
            found = _encoded(share)
            if found is not None:
                backward.sent[node, to] = found


class Taps:
    """The taps of the program's autograd for one recorder; `core` is its module of that name."""

    def __init__(self, core: Any, recorder: Recorder) -> None:
        self._core = core
        self._recorder = recorder
        self._pid = os.getpid()
        self._tape = Tape(recorder, "autograd", ByResult(recorder, _encoded), self._span)
        self._boxes = core.isbox
        folder = os.path.dirname(core.__file__) + os.sep
        self._skipped = folder, os.path.dirname(os.path.dirname(__file__))
        self._numbers: dict[tuple[int, int], int] = {}
        self._sites: list[tuple[CodeType, int]] = []
        self._constants: dict[int, tuple[Callable[[], Any], Node]] = {}
        self._copies = True
        # What the backward pass that runs has sent.
        self.running: Backward | None = None

    @property
    def _off(self) -> bool:
        return self._recorder.off or os.getpid() != self._pid

    def install(self) -> None:
        """Start noting."""
        node = self._core.VJPNode
        start, start_root, back = node.__init__, node.initialize_root, self._core.backward_pass

        def __init__(  # noqa: N807
            made: Any, value: Any, fun: Any, args: Any, kwargs: Any, argnums: Any, parents: Any
        ) -> None:
            start(made, value, fun, args, kwargs, argnums, parents)
            if not self._off:
                self.safely(lambda: self._made(made, value, fun, args, kwargs, argnums))

        def initialize_root(made: Any, *args: Any, **kwargs: Any) -> None:
            start_root(made, *args, **kwargs)
            if not self._off:
                frame = sys._getframe(2)
                self.safely(lambda: self._made_root(made, frame))

        def backward_pass(gradient: Any, end: Any) -> Any:
            if self._off or type(end.vjp) is not Vjp:
                result = back(gradient, end)
                if os.getpid() == self._pid:
                    self._recorder.poll()
                return result
            return self._run(lambda: back(gradient, end), end.vjp.node)

        node.__init__ = __init__
        node.initialize_root = initialize_root
        self._core.backward_pass = backward_pass

        def uninstall() -> None:
            if vars(node)["__init__"] is __init__:
                node.__init__ = start
            if vars(node)["initialize_root"] is initialize_root:
                node.initialize_root = start_root
            if self._core.backward_pass is backward_pass:
                self._core.backward_pass = back

        self._recorder.undo.append(uninstall)

    # Forward -----------------------------------------------------------------------------------

    def safely(self, action: Callable[[], None]) -> None:
        """Do something of ours: if it fails, the program goes on unrecorded."""
        try:
            action()
        except Exception as failure:
            self._recorder.failed(failure)

    def _made_root(self, made: Any, frame: FrameType | None) -> None:
        made.vjp = Vjp(self, made.vjp, self._root(frame), [])

    def _root(self, frame: FrameType | None) -> Part | Container:
        """Return the argument by which a function is differentiated; the frame is `make_vjp`'s."""
        self._copies = self._tape.due or self._tape.fits
        variables = {} if frame is None else frame.f_locals
        x = self.plain(variables.get("x"))
        names = argument_names(variables.get("fun"))
        if not names:
            outer, _ = self._program(frame)
            names = (variable_of(outer, x),)
        if len(names) == 1:
            return self.argument(x, names[0], ())
        return Container(x, "", names=names)

    def argument(self, value: Any, name: str, path: Path) -> Part | Container:
        """Return the node of an argument, or of a part of it."""
        value = self.plain(value)
        if isinstance(value, list | tuple | dict):
            return Container(value, name, path)
        kind = type(value).__name__
        node = Part(self._tape.new_serial(), (kind, name, -1, ()), [], _encoded(value))
        node.path = path
        node.instance = reference(value)
        return node

    def input_node(self, kind: str, name: str, value: Any) -> Node:
        """Return a new node of what no gradient is wanted for."""
        return Node(self._tape.new_serial(), (kind, name, -1, ()), [], _encoded(value))

    def _made(
        self, made: Any, value: Any, fun: Any, args: Any, kwargs: Any, argnums: tuple[int, ...]
    ) -> None:
        """Note the node that autograd has made for the result of a function."""
        parents = dict(zip(argnums, made.parents, strict=True))
        kind = getattr(fun, "__name__", type(fun).__name__).strip("_")
        first = parents.get(0)
        if kind == "container_take" and first is not None and type(first.vjp) is Vjp:
            held = first.vjp.node
            part = held.part(args[1], self) if isinstance(held, Container) else None
            if part is not None:
                made.vjp = Vjp(self, made.vjp, part, [])
                return
        frame, site = self._program(sys._getframe(3))
        sources: list[Node] = []
        sent_to: list[Node | Container] = []
        settings = []
        for i, argument in enumerate(args):
            parent = parents.get(i)
            if parent is None:
                settings.append(self._setting(argument, i, frame, sources))
                continue
            known = parent.vjp.node if type(parent.vjp) is Vjp else None
            node = known.as_node(self) if isinstance(known, Container) else known
            if node is None:
                node = self.input_node("unknown", "", "not recorded")
            settings.append(f"@{len(sources)}")
            sources.append(node)
            sent_to.append(node)
        options = tuple([(k, self._setting(x, -1, frame, sources)) for k, x in kwargs.items()])
        form = kind, "", site, (("arguments", tuple(settings)), ("options", options))
        node = Node(self._tape.new_serial(), form, sources)
        if self._copies:
            node.value = _encoded(self.plain(value))
        made.vjp = Vjp(self, made.vjp, node, sent_to)

    def _setting(self, thing: Any, place: int, frame: FrameType | None, sources: list[Node]) -> Any:
        """Return an argument as records hold it; an array becomes an input."""
        thing = self.plain(thing)
        numpy: Any = sys.modules["numpy"]
        if thing is None or type(thing) in (bool, int, float):
            return thing
        if isinstance(thing, str):
            return f"={thing[:MAX_SETTING]}"
        if isinstance(thing, numpy.ndarray) and thing.ndim:
            sources.append(self._constant(thing, frame))
            return f"@{len(sources) - 1}"
        if isinstance(thing, numpy.ndarray | numpy.generic):
            return thing.item() if thing.dtype.kind in "biuf" else type(thing).__name__
        if type(thing) in (list, tuple):
            return tuple([self._setting(item, place, frame, sources) for item in thing])
        if isinstance(thing, slice):
            parts = (thing.start, thing.stop, thing.step)
            return ("slice", *[self._setting(part, place, frame, sources) for part in parts])
        return "..." if thing is Ellipsis else type(thing).__name__

    def _constant(self, array: Any, frame: FrameType | None) -> Node:
        """Return the node of an array that no gradient is wanted for."""
        known = self._constants.get(id(array))
        found = _encoded(array)
        if known is not None and known[0]() is array and known[1].value == found:
            return known[1]
        node = Node(
            self._tape.new_serial(), ("ndarray", variable_of(frame, array), -1, ()), [], found
        )
        self._constants[id(array)] = reference(array), node
        return node

    def _program(self, frame: FrameType | None) -> tuple[FrameType | None, int]:
        """Return the frame of the program that has led to one, and the number of its place."""
        while frame is not None and frame.f_code.co_filename.startswith(self._skipped):
            frame = frame.f_back
        if frame is None:
            return None, -1
        key = id(frame.f_code), frame.f_lasti
        known = self._numbers.get(key)
        if known is None:
            known = self._numbers[key] = len(self._sites)
            self._sites.append((frame.f_code, frame.f_lasti))
        return frame, known

    def _span(self, site: int) -> SourceSpan | None:
        return None if site < 0 else source_span(*self._sites[site])

    # Backward ----------------------------------------------------------------------------------

    def _run(self, original: Callable[[], Any], cost: Node | Container) -> Any:
        """Run a backward pass of the program, and write it down."""
        outer, self.running = self.running, Backward()
        backward, fault, result = self.running, None, None
        node = cost.as_node(self) if isinstance(cost, Container) else cost
        try:
            result = original()
            return result
        except Exception as error:
            at = next(reversed(backward.order), node)
            fault = Fault("b", at, type(error).__name__, self._recorder.message(error))
            raise
        finally:
            self.running = outer
            if not self._off:
                self.safely(lambda: self._write(node, backward, result, fault))
            if outer is None:
                self._constants.clear()

    def _write(self, cost: Node, backward: Backward, result: Any, fault: Fault | None) -> None:
        if result is not None:
            self._note_parts(backward, cost, self.plain(result))
        self._tape.write(cost, backward, fault)

    def _note_parts(self, backward: Backward, cost: Node, result: Any) -> None:
        """Note the gradients of the parts of an argument, from that of all of it."""
        for node in ancestors([cost]):
            if isinstance(node, Part) and node.path:
                gradient = result
                for key in node.path:
                    gradient = self.plain(gradient)[key]
                self.note(backward.own, node, gradient)

    def note(self, notes: dict[Node, Encoded], node: Node, gradient: Any) -> None:
        """Note a gradient, if it is one of numbers."""
        found = _encoded(self.plain(gradient))
        if found is not None and found[0] != "text":
            notes[node] = found

    def plain(self, thing: Any) -> Any:
        """Return what is in a box; of a sparse gradient, the full array."""
        while self._boxes(thing):
            thing = thing._value
        if isinstance(thing, self._core.SparseObject):
            return thing.mut_add(thing.vs.zeros())
        return thing


def _encoded(value: Any) -> Encoded | None:
    """Return dtype, shape and bytes of a value, or a text; a complex number as one of NumPy's."""
    if type(value) is complex:
        value = sys.modules["numpy"].complex128(value)
    return reading.encoded(value)
