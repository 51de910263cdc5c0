"""Reading numbers: what a user hands over becomes an exact rational or a double-precision array.

The border between the user and the numerics. Nothing is ever evaluated as code; a string is read by a fixed grammar.
A decimal means what is written: ``0.1`` and ``"0.1"`` are both 1/10, so that every number kind (double precision,
mpmath, balls) starts from the same point.
"""

from __future__ import annotations

import cmath
import re
from decimal import Decimal
from fractions import Fraction
from numbers import Complex, Integral, Real
from typing import Any

import mpmath
import numpy as np
from array_api_compat import is_array_api_obj, is_cupy_array
from sympy import Basic, Expr, Float, I, Integer, Rational, S

from .errors import ParameterError

__all__ = ["as_array", "check_digits", "exact"]

# "12", "-.5", "1e-3", "1/2", "3/4e2" is not one: a fraction has plain integers
_REAL = r"(?:\d+\s*/\s*\d+|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)"
_NUMBER = re.compile(
    rf"\s*(?:(?P<re>[+-]?\s*{_REAL})(?![\d.]*\s*\*?\s*[ijIJ]))?\s*"
    rf"(?:(?P<sign>[+-]?)\s*(?P<im>{_REAL})?\s*\*?\s*[ijIJ])?\s*\Z",
    re.ASCII,
)
_LONGEST = 2000  # characters; a number somebody typed is shorter, and int("9" * 10**7) would hang
_LARGEST_EXPONENT = 5000


def check_digits(digits: Any) -> None:
    """Raise unless ``digits`` is a number of digits that can be asked for."""
    if isinstance(digits, bool) or not isinstance(digits, int) or not 1 <= digits <= 10000:
        raise ParameterError(f"digits must be a whole number between 1 and 10000, got {digits!r}")


def exact(value: Any, name: str = "value") -> Expr:
    """Read a number exactly.

    Parameters
    ----------
    value : int, float, complex, Fraction, Decimal, str, SymPy number, mpmath number or NumPy scalar
        A float stands for its shortest decimal representation: ``0.1`` means 1/10, not the binary fraction beneath
        (a binary ``mpmath.mpf`` carries no decimal and is taken as it is). A string is a number only: ``"1/2"``,
        ``"-0.3"``, ``"1e-3"``, ``"1+0.5j"``; it is never evaluated as code.
    name : str
        What the number is for, in the user's symbols; used in the error.

    Returns
    -------
    sympy.Rational, or ``a + b*I`` with rational a and b

    Raises
    ------
    ParameterError
        NaN, an infinity, or something that is not a number.

    Examples
    --------
    >>> from derive.numbers import exact
    >>> exact(0.1), exact("1/3"), exact("1e-3"), exact("1+0.5j")
    (1/10, 1/3, 1/1000, 1 + I/2)
    >>> exact("__import__('os')", "c")
    Traceback (most recent call last):
    ...
    derive.errors.ParameterError: c: expected a number such as 1/2, 0.3, 1e-3 or 1+0.5j, got "__import__('os')"
    """
    if isinstance(value, str):
        return _from_text(value, name)
    if isinstance(value, Basic):
        return _from_sympy(value, name)
    if isinstance(value, np.ndarray | np.generic) and value.ndim == 0:
        # np.float32(0.1) means 1/10 too: its own shortest decimal, not that of the double it would become
        if value.dtype.kind == "f":
            return _from_text(str(np.asarray(value)[()]), name)
        return exact(value.item(), name)
    if isinstance(value, bool):
        raise _not_a_number(value, name)
    if isinstance(value, Integral):
        return Integer(int(value))
    if isinstance(value, Fraction):
        return Rational(value.numerator, value.denominator)
    if isinstance(value, mpmath.mpf):
        return _from_mpf(value, name)
    if isinstance(value, mpmath.mpc):
        return _from_mpf(value.real, name) + I * _from_mpf(value.imag, name)
    if type(value).__name__ == "mpf":  # of another mpmath context
        return _from_mpf(mpmath.mpf(value), name)
    if type(value).__name__ == "mpc":
        return exact(mpmath.mpc(value), name)
    if isinstance(value, Decimal):
        return _from_text(str(value), name)
    if isinstance(value, Real):
        return _from_text(repr(float(value)), name)
    if isinstance(value, Complex):
        value = complex(value)
        return _from_text(repr(value.real), name) + I * _from_text(repr(value.imag), name)
    raise _not_a_number(value, name)


def _not_a_number(value: Any, name: str) -> ParameterError:
    shown = f'"{value}"' if isinstance(value, str) else f"{value!r} ({type(value).__name__})"
    if len(shown) > 120:
        shown = shown[:117] + "..."
    return ParameterError(f"{name}: expected a number such as 1/2, 0.3, 1e-3 or 1+0.5j, got {shown}")


def _from_text(text: str, name: str) -> Expr:
    match = _NUMBER.match(text) if 0 < len(text) <= _LONGEST else None
    if not match or not text.strip() or (match["re"] is None and match["sign"] is None):
        if text.strip().lower().lstrip("+-") in ("nan", "inf", "infinity", "oo", "zoo"):
            raise ParameterError(f"{name}: expected a finite number, got {text.strip()}")
        raise _not_a_number(text, name)
    real, sign, imag = match["re"], match["sign"], match["im"]
    if real is not None and sign == "" and text.strip()[-1] in "ijIJ":
        raise _not_a_number(text, name)  # "1 2j"
    result = _real_from_text(real, text, name) if real else Integer(0)
    if sign is not None:
        result += I * _real_from_text(sign + (imag or "1"), text, name)
    return result


def _real_from_text(part: str, text: str, name: str) -> Rational:
    part = re.sub(r"\s", "", part)
    if "/" in part:
        numerator, denominator = part.split("/")
        if int(denominator) == 0:
            raise ParameterError(f"{name}: the denominator of {text.strip()} is zero")
        return Rational(int(numerator), int(denominator))
    _, _, exponent = part.lower().partition("e")
    if exponent and abs(int(exponent)) > _LARGEST_EXPONENT:
        raise ParameterError(f"{name}: the exponent of {text.strip()} is beyond +-{_LARGEST_EXPONENT}")
    fraction = Fraction(part)
    return Rational(fraction.numerator, fraction.denominator)


def _from_sympy(value: Basic, name: str) -> Expr:
    if isinstance(value, Rational) and value.is_finite:
        return value
    if isinstance(value, Float) and value.is_finite:
        return _from_text(str(value), name)
    if value is S.NaN or value.is_finite is False:
        raise ParameterError(f"{name}: expected a finite number, got {value}")
    if isinstance(value, Expr) and not value.free_symbols:
        real, imag = value.as_real_imag()
        if all(isinstance(part, Rational | Float) for part in (real, imag)):
            return _from_sympy(real, name) + I * _from_sympy(imag, name)
    raise _not_a_number(value, name)


def _from_mpf(value: mpmath.mpf, name: str) -> Rational:
    if not mpmath.isfinite(value):
        raise ParameterError(f"{name}: expected a finite number, got {value}")
    sign, mantissa, exponent, _ = value._mpf_
    number = Integer(int(-mantissa if sign else mantissa))
    return number * Integer(2) ** int(exponent)


def as_array(value: Any, xp: Any, name: str = "value") -> Any:
    """Read a number or an array in double precision.

    Parameters
    ----------
    value : array, number, str, or (nested) sequence of numbers
        An array keeps its shape and dtype when it is float64 or complex128; integers become float64. Everything that
        :func:`exact` reads is a number.
    xp : module
        Array-API namespace of the result.
    name : str
        What the value is for; used in the error.

    Returns
    -------
    array of `xp`, float64 or complex128
        0-d for a single number.

    Raises
    ------
    ParameterError
        An entry is NaN, infinite or not a number.

    Examples
    --------
    >>> import numpy as np
    >>> from derive.numbers import as_array
    >>> as_array(["1/2", 3], np, "c")
    array([0.5, 3. ])
    """
    if is_array_api_obj(value) and not isinstance(value, np.ndarray | np.generic):
        own = value.__array_namespace__() if hasattr(value, "__array_namespace__") else None
        if own is not None and own.__name__.rpartition(".")[2] == xp.__name__.rpartition(".")[2]:
            return _checked(_as_double(value, xp), xp, name)
        value = value.get() if is_cupy_array(value) else np.asarray(value)
    if isinstance(value, np.ndarray | np.generic) and value.dtype.kind in "iufc":
        array = np.asarray(value)
    elif isinstance(value, list | tuple | np.ndarray):
        array = _sequence(value, name)
    else:
        array = np.asarray(_double(value, name))
    array = array.astype(np.complex128 if array.dtype.kind == "c" else np.float64, copy=False)
    return _checked(xp.asarray(array), xp, name)


def _double(value: Any, name: str) -> float | complex:
    if type(value) is float or type(value) is int:
        return float(value)
    number = exact(value, name)
    if number.is_real:
        return float(number)
    real, imag = number.as_real_imag()
    return complex(float(real), float(imag))


def _sequence(value: Any, name: str) -> np.ndarray:
    array = np.asarray(value, dtype=object) if not isinstance(value, np.ndarray) else value
    try:
        flat = [_double(item, name) for item in array.ravel().tolist()]
    except TypeError as error:  # pragma: no cover - exact raises ParameterError for every type it does not know
        raise _not_a_number(value, name) from error
    return np.asarray(flat if flat else np.zeros(0)).reshape(array.shape)


def _as_double(array: Any, xp: Any) -> Any:
    if array.dtype in (xp.float64, xp.complex128):
        return array
    return xp.astype(array, xp.complex128 if xp.isdtype(array.dtype, "complex floating") else xp.float64)


def _checked(array: Any, xp: Any, name: str) -> Any:
    if not bool(xp.all(xp.isfinite(array))):
        raise ParameterError(f"{name}: expected finite numbers, got NaN or an infinity")
    return array


def as_double(value: Any, name: str = "value") -> float | complex:
    """One number in double precision, e.g. ``as_double("1/2") == 0.5``; errors as in :func:`exact`."""
    number = _double(value, name)
    if not cmath.isfinite(number):
        raise ParameterError(f"{name}: expected a finite number, got {number}")
    return number
