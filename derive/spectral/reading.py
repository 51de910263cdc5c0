"""What the outliers and the support say about the eigenvalues and alignments asked for, at every parameter point."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import mpmath
import numpy as np
from sympy import Expr, Symbol, lambdify

from ..bind import Binding
from ..errors import ResolventError
from ..functionals import SpectralFunctional
from ..lower.program import compile_program
from ..numbers import exact
from ..solve.status import Status
from .follow import follow_edge, follow_outlier
from .outlier_solver import OutlierSolver
from .outliers import Outlier, alignment_of, bulk_params, refine_digits, solve_outliers

if TYPE_CHECKING:
    from .spectral_limit import SpectralLimit

__all__ = ["SpectralEvaluation", "read_off"]

_Support = tuple[list[tuple[float, float]], list[float]]


@dataclass(frozen=True)
class SpectralEvaluation:
    """Everything :meth:`SpectralLimit.evaluate` knows, per element of the batch.

    ``value`` (a dict for several quantities), ``status`` (0: the limit exists, outlier or not), the ``unknowns`` at the
    first outlier asked for (NaN where there is none), all ``outliers`` of the model, and ``note``: in words, what each
    eigenvalue asked for is.
    """

    value: Any
    status: Any
    unknowns: Mapping[Symbol, Any]
    outliers: Any
    note: Any


@dataclass
class _Reading:
    """One parameter point: a number per functional, a note per index, and what a changed system says."""

    numbers: dict[SpectralFunctional, Any] = field(default_factory=dict)
    notes: dict[int, str] = field(default_factory=dict)
    unknowns: dict[Symbol, Any] = field(default_factory=dict)
    changed: dict[str, float] = field(default_factory=dict)
    status: Status = Status.CONVERGED

    @property
    def note(self) -> str:
        order = sorted(self.notes, key=lambda i: (i < 0, i))
        return "; ".join(self.notes[i] if len(order) == 1 else f"number {i}: {self.notes[i]}" for i in order)


def read_off(law: SpectralLimit, params: Mapping, binding: Binding, digits: int | None, full_output: bool) -> Any:
    """Values, or a :class:`SpectralEvaluation`."""
    reader = _Reader(law, params, binding, digits)
    supports, found = _solved(reader)
    readings = [reader.reading(k, found[k], supports[k]) for k in range(reader.solver.count)]
    values = reader.combined(readings)
    for k, reading in enumerate(readings):
        for name, value in reading.changed.items():
            values[name][k] = value
    return _collected(law, values, readings, found, binding.shape, full_output)


# changed systems are followed from the outliers of the true one: those of the last point are kept, by master matrix
_LAST: WeakKeyDictionary[Any, tuple[Binding, list[_Support], list[tuple[Outlier, ...]]]] = WeakKeyDictionary()


def _solved(reader: _Reader) -> tuple[list[_Support], list[tuple[Outlier, ...]]]:
    master, binding = reader.law.master, reader.binding
    if reader.law.changed is not None and master in _LAST and _is_same(_LAST[master][0], binding):
        return _LAST[master][1:]
    supports = [reader.support(point) for point in reader.points()]
    found = solve_outliers(reader.solver, supports)
    _LAST[master] = binding, supports, found
    return supports, found


def _is_same(a: Binding, b: Binding) -> bool:
    """The very same objects: values may be arrays, which have no one truth value."""
    old, new = ({**x.scalars, **x.laws} for x in (a, b))
    return old.keys() == new.keys() and all(old[k] is new[k] for k in new)


class _Reader:
    def __init__(self, law: SpectralLimit, params: Mapping, binding: Binding, digits: int | None):
        self.law, self.params, self.binding, self.digits = law, params, binding, digits
        self.solver = OutlierSolver(law.master, binding)

    def points(self) -> Iterator[dict]:
        """The parameters of the bulk at every point of the batch."""
        shape = self.binding.shape
        mine = bulk_params(self.law.spectrum, self.params)
        arrays = {k: np.broadcast_to(np.asarray(v), shape).ravel() for k, v in mine.items() if _is_array(k, v)}
        for k in range(self.solver.count):
            yield mine | {key: column[k].item() for key, column in arrays.items()}

    def support(self, params: Mapping) -> _Support:
        """Intervals and atoms; the spectrum remembers them, since a strength does not move the bulk."""
        intervals = [(float(a), float(b)) for a, b in self.law.spectrum.edges(params)]
        return intervals, [float(x) for x in self.law.spectrum.atoms(params)]

    def reading(self, k: int, found: tuple[Outlier, ...], support: _Support) -> _Reading:
        """What one parameter point says about every eigenvalue and alignment asked for."""
        law, out = self.law, _Reading()
        outliers = {f.index: _numbered(found, f.index) for f in law.parts}
        ends: dict[int, Any] = {}
        for index, outlier in outliers.items():
            if outlier is None:
                ends[index], kind = self._end(support, index)
                if law.master.determinant:
                    end = f"{float(ends[index]):.10g}, alignment 0"
                    out.notes[index] = f"no outlier: the eigenvalue sticks to the {kind} {end}"
                else:
                    out.notes[index] = f"no signals: the eigenvalue is at the {kind} {float(ends[index]):.10g}"
                continue
            if self.digits is not None:
                outliers[index] = outlier = refine_digits(self.solver, outlier, self.digits)
            out.notes[index] = f"outlier at {float(outlier.location):.10g}"
            out.unknowns = out.unknowns or {**outlier.unknowns, law.master.z: outlier.location}
        for functional, form in law.parts.items():
            outlier = outliers[functional.index]
            if outlier is None:
                out.numbers[functional] = ends[functional.index] if form is None else 0 * ends[functional.index]
            else:
                out.numbers[functional] = outlier.location if form is None else alignment_of(outlier, form)
        if law.changed is not None:
            self._follow(out, outliers, k)
        return out

    def _end(self, support: _Support, index: int) -> tuple[Any, str]:
        """The end of the support to which an eigenvalue that is no outlier sticks."""
        ends = [x for pair in support[0] for x in pair]
        edge = (max if index > 0 else min)([*ends, *support[1]])
        if edge not in ends:
            return edge, "atom"
        return (edge if self.digits is None else self._edge_digits(edge, self.digits)), "edge"

    def _edge_digits(self, edge: float, digits: int) -> Any:
        bulk = bulk_params(self.law.spectrum, self.params)
        ends = [x for pair in self.law.spectrum.edges(bulk, digits=digits) for x in pair]
        return min(ends, key=lambda x: abs(float(x) - float(edge)))

    def _follow(self, out: _Reading, outliers: Mapping[int, Outlier | None], k: int) -> None:
        """The values of a changed system: at an outlier they are its values; an edge moves with the bulk equations."""
        law, changed = self.law, self.law.changed
        assert changed is not None
        followed = {
            index: follow_outlier(law.derived, changed, self.solver, k, outlier)
            for index, outlier in outliers.items()
            if outlier is not None
        }
        edges: dict[int, float] = {}
        for functional, form in law.parts.items():
            if functional.index not in followed and form is None:
                if functional.index not in edges:
                    edges[functional.index] = follow_edge(law.master, changed, self.solver, k, out.numbers[functional])
                out.numbers[functional] = edges[functional.index]
        for name, expr in law.quantities.items():
            parts = [f for f in law.parts if expr.has(f)]
            # a signal that does not see the outlier has alignment 0 whatever the equations are
            if all(f.index in followed and out.numbers[f] != 0 for f in parts):
                first = followed[parts[0].index]
                out.changed[name] = first.values[name]
                if first.status != Status.CONVERGED:
                    out.status = first.status
            elif all(f.index in edges and form is None for f, form in law.parts.items() if f in parts):
                value = self._at_edge(changed.values[name], edges[parts[0].index], k)
                if value is not None:
                    out.changed[name] = value
        if not all(np.isfinite(x) for x in edges.values()):
            out.status = Status.NOT_CONVERGED

    def _at_edge(self, expr: Expr, edge: float, k: int) -> float | None:
        """A quantity of eigenvalues alone, at an edge."""
        if expr.free_symbols & set(self.solver.system.unknowns):
            return None
        numbers = self.solver.numbers(np.array([k]))
        (value,) = compile_program([expr]).run(dict(numbers.env) | {self.law.master.z: edge}, numbers.algebra)
        return float(np.real(np.ravel(value)[0]))

    def combined(self, readings: list[_Reading]) -> dict[str, np.ndarray]:
        """The quantities as functions of eigenvalues, alignments and parameters."""
        law, dtype = self.law, float if self.digits is None else object
        columns = {law.symbol(f): np.array([r.numbers[f] for r in readings], dtype=dtype) for f in law.parts}
        values = {}
        for name, expr in law.quantities.items():
            bare = law.bare(expr)
            if bare in columns:
                values[name] = np.array(columns[bare])
                continue
            arguments = dict(columns)
            for s in sorted(bare.free_symbols - columns.keys(), key=str):
                arguments[s] = self._parameter(s)
            function = lambdify(list(arguments), bare, modules="numpy" if self.digits is None else "mpmath")
            rows = zip(*arguments.values(), strict=True)
            with mpmath.workdps((self.digits or 15) + 10):
                values[name] = np.array([function(*row) for row in rows], dtype=dtype)
        return values

    def _parameter(self, symbol: Any) -> np.ndarray:
        """A parameter of the user at every point."""
        value = next(v for key, v in self.params.items() if getattr(key, "name", key) == symbol.name)
        if self.digits is not None:
            number = exact(value, symbol.name).evalf(self.digits + 10)
            return np.array([mpmath.mpmathify(number)], dtype=object)
        number = complex(exact(value, symbol.name)).real if isinstance(value, str | Expr) else value
        return np.broadcast_to(np.asarray(number, dtype=float), self.binding.shape).ravel()


def _collected(
    law: SpectralLimit,
    values: dict[str, np.ndarray],
    readings: list[_Reading],
    found: list[tuple[Outlier, ...]],
    shape: tuple[int, ...],
    full_output: bool,
) -> Any:
    def shaped(x: Any) -> Any:
        array = np.asarray(x).reshape(shape)
        return array.item() if shape == () else array

    out = {name: shaped(column) for name, column in values.items()}
    value = next(iter(out.values())) if law.single else out
    lost = [r for r in readings if r.status != Status.CONVERGED]
    if not full_output:
        if lost and shape == ():
            raise ResolventError("the changed equations have no solution that continues the one of the theorem")
        return value
    unknowns = {
        s: shaped([r.unknowns.get(s, float("nan")) for r in readings])
        for s in (*law.master.law.system.unknowns, law.master.z)
    }
    notes = np.empty(len(readings), dtype=object)
    notes[:] = [r.note for r in readings]
    status = Status(int(readings[0].status)) if shape == () else shaped([int(r.status) for r in readings])
    return SpectralEvaluation(value, status, unknowns, found[0] if shape == () else tuple(found), shaped(notes))


def _is_array(key: Any, value: Any) -> bool:
    return isinstance(key, Symbol | str) and not isinstance(value, str | Expr) and np.ndim(value) > 0


def _numbered(found: tuple[Outlier, ...], index: int) -> Outlier | None:
    """The outlier that is the k-th largest eigenvalue (the k-th smallest for negative k), or None."""
    side = 1 if index > 0 else -1
    listed = [o for o in found if o.side == side for _ in range(o.multiplicity)]
    if side == 1:
        listed.reverse()
    return listed[abs(index) - 1] if abs(index) <= len(listed) else None
