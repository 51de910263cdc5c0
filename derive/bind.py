"""Check the parameters a user evaluates at and put them into one batch.

Border of the numerics: everything that can be wrong with a parameter raises here, in the user's symbols.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sympy import Expr, Symbol

from .errors import LawError, ParameterError
from .numbers import exact
from .symbols import Deterministic, Free, Haar, MatrixLetter, Signal

__all__ = ["Binding", "bind", "brief"]


@dataclass(frozen=True)
class Binding:
    """Scalar parameters as the user gave them, laws by letter or tuple of letters."""

    scalars: Mapping[Symbol, Any]
    laws: Mapping[Any, Any]

    @property
    def shape(self) -> tuple[int, ...]:
        """The broadcast shape of the array-valued parameters."""
        shapes = {s.name: np.shape(_host(v)) for s, v in self.scalars.items() if not isinstance(v, str | Expr)}
        try:
            return np.broadcast_shapes(*shapes.values(), ())
        except ValueError:
            shown = ", ".join(f"{name} has shape {shape}" for name, shape in shapes.items() if shape)
            raise ParameterError(f"the arrays do not broadcast against each other: {shown}") from None

    def exact(self) -> dict[Symbol, Expr]:
        """One point, exactly; an array-valued parameter is refused."""
        out = {}
        for symbol, value in self.scalars.items():
            if not isinstance(value, str | Expr) and np.ndim(_host(value)) > 0:
                raise ParameterError(
                    f"{symbol} is an array; digits and certificates are computed at one point at a time"
                )
            out[symbol] = exact(value, symbol.name)
        return out


def _host(value: Any) -> Any:
    return value.get() if hasattr(value, "get") and hasattr(value, "ndim") else value


def bind(
    params: Mapping, expected: Sequence[Symbol], optional: Iterable[Symbol], letters: Sequence[MatrixLetter]
) -> Binding:
    """Split and check ``params``: every expected symbol present, none unknown, each in its domain."""
    known = {s.name: s for s in (*expected, *optional)}
    by_name = {m.name: m for m in letters}
    scalars: dict[Symbol, Any] = {}
    laws: dict[Any, Any] = {}
    if not isinstance(params, Mapping):
        raise ParameterError(f"the parameters are a mapping such as {{{_names(known) or 'c'}: value}}, got {params!r}")
    for given, value in params.items():
        key = _letters_named(given, by_name) if isinstance(given, str) and given not in known else given
        if isinstance(key, MatrixLetter | tuple):
            if key in laws:
                raise LawError(f"the law of {given} is given twice")
            for letter in key if isinstance(key, tuple) else (key,):
                if by_name.get(getattr(letter, "name", "")) != letter:
                    raise ParameterError(
                        f"{letter} does not occur in the expression; its matrices are {_names(by_name)}"
                    )
                _takes_a_law(letter)
            laws[key] = value
            continue
        name = key if isinstance(key, str) else getattr(key, "name", str(key))
        if name not in known:
            described = {m.name: m for m in letters if isinstance(m, Deterministic | Free | Signal)}
            close = difflib.get_close_matches(name, [*known, *described], 1)
            hint = f"; did you mean {close[0]}?" if close else f"; the parameters are {_names(known)}"
            if not close and described:
                hint += f", the matrices {_names(described)}"
            raise ParameterError(f"unknown parameter {name}{hint}")
        if known[name] in scalars:
            raise ParameterError(f"{name} is given twice")
        _check(known[name], value)
        scalars[known[name]] = value
    missing = [s.name for s in expected if s not in scalars]
    if missing:
        raise ParameterError(f"missing value for {', '.join(missing)}; the parameters are {_names(known)}")
    declared = {m: m.law for m in letters if isinstance(m, Free) and m.law is not None}
    return Binding(scalars, declared | laws)


def _takes_a_law(letter: MatrixLetter) -> None:
    if isinstance(letter, Haar):
        raise LawError(f"{letter.name} is a Haar matrix: it has no parameters and no law")
    if not isinstance(letter, Deterministic | Free | Signal):
        raise LawError(f"{letter.name} is random: it is described by its variance, not by a law")
    if isinstance(letter, Free) and letter.law is not None:
        raise LawError(
            f"{letter.name} was declared with its law; leave one of the two out: Free('{letter.name}', "
            f"{letter.shape[0]}) takes the law given at evaluation"
        )


def brief(value: Any) -> str:
    """A value as a message shows it: a number of hundreds of digits in scientific notation.

    Examples
    --------
    >>> from sympy import Integer, Rational
    >>> from derive.bind import brief
    >>> brief(Rational(1, 3)), brief(Integer(10)**400)
    ('1/3', '1.00000e+400')
    """
    text = str(value)
    if len(text) <= 60:
        return text
    if isinstance(value, Expr) and value.is_number:
        return str(value.evalf(6))
    return text[:57] + "..."


def _letters_named(text: str, by_name: Mapping[str, MatrixLetter]) -> Any:
    """The letter, or tuple of letters ("A,B"), that a string names; the string itself where it names none."""
    found = tuple(by_name.get(part.strip()) for part in text.split(","))
    if None in found:
        return text
    return found if len(found) > 1 else found[0]


def _names(mapping: Mapping[str, Any]) -> str:
    return ", ".join(mapping) if mapping else "none"


def _check(symbol: Symbol, value: Any) -> None:
    if isinstance(value, str | Expr):
        array = np.asarray(complex(exact(value, symbol.name)))
    else:
        array = np.asarray(_host(value))
        if array.dtype == object or array.dtype.kind not in "iufcb":
            if array.ndim:
                array = np.vectorize(lambda v: complex(exact(v, symbol.name)))(array)
            else:
                array = np.asarray(complex(exact(value, symbol.name)))
    lost = array.ndim == 0 and array == 0 and isinstance(value, str | Expr) and exact(value, symbol.name) != 0
    if lost or not np.isfinite(array).all():
        raise ParameterError(f"{symbol} must be a number that double precision can hold, got {brief(value)}")
    real = bool(np.all(np.imag(array) == 0))
    parts = np.real(array)
    if symbol.is_real and not real:
        raise ParameterError(f"{symbol} must be real, got {brief(value)}")
    for test, word in (
        (symbol.is_positive and not (parts > 0).all(), "positive"),
        (symbol.is_nonnegative and not (parts >= 0).all(), "nonnegative"),
        (symbol.is_negative and not (parts < 0).all(), "negative"),
    ):
        if test and (real or not symbol.is_real):
            raise ParameterError(f"{symbol} must be {word}, got {brief(value)}")
