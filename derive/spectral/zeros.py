"""Real zeros of a real-analytic function outside a support, counted before they are looked for.

The function is analytic off the support and real on the rest of the axis, so the change of its phase along a half
circle over an interval is pi times the number of zeros in the interval: a count with multiplicities that no grid can
miss. Zeros are then bracketed by signs; an interval whose signs do not show them all is halved until they do, or until
it is so short that its zeros are one of higher multiplicity. Windows of many parameter points share every evaluation.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from ..errors import ResolventError

__all__ = ["Window", "Zero", "find_zeros", "windows_outside"]

# f(owner, z) for arrays of the same length
Function = Callable[[np.ndarray, np.ndarray], np.ndarray]
# from (owner, z) near a zero to the zero itself, NaN where that fails
Polish = Callable[[np.ndarray, np.ndarray], np.ndarray]

_MARGIN = 1e-10  # in units of the window: square-root edges move a zero at distance d**2 only
_SHORT = 1e-8  # zeros that are closer than this in relative terms are one zero of higher multiplicity
_STEP = 0.8  # radians between neighbouring points of a contour


@dataclass(frozen=True)
class Window:
    """An open interval (low, high) of the axis, of w = z, or of w = 1/(z - centre) where ``centre`` is given."""

    owner: int
    low: float
    high: float
    centre: float | None = None
    order: int = 0  # the function grows like z**order at infinity

    def z(self, w: np.ndarray) -> np.ndarray:
        return w if self.centre is None else self.centre + 1 / w

    def w(self, z: float) -> float:
        return z if self.centre is None else 1 / (z - self.centre)

    def value(self, f: np.ndarray, w: np.ndarray) -> np.ndarray:
        return f if self.centre is None else f * w**self.order


@dataclass(frozen=True)
class Zero:
    """A zero at ``z``, to about half the digits where it is multiple; ``owner`` is the index of its parameter point."""

    owner: int
    z: float
    multiplicity: int


def windows_outside(owner: int, intervals: Sequence[tuple[float, float]], points: Sequence[float]) -> list[Window]:
    """The complement of a support: all gaps, and the two outer regions as one window through infinity."""
    pieces = sorted([(float(a), float(b)) for a, b in intervals] + [(float(x), float(x)) for x in points])
    merged: list[tuple[float, float]] = []
    for a, b in pieces:
        if merged and a <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(b, merged[-1][1]))
        else:
            merged.append((a, b))
    out = [Window(owner, left[1], right[0]) for left, right in pairwise(merged)]
    low, high = merged[0][0], merged[-1][1]
    # a support of one point still has an inside
    pad = 1e-12 * max(1.0, abs(low)) if low == high else 0.0
    centre = (low + high) / 2
    out.append(Window(owner, 1 / (low - pad - centre), 1 / (high + pad - centre), centre))
    return out


def find_zeros(f: Function, windows: Sequence[Window], polish: Polish | None = None) -> list[Zero]:
    """All zeros of ``f`` inside the windows, counted with multiplicity; ``polish`` saves bisections."""
    windows = _with_orders(f, windows)
    shrunk = [
        Window(w.owner, w.low + _MARGIN * (w.high - w.low), w.high - _MARGIN * (w.high - w.low), w.centre, w.order)
        for w in windows
    ]
    found: list[Zero] = []
    pending = [(w, w.high - w.low) for w in shrunk]
    for _ in range(60):
        if not pending:
            return found
        counts, means = _counts(f, [w for w, _ in pending])
        at_once = _polished([w for w, _ in pending], counts, means, polish)
        found += [zero for zero in at_once if zero is not None]
        alive = [
            (w, whole, n)
            for (w, whole), n, zero in zip(pending, counts, at_once, strict=True)
            if n > 0 and zero is None
        ]
        brackets = _brackets(f, [w for w, _, _ in alive])
        pending = []
        sharp: list[Window] = []
        for (w, whole, count), ends in zip(alive, brackets, strict=True):
            if len(ends) == count:
                sharp += [Window(w.owner, a, b, w.centre, w.order) for a, b in ends]
            elif w.high - w.low < _SHORT * whole:
                found.append(Zero(w.owner, float(w.z(np.array((w.low + w.high) / 2))), count))
            else:
                # not in the middle: models have symmetries that put zeros there
                middle = w.low + 0.4823 * (w.high - w.low)
                pending += [
                    (Window(w.owner, a, b, w.centre, w.order), whole) for a, b in ((w.low, middle), (middle, w.high))
                ]
        found += _sharpened(f, sharp, polish)
    raise ResolventError("the zeros of the master determinant could not be separated")


def _with_orders(f: Function, windows: Sequence[Window]) -> list[Window]:
    outer = [k for k, w in enumerate(windows) if w.centre is not None]
    if not outer:
        return list(windows)
    owners = np.array([windows[k].owner for k in outer])
    width = np.array([2 / (windows[k].high - windows[k].low) + abs(windows[k].centre or 0.0) for k in outer])
    far, farther = (f(owners, 1j * width * r) for r in (1e4, 1e5))
    orders = np.round(np.log10(np.abs(farther / far))).astype(int)
    out = list(windows)
    for k, order in zip(outer, orders, strict=True):
        w = windows[k]
        out[k] = Window(w.owner, w.low, w.high, w.centre, int(order))
    return out


def _run(f: Function, windows: Sequence[Window], points: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Values of every window's function at its own points w, in one call."""
    if not windows:
        return []
    owners = np.repeat([w.owner for w in windows], [len(p) for p in points])
    z = np.concatenate([w.z(p) for w, p in zip(windows, points, strict=True)])
    values = f(owners, z)
    cuts = np.cumsum([len(p) for p in points])[:-1]
    return [w.value(v, p) for w, p, v in zip(windows, points, np.split(values, cuts), strict=True)]


def _graded(decades: float, per_decade: int) -> np.ndarray:
    """Angles in (0, pi), dense towards both ends."""
    start = np.logspace(-decades, np.log10(0.5), int(decades * per_decade))
    return np.concatenate([start, np.linspace(0.5, np.pi - 0.5, 14)[1:-1], np.pi - start[::-1]])


def _counts(f: Function, windows: Sequence[Window]) -> tuple[list[int], list[float]]:
    """Zeros minus poles in each window, by the phase along half circles; and, roughly, the sum of their places."""
    if not windows:
        return [], []
    middle = np.array([(w.low + w.high) / 2 for w in windows])
    radius = np.array([(w.high - w.low) / 2 for w in windows])
    angles = [_graded(11.0, 4) for _ in windows]
    values = _run(f, windows, [m + r * np.exp(1j * a) for m, r, a in zip(middle, radius, angles, strict=True)])
    for _ in range(12):
        jumps = [np.abs(_turn(v)) > _STEP for v in values]
        rough = [k for k, j in enumerate(jumps) if j.any()]
        if not rough:
            break
        new = [((a[:-1] + a[1:]) / 2)[j] for a, j in ((angles[k], jumps[k]) for k in rough)]
        more = _run(
            f,
            [windows[k] for k in rough],
            [middle[k] + radius[k] * np.exp(1j * a) for k, a in zip(rough, new, strict=True)],
        )
        for k, a, v in zip(rough, new, more, strict=True):
            where = np.searchsorted(angles[k], a)
            angles[k], values[k] = np.insert(angles[k], where, a), np.insert(values[k], where, v)
    else:
        raise ResolventError("the phase of the master determinant does not settle, so its zeros cannot be counted")
    counts, sums = [], []
    for k, v in enumerate(values):
        kept = np.isfinite(v) & (v != 0)
        w = middle[k] + radius[k] * np.exp(1j * angles[k][kept])
        steps = np.log(np.abs(v[kept][1:] / v[kept][:-1])) + 1j * _turn(v[kept])
        counts.append(round(float(np.sum(steps.imag) / np.pi)))
        # the integral of w dlog f over the circle, whose lower half is the mirror image
        sums.append(float(np.sum((w[1:] + w[:-1]) / 2 * steps).imag / np.pi))
    return counts, sums


def _polished(
    windows: Sequence[Window], counts: Sequence[int], sums: Sequence[float], polish: Polish | None
) -> list[Zero | None]:
    """A window with one zero has it near the mean that the contour gives: polish it from there."""
    out: list[Zero | None] = [None] * len(windows)
    ready = [k for k, w in enumerate(windows) if counts[k] == 1 and w.low < sums[k] < w.high and sums[k] != 0]
    if polish is None or not ready:
        return out
    z = polish(
        np.array([windows[k].owner for k in ready]), np.array([float(windows[k].z(np.array(sums[k]))) for k in ready])
    )
    for k, place in zip(ready, z, strict=True):
        window = windows[k]
        if np.isfinite(place) and window.low < window.w(place) < window.high:
            out[k] = Zero(window.owner, float(place), 1)
    return out


def _turn(values: np.ndarray) -> np.ndarray:
    """Change of phase from each point to the next."""
    with np.errstate(all="ignore"):
        return np.angle(values[1:] / values[:-1])


def _brackets(f: Function, windows: Sequence[Window]) -> list[list[tuple[float, float]]]:
    """Neighbouring points of a grid between which the function changes its sign."""
    angles = _graded(5.0, 6)
    points = [(w.low + w.high) / 2 - (w.high - w.low) / 2 * np.cos(angles) for w in windows]
    points = [p[p != 0] if w.centre is not None else p for w, p in zip(windows, points, strict=True)]
    out = []
    for p, v in zip(points, _run(f, windows, points), strict=True):
        p, v = p[np.isfinite(v)], v[np.isfinite(v)].real
        change = np.flatnonzero(np.sign(v[1:]) != np.sign(v[:-1]))
        out.append([(float(p[k]), float(p[k + 1])) for k in change])
    return out


def _sharpened(f: Function, brackets: Sequence[Window], polish: Polish | None) -> list[Zero]:
    """Zeros in brackets: from the secant by ``polish`` where that stays inside, else by the Illinois method."""
    if not brackets:
        return []
    a, b = (np.array([getattr(w, side) for w in brackets]) for side in ("low", "high"))
    fa, fb = (_real(f, brackets, x) for x in (a, b))
    rest = np.arange(len(brackets))
    found: list[Zero] = []
    if polish is not None:
        start = _secant(a, b, fa, fb)
        guess = np.array([float(w.z(x)) for w, x in zip(brackets, start, strict=True)])
        ends = np.array([[float(w.z(np.array(w.low))), float(w.z(np.array(w.high)))] for w in brackets])
        z = polish(np.array([w.owner for w in brackets]), guess)
        inside = (z > ends.min(axis=1)) & (z < ends.max(axis=1))
        # a bracket across infinity in w = 1/(z - centre) has its zero outside the two ends
        through = np.array([w.centre is not None and w.low < 0 < w.high for w in brackets])
        good = np.where(through, np.isfinite(z) & ~inside, inside)
        found = [Zero(brackets[k].owner, float(z[k]), 1) for k in np.flatnonzero(good).tolist()]
        rest = np.flatnonzero(~good)
    if not len(rest):
        return found
    brackets = [brackets[k] for k in rest.tolist()]
    return found + _illinois(f, brackets, a[rest], b[rest], fa[rest], fb[rest])


def _real(f: Function, windows: Sequence[Window], w: np.ndarray) -> np.ndarray:
    values = np.array([v[0].real for v in _run(f, windows, [np.array([x]) for x in w])], dtype=float)
    if not np.isfinite(values).all():
        raise ResolventError("the master determinant could not be evaluated next to one of its zeros")
    return values


def _secant(a: np.ndarray, b: np.ndarray, fa: np.ndarray, fb: np.ndarray) -> np.ndarray:
    with np.errstate(all="ignore"):
        c = b - fb * (b - a) / (fb - fa)
    return np.where((c > np.minimum(a, b)) & (c < np.maximum(a, b)), c, (a + b) / 2)


def _illinois(
    f: Function, windows: Sequence[Window], a: np.ndarray, b: np.ndarray, fa: np.ndarray, fb: np.ndarray
) -> list[Zero]:
    for step in range(80):
        # every third step halves, so that a steep function cannot hold the secant back
        c = (a + b) / 2 if step % 3 == 2 else _secant(a, b, fa, fb)
        fc = _real(f, windows, c)
        crossed = np.sign(fc) != np.sign(fb)
        a, fa = np.where(crossed, b, a), np.where(crossed, fb, fa / 2)
        b, fb = c, fc
        if np.all((np.abs(b - a) < 1e-13 * np.abs(b)) | (fb == 0)):
            break
    return [Zero(w.owner, float(w.z(x)), 1) for w, x in zip(windows, b, strict=True)]
