"""The solution of one component that is the limit, for a batch of points in double precision.

The arbiter is the accretive rotation (``rotation.py``): with ``A = P L`` and ``Re A0 >= 0`` the right solution is the
only one with ``Re G > 0``, and where everything is real (left of a bulk, in a gap) the right one has ``Re G`` growing
from zero as the point is lifted off the axis by ``y``. Any method may find a solution; only this test accepts it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..regime import Regime
from ..ring import Ring
from .component import Component, hermitised
from .dense import coupled_groups, floating, hermitian_nodes, hermitian_range
from .linear import solve_small
from .matrix_equation import MatrixEquation, Numbers
from .rotation import multipliers, rotated, rotations
from .status import Status

__all__ = ["BranchSolution", "accepted", "solve_component"]

# a point is lifted from the axis by these heights in turn; the end of the path is the axis itself
_HEIGHTS = (1.0, 0.3, 0.1, 0.03, 0.01, 3e-3, 1e-3, 3e-4, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9)
_LOW = 2e-5
_STRICT = 1e-3
_ZERO = 1e-10
# how far a landing is lifted to see whether Re G becomes positive, relatively to its fastest growth
_STEP = 1e-6


@dataclass
class BranchSolution:
    """Unknowns by name over the batch, a status per point."""

    tau: dict[str, Any]
    status: np.ndarray


def solve_component(
    ring: Ring, regime: Regime, component: Component, make: Callable[[Any], Numbers], count: int, boundary: np.ndarray
) -> BranchSolution:
    """Solve one component at ``count`` points; ``make(index)`` puts numbers in at a subset of them.

    ``boundary`` marks points where the boundary value (imaginary part +0) was asked for.
    """
    status = np.full(count, int(Status.NOT_CONVERGED))
    tau = {name: np.full(count, np.nan, dtype=complex) for name in component.names if name is not None}

    def store(solved: Component, index: np.ndarray, values: Sequence[Any], state: Any) -> None:
        for name, value in zip(solved.names, values, strict=True):
            if name is not None:
                tau[name][index] = to_host(value)
        status[index] = to_host(state)

    pending = np.arange(count)
    # the balanced form first: a row multiplied by a singular matrix may fail where the plain form does not
    for form in (component.balanced, component):
        if form is None:
            continue
        for strict in (True, False):
            untried = pending
            for index, p, order in _groups(ring, form, make, untried, strict):
                equation = MatrixEquation(make(index), form, regime)
                equation.rotate([(i, s) for i, s in enumerate(order)], p)
                store(form, index, *_solve(equation, strict, boundary[index]))
                settled = index if form is component else index[status[index] != int(Status.NOT_CONVERGED)]
                pending = np.setdiff1d(pending, settled)
    if len(pending):
        store(component, pending, *_solve_hermitised(ring, regime, component, make(pending), len(pending)))
    return BranchSolution(tau, status)


def to_host(value: Any) -> np.ndarray:
    return value.get() if hasattr(value, "get") and hasattr(value, "ndim") else np.asarray(value)


def _groups(
    ring: Ring, component: Component, make: Callable[[Any], Numbers], left: np.ndarray, strict: bool
) -> Iterator[tuple[np.ndarray, list[Any], tuple[int, ...]]]:
    """Subsets of the points, each with an admissible rotation of its own."""
    m = len(component.spaces)
    for rotation in rotations(ring, component):
        tried = -1
        while len(left):
            numbers = make(left)
            fixed = {pos: numbers.element(e) for pos, e in component.fixed.items()}
            for k, p in enumerate(multipliers(rotation, numbers)):
                if k <= tried:
                    continue
                tried = k
                turned = rotated(numbers.algebra, rotation.order, p, fixed)
                low, _, size = hermitian_range(numbers.algebra, turned, m, len(left))
                good = to_host(low > _STRICT * size if strict else low >= -1e-12 * size)
                if good.any():
                    xp = numbers.algebra.kind.xp
                    yield left[good], [x[xp.asarray(good)] if np.ndim(x) else x for x in p], rotation.order
                    left = left[~good]
                    break
            else:
                break


def _average(equation: MatrixEquation, tau: list[Any], y: Any, steps: int) -> list[Any]:
    for _ in range(steps):
        tau = [(a + b) / 2 for a, b in zip(tau, equation.phi(tau, y), strict=True)]
    return tau


def _newton(equation: MatrixEquation, tau: list[Any], y: Any, steps: int) -> tuple[list[Any], Any]:
    """Newton on ``tau - Phi(tau)``; returns the last relative step per point."""
    xp = equation.algebra.kind.xp
    last = xp.zeros(1)
    for _ in range(steps if tau else 0):
        G = equation.inverse(equation.K(tau, y), y is not None)
        residual = [b - a for a, b in zip(tau, equation.traces(G, tau), strict=True)]
        delta = solve_small(equation.algebra.kind, equation.derivative(G, tau), residual)
        tau = [a + d for a, d in zip(tau, delta, strict=True)]
        # unknowns that vanish at the solution are judged in units of what they could have been
        last = xp.asarray(sum(abs(d) for d in delta) / (sum(abs(a) for a in tau) + 1e-13 * equation.unit + 1e-300))
        if bool(xp.all(last < 1e-15)):
            break
    return tau, last


def _solve(equation: MatrixEquation, strict: bool, boundary: np.ndarray) -> tuple[list[Any], Any]:
    """All points of one group; they share the rotation."""
    with equation.algebra.kind.context():
        return _solve_strict(equation, len(boundary)) if strict else _solve_lifted(equation, boundary)


def _blend(xp: Any, mask: Any, new: Sequence[Any], old: Sequence[Any]) -> list[Any]:
    return [xp.where(mask, floating(xp, a), floating(xp, b)) for a, b in zip(new, old, strict=True)]


def _solve_strict(equation: MatrixEquation, count: int) -> tuple[list[Any], Any]:
    xp = equation.algebra.kind.xp
    tau = equation.phi([0.0] * equation.count, 1.0)
    equation.unit = sum(abs(t) for t in tau)
    best, done = tau, xp.zeros(count, dtype=xp.bool)
    for steps in (6, 60, 600, 6000):
        tau = _average(equation, tau, None, steps)
        trial, error = _newton(equation, tau, None, 8)
        good = (error < 1e-10) & accepted(equation, trial, count)[0]
        best = _blend(xp, good & ~done, trial, best)
        done = done | good
        if bool(xp.all(done)):
            break
        # converged points stay where they are
        tau = _blend(xp, done, best, tau)
    status = xp.full(count, int(Status.NOT_CONVERGED))
    return best, xp.where(done, int(Status.CONVERGED), status)


def accepted(equation: MatrixEquation, tau: Sequence[Any], count: int) -> tuple[Any, Any]:
    """Whether the solution is the limit, and whether it lies inside the bulk (Re G does not vanish).

    Where Re G is not positive it must become so when the point is lifted off the axis: everywhere at a point outside
    the bulk, on the part of the space that the noise does not reach at a point inside.
    """
    xp, algebra = equation.algebra.kind.xp, equation.algebra
    K = equation.K(tau)
    G = equation.inverse(K) if equation.elements else {}
    turned = _rotated(equation, K) | equation.subordinations(G, tau)
    blocks = equation.extent
    low, high, size = hermitian_range(algebra, turned, blocks, count, relative=True)
    positive = low > _ZERO * size
    if bool(xp.all(positive)):
        return positive, positive
    semidefinite = low >= -_ZERO * size
    if equation.component.factors:
        plain = _rotated(equation, equation.K(tau, plain=True)) | equation.subordinations(G, tau)
        low, high, size = hermitian_range(algebra, plain, blocks, count, relative=True)
    flat = (high <= _ZERO * size) & (low >= -_ZERO * size)
    G = G or equation.inverse(K)
    lift = solve_small(algebra.kind, equation.derivative(G, tau), equation.source(G, tau))
    slope = _rotated(equation, equation.slope(lift)) | equation.subordinations_lifted(G, tau, lift)
    rise, _, _ = hermitian_range(algebra, slope, blocks, count)
    good = positive | (flat & (rise > 0))
    if not bool(xp.all(good | ~semidefinite)):
        mixed = semidefinite & ~flat & ~positive & _becomes_positive(algebra, turned, slope, blocks, count)
        return good | mixed, positive | mixed
    return good, positive


def _becomes_positive(
    algebra: Any, turned: Mapping[tuple[int, int], Any], slope: Mapping[tuple[int, int], Any], blocks: int, count: int
) -> Any:
    """Whether a semidefinite matrix becomes positive when it is lifted along its slope.

    Judged node by node and in every coupled group in its own units: where a law has values close to 0, parts of the
    space that the noise hardly reaches stand next to parts that it reaches well.
    """
    xp = algebra.kind.xp
    good = xp.ones(count, dtype=xp.bool)
    for group in coupled_groups({**turned, **slope}, blocks):
        own, rising = ({pos: x for pos, x in part.items() if pos[0] in group} for part in (turned, slope))
        if not rising:
            low, _, size = hermitian_nodes(algebra, own, group)
            good = good & xp.all(low > _ZERO * size, axis=-1)
            continue
        _, _, size = hermitian_nodes(algebra, rising, group)
        steepest = xp.broadcast_to(xp.max(size, axis=-1), (count,))
        step = _STEP / xp.where(steepest > 0, steepest, xp.ones_like(steepest))
        lifted = dict(own)
        for slot, x in rising.items():
            term = algebra.scale(step, x)
            lifted[slot] = algebra.add(lifted[slot], term) if slot in lifted else term
        low, _, _ = hermitian_nodes(algebra, lifted, group)
        good = good & xp.all((low > 0) & (low > 1e-3 * step[:, None] * size), axis=-1)
    return good


def _rotated(equation: MatrixEquation, K: Mapping[tuple[int, int], Any]) -> dict[tuple[int, int], Any]:
    return rotated(equation.algebra, equation.places, equation.multipliers, K)


def _solve_lifted(equation: MatrixEquation, boundary: np.ndarray) -> tuple[list[Any], Any]:
    """Follow the solution from height 1 down to the axis; accept where the landing passes the test."""
    xp, count, blocks = equation.algebra.kind.xp, len(boundary), equation.size
    asked = xp.asarray(boundary)
    tau = equation.phi([0.0] * equation.count, 1.0)
    equation.unit = sum(abs(t) for t in tau)
    best: list[Any] = [xp.full(count, xp.nan, dtype=xp.complex128) for _ in tau]
    status = xp.full(count, int(Status.NOT_CONVERGED))
    fixed = _rotated(equation, equation.plain)
    low, high, size = hermitian_range(equation.algebra, fixed, blocks, count, relative=True)
    real = (high <= _ZERO * size) & (low >= -_ZERO * size)
    steepness, mass = xp.zeros(count), xp.zeros(count)
    for k, y in enumerate(_HEIGHTS):
        for steps in (40 if k == 0 else 4, 200):
            tau = _average(equation, tau, y, steps)
            trial, error = _newton(equation, tau, y, 8)
            K = equation.K(trial, y)
            turned = _rotated(equation, K)
            sizes = trial
            if equation.elements:
                # their unknowns may grow where the traces do not
                G = equation.inverse(K, True)
                turned |= equation.subordinations(G, trial)
                sizes = equation.moments(G)
            low, _, _ = hermitian_range(equation.algebra, turned, equation.extent, count)
            good = (error < 1e-8) & (low > 0)
            tau = _blend(xp, good, trial, tau)
            if bool(xp.all(good)):
                break
        if y < _LOW:
            traces = sum((abs(t) for t in sizes), start=mass * 0)
            # where an unknown of a free element is infinite K is, and the traces vanish: no bulk
            rise = xp.minimum(low, traces) if equation.elements else low
            steepness = xp.where(good, rise / y**0.5, steepness)
            mass = xp.where(good, y * traces, mass)
        ground, error = _newton(equation, tau, None, 12)
        limits, positive = accepted(equation, ground, count)
        new = (error < 1e-10) & limits & (status == int(Status.NOT_CONVERGED))
        inside = new & positive & real & ~asked
        status = xp.where(new, int(Status.CONVERGED), status)
        status = xp.where(inside, int(Status.INSIDE_BULK), status)
        best = _blend(xp, new, ground, best)
        if not bool(xp.any(status == int(Status.NOT_CONVERGED))):
            break
    else:
        # the landing can be singular (a family of solutions on the axis); Re G that does not vanish with y decides
        lost = status == int(Status.NOT_CONVERGED)
        status = xp.where(lost & real & ~asked & (steepness > 1), int(Status.INSIDE_BULK), status)
        # a resolvent that grows like 1/y belongs to an eigenvalue 0 that keeps a share of the spectrum
        lost = status == int(Status.NOT_CONVERGED)
        status = xp.where(lost & (mass > 1e-3), int(Status.NOT_INVERTIBLE), status)
    return best, status


def _solve_hermitised(
    ring: Ring, regime: Regime, component: Component, numbers: Numbers, count: int
) -> tuple[list[Any], Any]:
    """No rotation exists: follow the smallest singular value through ``[[0, L], [L*, 0]]``."""
    xp, m = numbers.algebra.kind.xp, len(component.spaces)
    equation = MatrixEquation(numbers, hermitised(ring, component), regime)
    ground = [(i, m + j) for i, j in component.pivots] + [(m + j, i) for i, j in component.pivots]
    equation.rotate([(k, k) for k in range(2 * m)], [1j] * (2 * m), ground)
    values, state = _solve(equation, False, np.zeros(count, dtype=bool))
    state = xp.where(state == int(Status.INSIDE_BULK), int(Status.NOT_INVERTIBLE), state)
    with numbers.algebra.kind.context():
        G = equation.inverse(equation.K(values))
        out = []
        for unknown in component.unknowns:
            # the lower left block of the inverse is L^-1
            block = G.get((m + unknown.k, unknown.l))
            if block is not None and unknown.weight is not None:
                block = numbers.algebra.matmul(numbers.element(unknown.weight), block)
            out.append(0.0 if block is None else numbers.algebra.trace(block, component.spaces[unknown.l].label))
        found = dict(zip(equation.component.names, values, strict=True))
        out += [found[name] for name in component.names[len(component.unknowns) :]]
    return out, state
