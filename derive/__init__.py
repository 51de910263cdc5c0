"""Resolvent: derive the high-dimensional limits of random-matrix quantities from the expressions themselves.

>>> from sympy import Identity, Symbol, Trace
>>> from derive import Wigner, dimensions, limit
>>> n, z = dimensions("n"), Symbol("z")
>>> W = Wigner("W", n, variance=1/n)
>>> limit(Trace((W - z*Identity(n)).I)/n, {}).equations
[Eq(g, -1/(g + z))]
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

# names are loaded on first use: the command lists theorems without importing SymPy
_HOME = {
    "errors": (
        "BranchError", "CertificationError", "CommutationError", "DimensionError", "LawError", "NotRationalError",
        "ParameterError", "RegimeError", "ResolventError",
    ),
    "symbols": ("Deterministic", "Free", "Gaussian", "Haar", "Labels", "Signal", "Wigner", "dimensions"),
    "laws": ("atomic", "density", "joint"),
    "activations": ("derivative_law", "gaussian_image"),
    "free_transforms": ("r_transform", "s_transform"),
    "functionals": ("Agreement", "Alignment", "Eigenvalue", "Eigenvector"),
    "limits": ("deterministic_equivalent", "limit"),
    "equivalent": ("DeterministicEquivalent",),
    "result": ("Evaluation", "Limit"),
    "steps": ("Step",),
    "system": ("System",),
    "solve.status": ("Status",),
    "spectral.outliers": ("Outlier",),
    "spectral.spectral_limit": ("SpectralLimit",),
    "spectral.spectrum": ("Spectrum", "spectrum"),
    "spectral.unfolded_limit": ("UnfoldedLimit",),
    "spectral.unfolded_symbol": ("Unfolded",),
    "spectral.unfolding": ("Unfolding", "unfolding"),
    "solve.certify": ("Certificate",),
    "learning.vectors": ("RandomVector",),
    "learning.data": ("Dataset",),
    "learning.estimators": ("average", "least_squares", "ridge"),
    "learning.risk": ("Risk", "excess_risk", "risk_product"),
    "learning.rounds": ("after_rounds", "stationary"),
    "tensors.symbols": ("GaussianTensor", "Masked", "ModeProduct", "Outer", "best_rank_one"),
}  # fmt: skip
_MODULE = {name: module for module, names in _HOME.items() for name in names}

__all__ = sorted(_MODULE)

if TYPE_CHECKING:
    from .activations import derivative_law, gaussian_image  # noqa: F401
    from .equivalent import DeterministicEquivalent  # noqa: F401
    from .errors import *  # noqa: F403
    from .free_transforms import r_transform, s_transform  # noqa: F401
    from .functionals import Agreement, Alignment, Eigenvalue, Eigenvector  # noqa: F401
    from .laws import atomic, density, joint  # noqa: F401
    from .learning.data import Dataset  # noqa: F401
    from .learning.estimators import average, least_squares, ridge  # noqa: F401
    from .learning.risk import Risk, excess_risk, risk_product  # noqa: F401
    from .learning.rounds import after_rounds, stationary  # noqa: F401
    from .learning.vectors import RandomVector  # noqa: F401
    from .limits import deterministic_equivalent, limit  # noqa: F401
    from .result import Evaluation, Limit  # noqa: F401
    from .solve.certify import Certificate  # noqa: F401
    from .solve.status import Status  # noqa: F401
    from .spectral.outliers import Outlier  # noqa: F401
    from .spectral.spectral_limit import SpectralLimit  # noqa: F401
    from .spectral.spectrum import Spectrum, spectrum  # noqa: F401
    from .spectral.unfolded_limit import UnfoldedLimit  # noqa: F401
    from .spectral.unfolded_symbol import Unfolded  # noqa: F401
    from .spectral.unfolding import Unfolding, unfolding  # noqa: F401
    from .steps import Step  # noqa: F401
    from .symbols import Deterministic, Free, Gaussian, Haar, Labels, Signal, Wigner, dimensions  # noqa: F401
    from .system import System  # noqa: F401
    from .tensors.symbols import GaussianTensor, Masked, ModeProduct, Outer, best_rank_one  # noqa: F401


def __getattr__(name: str) -> Any:
    if name not in _MODULE:
        raise AttributeError(f"module 'derive' has no attribute {name!r}")
    value = getattr(import_module(f".{_MODULE[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_MODULE})
