"""The Spectrum a user holds: the limiting spectral law of a self-adjoint matrix."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
from sympy import Basic, Expr, Identity, MatrixExpr, Poly, Symbol, Trace

from ..bind import Binding, bind
from ..errors import DimensionError, NotRationalError, ParameterError
from ..limits import limit
from ..numbers import as_array, check_digits
from ..pipeline import read_problem
from ..read import Reader
from ..result import Limit
from ..scan import square_roots
from ..steps import Step
from ..symbols import MatrixLetter
from .integrals import as_function, integral
from .moments import checked_count, numeric_moments, symbolic_moments
from .point import PointSpectrum
from .point_curve import curve_in
from .self_adjoint import is_self_adjoint
from .sides import refuse_unequal

__all__ = ["Spectrum", "spectrum"]

_KEPT = 64  # points of the parameters whose support is remembered


def spectrum(
    M: MatrixExpr,
    regime: Mapping | None = None,
    *,
    inner: Mapping | None = None,
    commuting: Iterable[Iterable] | None = None,
    avoid: Iterable[str] = (),
) -> Spectrum:
    """The limiting spectral law of a self-adjoint random matrix.

    Parameters
    ----------
    M : MatrixExpr
        A self-adjoint rational expression in random and deterministic matrices, of order one.
    regime, inner, commuting
        As for :func:`derive.limit`.
    avoid : iterable of str, optional
        Names that the spectral parameter is not to have.

    Returns
    -------
    Spectrum

    Raises
    ------
    NotRationalError
        ``M`` is not self-adjoint, or not a rational expression.

    Examples
    --------
    >>> from sympy import Symbol
    >>> from derive import Gaussian, dimensions, spectrum
    >>> (n, p), c = dimensions("n p"), Symbol("c", positive=True)
    >>> Z = Gaussian("Z", p, n, variance=1/n)
    >>> law = spectrum(Z*Z.T, {p: c*n})
    >>> law.edges({c: "1/4"}), law.atoms({c: 2})
    ([(0.25, 2.25)], {0: 1/2})
    >>> round(law.density(1.0, {c: "1/4"}), 10)
    0.6164044441
    """
    if not isinstance(M, MatrixExpr):
        what = f"{type(M).__name__}: {M!r}" if not isinstance(M, Basic) else str(M)
        raise DimensionError(f"spectrum() wants a random matrix such as X*X.T, got {what}")
    if M.shape[0] != M.shape[1]:
        raise DimensionError(f"{M} is {M.shape[0]} x {M.shape[1]}: only a square matrix has a spectrum; try M*M.T")
    refuse_unequal(M, regime or {}, inner)
    problem = read_problem([M], regime or {}, inner, commuting)
    node, _ = Reader(problem.regime, square_roots([M])).matrix(M)
    if not is_self_adjoint(node):
        raise NotRationalError(
            f"{M} is not self-adjoint, so its eigenvalues are not on the real line and this law does not exist; write "
            f"M*M.T (squared singular values) or (M + M.T)/2"
        )
    taken = {s.name for s in M.free_symbols} | {s.name for s in problem.regime.ratios}
    taken |= {s.name for r in problem.regime.ratios.values() for s in r.free_symbols}
    taken |= {letter.name for letter in problem.letters} | set(avoid)
    z = Symbol(next(name for name in ("z", "zeta", "z_0", "z_00") if name not in taken))
    p = M.shape[0]
    return Spectrum(M, z, limit(Trace((M - z * Identity(p)).I) / p, regime, inner=inner, commuting=commuting))


class Spectrum:
    """Made by :func:`derive.spectrum`; every number is of the limiting law, mass 1, atoms included.

    Attributes
    ----------
    matrix : MatrixExpr
        What was asked.
    z : Symbol
        The spectral parameter.
    stieltjes : Limit
        ``m(z) = lim tr (M - z)^-1 / p``.
    """

    def __init__(self, matrix: MatrixExpr, z: Symbol, stieltjes: Limit):
        self.matrix, self.z, self.stieltjes = matrix, z, stieltjes
        self._points: OrderedDict[Any, PointSpectrum] = OrderedDict()

    # -- what was derived -----------------------------------------------------------------------------------------
    @property
    def regime(self) -> dict[Symbol, Expr]:
        """How the dimensions grow."""
        return self.stieltjes.regime

    @property
    def letters(self) -> tuple[MatrixLetter, ...]:
        """All named matrices and signals that occur."""
        return self.stieltjes.letters

    @property
    def parameters(self) -> tuple[Symbol, ...]:
        """The symbols that numbers need a value for (the spectral parameter is not one)."""
        return tuple(s for s in self.stieltjes.parameters if s != self.z)

    @property
    def steps(self) -> tuple[Step, ...]:
        """The derivation of the Stieltjes transform, stage by stage."""
        return self.stieltjes.steps

    def latex(self) -> str:
        """The theorem for the Stieltjes transform."""
        return self.stieltjes.latex()

    def _repr_latex_(self) -> str:
        return self.stieltjes._repr_latex_()

    def __repr__(self) -> str:
        lines = [f"{e.lhs} = {e.rhs}" for e in self.stieltjes.equations]
        lines.append(f"m({self.z}) = {self.stieltjes.value}")
        return f"Spectrum of {self.matrix}(\n  " + "\n  ".join(lines) + "\n)"

    # -- parameters -----------------------------------------------------------------------------------------------
    def bind(self, params: Mapping | None) -> Binding:
        """Check the parameters; the spectral parameter is not one of them."""
        needed, optional = self.stieltjes._known
        if not isinstance(params or {}, Mapping):
            raise ParameterError(f"the parameters are a mapping such as {{c: 1/2}}, got {params!r}")
        found = bind(
            params or {}, [s for s in needed if s != self.z], [s for s in optional if s != self.z], self.letters
        )
        # laws that letters were declared with stay with the letters
        return Binding(found.scalars, {k: v for k, v in found.laws.items() if getattr(k, "law", None) is None})

    def at(self, params: Mapping | None = None) -> PointSpectrum:
        """The law at one point of the parameters; remembered."""
        binding = self.bind(params)
        point = PointSpectrum(self.stieltjes, self.z, binding)
        found = self._points.pop(point.key, point)
        self._points[point.key] = found
        while len(self._points) > _KEPT:
            self._points.popitem(last=False)
        return found

    def _each(self, params: Mapping | None) -> tuple[tuple[int, ...], list[PointSpectrum]]:
        """The batch shape of the parameters and the law at each of its points."""
        binding = self.bind(params)
        shape = binding.shape
        if shape == ():
            return (), [self.at(params)]
        arrays = {s: np.broadcast_to(np.asarray(v), shape).ravel() for s, v in binding.scalars.items()}
        count = int(np.prod(shape, dtype=int))
        return shape, [
            self.at({**binding.laws, **{s: column[k].item() for s, column in arrays.items()}}) for k in range(count)
        ]

    # -- numbers --------------------------------------------------------------------------------------------------
    def edges(self, params: Mapping | None = None, *, digits: int | None = None) -> Any:
        """The intervals of the absolutely continuous part, ascending.

        Returns
        -------
        list of (lower, upper)
            Floats, mpmath numbers with ``digits``; a list of such lists over array-valued parameters.
        """
        shape, points = self._each(params)
        found = [point.edges(digits) for point in points]
        return found[0] if shape == () else found

    def atoms(self, params: Mapping | None = None) -> Any:
        """Location -> mass, exact where both are rational; a list of them over array-valued parameters."""
        shape, points = self._each(params)
        found = [dict(point.support.atoms) for point in points]
        return found[0] if shape == () else found

    def density(
        self,
        x: Any,
        params: Mapping | None = None,
        *,
        digits: int | None = None,
        device: str = "cpu",
        full_output: bool = False,
    ) -> Any:
        """The density of the absolutely continuous part at ``x``, by continuation to the axis itself.

        Parameters
        ----------
        x : number or array
            Broadcasts with the parameters.
        digits : int, optional
            Compute one point to this many digits.

        Returns
        -------
        float or array
            0 outside the support. At an edge or an atom: an error for a single point, NaN and a RuntimeWarning in an
            array.
        """
        from .density import density

        return density(self, x, params, digits=digits, device=device, full_output=full_output)

    def certify(self, params: Mapping | None = None, *, digits: int = 30, x: Any = None) -> Any:
        """The edges, or with ``x`` the density there, as balls with a proof.

        Returns
        -------
        EdgesCertificate, or Certificate for the density

        Raises
        ------
        CertificationError
            The proof could not be completed; nothing is claimed.

        Examples
        --------
        >>> from derive import Wigner, dimensions, spectrum
        >>> n = dimensions("n")
        >>> spectrum(Wigner("W", n, variance=2/n)).certify(digits=20).midpoints
        [('-2.8284271247461900976', '2.8284271247461900976')]
        """
        from .certificate import certified_density, certified_edges

        check_digits(digits)
        point = self.at(params)
        return certified_edges(point, digits) if x is None else certified_density(point, x, digits)

    def mass(self, params: Mapping | None = None) -> Any:
        """The mass of the absolutely continuous part; atoms have the rest."""
        return self._over(params, lambda point: sum(piece.mass for piece in point.pieces))

    def cdf(self, x: Any, params: Mapping | None = None) -> Any:
        """The mass at or below ``x``, atoms included; x and parameters broadcast."""
        return self._broadcast(as_array(x, np, "x"), params, lambda point, values: point.cdf(values))

    def quantiles(self, q: Any, params: Mapping | None = None) -> Any:
        """The smallest x with mass ``q`` at or below it; q and parameters broadcast.

        Examples
        --------
        >>> from derive import Wigner, dimensions, spectrum
        >>> n = dimensions("n")
        >>> law = spectrum(Wigner("W", n, variance=1/n))
        >>> [round(x, 12) for x in law.quantiles([0, 0.25, 0.5, 1]).tolist()]
        [-2.0, -0.807945506599, 0.0, 2.0]
        """
        levels = as_array(q, np, "q")
        if np.iscomplexobj(levels) or np.any((levels < 0) | (levels > 1)):
            raise ParameterError(f"quantiles are asked for masses between 0 and 1, got {q}")
        return self._broadcast(levels, params, lambda point, values: point.quantiles(values))

    def linear_statistic(self, f: Any, params: Mapping | None = None) -> Any:
        """``int f(x) dF(x) = lim (1/p) sum_i f(lambda_i)``, over bulk and atoms.

        Parameters
        ----------
        f : Expr in one symbol, or function of an array
            Smooth inside the spectrum; it may be singular at its edges, like a logarithm.

        Examples
        --------
        >>> from sympy import Symbol, log
        >>> from derive import Gaussian, dimensions, spectrum
        >>> (n, p), c, x = dimensions("n p"), Symbol("c", positive=True), Symbol("x")
        >>> Z = Gaussian("Z", p, n, variance=1/n)
        >>> round(spectrum(Z*Z.T, {p: c*n}).linear_statistic(log(x), {c: "1/2"}), 12)
        -0.30685281944
        """
        function = as_function(f)
        return self._over(params, lambda point: integral(point, function, f))

    def moments(self, k: int, params: Mapping | None = None) -> tuple[Any, ...]:
        """The first ``k`` moments ``lim tr M^j / p``, j = 1 ... k.

        Returns
        -------
        tuple
            Exact expressions in the parameters and in traces of the deterministic matrices; numbers with ``params``.

        Examples
        --------
        >>> from sympy import Symbol
        >>> from derive import Gaussian, dimensions, spectrum
        >>> (n, p), c = dimensions("n p"), Symbol("c", positive=True)
        >>> Z = Gaussian("Z", p, n, variance=1/n)
        >>> spectrum(Z*Z.T, {p: c*n}).moments(3)
        (1, c + 1, c**2 + 3*c + 1)
        """
        count = checked_count(k)
        return symbolic_moments(self, count) if params is None else numeric_moments(self, count, params)

    def plot(
        self, params: Mapping | None = None, sample: Any = None, *, bins: Any = None, axes: Any = None, title: str = ""
    ) -> Any:
        """Draw density, edges and atoms; ``sample`` are eigenvalues whose histogram is drawn behind.

        Returns
        -------
        matplotlib Figure
        """
        from ..latex_names import Names
        from ..latex_printer import TheoremPrinter
        from .plot import draw

        point = self.at(params)
        names = TheoremPrinter(Names((), {}))
        shown = ", ".join(f"${names.doprint(s)} = {v}$" for s, v in point.scalars.items())
        heading = title or f"Spectrum of ${names.doprint(self.matrix)}$" + (f", {shown}" if shown else "")
        return draw(point, heading, sample, bins, axes, "limit")

    def outliers(self, params: Mapping | None = None, *, digits: int | None = None) -> Any:
        """Eigenvalues outside the bulk that the low-rank signals of the matrix produce: a tuple of Outlier."""
        from .outliers import outliers

        return outliers(self, params, digits=digits)

    def outlier_equation(self) -> Any:
        """The bulk equations and "the determinant of the master matrix vanishes", as a list of Eq."""
        from .spikes import outlier_equation

        return outlier_equation(self)

    def spikes(self) -> Any:
        """Closed forms of locations, alignments and thresholds where the curve allows: a tuple of Spike."""
        from .spikes import spikes

        return spikes(self)

    def thresholds(self, strength: Symbol, params: Mapping | None = None, *, digits: int = 15) -> Any:
        """The values of a signal's strength at which an outlier meets an edge: a tuple of Threshold."""
        from .thresholds import thresholds

        return thresholds(self, strength, params, digits=digits)

    def _over(self, params: Mapping | None, value: Callable[[PointSpectrum], Any]) -> Any:
        shape, points = self._each(params)
        found = [value(point) for point in points]
        return found[0] if shape == () else np.array(found).reshape(shape)

    def _broadcast(
        self, x: np.ndarray, params: Mapping | None, value: Callable[[PointSpectrum, np.ndarray], np.ndarray]
    ) -> Any:
        """``value(law, points)`` for every law of the batch, over the points that meet it."""
        if np.iscomplexobj(x):
            raise ParameterError("a distribution on the real line is asked at real points")
        shape, points = self._each(params)
        places = np.broadcast_to(x, np.broadcast_shapes(x.shape, shape))
        which = np.broadcast_to(np.arange(len(points)).reshape(shape), places.shape)
        out = np.empty(places.shape)
        for number, point in enumerate(points):
            mask = which == number
            out[mask] = value(point, places[mask])
        return out.item() if out.shape == () else out

    def discriminant(self, params: Mapping | None = None) -> Poly | None:
        """The discriminant of the curve with respect to m, a polynomial in z: its real roots hold the edges."""
        curve = self.curve(params)
        if curve is None:
            return None
        return Poly(curve.discriminant().as_expr(), self.z)

    def curve(self, params: Mapping | None = None) -> Poly | None:
        """The algebraic curve P(m, z) = 0 of the Stieltjes transform, irreducible, over the open parameters.

        Parameters
        ----------
        params : mapping, optional
            Numbers for some parameters; laws of the deterministic matrices (atoms or arrays make it algebraic).

        Returns
        -------
        Poly or None
            In (m, z); None when a law is not algebraic or the elimination too large.

        Examples
        --------
        >>> from sympy import Symbol
        >>> from derive import Gaussian, dimensions, spectrum
        >>> (n, p), c = dimensions("n p"), Symbol("c", positive=True)
        >>> Z = Gaussian("Z", p, n, variance=1/n)
        >>> spectrum(Z*Z.T, {p: c*n}).curve().as_expr()
        c*m**2*z + m*z + m*(c - 1) + 1
        """
        return curve_in(self.stieltjes, self.z, self._partial(params))

    def _partial(self, params: Mapping | None) -> dict[Any, Any]:
        """Exact values of the parameters that were given; the others stay open."""
        given = dict(params or {})
        names = {getattr(k, "name", k) for k in given}
        missing = [s for s in self.parameters if s.name not in names]
        dummies = {s: "1" if s.is_negative is not True else "-1" for s in missing}
        binding = self.bind({**given, **dummies})
        scalars = {s: v for s, v in binding.exact().items() if s not in dummies}
        return {**scalars, **binding.laws}
