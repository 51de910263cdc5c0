"""Extra points of a plotted curve: where it bends or ends, until straight lines between its points look smooth.

The points that were asked for stay as they are; what is added here is drawn and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from .errors import ResolventError

__all__ = ["refined"]

# the figure is a box of this width and of height 1, about 1000 pixels wide
_WIDTH = 1.6
_TURN = 0.06  # radians at a corner that the eye takes for a curve
_SHORTEST = 0.004  # of a segment that is divided because its ends turn: a few pixels
_NARROWEST = 1e-6  # of an interval between a finite value and a gap, as a part of the axis
_FIRST, _MOST, _ROUNDS = 64, 1500, 18

Values = Mapping[str, np.ndarray]


def refined(evaluate: Callable[[np.ndarray], Values], grid: np.ndarray, values: Values) -> tuple[np.ndarray, Values]:
    """Return a grid that contains the given one, and the values on it.

    Parameters
    ----------
    evaluate : callable
        Values by name at an array of places, NaN where there is none.
    grid : array of shape (count,)
        Equidistant places, real or on a line in the complex plane.
    values : mapping of str to array of shape (count,)
        The values on ``grid``; they are not computed again.

    Examples
    --------
    >>> import numpy as np
    >>> from derive.cli_curve import refined
    >>> def root(x):
    ...     return {"y": np.sqrt(np.where(x < 0, np.nan, x))}
    >>> coarse = np.linspace(-1, 1, 5)
    >>> fine, values = refined(root, coarse, root(coarse))
    >>> set(coarse) <= set(fine), bool(np.nanmin(values["y"][fine < 0.4]) < 0.01)
    (True, True)
    """
    place = np.linspace(0.0, 1.0, len(grid))
    step = grid[-1] - grid[0]
    found = {name: np.asarray(v) for name, v in values.items()}
    parts = -(-_FIRST // (len(grid) - 1))
    new = np.setdiff1d(np.linspace(0.0, 1.0, parts * (len(grid) - 1) + 1), place) if parts > 1 else place[:0]
    # the same place in other floating point is not a new one
    new = new[np.min(np.abs(new[:, None] - place), axis=1) > _NARROWEST / 4] if new.size else new
    for _ in range(_ROUNDS):
        if new.size:
            try:
                more = evaluate(grid[0] + new * step)
            except ResolventError:
                break  # between two places of a domain with holes
            order = np.argsort(np.concatenate([place, new]), kind="stable")
            place = np.concatenate([place, new])[order]
            found = {name: np.concatenate([v, more[name]])[order] for name, v in found.items()}
        if len(place) > _MOST:
            break
        divide = _intervals(place, found)
        if not divide.any():
            break
        new = (place[:-1] + place[1:])[divide] / 2
    fine = grid[0] + place * step
    fine[np.searchsorted(place, np.linspace(0.0, 1.0, len(grid)))] = grid
    return fine, found


def _intervals(place: np.ndarray, values: Values) -> np.ndarray:
    """The intervals to be divided."""
    lines = [part for v in values.values() for part in ((v.real, v.imag) if np.iscomplexobj(v) else (v,))]
    finite = np.concatenate([line[np.isfinite(line)] for line in lines])
    height = np.ptp(finite) if finite.size else 0.0
    divide = np.zeros(len(place) - 1, dtype=bool)
    for line in lines:
        known = np.isfinite(line)
        divide |= (known[:-1] != known[1:]) & (np.diff(place) > _NARROWEST)
        if not height:
            continue
        x, y = _WIDTH * np.diff(place), np.diff(np.where(known, line, np.nan)) / height
        direction = np.arctan2(y, x)
        with np.errstate(invalid="ignore"):
            turns = np.abs(np.diff(direction)) > _TURN
        long = (np.hypot(x, y) > _SHORTEST) & (np.diff(place) > _NARROWEST)
        divide[:-1] |= turns & long[:-1]
        divide[1:] |= turns & long[1:]
    return divide
