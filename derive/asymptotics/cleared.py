"""Residuals without what is below the line: where a denominator vanishes in the limit, the equation is regular."""

from __future__ import annotations

from sympy import Dummy, Expr, Mul, Trace, fraction, together

__all__ = ["cleared"]


def cleared(residual: Expr) -> Expr:
    """The numerator over a common denominator; normalised traces are single letters in it."""
    if residual.is_Mul:
        # factors below the line do not make a residual vanish
        residual = Mul(*[f for f in residual.args if not (f.is_Pow and f.exp.is_negative)])
    traces = {t: t.arg.rows * Dummy() for t in sorted(residual.atoms(Trace), key=str)}
    numerator = fraction(together(residual.xreplace(traces)))[0]
    return numerator.xreplace({name / t.arg.rows: t / t.arg.rows for t, name in traces.items()})
