"""The picture of a spectral law: density with its edges, atoms as stems, a histogram of eigenvalues behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np

from .point import PointSpectrum

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["draw"]

_POINTS = 400  # per piece
_MASSLESS = 1e-9


def draw(point: PointSpectrum, title: str, sample: Any, bins: Any, axes: Axes | None, label: str) -> Figure:
    """Draw on ``axes``, or on a new figure."""
    from matplotlib.figure import Figure

    if axes is None:
        axes = Figure(figsize=(6.4, 4.0), layout="constrained").add_subplot()
    if sample is not None:
        _histogram(point, axes, np.asarray(sample, dtype=float).ravel(), bins)
    heights, shares = [np.zeros(1)], [np.zeros(1)]
    # pieces also meet inside an interval, where the density does not vanish
    edges = {float(e) for i in point.support.intervals for e in (i.ends[0], i.ends[-1]) if e is not None}
    for number, piece in enumerate(point.pieces):
        # equidistant in the angle of t: as dense at an edge as the density is steep there
        t = np.sin(np.linspace(0, np.pi / 2, _POINTS + 2)[1:-1]) ** 2
        # a series in log x goes on to places that carry no mass
        t = t[piece.weight(t) > _MASSLESS * np.max(piece.weight(t))]
        share = piece.weight(t) * np.sqrt(t * (1 - t))
        x, density = piece.variable(t), piece.weight(t) / piece.variable.slope(t)
        heights.append(density)
        shares.append(share)
        if density[0] < density[1] and piece.variable.low in edges:
            x, density = np.r_[piece.variable.low, x], np.r_[0.0, density]
        if density[-1] < density[-2] and piece.variable.high in edges:
            x, density = np.r_[x, piece.variable.high], np.r_[density, 0.0]
        axes.plot(x, density, color="C0", lw=1.6, label=label if number == 0 else None, zorder=3)
    height = _height(np.concatenate(heights), np.concatenate(shares))
    _stems(point, axes, height)
    axes.set_ylim(0, 1.08 * height if height else None)
    _limits(point, axes)
    axes.set_xlabel("eigenvalue")
    axes.set_ylabel("density")
    axes.set_title(title, fontsize="medium", wrap=True)
    axes.legend(frameon=False)
    return cast("Figure", axes.figure)


def _height(heights: np.ndarray, shares: np.ndarray) -> float:
    """The height of the picture: of the density itself, or of three quarters of the mass where it diverges."""
    order = np.argsort(heights)
    below = np.cumsum(shares[order])
    if not below[-1]:
        return 0.0
    usual = float(heights[order][np.searchsorted(below, 0.75 * below[-1])])
    top = float(np.max(heights))
    return top if top < 6 * usual else 1.5 * usual


def _histogram(point: PointSpectrum, axes: Axes, sample: np.ndarray, bins: Any) -> None:
    """Eigenvalues that belong to no atom, normalised to the share they have of all."""
    scale = max((abs(float(e)) for i in point.support.intervals for e in i.ends if e is not None), default=1.0)
    free = np.ones(len(sample), dtype=bool)
    for place in point.support.atoms:
        free &= np.abs(sample - float(place)) > 1e-8 * scale
    if not free.any():
        return
    if bins is None:
        bins = int(np.clip(2 * np.sqrt(free.sum()), 20, 120))
    counts, limits = np.histogram(sample[free], bins=bins)
    heights = counts / (len(sample) * np.diff(limits))
    axes.stairs(heights, limits, fill=True, color="0.8", label=f"{len(sample)} eigenvalues", zorder=1)


def _stems(point: PointSpectrum, axes: Axes, height: float) -> None:
    for number, (place, mass) in enumerate(point.support.atoms.items()):
        tall = 0.95 * (height or 1.0)
        axes.plot(
            [float(place)] * 2, [0, tall], color="C3", lw=1.6, zorder=4, label="atom (mass)" if number == 0 else None
        )
        axes.plot([float(place)], [tall], "o", color="C3", ms=5, zorder=4)
        shown = str(mass) if mass.is_Rational and len(str(mass)) < 8 else f"{float(mass):.4g}"
        # on the side away from most of the mass
        outer = float(point.cdf(np.array([float(place)]))[0]) - float(mass) / 2 < 0.5
        offset, align = ((-6, -3), "right") if outer else ((6, -3), "left")
        axes.annotate(shown, (float(place), tall), offset, textcoords="offset points", ha=align, color="C3")


def _limits(point: PointSpectrum, axes: Axes) -> None:
    finite = [float(e) for i in point.support.intervals for e in i.ends if e is not None]
    finite += [float(a) for a in point.support.atoms]
    if not finite:
        return
    low, high = min(finite), max(finite)
    unbounded = [e is None for i in point.support.intervals for e in (i.ends[0], i.ends[-1])]
    if any(unbounded):
        # the tail goes on: show the middle of nine tenths of the mass
        low, high = (float(v) for v in point.quantiles(np.array([0.0 if not unbounded[0] else 0.05, 0.9])))
    margin = (0.08 if point.support.atoms else 0.05) * ((high - low) or 1.0)
    axes.set_xlim(low - margin, high + margin)
