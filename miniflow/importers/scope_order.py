"""The order of an imported model's nodes: topological, and with each scope in one piece.

A reader makes nodes as it needs them, so that the parameter of a module can come between two
operations of another. Where the edges allow it, the nodes of a scope follow one another, and so do
the scopes within it.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence

from miniflow.text.scope_names import split_name
from miniflow.toposort import topological_order

Edges = Sequence[Sequence[int]]


def scope_order(names: Sequence[str], inbound: Edges) -> list[int]:
    """Return 0 .. n-1 in a topological order that keeps scopes together.

    `inbound` has the inputs of each node. A scope that the graph leaves and comes back to is not
    kept together, but the scopes within it are. Apart from that the order is that of
    `topological_order`. The time is linear in nodes and edges, for each level of scopes.
    """
    paths = [split_name(name) for name in names]
    return list(_arranged(range(len(names)), 1, paths, inbound))


def _arranged(
    nodes: Sequence[int], level: int, paths: Sequence[tuple[str, ...]], inbound: Edges
) -> Iterator[int]:
    """Yield the nodes, which share their outer `level` - 1 scopes, in order."""
    levels = dict.fromkeys(nodes, level)
    while True:
        units = _units(nodes, levels, paths)
        needs = _needs(units, inbound)
        split = _scopes_to_split(units, needs)
        if not split:
            break
        for number in split:
            for node in units[number]:
                levels[node] += 1
    for number in topological_order(needs):
        members = units[number]
        if len(members) == 1:
            yield members[0]
        else:
            yield from _arranged(members, levels[members[0]] + 1, paths, inbound)


def _units(
    nodes: Sequence[int], levels: dict[int, int], paths: Sequence[tuple[str, ...]]
) -> list[list[int]]:
    """Return the nodes of each scope at their levels, and those that are in none, alone."""
    units: dict[Hashable, list[int]] = {}
    for node in nodes:
        path, level = paths[node], levels[node]
        units.setdefault(path[:level] if level < len(path) else node, []).append(node)
    return list(units.values())


def _needs(units: list[list[int]], inbound: Edges) -> list[list[int]]:
    """Return the other units that each unit takes inputs from."""
    unit_of = {node: number for number, members in enumerate(units) for node in members}
    needs = []
    for number, members in enumerate(units):
        sources = {unit_of[s] for node in members for s in inbound[node] if s in unit_of}
        needs.append(sorted(sources - {number}))
    return needs


def _scopes_to_split(units: list[list[int]], needs: Edges) -> list[int]:
    """Return scopes that depend on themselves through others, of each cycle all but the largest.

    The largest may be in one piece once the others are not: of two layers that share a weight, the
    one that only has a product.
    """
    split = []
    for component in _components(needs):
        scopes = [number for number in component if len(units[number]) > 1]
        if len(component) > 1:
            largest = max(scopes, key=lambda number: len(units[number]))
            split += [s for s in scopes if s != largest] if len(scopes) > 1 else scopes
    return split


def _components(edges: Edges) -> Iterator[list[int]]:
    """Yield the strongly connected components (R. Tarjan, SIAM J. Comput. 1, 1972)."""
    done = len(edges) + 1
    # The number of each vertex's visit, later that of the earliest one that it leads back to.
    low = [0] * len(edges)
    visits = 0
    open_vertices: list[int] = []
    for start in range(len(edges)):
        fresh = None if low[start] else start
        path: list[tuple[int, int, Iterator[int]]] = []
        while path or fresh is not None:
            if fresh is not None:
                visits += 1
                low[fresh] = visits
                open_vertices.append(fresh)
                path.append((fresh, visits, iter(edges[fresh])))
            vertex, own, targets = path[-1]
            fresh = next((target for target in targets if not low[target]), None)
            if fresh is not None:
                continue
            path.pop()
            low[vertex] = min([own, *(low[target] for target in edges[vertex])])
            if low[vertex] == own:
                component: list[int] = []
                while not component or component[-1] != vertex:
                    component.append(open_vertices.pop())
                    low[component[-1]] = done
                yield component
