"""Small graphs: strongly connected components in topological order, and a smallest feedback vertex set."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations

__all__ = ["components", "feedback_set", "topological"]


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
    for size in range(len(ranked) + 1 if limit is None else limit + 1):
        for chosen in combinations(ranked, size):
            rest = [v for v in nodes if v not in chosen]
            inside = {v: [w for w in edges.get(v, ()) if w in rest] for v in rest}
            if topological(rest, inside) is not None:
                return list(chosen)
    return None
