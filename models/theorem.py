"""A theorem: what a model is, its parameters with their domains, and what people read off it.

Nothing in here knows a limit. ``law`` asks :func:`derive.limit` for it, ``verify`` asks :func:`verify.check` whether it
is true. Invariant: values that reach the engine have been checked against their domain, in the user's own symbols.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from sympy import Expr, Interval, S, Set, Symbol, erf, lambdify, sympify

from derive.errors import LawError, ParameterError
from derive.numbers import as_array, exact
from derive.symbols import Deterministic, MatrixLetter, Signal

from .catalogue import closest

if TYPE_CHECKING:
    from derive.result import Limit

__all__ = ["Parameter", "Theorem"]


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
        raise ParameterError(f"{self.name} = {value} is outside its domain: {where} ({self.description})")


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


@dataclass(frozen=True, eq=False)
class Theorem:
    """What a model is: its finite-size quantities, how its dimensions grow, its parameters and what is read off it.

    Parameters
    ----------
    quantities : mapping of str to Expr
        The finite-size random quantities, in SymPy.
    regime : mapping of Symbol to Expr
        How the dimensions grow, as for :func:`derive.limit`.
    parameters : sequence of Parameter
    reference : str
        Where the statement is proven or was first made.
    axis : tuple ``(symbol, start, stop)``
        The parameter people plot against, and its range.
    observables : mapping of str to Expr, optional
        What people read off the limits: expressions in symbols named like the quantities, and in the parameters.
    laws : mapping, optional
        Default laws of the deterministic matrices, as for ``Limit.evaluate``.
    inner, commuting : optional
        Declared inner products and commutations, as for :func:`derive.limit`.
    sizes : tuple of int, optional
        Sizes of the base dimension at which a check simulates.
    trials : int, optional
        Simulated matrices per size.
    name, title : str, optional
        :func:`models.load` takes them from the file: its name, and the first line of its docstring.

    Examples
    --------
    >>> import models
    >>> theorem = models.load("marchenko-pastur")
    >>> sorted(p.name for p in theorem.parameters)
    ['c', 'lambda']
    >>> round(theorem.evaluate({"lambda": "1/10"}, c="1/2")["resolvent"], 10)
    1.4833147735
    """

    quantities: Mapping[str, Expr]
    regime: Mapping[Symbol, Expr]
    parameters: tuple[Parameter, ...]
    reference: str
    axis: tuple[Symbol, Any, Any]
    observables: Mapping[str, Expr] = field(default_factory=dict)
    laws: Mapping[Any, Any] = field(default_factory=dict)
    inner: Mapping[tuple[Signal, Signal], Expr] = field(default_factory=dict)
    commuting: tuple[tuple[Deterministic, ...], ...] = ()
    sizes: tuple[int, ...] = (50, 100, 200)
    trials: int = 200
    name: str = ""
    title: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "parameters", tuple(self.parameters))
        defaults = self.defaults
        if len(defaults) != len(self.parameters):
            raise ParameterError("two parameters of the theorem have the same symbol")
        for parameter in self.parameters:
            parameter.check(parameter.default, defaults)
        if self.axis[0] not in defaults:
            raise ParameterError(f"the axis {self.axis[0]} is not a parameter; {self._hint(self.axis[0])}")
        for name, expr in self.observables.items():
            if name in self.quantities:
                raise ParameterError(f"{name} names a quantity and an observable")
            for symbol in sorted(expr.free_symbols, key=str):
                if symbol.name not in self.quantities and symbol not in defaults:
                    raise ParameterError(
                        f"the observable {name} reads {symbol}, which is neither a quantity nor a parameter; "
                        + closest(symbol.name, [*self.quantities, *(p.name for p in self.parameters)])
                    )

    @property
    def defaults(self) -> dict[Symbol, Any]:
        """The default value of every parameter."""
        return {p.symbol: p.default for p in self.parameters}

    @property
    def letters(self) -> tuple[MatrixLetter, ...]:
        """Every matrix and signal of the model, by name."""
        found = {m for q in self.quantities.values() for m in q.atoms(MatrixLetter)}
        return tuple(sorted(found, key=lambda m: m.name))

    @property
    def plain_observables(self) -> dict[str, Expr]:
        """The observables in functions that SciPy and mpmath have: ``Phi`` through ``erf``."""
        return {name: expr.rewrite(erf) for name, expr in self.observables.items()}

    @cached_property
    def law(self) -> Limit:
        """The limit of the quantities, derived on first use."""
        from derive import limit

        return limit(
            dict(self.quantities), dict(self.regime), inner=dict(self.inner) or None, commuting=self.commuting or None
        )

    def parameter(self, name: str | Symbol) -> Parameter:
        """Return the parameter of that name, or raise with the nearest one."""
        for parameter in self.parameters:
            if name in (parameter.symbol, parameter.name):
                return parameter
        raise ParameterError(f"{self.name or 'the theorem'} has no parameter {name}; {self._hint(name)}")

    def resolve(self, params: Mapping[Any, Any] | None = None, /, **overrides: Any) -> dict[Any, Any]:
        """Return the values of all parameters and laws: the defaults, with the given ones in their place.

        Parameters
        ----------
        params : mapping, optional
            Keys are symbols, matrices, tuples of matrices that have a joint law, or the names of any of these
            (``"lambda"``, ``"Sigma"``, ``"Sigma_1,Sigma_2"``). Numbers are numbers, arrays, or text such as ``"1/3"``.
        **overrides
            The same by name.

        Raises
        ------
        derive.errors.ParameterError
            A name is unknown, a value is not a number or out of its domain.
        derive.errors.LawError
            A matrix has lost its default law, because that was joint with one that was replaced.

        Examples
        --------
        >>> import models
        >>> models.load("marchenko-pastur").resolve(c=2)
        {c: 2, lambda: 1/10}
        >>> models.load("marchenko-pastur").resolve(c=-2)
        Traceback (most recent call last):
            ...
        derive.errors.ParameterError: c = -2 is outside its domain: c > 0 (aspect ratio p/n)
        """
        values: dict[Any, Any] = self.defaults
        laws = dict(self.laws)
        for key, value in {**(params or {}), **overrides}.items():
            if self._is_scalar(key):
                parameter = self.parameter(key)
                values[parameter.symbol] = exact(value, parameter.name) if isinstance(value, str) else value
            else:
                group = self.matrices(key)
                laws = {k: v for k, v in laws.items() if not set(_as_tuple(k)) & set(group)}
                laws[group if len(group) > 1 else group[0]] = value
        for parameter in self.parameters:
            parameter.check(values[parameter.symbol], values)
        lost = {m for k in self.laws for m in _as_tuple(k)} - {m for k in laws for m in _as_tuple(k)}
        if lost:
            joint = next(_as_tuple(k) for k in self.laws if lost & set(_as_tuple(k)))
            raise LawError(
                f"{_names(m for m in joint if m in lost)} had a default law joint with {_names(set(joint) - lost)}: "
                f"give the joint law of {_names(joint)}, or every matrix itself"
            )
        return values | laws

    def matrices(self, key: Any) -> tuple[MatrixLetter, ...]:
        """Return the matrices a key names (``"Sigma"``, ``"A,B"``, a matrix or a tuple), or raise with the nearest."""
        known = {m.name: m for m in self.letters if isinstance(m, (Deterministic, Signal))}
        parts = [part.strip() for part in key.split(",")] if isinstance(key, str) else [m.name for m in _as_tuple(key)]
        for part in parts:
            if part not in known:
                raise LawError(f"{self.name or 'the theorem'} has no matrix {part}; {closest(part, known)}")
        return tuple(known[part] for part in parts)

    def _is_scalar(self, key: Any) -> bool:
        """Whether a key is meant for a scalar parameter; a name that fits nothing is most likely a mistyped one."""
        if isinstance(key, str):
            return "," not in key and key not in (m.name for m in self.letters)
        return not isinstance(key, (MatrixLetter, tuple))

    def _hint(self, name: object) -> str:
        return closest(str(name), [p.name for p in self.parameters] + [m.name for k in self.laws for m in _as_tuple(k)])

    def evaluate(
        self,
        params: Mapping[Any, Any] | None = None,
        /,
        *,
        device: str = "cpu",
        digits: int | None = None,
        full_output: bool = False,
        **overrides: Any,
    ) -> dict[str, Any]:
        """Return the limits of the quantities, at the defaults unless told otherwise.

        Parameters
        ----------
        params, **overrides
            As for :meth:`resolve`; arrays broadcast.
        device, digits, full_output
            As for ``Limit.evaluate``.

        Returns
        -------
        dict
            Name of the quantity to its limit, in the normalisation in which it is written in the theorem file.
        """
        return self.law.evaluate(
            self.resolve(params, **overrides), device=device, digits=digits, full_output=full_output
        )

    def observe(
        self, params: Mapping[Any, Any] | None = None, /, *, digits: int | None = None, **overrides: Any
    ) -> dict[str, Any]:
        """Return the limits of the quantities and, after them, the observables read off them.

        Examples
        --------
        >>> import models
        >>> list(models.load("lssvm").observe())
        ['mean', 'variance', 'accuracy']
        """
        values = self.resolve(params, **overrides)
        limits = self.law.evaluate(values, digits=digits)
        return {**limits, **self.read_off(limits, values, digits=digits)}

    def read_off(
        self, limits: Mapping[str, Any], params: Mapping[Any, Any], *, digits: int | None = None
    ) -> dict[str, Any]:
        """Return the observables, given the values of the quantities and parameters.

        The same function serves the limits and simulated values. With ``digits``, the arithmetic is mpmath's at that
        many digits and ten to spare.
        """
        import mpmath

        found = {}
        for name, expr in self.plain_observables.items():
            symbols = sorted(expr.free_symbols, key=str)
            values = [limits[s.name] if s.name in limits else params[s] for s in symbols]
            if digits is None:
                arrays = [np.asarray(v) if np.ndim(v) else complex(v) for v in values]
                plain = [a.real if isinstance(a, complex) and a.imag == 0 else a for a in arrays]
                found[name] = lambdify(symbols, expr, modules=["scipy", "numpy"])(*plain)
            else:
                with mpmath.workdps(digits + 10):
                    exactly = [v if isinstance(v, (mpmath.mpf, mpmath.mpc)) else _mp(v, digits) for v in values]
                    found[name] = lambdify(symbols, expr, modules="mpmath")(*exactly)
        return found

    def verify(self, params: Mapping[Any, Any] | None = None, /, **options: Any) -> Any:
        """Check the limits against simulation; options as for :func:`verify.check`, sizes and trials from the theorem.

        Examples
        --------
        >>> import models
        >>> str(models.load("semicircle").verify(seed=1).verdict)
        'consistent'
        """
        import verify

        own: dict[str, Any] = {"sizes": self.sizes, "trials": self.trials, "observables": self.plain_observables}
        return verify.check(self.law, self.resolve(params), **own | options)


def _as_tuple(key: Any) -> tuple[Any, ...]:
    return key if isinstance(key, tuple) else (key,)


def _names(letters: Iterable[MatrixLetter]) -> str:
    return ", ".join(m.name for m in letters)


def _mp(value: Any, digits: int) -> Any:
    import mpmath

    return mpmath.mpmathify(sympify(value).evalf(digits + 10))
