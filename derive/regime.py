"""How dimensions grow: every dimension is a ratio times one base dimension.

Second stage of the pipeline. A :class:`Regime` answers two questions for the reader: which *space* a dimension is
(two dimensions with the same ratio are the same space) and with which power of the base a scalar grows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from sympy import Add, Expr, Integer, Mul, Pow, S, Symbol, sympify

from .errors import RegimeError

__all__ = ["Regime", "Space", "read_regime"]


@dataclass(frozen=True)
class Space:
    """A space of vectors: its dimension is ``size`` times the base, or the fixed number ``size`` when finite."""

    size: Expr
    finite: bool
    label: Expr = field(compare=False)

    def __str__(self) -> str:
        return str(self.label)


@dataclass(frozen=True)
class Regime:
    """The base dimension and the ratio of every other dimension to it."""

    base: Symbol
    ratios: Mapping[Symbol, Expr]
    labels: Mapping[Expr, Symbol]

    def space(self, dim: Expr) -> Space:
        if not dim.free_symbols & self.ratios.keys():
            return Space(dim, True, dim)
        size, power = self.growth(dim)
        if power != 1:
            raise RegimeError(
                f"the dimension {dim} grows like {self.base}**{power}; dimensions must grow like {self.base}"
            )
        return Space(size, False, dim if dim.is_Symbol else self.labels.get(size, dim))

    def growth(self, scalar: Expr) -> tuple[Expr, Expr]:
        """Write the leading order of ``scalar`` as ``c * base**power`` and return ``(c, power)``."""
        if not scalar.free_symbols & self.ratios.keys():
            return scalar, S.Zero
        if scalar.is_Symbol:
            return self.ratios[scalar], S.One
        if isinstance(scalar, Mul):
            pairs = [self.growth(arg) for arg in scalar.args]
            return Mul(*[c for c, _ in pairs]), Add(*[k for _, k in pairs])
        if isinstance(scalar, Pow) and scalar.exp.is_number:
            c, k = self.growth(scalar.base)
            return c**scalar.exp, k * scalar.exp
        if isinstance(scalar, Add):
            pairs = [self.growth(arg) for arg in scalar.args]
            top = max(k for _, k in pairs)
            total = Add(*[c for c, k in pairs if k == top])
            if not total.equals(0):
                return total, top
        raise RegimeError(
            f"cannot tell how {scalar} grows with {self.base}; write scalars as products of powers of the dimensions"
        )


def read_regime(regime: Mapping, dims: Iterable[Symbol]) -> Regime:
    """Validate the user's regime against the dimensions that occur; see :class:`Regime`."""
    dims = sorted(set(dims), key=lambda d: d.name)
    if not isinstance(regime, Mapping):
        raise RegimeError(f"the regime must be a mapping such as {{p: c*n}}, got {regime!r}")
    rules = {}
    for dim, rule in regime.items():
        if not isinstance(dim, Symbol):
            raise RegimeError(f"the regime maps dimensions to ratios, e.g. {{p: c*n}}; {dim!r} is not a dimension")
        if isinstance(rule, str):
            raise RegimeError(f"the regime gives {dim} as text, {rule!r}; write it with symbols, e.g. {{{dim}: c*n}}")
        rules[dim] = sympify(rule)
    known = set(dims) | set(rules)
    for rule in rules.values():
        for other in rule.free_symbols:
            # a dimension may occur only inside the regime (n = d/phi, m = psi n with n itself in no matrix)
            if other.is_integer and other.is_positive:
                known.add(other)
    free = sorted((d for d in known if d not in rules), key=lambda d: d.name)
    if len(free) != 1:
        if not free:
            raise RegimeError(f"every dimension in the regime {regime} is given by another one; leave one of them free")
        names = ", ".join(str(d) for d in free)
        raise RegimeError(
            f"the regime does not say how {names} grow together; give all but one of them as a multiple of it, "
            f"e.g. {{{free[-1]}: c*{free[0]}}}"
        )
    base = free[0]
    ratios: dict[Symbol, Expr] = {base: Integer(1)}
    pending = dict(rules)
    while pending:
        ready = [d for d, rule in pending.items() if rule.free_symbols & known <= ratios.keys()]
        if not ready:
            raise RegimeError(f"the regime is circular in {', '.join(str(d) for d in pending)}")
        for dim in sorted(ready, key=lambda d: d.name):
            rule = pending.pop(dim)
            ratio = (rule.subs({d: r * base for d, r in ratios.items()}, simultaneous=True) / base).expand()
            ratio = ratio.simplify() if ratio.has(base) else ratio
            if ratio.has(base) or ratio.is_zero:
                raise RegimeError(
                    f"{dim} = {rule} is not a fixed multiple of {base}; write for example {{{dim}: c*{base}}}"
                )
            if ratio.is_extended_nonpositive:
                raise RegimeError(f"{dim} = {rule} is not a positive multiple of {base}")
            ratios[dim] = ratio
    labels: dict[Expr, Symbol] = {}
    for dim in sorted(ratios, key=lambda d: (d != base, d.name)):
        labels.setdefault(ratios[dim], dim)
    return Regime(base, ratios, labels)
