"""With which power of the base dimension a scalar grows, and its leading order."""

from __future__ import annotations

from sympy import Add, Expr, Mul, S, powdenest, powsimp, simplify, together

from ..errors import RegimeError
from ..regime import Regime

__all__ = ["Orders", "leading", "leading_scalar", "tidy_powers"]


class Orders:
    """The power of the base dimension with which a scalar grows."""

    def __init__(self, ratios: Regime):
        self.ratios = ratios

    def __call__(self, expr: Expr) -> Expr:
        return self.ratios.growth(_grown(expr, self.ratios))[1]


def _grown(expr: Expr, ratios: Regime) -> Expr:
    """Powers of products split, so that every factor is a power of a sum."""
    return powsimp(expr, deep=False).replace(
        lambda e: e.is_Pow and e.base.is_Mul, lambda e: Mul(*(a**e.exp for a in e.base.args))
    ) if expr.free_symbols & ratios.ratios.keys() else expr  # fmt: skip


def leading_scalar(expr: Expr, ratios: Regime) -> Expr:
    """The leading order of a coefficient; a power of the base stays where a matrix makes up for it."""
    value, power = ratios.growth(_grown(expr, ratios))
    return simplify(value) * ratios.base**power


def leading(expr: Expr, ratios: Regime) -> tuple[Expr, Expr]:
    """The coefficient and the power of the base with which an expression in the dimensions grows."""
    base = ratios.base
    whole = expr.subs({d: r * base for d, r in ratios.ratios.items()}, simultaneous=True)
    if not whole.has(base):
        return whole, S.Zero
    parts = []
    for side in together(powdenest(whole, force=True)).as_numer_denom():
        powers: dict[Expr, Expr] = {}
        for term in Add.make_args(side.expand()):
            coefficient, rest = term.as_independent(base)
            power = rest.as_powers_dict().get(base, S.Zero)
            if (rest / base**power).has(base):
                raise RegimeError(f"cannot tell how {expr} grows with {base}")
            powers[power] = powers.get(power, S.Zero) + coefficient
        powers = {k: c for k, v in powers.items() if (c := simplify(v)) != 0}
        if not powers:
            return S.Zero, S.Zero
        parts.append((powers[max(powers)], max(powers)))
    (above, a), (below, b) = parts
    return simplify(above / below), a - b


def tidy_powers(expr: Expr) -> Expr:
    return powsimp(simplify(expr))
