"""Names for sums that return in the equations of a statement: ``h_1 = lambda + g_2 + g_3`` and the like.

An equation is a polynomial in its unknowns and parameters; a sum K is found where several of its terms have a common
factor, and it is named when writing it out again and again would take more room than a definition.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from typing import Any

from sympy import Add, Expr, Mul, Pow, Rational, S, Symbol, expand

__all__ = ["Abbreviation", "abbreviations", "with_names"]

# room in em that naming a sum must save
_WORTH = 14.0
_MOST = 24

_Monomial = frozenset  # of (base, exponent)
_Sum = dict[frozenset, Rational]  # monomial -> numerical coefficient


@dataclass(frozen=True)
class Abbreviation:
    """A symbol and the sum it stands for; the sum may use earlier symbols."""

    symbol: Symbol
    value: Expr


def _read(expr: Expr) -> _Sum | None:
    """A sum of monomials; None for what is not one after expansion."""
    out: _Sum = {}
    for term in Add.make_args(expr):
        coefficient, rest = term.as_coeff_Mul()
        if not coefficient.is_Rational:
            return None
        # exponents as machine integers; what has another exponent is a base of its own
        powers = ((b, int(e)) if e.is_Integer else (b**e, 1) for b, e in rest.as_powers_dict().items() if b != 1)
        key = frozenset(powers)
        out[key] = out.get(key, S.Zero) + coefficient
    return out


def _written(total: Mapping[frozenset, Any]) -> Expr:
    return Add(*(Mul(c, *(Pow(b, e) for b, e in m)) for m, c in total.items()))


def _divided(monomial: frozenset, by: Mapping[Any, int]) -> frozenset | None:
    """The monomial divided by another that divides it: the same sign of every exponent, and no larger one."""
    powers = dict(monomial)
    for base, exponent in by.items():
        own = powers.get(base, 0)
        if own * exponent <= 0 or abs(own) < abs(exponent):
            return None
        powers[base] = own - exponent
    return frozenset((b, e) for b, e in powers.items() if e)


def _common(one: Iterable[tuple[Any, int]], other: Iterable[tuple[Any, int]]) -> dict[Any, int]:
    a, b = dict(one), dict(other)
    return {base: min(a[base], b[base], key=abs) for base in a.keys() & b.keys() if a[base] * b[base] > 0}


@lru_cache(maxsize=1 << 16)
def _order(monomial: frozenset) -> tuple[int, str]:
    """A fixed order of monomials, whatever the hash seed."""
    return len(monomial), str(sorted(map(str, monomial)))


def _normal(total: Mapping[frozenset, Any]) -> tuple[frozenset, Rational]:
    """The sum up to a number, and that number."""
    first = min(total, key=_order)
    unit = total[first]
    return frozenset((m, c / unit) for m, c in total.items()), unit


def _factored(total: _Sum) -> set[frozenset]:
    """Every sum that several terms are multiples of."""
    # what two terms share, and what two of those share: a sum need not hold two terms without a larger common factor
    shared = {frozenset(c.items()) for one, other in combinations(total, 2) if (c := _common(one, other))}
    shared |= {frozenset(c.items()) for one, other in combinations(shared, 2) if (c := _common(one, other))}
    out = set()
    for factor in ({}, *map(dict, shared)):
        found = {q: c for m, c in total.items() if (q := _divided(m, factor)) is not None}
        if len(found) > 1:
            out.add(_normal(found)[0])
    return out


def _replaced(total: _Sum, what: frozenset, symbol: Symbol) -> _Sum:
    """``what`` times a factor written as the symbol times the factor, wherever all of its terms are there."""
    out = dict(total)
    pattern = dict(what)
    lead = max(pattern, key=_order)
    for monomial, coefficient in total.items():
        factor = _divided(monomial, dict(lead)) if lead else monomial
        if factor is None or monomial not in out:
            continue
        scale = coefficient / pattern[lead]
        members = {_times(m, factor): c * scale for m, c in pattern.items()}
        if all(out.get(m) == c for m, c in members.items()):
            for m in members:
                del out[m]
            new = _times(factor, frozenset({(symbol, 1)}))
            out[new] = out.get(new, S.Zero) + scale
    return out


def _times(one: frozenset, other: frozenset) -> frozenset:
    powers = dict(one)
    for base, exponent in other:
        powers[base] = powers.get(base, 0) + exponent
    return frozenset((b, e) for b, e in powers.items() if e)


def abbreviations(
    exprs: Sequence[Expr], width: Callable[[Expr], float], name: Callable[[int], Symbol]
) -> tuple[Abbreviation, ...]:
    """The names worth giving in polynomials that are all to be printed; ``width`` is that of a printed expression."""
    sums = [s for e in exprs if (s := _read(expand(e))) is not None]
    held = [_factored(total) for total in sums]
    out: list[Abbreviation] = []
    wide: dict[frozenset, float] = {}
    while len(out) < _MOST:
        count = Counter(what for found in held for what in found)
        # the longest first: a shorter one that is part of it may still be worth a name afterwards
        worth = [
            (len(what), (times - 1) * (_room(what, width, wide) - 1.5), str(sorted(map(str, what))), what)
            for what, times in count.items()
            if times > 1
        ]
        best = max((w for w in worth if w[1] > _WORTH), key=lambda w: w[:3], default=(0, 0.0, "", None))[-1]
        if best is None:
            return tuple(out)
        symbol = name(len(out))
        out.append(Abbreviation(symbol, _written(dict(best))))
        for k, total in enumerate(sums):
            if best in held[k]:
                sums[k] = _replaced(total, best, symbol)
                held[k] = _factored(sums[k])
    return tuple(out)


def _room(what: frozenset, width: Callable[[Expr], float], known: dict[frozenset, float]) -> float:
    if what not in known:
        known[what] = width(_written(dict(what)))
    return known[what]


def with_names(expr: Any, given: Sequence[Abbreviation]) -> Any:
    """An expression written with the names, in sums, products and powers of them."""
    if isinstance(expr, Mul | Pow):
        return expr.func(*(with_names(a, given) for a in expr.args))
    if not isinstance(expr, Add):
        return expr
    total = _read(expr)
    if total is None:
        return expr
    for one in given:
        total = _replaced(total, _normal(_read(one.value) or {})[0], one.symbol)
    return _written(total)
