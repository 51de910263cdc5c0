"""Haar matrices and free elements at a finite size."""

from __future__ import annotations

from typing import Any

import numpy as np

from derive.laws import ArrayLaw
from derive.symbols import Free

from .inputs import Point
from .spectra import realise

__all__ = ["eigenvalues_of", "haar_matrix", "rotated"]


def haar_matrix(n: int, real: bool, rng: Any, xp: Any) -> Any:
    """A Haar-distributed orthogonal or unitary matrix.

    The Q of a Gaussian matrix, with the phases of R's diagonal moved into it: without them the law depends on the
    convention of the factorisation (Mezzadri 2007).
    """
    parts = [xp.asarray(rng.standard_normal((n, n))) for _ in range(1 if real else 2)]
    gaussian = parts[0] if real else xp.astype(parts[0], xp.complex128) + xp.asarray(1j) * parts[1]
    q, r = xp.linalg.qr(gaussian)
    diagonal = xp.linalg.diagonal(r)
    return q * (diagonal / abs(diagonal))[..., None, :]


def eigenvalues_of(letter: Free, point: Point, n: int) -> np.ndarray:
    """The spectrum of a free element: its atoms with their multiplicities, or its quantiles."""
    values = realise(letter, point, n, n)
    found = point.law_of(letter)
    if found is not None and isinstance(found[1], ArrayLaw):
        return np.repeat(np.linalg.eigvalsh(values), n // len(values))
    return values


def rotated(eigenvalues: np.ndarray, real: bool, rng: Any, xp: Any) -> Any:
    """``O diag(eigenvalues) O*`` with O Haar distributed."""
    basis = haar_matrix(len(eigenvalues), real, rng, xp)
    adjoint = xp.matrix_transpose(basis if real else xp.conj(basis))
    return xp.matmul(basis * xp.asarray(eigenvalues)[None, :], adjoint)
