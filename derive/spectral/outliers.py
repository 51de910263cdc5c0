"""Outliers in numbers: where the master determinant vanishes off the support, and the residues of the forms there.

Zeros are counted and bracketed by ``zeros.py`` on the branch that the evaluation selects; Newton on the bulk equations
together with the determinant then gives all digits of z and the unknowns, and implicit differentiation of the same
equations the residues. Double precision for a batch of parameter points; mpmath for digits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import mpmath
import numpy as np
from sympy import Symbol

from ..bind import Binding
from ..errors import ParameterError, ResolventError
from ..lower.digits import MpKind
from ..solve.digits import as_mp, numbers_at
from ..solve.linear import solve_dense
from ..symbols import Signal
from .master import Form, Master, derive_master
from .outlier_solver import OutlierSolver
from .zeros import Zero, find_zeros, windows_outside

if TYPE_CHECKING:
    from .spectrum import Spectrum

__all__ = [
    "Outlier",
    "OutlierSolver",
    "alignment_of",
    "bind_master",
    "bulk_params",
    "master_of",
    "outliers",
    "refine_digits",
    "solve_outliers",
]


@dataclass(frozen=True)
class Outlier:
    """An eigenvalue outside the bulk, in the limit.

    Attributes
    ----------
    location : float
        The eigenvalue (an mpmath number with ``digits``).
    alignments : mapping of Signal to float
        Squared alignment ``<u, v>^2 / |u|^2`` of every signal with the eigenvector (with the whole eigenspace where
        the outlier is multiple); for ``M = Y Y'`` a signal of the other space with the right singular vector.
    multiplicity : int
    side : int
        +1 above the support, -1 below, 0 in a gap.
    right_alignments : mapping of Signal to float
        Of all signals with the right singular vector, where the matrix is ``Y Y'`` (they differ from the left ones
        where both spaces have the same dimension).
    unknowns : mapping of Symbol to float
        The bulk unknowns at the location.
    """

    location: Any
    alignments: Mapping[Signal, Any]
    multiplicity: int
    side: int
    right_alignments: Mapping[Signal, Any] = field(default_factory=dict, repr=False)
    unknowns: Mapping[Symbol, Any] = field(default_factory=dict, repr=False, compare=False)


_TOGETHER = 1e-7  # in units of the width of the support: closer outliers are one of higher multiplicity

_MASTERS: WeakKeyDictionary[Any, Master] = WeakKeyDictionary()


def master_of(spectrum: Spectrum) -> Master:
    """The master matrix of a spectrum's model, derived once."""
    if spectrum not in _MASTERS:
        law = spectrum.stieltjes
        _MASTERS[spectrum] = derive_master(
            spectrum.matrix, spectrum.z, law.regime, inner=law.inner, commuting=law.commuting
        )
    return _MASTERS[spectrum]


def bulk_params(spectrum: Spectrum, params: Mapping) -> dict:
    """The parameters that the bulk knows: strengths of signals and their inner products do not move it."""
    names = {s.name for s in spectrum.parameters}
    out = {}
    for key, value in params.items():
        if isinstance(key, Symbol):
            if key.name in names:
                out[key] = value
        elif (
            not isinstance(key, str)
            or key in names
            or not key.isidentifier()
            or any(letter.name == key for letter in spectrum.letters)
        ):
            out[key] = value
    return out


def _alignment(form: Form, minus_residue: Any, location: Any) -> Any:
    """From the form to the squared alignment: ``v' Y' Q Y v = v'v + z v' (Y'Y - z)^-1 v``."""
    return minus_residue / location if form.right else minus_residue


def _clipped(value: float) -> float:
    """Rounding below 0 or above 1."""
    return min(max(value, 0.0), 1.0) if -1e-9 < value < 1 + 1e-9 else value


def _alignments(
    master: Master, found: Mapping[str, Any], location: Any, clip: bool = True
) -> tuple[dict[Signal, Any], dict[Signal, Any]]:
    """Those with the eigenvector (signals of the other space with the right singular vector), and all right ones."""
    left: dict[Signal, Any] = {}
    right: dict[Signal, Any] = {}
    for form in master.forms:
        value = _alignment(form, found[form.name], location)
        (right if form.right else left)[form.signal] = _clipped(value) if clip else value
    return right | left, right


def alignment_of(outlier: Outlier, form: Form) -> Any:
    """The squared alignment that belongs to a form."""
    return outlier.right_alignments[form.signal] if form.right else outlier.alignments[form.signal]


def solve_outliers(
    solver: OutlierSolver, supports: Sequence[tuple[Sequence[tuple[float, float]], Sequence[float]]]
) -> list[tuple[Outlier, ...]]:
    """All outliers of every parameter point, in increasing order; ``supports[k]`` are intervals and atoms."""
    master = solver.master
    if not master.determinant:
        return [() for _ in supports]
    windows = [w for k, (intervals, atoms) in enumerate(supports) for w in windows_outside(k, intervals, atoms)]
    ends = [[float(x) for pair in pairs for x in pair] + [float(x) for x in atoms] for pairs, atoms in supports]
    widths = [max(e) - min(e) for e in ends]
    zeros = _merged(find_zeros(solver.determinant, windows, solver.polished), widths)
    if not zeros:
        return [() for _ in supports]
    state, good = solver.refined(np.array([x.owner for x in zeros]), np.array([x.z for x in zeros]))
    simple = np.flatnonzero(good & np.array([x.multiplicity == 1 for x in zeros]))
    owners = np.array([x.owner for x in zeros])[simple]
    residues = solver.residues({s: v[simple] for s, v in state.items()}, owners) if len(simple) else {}
    place = {int(i): j for j, i in enumerate(simple)}
    result: list[list[Outlier]] = [[] for _ in supports]
    for i, zero in enumerate(zeros):
        mine = ends[zero.owner]
        if i in place:
            found = {name: float(values[place[i]]) for name, values in residues.items()}
            location = float(state[master.z][i])
        else:
            others = [x.z for x in zeros if x is not zero and x.owner == zero.owner]
            found, location = solver.around(zero, min(abs(zero.z - x) for x in (*mine, *others)) / 2)
        side = 1 if location > max(mine) else -1 if location < min(mine) else 0
        unknowns = {u: float(state[u][i]) for u in solver.system.unknowns}
        left, right = _alignments(master, found, location)
        result[zero.owner].append(Outlier(location, left, zero.multiplicity, side, right, unknowns))
    return [tuple(found) for found in result]


def _merged(zeros: Sequence[Zero], widths: Sequence[float]) -> list[Zero]:
    """Sorted, with zeros that rounding cannot tell apart made one of higher multiplicity."""
    out: list[Zero] = []
    for zero in sorted(zeros, key=lambda x: (x.owner, x.z)):
        if out and out[-1].owner == zero.owner and abs(zero.z - out[-1].z) <= _TOGETHER * widths[zero.owner]:
            last = out.pop()
            count = last.multiplicity + zero.multiplicity
            zero = Zero(zero.owner, (last.z * last.multiplicity + zero.z * zero.multiplicity) / count, count)
        out.append(zero)
    return out


def support_of(spectrum: Spectrum, params: Mapping) -> tuple[list[tuple[float, float]], list[float]]:
    """Intervals and atoms as numbers."""
    bulk = bulk_params(spectrum, params)
    intervals = [(float(a), float(b)) for a, b in spectrum.edges(bulk)]
    atoms = [float(x) for x in spectrum.atoms(bulk)]
    return intervals, atoms


def outliers(spectrum: Spectrum, params: Mapping | None = None, *, digits: int | None = None) -> tuple[Outlier, ...]:
    """The eigenvalues that the signals pull out of the bulk, at one point of the parameters.

    Parameters
    ----------
    spectrum : Spectrum
        Of a model with signals.
    params : mapping
        As for :meth:`derive.Limit.evaluate`: strengths and inner products of the signals too.
    digits : int, optional
        Compute locations and alignments to this many significant digits.

    Returns
    -------
    tuple of Outlier
        In increasing order; empty below all thresholds.
    """
    master = master_of(spectrum)
    solver = OutlierSolver(master, bind_master(master, params or {}))
    if solver.binding.shape != ():
        raise ParameterError(
            "outliers are computed at one point of the parameters; for arrays take limit(Eigenvalue(M))"
        )
    (found,) = solve_outliers(solver, [support_of(spectrum, params or {})])
    return found if digits is None else tuple(refine_digits(solver, o, digits) for o in found)


def bind_master(master: Master, params: Mapping) -> Binding:
    """Check the parameters of a model with signals; inner products that were not declared are named."""
    needed, _ = master.law._known
    given = {k if isinstance(k, str) else getattr(k, "name", str(k)) for k in params}
    for symbol in needed:
        for u in master.law.letters:
            for v in master.law.letters:
                if symbol.name == f"inner_{u.name}_{v.name}" and symbol.name not in given:
                    raise ParameterError(
                        f"the inner product of {u.name} and {v.name} is not declared: write "
                        f"inner={{({u.name}, {v.name}): rho}} (0 where they are orthogonal), or give {symbol.name} "
                        f"a value"
                    )
    if master.z.name in given:
        raise ParameterError(f"{master.z} is the spectral parameter of the derivation: outliers are found, not given")
    return master.law.bind({**params, master.z: 1.0})


def refine_digits(solver: OutlierSolver, outlier: Outlier, digits: int) -> Outlier:
    """Location and alignments to ``digits`` digits: Newton and implicit differentiation in mpmath."""
    if outlier.multiplicity != 1:
        raise ParameterError(
            f"the outlier at {outlier.location:.8g} is {outlier.multiplicity}-fold: digits are computed for simple ones"
        )
    master, names = solver.master, solver.names
    exact = solver.binding
    exact.exact()
    state = {u: as_mp(v) for u, v in outlier.unknowns.items()} | {master.z: as_mp(outlier.location)}
    rough = {s: np.array([float(v)]) for s, v in state.items()}
    numbers = solver.numbers(np.zeros(1, dtype=int))
    steps = [abs(solver.step(p, rough, numbers)[0, -1]) for p in solver.programs]
    program = solver.programs[int(np.nanargmin(steps))]
    kind = MpKind(int(digits * 3.3219281) + 60)
    numbers = numbers_at(solver.derivation, exact, kind)
    with kind.context():
        for _ in range(40):
            values, rows = program.jacobian(dict(numbers.env) | state, numbers.algebra, names)
            delta = solve_dense(kind, rows, [-v for v in values])
            state = {s: state[s] + d for s, d in zip(names, delta, strict=True)}
            if max(abs(d) for d in delta) < mpmath.mpf(10) ** (-digits - 8):
                break
        else:
            raise ResolventError(f"Newton's iteration did not reach {digits} digits of the outlier")
        values, rows = solver.fractions.jacobian(dict(numbers.env) | state, numbers.algebra, names)
        k = len(solver.system.unknowns)
        slope = solve_dense(kind, [row[:k] for row in rows[:k]], [-row[k] for row in rows[:k]]) if k else []
        total = [row[k] + sum(a * b for a, b in zip(row[:k], slope, strict=True)) for row in rows]
        found = {}
        for j, form in enumerate(master.forms):
            num, den = values[k + 2 * j], values[k + 2 * j + 1]
            finite = abs(den) > mpmath.mpf(10) ** (-digits // 2) * abs(total[k + 2 * j + 1])
            found[form.name] = mpmath.mpf(0) if finite else -num / total[k + 2 * j + 1]
        location = state[master.z]
        both = _alignments(master, found, location, clip=False)
    with mpmath.workdps(digits):
        left, right = ({s: +mpmath.mpf(mpmath.re(a)) for s, a in side.items()} for side in both)
        unknowns = {u: state[u] for u in solver.system.unknowns}
        return Outlier(+mpmath.mpf(mpmath.re(location)), left, 1, outlier.side, right, unknowns)
