"""What people read off the derived quantities, shared by the theorems that have it."""

from __future__ import annotations

from typing import Any

from sympy import Expr, Function, S, erf, exp, pi, sqrt, sympify

__all__ = ["Phi", "accuracy"]


class Phi(Function):
    """The distribution function of the standard Gaussian; SymPy has it only through ``erf``.

    Examples
    --------
    >>> from models.observables import Phi
    >>> Phi(0), Phi(1).evalf(6)
    (1/2, 0.841345)
    """

    nargs = 1

    @classmethod
    def eval(cls, x: Expr) -> Expr | None:
        return S.Half if x.is_zero else None

    def _eval_rewrite_as_erf(self, x: Expr, **_: Any) -> Expr:
        return (1 + erf(x / sqrt(2))) / 2

    def _eval_evalf(self, prec: int) -> Expr:
        return self.rewrite(erf)._eval_evalf(prec)

    def fdiff(self, argindex: int = 1) -> Expr:
        return exp(-(self.args[0] ** 2) / 2) / sqrt(2 * pi)


def accuracy(mean: Expr, variance: Expr) -> Expr:
    """Return the probability that a Gaussian score falls on its mean's side of zero.

    Parameters
    ----------
    mean, variance : Expr
        Of the score of a fresh sample of the positive class; dimensionless.

    Examples
    --------
    >>> from sympy import symbols
    >>> from models import accuracy
    >>> accuracy(*symbols("mean variance"))
    Phi(mean/sqrt(variance))
    """
    return Phi(sympify(mean) / sqrt(sympify(variance)))
