"""What the engine of PyTorch sends backward, noted by hooks on its nodes.

A hook sees what arrives at a node, after the program's own hooks, and what the node sends on. A
node of the engine belongs to the function during which it was made.
"""

from __future__ import annotations

from bisect import bisect_right

from ..pace import Pace
from ..pass_nodes import Backward, Fault, Node, ancestors
from .alike import Alike
from .forward import HiddenNode
from .pass_kinds import PassKinds, walk
from .tensors import text
from .unseen import Unseen

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from ..open_pass import Encoded
    from ..recorder import Recorder
    from ..tape import Outline, Tape
    from .forward import Forward
    from .tensors import Tensors


if TYPE_CHECKING:
    # A pass that has begun: its cost, and what watches the engine; or what it consists of, as known
    # from an earlier one, and its cost in bytes.
    Begun = tuple[Node, "Watched"] | tuple[Outline, Encoded]

# Passes after which it is asked again whether the limit on bytes allows to write one whole.
PAUSE = 10


class Gradients:
    """Watches the engine while it runs, and writes the pass."""

    def __init__(
        self, torch: Any, recorder: Recorder, tape: Tape, forward: Forward, tensors: Tensors
    ) -> None:
        self._recorder = recorder
        self._tape = tape
        self._forward = forward
        self._tensors = tensors
        self._unseen = Unseen(tape, forward)
        self._kinds = PassKinds()
        self.pace = Pace()
        self.alike = Alike(torch, recorder, tape, self.pace, self._due)
        self._kind = -1
        # Whether a pass that is not watched shows what all parameters of the one before became.
        self._all_inputs = True
        tape.on_written = lambda: self.pace.ended(self._kind)

    def before(self, roots: Any, inputs: Any) -> Begun:
        """Watch the engine, which starts from the tensors `roots`, until `after` is called.

        `inputs` are the tensors whose gradients it returns, if it does.
        """
        self.alike.reset()
        if not self.pace.whole and len(roots) == 1 and not self._tape.due:
            found = self._unwatched(roots[0])
            if found is not None:
                return found
        roots = [root for root in roots if isinstance(root, self._tensors.type)]
        engine_nodes, form = walk([root.grad_fn for root in roots])
        self._kind = self._kinds.number_of(form)
        self._all_inputs = True
        costs = [self._forward.root(root) for root in roots]
        if len(costs) == 1:
            cost = costs[0]
        else:
            several = text(f"{len(costs)} tensors")
            cost = Node(self._tape.new_serial(), ("costs", "", -1, ()), costs, several)
        asked = [self._forward.node_of(x) for x in inputs]
        nodes = ancestors([cost])
        merged = _merge_leaves(nodes)
        if merged:
            asked = [merged.get(node, node) for node in asked]
            nodes = ancestors([cost])
        watched = Watched(self._recorder, self._tensors, nodes, asked, self.pace)
        watched.hook(engine_nodes)
        return cost, watched

    def _unwatched(self, root: Any) -> tuple[Outline, Encoded] | None:
        """Return what a pass consists of as known from an earlier one, and its cost."""
        end = getattr(root, "grad_fn", None)
        if end is None:
            return None
        form = walk((end,))[1]
        self._kind = self._kinds.number_of(form)
        outline = self._tape.outline(self._kind)
        if outline is None:
            return None
        self.alike.seen(form, outline)
        return outline, self._tensors.encoded(root)

    def after(self, begun: Begun, out: Any, error: BaseException | None) -> None:
        """Write the pass; `error` is what the engine has raised, `out` what it has returned."""
        self._forward.end_pass()
        if isinstance(begun[1], Watched):
            cost, watched = begun
            watched.finish(out)
            fault = self._fault(cost, watched, error)
            self._tape.write(cost, watched.backward, fault, kind=self._kind)
        else:
            outline, value = begun
            if self._all_inputs:
                self._tape.write_inputs(outline, value)
                self._all_inputs = False
            else:
                self._tape.write_cost(outline, value)
        self._end_pass()

    def _due(self) -> None:
        """Ask what comes next after a pass that looks as the last one did."""
        self.pace.enter()
        self.pace.ended(self._kind)
        self._recorder.pause(self._recorder.number)
        self._end_pass()

    def _end_pass(self) -> None:
        recorder, pace, due = self._recorder, self.pace, self._tape.due
        pace.asked = due
        every = recorder.every
        pace.whole = due or bool((pace.whole or every) and self._tape.fits)
        if not pace.whole:
            if every:
                rest: float = every - 1 - recorder.number % every
            else:
                # If time is left, the limit on bytes is reached.
                rest = pace.rest(self._kind) + 1 if pace.in_debt else PAUSE
            self.alike.allow(rest)
        pace.start()

    def show(self, tensor: Any, name: str) -> None:
        """Write what a tensor was computed from, as the pass whose backward may follow."""
        self._tape.show(self._unseen.node_of(tensor, name))
        self.pace.ask()

    def _fault(self, cost: Node, watched: Watched, error: BaseException | None) -> Fault | None:
        if not isinstance(error, Exception):
            return None
        order = watched.backward.order
        # Its moment is the last one, though it has sent nothing.
        failed = watched.failed() or next(reversed(order), cost)
        order.pop(failed, None)
        order[failed] = None
        return Fault("b", failed, type(error).__name__, self._recorder.message(error))


def _merge_leaves(nodes: list[Node]) -> dict[Node, Node]:
    """Let one node stand for each trained input; return what stands for others now.

    After each pass an input gets a node anew, as it may have another value. But a pass may go on
    with the graph of the one before, as a penalty on gradients does, so that both nodes are in it.
    """
    first: dict[int, Node] = {}
    merged: dict[Node, Node] = {}
    for node in nodes:
        held = None if node.instance is None else node.instance()
        if held is None:
            continue
        known = first.setdefault(id(held), node)
        if known is not node and known.value == node.value:
            merged[node] = known
            if not known.form[1]:
                known.form = node.form
    if merged:
        for node in nodes:
            node.sources = [merged.get(source, source) for source in node.sources]
    return merged


class Watched:
    """One run of the engine over the nodes of a pass."""

    def __init__(
        self,
        recorder: Recorder,
        tensors: Tensors,
        nodes: list[Node],
        asked: list[Node],
        pace: Pace,
    ) -> None:
        self._recorder = recorder
        self._pace = pace
        self.backward = Backward()
        self._tensors = tensors
        self._nodes = set(nodes)
        # The nodes whose gradients the program has asked for.
        self._asked = asked
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
        # What unseen functions may send to, or not: that is not known of each.
        self._unsure = {
            source for node in nodes if isinstance(node, HiddenNode) for source in node.sources
        }
        self._handles: list[Any] = []
        # The nodes of the engine with their edges, and those that have run to their end.
        self._engine_nodes: list[tuple[Any, Any]] = []
        self._ended: set[Any] = set()
        # For each node, how often something was sent to it; address and version of the last.
        self._arrived: dict[Node, tuple[int, tuple[int, int] | None]] = {}

    def hook(self, engine_nodes: list[tuple[Any, Any]]) -> None:
        """Set a hook on every node of the engine, given with its edges."""
        self._engine_nodes = engine_nodes
        for engine_node, edges in engine_nodes:
            note = self._hook(engine_node, edges)
            self._handles.append(engine_node.register_hook(self._guarded(note)))

    def _guarded(self, note: Callable[[Any, Any], None]) -> Callable[[Any, Any], None]:
        """Return a hook whose errors the program does not see."""
        pace = self._pace

        def guarded(shares: Any, gradients: Any) -> None:
            if self._recorder.off:
                return
            pace.enter()
            try:
                note(shares, gradients)
            except (RecursionError, MemoryError):
                # The program is about to have it, too.
                pass
            except Exception as error:
                self._recorder.failed(error)
            finally:
                pace.leave()

        return guarded

    def _hook(self, engine_node: Any, edges: Any) -> Callable[[Any, Any], None]:
        if hasattr(engine_node, "variable"):
            leaf = self._leaves.get(id(engine_node.variable))
            node = None if leaf is None else leaf[0]

            def arrived(_: Any, gradients: Any) -> None:
                self._ended.add(engine_node)
                if node is not None and gradients[0] is not None:
                    self._arrive(node, gradients[0])
                    self.backward.order[node] = None

            return arrived
        sequence = engine_node._sequence_nr()
        owner = self._owner(sequence)
        targets = [self._target(below, output, owner) for below, output in edges]

        def sent(shares: Any, gradients: Any) -> None:
            self._ended.add(engine_node)
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
        at = bisect_right(self._starts, sequence) - 1
        if at >= 0 and sequence < self._spans[at][1]:
            return self._spans[at][2]
        return self._hidden.get(sequence)

    def _target(self, below: Any, output: int, owner: Node | None) -> Node | None:
        """Return the node at whose place a gradient arrives; None within the same function."""
        if below is None:
            return None
        if hasattr(below, "variable"):
            leaf = self._leaves.get(id(below.variable))
            return None if leaf is None else leaf[0]
        target = self._by_place.get((below._sequence_nr(), output))
        if target is None or target is owner:
            return None
        # One result may be computed from another one of the same function.
        is_part = target.form[0] == "result" and target.sources[0] is owner
        return None if is_part else target

    def _arrive(self, node: Node, gradient: Any) -> None:
        """Note the gradient of a node, unless it is known to be the one contribution there is."""
        strides = self._tensors.strides(gradient)
        if strides is not None:
            node.strides = strides
        count, last = self._arrived.get(node, (0, None))
        unsure = node in self._unsure
        if unsure or count != 1 or last is None or last != self._tensors.mark(gradient):
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
        count = self._arrived.get(target, (0, None))[0]
        self._arrived[target] = count + 1, self._tensors.mark(share)

    def _note_returned(self, gradients: Sequence[Any]) -> None:
        """Note the gradients that the program has asked for: no hook has seen them arrive."""
        for node, gradient in zip(self._asked, gradients, strict=False):
            if gradient is not None and node in self._nodes:
                self.backward.own[node] = self._tensors.encoded(gradient)
                self.backward.order.setdefault(node)

    def failed(self) -> Node | None:
        """Return the node whose backward has raised; None if that cannot be known.

        Of the engine's nodes that wait for nothing, it runs the one that was made last; which of
        them it leaves out, since the program asks for certain gradients only, is not known.
        """
        if self._asked:
            return None
        waiting = [pair for pair in self._engine_nodes if pair[0] not in self._ended]
        behind = {below for _, edges in waiting for below, _ in edges}
        ready = [engine_node for engine_node, _ in waiting if engine_node not in behind]
        if not ready:
            return None
        engine_node = max(ready, key=lambda node: node._sequence_nr())
        if hasattr(engine_node, "variable"):
            leaf = self._leaves.get(id(engine_node.variable))
            return None if leaf is None else leaf[0]
        return self._owner(engine_node._sequence_nr())

    def finish(self, out: Any) -> None:
        """Remove the hooks, and note what the parameters hold now, and what was returned."""
        for handle in self._handles:
            handle.remove()
        for node, held, was_none in self._leaves.values():
            if node not in self.backward.order or held.grad is None:
                continue
            # It is what has arrived, unless it was added, or changed by the program's own hook.
            if not was_none or held._post_accumulate_grad_hooks:
                self.backward.own[node] = self._tensors.encoded(held.grad)
        if out is not None:
            # Last: what is returned is not in the `grad` of a parameter.
            self._note_returned(out)
        self.backward.put_in_order()
