"""Below the threshold: the most frequent critical points at the edge of the contraction matrix.

Without an informative critical point there are exponentially many others; a local maximum needs a singular value above
the spectrum of its contraction matrix, and most local maxima lie where the two meet, where local ascent ends. The
overlaps with a spike are 0 there, but vectors that a noise is multiplied by may still be seen (a *partially*
informative solution): their overlaps are where the exponent of :mod:`.kac_rice` is stationary. One solution per set of
the parameters that the equations contain: the strengths of the lost spikes are not among them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from sympy import Expr, S, Symbol

from ..lower.algebra import Algebra
from ..lower.digits import MpKind
from ..lower.program import Program, compile_program
from .critical import newton_digits
from .edge import DysonEdge, newton_point, values_of
from .equations import Key
from .kac_rice import CriticalPoints, count_critical_points, kept_vectors
from .network import Estimate

if TYPE_CHECKING:
    from .tensor_limit import TensorLimit

__all__ = ["Solution", "Uninformative", "uninformative_of"]

_GONE = 1e-6
# a start keeps some of the vector outside the span of the fixed ones
_INSIDE = 0.98


@dataclass(frozen=True)
class _Candidate:
    """The equations of one set of kept vectors, and their program."""

    points: CriticalPoints
    rows: tuple[Expr, ...]
    names: tuple[Symbol, ...]
    program: Program
    edge: DysonEdge
    conditions: Program

    @property
    def parameters(self) -> list[Symbol]:
        return sorted({s for r in self.rows for s in r.free_symbols} - set(self.names), key=lambda s: s.name)


class Uninformative:
    """Solutions below the threshold of one limit; made by :func:`uninformative_of`."""

    def __init__(self, limit: TensorLimit):
        self.derived = limit.derived
        kept = kept_vectors(self.derived)
        # where no vector is seen, a noise beside one is not either, and what is left of the noise may have no edge
        none: dict[int, tuple] = dict.fromkeys(kept, ())
        found = [self._candidate(k) for k in ([kept, none] if any(kept.values()) else [kept])]
        self.candidates = [c for c in found if c is not None]

    def _candidate(self, kept: Mapping[int, Sequence[Any]]) -> _Candidate | None:
        points = count_critical_points(self.derived, kept)
        if points.exponent.has(S.ComplexInfinity, S.Infinity, S.NegativeInfinity, S.NaN):
            return None
        inner = [*points.coordinates.values(), *points.multipliers]
        edge = DysonEdge(points.dyson, points.traces, points.value)
        rows = (*points.dyson, *(points.exponent.diff(v) for v in inner), *edge.equations)
        names = (*points.traces, *inner, points.value, *edge.kernel)
        conditions = compile_program([points.exponent.diff(y) for y in points.multipliers])
        return _Candidate(points, rows, names, compile_program(list(rows)), edge, conditions)

    def solve(self, env: Mapping[Symbol, float], start: Mapping[Symbol, float]) -> Solution | None:
        """The solution at one point, from the overlaps at the end of the informative path."""
        for candidate in self.candidates:
            found = self._try(candidate, env, start)
            if found is not None:
                return Solution(self, candidate, found)
        return None

    def solve_batch(
        self, env: Mapping[Symbol, np.ndarray], start: Mapping[Symbol, np.ndarray]
    ) -> list[Solution | None]:
        """One solution per point, each computed once for all points that differ in lost spikes only."""
        used = sorted({s for c in self.candidates for s in c.parameters}, key=lambda s: s.name)
        known: dict[tuple, Solution | None] = {}
        out = []
        for k in range(len(next(iter(start.values())))):
            here = {s: float(env[s][k]) for s in used}
            key = tuple(here.values())
            if known.get(key) is None:
                known[key] = self.solve(here, {s: float(v[k]) for s, v in start.items()})
            out.append(known[key])
        return out

    def _try(
        self, candidate: _Candidate, env: Mapping[Symbol, float], start: Mapping[Symbol, float]
    ) -> dict[Symbol, float] | None:
        points = candidate.points
        seen = self._coordinates(points, env, start)
        here = {**env, **seen}
        value, g, kernel = candidate.edge.below(here, *candidate.edge.above(here))
        here |= {points.value: value, **dict(zip(points.traces, g, strict=True))}
        here |= dict(zip(candidate.edge.kernel, kernel, strict=True))
        gap, covariance = values_of(
            candidate.conditions, {**here, **dict.fromkeys(points.multipliers, 0.0)}, points.multipliers
        )
        here |= dict(zip(points.multipliers, np.linalg.solve(covariance, -gap), strict=True))
        x = newton_point(candidate.program, candidate.names, np.array([here[s] for s in candidate.names]), env)
        if x is None:
            return None
        found = dict(zip(candidate.names, map(float, x), strict=True))
        inside = compile_program(list(points.inside.values()))
        valid = (
            all(found[s] < 0 for s in points.traces)
            and all(found[s] > 0 for s in candidate.edge.kernel)
            and all(v > 0 for v in values_of(inside, {**env, **found}, [])[0])
        )
        return found if valid else None

    def _coordinates(
        self, points: CriticalPoints, env: Mapping[Symbol, float], start: Mapping[Symbol, float]
    ) -> dict[Symbol, float]:
        """Coordinates of the kept vectors, from overlaps."""
        out: dict[Symbol, float] = {}
        for block in dict.fromkeys(b for b, _ in points.coordinates):
            kept = [(b, v) for b, v in points.coordinates if b == block]
            names = [points.coordinates[k] for k in kept]
            program = compile_program([points.overlaps[k] for k in kept])
            _, gram = values_of(program, {**env, **dict.fromkeys(names, 0.0)}, names)
            q = [start[self.derived.symbols[Key("overlap", 1, (v, Estimate(1, b)))]] for b, v in kept]
            found = np.nan_to_num(np.array(q, dtype=float))
            if not np.any(np.abs(found) > _GONE):
                found = np.ones(len(kept))
            p = np.linalg.lstsq(gram, found, rcond=None)[0]
            out |= dict(zip(names, p * np.sqrt(min(1.0, _INSIDE / max(p @ gram @ p, 1e-300))), strict=True))
        return out

    def values(self, candidate: _Candidate) -> dict[Symbol, Expr]:
        """The unknowns of the first estimator in terms of the parameters and the candidate's own unknowns."""
        out: dict[Symbol, Expr] = {}
        for key, symbol in self.derived.symbols.items():
            if key.step == 1 and symbol in candidate.names:
                out[symbol] = symbol
            elif key.step == 1 and key.kind == "overlap":
                out[symbol] = candidate.points.overlaps[key.what[1].block, key.what[0]]
        return out


@dataclass(frozen=True)
class Solution:
    """A solution below the threshold at one point."""

    of: Uninformative
    candidate: _Candidate
    found: Mapping[Symbol, float]

    def unknowns(self, env: Mapping[Symbol, float]) -> dict[Symbol, float]:
        """The unknowns of the first estimator."""
        exprs = self.of.values(self.candidate)
        values, _ = values_of(compile_program(list(exprs.values())), {**env, **self.found}, [])
        return {s: 0.0 if abs(v) < _GONE else float(v) for s, v in zip(exprs, values, strict=True)}

    def digits(self, params: Mapping[Symbol, Expr], digits: int) -> dict[Symbol, Any]:
        """The same to many digits, with mpmath."""
        names = self.candidate.names
        x = newton_digits(self.candidate.rows, names, [self.found[s] for s in names], params, digits)
        exprs = self.of.values(self.candidate)
        kind = MpKind.of_digits(digits + 10)
        with kind.context():
            env = {s: kind.number(v) for s, v in params.items()} | dict(zip(names, x, strict=True))
            values = compile_program(list(exprs.values())).run(env, Algebra(kind, {}, {}))
        return dict(zip(exprs, values, strict=True))


def uninformative_of(limit: TensorLimit) -> Uninformative:
    found = limit.__dict__.get("_uninformative")
    if found is None:
        found = limit.__dict__["_uninformative"] = Uninformative(limit)
    return found
