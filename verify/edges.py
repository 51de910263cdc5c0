"""How fast eigenvalues converge: outliers like 1/N, an eigenvalue at the edge of the bulk like N^(-2/3)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import singledispatch
from typing import Any

from derive.functionals import Eigenvalue, SpectralFunctional

__all__ = ["EDGE_EXPONENT", "evaluated"]

# the largest eigenvalue sits at N^(-2/3) from a square-root edge: C. Tracy and H. Widom, Commun. Math. Phys. 159 (1994)
EDGE_EXPONENT = 2 / 3


@singledispatch
def evaluated(law: Any, params: Mapping[Any, Any]) -> tuple[Any, dict[str, float]]:
    """The value of a law at a point, and the exponents of the bias of the quantities that read an edge.

    Examples
    --------
    >>> from sympy import Symbol
    >>> from derive import Eigenvalue, Signal, Wigner, dimensions, limit
    >>> from verify.edges import evaluated
    >>> n, theta = dimensions("n"), Symbol("theta", positive=True)
    >>> u = Signal("u", n, norm2=1)
    >>> M = Wigner("W", n, variance=1/n) + theta*u*u.T
    >>> law = limit({"first": Eigenvalue(M), "second": Eigenvalue(M, 2)})
    >>> value, exponents = evaluated(law, {theta: 2})
    >>> sorted(value.items()), list(exponents)
    ([('first', 2.5), ('second', 2.0)], ['second'])
    """
    if not any(expr.has(SpectralFunctional) for expr in law.quantities.values()):
        return law.evaluate(dict(params)), {}
    found = law.evaluate(dict(params), full_output=True)
    edges = {
        name: EDGE_EXPONENT
        for name, expr in law.quantities.items()
        if any(_at_the_edge(f.index, found.outliers) for f in expr.atoms(Eigenvalue))
    }
    return found.value, edges


def _at_the_edge(index: int, outliers: Any) -> bool:
    side = 1 if index > 0 else -1
    return abs(index) > sum(outlier.multiplicity for outlier in outliers if outlier.side == side)
