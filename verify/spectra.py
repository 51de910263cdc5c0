"""Deterministic matrices at a finite size, from their laws.

A law with atoms becomes a diagonal matrix with the multiplicities nearest to the weights, a density its quantiles, a
small array ``A (x) I``. Diagonal form costs no generality for Gaussian matrices, whose law no rotation changes; with
other entries the limit is the same, and the basis of the eigenvectors is then the coordinate basis.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sympy import lambdify

from derive.activations import GaussianImage
from derive.errors import DimensionError, LawError
from derive.laws import ArrayLaw, AtomicLaw, DensityLaw
from derive.symbols import Deterministic, Free, MatrixLetter

from .costs import DIAGONAL, FULL, Structure
from .inputs import Point

__all__ = ["atoms_at_size", "largest_remainder", "quantiles", "realise", "structure_of"]

_GRID = 8192


def largest_remainder(weights: Sequence[Any], count: int) -> np.ndarray:
    """Whole multiplicities that sum to ``count`` and are nearest to ``count * weights``; ties go to the first.

    Examples
    --------
    >>> from verify.spectra import largest_remainder
    >>> largest_remainder([0.5, 0.25, 0.25], 7)
    array([3, 2, 2])
    """
    shares = np.array([float(w) * count for w in weights])
    # the product of a rational weight and a size is often a whole number that rounding leaves just below
    whole = np.floor(shares + 1e-9).astype(int)
    order = np.argsort(-(shares - whole), kind="stable")
    whole[order[: count - whole.sum()]] += 1
    return whole


def atoms_at_size(law: AtomicLaw, column: int, count: int) -> np.ndarray:
    """The value of one letter at every coordinate; letters of a joint law are aligned."""
    values = np.array([_number(v) for v in law.column(column)])
    return np.repeat(values, largest_remainder(law.weights, count))


def _number(value: Any) -> float | complex:
    number = complex(value)
    return number.real if number.imag == 0 else number


def quantiles(law: DensityLaw, count: int) -> np.ndarray:
    """The quantiles at ``(i + 1/2) / count``.

    The distribution function is summed in the t of ``x = middle - half cos t``, where square-root edges are smooth.
    """
    lower, upper = float(law.lower), float(law.upper)
    middle, half = (lower + upper) / 2, (upper - lower) / 2
    edges = np.linspace(0, np.pi, _GRID + 1)
    angles = (edges[1:] + edges[:-1]) / 2
    density = lambdify(law.variable, law.expr, modules=["scipy", "numpy"])
    heights = np.broadcast_to(np.real(density(middle - half * np.cos(angles))), angles.shape)
    cumulated = np.concatenate([[0.0], np.cumsum(heights * np.sin(angles))])
    levels = (np.arange(count) + 0.5) / count * cumulated[-1]
    return middle - half * np.cos(np.interp(levels, cumulated, edges))


def structure_of(letter: MatrixLetter, point: Point) -> Structure:
    """What is known of the shape of the non-zero entries before anything is sampled."""
    found = point.law_of(letter)
    if not isinstance(letter, Deterministic) or found is None:
        return FULL
    if isinstance(found[1], ArrayLaw):
        return ("kron", *found[1].shape)
    return DIAGONAL if letter.shape[0] == letter.shape[1] else FULL


def realise(letter: Deterministic | Free, point: Point, rows: int, cols: int) -> np.ndarray:
    """The numbers of a deterministic matrix: its diagonal, its small array or, rectangular, the matrix itself."""
    found = point.law_of(letter)
    if found is None:
        raise LawError(f"{letter.name} has no law")
    letters, law = found
    if isinstance(law, ArrayLaw):
        return _small_array(letter, law, rows, cols)
    count = min(rows, cols)
    column = letters.index(letter)
    if isinstance(law, GaussianImage):
        values = law.quantiles(count)
    else:
        values = quantiles(law, count) if isinstance(law, DensityLaw) else atoms_at_size(law, column, count)
    if letter.is_hermitian_matrix and np.iscomplexobj(values):
        raise LawError(f"{letter.name} is Hermitian: its atoms must be real")
    if letter.is_positive_matrix and values.min() < 0:
        raise LawError(f"{letter.name} was declared positive, but its law has the atom {values.min():g}")
    if letter.shape[0] == letter.shape[1]:
        return values
    array = np.zeros((rows, cols), dtype=values.dtype)
    array[np.arange(count), np.arange(count)] = values
    return array


def _small_array(letter: Deterministic | Free, law: ArrayLaw, rows: int, cols: int) -> np.ndarray:
    small = np.array(law.doubles)
    k, l = small.shape
    if rows * l != cols * k:
        raise DimensionError(
            f"{letter.name} is {rows} x {cols} here, so its array must be k x l with k/l = {rows}/{cols}, got {k} x {l}"
        )
    if rows % k:
        raise DimensionError(f"{letter.name}: a {k} x {l} array needs {letter.shape[0]} divisible by {k}, got {rows}")
    for declared, flipped, word in (
        (letter.is_symmetric_matrix, small.T, "symmetric"),
        (letter.is_hermitian_matrix, small.conj().T, "Hermitian"),
    ):
        if declared and not np.allclose(small, flipped, rtol=0, atol=1e-12 * np.abs(small).max()):
            raise LawError(f"{letter.name} was declared {word}, but its array is not")
    if letter.is_positive_matrix and np.linalg.eigvalsh(small).min() < -1e-12 * np.abs(small).max():
        raise LawError(f"{letter.name} was declared positive, but its array has a negative eigenvalue")
    return small
