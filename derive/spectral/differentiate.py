"""Derivatives of scalar expressions that contain traces and forms of inverses, by one scalar symbol.

SymPy differentiates neither ``Trace((kappa*I + A)**-1)`` nor a form of it by kappa; the rule is
``d X^-1 = -X^-1 dX X^-1``.
"""

from __future__ import annotations

from sympy import Dummy, Expr, Identity, Integer, MatAdd, MatMul, MatPow, MatrixExpr, Mul, S, Symbol, Trace
from sympy.matrices.expressions import Inverse

from ..errors import NotRationalError
from ..symbols import MatrixLetter

__all__ = ["derivative"]

# a sum of products: (coefficient, matrix factors)
_Terms = list[tuple[Expr, list[MatrixExpr]]]


def derivative(expr: Expr, by: Symbol) -> Expr:
    """The derivative of ``expr`` by ``by``, traces and 1 x 1 forms included.

    Examples
    --------
    >>> from sympy import Identity, Symbol, Trace
    >>> from derive import Deterministic, dimensions
    >>> from derive.spectral.differentiate import derivative
    >>> n, k = dimensions("n"), Symbol("kappa")
    >>> A = Deterministic("A", n, n, symmetric=True)
    >>> derivative(k*Trace((A + k*Identity(n)).I), k)
    -kappa*Trace((kappa*I + A)**(-2)) + Trace((kappa*I + A)**(-1))
    """
    traces = sorted((t for t in expr.atoms(Trace) if t.has(by)), key=str)
    dummies = {t: Dummy() for t in traces}
    plain = expr.xreplace(dummies)
    back = {d: t for t, d in dummies.items()}
    total = plain.diff(by)
    for trace, dummy in dummies.items():
        outer = plain.diff(dummy)
        if outer != 0:
            total += outer * _of_trace(trace, by)
    return total.xreplace(back)


def _of_trace(trace: Trace, by: Symbol) -> Expr:
    out: Expr = S.Zero
    for coefficient, factors in _matrix(trace.arg, by):
        matrix = _product(factors)
        if isinstance(matrix, Identity):
            out += coefficient * matrix.rows
        else:
            out += coefficient * Trace(matrix)
    return out


def _product(factors: list[MatrixExpr]) -> MatrixExpr:
    """The product with neighbouring powers of one matrix collected."""
    kept: list[MatrixExpr] = []
    for factor in factors:
        if isinstance(factor, Identity) and (len(factors) > 1):
            continue
        base, exponent = _base(factor)
        if kept and _base(kept[-1])[0] == base and base.rows == base.cols:
            total = _base(kept.pop())[1] + exponent
            if total == 0:
                continue
            factor = Inverse(base) if total == -1 else base if total == 1 else MatPow(base, total)
        kept.append(factor)
    if not kept:
        return Identity(factors[0].rows)
    return MatMul(*kept) if len(kept) > 1 else kept[0]


def _base(factor: MatrixExpr) -> tuple[MatrixExpr, Expr]:
    if isinstance(factor, MatPow):
        return factor.base, factor.exp
    return (factor.arg, S.NegativeOne) if isinstance(factor, Inverse) else (factor, S.One)


def _matrix(expr: MatrixExpr, by: Symbol) -> _Terms:
    if isinstance(expr, MatrixLetter | Identity) or not expr.has(by):
        return []
    if isinstance(expr, MatAdd):
        return [term for arg in expr.args for term in _matrix(arg, by)]
    if isinstance(expr, MatMul):
        scalar = Mul(*[a for a in expr.args if not isinstance(a, MatrixExpr)])
        factors = [a for a in expr.args if isinstance(a, MatrixExpr)]
        out: _Terms = [(derivative(scalar, by), factors)] if scalar.has(by) else []
        for k, factor in enumerate(factors):
            for c, inner in _matrix(factor, by):
                out.append((scalar * c, [*factors[:k], *inner, *factors[k + 1 :]]))
        return out
    if isinstance(expr, Inverse):
        return [(-c, [expr, *inner, expr]) for c, inner in _matrix(expr.arg, by)]
    if isinstance(expr, MatPow) and isinstance(expr.exp, Integer):
        factor = expr.base if expr.exp > 0 else Inverse(expr.base)
        count = abs(int(expr.exp))
        return [
            (c, [factor] * k + inner + [factor] * (count - k - 1))
            for k in range(count)
            for c, inner in _matrix(factor, by)
        ]
    raise NotRationalError(f"{expr} depends on {by} in a way that has no derivative here")
