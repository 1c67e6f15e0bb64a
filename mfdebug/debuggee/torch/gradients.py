"""What the engine of PyTorch sends backward, noted by hooks on its nodes.

A hook sees what arrives at a node, after the program's own hooks, and what the node sends on. A
node of the engine belongs to the function during which it was made.
"""

from __future__ import annotations

from bisect import bisect_right

from ..pace import Pace
from ..tape import Backward, Fault, Node, ancestors
from .forward import HiddenNode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence
    from typing import Any

    from ..tape import Outline, Tape
    from .forward import Forward
    from .tensors import Tensors


# What the engine calls the nodes that add to `.grad`.
ACCUMULATE = "torch::autograd::AccumulateGrad"


class Gradients:
    """Runs the engine for a program, and writes the pass."""

    def __init__(self, tape: Tape, forward: Forward, tensors: Tensors) -> None:
        self._tape = tape
        self._forward = forward
        self._tensors = tensors
        self.pace = Pace()
        self._kind: Hashable = None
        tape.on_written = lambda: self.pace.ended(self._kind)
        # Whether a pass that is not watched shows what all parameters of the one before became.
        self._all_inputs = True

    def run(self, engine: Callable[[], Any], roots: Sequence[Any]) -> Any:
        """Run the engine, which starts from the tensors `roots`."""
        engine_nodes, kind = _walk([root.grad_fn for root in roots])
        self._kind = kind
        outline = None if self.pace.whole or self._tape.due else self._tape.outline(kind)
        try:
            if outline is not None and len(roots) == 1:
                return self._run_unwatched(engine, roots[0], outline)
            return self._run_watched(engine, roots, engine_nodes, kind)
        finally:
            self._forward.end_pass()
            self.pace.whole = self._tape.due or (self.pace.whole and self._tape.fits)
            self.pace.start()

    def _run_unwatched(self, engine: Callable[[], Any], root: Any, outline: Outline) -> Any:
        """Run the engine and write the cost and the parameters of the pass."""
        cost = self._tensors.encoded(root)
        out = engine()
        self._tape.write_outline(outline, cost, all_inputs=self._all_inputs)
        self._all_inputs = False
        return out

    def _run_watched(
        self,
        engine: Callable[[], Any],
        roots: Sequence[Any],
        engine_nodes: list[tuple[Any, Any]],
        kind: Hashable,
    ) -> Any:
        self._all_inputs = True
        costs = [self._forward.node_of(root, -1, i, None) for i, root in enumerate(roots)]
        if len(costs) == 1:
            cost = costs[0]
        else:
            cost = Node(self._tape.new_serial(), ("costs", "", -1, ()), costs)
        watched = Watched(self._tensors, ancestors([cost]), costs)
        watched.hook(engine_nodes)
        backward = watched.backward
        fault = None
        try:
            return engine()
        except Exception as error:
            last = next(reversed(backward.order), cost)
            fault = Fault("b", last, type(error).__name__, str(error)[:500])
            raise
        finally:
            watched.finish()
            self._tape.write(cost, backward, fault, kind=kind)


def _walk(roots: Sequence[Any]) -> tuple[list[tuple[Any, Any]], Hashable]:
    """Return all nodes of the engine that some depend on, with their edges, and their kind.

    Passes of the same kind have the same graph over the same parameters.
    """
    queue = [root for root in roots if root is not None]
    numbers = {engine_node: i for i, engine_node in enumerate(queue)}
    found: list[tuple[Any, Any]] = []
    form: list[Hashable] = []
    for engine_node in queue:
        edges = engine_node.next_functions
        found.append((engine_node, edges))
        name = engine_node.name()
        if name == ACCUMULATE:
            form.append(id(engine_node.variable))
            continue
        form.append(name)
        for below, output in edges:
            number = -1
            if below is not None:
                known = numbers.get(below)
                if known is None:
                    known = numbers[below] = len(queue)
                    queue.append(below)
                number = known
            form.append((number, output))
    return found, tuple(form)


class Watched:
    """One run of the engine over the nodes of a pass."""

    def __init__(self, tensors: Tensors, nodes: list[Node], costs: list[Node]) -> None:
        self.backward = Backward()
        self._tensors = tensors
        self._costs = set(costs)
        self._leaves = {
            id(held): (node, held, held.grad is None)
            for node in nodes
            if node.instance is not None and (held := node.instance()) is not None
        }
        self._by_place = {(n.sequence, n.output): n for n in nodes if n.sequence >= 0}
        spans = sorted((n.first, n.last, n) for n in nodes if n.last)
        self._starts = [span[0] for span in spans]
        self._spans = spans
        self._hidden = {
            sequence: node
            for node in nodes
            if isinstance(node, HiddenNode)
            for sequence in node.sequences
        }
        self._handles: list[Any] = []
        # For each node, how often something was sent to it, and the address of the last.
        self._arrived: dict[Node, tuple[int, int]] = {}
        self._failure: Exception | None = None

    def hook(self, engine_nodes: list[tuple[Any, Any]]) -> None:
        """Set a hook on every node of the engine, given with its edges."""
        for engine_node, edges in engine_nodes:
            self._handles.append(engine_node.register_hook(self._hook(engine_node, edges)))

    def _hook(self, engine_node: Any, edges: Any) -> Callable[[Any, Any], None]:
        if hasattr(engine_node, "variable"):
            leaf = self._leaves.get(id(engine_node.variable))
            node = None if leaf is None else leaf[0]

            def arrived(_: Any, gradients: Any) -> None:
                if node is not None and gradients[0] is not None:
                    self._arrive(node, gradients[0])
                    self.backward.order[node] = None

            return arrived
        sequence = engine_node._sequence_nr()
        owner = self._owner(sequence)
        targets = [self._target(below, output, owner) for below, output in edges]

        def sent(shares: Any, gradients: Any) -> None:
            for output, gradient in enumerate(gradients):
                node = self._by_place.get((sequence, output))
                if node is not None and gradient is not None:
                    self._arrive(node, gradient)
                    self.backward.order[node] = None
            if owner is None:
                return
            self.backward.order[owner] = None
            for target, share in zip(targets, shares, strict=False):
                if target is not None and share is not None:
                    self._send(owner, target, share)

        return sent

    def _owner(self, sequence: int) -> Node | None:
        """Return the node during whose function the engine made a node."""
        hidden = self._hidden.get(sequence)
        if hidden is not None:
            return hidden
        at = bisect_right(self._starts, sequence) - 1
        if at < 0 or sequence >= self._spans[at][1]:
            return None
        return self._spans[at][2]

    def _target(self, below: Any, output: int, owner: Node | None) -> Node | None:
        """Return the node at whose place a gradient arrives; None within the same function."""
        if below is None:
            return None
        if hasattr(below, "variable"):
            leaf = self._leaves.get(id(below.variable))
            return None if leaf is None else leaf[0]
        target = self._by_place.get((below._sequence_nr(), output))
        return None if target is owner else target

    def _arrive(self, node: Node, gradient: Any) -> None:
        """Note the gradient of a node, unless it is simply the one contribution that there is."""
        count, address = self._arrived.get(node, (0, 0))
        if count != 1 or address != gradient.data_ptr():
            self.backward.own[node] = self._tensors.encoded(gradient)

    def _send(self, node: Node, target: Node, share: Any) -> None:
        sent, key = self.backward.sent, (node, target)
        if target not in node.sources:
            # The function has used it without being passed it.
            node.sources.append(target)
        if key in sent:
            sent[key] = self._tensors.added(sent[key], share)
        else:
            sent[key] = self._tensors.encoded(share)
        count = self._arrived.get(target, (0, 0))[0]
        self._arrived[target] = count + 1, share.data_ptr()

    def finish(self) -> None:
        """Remove the hooks, and note what the parameters hold now."""
        for handle in self._handles:
            handle.remove()
        for node, held, was_none in self._leaves.values():
            if node in self.backward.order and held.grad is not None and not was_none:
                self.backward.own[node] = self._tensors.encoded(held.grad)
