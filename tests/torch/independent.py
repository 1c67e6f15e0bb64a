"""Records a PyTorch program by other means than mfdebug: `python independent.py OUT prog.py`.

It knows a result by its place in the graph of the engine (never by a number that the engine gives),
and takes what arrives from hooks that run before the nodes of the engine.
"""

from __future__ import annotations

import pickle
import runpy
import sys
import threading
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

Place = tuple[Any, int]

PASSIVE = {
    "backward",
    "grad",
    "register_hook",
    "retain_grad",
    "requires_grad_",
    "detach",
    "detach_",
}
CALLS: list[dict[str, Any]] = []
RESULTS: list[dict[str, Any]] = []
PASSES: list[dict[str, Any]] = []
# What keeps ids unique: every tensor and every node of the engine that was met.
KEPT: list[Any] = []
place_of: dict[Place, int] = {}
owner_of: dict[Any, int] = {}
result_of_tensor: dict[int, int] = {}
leaves: dict[int, Any] = {}
running = 0
THREAD = threading.get_ident()


def bits(tensor: Any) -> tuple[str, tuple[int, ...], bytes] | None:
    """Return dtype, shape and bytes; half precision as float32, which holds it exactly."""
    if tensor is None:
        return None
    if torch._C._functorch.is_functorch_wrapped_tensor(tensor):
        return None
    plain = tensor.detach().resolve_conj().resolve_neg()
    plain = plain.float() if plain.dtype in (torch.bfloat16, torch.float16) else plain
    try:
        array = plain.contiguous().cpu().numpy()
    except RuntimeError:  # of a transform that has ended
        return None
    return array.dtype.str, array.shape, array.tobytes()


def flat(thing: Any) -> list[Any]:
    if isinstance(thing, torch.Tensor):
        return [thing]
    if isinstance(thing, list | tuple):
        return [tensor for item in thing for tensor in flat(item)]
    if isinstance(thing, dict):
        return flat(list(thing.values()))
    if isinstance(thing, slice):
        return flat([thing.start, thing.stop, thing.step])
    return []


def place(tensor: Any) -> Place:
    node = tensor.grad_fn
    KEPT.append(node)
    return node, tensor.output_nr


def made(tensor: Any, call: int) -> int:
    """Note a result of a call."""
    KEPT.append(tensor)
    where = place(tensor)
    at = len(RESULTS)
    RESULTS.append({"call": call, "value": bits(tensor)})
    place_of[where] = result_of_tensor[id(tensor)] = at
    new = [where[0]]
    while new:
        node = new.pop()
        if node is None or node in owner_of or hasattr(node, "variable"):
            continue
        owner_of[node] = call
        KEPT.append(node)
        new += [below for below, output in node.next_functions if (below, output) not in place_of]
    return at


def source(tensor: Any) -> tuple[Any, ...]:
    """Note a tensor that is used, and return what it is."""
    if not tensor.requires_grad or tensor.grad_fn is None:
        leaves.setdefault(id(tensor), tensor)
        return "leaf", id(tensor), bits(tensor), tensor.requires_grad
    known = place_of.get(place(tensor))
    before = result_of_tensor.get(id(tensor))
    if known is not None and (known != before or RESULTS[known]["value"] == bits(tensor)):
        return "result", known
    name = "hidden" if before is None else "overwritten"
    CALLS.append({"name": name, "sources": below(tensor, before)})
    return "result", made(tensor, len(CALLS) - 1)


def below(tensor: Any, before: int | None) -> list[tuple[Any, ...]]:
    """Return the nearest known tensors that one was made from."""
    found: list[tuple[Any, ...]] = [] if before is None else [("result", before)]
    new, met = [tensor.grad_fn], set()
    while new:
        for node, output in new.pop().next_functions:
            if node is None or (node, output) in met:
                continue
            met.add((node, output))
            if (node, output) in place_of:
                found.append(("result", place_of[node, output]))
            elif hasattr(node, "variable"):
                found.append(source(node.variable))
            else:
                new.append(node)
    return found


class Keep(TorchFunctionMode):
    """Keeps the arguments and the results of what the program calls."""

    def __torch_function__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        name = getattr(function, "__name__", "")
        if name in ("__get__", "__set__"):
            name = getattr(getattr(function, "__self__", None), "__name__", "")
            passive = name not in ("T", "mT", "H", "mH", "real", "imag")
        else:
            passive = name in PASSIVE
        if passive or running or not plain():
            return function(*args, **kwargs)
        return kept(name.strip("_"), function, args, kwargs)


def applied(original: Any) -> Any:
    """Return `apply` of functions with a backward of their own, of which no mode is told."""

    def apply(cls: Any, *args: Any, **kwargs: Any) -> Any:
        def function(*args: Any, **kwargs: Any) -> Any:
            return original(cls, *args, **kwargs)

        if running or not plain() or cls.__module__.startswith("torch."):
            return function(*args, **kwargs)
        return kept(cls.__name__, function, args, kwargs)

    return classmethod(apply)


def kept(name: str, function: Any, args: Any, kwargs: Any) -> Any:
    """Call a function, and keep its arguments and its results."""
    with torch._C.DisableTorchFunction():
        tensors = flat([args, kwargs])
        counts = any(tensor.requires_grad for tensor in tensors)
        sources = [source(tensor) for tensor in tensors] if counts else []
        before = [tensor.grad_fn for tensor in tensors]
    out = function(*args, **kwargs)
    if counts and torch.is_grad_enabled():
        with torch._C.DisableTorchFunction():
            results = [t for t in flat(out) if t.requires_grad and t.grad_fn is not None]
            if not results:
                pairs = zip(tensors, before, strict=True)
                results = [t for t, was in pairs if t.grad_fn is not was][:1]
            if any(place(t) not in place_of for t in results):
                CALLS.append({"name": name, "sources": sources})
                call = len(CALLS) - 1
                CALLS[call]["results"] = [made(t, call) for t in results]
    return out


def plain() -> bool:
    transforms = torch._C._functorch.peek_interpreter_stack()
    return transforms is None and torch._C._get_tracing_state() is None


def watched(function: Any) -> Any:
    """Return `backward` or `grad`, with what the engine sends kept."""

    def run(*args: Any, **kwargs: Any) -> Any:
        global running
        if running or threading.get_ident() != THREAD or not plain():
            return function(*args, **kwargs)
        roots = args[0] if args else kwargs[next(iter(kwargs))]
        with torch._C.DisableTorchFunction():
            starts = [source(root) for root in flat(roots)]
            handles, arrived, sent = hooked([t.grad_fn for t in flat(roots)])
        running += 1
        out, error = None, None
        try:
            out = function(*args, **kwargs)
        except BaseException as raised:
            error = type(raised).__name__
            raise
        finally:
            running -= 1
            for handle in handles:
                handle.remove()
            with torch._C.DisableTorchFunction():
                note(starts, arrived, sent, error)
                if function.__name__ == "grad" and out is not None:
                    inputs = args[1] if len(args) > 1 else kwargs["inputs"]
                    asked(flat(inputs), [out] if isinstance(out, torch.Tensor) else out)
        return out

    return run


def hooked(roots: list[Any]) -> Any:
    arrived: dict[Any, Any] = {}
    sent: dict[Any, list[Any]] = {}
    handles, queue, met = [], [root for root in roots if root is not None], set()
    while queue:
        node = queue.pop()
        if node in met:
            continue
        met.add(node)
        KEPT.append(node)

        def before(gradients: Any, node: Any = node) -> None:
            with torch._C.DisableTorchFunction():
                for output, gradient in enumerate(gradients):
                    arrived[node, output] = bits(gradient)

        def after(shares: Any, gradients: Any, node: Any = node) -> None:
            with torch._C.DisableTorchFunction():
                for to, share in zip(node.next_functions, shares, strict=False):
                    if share is not None:
                        sent.setdefault((node, to), []).append(share.detach().clone())

        handles.append(node.register_prehook(before))
        if not hasattr(node, "variable"):
            handles.append(node.register_hook(after))
        queue += [below for below, _ in node.next_functions if below is not None]
    return handles, arrived, sent


def note(starts: Any, arrived: Any, sent: Any, error: str | None) -> None:
    gradients, edges, grads = {}, {}, {}
    for (node, output), gradient in arrived.items():
        if (node, output) in place_of:
            gradients[place_of[node, output]] = gradient
        elif hasattr(node, "variable"):
            grads[id(node.variable)] = bits(node.variable.grad)
    for (node, (to, output)), shares in sent.items():
        call = owner_of.get(node)
        target: Any = None
        if hasattr(to, "variable"):
            target = "leaf", id(to.variable)
        elif (to, output) in place_of:
            target = "result", place_of[to, output]
        if call is None or target is None:
            continue
        # What a function sends in several parts adds up within it.
        edges.setdefault((call, target), []).extend(shares)
    sums = {key: bits(sum(shares[1:], shares[0])) for key, shares in edges.items()}
    held = {key: bits(leaf) for key, leaf in leaves.items() if leaf.requires_grad}
    PASSES.append(
        {
            "starts": starts,
            "gradients": gradients,
            "edges": sums,
            "grads": grads,
            "held": held,
            "stepped": {},
            "error": error,
        }
    )


def asked(inputs: list[Any], out: Any) -> None:
    last = PASSES[-1]
    for tensor, gradient in zip(inputs, out, strict=True):
        if gradient is None:
            continue
        if tensor.grad_fn is None:
            last["grads"][id(tensor)] = bits(gradient)
        elif place(tensor) in place_of:
            last["gradients"][place_of[place(tensor)]] = bits(gradient)


def stepped(optimizer: Any, _args: Any, _kwargs: Any) -> None:
    """Note what a step has left in the parameters: the program may change them after it."""
    if PASSES:
        with torch._C.DisableTorchFunction():
            for group in optimizer.param_groups:
                PASSES[-1]["stepped"] |= {id(each): bits(each) for each in group["params"]}


def write() -> None:
    with torch._C.DisableTorchFunction():
        end = {key: bits(leaf) for key, leaf in leaves.items()}
    with open(sys.argv[0], "wb") as file:
        pickle.dump({"calls": CALLS, "results": RESULTS, "passes": PASSES, "end": end}, file)


def main() -> None:
    sys.argv = sys.argv[1:]
    out, program = sys.argv[:2]
    # What is compiled computes the same in steps of its own.
    torch.compile = lambda *args, **kwargs: args[0] if args else lambda function: function
    torch.autograd.backward = watched(torch.autograd.backward)
    torch.autograd.grad = watched(torch.autograd.grad)
    torch.autograd.Function.apply = applied(torch.autograd.Function.apply.__func__)
    # The package has deleted its own name for the module.
    sys.modules["torch.optim.optimizer"].register_optimizer_step_post_hook(stepped)
    try:
        sys.argv = sys.argv[1:]
        sys.path[0] = program.rpartition("/")[0] or "."
        with Keep():
            runpy.run_path(program, run_name="__main__")
    finally:
        sys.argv = [out]
        write()


if __name__ == "__main__":
    main()
