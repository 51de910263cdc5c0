"""The limit of eigenvalues and alignments: the outlier where there is one, the edge of the bulk otherwise."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any

from sympy import Eq, Expr, MatrixExpr, Symbol

from ..bind import Binding
from ..errors import ParameterError
from ..functionals import Alignment, Eigenvalue, SpectralFunctional
from ..numbers import check_digits
from ..pipeline import Derivation
from ..read import Reader
from ..scan import letters_of, square_roots
from ..solve.status import Status
from ..steps import Step
from ..symbols import MatrixLetter, Signal
from ..system import System
from .equations import outlier_system
from .master import Form, Master, derive_master
from .outliers import bind_master
from .reading import read_off
from .spectrum import Spectrum, spectrum
from .spikes import Spike, spikes

__all__ = ["SpectralLimit", "spectral_limit"]


def spectral_limit(
    quantities: Mapping[str, Expr],
    single: bool,
    regime: Mapping | None = None,
    *,
    inner: Mapping | None = None,
    commuting: Iterable[Iterable] | None = None,
    avoid: Iterable[str] = (),
) -> SpectralLimit:
    """The limit of expressions in eigenvalues and alignments of one matrix; called by :func:`derive.limit`."""
    found = sorted({f for e in quantities.values() for f in e.atoms(SpectralFunctional)}, key=str)
    for name, expr in quantities.items():
        if not expr.atoms(SpectralFunctional):
            raise ParameterError(
                f"{name} = {expr} has no eigenvalue and no alignment, and the others have: ask for it in a limit of "
                f"its own"
            )
        bare = expr.xreplace({f: Symbol(f"_{k}") for k, f in enumerate(found)})
        if bare.has(MatrixExpr):
            raise ParameterError(
                f"{name} = {expr} mixes an eigenvalue with a trace or a form: take the limit of each and combine "
                f"numbers"
            )
    matrices = list(dict.fromkeys(f.matrix for f in found))
    # M = Y Y' before Y'Y: alignments of both are functions of the first
    main = matrices[0]
    bulk = spectrum(main, regime, inner=inner, commuting=commuting, avoid=avoid)
    occurring = set(letters_of([main]))
    asked = sorted({f.signal for f in found if isinstance(f, Alignment)} - occurring, key=lambda s: s.name)
    for signal in asked:
        products = [pair for pair in (inner or {}) if signal in pair and set(pair) & occurring]
        if not products:
            present = ", ".join(sorted(s.name for s in occurring if isinstance(s, Signal))) or "none"
            raise ParameterError(
                f"{signal.name} does not occur in {main} (its signals: {present}), so its alignment is not determined: "
                f"declare its inner products with them, for example inner={{({signal.name}, u): rho}}"
            )
    master = derive_master(main, bulk.z, regime, inner=inner, commuting=commuting, signals=asked)
    parts = {f: _part(f, master) for f in found}
    return SpectralLimit(dict(quantities), single, bulk, master, parts)


def _part(functional: SpectralFunctional, master: Master) -> Form | None:
    """The form whose residue an alignment is, None for an eigenvalue."""
    right = _is_companion(functional.matrix, master)
    if functional.matrix != master.matrix and not right:
        raise ParameterError(
            f"{functional.matrix} and {master.matrix} are different matrices: ask for their eigenvalues in a limit "
            f"each (Y*Y.T and Y.T*Y go together)"
        )
    if right and functional.index < 0:
        raise ParameterError(f"the smallest eigenvalues of {functional.matrix} are asked for in a limit of their own")
    if isinstance(functional, Eigenvalue):
        return None
    assert isinstance(functional, Alignment)
    form = master.form(functional.signal, right)
    if form is None:
        raise ParameterError(f"{functional.signal.name} is not a vector of the space on which {functional.matrix} acts")
    return form


def _is_companion(matrix: MatrixExpr, master: Master) -> bool:
    if matrix == master.matrix or master.companion is None:
        return False
    problem = master.law.derivation.problem
    nodes = [Reader(problem.regime, square_roots([m])).matrix(m)[0] for m in (matrix, master.companion)]
    return nodes[0] == nodes[1]


class SpectralLimit:
    """The limit of eigenvalues and alignments of a spiked model; made by :func:`derive.limit`.

    Attributes
    ----------
    spectrum : Spectrum
        The bulk.
    master : Master
        The master matrix with the forms of all signals.
    equations : list of Eq
        The bulk equations and "the determinant of the master matrix vanishes", at an outlier z.
    value : Expr or dict
        The limit at an outlier in terms of z and the bulk unknowns.

    Examples
    --------
    >>> from sympy import Symbol
    >>> from derive import Alignment, Eigenvalue, Signal, Wigner, dimensions, limit
    >>> n, theta = dimensions("n"), Symbol("theta", positive=True)
    >>> u = Signal("u", n, norm2=1)
    >>> M = Wigner("W", n, variance=1/n) + theta*u*u.T
    >>> law = limit({"top": Eigenvalue(M), "squared": Alignment(M, u)})
    >>> law.evaluate({theta: 2})
    {'top': 2.5, 'squared': 0.75}
    >>> law.evaluate({theta: 0.5}, full_output=True).note
    'no outlier: the eigenvalue sticks to the edge 2, alignment 0'
    """

    # what the status codes of a full output mean
    statuses = Status

    def __init__(
        self,
        quantities: Mapping[str, Expr],
        single: bool,
        bulk: Spectrum,
        master: Master,
        parts: Mapping[SpectralFunctional, Form | None],
        system: System | None = None,
    ):
        self.quantities, self.spectrum, self.master = quantities, bulk, master
        self.single, self.parts, self.changed = single, parts, system

    # -- what was asked -----------------------------------------------------------------------------------------------
    @property
    def matrix(self) -> MatrixExpr:
        """The matrix whose eigenvalues these are."""
        return self.master.matrix

    @property
    def regime(self) -> dict[Symbol, Expr]:
        """How the dimensions grow: dimension -> multiple of :attr:`base`."""
        return self.master.law.regime

    @property
    def base(self) -> Symbol:
        """The dimension that the regime leaves free."""
        return self.master.law.base

    @property
    def dims(self) -> tuple[Symbol, ...]:
        """All dimensions, the base first."""
        return self.master.law.dims

    @property
    def letters(self) -> tuple[MatrixLetter, ...]:
        """All named matrices and signals that occur."""
        return self.master.law.letters

    @property
    def inner(self) -> dict[tuple[MatrixLetter, MatrixLetter], Expr]:
        """Declared inner products of signals."""
        return self.master.law.inner

    @property
    def commuting(self) -> tuple[tuple[MatrixLetter, ...], ...]:
        """Declared commuting families of deterministic matrices."""
        return self.master.law.commuting

    @property
    def parameters(self) -> tuple[Symbol, ...]:
        """The symbols that evaluation needs a number for."""
        extra = {s for e in self.quantities.values() for s in self.bare(e).free_symbols if isinstance(s, Symbol)}
        extra -= {self.symbol(f) for f in self.parts}
        found = {s for s in self.master.law.parameters if s != self.master.z} | extra - set(self.dims)
        return tuple(sorted(found, key=lambda s: s.name))

    # -- what was derived ---------------------------------------------------------------------------------------------
    def symbol(self, functional: SpectralFunctional) -> Symbol:
        return Symbol(f"_E{list(self.parts).index(functional)}")

    def bare(self, expr: Expr) -> Expr:
        """The quantity as a function of placeholders."""
        return expr.xreplace({f: self.symbol(f) for f in self.parts})

    @cached_property
    def derived(self) -> System:
        forms = {self.symbol(f).name: form for f, form in self.parts.items()}
        system = outlier_system(self.master, forms)
        placed = {Symbol(name): expr for name, expr in system.values.items()}
        values = {name: self.bare(expr).xreplace(placed) for name, expr in self.quantities.items()}
        return System(
            system.unknowns, system.residuals, system.right_hand_sides, system.definitions, values, system.origin
        )

    @property
    def system(self) -> System:
        """The equations of an outlier: unknowns of the bulk and z; the values are the quantities at an outlier."""
        return self.derived if self.changed is None else self.changed

    @property
    def equations(self) -> list[Eq]:
        """The bulk equations, the vanishing determinant, then the definitions that the alignments use."""
        return [*self.system.equations, *self.definitions]

    @property
    def definitions(self) -> list[Eq]:
        """The derivative of the bulk unknown by z, where there is one unknown."""
        return [Eq(s, e, evaluate=False) for s, e in self.system.definitions]

    @property
    def derivation(self) -> Derivation:
        """The derivation of the Stieltjes transform, the forms and the determinant."""
        return self.master.law.derivation

    @cached_property
    def spikes(self) -> tuple[Spike, ...]:
        """Closed forms of locations, alignments and thresholds where the curve allows, one per factor."""
        return spikes(self.spectrum)

    @property
    def value(self) -> Any:
        """The quantities at an outlier, in terms of z and the bulk unknowns."""
        values = self.system.values
        return next(iter(values.values())) if self.single else dict(values)

    @property
    def unknowns(self) -> tuple[Symbol, ...]:
        """The bulk unknowns and z."""
        return self.system.unknowns

    def with_system(self, system: System) -> SpectralLimit:
        """The same limit with a changed system, solved by continuation from the true one (used by mutants)."""
        if system.unknowns != self.derived.unknowns:
            raise ParameterError("a changed system must have the unknowns of the derived one")
        changed = SpectralLimit(self.quantities, self.single, self.spectrum, self.master, self.parts, system)
        changed.derived = self.derived
        return changed

    @cached_property
    def steps(self) -> tuple[Step, ...]:
        """The derivation, stage by stage, with the outliers at the end."""
        from .statement import spectral_steps

        return spectral_steps(self)

    def latex(self) -> str:
        """A complete theorem statement in LaTeX."""
        from .statement import spectral_latex

        return spectral_latex(self)

    def document(self, title: str | None = None, steps: bool = True) -> str:
        """A LaTeX document that compiles with pdflatex: the theorem and, with ``steps``, its derivation."""
        from .statement import spectral_document

        return spectral_document(self, title=title, steps=steps)

    def _repr_latex_(self) -> str:
        from .statement import spectral_notebook

        return spectral_notebook(self)

    def __repr__(self) -> str:
        lines = [f"{e.lhs} = {e.rhs}" for e in self.equations]
        lines += [f"{name} = {value}" for name, value in self.system.values.items()]
        return "SpectralLimit(\n  " + "\n  ".join(lines) + "\n)"

    # -- numbers ------------------------------------------------------------------------------------------------------
    def bind(self, params: Mapping) -> Binding:
        """Check the parameters of an evaluation; the spectral parameter is not one of them."""
        own = {s.name for s in self.parameters} - {s.name for s in self.master.law.parameters}
        rest = {k: v for k, v in params.items() if getattr(k, "name", k) not in own}
        missing = own - {getattr(k, "name", k) for k in params}
        if missing:
            raise ParameterError(f"missing value for {', '.join(sorted(missing))}")
        return bind_master(self.master, rest)

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
            As for :meth:`derive.Limit.evaluate`; arrays broadcast.
        device : {"cpu", "gpu"}
            Outliers are computed on the CPU whatever is asked.
        digits : int, optional
            One point to this many significant digits.
        full_output : bool
            Return a :class:`SpectralEvaluation` with all outliers and a note in words.

        Returns
        -------
        float or array; a dict of them when several quantities were asked for. Below the threshold an eigenvalue is the
        edge of the support and an alignment 0.

        Notes
        -----
        Accuracy: about 1e-13 relative; an outlier nearer to the edge than 1e-9 of the width of the bulk counts as none.
        """
        params = dict(params or {})
        if device not in ("cpu", "gpu"):
            raise ParameterError(f"device must be 'cpu' or 'gpu', got {device!r}")
        binding = self.bind(params)
        if digits is not None:
            check_digits(digits)
        if digits is not None and self.changed is not None:
            raise ParameterError("a changed system is evaluated in double precision only")
        if digits is not None:
            binding.exact()
        return read_off(self, params, binding, digits, full_output)
