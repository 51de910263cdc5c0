"""From parameters to numbers in double precision: components, then the reduced system, then the values.

The components give the Dyson unknowns on the right branch; the reduced unknowns are functions of them; one Newton
step on the reduced system polishes the last digits and measures the error. That step is small only if the unreduced
and the reduced equations agree, so every evaluation checks the reduction.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import mpmath
import numpy as np
from array_api_compat import is_numpy_namespace
from sympy import Symbol

from ..bind import Binding
from ..errors import ParameterError
from ..lower.algebra import Algebra
from ..lower.arrays import ArrayKind
from ..lower.program import compile_program
from ..lower.represent import represent
from ..numbers import exact
from ..pipeline import Derivation
from ..system import System
from .branch import solve_component, to_host
from .component import Component, components_of
from .domain import check_domain
from .linear import solve_dense
from .matrix_equation import Numbers
from .quick import EFFORTS, solve_quick
from .status import Status

__all__ = ["Batch", "Solution", "evaluate_batch", "namespace"]


def namespace(device: str) -> Any:
    """The array namespace of a device name."""
    if device == "cpu":
        import array_api_compat.numpy

        return array_api_compat.numpy
    if device == "gpu":
        try:
            import cupy

            cupy.cuda.runtime.getDeviceCount()
            import array_api_compat.cupy
        except Exception as error:
            raise ParameterError(
                "device='gpu' needs CuPy and a CUDA device; install the extra resolvent[gpu] or use device='cpu'"
            ) from error
        return array_api_compat.cupy
    raise ParameterError(f"device must be 'cpu' or 'gpu', got {device!r}")


@dataclass(frozen=True)
class Solution:
    """Arrays over the flattened batch (on the host): values, unknowns, a status and an error estimate per point."""

    values: Mapping[str, np.ndarray]
    unknowns: Mapping[Symbol, np.ndarray]
    status: np.ndarray
    error: np.ndarray


class Batch:
    """A binding as flat arrays, and numbers for any subset of its points."""

    def __init__(self, derivation: Derivation, binding: Binding, xp: Any):
        self.derivation, self.binding, self.xp = derivation, binding, xp
        self.kind = ArrayKind(xp)
        self.shape = binding.shape
        self.count = int(np.prod(self.shape, dtype=int))
        self.scalars = {s: self._flat(s, v) for s, v in binding.scalars.items()}
        self.letters = derivation.lettered

    def _flat(self, symbol: Symbol, value: Any) -> Any:
        array = self.kind.coerce(value, symbol.name)
        if np.ndim(array) == 0:
            return array
        return self.xp.reshape(self.xp.broadcast_to(array, self.shape), (self.count,))

    @cached_property
    def boundary(self) -> np.ndarray:
        """Points where some parameter is complex with imaginary part +0: the boundary value is meant."""
        out = np.zeros(self.shape, dtype=bool)
        # as the user wrote them: an exact number has no +0
        for value in self.binding.scalars.values():
            array = np.asarray(_host(value))
            if array.dtype.kind == "c":
                out |= (array.imag == 0) & ~np.signbit(array.imag)
            elif array.dtype.kind in "UO":
                out |= np.vectorize(_is_boundary, otypes=[bool])(array)
        return out.reshape(self.count)

    def numbers(self, index: Any = None) -> Numbers:
        """Numbers at the points ``index`` (all if None)."""
        env: dict[Any, Any] = {}
        for symbol, value in self.scalars.items():
            env[symbol] = value if index is None or np.ndim(value) == 0 else value[self.xp.asarray(index)]
        regime = self.derivation.problem.regime
        scratch = Algebra(self.kind, {}, {})
        ratios = list(regime.ratios.items())
        sizes = compile_program([r for _, r in ratios]).run(env, scratch)
        dims = {dim: size for (dim, _), size in zip(ratios, sizes, strict=True)}
        algebra = represent(self.binding.laws, self.letters, dims, self.kind)
        return Numbers(self.derivation.ring, algebra, env | dims)


_BELOW = re.compile(r"-[\s0.]*\*?\s*[ijIJ]\s*$")  # "1-0j"


def _is_boundary(value: Any) -> bool:
    """ "1+0j" as text, or an mpmath number with imaginary part 0."""
    if isinstance(value, str):
        return value.strip()[-1:] in ("i", "j", "I", "J") and not _BELOW.search(value) and bool(exact(value).is_real)
    return isinstance(value, complex | mpmath.mpc) and value.imag == 0


def _host(value: Any) -> Any:
    return value.get() if hasattr(value, "get") and hasattr(value, "ndim") else np.asarray(value)


# a batch from this size on is cut into as many equal pieces as there are cores, and pieces are no larger than twice it
_PIECE = 32768
# a value beyond this is a pole that rounding keeps finite
_POLE = 1e14


def evaluate_batch(derivation: Derivation, system: System, binding: Binding, xp: Any) -> Solution:
    """Solve and evaluate at every point of the binding."""
    batch = Batch(derivation, binding, xp)
    check_domain(batch)
    count = batch.count
    components = components_of(derivation.ring, derivation.equation, derivation.elimination)
    on_host = is_numpy_namespace(xp)
    cores = os.cpu_count() or 1
    pieces: list[Any] = [None]
    if on_host and count > _PIECE:
        pieces = np.array_split(np.arange(count), max(cores, -(-count // (2 * _PIECE))))

    def quickly(index: Any) -> Solution | None:
        return _solve_quickly(batch, components, system, index)

    if len(pieces) > 1:
        # array operations release the interpreter lock, so pieces run side by side
        with ThreadPoolExecutor(cores) as pool:
            parts = list(pool.map(quickly, pieces))
    else:
        parts = [quickly(pieces[0])]
    found = [p for p in parts if p is not None]
    if len(found) < len(parts):
        return _solve_slowly(batch, components, system, None, count)
    solution = found[0] if len(found) == 1 else _joined(found)
    left = np.flatnonzero(solution.status != 0)
    if left.size:
        again = _solve_quickly(batch, components, system, left, EFFORTS[1])
        if again is not None:
            solution = _replaced(solution, left, again)
            left = np.flatnonzero(solution.status != 0)
    if left.size:
        solution = _replaced(solution, left, _solve_slowly(batch, components, system, left, left.size))
    return solution


def _solve_quickly(
    batch: Batch, components: Sequence[Component], system: System, index: Any, effort: tuple[int, int] = EFFORTS[0]
) -> Solution | None:
    """One piece of the batch by ``quick.py``; points it did not settle have a status other than 0."""
    count = batch.count if index is None else len(index)
    numbers = batch.numbers(index)
    boundary = batch.boundary if index is None else batch.boundary[index]
    quick = solve_quick(batch.derivation, components, numbers, count, effort, boundary)
    if quick is None:
        return None
    unknowns, accepted, error = quick
    status = np.where(to_host(accepted), 0, int(Status.NOT_CONVERGED))
    return _finished(system, unknowns, numbers, status, error, count)


def _joined(parts: Sequence[Solution]) -> Solution:
    return Solution(
        {k: np.concatenate([p.values[k] for p in parts]) for k in parts[0].values},
        {u: np.concatenate([p.unknowns[u] for p in parts]) for u in parts[0].unknowns},
        np.concatenate([p.status for p in parts]),
        np.concatenate([p.error for p in parts]),
    )


def _replaced(solution: Solution, index: np.ndarray, rest: Solution) -> Solution:
    def merge(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        out = x.astype(np.result_type(x, y))
        out[index] = y
        return out

    return Solution(
        {k: merge(v, rest.values[k]) for k, v in solution.values.items()},
        {u: merge(v, rest.unknowns[u]) for u, v in solution.unknowns.items()},
        merge(solution.status, rest.status),
        merge(solution.error, rest.error),
    )


def _solve_slowly(batch: Batch, components: Sequence[Component], system: System, index: Any, count: int) -> Solution:
    """Component by component with the arbiter of ``branch.py``, then one Newton step on the reduced system."""
    derivation, xp = batch.derivation, batch.xp
    where = np.arange(batch.count) if index is None else index
    status = np.zeros(count, dtype=int)
    tau: dict[str, Any] = {}
    for component in components:
        solved = solve_component(
            derivation.ring,
            derivation.problem.regime,
            component,
            lambda subset: batch.numbers(where[subset]),
            count,
            batch.boundary[where],
        )
        tau |= solved.tau
        status = np.where(status == 0, solved.status, status)
    numbers = batch.numbers(None if index is None else where)
    env = numbers.env | {Symbol(name): xp.asarray(value) for name, value in tau.items()}
    with batch.kind.context():
        names = list(system.unknowns)
        start = compile_program([system.origin[u] for u in names]).run(env, numbers.algebra)
        unknowns, step = polish(system, dict(zip(names, start, strict=True)), env, numbers)
    return _finished(system, unknowns, numbers, status, step, count)


def _finished(
    system: System, unknowns: Mapping[Symbol, Any], numbers: Numbers, status: np.ndarray, error: Any, count: int
) -> Solution:
    """Values on the host, NaN where there is no limit."""
    with numbers.algebra.kind.context():
        values = finish(system, unknowns, numbers.env, numbers)
    out = {k: _column(v, count) for k, v in values.items()}
    for v in out.values():
        # at a pole the denominator vanishes up to rounding of the unknowns: infinite, or absurdly large
        status = np.where((status == 0) & (np.isinf(v) | (np.abs(v) > _POLE)), int(Status.POLE), status)
        status = np.where((status == 0) & ~np.isfinite(v), int(Status.INDETERMINATE), status)
    bad = status != 0
    if bad.any():
        out = {k: np.where(bad, np.nan, v) for k, v in out.items()}
    return Solution(
        # masked first: the complex value of a refused point must not make the others complex
        {k: _real_where_possible(v) for k, v in out.items()},
        {u: _real_where_possible(_column(v, count)) for u, v in unknowns.items()},
        status,
        np.where(bad, np.nan, _column(error, count).real),
    )


def _column(value: Any, count: int) -> np.ndarray:
    return np.array(np.broadcast_to(_host(value), (count,)))


def _real_where_possible(value: np.ndarray) -> np.ndarray:
    """Real dtype when every entry is real up to rounding of the complex arithmetic."""
    if not np.iscomplexobj(value):
        return value
    finite = np.isfinite(value)
    size = np.abs(value)
    return value.real if np.all(np.abs(value.imag[finite]) <= 1e-13 * size[finite]) else value


def polish(
    system: System, unknowns: Mapping[Symbol, Any], env: Mapping[Any, Any], numbers: Numbers
) -> tuple[dict[Symbol, Any], Any]:
    """One Newton step on the reduced system; returns the new unknowns and the relative size of the step."""
    if not system.unknowns:
        return dict(unknowns), 0.0
    residual, jacobian = reduced_jacobian(system, unknowns, env, numbers.algebra)
    delta = solve_dense(numbers.algebra.kind, jacobian, [-r for r in residual])
    new = {u: unknowns[u] + d for u, d in zip(system.unknowns, delta, strict=True)}
    size = sum(abs(x) for x in new.values()) + 1e-300
    return new, sum(abs(d) for d in delta) / size + 2.3e-16


def reduced_jacobian(
    system: System, unknowns: Mapping[Symbol, Any], env: Mapping[Any, Any], algebra: Any
) -> tuple[list[Any], list[list[Any]]]:
    """Residuals of the reduced system and their derivatives, definitions included through the chain rule."""
    program = compile_program(system.residuals, dict(system.definitions))
    return program.jacobian(dict(env) | dict(unknowns), algebra, list(system.unknowns))


def finish(system: System, unknowns: Mapping[Symbol, Any], env: Mapping[Any, Any], numbers: Numbers) -> dict[str, Any]:
    """The values at solved unknowns."""
    names = list(system.values)
    program = compile_program([system.values[k] for k in names], dict(system.definitions))
    return dict(zip(names, program.run(dict(env) | dict(unknowns), numbers.algebra), strict=True))


def evaluate_matrix(derivation: Derivation, matrix: Any, binding: Binding) -> tuple[np.ndarray, Status]:
    """A deterministic equivalent as a small array, at one point."""
    import array_api_compat.numpy as xp

    solution = evaluate_batch(derivation, derivation.system, binding, xp)
    status = Status(int(solution.status[0]))
    batch = Batch(derivation, binding, xp)
    numbers = batch.numbers()
    env = numbers.env | {u: v[0] for u, v in solution.unknowns.items()}
    system = derivation.system
    element = compile_program(system.substituted([matrix])).run(env, numbers.algebra)[0]
    data = np.asarray(element.data)
    if element.family is None:
        return data.reshape(1, 1), status
    return (data if data.ndim == 2 else np.diag(data)), status
