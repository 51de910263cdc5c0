"""The reduced system in SymPy: what a user reads, what the lowering compiles, what the mutants change.

Eighth stage. Names are given here, once: ``kappa`` for the shift of a monic inverse, ``g`` for a normalised trace of a
resolvent, ``h`` for a definition; numbered in a fixed order when there are several, and never a name of the user's.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from sympy import Add, Eq, Expr, Symbol, srepr

from .field import Fraction
from .reduce import Reduced
from .ring import Ring
from .spelling import length

__all__ = ["System", "to_system"]

# inlining a definition is worth it while the equation stays this short (monomials in factored form)
_SHORT = 9
# it is not tried where so many products of terms are to be formed
_LONG = 4000


@dataclass(frozen=True)
class System:
    """Fixed-point equations in ``unknowns``, then ``definitions`` in order, then ``values``.

    ``residuals[k]`` vanishes at the solution; ``right_hand_sides[k]`` is the explicit form ``unknown = ...`` or None.
    ``origin`` writes every unknown in the Dyson unknowns ``tau_k`` of the unreduced equation; ``names`` maps the
    symbols of the earlier stages to the ones used here.
    """

    unknowns: tuple[Symbol, ...]
    residuals: tuple[Expr, ...]
    right_hand_sides: tuple[Expr | None, ...]
    definitions: tuple[tuple[Symbol, Expr], ...]
    values: Mapping[str, Expr]
    origin: Mapping[Symbol, Expr]
    names: Mapping[Symbol, Symbol] = field(default_factory=dict)

    @property
    def equations(self) -> list[Eq]:
        out = []
        for unknown, residual, rhs in zip(self.unknowns, self.residuals, self.right_hand_sides, strict=True):
            out.append(Eq(residual, 0, evaluate=False) if rhs is None else Eq(unknown, rhs, evaluate=False))
        return out

    def substituted(self, exprs: Sequence[Expr]) -> list[Expr]:
        """Expressions with the definitions put in (the compiler finds shared subexpressions again)."""
        rules: dict[Expr, Expr] = {}
        for symbol, expr in self.definitions:
            rules[symbol] = expr.xreplace(rules)
        return [e.xreplace(rules) for e in exprs]

    @property
    def signature(self) -> str:
        """A hash of the content that does not depend on the names of unknowns and parameters."""
        names: dict[Symbol, Symbol] = {}
        for k, symbol in enumerate(self.unknowns):
            names[symbol] = Symbol(f"u{k}")
        for k, (symbol, _) in enumerate(self.definitions):
            names[symbol] = Symbol(f"d{k}")
        body = [*self.residuals, *(e for _, e in self.definitions), *(self.values[k] for k in sorted(self.values))]
        for expr in body:
            for symbol in sorted(expr.free_symbols, key=str):
                if isinstance(symbol, Symbol) and symbol not in names:
                    names[symbol] = Symbol(f"p{len(names)}", **symbol.assumptions0)
        text = "|".join(srepr(e.xreplace(names)) for e in body)
        return hashlib.sha256(text.encode()).hexdigest()


def _namer(taken: Collection[str]) -> Callable[[tuple[str, ...], int], list[Symbol]]:
    used = set(taken)

    def name(bases: tuple[str, ...], count: int) -> list[Symbol]:
        for base in (*bases, *(b + "_0" for b in bases)):
            names = [base] if count == 1 else [f"{base}_{k + 1}" for k in range(count)]
            if not used & {*names, base}:
                used.update({*names, base})
                return [Symbol(n) for n in names]
        raise AssertionError("a fresh name exists")

    return name


def to_system(
    ring: Ring, reduced: Reduced, values: Mapping[str, Expr], taken: Collection[str], also: Collection[Expr] = ()
) -> System:
    """Name the unknowns and convert to SymPy; definitions that occur in ``values``, in the equations or in
    ``also`` are listed.
    """
    numbers = ring.field
    shifts = {s.position for s in (*ring.shifts.values(), *ring.entries.values())}
    name = _namer(taken)
    renamed: dict[Symbol, Symbol] = {}
    core = [e.unknown for e in reduced.equations]
    for bases, members in (
        (("kappa", "varkappa"), [v for v in core if v in shifts]),
        (("g", "m", "gamma"), [v for v in core if v not in shifts]),
    ):
        if members:
            for v, symbol in zip(members, name(bases, len(members)), strict=True):
                renamed[numbers.meaning(v)] = symbol

    inline = dict(reduced.definitions)
    right = {}
    residuals = {}
    for e in reduced.equations:
        value, residual = e.value, e.residual
        if value is not None:
            shorter = value
            for v in reversed(list(inline)):
                if _terms(shorter) * _terms(inline[v]) > _LONG:
                    break
                shorter = numbers.subs(shorter, {v: inline[v]})
            if shorter and length(shorter) <= _SHORT:
                value, residual = shorter, numbers.generator(e.unknown) - shorter
        right[e.unknown] = value
        residuals[e.unknown] = residual

    # definitions that something still refers to, directly, through a trace or through another definition
    pending = [numbers.to_sympy(f) for f in (*right.values(), *residuals.values()) if f is not None]
    pending += [*values.values(), *also]
    by_symbol = {numbers.meaning(v): (v, e) for v, e in reduced.definitions}
    used: set[Expr] = set()
    while pending:
        for symbol in pending.pop().free_symbols & by_symbol.keys():
            if symbol not in used:
                used.add(symbol)
                pending.append(numbers.to_sympy(by_symbol[symbol][1]))
    listed = [(numbers.meaning(v), e) for v, e in reduced.definitions if numbers.meaning(v) in used]
    monic = [s for s, _ in listed if numbers.position(s) in shifts]
    plain = [s for s, _ in listed if numbers.position(s) not in shifts]
    if monic:
        renamed.update(zip(monic, name(("kappa", "varkappa"), len(monic)), strict=True))
    if plain:
        renamed.update(zip(plain, name(("h", "e"), len(plain)), strict=True))

    def show(expr: Expr) -> Expr:
        return expr.xreplace(renamed)

    origin = {}
    start = reduced.start
    symbols = {numbers.meaning(v): numbers.to_sympy(start[v]) for v in start}
    for v in core:
        symbol = numbers.meaning(v)
        origin[renamed[symbol]] = _closed(numbers.to_sympy(start[v]), symbols) if v in start else symbol
    return System(
        tuple(renamed[numbers.meaning(v)] for v in core),
        tuple(show(numbers.to_sympy(residuals[v])) for v in core),
        tuple(None if f is None else show(_spread(ring, f)) for f in (right[v] for v in core)),
        tuple((renamed[s], show(numbers.to_sympy(e))) for s, e in listed),
        {key: show(value) for key, value in values.items()},
        origin,
        renamed,
    )


def _spread(ring: Ring, value: Fraction) -> Expr:
    """``1/T - kappa`` rather than ``(1 - kappa T)/T`` where T is a trace."""
    field = ring.field
    if len(value.den) != 1 or not any(g in ring.traces for g, d in enumerate(value.den.degrees()) if d):
        return field.to_sympy(value)
    singles = [field.monomial(exponents, int(c)) for exponents, c in value.num.to_dict().items()]
    return Add(*(field.to_sympy(field.reduce(single.num, value.den)) for single in singles))


def _terms(value: Fraction) -> int:
    return len(value.num) + len(value.den)


def _closed(expr: Expr, shifts: Mapping[Expr, Expr]) -> Expr:
    """A shift written in the Dyson unknowns alone: the shifts inside its traces are put in too."""
    while expr.free_symbols & shifts.keys():
        expr = expr.xreplace(dict(shifts))
    return expr
