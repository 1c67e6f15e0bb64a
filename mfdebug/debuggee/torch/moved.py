"""Evaluates a function in float64 at its recorded inputs, and with one entry of them moved.

With that, the debugger tests what the function sends back against central differences.
"""

from __future__ import annotations

from ..text import as_json
from .remade import Refused
from .tensors import text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from ..questions import OpsQuestion
    from .rerun import Found
    from .tensors import Tensors

# The relative size of a change of the last digits of a float64.
_LAST_DIGITS = 4 * 2.0**-52


def evaluated(
    torch: Any,
    tensors: Tensors,
    leaves: dict[int, Any],
    run: Callable[[], list[Any]],
    question: OpsQuestion,
) -> Found:
    """Return the results of `run`, what it sends to the `leaves`, and its results after each move.

    A move is the input index, the position of an entry, and its value; of index -1 it is the seed
    of a change of the last digits of all inputs. All results are one after another in one array.
    """
    changes = "it changes what it is given before it computes, which is not differentiated"

    def checked() -> list[Any]:
        before = {i: leaf.detach().clone() for i, leaf in leaves.items() if leaf.requires_grad}
        found = run()
        for i, kept in before.items():
            if not torch.allclose(leaves[i], kept, rtol=0, atol=0, equal_nan=True):
                raise Refused(changes)
        return found

    results = checked()
    linked = linked_results(results)
    weights = []
    for part, result in enumerate(results):
        given = (question.outside if part in linked else question.upstream).get(part)
        if given is None:
            weights.append(torch.zeros_like(result))
            continue
        dtype, shape, data = given
        made = torch.frombuffer(bytearray(data), dtype=tensors.dtype_of(dtype)).reshape(shape)
        weights.append(made.to(dtype=result.dtype, device=result.device).expand_as(result))
    wanted = [i for i in question.wanted if i in leaves and leaves[i].requires_grad]
    sent = torch.autograd.grad(results, [leaves[i] for i in wanted], weights, allow_unused=True)
    rows = [_joined(torch, results), _joined(torch, weights)]
    for index, position, value in question.moves or ():
        with torch.no_grad():
            if index < 0:
                before = {i: leaf.clone() for i, leaf in leaves.items()}
                _shake(torch, leaves, position)
            else:
                entries = leaves[index]
                at = _index(position, entries.shape)
                before = {index: entries.clone()}
                entries[at] = value
        rows.append(_joined(torch, checked()))
        with torch.no_grad():
            for i, kept in before.items():
                leaves[i].copy_(kept)
    found = [(i, *tensors.encoded(gradient)) for i, gradient in _known(wanted, sent)]
    head = as_json({"refusal": "", "torch": str(torch.__version__)})
    return [(-1, *text(head)), (-2, *tensors.encoded(torch.stack(rows))), *found]


def _known(wanted: list[int], sent: Any) -> list[tuple[int, Any]]:
    pairs = zip(wanted, sent, strict=True)
    return [(i, gradient) for i, gradient in pairs if gradient is not None]


def _joined(torch: Any, results: list[Any]) -> Any:
    return torch.cat([x.detach().to(torch.float64).reshape(-1) for x in results])


def _shake(torch: Any, leaves: dict[int, Any], seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    for leaf in leaves.values():
        if leaf.is_floating_point():
            digits = torch.randint(-1, 2, leaf.shape, generator=generator)
            leaf.mul_(1 + digits.to(leaf) * _LAST_DIGITS)


def _index(position: int, shape: tuple[int, ...]) -> tuple[int, ...]:
    found = []
    for n in reversed(shape):
        position, at = divmod(position, n)
        found.append(at)
    return tuple(reversed(found))


def linked_results(results: list[Any]) -> set[int]:
    """Return the numbers of the results that others of them are computed from."""
    places = {(x.grad_fn, x.output_nr): k for k, x in enumerate(results) if x.grad_fn is not None}
    found: set[int] = set()
    stack = list(dict.fromkeys(engine_node for engine_node, _ in places))
    met = set(stack)
    while stack and len(results) > 1:
        for below, output in stack.pop().next_functions:
            if below is None:
                continue
            if (below, output) in places:
                found.add(places[below, output])
            if below not in met:
                met.add(below)
                stack.append(below)
    return found
