"""The limit of a best rank-one approximation: its equations, and their informative solution in numbers."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from functools import cached_property
from typing import Any

import numpy as np
from sympy import Eq, Expr, Symbol

from ..bind import Binding, bind
from ..errors import BranchError, ParameterError
from ..numbers import check_digits
from ..regime import Regime
from ..steps import Step
from ..symbols import MatrixLetter, Signal
from ..system import System
from .equations import Key, TensorEquations, functional_key, inner_product
from .inverse import InverseQuestions
from .reading import PlantedTensor
from .symbols import Overlap, TensorFunctional

__all__ = ["TensorEvaluation", "TensorLimit", "TensorStatus"]


class TensorStatus(IntEnum):
    """What became of one point of a batch."""

    INFORMATIVE = 0
    BELOW_THRESHOLD = 1
    PARTIALLY_INFORMATIVE = 2
    NOT_CONVERGED = 3

    @property
    def message(self) -> str:
        return _MESSAGES[self]


_MESSAGES = {
    TensorStatus.INFORMATIVE: "converged on the informative solution",
    TensorStatus.BELOW_THRESHOLD: "below the threshold at which an informative critical point begins to exist: only "
    "uninformative critical points, alignments 0; the singular value is the edge of the contraction matrix, where "
    "local ascent ends",
    TensorStatus.PARTIALLY_INFORMATIVE: "below the threshold at which an informative critical point begins to exist: "
    "only vectors that a noise is multiplied by are still seen, the other alignments are 0; the singular value is the "
    "edge of the contraction matrix, and the alignments those of the most frequent critical points there",
    TensorStatus.NOT_CONVERGED: "the informative solution could not be followed to this point; "
    "there is none to follow where the tensor without its noise is zero",
}


@dataclass(frozen=True)
class TensorEvaluation:
    """Everything :meth:`TensorLimit.evaluate` knows, per element of the batch.

    ``strength`` is the factor by which all spikes together would have to be multiplied to be exactly at the threshold;
    above it (status 0) it is NaN. ``note`` says what became of a single point.
    """

    value: Any
    status: Any
    error: Any
    unknowns: Mapping[Symbol, Any]
    strength: Any = None
    note: str = ""
    names: Mapping[str, Any] = field(default_factory=dict)

    def __iter__(self):
        yield from (self.value, self.status, self.error)


class TensorLimit(InverseQuestions):
    """The limit of the singular value and the overlaps of a best rank-one approximation; made by :func:`derive.limit`.

    Attributes
    ----------
    equations : list of Eq
        One per unknown: singular values, overlaps, normalised traces of resolvents of the contraction matrix.
    value : Expr or dict
        The quantities in terms of the unknowns.
    steps : tuple of Step

    Examples
    --------
    >>> from sympy import Symbol
    >>> from derive import Signal, dimensions, limit
    >>> from derive.tensors.symbols import GaussianTensor, Outer, best_rank_one
    >>> n, beta = dimensions("n"), Symbol("beta", positive=True)
    >>> x = Signal("x", n, norm2=1)
    >>> T = beta*Outer(x, x, x) + GaussianTensor("W", n, n, n, variance=1/(6*n), symmetric=True)
    >>> law = limit(best_rank_one(T))
    >>> law.equations[2]
    Eq(g, -1/(2*g/3 + lambda))
    >>> round(law.evaluate({beta: 2})["x"], 9)
    0.953020614
    """

    # what the status codes of a full output mean
    statuses = TensorStatus

    def __init__(
        self,
        quantities: Mapping[str, Expr],
        single: bool,
        derived: TensorEquations,
        system: System | None = None,
    ):
        self.quantities, self.single, self.derived, self.changed = dict(quantities), single, derived, system

    # -- what was asked -----------------------------------------------------------------------------------------------
    @property
    def read(self) -> PlantedTensor:
        """The tensors as they were read."""
        return self.derived.read

    @property
    def ratios(self) -> Regime:
        return self.derived.regime

    @property
    def regime(self) -> dict[Symbol, Expr]:
        return {d: r * self.ratios.base for d, r in self.ratios.ratios.items() if d != self.ratios.base}

    @property
    def base(self) -> Symbol:
        return self.ratios.base

    @property
    def dims(self) -> tuple[Symbol, ...]:
        return tuple(self.ratios.ratios)

    @property
    def letters(self) -> tuple[Any, ...]:
        """The noises and the signals."""
        signals = dict.fromkeys(v for k in range(self.read.order) for v in self.read.vectors(k))
        vectors = {f.vector for e in self.quantities.values() for f in e.atoms(Overlap)}
        asked = {v for v in vectors if isinstance(v, Signal)} - set(signals)
        noises = dict.fromkeys(noise.letter for noise in self.read.noises.values())
        return (*noises, *signals, *sorted(asked, key=str))

    @property
    def inner(self) -> dict[tuple[Signal, Signal], Expr]:
        return dict(self.derived.inner)

    @property
    def commuting(self) -> tuple[tuple[MatrixLetter, ...], ...]:
        return ()

    # -- what was derived ---------------------------------------------------------------------------------------------
    @cached_property
    def named(self) -> System:
        d = self.derived.system
        values = {name: self._placed(e) for name, e in self.quantities.items()}
        return System(d.unknowns, d.residuals, d.right_hand_sides, d.definitions, values, {})

    def _placed(self, expr: Expr) -> Expr:
        """A quantity in terms of the unknowns."""
        return expr.xreplace({f: self.symbol(f) for f in expr.atoms(TensorFunctional)})

    def symbol(self, functional: TensorFunctional) -> Expr:
        """The unknown that a singular value or an overlap is."""
        key = functional_key(self.read, functional)
        return self.derived.symbols[key] if isinstance(key, Key) else key

    @property
    def system(self) -> System:
        return self.named if self.changed is None else self.changed

    @property
    def equations(self) -> list[Eq]:
        return self.system.equations

    @property
    def definitions(self) -> list[Eq]:
        return []

    @property
    def unknowns(self) -> tuple[Symbol, ...]:
        return self.system.unknowns

    @property
    def value(self) -> Any:
        values = self.system.values
        return next(iter(values.values())) if self.single else dict(values)

    @cached_property
    def parameters(self) -> tuple[Symbol, ...]:
        """The symbols that evaluation needs a number for."""
        exprs: list[Expr] = [*self.system.residuals, *self.system.values.values(), *self.derived.weights.values()]
        exprs += [self.ratios.growth(d)[0] for d in self.read.shape]
        vectors = [self.read.vectors(k) for k in range(self.read.order)]
        exprs += [inner_product(self.derived.inner, v, w) for group in vectors for v in group for w in group]
        exprs += [t.coefficient for terms in self.read.terms for t in terms]
        own = set(self.unknowns) | set(self.dims)
        found = {s for e in exprs for s in e.free_symbols if isinstance(s, Symbol) and not s.name.startswith("_lambda")}
        return tuple(sorted((s for s in found - own if not isinstance(s, Signal)), key=lambda s: s.name))

    def with_system(self, system: System) -> TensorLimit:
        """The same limit with a changed system (used by mutants)."""
        if system.unknowns != self.named.unknowns:
            raise ParameterError("a changed system must have the unknowns of the derived one")
        changed = TensorLimit(self.quantities, self.single, self.derived, system)
        # what was compiled and followed for the true system serves the changed one, which starts from its solution
        changed.__dict__["_origin"] = self.__dict__.get("_origin", self)
        return changed

    @cached_property
    def steps(self) -> tuple[Step, ...]:
        """The derivation, stage by stage."""
        from .telling import tensor_steps

        return tensor_steps(self)

    def latex(self) -> str:
        """A complete theorem statement in LaTeX."""
        from .statement import tensor_latex

        return tensor_latex(self)

    def document(self, title: str | None = None, steps: bool = True) -> str:
        """A LaTeX document that compiles with pdflatex: the theorem and, with ``steps``, its derivation."""
        from .statement import tensor_document

        return tensor_document(self, title, steps)

    def _repr_latex_(self) -> str:
        from .statement import tensor_notebook

        return tensor_notebook(self)

    def __repr__(self) -> str:
        lines = [f"{e.lhs} = {e.rhs}" for e in self.equations]
        lines += [f"{name} = {value}" for name, value in self.system.values.items()]
        return "TensorLimit(\n  " + "\n  ".join(lines) + "\n)"

    # -- numbers ------------------------------------------------------------------------------------------------------
    def bind(self, params: Mapping | None = None) -> Binding:
        """Check the parameters of an evaluation: every one present, none unknown, each in its domain."""
        return bind(params or {}, self.parameters, (), ())

    def evaluate(
        self,
        params: Mapping | None = None,
        *,
        digits: int | None = None,
        device: str = "cpu",
        full_output: bool = False,
    ) -> Any:
        """The informative solution in numbers.

        Parameters
        ----------
        params : mapping
            A number or an array for every parameter; arrays broadcast.
        digits : int, optional
            One point to this many significant digits, with mpmath.
        device : {"cpu", "gpu"}
            Computed on the CPU whatever is asked.
        full_output : bool
            Return a :class:`TensorEvaluation`.

        Returns
        -------
        float or array, or a dict of them. Below the threshold, alignments are 0 and the singular value is the edge of
        the contraction matrix, where most uninformative local maxima lie and local ascent ends; vectors that a noise is
        multiplied by may still be seen there (status ``PARTIALLY_INFORMATIVE``), with the alignment that most critical
        points at the edge have. Below the threshold of a later deflation step its quantities are NaN.

        Notes
        -----
        Branch: continuation from infinitely strong spikes; it ends at the threshold of *existence* of an informative
        critical point. Whether that point is the global maximum is another, larger threshold.
        """
        from .numeric import evaluate_tensor

        if device not in ("cpu", "gpu"):
            raise ParameterError(f"device must be 'cpu' or 'gpu', got {device!r}")
        if digits is not None:
            check_digits(digits)
        result = evaluate_tensor(self, self.bind(params), digits)
        if full_output:
            return result
        values = result.value.values() if isinstance(result.value, dict) else [result.value]
        missing = [np.isnan(np.asarray(v, dtype=float)) for v in values]
        if np.any(missing):
            if np.ndim(result.status) == 0:
                raise BranchError(result.note)
            count = int(np.any(missing, axis=0).sum())
            warnings.warn(
                f"{count} of {np.size(result.status)} points have no informative solution for every estimator (NaN); "
                "full_output=True gives the status of each",
                RuntimeWarning,
                stacklevel=2,
            )
        return result.value

    def threshold(
        self, parameter: Symbol, params: Mapping | None = None, *, of: str = "existence", digits: int | None = None
    ) -> Any:
        """Where the informative critical point begins to exist, or to be the global maximum, as ``parameter`` grows.

        Parameters
        ----------
        parameter : Symbol
        params : mapping
            The other parameters.
        of : {"existence", "maximum"}
            ``"existence"``: the informative critical point begins to exist. ``"maximum"``: its value overtakes the
            ground state of the pure noise (equal dimensions or symmetric, one noise). What an algorithm reaches from a
            random start is a third question, which neither answers.
        digits : int, optional

        Returns
        -------
        Threshold
            ``.at`` the value of the parameter, ``.values`` the quantities there, ``.kind`` how the solution ends.

        Examples
        --------
        >>> from sympy import Symbol
        >>> from derive import Signal, dimensions, limit
        >>> from derive.tensors.symbols import GaussianTensor, Outer, best_rank_one
        >>> n, beta = dimensions("n"), Symbol("beta", positive=True)
        >>> x = Signal("x", n, norm2=1)
        >>> T = beta*Outer(x, x, x) + GaussianTensor("W", n, n, n, variance=1/(6*n), symmetric=True)
        >>> end = limit(best_rank_one(T)).threshold(beta, digits=20)
        >>> import mpmath
        >>> mpmath.nstr(end.at, 20), mpmath.nstr(end.values["x"], 20)
        ('1.154700538379251529', '0.7071067811865475244')
        """
        from .thresholds import maximum_threshold, threshold

        if of not in ("existence", "maximum"):
            raise ParameterError(
                "of must be 'existence' (of an informative critical point) or 'maximum' (it is the global maximum), "
                f"got {of!r}; what an algorithm reaches depends on the algorithm, for unfoldings see derive.unfolding"
            )
        find = threshold if of == "existence" else maximum_threshold
        return find(self, parameter, dict(params or {}), digits)

    def edge(self, params: Mapping | None = None, *, digits: int | None = None) -> Any:
        """The upper edge of the spectrum of the contraction matrix at the informative solution, one point."""
        from .thresholds import contraction_edge

        return contraction_edge(self, self.bind(params), digits)

    def curve(self, name: str = "value", params: Mapping | None = None, *, at: Mapping | None = None) -> Any:
        """The irreducible polynomial (a SymPy Poly) of a quantity over the parameters that ``params`` leaves symbolic.

        ``at`` gives numbers to those parameters: a point on the branch that is meant.
        """
        from .closed import polynomial

        return polynomial(self, name, params or {}, at or {})[0]

    def closed_form(self, name: str = "value", params: Mapping | None = None, *, at: Mapping | None = None) -> Expr:
        """A quantity in radicals, by elimination; ``at`` as for :meth:`curve`.

        Examples
        --------
        >>> from sympy import Symbol
        >>> from derive import Signal, dimensions, limit
        >>> from derive.tensors.symbols import GaussianTensor, Outer, best_rank_one
        >>> n, beta = dimensions("n"), Symbol("beta", positive=True)
        >>> x = Signal("x", n, norm2=1)
        >>> T = beta*Outer(x, x, x) + GaussianTensor("W", n, n, n, variance=1/(6*n), symmetric=True)
        >>> limit(best_rank_one(T)).closed_form("x", at={beta: 2}).subs(beta, 2).evalf(12)
        0.953020613871
        """
        from .closed import closed_form

        return closed_form(self, name, params or {}, at or {})

    def explicit_curve(self, parameter: Symbol, s: Symbol) -> dict[str, Expr]:
        """``parameter``, the value and the overlaps as explicit functions of one variable s (one spike, one noise)."""
        from .closed import explicit_curve

        return explicit_curve(self, parameter, s)

    def certify(self, params: Mapping | None = None, *, digits: int = 30) -> Any:
        """Balls proven to contain the quantities: a solution exists there and no other, and it lies above the bulk."""
        from .certificate import certify_tensor

        return certify_tensor(self, self.bind(params), digits)
