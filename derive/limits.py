"""The two questions a user asks: the limit of a quantity, and the deterministic equivalent of a matrix."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from sympy import Basic, Determinant, MatrixExpr

from .equivalent import DeterministicEquivalent
from .errors import DimensionError, NotRationalError, ParameterError
from .functionals import Agreement, SpectralFunctional
from .learning.vectors import RandomVector
from .pipeline import Problem, derive_matrix, derive_scalars, read_problem
from .result import Limit
from .spectral.unfolded_symbol import Unfolded
from .tensors.symbols import BestRankOne, TensorFunctional
from .where import read_where

_OTHER = (BestRankOne, TensorFunctional, Unfolded, SpectralFunctional)

__all__ = ["deterministic_equivalent", "limit"]


def limit(
    expr: Any,
    regime: Mapping | None = None,
    *,
    inner: Mapping | None = None,
    commuting: Iterable[Iterable] | None = None,
    where: Mapping | None = None,
) -> Any:
    """Derive the high-dimensional limit of a scalar quantity.

    Parameters
    ----------
    expr : Expr or mapping of str to Expr
        A quantity built from normalised traces ``Trace(M)/p`` and bilinear forms ``u.T*M*v`` of rational expressions
        in random and deterministic matrices; a 1 x 1 matrix expression is accepted. Or a function of
        :class:`derive.Eigenvalue` and :class:`derive.Alignment` of one matrix. With a mapping the quantities share
        unknowns.
    regime : mapping
        How dimensions grow: ``{p: c*n}`` leaves ``n`` free. May be left out when there is one dimension.
    inner : mapping, optional
        Declared inner products of signals, ``{(u, v): rho}``. A product that is not declared becomes a parameter
        ``inner_u_v``.
    commuting : iterable of tuples, optional
        Families of deterministic matrices that commute; their joint law is given at evaluation.
    where : mapping, optional
        Symbols that stand for expressions in the parameters, ``{a: 1 - 2*epsilon}``: the result is written in ``a`` and
        evaluated at ``epsilon``. For traces and bilinear forms.

    Returns
    -------
    Limit
        Or a :class:`derive.SpectralLimit`, of eigenvalues and alignments.

    Raises
    ------
    ResolventError
        Shapes that do not match, a regime that does not determine the growth, a quantity that diverges or vanishes,
        an expression that is not rational, one name with two definitions.

    Notes
    -----
    Almost-sure limit as the dimensions grow in fixed proportion, for independent centred entries of the stated variance
    (universal under a bounded fourth moment). Sign convention: ``(M - z I)^-1`` has positive imaginary part for Im z
    > 0.

    Examples
    --------
    >>> from sympy import Identity, Symbol, Trace
    >>> from derive import Gaussian, dimensions, limit
    >>> n, p = dimensions("n p")
    >>> c, lam = Symbol("c", positive=True), Symbol("lambda", positive=True)
    >>> Z = Gaussian("Z", p, n, variance=1/n)
    >>> law = limit(Trace((Z*Z.T + lam*Identity(p)).I)/p, {p: c*n})
    >>> law.equations
    [Eq(g, (c*g + 1)/(c*g*lambda + lambda + 1))]
    """
    single = not isinstance(expr, Mapping)
    quantities = {"value": expr} if single else dict(expr)
    asked = quantities.values()
    for name, e in quantities.items():
        if isinstance(e, Basic) and e.atoms(Agreement):
            raise ParameterError(
                f"{name} counts signs on samples and has no limit of its own: declare an observable {name}, a formula "
                f"in the alignment, and measured={{{name!r}: ...}} in a check or a theorem"
            )
    traced = not any(isinstance(e, Basic) and e.atoms(*_OTHER) for e in asked)
    if where and not traced:
        raise ParameterError("where= is for traces and bilinear forms; write the expressions where the symbols stand")
    if any(isinstance(e, BestRankOne) or (isinstance(e, Basic) and e.atoms(TensorFunctional)) for e in asked):
        from .tensors.asking import tensor_limit

        return tensor_limit(quantities, single, regime, inner)
    if any(isinstance(e, Basic) and e.atoms(Unfolded) for e in quantities.values()):
        from .spectral.unfolded_limit import unfolded_limit

        return unfolded_limit(quantities, single, regime, inner=inner)
    if any(isinstance(e, Basic) and e.atoms(SpectralFunctional) for e in quantities.values()):
        from .spectral.spectral_limit import spectral_limit

        return spectral_limit(quantities, single, regime, inner=inner, commuting=commuting)
    problem = _problem(quantities.values(), regime, inner, commuting)
    if where:
        problem = replace(problem, where=read_where(where, problem.regime.ratios))
    return Limit(derive_scalars(quantities, problem), single)


def _problem(exprs: Iterable[Any], regime: Mapping | None, inner: Any, commuting: Any) -> Problem:
    exprs = list(exprs)
    for e in exprs:
        if not isinstance(e, Basic):
            raise ParameterError(f"a quantity must be a SymPy expression, got {type(e).__name__}: {e!r}")
        for vector in sorted(e.atoms(RandomVector), key=str)[:1]:
            raise ParameterError(
                f"{vector} is a random vector: average over it first, by excess_risk() or risk_product(); coefficients "
                f"that are fixed are a Signal('{vector}', ...)"
            )
        for determinant in sorted(e.atoms(Determinant), key=str)[:1]:
            raise NotRationalError(
                f"{e} contains {determinant}: neither a determinant nor its logarithm is a trace of a rational "
                f"function of the matrices. Its derivatives are: d/dz log Determinant(M)/n = "
                f"Trace(M**(-1)*dM/dz)/n for a matrix M that depends on z. Take the limit of such a trace, and "
                f"integrate its values over the parameter; or, for a self-adjoint M, "
                f"spectrum(M, regime).linear_statistic(log(x), params)"
            )
    return read_problem(exprs, regime or {}, inner, commuting)


def deterministic_equivalent(
    expr: MatrixExpr, regime: Mapping | None = None, *, commuting: Iterable[Iterable] | None = None
) -> DeterministicEquivalent:
    """Derive the deterministic equivalent of a random matrix.

    Parameters
    ----------
    expr : MatrixExpr
        A rational expression in random and deterministic matrices, of order one.
    regime, commuting
        As for :func:`limit`.

    Returns
    -------
    DeterministicEquivalent
        ``.matrix`` is the equivalent: ``tr A (F - F-bar) / n`` and ``u'(F - F-bar) v`` vanish for deterministic A, u,
        v.

    Examples
    --------
    >>> from sympy import Identity, Symbol
    >>> from derive import Deterministic, Wigner, deterministic_equivalent, dimensions
    >>> n, z = dimensions("n"), Symbol("z")
    >>> A, W = Deterministic("A", n, n, symmetric=True), Wigner("W", n, variance=1/n)
    >>> deterministic_equivalent((A + W - z*Identity(n)).I).matrix
    (kappa*I + A)**(-1)
    """
    if isinstance(expr, Basic) and not isinstance(expr, MatrixExpr):
        raise DimensionError(
            f"deterministic_equivalent() wants a random matrix and {expr} is a number; for the limit of a trace or a "
            f"form use limit(...), and here write the matrix itself, without its trace"
        )
    problem = _problem([expr], regime, None, commuting)
    return DeterministicEquivalent(derive_matrix(expr, problem))
