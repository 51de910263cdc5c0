"""The objects a user writes with: dimensions, random matrices, deterministic matrices and signals.

First stage of the pipeline. SymPy rebuilds every object as ``func(*args)``, so everything a matrix *is* lives in its
``args``. Nothing here knows about limits; the reader (``read.py``) turns trees of these into the engine's own form.
"""

from __future__ import annotations

from sympy import Expr, Integer, MatrixExpr, S, Symbol, sympify
from sympy.core.symbol import Str
from sympy.logic.boolalg import BooleanAtom
from sympy.matrices.expressions import Adjoint, Transpose

from .errors import DimensionError

__all__ = [
    "Deterministic",
    "Free",
    "FreeMatrix",
    "Gaussian",
    "Haar",
    "Labels",
    "MatrixLetter",
    "RandomMatrix",
    "Signal",
    "Wigner",
    "dimensions",
]


def dimensions(names: str) -> tuple[Symbol, ...] | Symbol:
    """Declare dimensions that grow together.

    Parameters
    ----------
    names : str
        Names separated by spaces or commas.

    Returns
    -------
    tuple of Symbol, or one Symbol when one name was given
        Positive integer symbols. How they grow is said by the regime of :func:`derive.limit`, e.g. ``{p: c*n}``.

    Examples
    --------
    >>> from derive import dimensions
    >>> n, p = dimensions("n p")
    >>> n.is_positive, p.is_integer
    (True, True)
    """
    symbols = tuple(Symbol(name, integer=True, positive=True) for name in names.replace(",", " ").split())
    if not symbols:
        raise DimensionError("dimensions() was given no name; write for example dimensions('n p')")
    return symbols[0] if len(symbols) == 1 else symbols


def _flag(value: object) -> BooleanAtom:
    return S.true if value in (True, S.true) else S.false


class MatrixLetter(MatrixExpr):
    """Base of the named matrices: ``args[0]`` is the name, ``args[1:3]`` the shape."""

    @property
    def name(self) -> str:
        return str(self.args[0])

    @property
    def shape(self):
        return self.args[1], self.args[2]

    @property
    def is_real_matrix(self) -> bool:
        return True

    @property
    def is_symmetric_matrix(self) -> bool:
        """Equal to its own transpose."""
        return False

    @property
    def is_hermitian_matrix(self) -> bool:
        """Equal to its own adjoint."""
        return False

    def _eval_transpose(self):
        return self if self.is_symmetric_matrix else Transpose(self)

    def _eval_adjoint(self):
        # an adjoint of a real matrix is its transpose; SymPy would keep the two apart
        if self.is_hermitian_matrix:
            return self
        return self._eval_transpose() if self.is_real_matrix else Adjoint(self)

    def adjoint(self):
        return self._eval_adjoint()

    def conjugate(self):
        return self if self.is_real_matrix else super().conjugate()

    def _entry(self, i, j, **kwargs):
        from sympy.matrices.expressions.matexpr import MatrixElement

        return MatrixElement(self, i, j)

    def doit(self, **hints):
        return self

    def _sympystr(self, printer):
        return self.name

    _sympyrepr = _sympystr

    def _pretty(self, printer):
        return printer._print(Symbol(self.name))

    def _latex(self, printer):
        return printer._print(Symbol(self.name))

    def _mathml_presentation(self, printer):
        return printer._print(Symbol(self.name))


def _shape(name: str, rows: object, cols: object) -> tuple[Expr, Expr]:
    out = []
    for dim in (rows, cols):
        dim = sympify(dim)
        if not isinstance(dim, Expr) or dim.is_positive is False:
            raise DimensionError(f"{name}: a dimension must be a positive integer or symbol, got {dim}")
        out.append(dim)
    return out[0], out[1]


class RandomMatrix(MatrixLetter):
    """A random matrix with independent centred entries; ``args`` are name, rows, columns, variance, real."""

    @property
    def variance(self) -> Expr:
        return self.args[3]

    @property
    def is_real_matrix(self) -> bool:
        return self.args[4] is S.true


class Gaussian(RandomMatrix):
    """A matrix of independent centred Gaussian entries.

    Parameters
    ----------
    name : str
        The name it is printed with; one name has one definition.
    rows, cols : Symbol or int
        Shape, in dimensions declared with :func:`dimensions`.
    variance : Expr, optional
        ``E|Z_ij|^2``, usually of order 1/dimension, e.g. ``1/n``. Default 1.
    real : bool, optional
        Real entries (default), or complex circular ones with ``E Z_ij^2 = 0``.

    Examples
    --------
    >>> from derive import Gaussian, dimensions
    >>> n, p = dimensions("n p")
    >>> Z = Gaussian("Z", p, n, variance=1/n)
    >>> Z.shape, Z.variance, Z.adjoint() == Z.T
    ((p, n), 1/n, True)
    """

    def __new__(cls, name, rows, cols, variance=1, real=True):
        rows, cols = _shape(str(name), rows, cols)
        return MatrixExpr.__new__(cls, Str(str(name)), rows, cols, sympify(variance), _flag(real))


class Wigner(RandomMatrix):
    """A symmetric (Hermitian) matrix with independent centred Gaussian entries above the diagonal.

    Parameters
    ----------
    name : str
    n : Symbol
        Dimension.
    variance : Expr, optional
        ``E|W_ij|^2`` for i != j. Default 1; with ``1/n`` the spectrum fills [-2, 2].
    real : bool, optional
        Real symmetric (default) or complex Hermitian.

    Examples
    --------
    >>> from derive import Wigner, dimensions
    >>> n = dimensions("n")
    >>> W = Wigner("W", n, variance=1/n)
    >>> W.T == W
    True
    """

    def __new__(cls, name, n, *rest, variance=1, real=True):
        # rebuilt by SymPy as Wigner(name, rows, cols, variance, real)
        if len(rest) == 3:
            _, variance, real = rest
        elif rest:
            raise DimensionError(f"Wigner('{name}', ...) takes one dimension: it is square")
        rows, cols = _shape(str(name), n, n)
        return MatrixExpr.__new__(cls, Str(str(name)), rows, cols, sympify(variance), _flag(real))

    @property
    def is_symmetric_matrix(self) -> bool:
        return self.is_real_matrix

    @property
    def is_hermitian_matrix(self) -> bool:
        return True


class FreeMatrix(MatrixLetter):
    """Base of the random matrices whose eigenvectors are in general position: they are free from all others."""

    @property
    def is_positive_matrix(self) -> bool:
        return False


class Haar(FreeMatrix):
    """A Haar-distributed orthogonal (or unitary) matrix.

    Parameters
    ----------
    name : str
    n : Symbol
        Dimension.
    real : bool, optional
        Orthogonal (default), or unitary. The limits are the same, up to transposes of a unitary matrix, which are
        asymptotically free from it.

    Notes
    -----
    Asymptotically free from every other matrix; ``U*U.T`` (``U*U.adjoint()``) is read as the identity.

    Examples
    --------
    >>> from derive import Haar, dimensions
    >>> n = dimensions("n")
    >>> U, V = Haar("U", n), Haar("V", n, real=False)
    >>> U.adjoint() == U.T, V.adjoint() == V.T
    (True, False)
    """

    def __new__(cls, name, n, *rest, real=True):
        # rebuilt by SymPy as Haar(name, rows, cols, real)
        if len(rest) == 2:
            _, real = rest
        elif rest:
            raise DimensionError(f"Haar('{name}', ...) takes one dimension: it is square")
        rows, cols = _shape(str(name), n, n)
        return MatrixExpr.__new__(cls, Str(str(name)), rows, cols, _flag(real))

    @property
    def is_real_matrix(self) -> bool:
        return self.args[3] is S.true


class Free(FreeMatrix):
    """A self-adjoint matrix with a given spectrum and eigenvectors in general position: ``O diag(law) O'``, O Haar.

    Parameters
    ----------
    name : str
    n : Symbol, optional
        Dimension; the one named ``n`` when left out.
    law : AtomicLaw or DensityLaw, optional
        Its limiting spectral law, from :func:`derive.atomic` or :func:`derive.density`; left out, it is given at
        evaluation, ``{A: atomic([1, 4])}``.
    positive : bool, optional
        Positive semidefinite; needed for ``A**(1/2)``.
    real : bool, optional
        Real symmetric (default) or complex Hermitian.

    Notes
    -----
    Asymptotically free from every other matrix. Two :class:`Free` matrices with one law are free from each other.

    Examples
    --------
    >>> from derive import Free, atomic, dimensions
    >>> n = dimensions("n")
    >>> A, B = Free("A", n), Free("B", n, atomic([1, -1]))
    >>> A.T == A, B.law.points, Free("C", atomic([1, 4])).shape
    (True, (1, -1), (n, n))
    """

    def __new__(cls, name, n=None, *rest, law=None, positive=False, real=True):
        # rebuilt by SymPy as Free(name, rows, cols, law, positive, real)
        from .law_argument import law_argument

        if len(rest) == 4:
            _, law, positive, real = rest
        elif len(rest) == 1 and law is None:
            law = rest[0]
        elif rest:
            raise DimensionError(f"Free('{name}', n, law) takes one dimension, as it is square, and one law")
        if n is None or (not isinstance(n, Expr | str | int) and law is None):
            # Free("A", law)
            n, law = dimensions("n"), (law if n is None else n)
        rows, cols = _shape(str(name), n, n)
        law = law_argument(str(name), law, positive in (True, S.true))
        return MatrixExpr.__new__(cls, Str(str(name)), rows, cols, law, _flag(positive), _flag(real))

    @property
    def law(self):
        """The law it was declared with, or None."""
        return self.args[3].law

    @property
    def is_symmetric_matrix(self) -> bool:
        return self.is_real_matrix

    @property
    def is_hermitian_matrix(self) -> bool:
        return True

    @property
    def is_positive_matrix(self) -> bool:
        return self.args[4] is S.true

    @property
    def is_real_matrix(self) -> bool:
        return self.args[5] is S.true


class Deterministic(MatrixLetter):
    """A deterministic matrix, known through its limiting spectral law or as a small array given at evaluation.

    Parameters
    ----------
    name : str
    rows, cols : Symbol
    symmetric : bool, optional
        Equal to its transpose.
    hermitian : bool, optional
        Equal to its adjoint (for complex matrices; a real symmetric one is both).
    positive : bool, optional
        Positive semidefinite (implies symmetric or Hermitian); needed for ``Sigma**(1/2)``.
    real : bool, optional

    Notes
    -----
    Two deterministic matrices do not commute unless they were declared to (a joint law).

    Examples
    --------
    >>> from derive import Deterministic, dimensions
    >>> p = dimensions("p")
    >>> S = Deterministic("Sigma", p, p, symmetric=True)
    >>> S.T == S
    True
    """

    def __new__(cls, name, rows, cols, symmetric=False, hermitian=False, positive=False, real=True):
        rows, cols = _shape(str(name), rows, cols)
        symmetric, hermitian, positive, real = (v in (True, S.true) for v in (symmetric, hermitian, positive, real))
        if positive:
            hermitian = True
        if real and (symmetric or hermitian):
            symmetric = hermitian = True
        if (symmetric or hermitian) and rows != cols:
            raise DimensionError(f"{name} is declared symmetric but its shape is {rows} x {cols}")
        return MatrixExpr.__new__(
            cls, Str(str(name)), rows, cols, _flag(symmetric), _flag(hermitian), _flag(positive), _flag(real)
        )

    @property
    def is_symmetric_matrix(self) -> bool:
        return self.args[3] is S.true

    @property
    def is_hermitian_matrix(self) -> bool:
        return self.args[4] is S.true

    @property
    def is_positive_matrix(self) -> bool:
        return self.args[5] is S.true

    @property
    def is_real_matrix(self) -> bool:
        return self.args[6] is S.true


class Signal(MatrixLetter):
    """A deterministic real vector: a signal, a mean, a vector of labels.

    Parameters
    ----------
    name : str
    dim : Symbol
        Its dimension.
    norm2 : Expr, optional
        Squared norm: of order one for a signal, ``n`` for labels of +-1. Left out, it is a parameter
        ``norm2_NAME`` that evaluation asks for.
    generic : bool, optional
        In generic position to every deterministic matrix: ``u' f(A) v = (u'v) tr f(A)/n``. Otherwise (default) the law
        of a matrix that a signal meets is a joint law with the signal.

    Notes
    -----
    Inner products of two signals are declared with ``limit(..., inner={(u, v): rho})``; one that is not declared
    stays a named parameter.

    Examples
    --------
    >>> from derive import Signal, dimensions
    >>> p = dimensions("p")
    >>> Signal("u", p, norm2=1).shape
    (p, 1)
    """

    def __new__(cls, name, dim, *rest, norm2=None, generic=False):
        # rebuilt by SymPy as Signal(name, rows, 1, norm2), or with a fifth argument for a generic one
        if len(rest) in (2, 3):
            norm2, generic = rest[1], len(rest) == 3
        elif rest:
            raise DimensionError(f"Signal('{name}', dim, norm2=...) is one column; use one Signal per column")
        rows, _ = _shape(str(name), dim, 1)
        norm2 = Symbol(f"norm2_{name}", positive=True) if norm2 is None else sympify(norm2)
        return MatrixExpr.__new__(cls, Str(str(name)), rows, Integer(1), norm2, *((S.true,) if generic else ()))

    @property
    def norm2(self) -> Expr:
        return self.args[3]

    @property
    def is_generic(self) -> bool:
        """In generic position to every deterministic matrix."""
        return len(self.args) == 5


class Labels(Signal):
    """A vector of labels: every entry is plus or minus one, up to the scale that gives the declared norm.

    Its limits are those of a :class:`Signal`; a simulation draws the signs at random, so that they can be counted.

    Examples
    --------
    >>> from derive import Labels, Signal, dimensions
    >>> n = dimensions("n")
    >>> y = Labels("y", n, norm2=1)
    >>> isinstance(y, Signal), y == Signal("y", n, norm2=1)
    (True, False)
    """
