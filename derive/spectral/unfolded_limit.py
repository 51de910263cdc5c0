"""The limit of eigenvalues and alignments of an unfolded planted tensor: those of its equivalent matrix model."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from sympy import Dummy, Expr, MatrixExpr, S, Symbol

from ..bind import Binding
from ..errors import ParameterError, RegimeError
from ..functionals import Alignment, Eigenvalue, SpectralFunctional
from ..steps import Step
from ..system import System
from ..tensors.symbols import tensor_shape
from .growth import leading
from .outliers import Outlier
from .spectral_limit import SpectralLimit, spectral_limit
from .transition import Transition, transitions
from .unfolded_symbol import Unfolded, gram_of
from .unfolded_tensor import UnfoldedTensor, unfold

__all__ = ["UnfoldedLimit", "rescaled_unfolding", "unfolded_limit"]

LOCATION = "location"


def unfolded_limit(
    quantities: Mapping[str, Expr],
    single: bool,
    regime: Mapping | None = None,
    *,
    inner: Mapping | None = None,
    open_units: bool = False,
) -> UnfoldedLimit:
    """The limit of expressions in eigenvalues and alignments of ``Y*Y.T``, Y an unfolding; called by
    :func:`derive.limit`.
    """
    found = sorted({f for e in quantities.values() for f in e.atoms(SpectralFunctional)}, key=str)
    grams = {f.matrix: gram_of(f.matrix) for f in found}
    if len(grams) > 1 or None in grams.values():
        listed = ", ".join(map(str, grams))
        raise ParameterError(f"{listed} are different matrices: ask for their eigenvalues in a limit each")
    ((matrix, unfolded),) = grams.items()
    assert unfolded is not None
    tensor = unfold(unfolded, regime, inner, open_units)
    place = {f: f.func(tensor.equivalent, *f.args[1:]) for f in found}
    moved = {f: tensor.centre + tensor.scale * e if isinstance(f, Eigenvalue) else e for f, e in place.items()}
    limits = {name: _leading(name, expr, place, moved, tensor) for name, expr in quantities.items()}
    known = {s for f in place.values() for s in f.args[0].free_symbols} | {
        s for e in tensor.declared.values() for s in e.free_symbols
    }
    signals = {f.signal for f in found if isinstance(f, Alignment)}
    dims = {d for m in (tensor.equivalent, *signals) for d in m.free_symbols} & set(tensor.dims)
    needed = {d: r * tensor.base for d, r in tensor.ratios.ratios.items() if d in dims and d != tensor.base}
    # one dimension alone is its own base: no ratio matters
    needed = needed if len(dims) > 1 else {}
    kept = {pair: v for pair, v in tensor.declared.items() if set(pair) & (known | signals)}
    names = [x.name for x in tensor.letters]
    law = spectral_limit(limits, single, needed, inner=kept, avoid=names)
    return UnfoldedLimit(law, tensor, dict(quantities), matrix)


def rescaled_unfolding(tensor: Any, regime: Mapping | None, mode: int | None, inner: Mapping | None) -> UnfoldedLimit:
    """What :func:`derive.unfolding` does with a tensor."""
    order = len(tensor_shape(tensor))
    if mode is None:
        raise ParameterError(
            f"a tensor is unfolded along one of its modes: say which, unfolding(T, regime, mode=1), 1 to {order}"
        )
    unfolded = Unfolded(tensor, mode)
    found = unfold(unfolded, regime, inner, open_units=True)
    matrix = unfolded * unfolded.T
    quantities: dict[str, Expr] = {LOCATION: (Eigenvalue(matrix) - found.centre) / found.scale}
    for signal in found.read.vectors(mode - 1):
        quantities[signal.name] = Alignment(matrix, signal)
    return unfolded_limit(quantities, False, regime, inner=inner, open_units=True)


def _leading(name: str, expr: Expr, place: Mapping, moved: Mapping, tensor: UnfoldedTensor) -> Expr:
    """The leading order of a quantity, in eigenvalues and alignments of the equivalent matrix."""
    dummies = {e: Dummy(positive=True) for e in place.values()}
    full = expr.xreplace({f: m.xreplace(dummies) for f, m in moved.items()})
    value, power = leading(full, tensor.ratios)
    if power > 0:
        raise RegimeError(
            f"{name} = {expr} grows like {tensor.base}**({power}): the eigenvalues of the Gram matrix are at "
            f"{tensor.centre} with a width of the order of {tensor.scale}; ask for (Eigenvalue(Y*Y.T) - centre)/scale "
            "with these two"
        )
    value = value if power == 0 else S.Zero
    if not value.free_symbols & set(dummies.values()):
        raise RegimeError(
            f"{name} = {expr} tends to {value} whatever the spikes are: the eigenvalues of the Gram matrix are at "
            f"{tensor.centre} with a width of the order of {tensor.scale}; ask for (Eigenvalue(Y*Y.T) - centre)/scale "
            "with these two"
        )
    return value.xreplace({d: e for e, d in dummies.items()})


class UnfoldedLimit(SpectralLimit):
    """The limit of eigenvalues and alignments of an unfolded planted tensor; made by :func:`derive.limit`.

    Everything a :class:`derive.SpectralLimit` has, of the equivalent matrix model.

    Attributes
    ----------
    tensor : UnfoldedTensor
        The contraction, the centre and scale of the Gram matrix, what was dropped.
    asked : dict of str to Expr
        The quantities as they were asked for, of the tensor.

    Examples
    --------
    >>> from sympy import Rational, Symbol
    >>> from derive import Alignment, Eigenvalue, GaussianTensor, Outer, Signal, Unfolded, dimensions, limit
    >>> (n, p, q), theta = dimensions("n p q"), Symbol("theta", positive=True)
    >>> x, y, z = Signal("x", n, norm2=1), Signal("y", p, norm2=1), Signal("z", q, norm2=1)
    >>> unit = (p*q/n)**Rational(1, 4)
    >>> T = theta*unit*Outer(x, y, z) + GaussianTensor("W", n, p, q, variance=1/n)
    >>> Y = Unfolded(T, 1)
    >>> law = limit({"shift": (Eigenvalue(Y*Y.T) - p*q/n)/unit**2, "squared": Alignment(Y*Y.T, x)}, {p: n, q: n})
    >>> law.quantities["shift"]
    Eigenvalue(theta**2*x*x.T + H, 1)
    >>> law.evaluate({theta: 2})
    {'shift': 4.25, 'squared': 0.9375}
    """

    tensor: UnfoldedTensor
    asked: dict[str, Expr]
    gram: MatrixExpr

    def __init__(
        self,
        law: SpectralLimit,
        tensor: UnfoldedTensor,
        asked: Mapping[str, Expr],
        gram: MatrixExpr,
        system: System | None = None,
    ):
        super().__init__(law.quantities, law.single, law.spectrum, law.master, law.parts, system)
        self.law, self.tensor, self.asked, self.gram = law, tensor, dict(asked), gram

    @property
    def equivalent(self) -> MatrixExpr:
        """The matrix model of order one with the same limit."""
        return self.tensor.equivalent

    @property
    def mode(self) -> int:
        """Along which the tensor is unfolded, counted from 1."""
        return self.tensor.unfolded.mode

    @property
    def units(self) -> dict[Symbol, Expr]:
        """Strengths that are counted in units of powers of the dimensions."""
        return dict(self.tensor.units)

    @property
    def centre(self) -> Expr:
        """Of the Gram matrix, in the dimensions."""
        return self.tensor.centre

    @property
    def scale(self) -> Expr:
        """The width of the spectrum of the Gram matrix, up to a number, in the dimensions."""
        return self.tensor.scale

    def with_system(self, system: System) -> UnfoldedLimit:
        """As of a :class:`derive.SpectralLimit`."""
        if system.unknowns != self.derived.unknowns:
            raise ParameterError("a changed system must have the unknowns of the derived one")
        changed = UnfoldedLimit(self.law, self.tensor, self.asked, self.gram, system)
        changed.derived = self.derived
        return changed

    # -- numbers ------------------------------------------------------------------------------------------------------
    def _own(self, params: Mapping | None) -> dict[Any, Any]:
        """Without the parameters that the tensor has and its limit does not depend on."""
        known = {s.name for s in self.parameters} | {s.name for s in self.law.parameters}
        extra = {s.name for s in self.tensor.parameters} - known
        return {k: v for k, v in (params or {}).items() if getattr(k, "name", k) not in extra}

    def bind(self, params: Mapping) -> Binding:
        """Check the parameters; those of the tensor that the limit does not depend on may be given."""
        return super().bind(self._own(params))

    def evaluate(
        self,
        params: Mapping | None = None,
        *,
        device: str = "cpu",
        digits: int | None = None,
        full_output: bool = False,
    ) -> Any:
        """The limit in numbers; as for :meth:`derive.SpectralLimit.evaluate`.

        Strengths listed in ``tensor.units`` are counted in these units.
        """
        return super().evaluate(self._own(params), device=device, digits=digits, full_output=full_output)

    def transitions(self, parameter: Symbol, params: Mapping | None = None) -> tuple[Transition, ...]:
        """The values of any parameter at which the largest eigenvalue leaves the bulk, or falls back.

        Parameters
        ----------
        parameter : Symbol
        params : mapping
            All other parameters, one point.

        Returns
        -------
        tuple of Transition
            Empty where no value of it has an outlier, or every value has.
        """
        return transitions(self.spectrum, self._named(parameter), self._own(params))

    def _named(self, parameter: Symbol | str) -> Symbol:
        for s in self.parameters:
            if s.name == getattr(parameter, "name", parameter):
                return s
        raise ParameterError(
            f"{parameter} is not a parameter of the limit; those are {', '.join(map(str, self.parameters))}"
        )

    def at(self, sizes: Mapping, params: Mapping | None = None) -> tuple[Outlier, ...]:
        """The outliers of the rescaled Gram matrix at finite sizes: the ratio of its sides is kept finite.

        Parameters
        ----------
        sizes : mapping
            Every dimension -> whole number.
        params : mapping
            Parameters as for :meth:`evaluate`, but ratios, which the sizes give.

        Returns
        -------
        tuple of Outlier
            In increasing order. ``alignments`` are those of the signals of the mode.

        Notes
        -----
        The limit is approached like the square root of short/long: at sizes of hundreds it is off by several per cent,
        this by the reciprocal of a dimension.
        """
        from .unfolded_finite import finite_outliers

        return finite_outliers(self.tensor, sizes, params)

    def edge_at(self, sizes: Mapping, params: Mapping | None = None) -> float:
        """The right end of the bulk of the rescaled Gram matrix at finite sizes; arguments as for :meth:`at`."""
        from .unfolded_finite import finite_edge

        return finite_edge(self.tensor, sizes, params)

    # -- the derivation ------------------------------------------------------------------------------------------------
    @cached_property
    def steps(self) -> tuple[Step, ...]:
        """The contraction, what is kept of it and why, then the derivation of the equivalent matrix model."""
        from .unfolded_statement import contraction_steps

        return (*contraction_steps(self.tensor), *super().steps)

    def document(self, title: str | None = None, steps: bool = True) -> str:
        """A LaTeX document that compiles with pdflatex."""
        from .unfolded_statement import unfolded_document

        return unfolded_document(self, title, steps)

    def latex(self) -> str:
        """A complete theorem statement in LaTeX."""
        from .unfolded_statement import unfolded_latex

        return unfolded_latex(self)
