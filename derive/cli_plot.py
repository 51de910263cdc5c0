"""The plot of a theorem against a parameter: theory as lines, simulation as points with error bars."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from .cli_curve import refined
from .cli_files import replacing
from .errors import BranchError, ParameterError

if TYPE_CHECKING:
    from models.parameter import Parameter
    from models.theorem import Theorem

__all__ = ["Curves", "Point", "draw", "record", "simulate", "sweep"]

# how many places of the axis are simulated for an overlay: enough to see the shape, few enough to wait for
OVERLAY_POINTS, OVERLAY_TRIALS = 7, 24


@dataclass(frozen=True)
class Point:
    """A simulated mean at one place of the axis, with the standard errors of its real and imaginary parts."""

    place: complex
    mean: complex
    error: float
    imag_error: float
    size: int


@dataclass(frozen=True)
class Curves:
    """Values by quantity on a grid, NaN where there is no limit; ``message`` says why, where that happens.

    ``line`` holds a finer grid and the values on it, for the eye; ``breaks`` are places where another kind of solution
    takes over.
    """

    grid: np.ndarray
    values: Mapping[str, np.ndarray]
    line: tuple[np.ndarray, Mapping[str, np.ndarray]]
    message: str = ""
    breaks: tuple[float, ...] = ()


def sweep(
    theorem: Theorem, params: Mapping[Any, Any], parameter: Parameter, grid: np.ndarray, only: Sequence[str]
) -> Curves:
    """Evaluate the quantities and observables of a theorem on a grid of one parameter."""
    from models.catalogue import closest

    names = [*theorem.quantities, *theorem.observables]
    for name in only:
        if name not in names:
            raise ParameterError(f"--only {name}: {theorem.name} has no such quantity; {closest(name, names)}")
    wanted = [name for name in names if not only or name in only]

    def evaluate(places: np.ndarray) -> tuple[dict[str, np.ndarray], np.ndarray]:
        here = theorem.resolve({**params, parameter.symbol: places})
        found = theorem.law.evaluate(here, full_output=True)
        limits = {name: np.broadcast_to(found.value[name], places.shape) for name in theorem.quantities}
        with np.errstate(all="ignore"):
            observed = {**limits, **theorem.read_off(limits, here)}
        values = {name: np.broadcast_to(np.asarray(observed[name]), places.shape) for name in wanted}
        return values, np.broadcast_to(found.status, places.shape)

    values, status = evaluate(grid)
    nothing = ~np.any([np.isfinite(v) for v in values.values()], axis=0)
    failed = np.flatnonzero((status != 0) & nothing)
    message = ""
    if len(failed):
        first, why = f"{parameter.name} = {grid[failed[0]]:.6g}", theorem.law.statuses(status[failed[0]]).message
        message = f"{len(failed)} of {len(grid)} points have no limit; at {first}: {why}"
        if len(failed) == len(grid):
            raise BranchError(f"none of the {message}")
    empty = [name for name in wanted if not np.isfinite(values[name]).any()]
    if empty:
        raise BranchError(
            f"{', '.join(empty)} has no finite value at any of the {len(grid)} points"
            + (f" ({message})" if message else "")
            + ("; plot the others with --only" if len(empty) < len(wanted) else "")
        )
    line = refined(lambda places: evaluate(places)[0], grid, values)
    breaks: list[float] = []
    if np.any(status != status[0]) and not np.iscomplexobj(grid):
        line, breaks = _broken(*line, evaluate(line[0])[1])
    return Curves(grid, values, line, message, tuple(breaks))


def _broken(
    places: np.ndarray, values: Mapping[str, np.ndarray], status: np.ndarray
) -> tuple[tuple[np.ndarray, dict[str, np.ndarray]], list[float]]:
    """The line with a gap where the status changes and both sides have values, and those places."""
    known = np.all([np.isfinite(v) for v in values.values()], axis=0)
    at = np.flatnonzero((status[1:] != status[:-1]) & known[1:] & known[:-1]) + 1
    middle = (places[at - 1] + places[at]) / 2
    gaps = {name: np.insert(v.astype(float), at, np.nan) for name, v in values.items()}
    return (np.insert(places, at, middle), gaps), middle.tolist()


def simulate(
    theorem: Theorem, params: Mapping[Any, Any], parameter: Parameter, curves: Curves, options: Mapping[str, Any]
) -> dict[str, list[Point]]:
    """Simulate at a few places of the grid, at the largest size asked for; errors are seen in the plot, not judged."""
    import verify
    from verify.checking import specify
    from verify.observables import pseudo_values, read_observables

    from .cli_verify import simulation_arguments

    arguments = theorem.finite_model(params) | simulation_arguments(options)
    size = max(arguments.pop("sizes", theorem.sizes))
    trials = arguments.pop("trials", OVERLAY_TRIALS)
    found: dict[str, list[Point]] = {name: [] for name in curves.values}
    for place in _places(theorem, parameter, curves):
        here = theorem.resolve({**params, parameter.symbol: place})
        chosen = {
            key: arguments[key] for key in ("seed", "entries", "start", "dependent", "measured") if key in arguments
        }
        _, plan = specify(theorem.law, here, (size,), trials, fewest=1, **chosen)
        columns = verify.simulate(theorem.law, here, size, trials, **arguments)
        computed = {name: expr for name, expr in theorem.plain_observables.items() if name not in columns}
        observables = read_observables(computed, tuple(theorem.quantities), here)
        columns |= {name: pseudo_values(observable, columns) for name, observable in observables.items()}
        for name, points in found.items():
            values = columns[name]
            error, imag_error = (
                float(np.std(part, ddof=1) / np.sqrt(len(values))) for part in (values.real, np.imag(values))
            )
            points.append(Point(complex(place), complex(values.mean()), error, imag_error, plan.sizes[0]))
    return found


def _places(theorem: Theorem, parameter: Parameter, curves: Curves) -> list[Any]:
    """Places spread over the grid where there is a limit; ratios of dimensions are simple fractions."""
    valid = np.flatnonzero(np.all([np.isfinite(v) for v in curves.values.values()], axis=0))
    chosen = curves.grid[valid[np.unique(np.linspace(0, len(valid) - 1, OVERLAY_POINTS).round().astype(int))]]
    if not any(rule.has(parameter.symbol) for rule in theorem.regime.values()):
        return chosen.tolist()
    # a dimension c n is an integer at a usable n only if c is a simple fraction
    simple = {Fraction(value).limit_denominator(10) for value in chosen.tolist()}
    slack = 1e-9 * np.ptp(curves.grid)  # 0.1 on the grid is a little more than 1/10
    return sorted(v for v in simple if curves.grid.min() - slack <= v <= curves.grid.max() + slack)


def draw(
    theorem: Theorem, parameter: Parameter, curves: Curves, points: Mapping[str, list[Point]] | None, output: str
) -> None:
    """Write the plot to ``output``; its suffix chooses the format."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib.figure import Figure
    from sympy import Symbol, latex

    from .tensors.symbols import Overlap

    panels = _panels(theorem, curves)
    figure = Figure(figsize=(6.4, 4.2 if len(panels) == 1 else 5.6), layout="constrained")
    stacked = figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
    home = {name: axes for axes, names in zip(stacked, panels, strict=True) for name in names}
    # along a line in the complex plane, the coordinate is the one that moves
    moving_imag = np.ptp(curves.grid.real) == 0
    fine, lines = curves.line
    grid = fine.imag if moving_imag else fine.real
    for index, (name, values) in enumerate(lines.items()):
        axes, colour, label = home[name], f"C{index}", name.replace("_", " ")
        parts = [("", values.real, "-")]
        if np.iscomplexobj(values) and np.nanmax(np.abs(values.imag)) > 0:
            parts = [("Re ", values.real, "-"), ("Im ", values.imag, "--")]
        for prefix, part, style in parts:
            axes.plot(grid, part, style, color=colour, label=prefix + label)
            alone = isolated(part)
            if alone.any():
                axes.plot(grid[alone], part[alone], "d", ms=4, color=colour)
        for point in (points or {}).get(name, ()):
            place = point.place.imag if moving_imag else point.place.real
            axes.errorbar(place, point.mean.real, yerr=2 * point.error, fmt="o", ms=4, capsize=2, color=colour)
            if len(parts) == 2:
                imag: dict[str, Any] = {"fmt": "s", "ms": 4, "capsize": 2, "color": colour, "mfc": "white"}
                axes.errorbar(place, point.mean.imag, yerr=2 * point.imag_error, **imag)
    if points:
        label = f"simulation at {theorem.law.base} = {sizes_text(points)}, 2 s.e."
        stacked[0].errorbar([], [], yerr=[], fmt="o", ms=4, capsize=2, color="0.4", label=label)
    for place in curves.breaks:
        for index, axes in enumerate(stacked):
            mark = "threshold" if index == 0 and place == curves.breaks[0] else None
            axes.axvline(place, color="0.5", linestyle=":", linewidth=1, label=mark)
    symbol = latex(Symbol(parameter.name))
    stacked[-1].set_xlabel(f"Im ${symbol}$" if moving_imag else f"${symbol}$ ({parameter.description})")
    margin = 0.03 * np.ptp(grid)
    stacked[0].set_title(theorem.title, fontsize="medium", wrap=True)
    for axes in stacked:
        axes.set_xlim(grid.min() - margin, grid.max() + margin)  # a gap at an end of the axis is seen as one
        axes.grid(alpha=0.3)
        axes.legend(frameon=False)
    if len(panels) == 2:
        overlaps = any(isinstance(theorem.quantities.get(name), Overlap) for name in panels[1])
        stacked[0].set_ylabel("singular value" if overlaps else "eigenvalue")
        counted = [name.replace("_", " ") for name in panels[1] if name in theorem.measured]
        stacked[1].set_ylabel(", ".join(["alignment" if overlaps else "squared alignment", *counted]))
        lowest = min(np.nanmin(lines[name].real) for name in panels[1])
        stacked[1].set_ylim(min(0, lowest) - 0.04, 1.04)
    with replacing(output) as sibling:
        figure.savefig(sibling, dpi=160, metadata={"Date": None} if output.endswith((".svg", ".pdf")) else None)


def _panels(theorem: Theorem, curves: Curves) -> list[list[str]]:
    """Alignments and counted fractions, between 0 and 1, get a panel of their own below what has another scale."""
    from .functionals import Alignment
    from .tensors.symbols import Overlap

    kinds = (Alignment, Overlap)
    aligned = [n for n in curves.values if isinstance(theorem.quantities.get(n), kinds) or n in theorem.measured]
    others = [name for name in curves.values if name not in aligned]
    return [names for names in (others, aligned) if names]


def isolated(values: np.ndarray) -> np.ndarray:
    """Finite values between two gaps: a line does not show them.

    Examples
    --------
    >>> import numpy as np
    >>> from derive.cli_plot import isolated
    >>> isolated(np.array([1, np.nan, 2, 3, np.nan, 4])).tolist()
    [True, False, False, False, False, True]
    """
    known = np.concatenate([[False], np.isfinite(values), [False]])
    return known[1:-1] & ~known[:-2] & ~known[2:]


def sizes_text(points: Mapping[str, list[Point]]) -> str:
    """The sizes that were simulated: one, or from the smallest to the largest."""
    sizes = sorted({point.size for places in points.values() for point in places})
    return str(sizes[0]) if len(sizes) == 1 else f"{sizes[0]} to {sizes[-1]}"


def record(parameter: Parameter, curves: Curves, points: Mapping[str, list[Point]] | None) -> dict[str, Any]:
    """Return what was plotted as plain data; null where there is no limit."""
    from .cli_output import number_record

    def _point(point: Point) -> dict[str, Any]:
        error = point.error if point.mean.imag == 0 else {"re": point.error, "im": point.imag_error}
        return {
            "at": number_record(point.place),
            "mean": number_record(point.mean),
            "standard_error": error,
            "size": point.size,
        }

    def numbers(values: np.ndarray) -> list[Any]:
        return [number_record(v) if np.isfinite(v) else None for v in values]

    return {
        "parameter": parameter.name,
        "grid": numbers(curves.grid),
        "curves": {name: numbers(values) for name, values in curves.values.items()},
        "simulation": {name: [_point(p) for p in places] for name, places in (points or {}).items()},
        "breaks": list(curves.breaks),
        "message": curves.message,
    }
