"""Runs the function of a row once more, to list the ATen ops that it consists of.

Its inputs are made again from the recorded numbers, as they lay in memory; the program's tensors
are not touched. It runs in a thread of its own, which has none of the modes, hooks and counters of
the program's, in a child process as the checks do. An accelerator cannot be used in a forked child:
with tensors on one, or if the engine has threads for one, the thread is one of the program, and the
generators of random numbers are put back.
"""

from __future__ import annotations

from _thread import allocate_lock, start_new_thread

from .. import probe
from ..questions import OpsQuestion
from ..text import as_json
from .calls import Form, filled, generators, set_generator
from .moved import evaluated, linked_results
from .ops_seen import OpsSeen
from .remade import Refused, Remade
from .tensors import text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..pass_nodes import Node
    from ..recorder import Recorder
    from ..tape import Tape
    from .calls import Call
    from .tensors import Tensors

    # The dtype, the shape and the bytes of arrays, after a number that says which it is.
    Found = list[tuple[int, str, tuple[int, ...], bytes]]

# Seconds that it may take.
TIME_LIMIT = 30.0
# Bytes of the states of generators that are kept, of the passes after which it waited last.
MAX_STATES = 32 * 2**20
# The exit status of a child in which the engine cannot run.
NOT_IN_A_CHILD = 3
# What torch says then.
_FORKED = "fork-based multiprocessing"


class Rerun:
    """Answers the debugger's questions for the ops of a row while the program waits."""

    def __init__(self, torch: Any, recorder: Recorder, tape: Tape, tensors: Tensors) -> None:
        self._torch = torch
        self._recorder = recorder
        self._tape = tape
        self._tensors = tensors
        self._remade = Remade(torch, tensors)
        # By pass and node, the generators of the functions that draw; how many bytes these are.
        self._states: dict[int, dict[int, Any]] = {}
        self._bytes = 0
        tape.on_waiting = self._keep_states

    def _keep_states(self) -> None:
        """Keep the generators of the pass at whose end the program is to wait.

        The moment after its updates is known only from the next pass.
        """
        states = {
            i: node.call.before.generators
            for i, node in enumerate(self._tape.waiting)
            if node.call is not None and node.call.before.generators
        }
        number = self._recorder.number
        self._bytes += _size_of(states) - _size_of(self._states.pop(number, {}))
        self._states[number] = states
        while self._bytes > MAX_STATES:
            self._bytes -= _size_of(self._states.pop(next(iter(self._states))))

    def answer(self, path: str) -> None:
        """Answer the question in the file `path`.ask by the file `path`.answer."""
        question = OpsQuestion.read(path + ".ask")
        if self._on_accelerator(question) or self._in_child(path, question) == NOT_IN_A_CHILD:
            found = self.in_process(question)
            with open(path + ".answer", "wb") as file:
                file.write(probe.packed(found))

    def _on_accelerator(self, question: OpsQuestion) -> bool:
        call = self._node(question).call
        forms = [] if call is None else call.before.forms
        return any(isinstance(form, Form) and form.device.type != "cpu" for form in forms)

    def _in_child(self, path: str, question: OpsQuestion) -> int:
        def work() -> Found:
            return self._in_thread(question)

        return probe.in_child(work, path, self._recorder.exit_process, TIME_LIMIT)

    def in_process(self, question: OpsQuestion) -> Found:
        """Return the answer, computed in this process; generators are as before."""
        torch, call = self._torch, self._node(question).call
        if call is not None and call.own:
            why = f"{call.own} is code of the program, which does not run a second time within it"
            return _refusal(why)
        forms = [] if call is None else call.before.forms
        devices = [form.device for form in forms if isinstance(form, Form)]
        states = generators(torch, devices)
        try:
            return self._in_thread(question)
        finally:
            for device, state in states:
                set_generator(torch, device, state)

    def _in_thread(self, question: OpsQuestion) -> Found:
        """Return the answer, or the reason why there is none, from a thread of its own."""
        done = allocate_lock()
        done.acquire()
        found: Found = []
        raised: list[BaseException] = []

        def work() -> None:
            try:
                found.extend(self._found(question))
            except BaseException as error:
                raised.append(error)
            finally:
                done.release()

        start_new_thread(work, ())
        done.acquire()
        if raised:
            if _FORKED in str(raised[0]):
                raise probe.Exit(NOT_IN_A_CHILD)
            why = str(raised[0])
            if not isinstance(raised[0], Refused):
                why = f"it raised {type(raised[0]).__name__} when it was run again: {why}"
            return _refusal(why)
        return found

    # What is asked for -------------------------------------------------------------------------

    def _node(self, question: OpsQuestion) -> Node:
        return self._tape.waiting[question.node]

    def _found(self, question: OpsQuestion) -> Found:
        node = self._node(question)
        call = node.call
        if call is None:
            raise Refused(_why_no_call(node))
        inputs = self._inputs(call, node, question)
        if question.moves is not None:
            return self._moved(call, node, inputs, question)
        seen = OpsSeen(self._torch, self._tensors)
        for index, (leaf, passed) in inputs.items():
            seen.name(leaf, ("input", index, 0))
            seen.name(passed, ("input", index, 0))
        passed = [inputs[i][1] for i in _first_indices(call, node)]
        states = self._states_of(call, question)
        at_first = self._torch.get_rng_state()
        with seen.mode:
            flat = self._called(call, passed, states)
        drew = not states and not self._torch.equal(at_first, self._torch.get_rng_state())
        results = [x for x in flat if x.requires_grad and not x.is_leaf] or passed[:1]
        for k, result in enumerate(results):
            seen.keep(("result", k), result)
        answer: dict[str, Any] = {"torch": str(self._torch.__version__), "refusal": ""}
        answer["forward"], answer["drew"] = seen.take(), drew
        answer["results"] = [seen.what(result) for result in results]
        answer["gradients"], answer["unknown"] = [], ""
        answer["casts"] = bool(call.before.autocast)
        if question.upstream:
            try:
                self._backward(call, node, results, inputs, question, seen, answer)
            except Refused as why:
                answer["unknown"] = str(why)
        answer["backward"] = seen.take()
        answer["kept"] = [[*key, i] for i, key in enumerate(seen.kept)]
        head = (-1, *text(as_json(answer)))
        return [head, *((i, *value) for i, value in enumerate(seen.kept.values()))]

    def _inputs(self, call: Call, node: Node, question: OpsQuestion) -> dict[int, tuple[Any, Any]]:
        """Return each tensor, by its first input index, and what the function is passed for it."""
        if call.problem:
            raise Refused(call.problem)
        found: dict[int, tuple[Any, Any]] = {}
        met: dict[int, int] = {}
        for index, form in enumerate(call.before.forms):
            if not isinstance(form, Form):
                raise Refused(form)
            first = met.setdefault(id(node.sources[index]), index)
            if first != index:
                if index in call.changed or first in call.changed:
                    raise Refused("it changes one of its inputs, which it is given twice")
                continue
            if index not in question.inputs:
                raise Refused("not all of its inputs are known")
            dtype = form.dtype
            if question.moves is not None and dtype.is_floating_point:
                dtype = self._torch.float64
            leaf = self._remade.made(question.inputs[index], dtype, form.device, form)
            leaf.requires_grad_(form.taken)
            # What is changed in place must not be a leaf.
            changes = form.taken and index in call.changed
            found[index] = leaf, leaf.clone() if changes else leaf
        return found

    # Forward and backward ----------------------------------------------------------------------

    def _states_of(self, call: Call, question: OpsQuestion) -> Any:
        """Return the states of the generators from which the program drew, if it may have."""
        states = call.before.generators
        if states and question.of != self._recorder.number:
            states = self._states.get(question.of, {}).get(question.there, ())
            if not states:
                raise Refused(
                    "it may draw random numbers, and the state of their generator is not kept of "
                    "this pass"
                )
        return states

    def _called(self, call: Call, tensors: list[Any], states: Any) -> list[Any]:
        """Return the tensors that the function returns."""
        torch, before = self._torch, call.before
        for device, state in states:
            set_generator(torch, device, state)
        args, kwargs = filled(call.args, tensors), filled(call.kwargs, tensors)
        # To leave torch's own context would empty the cache of casts, which all threads share.
        torch.set_autocast_cache_enabled(False)
        for kind, dtype in before.autocast:
            torch.set_autocast_enabled(kind, True)
            torch.set_autocast_dtype(kind, dtype)
        try:
            out = call.function(*args, **kwargs)
        finally:
            for kind, _ in before.autocast:
                torch.set_autocast_enabled(kind, False)
        return self._tensors.flat(out, [])

    def _moved(
        self, call: Call, node: Node, inputs: dict[int, tuple[Any, Any]], question: OpsQuestion
    ) -> Found:
        """Return what the function computes in float64, also with single entries moved."""
        states = self._states_of(call, question)
        # An entry that is moved must not be others, too, as in an expanded tensor.
        leaves = {
            index: leaf.detach().contiguous().requires_grad_(leaf.requires_grad)
            for index, (leaf, _) in inputs.items()
        }
        order, changed = _first_indices(call, node), {*call.changed}

        def run() -> list[Any]:
            given = [
                leaves[first].clone() if i in changed else leaves[first]
                for i, first in enumerate(order)
            ]
            flat = self._called(call, given, states)
            return [x for x in flat if x.requires_grad and not x.is_leaf] or given[:1]

        return evaluated(self._torch, self._tensors, leaves, run, question)

    def _backward(
        self,
        call: Call,
        node: Node,
        results: list[Any],
        inputs: dict[int, tuple[Any, Any]],
        question: OpsQuestion,
        seen: OpsSeen,
        answer: dict[str, Any],
    ) -> None:
        changed = [call.before.forms[i] for i in call.changed]
        if any(isinstance(form, Form) and form.view for form in changed):
            raise Refused(
                "it changes a view of another tensor in place, and its backward goes through that "
                "tensor, which is not an input of this row"
            )
        linked = linked_results(results)
        upstream = dict(question.upstream)
        for part in linked & set(upstream):
            if part not in question.outside:
                raise Refused(
                    "its results depend on each other, and what came to them from outside is not "
                    "known alone"
                )
            upstream[part] = question.outside[part]
        parts = {
            dict(other.form[3]).get("part", 0): other
            for other in self._tape.waiting
            if other.form[0] == "result" and other.sources[0] is node
        } or {0: node}
        roots, gradients = [], []
        for part, number in sorted(upstream.items()):
            result, other = results[part], parts.get(part)
            strides = other.strides if other is not None and part not in linked else None
            made = self._remade.made(number, result.dtype, result.device)
            if strides is not None and len(strides) == made.dim() and made.shape == result.shape:
                made = self._remade.laid_out(made, result.dtype, result.device, strides, 0)
            roots.append(result)
            gradients.append(made)
            seen.name(made, ("upstream", part, 0))
        wanted = [i for i in question.wanted if i in inputs and inputs[i][0].requires_grad]
        if not wanted:
            return
        leaves = [inputs[i][0] for i in wanted]
        with seen.mode:
            found = self._torch.autograd.grad(roots, leaves, gradients, allow_unused=True)
        for index, gradient in zip(wanted, found, strict=True):
            if gradient is not None:
                seen.keep(("gradient", index), gradient)
                answer["gradients"].append([index, seen.what(gradient)])


def _first_indices(call: Call, node: Node) -> list[int]:
    """Return for each tensor of a call the first input index of the same one."""
    numbers = {id(source): i for i, source in reversed(list(enumerate(node.sources)))}
    return [numbers[id(node.sources[i])] for i in range(len(call.before.forms))]


def _size_of(states: dict[int, Any]) -> int:
    return sum(state.nbytes for drawn in states.values() for _, state in drawn)


def _refusal(why: str) -> Found:
    return [(-1, *text(as_json({"refusal": why})))]


def _why_no_call(node: Node) -> str:
    kind = node.form[0]
    if kind == "overwritten":
        return "it is a value that was written to through another tensor, not a function"
    if kind == "costs":
        return "it stands for the tensors that backward started from"
    if node.hidden:
        return (
            "its call was not seen: it is a checkpointed or compiled region, one of torch.func, or "
            "older than mfdebug's watch"
        )
    return (
        "its call was not noted, as nobody waited for this pass when it was made: in the next pass "
        "it is"
    )
