"""A linear system too long to be solved on paper, solved step by step: every intermediate coefficient gets a name.

Beside ``core.py``. The result is a list of definitions, each short, in the order in which they can be computed; put
into each other they would multiply up. This is what the traces of two resolvents need when a free element stands in
several places of each.
"""

from __future__ import annotations

from collections.abc import Mapping

from sympy import Symbol

from .field import Fraction
from .ring import Ring

__all__ = ["is_long", "solve_stepwise"]

_LARGE = 60  # terms in all equations together
_NAMELESS = 4  # an intermediate coefficient of more terms gets a name


def is_long(ring: Ring, local: Mapping[int, Fraction]) -> bool:
    """Several equations of many terms, coupled by the matrix that shifts a free element."""
    return bool(ring.entries) and len(local) > 1 and sum(map(_terms, local.values())) > _LARGE


def _terms(value: Fraction) -> int:
    return len(value.num) + len(value.den)


def solve_stepwise(ring: Ring, local: Mapping[int, Fraction]) -> list[tuple[int, Fraction]]:
    """Definitions of the unknowns of the affine equations ``v = local[v]``, and of the coefficients they need."""
    return _Steps(ring).solve(local)


class _Steps:
    def __init__(self, ring: Ring):
        self.ring, self.field = ring, ring.field
        self.named: dict[str, int] = {}
        self.definitions: list[tuple[int, Fraction]] = []

    def short(self, value: Fraction) -> Fraction:
        if _terms(value) <= _NAMELESS:
            return value
        if value.key not in self.named:
            symbol = Symbol(f"_step{self.ring.count_step()}")
            self.ring.unknown(symbol)
            self.named[value.key] = self.field.position(symbol)
            self.definitions.append((self.named[value.key], value))
        return self.field.generator(self.named[value.key])

    def solve(self, local: Mapping[int, Fraction]) -> list[tuple[int, Fraction]]:
        field = self.field
        zero = dict.fromkeys(local, field.zero)
        constant, rows = {}, {}
        for v, e in local.items():
            c = field.subs(e, zero)
            inside = [w for w in e.generators() if w in local]
            constant[v] = self.short(c)
            rows[v] = {w: self.short(field.subs(e, {**zero, w: field.one}) - c) for w in inside}
        solved: list[tuple[int, Fraction]] = []
        while rows:
            # the unknown whose elimination brings the fewest new coefficients
            uses = {v: sum(v in row for row in rows.values()) for v in rows}
            v = min(rows, key=lambda v: (len(rows[v]) * uses[v], v))
            row, c = rows.pop(v), constant.pop(v)
            own = row.pop(v, None)
            if own is not None:
                scale = self.short((field.one - own).inverse())
                row, c = {w: self.short(scale * x) for w, x in row.items()}, self.short(scale * c)
            for u, other in rows.items():
                factor = other.pop(v, None)
                if factor is None:
                    continue
                constant[u] = self.short(constant[u] + factor * c)
                for w, x in row.items():
                    total = other[w] + factor * x if w in other else factor * x
                    other[w] = self.short(total)
            value = c
            for w, x in row.items():
                value = value + x * field.generator(w)
            solved.append((v, value))
        return [*self.definitions, *reversed(solved)]
