"""What a check found: the simulated values, the comparisons with the limits, tables and plots of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from derive.functionals import Alignment
from derive.tensors.symbols import Overlap

from .decide import Comparison, Verdict, compare, overall
from .engine import Means
from .extrapolate import Sample, summarise
from .observables import Observable, pseudo_values
from .plan import Plan
from .specification import Specification

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Check", "Row", "Settings", "with_observables"]


@dataclass(frozen=True)
class Row:
    """One line of the table: a quantity at one size, or extrapolated (``size`` is infinity)."""

    quantity: str
    size: float
    trials: int
    mean: float
    error: float
    limit: float
    z: float


@dataclass(frozen=True)
class Settings:
    """What a verdict depends on besides the numbers."""

    level: float
    resolution: float
    exponents: Mapping[str, float]


@dataclass(frozen=True, eq=False)
class Check:
    """The outcome of :func:`check`.

    Attributes
    ----------
    verdict : Verdict
        Compares equal to ``"consistent"``, ``"refuted"`` or ``"inconclusive"``.
    comparisons : tuple of Comparison
        One per real number: the fit, z, the critical value, and a verdict with its reason.
    rows : tuple of Row
        Means and standard errors by size, and the extrapolated values, against the limits.
    table : list of dict
        The rows as plain data.
    limits : mapping of str to number
        The limits that were checked, observables included.
    values : mapping of str to mapping of int to array
        The simulated quantities, by size, one entry per trial.

    Examples
    --------
    >>> import verify
    >>> from sympy import Trace
    >>> from derive import Wigner, dimensions, limit
    >>> n = dimensions("n")
    >>> W = Wigner("W", n, variance=1/n)
    >>> result = verify.check(limit(Trace(W*W)/n, {}), {}, sizes=(20, 40, 80))
    >>> [row["size"] for row in result.table]
    [20, 40, 80, None]
    >>> str(result.verdict), str(result.judge({"value": 1.2}).verdict)
    ('consistent', 'refuted')
    >>> result.plot().axes[0].get_title(loc="left")
    'value'
    """

    plan: Plan
    spec: Specification
    limits: Mapping[str, complex]
    values: Means
    observables: Mapping[str, Observable]
    settings: Settings

    @cached_property
    def columns(self) -> Means:
        """Per trial values by name and size: the quantities, and the pseudo-values of the observables."""
        columns: Means = dict(self.values)
        for name, observable in self.observables.items():
            if name in self.values:
                continue  # measured on the samples
            columns[name] = {
                size: pseudo_values(observable, {q: by_size[size] for q, by_size in self.values.items()})
                for size in self.plan.sizes
            }
        return columns

    @cached_property
    def comparisons(self) -> tuple[Comparison, ...]:
        parts = [part for name in self.columns for part in self._parts(name)]
        return tuple(
            compare(
                label,
                samples,
                limit,
                scale=scale,
                level=self.settings.level,
                resolution=self.settings.resolution,
                exponent=self.settings.exponents.get(name, 1.0),
                comparisons=len(parts),
                floor=0.0 if isinstance(self.spec.quantities.get(name), Alignment) else None,
            )
            for name, label, samples, limit, scale in parts
        )

    def _parts(self, name: str) -> list[tuple[str, str, list[Sample], float, float]]:
        """A complex quantity is two comparisons, both relative to its modulus."""
        by_size, limit, scale = self.columns[name], complex(self.limits[name]), self.scale(name)

        def part(label: str, take: Callable[[Any], Any]) -> tuple[str, str, list[Sample], float, float]:
            samples = [summarise(size, take(by_size[size])) for size in self.plan.sizes]
            return name, label, samples, float(take(limit)), scale

        # imaginary parts that are rounding noise of complex arithmetic are no comparison
        largest = max(float(np.abs(v).max()) for v in by_size.values())
        imaginary = max(float(np.abs(np.imag(v)).max()) for v in by_size.values())
        if imaginary <= 1e-9 * largest and abs(limit.imag) <= 1e-9 * scale:
            return [part(name, np.real)]
        return [part(f"Re {name}", np.real), part(f"Im {name}", np.imag)]

    def scale(self, name: str) -> float:
        """What the resolution is relative to: the modulus of the limit, or 1 where that is 0 or not finite.

        A squared alignment lies between 0 and 1 and is 0 where there is no outlier: its resolution is absolute, and so
        is that of an overlap of unit vectors.
        """
        limit = abs(complex(self.limits[name]))
        if isinstance(self.spec.quantities.get(name), Alignment | Overlap) or not np.isfinite(limit):
            return 1.0
        return limit or 1.0

    @property
    def verdict(self) -> Verdict:
        return overall(self.comparisons)

    @cached_property
    def rows(self) -> tuple[Row, ...]:
        found = []
        for c in self.comparisons:
            for s in c.samples:
                z = (s.mean - c.limit) / s.error if s.error else float("nan")
                found.append(Row(c.quantity, s.size, s.trials, s.mean, s.error, c.limit, z))
            trials = sum(s.trials for s in c.samples)
            found.append(Row(c.quantity, float("inf"), trials, c.fit.limit, c.fit.error, c.limit, c.z))
        return tuple(found)

    @property
    def table(self) -> list[dict[str, Any]]:
        return [
            {
                "quantity": r.quantity,
                "size": None if r.size == float("inf") else int(r.size),
                "trials": r.trials,
                "mean": r.mean,
                "standard_error": r.error,
                "limit": r.limit,
                "z": None if np.isnan(r.z) else r.z,
            }
            for r in self.rows
        ]

    def judge(self, limits: Mapping[str, Any]) -> Check:
        """The same simulation against other limits of the quantities; nothing is simulated again.

        Parameters
        ----------
        limits : mapping of str to number
            One per quantity; those of the observables follow.
        """
        quantities = {name: limits[name] for name in self.values if name not in self.observables}
        return replace(self, limits=with_observables(quantities, self.observables))

    def record(self) -> dict[str, Any]:
        """Everything a machine wants to read, as plain data."""
        return {
            "verdict": str(self.verdict),
            "base": self.plan.base.name,
            "sizes": list(self.plan.sizes),
            "trials": list(self.plan.trials),
            "seed": self.spec.seed,
            **self.spec.method,
            "level": self.settings.level,
            "resolution": self.settings.resolution,
            "comparisons": [
                {
                    "quantity": c.quantity,
                    "verdict": str(c.verdict),
                    "reason": c.reason,
                    "limit": c.limit,
                    "extrapolated": c.fit.limit,
                    "standard_error": c.fit.error,
                    "z": c.z,
                    "critical_z": c.critical,
                    "exponents": list(c.fit.exponents),
                    "goodness_of_fit": c.fit.goodness,
                }
                for c in self.comparisons
            ],
            "table": self.table,
        }

    def plot(self, path: str | Path | None = None) -> Figure:
        """Theory against simulation: means with error bars over 1/N, the fit, its value at infinity and the limit.

        Parameters
        ----------
        path : str or Path, optional
            Written there too: .png, .svg or .pdf.

        Returns
        -------
        matplotlib.figure.Figure
        """
        from .figures import draw_check

        return draw_check(self, path)

    def __rich__(self) -> Any:
        from .report import renderable

        return renderable(self)

    def __str__(self) -> str:
        from .report import as_text

        return as_text(self)

    def __repr__(self) -> str:
        return f"<Check: {self.verdict}, {len(self.comparisons)} comparisons at {self.plan.base} = {self.plan.sizes}>"

    def _repr_html_(self) -> str:
        from .report import as_html

        return as_html(self)


def with_observables(limits: Mapping[str, Any], observables: Mapping[str, Observable]) -> dict[str, Any]:
    """The limits of the quantities and, read off them, of the observables."""
    plain = {name: _plain(limit) for name, limit in limits.items()}
    return {**plain, **{name: _plain(observable(plain)) for name, observable in observables.items()}}


def _plain(value: Any) -> float | complex:
    number = complex(value)
    return number.real if number.imag == 0 else number
