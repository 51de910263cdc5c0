"""What is known of the deterministic matrices: spectral laws, joint laws and small arrays.

Input of the numerics (``derive/lower``). A law keeps its numbers exact, so that double precision, mpmath and balls
start from the same atoms; a density is turned into Gauss-Legendre nodes at the precision that is asked for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from array_api_compat import is_array_api_obj, is_cupy_array
from sympy import Expr, I, Integer, MatrixBase, Rational, Symbol, sympify

from .errors import LawError, ParameterError
from .numbers import exact
from .quadrature import quadrature
from .symbols import MatrixLetter

__all__ = ["ArrayLaw", "AtomicLaw", "DensityLaw", "NodeLaw", "array_law", "as_law", "atomic", "density", "joint"]


@dataclass(frozen=True)
class AtomicLaw:
    """Finitely many atoms; ``points[i]`` is a number, or for a joint law a tuple of numbers, one per letter.

    ``letters`` is None, or the letters that the entries of each tuple stand for, in order.
    """

    points: tuple[Any, ...]
    weights: tuple[Rational, ...]
    letters: tuple[MatrixLetter, ...] | None = None

    @property
    def width(self) -> int:
        """Number of letters: 1 for the law of one matrix."""
        return len(self.points[0]) if isinstance(self.points[0], tuple) else 1

    def column(self, index: int) -> tuple[Expr, ...]:
        """The values of the letter number `index` on the atoms."""
        return tuple(point[index] if isinstance(point, tuple) else point for point in self.points)


class NodeLaw:
    """A law known through quadrature nodes, at any precision; values in [``lower``, ``upper``].

    Double precision and mpmath use it; balls refuse it, as the error of a quadrature is not enclosed.
    """

    described: ClassVar[str]
    lower: Expr
    upper: Expr

    def nodes(self, bits: int) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        """Nodes and weights (mpmath numbers, weights summing to 1), converged to `bits` bits."""
        raise NotImplementedError


@dataclass(frozen=True)
class DensityLaw(NodeLaw):
    """A density in ``variable`` on the interval [``lower``, ``upper``]."""

    described: ClassVar[str] = "a density"

    expr: Expr
    variable: Symbol
    lower: Expr
    upper: Expr

    def nodes(self, bits: int) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        """Quadrature nodes and weights (mpmath numbers) that are converged to `bits` bits; see ``quadrature.py``."""
        return quadrature(self.expr, self.variable, self.lower, self.upper, bits)


@dataclass(frozen=True, eq=False)
class ArrayLaw:
    """A k x l matrix that stands for itself (x) a growing identity.

    ``doubles`` is a read-only NumPy array; ``rows`` holds the exact entries (decimals are read as in ``exact``).
    """

    doubles: np.ndarray
    source: tuple[tuple[Any, ...], ...]

    @property
    def shape(self) -> tuple[int, int]:
        return self.doubles.shape[0], self.doubles.shape[1]

    @property
    def rows(self) -> tuple[tuple[Expr, ...], ...]:
        return tuple(tuple(exact(entry, "array entry") for entry in row) for row in self.source)

    def symmetrised(self, conjugate: bool) -> ArrayLaw:
        """The (Hermitian, if `conjugate`) symmetric part; itself where it is exactly symmetric already."""
        if all(type(entry) in (int, float, complex) for row in self.source for entry in row):
            flipped = self.doubles.T.conj() if conjugate else self.doubles.T
            return self if np.array_equal(self.doubles, flipped) else array_law((self.doubles + flipped) / 2)
        rows = self.rows
        source = tuple(
            tuple((rows[i][j] + (rows[j][i].conjugate() if conjugate else rows[j][i])) / 2 for j in range(len(rows)))
            for i in range(len(rows))
        )
        return array_law(source)


Law = AtomicLaw | NodeLaw | ArrayLaw


def atomic(points: Sequence[Any], weights: Sequence[Any] | None = None) -> AtomicLaw:
    """A law with finitely many atoms.

    Parameters
    ----------
    points : sequence of numbers, or of tuples of numbers for a joint law
        Eigenvalues of a symmetric matrix, singular values of a rectangular one, values of a signal. Decimals and
        strings are exact: ``0.1`` and ``"1/10"`` are the same atom.
    weights : sequence of numbers, optional
        Masses, positive, summing to 1; equal masses when left out.

    Returns
    -------
    AtomicLaw

    Raises
    ------
    LawError
        No atom, a weight that is negative, weights that do not sum to 1, or tuples of different lengths.

    Examples
    --------
    >>> from derive.laws import atomic
    >>> atomic([1, "4"], [0.5, "1/2"]).weights
    (1/2, 1/2)
    >>> atomic([1, 4], [0.5, 0.6])
    Traceback (most recent call last):
    ...
    derive.errors.LawError: the weights of the atoms [1, 4] must sum to 1, they sum to 11/10 (1.1)
    """
    points = _listed(points, "atomic() takes a list of atoms, for example atomic([1, 4], [0.5, 0.5])")
    if not points:
        raise LawError("a law needs at least one atom, for example atomic([1, 4], [0.5, 0.5])")
    grouped = [isinstance(point, list | tuple) or getattr(point, "ndim", 0) > 0 for point in points]
    if any(grouped):
        widths = {len(point) if group else 1 for point, group in zip(points, grouped, strict=True)}
        if len(widths) > 1 or 0 in widths or not all(grouped):
            raise LawError(f"the atoms of a joint law are tuples of one length, one entry per letter; got {points}")
        parsed = tuple(tuple(_number(entry, "atom") for entry in point) for point in points)
    else:
        parsed = tuple(_number(point, "atom") for point in points)
    return AtomicLaw(parsed, _masses(weights, parsed))


def joint(values: Mapping[MatrixLetter, Sequence[Any]], weights: Sequence[Any] | None = None) -> AtomicLaw:
    """Joint law of matrices that commute, and of signals on the same space.

    Parameters
    ----------
    values : mapping letter -> sequence of numbers
        The value of every letter on each atom. A signal u is a function on the atoms: ``u' f(S) v -> E[u v f(s)]``.
    weights : sequence of numbers, optional
        Masses of the atoms, summing to 1; equal when left out.

    Returns
    -------
    AtomicLaw
        To be passed under the tuple of its letters: ``{(S1, S2): joint({S1: [1, 4], S2: [3, .5]})}``.

    Raises
    ------
    LawError
        Letters with different numbers of atoms, or bad weights.

    Examples
    --------
    >>> from derive import Deterministic, dimensions
    >>> from derive.laws import joint
    >>> n = dimensions("n")
    >>> A, B = Deterministic("A", n, n, symmetric=True), Deterministic("B", n, n, symmetric=True)
    >>> joint({A: [1, 4], B: [3, "1/2"]}).points
    ((1, 3), (4, 1/2))
    """
    if not isinstance(values, Mapping) or not values:
        raise LawError("joint() takes a mapping letter -> values, for example joint({S1: [1, 4], S2: [3, .5]})")
    for letter in values:
        if not isinstance(letter, MatrixLetter):
            raise LawError(f"joint(): {letter!r} is not a matrix or a signal")
    columns = {
        letter: _listed(column, f"joint(): {letter.name} needs a list of values, one per atom")
        for letter, column in values.items()
    }
    lengths = {letter: len(column) for letter, column in columns.items()}
    if len(set(lengths.values())) > 1:
        shown = ", ".join(f"{letter.name} has {length}" for letter, length in lengths.items())
        raise LawError(f"in a joint law every letter has one value per atom; {shown}")
    if not next(iter(lengths.values())):
        raise LawError("a joint law needs at least one atom")
    parsed = tuple(
        tuple(_number(entry, letter.name) for letter, entry in zip(columns, row, strict=True))
        for row in zip(*columns.values(), strict=True)
    )
    return AtomicLaw(parsed, _masses(weights, parsed), tuple(columns))


def density(expr: Any, interval: tuple[Any, Any, Any]) -> DensityLaw:
    """A law with a density.

    Parameters
    ----------
    expr : Expr
        The density, in one variable and no other symbol. It may behave like a power of a square root at the two ends
        (semicircle, arcsine, uniform) and must be smooth in between.
    interval : tuple (x, a, b)
        Variable and finite ends: numbers, or SymPy constants such as ``(1 + sqrt(2))**2``.

    Returns
    -------
    DensityLaw
        Used by double precision and mpmath; balls refuse it, as the error of a quadrature is not enclosed.

    Raises
    ------
    LawError
        A mass that differs from 1 by more than 1e-8, a negative density, another symbol in it, an infinite interval,
        or a singularity that the quadrature does not resolve.

    Examples
    --------
    >>> from sympy import Symbol, pi, sqrt
    >>> from derive.laws import density
    >>> x = Symbol("x")
    >>> semicircle = density(sqrt(4 - x**2)/(2*pi), (x, -2, 2))
    >>> density(x, (x, 0, 1))
    Traceback (most recent call last):
    ...
    derive.errors.LawError: the density x on [0, 1] has mass 0.5, expected 1
    """
    try:
        variable, lower, upper = interval
    except (TypeError, ValueError):
        raise LawError("density() takes an expression and (x, a, b), for example (x, -2, 2)") from None
    if not isinstance(variable, Symbol):
        raise LawError(f"density(): the variable must be a SymPy Symbol, got {variable!r}")
    if isinstance(expr, str):
        raise LawError("density() takes a SymPy expression, not text")
    expr = sympify(expr)
    others = expr.free_symbols - {variable}
    if others:
        names = ", ".join(sorted(map(str, others)))
        raise LawError(f"the density {expr} contains {names} besides {variable}; substitute numbers for them")
    ends = []
    for end in (lower, upper):
        if isinstance(end, Expr) and not end.free_symbols and end.is_real and end.is_comparable:
            ends.append(end)  # an edge such as (1 + sqrt(c))**2 stays exact
            continue
        try:
            ends.append(exact(end, f"an end of the interval of {variable}"))
        except ParameterError as error:
            raise LawError(f"{error}; the interval must be finite") from None
    lower, upper = ends
    if not (lower.is_real and upper.is_real and lower < upper):
        raise LawError(f"the density needs an interval with real a < b, got [{lower}, {upper}]")
    law = DensityLaw(expr, variable, lower, upper)
    law.nodes(53)  # mass, sign and convergence are errors of the law: raised here, where it is written
    return law


def array_law(value: Any, name: str = "array") -> ArrayLaw:
    """Read a NumPy, CuPy or nested-list array, or a SymPy Matrix, as the small matrix it is.

    Examples
    --------
    >>> from derive.laws import array_law
    >>> array_law([[1, "1/3"], ["1/3", 2]]).rows
    ((1, 1/3), (1/3, 2))
    """
    if isinstance(value, MatrixBase):
        value = value.tolist()
    if is_array_api_obj(value) and not isinstance(value, np.ndarray):
        value = value.get() if is_cupy_array(value) else np.asarray(value)
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if not isinstance(value, list | tuple) or not value:
        raise LawError(f"{name}: expected a matrix (nested lists, an array or a SymPy Matrix), got {value!r}")
    # a flat vector is one column: a signal
    rows = [row if isinstance(row, list | tuple) else [row] for row in value]
    widths = {len(row) for row in rows}
    if len(widths) > 1 or 0 in widths or any(isinstance(entry, list | tuple) for row in rows for entry in row):
        raise LawError(f"{name}: expected a k x l matrix with rows of one length, got rows of lengths {sorted(widths)}")
    doubles = np.asarray([[_double(entry, name) for entry in row] for row in rows])
    doubles.setflags(write=False)
    return ArrayLaw(doubles, tuple(tuple(row) for row in rows))


def as_law(value: Any, name: str) -> Law:
    """A law as it is, or whatever reads as an array; LawError names the letter otherwise."""
    if isinstance(value, AtomicLaw | NodeLaw | ArrayLaw):
        return value
    if isinstance(value, str) or not (is_array_api_obj(value) or isinstance(value, list | tuple | MatrixBase)):
        raise LawError(
            f"the law of {name} must be atomic(...), density(...), joint(...) or an array, got {value!r}; "
            f"for example {{{name}: atomic([1, 4], [0.5, 0.5])}}"
        )
    return array_law(value, name)


def _listed(values: Any, expected: str) -> list[Any]:
    """The entries of a sequence; text and single numbers are not one (``"15"`` would be the atoms 1 and 5)."""
    if isinstance(values, str | bytes | Mapping | MatrixLetter):
        raise LawError(f"{expected}; got {values!r}")
    try:
        return list(values)
    except TypeError:
        raise LawError(f"{expected}; got {values!r}") from None


def _number(value: Any, name: str) -> Expr:
    try:
        return exact(value, name)
    except ParameterError as error:
        raise LawError(str(error)) from None


def _double(value: Any, name: str) -> float | complex:
    # floats stay as they are: a large array must not pay for exact parsing in double precision
    if type(value) in (float, int, complex) and value == value and abs(value) != float("inf"):
        return value
    number = _number(value, f"an entry of {name}")
    real, imag = (number, Integer(0)) if number.is_real else number.as_real_imag()
    return float(real) if imag == 0 else complex(float(real), float(imag))


def _masses(weights: Sequence[Any] | None, points: tuple[Any, ...]) -> tuple[Rational, ...]:
    count = len(points)
    if weights is None:
        return (Rational(1, count),) * count
    weights = _listed(weights, "the weights are a list, one per atom")
    parsed = tuple(_number(weight, "weight") for weight in weights)
    shown = f"[{', '.join(map(str, points[:8]))}{', ...' if count > 8 else ''}]"
    if len(parsed) != count:
        raise LawError(f"{count} atoms {shown} but {len(parsed)} weights; give one weight per atom")
    if any(weight.has(I) or weight < 0 for weight in parsed):
        raise LawError(f"the weights of the atoms {shown} must be non-negative, got {', '.join(map(str, parsed))}")
    total = sum(parsed)
    if total == 1:
        return parsed
    # decimals such as [0.3333333333333333] * 3, or normalised in floating point: sum to 1 up to their rounding
    floats = any(isinstance(weight, float | np.floating) for weight in weights)
    if not (floats and abs(total - 1) <= Rational(count, 2**52)):
        raise LawError(f"the weights of the atoms {shown} must sum to 1, they sum to {total} ({float(total):.10g})")
    return tuple(weight / total for weight in parsed)
