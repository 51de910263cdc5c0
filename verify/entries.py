"""Laws of the entries of random matrices: centred, of unit variance, for a check of universality.

Every law is drawn from standard normals, uniforms and gammas, which NumPy's and CuPy's generators both provide.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import sqrt
from typing import Any

from sympy import Expr, Symbol

from derive.errors import ParameterError
from derive.meanfield import magnitude_pruning

__all__ = ["EntryLaw", "entry_law", "gaussian", "pruned", "rademacher", "sparse", "student"]


@dataclass(frozen=True)
class EntryLaw:
    """A law of unit variance, made by :func:`gaussian`, :func:`rademacher`, :func:`sparse`, :func:`pruned`, ...

    ``parameter`` may be an expression in the parameters of a model; a check takes its value there.
    """

    kind: str
    parameter: float | Expr | None = None

    @property
    def name(self) -> str:
        """What identifies the law in reports and stored results."""
        if self.parameter is None:
            return self.kind
        shown = self.parameter if isinstance(self.parameter, Expr) else f"{self.parameter:g}"
        return f"{self.kind}({shown})"

    def at(self, numbers: Mapping[Symbol, Expr]) -> EntryLaw:
        """The law with the values of a model's parameters in it."""
        if not isinstance(self.parameter, Expr):
            return self
        value = self.parameter.subs(dict(numbers))
        if value.free_symbols:
            names = ", ".join(sorted(map(str, value.free_symbols)))
            raise ParameterError(f"the entries {self.name} need a value for {names}")
        return _BY_NAME[self.kind](float(value))

    def draw(self, rng: Any, xp: Any, shape: tuple[int, ...], parts: int) -> list[Any]:
        """``parts`` uncorrelated arrays of unit variance: the real and, for complex entries, the imaginary part."""
        if self.kind == "rademacher":
            return [_signs(rng, xp, shape) for _ in range(parts)]
        if self.kind == "sparse":
            assert isinstance(self.parameter, float)
            # one mask for both parts of a complex entry: an entry is there or it is not
            kept = xp.astype(xp.asarray(rng.random(shape)) < self.parameter, xp.float64) / sqrt(self.parameter)
            return [kept * _normals(rng, xp, shape) for _ in range(parts)]
        if self.kind == "student":
            assert isinstance(self.parameter, float)
            return [_student(rng, xp, shape, self.parameter) for _ in range(parts)]
        if self.kind == "pruned":
            assert isinstance(self.parameter, float)
            threshold, variance = magnitude_pruning(self.parameter)
            drawn = [_normals(rng, xp, shape) for _ in range(parts)]
            return [xp.astype(xp.abs(x) > threshold, xp.float64) / sqrt(variance) * x for x in drawn]
        return [_normals(rng, xp, shape) for _ in range(parts)]


def _normals(rng: Any, xp: Any, shape: tuple[int, ...]) -> Any:
    return xp.asarray(rng.standard_normal(shape))


def _signs(rng: Any, xp: Any, shape: tuple[int, ...]) -> Any:
    return 2.0 * xp.astype(xp.asarray(rng.random(shape)) < 0.5, xp.float64) - 1.0


def _student(rng: Any, xp: Any, shape: tuple[int, ...], nu: float) -> Any:
    # t = normal / sqrt(chi2 / nu) with chi2 = 2 gamma(nu / 2), times sqrt((nu - 2) / nu) for unit variance
    return sqrt((nu - 2) / 2) * _normals(rng, xp, shape) / xp.sqrt(xp.asarray(rng.standard_gamma(nu / 2, shape)))


def gaussian() -> EntryLaw:
    """Standard normal entries.

    Examples
    --------
    >>> from verify import gaussian
    >>> gaussian().name
    'gaussian'
    """
    return EntryLaw("gaussian")


def rademacher() -> EntryLaw:
    """Signs, +1 or -1 with equal probability (complex: ``(+-1 +- i)/sqrt(2)``).

    Examples
    --------
    >>> from verify import rademacher
    >>> rademacher().name
    'rademacher'
    """
    return EntryLaw("rademacher")


def sparse(density: float | Expr = 0.1) -> EntryLaw:
    """Normal entries of which a fraction ``density`` is kept, rescaled to unit variance.

    Parameters
    ----------
    density : float or Expr
        Probability of an entry being non-zero, the same for all sizes; in (0, 1]. It may be an expression in the
        parameters of the model, e.g. ``1 - s``.

    Examples
    --------
    >>> from verify import sparse
    >>> sparse(density=0.25).name
    'sparse(0.25)'
    """
    if isinstance(density, Expr) and density.free_symbols:
        return EntryLaw("sparse", density)
    if not 0 < density <= 1:
        raise ParameterError(f"the density of sparse entries must be in (0, 1], got {density}")
    return EntryLaw("sparse", float(density))


def pruned(sparsity: float | Expr = 0.5) -> EntryLaw:
    """Normal entries of which the fraction ``sparsity`` smallest in modulus is set to zero, rescaled to unit variance.

    Parameters
    ----------
    sparsity : float or Expr
        In [0, 1); it may be an expression in the parameters of the model.

    Notes
    -----
    The scale is that of :func:`derive.meanfield.magnitude_pruning`: little of the variance sits in small weights.

    Examples
    --------
    >>> import numpy as np
    >>> from verify import pruned
    >>> (x,) = pruned(0.7).draw(np.random.default_rng(0), np, (100000,), 1)
    >>> round(float((x == 0).mean()), 2), round(float((x**2).mean()), 1)
    (0.7, 1.0)
    """
    if isinstance(sparsity, Expr) and sparsity.free_symbols:
        return EntryLaw("pruned", sparsity)
    if not 0 <= sparsity < 1:
        raise ParameterError(f"the sparsity of pruned entries must be in [0, 1), got {sparsity}")
    return EntryLaw("pruned", float(sparsity))


def student(nu: float = 5) -> EntryLaw:
    """Student entries with ``nu`` degrees of freedom, rescaled to unit variance.

    Parameters
    ----------
    nu : float
        More than 4: with fewer the fourth moment is infinite and the limits of the Gaussian case do not hold.

    Examples
    --------
    >>> from verify import student
    >>> student(nu=6).name
    'student(6)'
    """
    if not 4 < nu < float("inf"):
        raise ParameterError(f"Student entries need more than 4 degrees of freedom (a fourth moment), got {nu}")
    return EntryLaw("student", float(nu))


_BY_NAME: dict[str, Callable[..., EntryLaw]] = {
    "gaussian": gaussian,
    "rademacher": rademacher,
    "sparse": sparse,
    "pruned": pruned,
    "student": student,
}


def entry_law(entries: str | EntryLaw) -> EntryLaw:
    """The law called ``entries``, or the law itself.

    Examples
    --------
    >>> from verify.entries import entry_law
    >>> entry_law("student").name
    'student(5)'
    """
    if isinstance(entries, EntryLaw):
        return entries
    if not isinstance(entries, str) or entries not in _BY_NAME:
        names = ", ".join(repr(name) for name in _BY_NAME)
        raise ParameterError(f"entries must be {names} or a law such as sparse(density=0.2), got {entries!r}")
    return _BY_NAME[entries]()
