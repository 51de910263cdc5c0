"""The Limit a user holds: equations, value, steps, LaTeX, numbers and certificates, computed when asked for."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
from sympy import Eq, Expr, Poly, Symbol

from .bind import Binding, bind
from .curve import algebraic_curve
from .errors import BranchError, ParameterError
from .evaluation import Evaluation
from .further import Further
from .numbers import check_digits
from .pipeline import Derivation, field_symbols
from .scan import walk
from .solve.status import Status
from .steps import Step, derivation_steps
from .symbols import MatrixLetter
from .system import System
from .where import values_where

__all__ = ["Evaluation", "Limit"]


class Limit(Further):
    """The high-dimensional limit of one or several scalar quantities; made by :func:`derive.limit`.

    Attributes
    ----------
    equations : list of Eq
        The fixed-point equations of the reduced system, then the definitions it uses.
    value : Expr or dict
        The limit in terms of the unknowns.
    steps : tuple of Step
        The derivation, stage by stage.
    parameters : tuple of Symbol
        What :meth:`evaluate` needs.

    Examples
    --------
    >>> from sympy import Identity, Symbol, Trace
    >>> from derive import Wigner, dimensions, limit
    >>> n, z = dimensions("n"), Symbol("z")
    >>> law = limit(Trace((Wigner("W", n, variance=1/n) - z*Identity(n)).I)/n)
    >>> law
    Limit(
      g = -1/(g + z)
      limit = g
    )
    >>> [step.title for step in law.steps][:3]
    ['Linear pencil', 'Pairing of the noise', 'Dyson equation']
    """

    statuses = Status  # of a full output

    def __init__(self, derivation: Derivation, single: bool, system: System | None = None):
        self.derivation = derivation
        self._single = single
        self._changed = system

    # -- what was asked -------------------------------------------------------------------------------------------
    @property
    def quantities(self) -> Mapping[str, Expr]:
        """What was asked, as it was written: name -> expression (``value`` when there was one)."""
        return self.derivation.quantities

    @property
    def regime(self) -> dict[Symbol, Expr]:
        """How the dimensions grow: dimension -> multiple of :attr:`base`."""
        ratios = self.derivation.problem.regime
        return {d: r * ratios.base for d, r in ratios.ratios.items() if d != ratios.base}

    @property
    def base(self) -> Symbol:
        """The dimension that the regime leaves free."""
        return self.derivation.problem.regime.base

    @property
    def dims(self) -> tuple[Symbol, ...]:
        """All dimensions, the base first."""
        return tuple(self.derivation.problem.regime.ratios)

    @property
    def letters(self) -> tuple[MatrixLetter, ...]:
        """All named matrices and signals that occur."""
        return self.derivation.problem.letters

    @property
    def inner(self) -> dict[tuple[MatrixLetter, MatrixLetter], Expr]:
        """Declared inner products of signals."""
        return dict(self.derivation.problem.declared)

    @property
    def where(self) -> dict[Symbol, Expr]:
        """Declared symbols and what they stand for."""
        return dict(self.derivation.problem.where)

    @property
    def commuting(self) -> tuple[tuple[MatrixLetter, ...], ...]:
        """Declared commuting families of deterministic matrices."""
        return self.derivation.problem.commuting

    # -- what was derived -----------------------------------------------------------------------------------------
    @property
    def system(self) -> System:
        """The reduced system: unknowns, residuals, definitions, values."""
        return self.derivation.system if self._changed is None else self._changed

    @property
    def equations(self) -> list[Eq]:
        """The fixed-point equations of the reduced system, then the definitions they use."""
        return [*self.system.equations, *self.definitions]

    @property
    def definitions(self) -> list[Eq]:
        """Explicit definitions that the equations or the value use, in the order in which they can be computed."""
        return [Eq(s, expr, evaluate=False) for s, expr in (*self.where.items(), *self.system.definitions)]

    @property
    def value(self) -> Any:
        """The limit in terms of the unknowns and parameters (a dict when several quantities were asked for)."""
        values = self.system.values
        return next(iter(values.values())) if self._single else dict(values)

    @property
    def unknowns(self) -> tuple[Symbol, ...]:
        """The fixed-point unknowns."""
        return self.system.unknowns

    @cached_property
    def steps(self) -> tuple[Step, ...]:
        return derivation_steps(self.derivation)

    @cached_property
    def _known(self) -> tuple[tuple[Symbol, ...], tuple[Symbol, ...]]:
        """Parameters that evaluation needs, and symbols of the user that cancelled."""
        dims = set(self.dims)
        user = field_symbols(self.derivation) - dims
        own = set(self.system.unknowns) | {s for s, _ in self.system.definitions}
        needed: set[Symbol] = set()
        exprs = [*self.system.residuals, *self.system.values.values(), *(e for _, e in self.system.definitions)]
        exprs += list(self.derivation.problem.regime.ratios.values())
        for expr in exprs:
            # the norm of a signal is part of the letter: a trace in which the signal occurs does not ask for it
            needed |= {s for s in walk(expr) if isinstance(s, Symbol)} - own - dims
        needed |= self._equation_symbols()
        for symbol, expr in self.where.items():
            needed = (needed - {symbol}) | {s for s in expr.free_symbols if isinstance(s, Symbol)}
            user = user - {symbol}
        letters = set(self.letters)
        needed = {s for s in needed if not isinstance(s, MatrixLetter) and s not in letters}
        order = lambda s: s.name  # noqa: E731
        return tuple(sorted(needed, key=order)), tuple(sorted(user - needed, key=order))

    def _equation_symbols(self) -> set[Symbol]:
        """Parameters of the unreduced equation: they select the branch even where they cancel in the value."""
        ring = self.derivation.ring
        out: set[Symbol] = set()
        taus = {t.position for t in self.derivation.equation.taus} | {t.position for t in self.derivation.paired.taus}
        growing = set(self.derivation.equation.growing())
        for (i, j), poly in self.derivation.equation.K.items():
            if i not in growing or j not in growing:
                continue
            for c in poly.terms.values():
                for g in c.generators() - taus - ring.unknowns:
                    out |= {s for s in ring.field.meaning(g).free_symbols if isinstance(s, Symbol)}
        return out

    @property
    def parameters(self) -> tuple[Symbol, ...]:
        """The symbols that evaluation needs a number for."""
        return self._known[0]

    def curve(self) -> Poly | None:
        """The algebraic curve of the value: an irreducible polynomial in the value and the parameters.

        Returns
        -------
        Poly or None
            In the symbol ``G`` (the value) first, or None when the system is not algebraic (a deterministic matrix
            enters through its law) or several quantities were asked for. The factor is the one that vanishes on the
            branch of the limit; elimination brings others.

        Examples
        --------
        >>> from sympy import Identity, Symbol, Trace
        >>> from derive import Wigner, dimensions, limit
        >>> n, z = dimensions("n"), Symbol("z")
        >>> W = Wigner("W", n, variance=1/n)
        >>> limit(Trace((W - z*Identity(n)).I)/n, {}).curve().as_expr()
        G**2 + G*z + 1
        """
        if not self._single:
            return None
        return algebraic_curve(self.system, self.parameters, self)

    def latex(self) -> str:
        """A complete theorem statement in LaTeX: setting, assumptions, equations, value, which solution.

        Examples
        --------
        >>> from sympy import Identity, Symbol, Trace
        >>> from derive import Wigner, dimensions, limit
        >>> n, z = dimensions("n"), Symbol("z")
        >>> law = limit(Trace((Wigner("W", n, variance=1/n) - z*Identity(n)).I)/n)
        >>> "independent centred" in law.latex()
        True
        """
        from .latex import theorem_latex

        return theorem_latex(self)

    def document(self, title: str | None = None, steps: bool = True) -> str:
        """A LaTeX document that compiles with pdflatex: the theorem and, with ``steps``, its derivation.

        Examples
        --------
        >>> from sympy import Identity, Symbol, Trace
        >>> from derive import Wigner, dimensions, limit
        >>> n, z = dimensions("n"), Symbol("z")
        >>> law = limit(Trace((Wigner("W", n, variance=1/n) - z*Identity(n)).I)/n)
        >>> law.document(title="The semicircle law").startswith(r"\\documentclass")
        True
        """
        from .latex import document_latex

        return document_latex(self, title=title, steps=steps)

    def _repr_latex_(self) -> str:
        from .latex import notebook_latex

        return notebook_latex(self)

    def __repr__(self) -> str:
        lines = [f"{e.lhs} = {e.rhs}" for e in self.equations]
        values = self.system.values
        lines += (
            [f"limit = {next(iter(values.values()))}"] if self._single else [f"{k} = {v}" for k, v in values.items()]
        )
        return "Limit(\n  " + "\n  ".join(lines) + "\n)"

    # -- numbers --------------------------------------------------------------------------------------------------
    def bind(self, params: Mapping) -> Binding:
        """Check the parameters of an evaluation."""
        needed, optional = self._known
        found = bind(params, needed, optional, self.letters)
        return replace(found, scalars={**found.scalars, **values_where(self.where, found.scalars)})

    def evaluate(
        self,
        params: Mapping | None = None,
        *,
        device: str = "cpu",
        digits: int | None = None,
        full_output: bool = False,
    ) -> Any:
        """The limit in numbers.

        Parameters
        ----------
        params : mapping
            Symbol (or name) -> number, array or string such as "1/2" (arrays broadcast); deterministic
            matrix -> law (:func:`derive.atomic`, :func:`derive.density`) or small array; tuple of matrices -> joint
            law.
        device : {"cpu", "gpu"}
            Where double precision is computed (NumPy or CuPy).
        digits : int, optional
            Compute one point to this many significant digits with mpmath; floats then mean their decimal spelling.
        full_output : bool
            Return an :class:`Evaluation` with a status and an error per element instead of the bare value.

        Returns
        -------
        float, complex, array or mpmath number; a dict of them when several quantities were asked for. An element of
        an array without a limit is NaN and a RuntimeWarning says why; a single point without one is an error.

        Raises
        ------
        ParameterError, LawError, CommutationError
            Something about the parameters is wrong or missing.
        BranchError
            The point lies inside the bulk, or the matrix is not invertible in the limit.

        Notes
        -----
        Branch: the solution that is the limit, selected by continuation from a positive imaginary part and accepted
        by a positivity test. Accuracy in double precision: about 1e-14 relative away from edges of the spectrum,
        losing half the digits at an edge. Dimensionless, in the normalisation of the quantity.

        Examples
        --------
        >>> from sympy import Identity, Symbol, Trace
        >>> from derive import Gaussian, dimensions, limit
        >>> (n, p), c, lam = dimensions("n p"), Symbol("c", positive=True), Symbol("lambda", positive=True)
        >>> Z = Gaussian("Z", p, n, variance=1/n)
        >>> law = limit(Trace((Z*Z.T + lam*Identity(p)).I)/p, {p: c*n})
        >>> round(law.evaluate({c: 0.5, lam: 0.1}), 12)
        1.483314773548
        """
        binding = self.bind(params or {})
        if device not in ("cpu", "gpu"):
            raise ParameterError(f"device must be 'cpu' or 'gpu', got {device!r}")
        result = self._digits(binding, digits) if digits is not None else self._double(binding, device)
        if full_output:
            return result
        self._complain(result, binding)
        return result.value

    def _double(self, binding: Binding, device: str) -> Evaluation:
        from .solve.evaluate import evaluate_batch, namespace
        from .solve.mutation import follow

        xp = namespace(device)
        solution = evaluate_batch(self.derivation, self.derivation.system, binding, xp)
        if self._changed is not None:
            solution = follow(self.derivation, self._changed, binding, xp, solution)
        shape = binding.shape

        def back(x: np.ndarray) -> Any:
            x = x.reshape(shape)
            if shape == ():
                return x.item()
            return xp.asarray(x) if device == "gpu" else x

        values = {k: back(v) for k, v in solution.values.items()}
        return Evaluation(
            values["value"] if self._single else values,
            Status(int(solution.status[0])) if shape == () else solution.status.reshape(shape),
            back(solution.error),
            {u: back(v) for u, v in solution.unknowns.items()},
        )

    def _digits(self, binding: Binding, digits: int) -> Evaluation:
        import mpmath

        from .solve.digits import evaluate_digits

        check_digits(digits)
        if self._changed is not None:
            raise ParameterError("a changed system is evaluated in double precision only")
        binding.exact()
        rough = self._double(binding, "cpu")
        if rough.status != Status.CONVERGED:
            return rough
        found = evaluate_digits(self.derivation, self.system, binding, rough.unknowns, digits)
        with mpmath.workdps(digits):
            values = {k: +v for k, v in found.values.items()}
            unknowns = {u: +v for u, v in found.unknowns.items()}
        error: Any = dict(found.errors)
        return Evaluation(
            values["value"] if self._single else values,
            rough.status,
            error["value"] if self._single else error,
            unknowns,
        )

    def _complain(self, result: Evaluation, binding: Binding) -> None:
        """Raise or warn about points that have no limit."""
        codes = np.asarray(result.status)
        bad = codes[codes != 0]
        if not bad.size:
            return
        first = Status(int(bad.flat[0]))
        if codes.ndim == 0:
            from .solve.interval import describe_bulk

            where = describe_bulk(self, binding) if first is Status.INSIDE_BULK else ""
            raise BranchError(where + first.message)
        warnings.warn(
            f"{bad.size} of {codes.size} points have no limit (NaN), the first because {first.message}; "
            f"full_output=True gives the status of each",
            RuntimeWarning,
            stacklevel=3,
        )

    def certify(self, params: Mapping | None = None, *, digits: int = 30, near: Any = None) -> Any:
        """A ball proven to contain the limit.

        Parameters
        ----------
        params : mapping
            As for :meth:`evaluate`, one point; numbers are taken exactly ("1/10", or 0.1 by its decimal spelling).
        digits : int
            Relative radius of the ball, 10**-digits.
        near : number, optional
            Certify the solution of the equations at which the value is nearest to this number, instead of the one
            that was selected. A solution of the equations that is not the limit is refused.

        Returns
        -------
        Certificate
            ``.value`` a python-flint ball (a dict for several quantities), ``.midpoint`` and ``.radius`` decimal
            strings.

        Raises
        ------
        CertificationError
            The proof could not be completed: nothing is claimed.

        Examples
        --------
        >>> from sympy import Identity, Symbol, Trace
        >>> from derive import Wigner, dimensions, limit
        >>> n, z = dimensions("n"), Symbol("z")
        >>> law = limit(Trace((Wigner("W", n, variance=1/n) - z*Identity(n)).I)/n, {})
        >>> law.certify({z: "5/2"}, digits=20).midpoint
        '-0.50000000000000000000'
        """
        from .solve.certify import certify
        from .solve.nearby import solution_near

        binding = self.bind(params or {})
        binding.exact()
        if self._changed is not None:
            raise ParameterError("a changed system has no certificate")
        if near is None:
            return certify(self.derivation, self.system, binding, digits)
        if not self._single:
            raise ParameterError("near= needs a single quantity")
        start, tau = solution_near(self.derivation, self.system, binding, near)
        return certify(self.derivation, self.system, binding, digits, start, tau)

    def with_system(self, system: System) -> Limit:
        """The same limit with a changed reduced system, solved by continuation from the true one (used by mutants)."""
        if system.unknowns != self.derivation.system.unknowns:
            raise ParameterError("a changed system must have the unknowns of the derived one")
        return Limit(self.derivation, self._single, system)
