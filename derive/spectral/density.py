"""The density on the real axis itself, for one law or a batch of parameters."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import BranchError, ParameterError
from ..numbers import as_array
from ..result import Evaluation
from ..solve.status import Status

if TYPE_CHECKING:
    from .spectrum import Spectrum

__all__ = ["density"]


def density(
    law: Spectrum, x: Any, params: Mapping | None, *, digits: int | None, device: str, full_output: bool
) -> Any:
    """See :meth:`Spectrum.density`."""
    binding = law.bind(params)
    if digits is not None:
        point = law.at(params)
        if np.ndim(x) > 0:
            raise ParameterError("x is an array; digits are computed at one point at a time")
        reason = point.singular(float(as_array(x, np, "x")))
        if reason:
            raise BranchError(_no_density(x, reason))
        return point.density_digits(x, digits)
    places = as_array(x, np, "x")
    if np.iscomplexobj(places):
        raise ParameterError(f"a density is asked at real points, got {x}; for complex ones use .stieltjes.evaluate")
    if binding.shape == ():
        values, reasons = _of_one_law(law.at(params), places)
    else:
        values, reasons = _of_a_batch(law, places, params, device)
    bad = np.array((values.shape == () and bool(reasons)) or np.isnan(values))
    if reasons and values.shape == ():
        if not full_output:
            raise BranchError(_no_density(places, reasons[0]))
    elif reasons and not full_output:
        warnings.warn(
            f"{int(np.sum(bad))} of {values.size} points have no density (NaN), the first because {reasons[0]}",
            RuntimeWarning,
            stacklevel=3,
        )
    if not full_output:
        return values.item() if values.shape == () else values
    status = np.where(bad, int(Status.INDETERMINATE), 0)
    error = np.where(bad, np.nan, 1e-13)
    if values.shape == ():
        return Evaluation(values.item(), Status(int(status)), float(error), {})
    return Evaluation(values, status, error, {})


def _no_density(x: Any, reason: str) -> str:
    return f"the density has no value at x = {x}: {reason}; ask for a point beside it, or for the cdf"


def _of_one_law(point: Any, places: np.ndarray) -> tuple[np.ndarray, list[str]]:
    flat = places.ravel()
    values = np.zeros(flat.shape)
    special = [e for i in point.support.intervals for e in i.ends if e is not None]
    special = [float(e) for e in special] + [float(a) for a in point.support.atoms]
    near = np.zeros(flat.shape, dtype=bool)
    for place in special:
        near |= np.abs(flat - place) <= 2 * np.spacing(abs(place))
    values[~near] = point.density(flat[~near])
    values[near] = np.nan
    reasons = [point.singular(float(v)) for v in flat[near][:1]]
    return values.reshape(places.shape), reasons


def _of_a_batch(law: Spectrum, places: np.ndarray, params: Any, device: str) -> tuple[np.ndarray, list[str]]:
    """All points and parameters in one call of the solver; what it leaves open is asked of the law at that point."""
    binding = law.bind(params)
    given = {**binding.scalars, **binding.laws}
    found = law.stieltjes.evaluate({**given, law.z: places + 0j}, device=device, full_output=True)
    value = found.value.get() if hasattr(found.value, "get") else found.value
    value = np.asarray(value, dtype=complex)
    values = np.where(np.isfinite(value), value.imag / np.pi, np.nan)
    # rounding of the complex arithmetic outside the bulk
    values = np.where(np.abs(values) < 1e-13 * (1 + np.abs(np.real(value))), 0.0, values)
    if np.any(values < -1e-9 * (1 + np.abs(np.real(value)))):
        raise BranchError("the density is negative at a point of the batch: the branch was lost")
    reasons: list[str] = []
    open_ = np.argwhere(~np.isfinite(values))
    columns = {s: np.broadcast_to(np.asarray(v), values.shape) for s, v in binding.scalars.items()}
    wide = np.broadcast_to(places, values.shape)
    for index in map(tuple, open_):
        point = law.at({**binding.laws, **{s: column[index].item() for s, column in columns.items()}})
        one, why = _of_one_law(point, np.asarray(wide[index]))
        values[index] = one
        reasons += why
    return values, reasons
