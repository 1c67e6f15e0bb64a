"""The functions that a program calls on tensors: a node for each result with a gradient.

A function counts if the engine has made nodes of its own for it, which is seen from the number that
the engine gives to the next one. Everything else is preparation of data: its results are inputs.
"""

from __future__ import annotations

import sys
from _weakref import ref

from ..name_facts import variable_of
from ..pass_nodes import INSIDE, Node
from .calls import DRAWING, Calls
from .own_functions import is_made_by_own
from .result_names import results_of, states_of
from .sites import named, named_after
from .tensors import text, version

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType
    from typing import Any

    from ..tape import Tape
    from .calls import Before
    from .sites import CallSite, Sites
    from .tensors import Tensors

# Characters kept of a setting that is a text.
MAX_SETTING = 80
# Functions that write to running statistics without a new version, also while nothing is noted.
_COUNTING = ("batch_norm", "instance_norm")
# Places in the engine, and bytes of their values, that are held for a program that never goes back.
MAX_PLACES, MAX_HELD = 20_000, 64 * 2**20
# What a function of the program's own is known by.
_OWN = ("own", True)


class Known:
    """The node of a tensor, while it lives: `version` is that of its storage at that time."""

    __slots__ = ("node", "tensor", "version")

    def __init__(self, tensor: ref[Any], node: Node, version: int) -> None:
        self.tensor = tensor
        self.node = node
        self.version = version


class Forward:
    """Makes nodes of what a program computes with `torch`."""

    def __init__(self, torch: Any, tape: Tape, tensors: Tensors, sites: Sites) -> None:
        self._tensor_type = torch.Tensor
        self._own_type = torch.autograd.Function
        self._parameter_type = torch.nn.Parameter
        self._next_sequence = torch._C._autograd._get_sequence_nr
        self._grad_enabled = torch.is_grad_enabled
        self._tape = tape
        self._tensors = tensors
        self._sites = sites
        self._calls = Calls(torch)
        self._results: dict[int, Known] = {}
        self._inputs: dict[int, Known] = {}
        # Where gradients arrive in the engine: of this pass and of the one before, since the engine
        # goes back through tensors that the program no longer has.
        self._places: dict[tuple[int, int], Node] = {}
        self._older_places: dict[tuple[int, int], Node] = {}
        self._held_bytes = 0
        self._names: dict[Any, str] = {}

    def end_pass(self) -> None:
        """Forget the inputs of the pass that has ended: the next one may change them in place."""
        self._inputs.clear()
        self._forget_older()

    def before(self, function: Any, args: Any, kwargs: Any, caller: FrameType | None) -> Any:
        """Note the arguments of a function that is about to be called; None: it does not count.

        `function` may also be a class of the program's own functions.
        """
        tensors = self._tensors.flat(args, [])
        if kwargs:
            self._tensors.flat(kwargs, tensors)
        if not any(tensor.requires_grad for tensor in tensors):
            return None
        if self._name(function) in _COUNTING:
            self._forget_changed(tensors[1:])
        site, scope, frame = self._sites.of(caller)
        # In the forward of a function with a backward of its own, variables are that function's.
        call = (site, frame, caller) if caller is not None and self._grad_enabled() else None
        kind = self._name(function)
        states = states_of(kind, tensors)
        sources = [
            self.node_of(x, call, i, scope, states.get(i, "")) for i, x in enumerate(tensors)
        ]
        # Only a pass after which the program waits can be asked about.
        noted = None
        if self._tape.due:
            draws = self._is_own(function) or kind in DRAWING
            noted = self._calls.before(tensors, draws=draws)
        first = self._next_sequence()
        if not scope and self._sites.is_inside(caller, frame, function):
            scope = INSIDE
        return function, args, kwargs, tensors, sources, first, (site, scope), noted

    def after(self, begun: Any, out: Any) -> None:
        """Note what a function has returned."""
        function, args, kwargs, tensors, sources, first, where, noted = begun
        last = self._next_sequence()
        if last != first:
            self._note(function, args, kwargs, tensors, sources, out, (first, last), where, noted)

    def failed(self, begun: Any) -> Node:
        """Return a node, without a value, for a function that has raised."""
        function, args, kwargs, _, sources, _, (site, scope), _ = begun
        kind = self._name(function)
        form = kind, named(scope, kind), site, self._settings(function, args, kwargs)
        return Node(self._tape.new_serial(), form, sources)

    def _note(
        self,
        function: Any,
        args: Any,
        kwargs: Any,
        tensors: list[Any],
        sources: list[Node],
        out: Any,
        sequence: tuple[int, int],
        where: tuple[int, str],
        noted: Before | None,
    ) -> None:
        kind = self._name(function)
        flat = self._tensors.flat(out, [])
        # The places of its results among all that it returns.
        places = [i for i, x in enumerate(flat) if x.requires_grad and not x.is_leaf]
        results = [flat[i] for i in places]
        if not results and tensors and kind in ("setitem", "set_"):
            results = tensors[:1]
        if not results:
            return
        site, scope = where
        settings = self._settings(function, args, kwargs)
        name = named(scope, kind)
        if len(results) == 1 and isinstance(out, list | tuple):
            settings = (*settings, ("place", places[0]))
        form = kind, name, site, settings
        tape = self._tape
        call = None
        if noted is not None:
            changed = [i for i, tensor in enumerate(tensors) if any(tensor is x for x in results)]
            own = self._is_own(function)
            again = function.apply if own else function
            call = self._calls.noted(again, args, kwargs, noted, changed)
            if own:
                call.own = kind
        if len(results) == 1:
            node = Node(tape.new_serial(), form, sources)
            node.first, node.last = sequence
            node.call = call
            self.remember(results[0], node)
            return
        # One node for the function, and one for each of its results.
        whole = Node(tape.new_serial(), form, sources, text(f"{len(results)} tensors"))
        whole.first, whole.last = sequence
        whole.call = call
        names = results_of(kind)
        for i, result in enumerate(results):
            called = named(name, f".{i}")
            if scope not in ("", INSIDE) and places[i] < len(names):
                called = f"{scope}{names[places[i]]}"
            settings = ("part", i), ("place", places[i])
            part = Node(tape.new_serial(), ("result", called, site, settings), [whole])
            self.remember(result, part)

    def remember(self, tensor: Any, node: Node) -> None:
        """Note the node of a result, and where its gradient arrives in the engine."""
        engine_node = tensor.grad_fn
        node.sequence, node.output = engine_node._sequence_nr(), tensor.output_nr
        if node.value is None:
            node.value = self._tensors.encoded(tensor)
        key, results = id(tensor), self._results

        def forget(_: Any) -> None:
            results.pop(key, None)

        results[key] = Known(ref(tensor, forget), node, version(tensor))
        self._places[node.sequence, node.output] = node
        if node.value is not None:
            self._held_bytes += len(node.value[2])
        if self._held_bytes > MAX_HELD or len(self._places) > MAX_PLACES:
            self._forget_older()

    def known(self, tensor: Any) -> Node | None:
        """Return the node of a result, or None if it was computed unseen."""
        known = self._results.get(id(tensor))
        return None if known is None or known.tensor() is not tensor else self.node_of(tensor)

    def place(self, node: Node, sequence: int, output: int) -> None:
        """Note where the gradient of a node arrives in the engine."""
        node.sequence, node.output = sequence, output
        self._places[sequence, output] = node

    def _forget_older(self) -> None:
        self._older_places, self._places, self._held_bytes = self._places, {}, 0

    def root(self, tensor: Any) -> Node:
        """Return the node of a tensor from which the engine starts.

        It is named after its variable, if it has one, rather than after the module that has
        computed it: the program's author calls `criterion(model(x), y)` the loss.
        """
        caller = sys._getframe(1)
        site, scope, frame = self._sites.of(caller)
        if tensor.grad_fn is None:
            return self.node_of(tensor, (site, frame, caller), 0, scope)
        node = self.node_of(tensor)
        if node.form[1] and (name := variable_of(frame, tensor, loops=False)):
            node.form = (node.form[0], name, *node.form[2:])
        return node

    # Sources -----------------------------------------------------------------------------------

    def node_of(
        self,
        tensor: Any,
        call: CallSite | None = None,
        argument: int = 0,
        scope: str = "",
        role: str = "",
    ) -> Node:
        """Return the node of a tensor that is passed to a function, called at a site.

        `role` is what the function calls it, if that is known.
        """
        known = self._results.get(id(tensor))
        if known is not None and known.tensor() is tensor:
            if known.version == version(tensor):
                return named_after(known.node, tensor, call)
            return self._overwritten(tensor, known)
        if tensor.requires_grad and not tensor.is_leaf:
            return self._hidden(tensor, frame=None if call is None else call[1])
        known = self._inputs.get(id(tensor))
        if known is not None and known.tensor() is tensor and known.version == version(tensor):
            node = known.node
            path = self._sites.path(tensor)
            if path is None and not node.form[1]:
                path = self._sites.name_of_input(tensor, call, argument)
            if path is not None and path != node.form[1]:
                # It was passed to a function before its module was first called, or by one whose
                # variables name nothing.
                node.form = (node.form[0], path, *node.form[2:])
            return node
        kind = "Parameter" if isinstance(tensor, self._parameter_type) else "Tensor"
        name = self._sites.name_of_input(tensor, call, argument)
        if not name and scope:
            # One that has no name, as a mask made on the spot, belongs to its module.
            name = f"{scope}{role or 'tensor'}"
        dtype = str(tensor.dtype).removeprefix("torch.")
        settings = () if tensor.is_floating_point() else (("dtype", dtype),)
        node = Node(self._tape.new_serial(), (kind, name, -1, settings), [])
        node.value = self._tensors.encoded(tensor)
        if tensor.requires_grad:
            node.instance = ref(tensor)
        self._inputs[id(tensor)] = Known(ref(tensor), node, version(tensor))
        return node

    def _forget_changed(self, tensors: list[Any]) -> None:
        """Forget the inputs whose numbers are others now, though their version is the same."""
        for tensor in tensors:
            known = self._inputs.get(id(tensor))
            if known is not None and known.node.value != self._tensors.encoded(tensor):
                del self._inputs[id(tensor)]

    def forget_input(self, tensor: Any) -> None:
        """Forget the value of an input: the program may write to it unseen, through `.data`."""
        self._inputs.pop(id(tensor), None)

    def _overwritten(self, tensor: Any, known: Known) -> Node:
        """Return a new node for a result that was written to through another tensor."""
        return self._hidden(tensor, "overwritten", [known.node])

    def _hidden(
        self,
        tensor: Any,
        kind: str = "",
        first: Sequence[Node] = (),
        frame: FrameType | None = None,
    ) -> Node:
        """Return one node for everything unseen that has made a tensor.

        The variables of the frame name the modules whose parameters it depends on.
        """
        made = tensor.grad_fn
        sources: dict[Node, None] = dict.fromkeys(first)
        sequences = set()
        queue = [made]
        met = {made}
        for engine_node in queue:
            sequences.add(engine_node._sequence_nr())
            for below, output in engine_node.next_functions:
                if below is None:
                    continue
                known = self.at_place(below._sequence_nr(), output)
                if known is not None:
                    sources[known] = None
                elif hasattr(below, "variable"):
                    if frame is not None and self._sites.path(below.variable) is None:
                        # No call of its module was seen.
                        self._sites.learn_variables(frame)
                    # It is the program's variable, if the program calls the function.
                    sources[self.node_of(below.variable, (-1, frame, sys._getframe()))] = None
                elif below not in met:
                    met.add(below)
                    queue.append(below)
        kind = kind or kind_of(made)
        settings = (_OWN,) if is_made_by_own(made) else ()
        node = HiddenNode(self._tape.new_serial(), (kind, "", -1, settings), list(sources))
        node.sequences = sequences
        node.hidden = True
        self.remember(tensor, node)
        return node

    def at_place(self, sequence: int, output: int) -> Node | None:
        """Return the node whose gradient arrives somewhere in the engine."""
        place = sequence, output
        return self._places.get(place) or self._older_places.get(place)

    # Forms -------------------------------------------------------------------------------------

    def _name(self, function: Any) -> str:
        known = self._names.get(function)
        if known is None:
            known = getattr(function, "__name__", type(function).__name__)
            if known.startswith("__") and known.endswith("__"):
                known = known[2:-2]
                owner = getattr(function, "__self__", None)
                # The getter of a property such as `T`.
                known = getattr(owner, "__name__", known) if known == "get" else known
            self._names[function] = known
        return known

    def _is_own(self, function: Any) -> bool:
        return isinstance(function, type) and issubclass(function, self._own_type)

    def _settings(self, function: Any, args: Any, kwargs: Any) -> tuple[tuple[str, Any], ...]:
        """Return the arguments of a call, with `@0`, `@1` for its tensors and `=` before texts."""
        count = [0]
        arguments = tuple([self._setting(item, count) for item in args])
        options = tuple([(key, self._setting(kwargs[key], count)) for key in kwargs])
        found = ("arguments", arguments), ("options", options)
        return (*found, _OWN) if self._is_own(function) else found

    def _setting(self, thing: Any, count: list[int]) -> Any:
        if isinstance(thing, self._tensor_type):
            count[0] += 1
            return f"@{count[0] - 1}"
        if thing is None or isinstance(thing, bool):
            return thing
        if isinstance(thing, int):
            return int.__int__(thing)
        if isinstance(thing, float):
            number = float.__float__(thing)
            # JSON has no infinities and no NaN.
            return number if number - number == 0 else f"#{number!r}"
        if isinstance(thing, str):
            return f"={thing[:MAX_SETTING]}"
        if isinstance(thing, list | tuple):
            return tuple([self._setting(item, count) for item in thing])
        if isinstance(thing, slice):
            parts = (thing.start, thing.stop, thing.step)
            return ("slice", *[self._setting(item, count) for item in parts])
        if isinstance(thing, dict):
            return tuple([(f"={key}", self._setting(thing[key], count)) for key in thing])
        if thing is Ellipsis:
            return "..."
        return f"={str(thing)[:MAX_SETTING]}" if _is_torch(thing) else type(thing).__name__


class HiddenNode(Node):
    """A node that stands for engine nodes of any sequence number."""

    __slots__ = ("sequences",)

    sequences: set[int]


def kind_of(engine_node: Any) -> str:
    """Return the function that a node of the engine belongs to, as `Addmm` of `AddmmBackward0`."""
    return type(engine_node).__name__.removesuffix("0").removesuffix("Backward")


def _is_torch(thing: Any) -> bool:
    """Whether a setting is a dtype or the like, whose text runs no code of the program."""
    return type(thing).__module__ == "torch"
