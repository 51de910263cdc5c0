"""Reads the point at which a limit is checked: exact numbers for symbols, laws for matrices.

The values stay exact until they reach an array, so that ``{c: "1/3"}`` gives integer dimensions.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from sympy import Expr, Rational, Symbol, sympify

from derive.errors import LawError, ParameterError
from derive.laws import AtomicLaw, as_law
from derive.numbers import exact
from derive.symbols import Deterministic, Free, MatrixLetter, Signal

__all__ = ["Point", "read_point"]


@dataclass(frozen=True)
class Point:
    """``numbers`` of the symbols and ``laws`` of the matrices, each under the tuple of its letters."""

    numbers: Mapping[Symbol, Expr]
    laws: Mapping[tuple[MatrixLetter, ...], Any]

    def law_of(self, letter: MatrixLetter) -> tuple[tuple[MatrixLetter, ...], Any] | None:
        """The letters that share a law with ``letter``, and the law."""
        for letters, law in self.laws.items():
            if letter in letters:
                return letters, law
        return None


def read_point(params: Mapping[Any, Any], letters: Sequence[MatrixLetter], symbols: Iterable[Symbol] = ()) -> Point:
    """Split the parameters of a check into numbers and laws.

    Parameters
    ----------
    params : mapping
        As for ``Limit.evaluate``: Symbol or its name -> number, Deterministic or Signal -> law or small array, tuple
        of letters -> joint law.
    letters : sequence of MatrixLetter
        The letters that occur.
    symbols : iterable of Symbol
        The symbols that names may stand for.

    Raises
    ------
    derive.errors.ParameterError, derive.errors.LawError
        A value that is not one number, a missing law, a key that is no symbol and no matrix.
    """
    if not isinstance(params, Mapping):
        raise ParameterError(f"the parameters must be a mapping such as {{c: 0.5}}, got {params!r}")
    named = {s.name: s for s in symbols}
    numbers: dict[Symbol, Expr] = {}
    laws: dict[tuple[MatrixLetter, ...], Any] = {}
    for key, value in params.items():
        if isinstance(key, str) and key in named:
            numbers[named[key]] = _number(value, key)
        elif isinstance(key, Symbol):
            numbers[key] = _number(value, key.name)
        elif isinstance(key, MatrixLetter):
            laws[(key,)] = as_law(value, key.name)
        elif isinstance(key, tuple) and key and all(isinstance(k, MatrixLetter) for k in key):
            laws[_ordered(key, value)] = as_law(value, ", ".join(k.name for k in key))
        else:
            raise ParameterError(f"a parameter is a symbol, a matrix or a tuple of matrices, got the key {key!r}")
    declared: dict[tuple[MatrixLetter, ...], Any] = {
        (m,): m.law for m in letters if isinstance(m, Free) and m.law is not None
    }
    point = Point(numbers, declared | laws)
    for letter in letters:
        if isinstance(letter, Deterministic | Free) and point.law_of(letter) is None:
            example = f"{{{letter.name}: atomic([1, 4], [0.5, 0.5])}}"
            raise LawError(f"{letter.name} has no law; give one, for example {example}")
        if isinstance(letter, Signal) and isinstance(point.laws.get((letter,)), AtomicLaw):
            raise LawError(f"the signal {letter.name} has a law of its own; make it joint with a matrix on its space")
    return point


def _ordered(key: tuple[MatrixLetter, ...], law: Any) -> tuple[MatrixLetter, ...]:
    """The letters in the order of the columns of their joint law."""
    if not isinstance(law, AtomicLaw):
        names = ", ".join(k.name for k in key)
        raise LawError(f"the joint law of {names} must be joint(...) or atomic(...), got {law!r}")
    if law.width != len(key) or (law.letters is not None and set(law.letters) != set(key)):
        names = ", ".join(k.name for k in key)
        raise LawError(f"the joint law of {names} has {law.width} columns; one per letter is needed")
    return law.letters or key


def _number(value: Any, name: str) -> Expr:
    if (isinstance(value, np.ndarray) and value.ndim > 0) or isinstance(value, list | tuple):
        raise ParameterError(f"{name} is an array; a check is made at one point, give one number")
    if isinstance(value, Expr) and value.is_number and value.is_finite and not value.is_Float:
        return value  # an exact constant such as 1/2 - 1/(2*pi)
    if isinstance(value, float | np.floating):
        # 0.333... was meant as 1/3: no other fraction with so small a denominator is that close
        near = Fraction(float(value)).limit_denominator(1000) if np.isfinite(value) else Fraction(0)
        if near and abs(float(near) / float(value) - 1) < 1e-14:
            return Rational(near.numerator, near.denominator)
    return sympify(exact(value, name))
