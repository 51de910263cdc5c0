"""Of several correct ways to write a formula, the one a person would: shorter, and in terms of the unknowns."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from .field import Field, Fraction
from .ring import Ring

__all__ = ["backward", "isolate", "length", "much_shorter", "other_spellings", "recognise", "shortest"]


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


def backward(field: Field, unknowns: Collection[int], kept: Mapping[int, Fraction]) -> dict[int, Fraction]:
    """The core's unknowns in its definitions, ``g = 1/h - 1`` for ``h = 1/(1 + g)``: what is rational in g is often
    short in h.
    """
    out: dict[int, Fraction] = {}
    for v, value in kept.items():
        inside = [u for u in value.generators() if u in unknowns]
        degrees = [max(value.num.degrees()[u], value.den.degrees()[u]) for u in inside]
        if degrees == [1] and inside[0] not in out:
            (u,) = inside
            numerator, denominator = (Fraction(field, part, field.one.num) for part in (value.num, value.den))
            constant, slope = field.linear(numerator - field.generator(v) * denominator, u)
            out[u] = -(constant / slope)
    return out


def much_shorter(field: Field, value: Fraction, rules: Mapping[int, Fraction]) -> Fraction:
    """``value`` after the rules where that is a quarter shorter or more; a tie is left as it is written."""
    if not value or not value.generators() & rules.keys():
        return value
    other = field.subs(value, dict(rules))
    return other if other and 4 * length(other) < 3 * length(value) else value


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
