"""Double-precision numbers on any array-API namespace: NumPy, CuPy, array-api-strict.

Scalars are Python numbers or arrays of shape (*batch); functions on nodes are (nodes, *batch); matrices are
(*batch, k, l). A point of the batch that fails (a singular matrix, a division by zero) becomes NaN or infinite there
and nowhere else: whoever solves turns that into a status.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
from array_api_compat import is_array_api_obj, is_cupy_namespace, is_numpy_namespace
from sympy import Expr, Rational, S

from derive.errors import LawError
from derive.numbers import as_array

__all__ = ["ArrayKind"]

_REAL_ONLY_POSITIVE = ("sqrt", "log")
_NAMES = {"asin": "asin", "acos": "acos", "atan": "atan", "Abs": "abs", "re": "real", "im": "imag"}


@dataclass(frozen=True)
class ArrayKind:
    """Double precision on the namespace ``xp``.

    Numbers stay real as long as all inputs are; ``dtype=xp.complex128`` makes the letters complex from the start.
    """

    xp: Any
    dtype: Any = None
    device: Any = None

    zero = 0.0
    one = 1

    def context(self) -> AbstractContextManager:
        """Inside it a failing point of a batch is a NaN or an infinity, not a warning."""
        return nullcontext() if is_cupy_namespace(self.xp) else np.errstate(all="ignore")

    # numbers ---------------------------------------------------------------------------------------------------------

    def number(self, value: Any) -> Any:
        """A Python float (int for a whole number), or a 0-d complex array."""
        if isinstance(value, Expr):
            if isinstance(value, Rational):
                return int(value) if value.q == 1 and abs(value.p) < 2**53 else float(value)
            real, imag = value.as_real_imag()
            return float(real) if imag == 0 else self._array(complex(float(real), float(imag)))
        if isinstance(value, complex) or (not isinstance(value, int | float) and getattr(value, "imag", 0) != 0):
            return self._array(complex(value))
        return value if isinstance(value, int) else float(value)

    def constant(self, name: str) -> Any:
        return float(getattr(S, name))

    def coerce(self, value: Any, name: str) -> Any:
        """A parameter as a float64 or complex128 array; arrays of this namespace pass through."""
        if isinstance(value, np.ndarray | np.generic) and value.dtype in (np.float64, np.complex128):
            # an iterate of a solver may be NaN at some points: only what a user typed is checked
            return value if is_numpy_namespace(self.xp) else self.xp.asarray(value, device=self.device)
        if is_array_api_obj(value) and value.dtype in (self.xp.float64, self.xp.complex128):
            return value
        return as_array(value, self.xp, name)

    def divide(self, x: Any, y: Any) -> Any:
        try:
            return x / y
        except ZeroDivisionError:  # both are Python numbers; arrays do not raise
            return math.nan

    def conjugate(self, x: Any) -> Any:
        if not is_array_api_obj(x):
            return x.conjugate()
        return self.xp.conj(x) if self._is_complex(x) else x

    def power(self, x: Any, exponent: Rational) -> Any:
        if not is_array_api_obj(x):
            x = self._array(x)
        return self._promoted(x) ** float(exponent)

    def function(self, name: str, x: Any) -> Any:
        if not is_array_api_obj(x):
            x = self._array(x)
        if name in _REAL_ONLY_POSITIVE:
            x = self._promoted(x)
        elif name in ("asin", "acos") and not self._is_complex(x) and bool(self.xp.any(self.xp.abs(x) > 1)):
            x = self._complex(x)
        if name in ("erf", "erfc"):
            return self._special(name, x)
        if name == "conjugate":
            return self.conjugate(x)
        if name in ("re", "im") and not self._is_complex(x):
            return x if name == "re" else self.xp.zeros_like(x)
        return getattr(self.xp, _NAMES.get(name, name))(x)

    def ratio_capped(self, x: Any, y: Any) -> tuple[Any, Any]:
        """min(1, x/y), and where x/y >= 1 (a bool, or an array of them)."""
        ratio = x / y
        if not is_array_api_obj(ratio):
            return min(1.0, ratio), ratio >= 1
        full = ratio >= 1
        return self.xp.where(full, self.xp.ones_like(ratio), ratio), bool(full) if full.ndim == 0 else full

    def differs(self, x: Any, y: Any) -> bool:
        """Certainly different, rounding allowed for."""
        gap = self._array(x - y)
        return bool(self.xp.any(self.xp.abs(gap) > 1e-9 * abs(y)))

    # functions on nodes: (nodes, *batch); the batch is innermost so that a law of two atoms still runs along memory ---

    def nodes(self, values: Sequence[Any]) -> Any:
        return self._array(np.asarray([float(value) for value in values]))

    def nodes_add(self, x, y):
        x, y = _aligned(x, y)
        return x + y

    def nodes_subtract(self, x, y):
        x, y = _aligned(x, y)
        return x - y

    def nodes_multiply(self, x, y):
        x, y = _aligned(x, y)
        return x * y

    def nodes_shift(self, x, scalar):
        return _batched(x, getattr(scalar, "ndim", 0)) + scalar

    def nodes_scale(self, scalar, x):
        return scalar * _batched(x, getattr(scalar, "ndim", 0))

    def nodes_inverse(self, x, absent=False):
        """1/x; where the last node does not exist (`absent`: a bool or (*batch)) its value is 1 and never used."""
        if absent is not False:
            x = _batched(x, getattr(absent, "ndim", 0))
            last = self.xp.arange(x.shape[0]) == x.shape[0] - 1
            last = self.xp.reshape(last, (-1, *(1,) * (x.ndim - 1)))
            unused = last if absent is True else last & absent
            x = self.xp.where(unused, self.xp.ones_like(x), x)
        return 1 / x

    def nodes_kernel(self, x):
        return self._array(x == 0) * 1.0

    def nodes_sqrt(self, x):
        return self.xp.sqrt(x)

    def nodes_conjugate(self, x):
        return self.conjugate(x)

    def nodes_mean(self, weights, x):
        if weights.ndim == 1:
            return self.xp.tensordot(weights, x, axes=1)  # one pass, no (nodes, *batch) temporary
        weights, x = _aligned(weights, x)
        return self.xp.sum(weights * x, axis=0)

    def nodes_append(self, x, value):
        value = self._array(value)[None, ...]
        x, value = _aligned(x, value)
        batch = np.broadcast_shapes(x.shape[1:], value.shape[1:])
        parts = (self.xp.broadcast_to(part, (part.shape[0], *batch)) for part in (x, value))
        return self.xp.concat(tuple(parts), axis=0)

    # matrices: (*batch, k, l) ----------------------------------------------------------------------------------------

    def matrix(self, law: Any) -> Any:
        return self._array(np.array(law.doubles))

    def matrix_add(self, x, y):
        return x + y

    def matrix_subtract(self, x, y):
        return x - y

    def matrix_shift(self, x, scalar):
        eye = self.xp.eye(x.shape[-1], dtype=self.xp.float64, device=self.device)
        return x + _lift(scalar, 2) * eye

    def matrix_scale(self, scalar, x):
        return _lift(scalar, 2) * x

    def matrix_multiply(self, x, y):
        return x @ y

    def matrix_inverse(self, x):
        try:
            return self.xp.linalg.inv(x)
        except np.linalg.LinAlgError:
            # NumPy refuses the whole batch for one singular matrix: invert the others
            singular = self.xp.linalg.det(x) == 0
            eye = self.xp.eye(x.shape[-1], dtype=x.dtype)
            inverse = self.xp.linalg.inv(self.xp.where(singular[..., None, None], eye, x))
            return self.xp.where(singular[..., None, None], self.xp.full_like(x, math.nan), inverse)

    def matrix_sqrt(self, x, name: str):
        values, vectors = self.xp.linalg.eigh(x)
        if bool(self.xp.any(values < -1e-12 * self.xp.max(self.xp.abs(values)))):
            low = float(self.xp.min(values))
            raise LawError(f"{name} has no square root: it is not positive semidefinite, an eigenvalue is {low:.6g}")
        roots = self.xp.sqrt(self.xp.where(values < 0, self.xp.zeros_like(values), values))
        return (vectors * roots[..., None, :]) @ self.matrix_conjugate(self.matrix_transpose(vectors))

    def matrix_kernel(self, x):
        """The projector on the kernel of a Hermitian matrix, up to rounding."""
        values, vectors = self.xp.linalg.eigh(x)
        largest = self.xp.max(self.xp.abs(values), axis=-1, keepdims=True)
        inside = self.xp.where(self.xp.abs(values) <= 1e-13 * largest, 1.0, 0.0)
        return (vectors * inside[..., None, :]) @ self.matrix_conjugate(self.matrix_transpose(vectors))

    def matrix_transpose(self, x):
        return self.xp.matrix_transpose(x)

    def matrix_conjugate(self, x):
        return self.conjugate(x)

    def matrix_mean(self, x):
        """Normalised trace."""
        return self.xp.linalg.trace(x) / x.shape[-1]

    def matrix_product_mean(self, x, y):
        """Normalised trace of x*y, without the product."""
        return self.xp.sum(x * self.xp.matrix_transpose(y), axis=(-2, -1)) / x.shape[-2]

    def matrix_entry(self, x):
        """The number in a 1 x 1 matrix."""
        return x[..., 0, 0]

    # -----------------------------------------------------------------------------------------------------------------

    def _array(self, value: Any) -> Any:
        if is_array_api_obj(value) and not isinstance(value, np.ndarray | np.generic):
            return value
        value = np.asarray(value)
        dtype = self.xp.complex128 if value.dtype.kind == "c" else self.dtype or self.xp.float64
        value = value.astype(np.complex128 if value.dtype.kind == "c" else np.float64, copy=False)
        return self.xp.asarray(value, dtype=dtype, device=self.device)

    def _is_complex(self, x: Any) -> bool:
        return x.dtype == self.xp.complex128 or x.dtype == self.xp.complex64

    def _complex(self, x: Any) -> Any:
        return x + self.xp.asarray(0j, dtype=self.xp.complex128, device=self.device)

    def _promoted(self, x: Any) -> Any:
        """Complex where a real function would leave the real line."""
        return x if self._is_complex(x) or not bool(self.xp.any(x < 0)) else self._complex(x)

    def _special(self, name: str, x: Any) -> Any:
        if is_cupy_namespace(self.xp):
            from cupyx.scipy import special
        else:
            from scipy import special
        function = getattr(special, name)
        return function(x) if is_cupy_namespace(self.xp) else self.xp.asarray(function(np.asarray(x)))


def _lift(scalar: Any, axes: int) -> Any:
    """Append axes to a (*batch) array, so that it multiplies functions on nodes or matrices."""
    if getattr(scalar, "ndim", 0) == 0:
        return scalar
    return scalar[(..., *(None,) * axes)]


def _batched(x: Any, axes: int) -> Any:
    """A (nodes, *batch) array with room for ``axes`` batch axes."""
    missing = axes - (x.ndim - 1)
    return x[(slice(None), *(None,) * missing)] if missing > 0 else x


def _aligned(x: Any, y: Any) -> tuple[Any, Any]:
    return _batched(x, y.ndim - 1), _batched(y, x.ndim - 1)
