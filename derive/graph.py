"""Small graphs: strongly connected components in topological order, and a smallest feedback vertex set."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations

__all__ = ["components", "feedback_set", "topological"]

# a smallest feedback set is found by trying all subsets up to so many nodes
_MANY = 16


def components(nodes: Sequence[int], edges: Mapping[int, Iterable[int]]) -> list[list[int]]:
    """Strongly connected components, every component after the ones its edges point to (Tarjan)."""
    order: dict[int, int] = {}
    low: dict[int, int] = {}
    stack: list[int] = []
    out: list[list[int]] = []

    def visit(v: int) -> None:
        order[v] = low[v] = len(order)
        stack.append(v)
        for w in edges.get(v, ()):
            if w not in order:
                visit(w)
                low[v] = min(low[v], low[w])
            elif w in stack:
                low[v] = min(low[v], order[w])
        if low[v] == order[v]:
            component = []
            while True:
                w = stack.pop()
                component.append(w)
                if w == v:
                    break
            out.append(sorted(component))

    for v in nodes:
        if v not in order:
            visit(v)
    return out


def topological(nodes: Sequence[int], edges: Mapping[int, Iterable[int]]) -> list[int] | None:
    """Every node after the ones it points to, or None if there is a cycle."""
    out: list[int] = []
    for component in components(nodes, edges):
        v = component[0]
        if len(component) > 1 or v in set(edges.get(v, ())):
            return None
        out.append(v)
    return out


def feedback_set(
    nodes: Sequence[int], edges: Mapping[int, Iterable[int]], prefer: Sequence[int], limit: int | None = None
) -> list[int] | None:
    """A smallest set whose removal leaves no cycle; among those, the first in the order of ``prefer``.

    None if it would have more than ``limit`` members.
    """
    ranked = [v for v in prefer if v in nodes] + [v for v in nodes if v not in prefer]
    if limit is None and len(ranked) > _MANY:
        return _greedy_feedback_set(ranked, edges)
    for size in range(len(ranked) + 1 if limit is None else limit + 1):
        for chosen in combinations(ranked, size):
            rest = [v for v in nodes if v not in chosen]
            inside = {v: [w for w in edges.get(v, ()) if w in rest] for v in rest}
            if topological(rest, inside) is not None:
                return list(chosen)
    return None


def _greedy_feedback_set(ranked: Sequence[int], edges: Mapping[int, Iterable[int]]) -> list[int]:
    """A small set, not always a smallest one: the busiest nodes, without those that turn out not to be needed."""
    chosen: list[int] = []
    rest = list(ranked)

    def acyclic(kept: Sequence[int]) -> bool:
        inside = set(kept)
        return topological(kept, {v: [w for w in edges.get(v, ()) if w in inside] for v in kept}) is not None

    while not acyclic(rest):
        inside = set(rest)
        out = {v: [w for w in edges.get(v, ()) if w in inside] for v in rest}
        into = {v: sum(v in out[w] for w in rest) for v in rest}
        busiest = max(rest, key=lambda v: (v in out[v], len(out[v]) * into[v], -rest.index(v)))
        chosen.append(busiest)
        rest.remove(busiest)
    for v in list(chosen):
        if acyclic([*rest, v]):
            chosen.remove(v)
            rest.append(v)
    return sorted(chosen, key=ranked.index)
