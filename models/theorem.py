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
from sympy import Expr, MatrixExpr, Symbol, erf

from derive.errors import CertificationError, LawError, NotRationalError, ParameterError
from derive.spectral.unfolded_symbol import Unfolded
from derive.symbols import Deterministic, Free, MatrixLetter, Signal
from derive.tensors.symbols import GaussianTensor, SingularVector, TensorFunctional

from .catalogue import closest
from .parameter import Parameter
from .reading_off import number, on_balls, read_off

if TYPE_CHECKING:
    from derive.result import Limit
    from derive.spectral.spectral_limit import SpectralLimit
    from derive.spectral.spectrum import Spectrum
    from derive.tensors.tensor_limit import TensorLimit
    from verify.entries import EntryLaw
    from verify.networks import Dependent
    from verify.tensor_campaign import PowerIteration

__all__ = ["Theorem"]


@dataclass(frozen=True, eq=False)
class Theorem:
    """What a model is: its finite-size quantities, how its dimensions grow, its parameters and what is read off it.

    Parameters
    ----------
    quantities : mapping of str to Expr
        The finite-size random quantities, in SymPy: traces and forms, eigenvalues and alignments, or the singular
        value and the overlaps of the best rank-one approximation of a tensor.
    regime : mapping of Symbol to Expr
        How the dimensions grow, as for :func:`derive.limit`.
    parameters : sequence of Parameter
    reference : str
        Where the statement is proven or was first made.
    axis : tuple ``(symbol, start, stop)``
        The parameter people plot against, and its range.
    observables : mapping of str to Expr, optional
        What people read off the limits: expressions in symbols named like the quantities, and in the parameters.
    measured : mapping of str to Expr, optional
        By name, the observables that a simulation measures on every sample instead of computing them from the means of
        the simulated quantities: a :class:`derive.Agreement`, or an expression as for ``observables``.
    laws : mapping, optional
        Default laws of the deterministic matrices, as for ``Limit.evaluate``.
    inner, commuting : optional
        Declared inner products and commutations, as for :func:`derive.limit`.
    where : mapping of Symbol to Expr, optional
        Symbols that stand for expressions in the parameters, as for :func:`derive.limit`.
    spectrum : MatrixExpr, optional
        The self-adjoint matrix whose density people plot; its edges, atoms and outliers are shown with the limits.
    entries : str or EntryLaw, optional
        Entries of the random matrices in a simulation, as for :func:`verify.check`; may depend on the parameters.
    dependent : Dependent, optional
        Letters that depend on the others at finite size, such as the masks of a :class:`verify.Network`.
    start : str or PowerIteration, optional
        For tensors, where the power iteration of a simulation starts, as for :func:`verify.check`.
    exponent : number, optional
        ``k`` of the leading bias ``N^-k`` of a simulation where that is not 1; where a quantity is at an edge or an
        alignment vanishes it is that of :func:`verify.check`.
    sizes : tuple of int, optional
        Sizes of the base dimension at which a check simulates.
    trials : int, optional
        Simulated matrices or tensors per size.
    resolution : float, optional
        Relative discrepancy that a check is to see, where the default of :func:`verify.check` needs too large sizes.
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
    measured: Mapping[str, Expr] = field(default_factory=dict)
    laws: Mapping[Any, Any] = field(default_factory=dict)
    inner: Mapping[tuple[Signal, Signal], Expr] = field(default_factory=dict)
    commuting: tuple[tuple[Deterministic, ...], ...] = ()
    where: Mapping[Symbol, Expr] = field(default_factory=dict)
    spectrum: MatrixExpr | None = None
    entries: str | EntryLaw = "gaussian"
    dependent: Dependent | None = None
    start: str | PowerIteration | None = None
    exponent: float | None = None
    sizes: tuple[int, ...] = (50, 100, 200)
    trials: int = 200
    resolution: float | None = None
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
        """Every matrix, Gaussian tensor and signal of the model, by name."""
        exprs = [*self.quantities.values(), *([] if self.spectrum is None else [self.spectrum])]
        found = {m for expr in exprs for m in expr.atoms(MatrixLetter, GaussianTensor)}
        return tuple(sorted((m for m in found if not isinstance(m, SingularVector)), key=lambda m: m.name))

    @cached_property
    def tensors(self) -> dict[str, Expr]:
        """The tensors of the model, each after those it is made from: ``T``, or ``T_1``, ``T_2``..."""
        found: list[Expr] = []
        for expr in self.quantities.values():
            for functional in expr.atoms(TensorFunctional, Unfolded):
                if functional.tensor not in found:
                    found.append(functional.tensor)
        # a deflated tensor holds the singular values and vectors of the one it was made from
        found.sort(key=lambda tensor: sum(tensor.has(other) and tensor != other for other in found))
        return {"T" if len(found) == 1 else f"T_{k}": tensor for k, tensor in enumerate(found, 1)}

    @property
    def plain_observables(self) -> dict[str, Expr]:
        """The observables in functions that SciPy and mpmath have: ``Phi`` through ``erf``."""
        return {name: expr.rewrite(erf) for name, expr in self.observables.items()}

    @cached_property
    def law(self) -> Limit | SpectralLimit | TensorLimit:
        """The limit of the quantities, derived on first use."""
        from derive import limit

        return limit(dict(self.quantities), dict(self.regime), **self._declared, where=dict(self.where) or None)

    @cached_property
    def spectral_law(self) -> Spectrum:
        """The limiting spectrum of the theorem's matrix, derived on first use.

        Examples
        --------
        >>> import models
        >>> theorem = models.load("fuss-catalan")
        >>> [(float(a), float(b)) for a, b in theorem.spectral_law.edges(theorem.spectral_params())]
        [(0.0, 6.75)]
        """
        from derive import spectrum

        if self.spectrum is None:
            raise ParameterError(
                f"{self.name or 'the theorem'} names no matrix whose spectrum could be shown; add spectrum=... to its "
                "file"
            )
        return spectrum(self.spectrum, dict(self.regime), **self._declared)

    @property
    def _declared(self) -> dict[str, Any]:
        return {"inner": dict(self.inner) or None, "commuting": self.commuting or None}

    def spectral_params(self, params: Mapping[Any, Any] | None = None, /, **overrides: Any) -> dict[Any, Any]:
        """Return what the spectrum needs of the values of :meth:`resolve`: other parameters are not in its matrix."""
        law = self.spectral_law
        exprs = [law.matrix, *law.letters, *law.regime.values(), *law.stieltjes.inner.values()]
        known = {*law.letters}.union(*(e.free_symbols for e in exprs))
        return {k: v for k, v in self.resolve(params, **overrides).items() if known & set(_as_tuple(k))}

    @property
    def is_spiked(self) -> bool:
        """Whether signals occur in the matrix of the spectrum: they may have outliers."""
        return self.spectrum is not None and bool(self.spectrum.atoms(Signal))

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
                values[parameter.symbol] = parameter.read(value)
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
        known = {m.name: m for m in self.letters if isinstance(m, (Deterministic, Free, Signal))}
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

    def note(self, params: Mapping[Any, Any] | None = None, /) -> str:
        """Return what there is to know about the limit at one point besides its value; empty for most.

        Examples
        --------
        >>> import models
        >>> models.load("spiked-tensor-symmetric").note({"beta": 1})[:19]
        'below the threshold'
        """
        if not self.tensors:
            return ""
        found = self.law.evaluate(self.resolve(params), full_output=True)
        return "" if np.any(found.status == 0) else found.note

    def certify(
        self, params: Mapping[Any, Any] | None = None, /, *, digits: int = 30, **overrides: Any
    ) -> tuple[dict[str, Any], dict[str, str]]:
        """Return proven balls of the quantities and observables, and why an observable has none.

        Parameters
        ----------
        params, **overrides
            As for :meth:`resolve`, one point.
        digits : int
            Relative radius of the balls of the quantities, 10**-digits or less.

        Returns
        -------
        balls : dict of str to arb or acb
            An observable is evaluated on the balls of the quantities, in ball arithmetic.
        refused : dict of str to str
            Observable to the reason why it has no ball.

        Raises
        ------
        derive.errors.BranchError, derive.errors.CertificationError
            There is no limit at the point, or the proof could not be completed.

        Examples
        --------
        >>> import models
        >>> balls, refused = models.load("lssvm").certify(digits=20)
        >>> list(balls), refused
        (['mean', 'variance', 'accuracy'], {})
        >>> float(balls["accuracy"].rad()) < 1e-20
        True
        """
        from derive.lower.balls import BallKind

        values = self.resolve(params, **overrides)
        self.law.evaluate(values)  # where there is no limit, its message names the interval of the bulk
        # an observable loses digits of what it is read off
        spare = 10 if self.observables else 0
        if not hasattr(self.law, "certify"):
            raise CertificationError(
                f"{self.name}: eigenvalues and alignments are not certified yet; ask for digits without a proof"
            )
        balls: dict[str, Any] = dict(self.law.certify(values, digits=digits + spare).value)
        kind = BallKind(int(3.33 * (digits + spare)) + 64)
        refused = {}
        for name, expr in self.plain_observables.items():
            env = {s: balls[s.name] if s.name in self.quantities else number(values[s]) for s in expr.free_symbols}
            try:
                ball = on_balls(expr, env, kind)
            except (CertificationError, NotRationalError) as error:
                refused[name] = str(error)
                continue
            if not ball.is_finite():
                refused[name] = f"{name} is not finite or not smooth there"
                continue
            balls[name] = ball
        return balls, refused

    def read_off(
        self, limits: Mapping[str, Any], params: Mapping[Any, Any], *, digits: int | None = None
    ) -> dict[str, Any]:
        """Return the observables, given the values of the quantities and parameters.

        The same function serves the limits and simulated values. With ``digits``, the arithmetic is mpmath's at that
        many digits and ten to spare.
        """
        return read_off(self.plain_observables, limits, params, digits)

    def verify(self, params: Mapping[Any, Any] | None = None, /, **options: Any) -> Any:
        """Check the limits against simulation; options as for :func:`verify.check`, sizes and trials from the theorem.

        Examples
        --------
        >>> import models
        >>> str(models.load("semicircle").verify(seed=1).verdict)
        'consistent'
        """
        import verify

        values = self.resolve(params)
        own: dict[str, Any] = {"sizes": self.sizes, "trials": self.trials, "observables": self.plain_observables}
        own |= {} if self.resolution is None else {"resolution": self.resolution}
        if self.exponent is not None and "exponent" not in options:
            _, known = verify.edges.evaluated(self.law, values)
            own["exponent"] = {name: self.exponent for name in self.quantities if name not in known}
        return verify.check(self.law, values, **own | self.finite_model(params) | options)

    def finite_model(self, params: Mapping[Any, Any] | None = None, /) -> dict[str, Any]:
        """Return what a simulation needs beyond the law: arguments of :func:`verify.check` and :func:`verify.simulate`.

        A matrix whose default law was replaced follows that law, and not the other letters.
        """
        values, dependent = self.resolve(params), self.dependent
        own = set(dependent.letters) if dependent else set()
        if any(set(_as_tuple(key)) & own and values.get(key) != law for key, law in self.laws.items()):
            dependent = None
        own_options = {"start": self.start, "measured": {k: e.rewrite(erf) for k, e in self.measured.items()}}
        return {"entries": self.entries, "dependent": dependent} | {k: v for k, v in own_options.items() if v}


def _as_tuple(key: Any) -> tuple[Any, ...]:
    return key if isinstance(key, tuple) else (key,)


def _names(letters: Iterable[MatrixLetter]) -> str:
    return ", ".join(m.name for m in letters)
