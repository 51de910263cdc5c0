"""All eigenvalues of sampled matrices: the histogram behind a density."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from sympy import Expr, Symbol

from derive.functionals import Eigenvalue
from derive.symbols import MatrixLetter

from .backend import select_backend
from .checking import specify
from .entries import EntryLaw
from .finite_model import MatrixSpecification, Simulator
from .networks import Dependent

__all__ = ["eigenvalues"]


@dataclass(frozen=True)
class _Question:
    """What a simulation reads of a law, for the matrix of a spectrum."""

    quantities: Mapping[str, Expr]
    regime: Mapping[Symbol, Expr]
    base: Symbol
    dims: tuple[Symbol, ...]
    letters: tuple[MatrixLetter, ...]
    inner: Mapping[Any, Expr]
    parameters: tuple[Symbol, ...]


def eigenvalues(
    spectrum: Any,
    params: Mapping[Any, Any],
    size: int,
    trials: int = 1,
    seed: int = 0,
    entries: str | EntryLaw = "gaussian",
    device: str = "auto",
    dependent: Dependent | None = None,
) -> np.ndarray:
    """Sample the matrix of a spectrum and compute all of its eigenvalues.

    Parameters
    ----------
    spectrum : Spectrum
        From :func:`derive.spectrum`; only the matrix, its regime and its letters are read.
    params : mapping
        Numbers and laws at one point, as for :func:`verify.check`.
    size : int
        Of the base dimension; the nearest one is taken at which all dimensions are integers.
    trials : int
        Independent draws.
    seed, entries, device, dependent
        As for :func:`verify.check`.

    Returns
    -------
    array of shape (trials, dimension of the matrix)
        In increasing order along the last axis.

    Examples
    --------
    >>> import verify
    >>> from derive import Wigner, dimensions, spectrum
    >>> n = dimensions("n")
    >>> sample = verify.eigenvalues(spectrum(Wigner("W", n, variance=1/n)), {}, size=200)
    >>> sample.shape, bool(abs(sample).max() < 2.2)
    ((1, 200), True)
    """
    # the smallest eigenvalue asks for the matrix as it is written, not for a smaller one with the same largest
    question = _Question(
        {"smallest": Eigenvalue(spectrum.matrix, -1)},
        spectrum.regime,
        spectrum.stieltjes.base,
        spectrum.stieltjes.dims,
        spectrum.letters,
        spectrum.stieltjes.inner,
        spectrum.parameters,
    )
    spec, plan = specify(question, params, (size,), max(2, trials), seed, entries, fewest=1, dependent=dependent)
    assert isinstance(spec, MatrixSpecification)
    model = Simulator(spec, plan.sizes[0], select_backend(device))
    # one trial at a time: a histogram needs few and large ones
    return np.concatenate([model.eigenvalues((trial,)) for trial in range(trials)])
