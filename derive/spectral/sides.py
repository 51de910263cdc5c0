"""Do the two sides of a rectangular matrix grow at the same rate? Where they do not, nothing is left to order one."""

from __future__ import annotations

from collections.abc import Mapping

from sympy import Expr, MatrixExpr, S, Symbol, sympify

from ..errors import RegimeError, ResolventError
from ..scan import letters_of

__all__ = ["long_side", "refuse_unequal"]


def long_side(matrix: MatrixExpr, regime: Mapping) -> tuple[Expr, Expr, dict[Expr, Expr]] | None:
    """``(short, long, powers)`` where the dimensions of the matrix's letters grow at two rates, else None."""
    rules = {k: sympify(v) for k, v in regime.items()}
    dims = {d for letter in letters_of([matrix]) for d in letter.shape if d != 1}
    symbols = {s for d in dims for s in d.free_symbols} | set(rules)
    free = sorted({s for s in symbols if s not in rules} | _given_by(rules), key=str)
    if len(free) != 1:
        return None
    (base,) = free
    powers: dict[Expr, Expr] = {}
    for dim in sorted(dims, key=str):
        expr = dim
        for _ in range(len(rules) + 1):
            expr = expr.subs(rules)
        power = expr.as_powers_dict().get(base, S.Zero) if expr.is_Mul or expr.is_Pow or expr == base else None
        if power is None or not power.is_Rational:
            return None
        powers[dim] = power
    if len(set(powers.values())) != 2:
        return None
    low, high = min(powers.values()), max(powers.values())
    short = [d for d in dims if powers[d] == low]
    long = [d for d in dims if powers[d] == high]
    return (short[0], long[0], powers) if len(short) == len(long) == 1 else None


def _given_by(rules: Mapping) -> set[Symbol]:
    """Dimensions on the right of the regime that nothing gives."""
    found = {s for rule in rules.values() for s in rule.free_symbols if s.is_integer and s.is_positive}
    return found - set(rules)


def refuse_unequal(matrix: MatrixExpr, regime: Mapping, inner: Mapping | None = None) -> None:
    """Raise RegimeError that names the rescaling, where the sides grow at two rates."""
    sides = long_side(matrix, regime)
    if sides is None:
        return
    short, long, _ = sides
    text = (
        f"{long} grows faster than {short}, so that {matrix} concentrates and has no limit of order one; centre and "
        f"rescale it"
    )
    from .unfolding import unfolding

    try:
        found = unfolding(matrix, regime, inner=inner)
    except ResolventError as error:
        raise RegimeError(f"{text} (unfolding(M, regime) derives how, but not here: {error})") from None
    units = ", ".join(f"{spike.strength} in units of {spike.unit}" for spike in found.spikes)
    raise RegimeError(
        f"{text}: (M - ({found.centre}) I)/({found.scale}) has a limit" + (f", with {units}" if units else "") + ". "
        "unfolding(M, regime) derives it"
    )
