"""The reduced system in SymPy: what a user reads, what the lowering compiles, what the mutants change.

Eighth stage. Names are given here, once: ``kappa`` for the shift of a monic inverse, ``g`` for a normalised trace of a
resolvent, ``h`` for a definition; numbered in a fixed order when there are several, and never a name of the user's.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from sympy import Eq, Expr, Symbol, srepr

from .reduce import Reduced
from .ring import Ring

__all__ = ["System", "to_system"]

# inlining a definition is worth it while the equation stays this short (monomials in factored form)
_SHORT = 9


@dataclass(frozen=True)
class System:
    """Fixed-point equations in ``unknowns``, then ``definitions`` in order, then ``values``.

    ``residuals[k]`` vanishes at the solution; ``right_hand_sides[k]`` is the explicit form ``unknown = ...`` or None.
    ``origin`` writes every unknown in the Dyson unknowns ``tau_k`` of the unreduced equation.
    """

    unknowns: tuple[Symbol, ...]
    residuals: tuple[Expr, ...]
    right_hand_sides: tuple[Expr | None, ...]
    definitions: tuple[tuple[Symbol, Expr], ...]
    values: Mapping[str, Expr]
    origin: Mapping[Symbol, Expr]

    @property
    def equations(self) -> list[Eq]:
        out = []
        for unknown, residual, rhs in zip(self.unknowns, self.residuals, self.right_hand_sides, strict=True):
            out.append(Eq(residual, 0, evaluate=False) if rhs is None else Eq(unknown, rhs, evaluate=False))
        return out

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


def _namer(taken: Collection[str]):
    used = set(taken)

    def name(bases: tuple[str, ...], count: int) -> list[Symbol]:
        for base in (*bases, *(b + "_0" for b in bases)):
            names = [base] if count == 1 else [f"{base}_{k + 1}" for k in range(count)]
            if not used & {*names, base}:
                used.update({*names, base})
                return [Symbol(n) for n in names]
        raise AssertionError("a fresh name exists")

    return name


def to_system(ring: Ring, reduced: Reduced, values: Mapping[str, Expr], taken: Collection[str]) -> System:
    """Name the unknowns and convert to SymPy; ``values`` are expressions in placeholders that ``reduced`` solves."""
    field = ring.field
    shifts = {s.position for s in ring.shifts.values()}
    name = _namer(taken)
    renamed: dict[Expr, Symbol] = {}
    core = [e.unknown for e in reduced.equations]
    for bases, members in (
        (("kappa", "varkappa"), [v for v in core if v in shifts]),
        (("g", "m", "gamma"), [v for v in core if v not in shifts]),
    ):
        if members:
            for v, symbol in zip(members, name(bases, len(members)), strict=True):
                renamed[field.meaning(v)] = symbol

    inline = dict(reduced.definitions)
    right = {}
    residuals = {}
    for e in reduced.equations:
        value, residual = e.value, e.residual
        if value is not None:
            shorter = value
            for v in reversed(list(inline)):
                shorter = field.subs(shorter, {v: inline[v]})
            if shorter and _monomials(shorter) <= _SHORT:
                value, residual = shorter, field.generator(e.unknown) - shorter
        right[e.unknown] = value
        residuals[e.unknown] = residual

    # definitions that something still refers to, directly, through a trace or through another definition
    pending = [field.to_sympy(f) for f in (*right.values(), *residuals.values()) if f is not None]
    pending += list(values.values())
    by_symbol = {field.meaning(v): (v, e) for v, e in reduced.definitions}
    used: set[Expr] = set()
    while pending:
        for symbol in pending.pop().free_symbols & by_symbol.keys():
            if symbol not in used:
                used.add(symbol)
                pending.append(field.to_sympy(by_symbol[symbol][1]))
    listed = [(field.meaning(v), e) for v, e in reduced.definitions if field.meaning(v) in used]
    monic = [s for s, _ in listed if field.position(s) in shifts]
    plain = [s for s, _ in listed if field.position(s) not in shifts]
    if monic:
        renamed.update(zip(monic, name(("kappa", "varkappa"), len(monic)), strict=True))
    if plain:
        renamed.update(zip(plain, name(("h", "e"), len(plain)), strict=True))

    def show(expr: Expr) -> Expr:
        return expr.xreplace(renamed)

    origin = {}
    for v in core:
        symbol = field.meaning(v)
        origin[renamed[symbol]] = field.to_sympy(reduced.start[v]) if v in reduced.start else symbol
    return System(
        tuple(renamed[field.meaning(v)] for v in core),
        tuple(show(field.to_sympy(residuals[v])) for v in core),
        tuple(None if right[v] is None else show(field.to_sympy(right[v])) for v in core),
        tuple((renamed[s], show(field.to_sympy(e))) for s, e in listed),
        {key: show(value) for key, value in values.items()},
        origin,
    )


def _monomials(value) -> int:
    return sum(len(f.monoms()) for poly in (value.num, value.den) for f, _ in poly.factor()[1])
