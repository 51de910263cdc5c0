"""Of several correct ways to write a formula, the one a person would: shorter, and in terms of the unknowns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .field import Field, Fraction
from .ring import Ring

__all__ = ["isolate", "length", "other_spellings", "recognise", "shortest"]


def length(value: Fraction) -> int:
    """Monomials in the factored form, the size a reader sees."""
    return sum(len(f.monoms()) for poly in (value.num, value.den) for f, _ in poly.factor()[1])


def other_spellings(
    field: Field, residuals: Sequence[Fraction], kept: Mapping[int, Fraction]
) -> list[dict[int, Fraction]]:
    """The core's definitions read off its fixed-point equations instead: ``tau = 1/g - lambda`` for ``g =
    1/(lambda + tau)``.
    """
    out: dict[int, Fraction] = {}
    for residual in residuals:
        degrees = residual.num.degrees()
        linear = [v for v in kept if degrees[v] == 1]
        if len(linear) == 1 and linear[0] not in out:
            v = linear[0]
            poly = Fraction(field, residual.num, field.one.num)
            constant, slope = field.linear(poly, v)
            out[v] = -(constant / slope)
    return [dict(kept) | out] if out else []


def shortest(
    field: Field, value: Fraction, solved: Mapping[int, Fraction], spellings: Sequence[Mapping[int, Fraction]]
) -> Fraction:
    """Affine unknowns substituted; the core's definitions substituted in whichever way reads shortest, if at all."""
    best = field.subs(value, dict(solved))
    if not best:
        return best
    size = length(best)
    for spelling in spellings:
        full = field.subs(value, dict(solved))
        for v in reversed(list(spelling)):
            full = field.subs(full, {v: spelling[v]})
        if full and length(full) <= size:
            best, size = full, length(full)
    return best


def recognise(ring: Ring, value: Fraction, system: Mapping[int, Fraction]) -> Fraction:
    """A value that is a parameter times an unknown is written as that."""
    if not value:
        return value
    for v, e in system.items():
        if e and value != e and ring.is_parameter(ratio := value / e):
            return ratio * ring.field.generator(v)
        if value == e:
            return ring.field.generator(v)
    return value


def isolate(ring: Ring, poly: Fraction, unknown: int) -> Fraction | None:
    """``unknown = value``, in the shorter of two ways: solved for the unknown, or as kappa = lambda + kappa f T."""
    field = ring.field
    options: list[Fraction] = []
    if poly.num.degrees()[unknown] == 1:
        constant, slope = field.linear(poly, unknown)
        options.append(-(constant / slope))
    lone = tuple(1 if k == unknown else 0 for k in range(len(poly.num.degrees())))
    coefficients = dict(zip((tuple(int(x) for x in m) for m in poly.num.monoms()), poly.num.coeffs(), strict=True))
    if lone in coefficients:
        options.append(field.generator(unknown) - poly / field.integer(int(coefficients[lone])))
    return min(options, key=length, default=None)
