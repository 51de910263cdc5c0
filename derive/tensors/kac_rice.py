"""The exponent of the number of critical points of a planted tensor, computed from the model (Kac-Rice).

The mean number of critical points of ``T(u_1, ..., u_d)`` with the value x and given overlaps with the fixed vectors is

    (volume of the u's) x (density of a vanishing gradient, and of the value x) x E|det of the Hessian|.

All gradients in directions orthogonal to the fixed vectors and to u are independent, of the variance that Wick's rule
gives; the value and the gradients along fixed vectors are finitely many jointly Gaussian numbers; the Hessian at the
value x is the contraction matrix less x, whose law is that of its block Dyson equation, so that the exponent of its
determinant is a potential of that equation (its derivatives by the traces are the equation, which is checked, its
derivative by x is ``-sum g``). The exponent returned is stationary in the traces and in the multipliers that stand for
the inverse of the covariance, so that all of it is free of matrix inverses.

With all fixed vectors kept, the informative solution of the system from Stein's lemma is a stationary point of it with
exponent 0: there is one such critical point, and it is the typical one. The two derivations share the reading of the
model and the block Dyson equation, and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Any

from sympy import Add, Expr, Matrix, Mul, Rational, S, Symbol, expand, log

from ..errors import ParameterError
from ..symbols import Signal
from .equations import Key, TensorEquations, inner_product
from .network import Estimate, Noise, TensorTerm, Vector
from .noiseless import dyson_keys

__all__ = ["CriticalPoints", "count_critical_points", "kept_vectors"]

_TANGENT = object()  # a unit vector orthogonal to the estimate and to every fixed vector


@dataclass(frozen=True)
class CriticalPoints:
    """``exponent`` of the mean number, per N; stationary in ``traces``, ``multipliers``; a function of the rest.

    The part of u in the span of the fixed vectors of its block is ``sum of coordinate * vector``; ``overlaps`` are the
    inner products of all fixed vectors with u that follow.
    """

    exponent: Expr
    value: Symbol
    traces: tuple[Symbol, ...]
    dyson: tuple[Expr, ...]
    coordinates: Mapping[tuple[int, Signal], Symbol]
    multipliers: tuple[Symbol, ...]
    overlaps: Mapping[tuple[int, Signal], Expr]
    inside: Mapping[int, Expr]  # squared length of the part of u outside the span, per block


def _vectors(derived: TensorEquations, block: int) -> tuple[Signal, ...]:
    """The fixed vectors of the first tensor in a block."""
    read = derived.read
    found = dict.fromkeys(v for k, b in enumerate(read.blocks) if b == block for v in read.vectors(k))
    found |= {
        k.what[0]: None
        for k in derived.keys_of("overlap", 1)
        if k.what[1].block == block and isinstance(k.what[0], Signal)
    }
    return tuple(found)


def kept_vectors(derived: TensorEquations) -> dict[int, tuple[Signal, ...]]:
    """Per block the fixed vectors that are seen when no spike is: those that some noise is multiplied by.

    The overlaps with the others can vanish together only if every spike loses two of its modes at once: a spike that
    loses one is a field along its vector there. So vectors are added until none is left with fewer than two.
    """
    read = derived.read
    kept: dict[int, dict[Signal, None]] = {b: {} for b in dict.fromkeys(read.blocks)}
    placed = [(t, m, v) for t in read.terms[0] for m, v in _placed(t)]
    for term, mode, vector in placed:
        if term not in read.spikes:
            kept[read.blocks[mode]][vector] = None
    while True:
        before = sum(map(len, kept.values()))
        for spike in read.spikes:
            lost = [
                (read.blocks[m], v)
                for m, v in _placed(spike)
                if all(inner_product(derived.inner, v, w) == 0 for w in kept[read.blocks[m]])
            ]
            if len(lost) < 2:
                for m, v in _placed(spike):
                    kept[read.blocks[m]][v] = None
        if sum(map(len, kept.values())) == before:
            return {b: tuple(v) for b, v in kept.items()}


def _placed(term: TensorTerm) -> list[tuple[int, Any]]:
    at = {f.leg: f.what for f in term.factors if isinstance(f, Vector)}
    return [(mode, at[leg]) for mode, leg in enumerate(term.legs) if leg in at]


class _Wick:
    """Means and covariances of contractions of the first tensor; N times the covariance, to be exact."""

    def __init__(self, derived: TensorEquations, overlaps: Mapping[tuple[int, Signal], Expr]):
        self.derived, self.read, self.overlaps = derived, derived.read, overlaps
        self.weight = dict(zip(self.read.noises, derived.weights, strict=True))

    def inner(self, v: Any, w: Any) -> Expr:
        if v is _TANGENT or w is _TANGENT:
            return S.One if v is w else S.Zero
        if isinstance(v, Estimate):
            v, w = w, v
        if isinstance(v, Estimate):
            return S.One
        if isinstance(w, Estimate):
            return self.overlaps[w.block, v]
        return inner_product(self.derived.inner, v, w)

    def _contract(self, term: TensorTerm, ends: Sequence[Any]) -> tuple[Expr, str | None, tuple]:
        at: dict[int, list[Any]] = {}
        for mode, leg in enumerate(term.legs):
            at.setdefault(leg, []).append(ends[mode])
        noise = None
        for factor in term.factors:
            if isinstance(factor, Vector):
                at.setdefault(factor.leg, []).append(factor.what)
            elif noise is None and isinstance(factor, Noise) and len(set(factor.legs)) == len(factor.legs):
                noise = factor
            else:
                raise ParameterError("critical points are counted for tensors that are linear in every noise")
        held = tuple(at.pop(k)[0] for k in noise.legs) if noise else ()
        return Mul(term.coefficient, *(self.inner(*pair) for pair in at.values())), noise and noise.name, held

    def mean(self, ends: Sequence[Any]) -> Expr:
        found = [self._contract(t, ends) for t in self.read.terms[0]]
        return Add(*(c for c, name, _ in found if name is None))

    def covariance(self, left: Sequence[Any], right: Sequence[Any]) -> Expr:
        total = []
        for one in self.read.terms[0]:
            a, name, held = self._contract(one, left)
            if name is None or a == 0:
                continue
            symmetric = self.read.noises[name].symmetric
            for other in self.read.terms[0]:
                b, same, met = self._contract(other, right)
                if same == name and b != 0:
                    orders = permutations(met) if symmetric else [met]
                    pairings = [Mul(*(self.inner(v, w) for v, w in zip(held, o, strict=True))) for o in orders]
                    total.append(a * b * self.weight[name] * Add(*pairings))
        return Add(*total)


def _potential(derived: TensorEquations) -> tuple[Expr, list[Key]]:
    """``int log|x - y| mu(dy)`` of the contraction matrix, as a function of its traces that is stationary in them."""
    keys = list(dyson_keys(derived, 1))
    equations = {e.key: e for e in derived.equations}
    value, total, noise = derived.symbols[Key("value", 1, None)], [], []
    for key in keys:
        g = derived.symbols[key]
        size = -Add(*(c for c, ks in equations[key].terms if not ks))
        total.append(-value * g - size * log(-g / size) - size)
        noise += [Mul(c, *(derived.symbols[k] for k in ks)) for c, ks in equations[key].terms if len(ks) > 1
                  and Key("value", 1, None) not in ks]  # fmt: skip
    out = Add(*total) + Add(*noise) / 2
    for key in keys:
        g, residual = derived.symbols[key], derived.noisy.residuals[list(derived.symbols).index(key)]
        if expand(g * out.diff(g) - residual) != 0:
            raise AssertionError("the block Dyson equation is not the derivative of its potential")
    return out, keys


def count_critical_points(derived: TensorEquations, kept: Mapping[int, Sequence[Signal]]) -> CriticalPoints:
    """The exponent for the first estimator, its overlaps outside the span of ``kept`` at their most frequent value."""
    read, blocks = derived.read, dict.fromkeys(derived.read.blocks)
    coordinates = {
        (b, v): Symbol(f"_p{b}_{v.name}", real=True) for b in blocks for v in kept[b]
    }  # coordinates rather than overlaps: they need no inverse of a Gram matrix
    overlaps = {
        (b, v): Add(*(inner_product(derived.inner, v, w) * coordinates[b, w] for w in kept[b]))
        for b in blocks
        for v in _vectors(derived, b)
    }
    wick = _Wick(derived, overlaps)
    whole = [Estimate(1, b) for b in read.blocks]

    def ends(block: int, what: Any) -> list[Any]:
        out = list(whole)
        out[read.blocks.index(block)] = what
        return out

    potential, keys = _potential(derived)
    placed = {
        s: overlaps[k.what[1].block, k.what[0]] for k, s in derived.symbols.items() if k.kind == "overlap"
        and k.step == 1 and isinstance(k.what[0], Signal)
    }  # fmt: skip
    potential = potential.xreplace(placed)
    value = derived.symbols[Key("value", 1, None)]
    conditions = [(whole, S.One), *((ends(b, v), overlaps[b, v]) for b in blocks for v in kept[b])]
    multipliers = [Symbol(f"_y{k}", real=True) for k in range(len(conditions))]
    covariance = Matrix([[wick.covariance(a, b) for b, _ in conditions] for a, _ in conditions])
    gap = Matrix([value * size - wick.mean(a) for a, size in conditions])
    y = Matrix(multipliers)
    gaussian = (y.T * covariance * y)[0] / 2 - (y.T * gap)[0]
    volume, inside = S.Zero, {}
    for b in blocks:
        size = derived.regime.growth(read.shape[read.blocks.index(b)])[0]
        tangent = ends(b, _TANGENT)
        inside[b] = 1 - Add(*(coordinates[b, v] * overlaps[b, v] for v in kept[b]))
        # the volume of a sphere of dimension c N, and the density at 0 of c N Gaussian numbers of variance v/N
        volume += size * Rational(1, 2) * (1 - log(size * wick.covariance(tangent, tangent)) + log(inside[b]))
    weights = derived.weights
    dyson = [derived.noisy.residuals[list(derived.symbols).index(k)].xreplace(placed).xreplace(weights) for k in keys]
    return CriticalPoints(
        (potential + volume + gaussian).xreplace(weights),
        value,
        tuple(derived.symbols[k] for k in keys),
        tuple(dyson),
        coordinates,
        tuple(multipliers),
        {k: v.xreplace(weights) for k, v in overlaps.items()},
        inside,
    )
