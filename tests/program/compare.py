"""Passes as two recorders have seen them, compared number by number and bit for bit.

What is compared is a `PassSeen`, wherever it comes from: `independent_passes` reads what
`independent.py` has written, `states` a run that mfdebug has recorded.
"""

from __future__ import annotations

import math
import pickle
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np

from mfdebug.recording.records import Run
from miniflow.ops.base import Array

Edge = tuple[int, int]


@dataclass
class PassSeen:
    """A pass: its graph, and every number of it, by the numbers that its source gives to nodes.

    `begun` and `end`: what every input of the program held when it began, and in the end, where
    that was looked at; `after`: what its own inputs held when the next pass of its line began.
    `others` are those of `after` that are another graph's. `whole`: everything was kept. `cost` is
    NaN where there is none.
    """

    kinds: Sequence[str]
    inbound: Sequence[Sequence[int]]
    forward: Sequence[int]
    backward: bool
    goes_back_from: int = -1
    line: int = -1
    cost_node: int = -1
    cost: float = math.nan
    whole: bool = True
    values: dict[int, Array] = field(default_factory=dict)
    changed: dict[Edge, Array] = field(default_factory=dict)
    sent: dict[Edge, Array] = field(default_factory=dict)
    own: dict[int, Array] = field(default_factory=dict)
    texts: set[int] = field(default_factory=set)
    inputs: dict[int, Array] = field(default_factory=dict)
    begun: dict[int, Array] = field(default_factory=dict)
    end: dict[int, Array] = field(default_factory=dict)
    after: dict[int, Array] = field(default_factory=dict)
    others: set[int] = field(default_factory=set)
    fault: tuple[str, int, str, str] | None = None


# The independent recorder -------------------------------------------------------------------


def number(held: Any) -> Array | None:
    """Return a number or numbers as an array of their own kind; None for anything else."""
    if isinstance(held, list | tuple):
        try:
            held = np.asarray(held)
        except ValueError:
            return None
    if not isinstance(held, int | float | np.ndarray | np.generic):
        return None
    array = np.asarray(held)
    return array if array.dtype.kind in "biufc" else None


def independent_passes(path: Path) -> list[PassSeen]:
    """Return the passes that the independent recorder has written."""
    found = pickle.loads(path.read_bytes())
    nodes: list[tuple[str, list[int]]] = found["nodes"]
    seen = [_independent(recorded, nodes) for recorded in found["passes"]]
    end = _numbers(found["leaves"])
    for each in seen:
        each.end = end
    return seen


def _numbers(held: dict[int, Any]) -> dict[int, Array]:
    found = ((i, number(value)) for i, value in held.items())
    return {i: array for i, array in found if array is not None}


def _independent(recorded: dict[str, Any], nodes: list[tuple[str, list[int]]]) -> PassSeen:
    kinds, inbound = [kind for kind, _ in nodes], [sources for _, sources in nodes]
    made = PassSeen(
        kinds, inbound, recorded["forward"], bool(recorded["backward"]), fault=recorded["fault"]
    )
    made.goes_back_from = recorded["backward"][0] if recorded["backward"] else -1
    for i, held in recorded["values"].items():
        array = number(held)
        if array is not None:
            made.values[i] = array
        elif held is not None:
            made.texts.add(i)
    made.inputs = {i: made.values[i] for i in made.values if not inbound[i]}
    made.begun = _numbers(recorded["leaves"])
    for i, after in recorded["inputs_after"].items():
        for input_index, (old, new) in enumerate(
            zip(recorded["inputs_before"][i], after, strict=True)
        ):
            was, is_ = number(old), number(new)
            first = inbound[i].index(inbound[i][input_index])
            if is_ is not None and (was is None or not same(was, is_)) and input_index == first:
                made.changed[i, input_index] = is_
    for i, sent in recorded["gradients"].items():
        for target, held in sent.items():
            if (array := number(held)) is None:
                continue
            if target == i:
                made.own[i] = array
            elif target in inbound[i]:
                made.sent[i, inbound[i].index(target)] = array
    return made


# A run that mfdebug has recorded -------------------------------------------------------------


def opened(path: Path) -> Run:
    """Return the run in a run file."""
    from mfdebug.recording.reader import RunReader

    return RunReader(path)


def states(run: Run) -> Iterator[PassSeen]:
    """Yield the passes of a run, in their order."""
    number_of = 0
    while True:
        run.run_to(number_of)
        if number_of >= len(run):
            return
        yield state(run, number_of)
        number_of += 1


def state(run: Run, number_of: int) -> PassSeen:
    """Return one pass of a run."""
    outline = run.outline(number_of)
    structure = run.lines[outline.line]
    made = PassSeen(
        [node.kind for node in structure.nodes],
        [node.inbound for node in structure.nodes],
        structure.forward,
        outline.backward,
        line=outline.line,
        cost_node=structure.cost,
        cost=outline.cost,
        inputs=dict(run.inputs(number_of)),
        after=dict(run.inputs_after(number_of)),
        others=set(run.others_after(number_of)),
    )
    if outline.fault is not None:
        fault = outline.fault
        made.fault = (fault.direction, fault.node, fault.error, fault.words)
    numbers = run.numbers(number_of)
    made.whole = outline.whole and numbers is not None
    if numbers is not None:
        made.values, made.changed = dict(numbers.values), dict(numbers.changed)
        made.sent, made.own = dict(numbers.sent), dict(numbers.own)
        made.texts = set(numbers.texts)
    return made


# Compared -----------------------------------------------------------------------------------


def same(left: Array, right: Array) -> bool:
    """Whether two arrays are the same bit for bit: dtype, shape and bytes."""
    left, right = np.asarray(left), np.asarray(right)
    alike = left.dtype == right.dtype and left.shape == right.shape
    return alike and left.tobytes() == right.tobytes()


def differences(expected: Sequence[PassSeen], seen: Sequence[PassSeen]) -> list[str]:
    """Return what differs between two recordings of one run, a sentence each."""
    found: list[str] = []
    maps: list[dict[int, int] | None] = []
    for at, (right, other) in enumerate(zip_longest(expected, seen)):
        if right is None or other is None:
            found.append(f"{len(expected)} passes, {len(seen)} seen")
            break
        found += [f"pass {at}: {words}" for words in difference(right, other)]
        maps.append(mapping(right, other))
    for at in range(len(maps)):
        found += [f"pass {at}: {words}" for words in _afterwards(at, expected, seen, maps)]
    return found


def _afterwards(
    at: int,
    expected: Sequence[PassSeen],
    seen: Sequence[PassSeen],
    maps: Sequence[dict[int, int] | None],
) -> Iterator[str]:
    """Yield where an input is said to be other than it was when a pass of its line took it again.

    An input may be fed by its own `forward`: what it held before and after that may be meant. What
    another graph began with must be said to be another's.
    """
    fed, to = expected[at], maps[at] or {}
    later = [n for n in range(at + 1, len(maps)) if seen[n].line == seen[at].line]
    for i in fed.inputs.keys() & to.keys():
        there = to[i]
        told = seen[at].after.get(there)
        # The passes that had this very input in this very place.
        again = [n for n in later if (maps[n] or {}).get(i) == there]
        # Those over the whole graph, which may hold inputs that others have changed meanwhile.
        graph = [n for n in again if (maps[n] or {}).keys() >= to.keys()]
        right: list[Array | None] = []
        for n in {*again[:1], *graph[:1]}:
            right += [expected[n].begun.get(i), expected[n].values.get(i)]
        if not again:
            right.append(fed.end.get(i))
        if there in seen[at].others:
            back = {other: j for j, other in (maps[later[0]] or {}).items()} if later else {}
            j = back.get(there, -1)
            right = [expected[later[0]].begun.get(j), expected[later[0]].values.get(j)]
            if again:
                yield f"{fed.kinds[i]} {there} afterwards: another's, though it comes again"
        elif told is None and not again and at < len(seen) - 1:
            # Of what the program has left long ago, the end need not be known.
            continue
        arrays = [array for array in right if array is not None]
        if arrays and (told is None or not any(same(array, told) for array in arrays)):
            shown = "nothing" if told is None else short(told)
            yield f"{fed.kinds[i]} {there} afterwards: {short(arrays[0])}, seen {shown}"


def difference(expected: PassSeen, seen: PassSeen) -> list[str]:
    """Return what differs between two recordings of one pass."""
    to = mapping(expected, seen)
    if to is None:
        return [f"another graph: {_graph(expected)}; seen {_graph(seen)}"]
    found = []
    if expected.backward != seen.backward:
        found.append(f"goes back: {expected.backward}, seen {seen.backward}")
    if not seen.whole:
        found.append("not kept whole")
    maps: tuple[tuple[str, Mapping[Any, Array], Mapping[Any, Array]], ...] = (
        ("value", by_node(expected.values, to), seen.values),
        ("changed", by_edge(expected.changed, to), seen.changed),
        ("sent", by_edge(expected.sent, to), seen.sent),
        ("own gradient", by_node(expected.own, to), seen.own),
        ("input", by_node(expected.inputs, to), seen.inputs),
    )
    for what, right, others in maps:
        found += _differing(f"{what} of", right, others, seen)
    if {to[i] for i in expected.texts if i in to} != seen.texts:
        found.append(f"no number in {sorted(expected.texts)}, seen in {sorted(seen.texts)}")
    found += _cost(expected, seen, to)
    fault = expected.fault
    right_fault = None if fault is None else (fault[0], to.get(fault[1], -1), *fault[2:])
    # The words may be cut where they are long.
    shown = None if seen.fault is None else (*seen.fault[:3], "")
    if (None if right_fault is None else (*right_fault[:3], "")) != shown:
        found.append(f"fault {right_fault}, seen {seen.fault}")
    elif seen.fault is not None and right_fault is not None:
        begin = seen.fault[3].removesuffix("…").removesuffix("...").split("\n")[0]
        if not right_fault[3].startswith(begin):
            found.append(f"fault says {right_fault[3]!r}, seen {seen.fault[3]!r}")
    return found


def by_node(of: Mapping[int, Array], to: Mapping[int, int]) -> dict[int, Array]:
    """Return arrays under the numbers that another recorder has given to the nodes."""
    return {to[i]: array for i, array in of.items() if i in to}


def by_edge(of: Mapping[Edge, Array], to: Mapping[int, int]) -> dict[Edge, Array]:
    """Return the arrays of edges likewise."""
    return {(to[i], input_index): array for (i, input_index), array in of.items() if i in to}


def _cost(expected: PassSeen, seen: PassSeen, to: Mapping[int, int]) -> Iterator[str]:
    (node,) = [i for i in to if to[i] == seen.cost_node] or [-1]
    value = expected.values.get(node, np.array(math.nan))
    # Of several numbers the cost is the sum, in whatever order it is taken.
    right = float(np.sum(value.astype(np.float64)))
    digits = 1e-9 if value.dtype.itemsize > 4 else 1e-5
    alike = right == seen.cost
    if value.size > 1:
        alike = math.isclose(right, seen.cost, rel_tol=digits)
    if not alike and not (math.isnan(right) and math.isnan(seen.cost)):
        yield f"cost {right!r}, seen {seen.cost!r}"


def _differing(
    what: str, right: Mapping[Any, Array], seen: Mapping[Any, Array], expected: PassSeen
) -> Iterator[str]:
    for key, array in right.items():
        node = key if isinstance(key, int) else key[0]
        if key not in seen:
            yield f"{what} {expected.kinds[node]} {key}: {short(array)}, not seen"
        elif not same(array, seen[key]):
            yield f"{what} {expected.kinds[node]} {key}: {short(array)}, seen {short(seen[key])}"
    for key in seen.keys() - right.keys():
        node = key if isinstance(key, int) else key[0]
        if expected.inbound[node]:
            # Of an input that no node of this pass has used, nothing is expected.
            yield f"{what} {expected.kinds[node]} {key}: nothing, seen {short(seen[key])}"


def mapping(expected: PassSeen, seen: PassSeen) -> dict[int, int] | None:
    """Return which node is which: by the cost and all that it depends on, or by their order.

    A node that the cost does not depend on may have none: then another kind of it was not seen.
    """
    last = [*expected.forward[-1:]]
    if expected.goes_back_from >= 0:
        last = [expected.goes_back_from]
    elif expected.fault is not None:
        # Its graph may be known from another pass.
        last.append(expected.fault[1])
    found = None
    for node in (*last, *sorted(_ends(expected), reverse=True)):
        found = found or _closed([(node, seen.cost_node)], expected, seen)
    by_order = list(zip(expected.forward, seen.forward, strict=False))
    if found is None and len(by_order) == len(expected.forward):
        found = _closed(by_order, expected, seen)
    if found is None:
        return None
    taken = set(found.values())
    called = [*expected.forward, *([] if expected.fault is None else [expected.fault[1]])]
    for i in dict.fromkeys(n for j in called for n in (*expected.inbound[j], j)):
        if i in found or not all(source in found for source in expected.inbound[i]):
            continue
        inbound = [found[source] for source in expected.inbound[i]]
        for other, kind in enumerate(seen.kinds):
            if other not in taken and (kind, [*seen.inbound[other]]) == (
                expected.kinds[i],
                inbound,
            ):
                found[i] = other
                taken.add(other)
                break
    return found


def _closed(pairs: list[Edge], expected: PassSeen, seen: PassSeen) -> dict[int, int] | None:
    """Return pairs with those of all that they depend on, or None if they contradict."""
    to: dict[int, int] = {}
    back: dict[int, int] = {}
    todo = [*pairs]
    while todo:
        node, other = todo.pop()
        if to.get(node, other) != other or back.get(other, node) != node:
            return None
        if node in to:
            continue
        if expected.kinds[node] != seen.kinds[other]:
            return None
        if len(expected.inbound[node]) != len(seen.inbound[other]):
            return None
        to[node], back[other] = other, node
        todo += zip(expected.inbound[node], seen.inbound[other], strict=True)
    return to


def _ends(seen: PassSeen) -> list[int]:
    used = {source for i in seen.forward for source in seen.inbound[i]}
    return [i for i in seen.forward if i not in used]


def _graph(seen: PassSeen) -> str:
    return " ".join(f"{i}={seen.kinds[i]}{tuple(seen.inbound[i])}" for i in seen.forward)


def short(array: Array) -> str:
    """Return an array in a few words."""
    array = np.asarray(array)
    return f"{array.dtype}{array.shape} {array.reshape(-1)[:4].tolist()}"
