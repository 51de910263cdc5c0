"""What a product, a solve or an inverse costs, by the structure of its operands.

A structure is known before any number is: ``("identity",)``, ``("diagonal",)``, ``("kron", k, l)`` for a ``k x l``
array times a growing identity, ``("full",)``. Costs are in floating-point operations; only their ratios matter.
"""

from __future__ import annotations

__all__ = [
    "DIAGONAL",
    "FULL",
    "IDENTITY",
    "Structure",
    "eigen_cost",
    "inverse_cost",
    "product_cost",
    "product_structure",
    "solve_cost",
    "sum_structure",
]

Structure = tuple  # ("kron", k, l) carries its small shape

IDENTITY: Structure = ("identity",)
DIAGONAL: Structure = ("diagonal",)
FULL: Structure = ("full",)


def product_structure(a: Structure, b: Structure) -> Structure:
    """The structure of a product, as :meth:`verify.structured.Workspace.multiply` makes it."""
    if a == IDENTITY:
        return b
    if b == IDENTITY:
        return a
    if a == DIAGONAL and b == DIAGONAL:
        return DIAGONAL
    if a[0] == b[0] == "kron" and a[2] == b[1]:
        return ("kron", a[1], b[2])
    return FULL


def sum_structure(terms: list[Structure]) -> Structure:
    """The structure of a sum, as :meth:`verify.structured.Workspace.add` makes it."""
    kinds = set(terms)
    if kinds <= {IDENTITY}:
        return IDENTITY
    if kinds <= {IDENTITY, DIAGONAL}:
        return DIAGONAL
    others = kinds - {IDENTITY}
    only = next(iter(others))
    return only if len(others) == 1 and only[0] == "kron" else FULL


def product_cost(a: Structure, b: Structure, m: int, k: int, n: int) -> float:
    """Of an ``m x k`` times a ``k x n`` matrix."""
    result = product_structure(a, b)
    if result != FULL:
        return float(min(m, n))
    if DIAGONAL in (a, b) or IDENTITY in (a, b):
        return float(m * n)
    if a[0] == "kron":
        return 2.0 * m * n * a[2]
    if b[0] == "kron":
        return 2.0 * m * n * b[1]
    return 2.0 * m * k * n


def inverse_cost(structure: Structure, n: int) -> float:
    """LAPACK's gesv with the identity on the right: factors, then solves for n columns."""
    return solve_cost(n, n) if structure == FULL else float(n)


def solve_cost(n: int, width: int) -> float:
    """One factorisation and ``width`` right-hand sides."""
    return 2 / 3 * n**3 + 2.0 * n * n * width


def eigen_cost(n: int, vectors: bool) -> float:
    """LAPACK's syevd: half of the reduction to tridiagonal form runs at the speed of memory, so it counts more."""
    return (9.0 if vectors else 4.0) * n**3
