"""A scalar of a theorem: its default, its domain, and how its values are read and refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from sympy import Interval, S, Set, Symbol, lambdify

from derive.bind import brief
from derive.errors import ParameterError
from derive.numbers import as_array, exact

__all__ = ["Parameter"]


@dataclass(frozen=True)
class Parameter:
    """A scalar of a theorem: its default, the set it lives in, and what it is.

    Parameters
    ----------
    symbol : Symbol
    default : number or Expr
        An exact number where possible (``Rational(1, 2)``), so that any number of digits can be asked for.
    domain : sympy Set
        ``Interval.open(0, oo)``, ``S.Complexes``...; a bound may be another parameter of the theorem.
    description : str

    Examples
    --------
    >>> from sympy import Interval, Rational, Symbol, oo
    >>> from models import Parameter
    >>> ridge = Parameter(Symbol("lambda", positive=True), Rational(1, 10), Interval.open(0, oo), "ridge")
    >>> ridge.domain_text
    'lambda > 0'
    >>> ridge.check(-1)
    Traceback (most recent call last):
        ...
    derive.errors.ParameterError: lambda = -1 is outside its domain: lambda > 0 (ridge)
    """

    symbol: Symbol
    default: Any
    domain: Set
    description: str

    @property
    def name(self) -> str:
        """The name a user sets it by."""
        return self.symbol.name

    @property
    def is_complex(self) -> bool:
        """Whether complex values are in the domain."""
        return self.domain == S.Complexes

    @property
    def domain_text(self) -> str:
        """The domain, as a person would write it."""
        return _domain_text(self.name, self.domain)

    def check(self, value: Any, others: Mapping[Symbol, Any] | None = None) -> None:
        """Raise :class:`~derive.errors.ParameterError` unless ``value`` (a number or an array) is in the domain.

        ``others`` holds the values of the parameters that occur in the bounds of the domain.
        """
        bounds = sorted(self.domain.free_symbols, key=str)
        missing = [s.name for s in bounds if s not in (others or {})]
        if missing:
            raise ParameterError(f"the domain of {self.name} needs the value of {', '.join(missing)}")
        limits = {s: v if np.ndim(v := (others or {})[s]) else exact(v, s.name) for s in bounds}
        if any(np.ndim(v) for v in (value, *limits.values())):
            self._check_array(value, limits)
        elif self.domain.subs(limits).contains(exact(value, self.name)) is not S.true:
            self._refuse(value, limits)

    def _check_array(self, value: Any, limits: Mapping[Symbol, Any]) -> None:
        """The same for arrays, in double precision and at the speed of NumPy."""
        values = as_array(value, np, self.name)
        if self.domain == S.Complexes:
            return
        inside = np.imag(values) == 0
        if isinstance(self.domain, Interval):
            arrays = [as_array(v, np, s.name) for s, v in limits.items()]
            low, high = lambdify(list(limits), [self.domain.start, self.domain.end], modules="numpy")(*arrays)
            above = np.greater if self.domain.left_open else np.greater_equal
            below = np.less if self.domain.right_open else np.less_equal
            inside = inside & above(values.real, low) & below(values.real, high)
        if not np.all(inside):
            values, inside = np.broadcast_arrays(values, inside)
            self._refuse(values[~inside].flat[0], limits)

    def _refuse(self, value: Any, limits: Mapping[Symbol, Any]) -> None:
        where = self.domain_text
        if limits and not any(np.ndim(v) for v in limits.values()):
            where += f", here {_domain_text(self.name, self.domain.subs(limits))}"
        raise ParameterError(f"{self.name} = {brief(value)} is outside its domain: {where} ({self.description})")

    def read(self, value: Any) -> Any:
        """Return a number written as text exactly; a real one with an imaginary part, ``1+0j``, stays text.

        The engine takes that spelling for the boundary value, the limit from above the real axis.

        Examples
        --------
        >>> from sympy import S, Symbol
        >>> from models import Parameter
        >>> z = Parameter(Symbol("z"), 3, S.Complexes, "spectral parameter")
        >>> z.read("1/2"), z.read("1/2+0j")
        (1/2, '1/2+0j')
        """
        if not isinstance(value, str):
            return value
        number = exact(value, self.name)
        spelled = value.strip()[-1:] in ("i", "j", "I", "J")
        return value.strip() if self.is_complex and number.is_real and spelled else number


def _domain_text(name: str, domain: Set) -> str:
    if domain == S.Complexes:
        return f"{name} complex"
    if domain == S.Reals:
        return f"{name} real"
    if not isinstance(domain, Interval):
        return f"{name} in {domain}"
    low = "<" if domain.left_open else "<="
    high = "<" if domain.right_open else "<="
    if domain.end is S.Infinity:
        return f"{name} {low.replace('<', '>')} {domain.start}"
    if domain.start is S.NegativeInfinity:
        return f"{name} {high} {domain.end}"
    return f"{domain.start} {low} {name} {high} {domain.end}"
