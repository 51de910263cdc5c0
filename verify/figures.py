"""Draws theory against simulation: means over 1/N with error bars, the fit to infinite size, and the limit.

Figures are made with matplotlib's objects, never through pyplot: nothing global changes and no window opens.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from derive.errors import ParameterError

from .decide import Comparison, Verdict

if TYPE_CHECKING:
    from .outcome import Check

__all__ = ["draw_check"]

# Okabe and Ito's palette, told apart by every kind of colour vision
_BLUE, _ORANGE, _GREEN, _GREY = "#0072B2", "#D55E00", "#009E73", "#6B7280"
_VERDICT_COLOURS = {Verdict.CONSISTENT: _GREEN, Verdict.REFUTED: "#B00020", Verdict.INCONCLUSIVE: "#B07C00"}
_SUFFIXES = (".png", ".svg", ".pdf")
_INK = "#1F2937"


def draw_check(check: Check, path: str | Path | None = None) -> Figure:
    """One panel per comparison; see :meth:`verify.Check.plot`."""
    if path is not None and Path(path).suffix.lower() not in _SUFFIXES:
        raise ParameterError(f"{path}: the name of a plot must end in .png, .svg or .pdf")
    comparisons = check.comparisons
    columns = min(len(comparisons), 3)
    rows = -(-len(comparisons) // columns)
    figure = Figure(figsize=(0.6 + 4.1 * columns, 0.9 + 3.1 * rows), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(rows, columns, squeeze=False)
    for axis, comparison in zip(axes.flat, comparisons, strict=False):
        _panel(axis, comparison, check.plan.base.name)
    for axis in axes.flat[len(comparisons) :]:
        axis.set_visible(False)
    handles, labels = axes.flat[0].get_legend_handles_labels()
    wide = len(labels) if columns > 1 else 2
    figure.legend(handles, labels, loc="outside lower center", ncols=wide, frameon=False, fontsize=8.5)
    if path is not None:
        _write(figure, Path(path))
    return figure


def _write(figure: Figure, path: Path) -> None:
    # beside the target, then moved: an interrupted run leaves the old file or none
    beside = path.with_name(f".{path.stem}.part{path.suffix}")
    try:
        figure.savefig(beside)
        os.replace(beside, path)
    except OSError as error:
        raise ParameterError(f"{path} cannot be written: {error.strerror}") from None
    finally:
        beside.unlink(missing_ok=True)


def _panel(axis: Any, c: Comparison, base: str) -> None:
    power = min(c.fit.exponents)
    sizes = np.array([s.size for s in c.samples], dtype=float)
    right = 1.08 * sizes.min() ** -power
    x = np.linspace(0, right, 200)
    fitted = (
        c.fit.limit
        + np.zeros_like(x)
        + sum(b * x ** (k / power) for b, k in zip(c.fit.coefficients, c.fit.exponents, strict=True))
    )
    axis.axhline(c.limit, color=_ORANGE, linewidth=1.6, zorder=2, label="derived limit")
    axis.plot(x, fitted, color=_BLUE, linewidth=1.1, linestyle=(0, (5, 3)), zorder=2, label="fit")
    errors = 2 * np.array([s.error for s in c.samples])
    style = {"fmt": "o", "markersize": 4.5, "capsize": 2.5, "elinewidth": 1.2, "zorder": 4}
    axis.errorbar(
        sizes**-power, [s.mean for s in c.samples], errors, color=_BLUE, label="simulation, ±2 standard errors", **style
    )
    axis.errorbar(
        [0], [c.fit.limit], [2 * c.fit.error], color=_BLUE, markerfacecolor="white", label="extrapolated", **style
    )
    _range(axis, c, fitted, errors)
    _dress(axis, c, base, power, sizes, right)


def _range(axis: Any, c: Comparison, fitted: np.ndarray, errors: np.ndarray) -> None:
    means = np.array([*(s.mean for s in c.samples), c.fit.limit])
    bars = np.array([*errors, 2 * c.fit.error])
    low = min(c.limit, fitted.min(), (means - bars).min())
    high = max(c.limit, fitted.max(), (means + bars).max())
    # a flat panel must not blow rounding errors up to its full height
    middle, half = (low + high) / 2, max((high - low) / 2, 1e-6 * c.scale)
    axis.set_ylim(middle - 1.18 * half, middle + 1.18 * half)


def _dress(axis: Any, c: Comparison, base: str, power: float, sizes: np.ndarray, right: float) -> None:
    axis.set_xlim(-0.05 * right, right)
    axis.set_xticks([0, *sizes**-power])
    exponent = "" if power == 1 else f"^{{{power:.3g}}}"
    axis.xaxis.set_major_formatter(FuncFormatter(lambda x, _: "0" if x == 0 else f"1/{(1 / x) ** (1 / power):.0f}"))
    axis.set_xlabel(rf"$1/{base}{exponent}$" if len(base) == 1 else f"1/{base}", color=_INK)
    if power != 1:
        axis.set_xlabel(rf"${base}^{{-{power:.3g}}}$ (ticks: $1/{base}$)", color=_INK)
    axis.yaxis.set_major_locator(MaxNLocator(5))
    axis.ticklabel_format(axis="y", useOffset=False)
    axis.tick_params(labelsize=8, color=_GREY, labelcolor=_INK)
    axis.grid(axis="y", color="#E5E7EB", linewidth=0.7)
    axis.set_axisbelow(True)
    for side in ("top", "right"):
        axis.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axis.spines[side].set_color("#9CA3AF")
    axis.set_title(c.quantity, loc="left", fontsize=10.5, color=_INK)
    axis.set_title(f"{c.verdict}, z = {c.z:+.1f}", loc="right", fontsize=9, color=_VERDICT_COLOURS[c.verdict])
