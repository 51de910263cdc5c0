"""The algebra of the deterministic matrices over one number kind.

``represent`` (in ``represent.py``) builds an :class:`Algebra` from laws; programs, and the passes that need a matrix
rather than a trace, calculate in it. Products keep their order; two letters of separate laws are kept apart and a
product of them is refused, as their laws do not determine it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from derive.errors import CommutationError, DimensionError
from derive.symbols import MatrixLetter

from .element import ARRAYS, Element, Family

__all__ = ["Algebra"]


@dataclass(frozen=True, eq=False)
class Algebra:
    """Elements, products, inverses and normalised traces; ``sizes`` are the relative sizes of the dimensions."""

    kind: Any
    sizes: dict[Any, Any]
    letters: dict[MatrixLetter, Element]

    # making elements -------------------------------------------------------------------------------------------------

    def identity(self, dim: Any) -> Element:
        return Element(dim, dim, self.kind.one)

    def letter(self, letter: MatrixLetter) -> Element:
        return self.letters[letter]

    def multiple(self, scalar: Any, dim: Any) -> Element:
        """scalar * Identity(dim)"""
        return Element(dim, dim, scalar)

    # flips -----------------------------------------------------------------------------------------------------------

    def transpose(self, x: Element) -> Element:
        if x.family is None:
            return Element(x.cols, x.rows, x.data)
        if x.family is ARRAYS:
            return Element(x.cols, x.rows, self.kind.matrix_transpose(x.data), ARRAYS)
        return Element(x.cols, x.rows, x.data, _bar(x))

    def conjugate(self, x: Element) -> Element:
        if x.family is None:
            return Element(x.rows, x.cols, self.kind.conjugate(x.data))
        if x.family is ARRAYS:
            return Element(x.rows, x.cols, self.kind.matrix_conjugate(x.data), ARRAYS)
        return Element(x.rows, x.cols, self.kind.nodes_conjugate(x.data), _bar(x))

    def adjoint(self, x: Element) -> Element:
        if x.family is None or x.family is ARRAYS:
            return self.conjugate(self.transpose(x))
        return Element(x.cols, x.rows, self.kind.nodes_conjugate(x.data), x.family)

    # sums and multiples ----------------------------------------------------------------------------------------------

    def scale(self, scalar: Any, x: Element) -> Element:
        if x.family is None:
            data = scalar if x.data is self.kind.one else scalar * x.data
        elif x.family is ARRAYS:
            data = self.kind.matrix_scale(scalar, x.data)
        else:
            data = self.kind.nodes_scale(scalar, x.data)
        return Element(x.rows, x.cols, data, x.family)

    def negative(self, x: Element) -> Element:
        return Element(x.rows, x.cols, -x.data, x.family) if x.family is None else self.scale(-1, x)

    def add(self, x: Element, y: Element) -> Element:
        family = self._together(x, y, "+")
        if x.family is None and family is not None:
            x, y = y, x
        kind = self.kind
        if family is None:
            data = x.data + y.data
        elif y.family is None:
            data = (kind.matrix_shift if family is ARRAYS else kind.nodes_shift)(x.data, y.data)
        else:
            data = (kind.matrix_add if family is ARRAYS else kind.nodes_add)(x.data, y.data)
        return Element(x.rows, x.cols, data, family)

    def subtract(self, x: Element, y: Element) -> Element:
        if x.family is None or y.family is None:
            return self.add(x, self.negative(y))
        family = self._together(x, y, "-")
        kind = self.kind
        data = (kind.matrix_subtract if family is ARRAYS else kind.nodes_subtract)(x.data, y.data)
        return Element(x.rows, x.cols, data, family)

    # products --------------------------------------------------------------------------------------------------------

    def matmul(self, x: Element, y: Element) -> Any:
        """x*y; a row times a column is a bilinear form and comes back as a scalar."""
        if x.cols != y.rows:
            raise DimensionError(f"a product of {x.rows} x {x.cols} and {y.rows} x {y.cols} does not exist")
        if x.family is None or y.family is None:
            multiple, other = (x, y) if x.family is None else (y, x)
            return other if multiple.data is self.kind.one else self.scale(multiple.data, other)
        if x.cols == 1:
            raise DimensionError("a matrix of rank one is o(1) in a normalised trace and is not represented here")
        family = self._together(x, y, "*")
        if x.rows == 1 and y.cols == 1:
            if family is ARRAYS:
                return self.kind.matrix_entry(self.kind.matrix_multiply(x.data, y.data))
            assert family is not None
            return self.kind.nodes_mean(family.masses, self.kind.nodes_multiply(x.data, y.data))
        multiply = self.kind.matrix_multiply if family is ARRAYS else self.kind.nodes_multiply
        return Element(x.rows, y.cols, multiply(x.data, y.data), family)

    def bilinear(self, u: Element, matrix: Element, v: Element) -> Any:
        """u' M v for two signals, a number of order one: over nodes E[u v f(s)], over arrays u^T M v."""
        return self.matmul(self.matmul(self.transpose(u), matrix), v)

    def inverse(self, x: Element) -> Element:
        if x.rows != x.cols:
            raise DimensionError(f"an inverse needs a square matrix, got {x.rows} x {x.cols}")
        if x.family is None:
            data = self.kind.divide(self.kind.one, x.data)
        elif x.family is ARRAYS:
            data = self.kind.matrix_inverse(x.data)
        else:
            data = self.kind.nodes_inverse(x.data, x.family.absent.get(x.rows, False))
        return Element(x.rows, x.cols, data, x.family)

    def sqrt(self, x: Element, name: str = "the matrix") -> Element:
        """Square root of a positive semidefinite element."""
        if x.family is None:
            data = self.kind.function("sqrt", x.data)
        elif x.family is ARRAYS:
            data = self.kind.matrix_sqrt(x.data, name)
        else:
            data = self.kind.nodes_sqrt(x.data)
        return Element(x.rows, x.cols, data, x.family)

    def kernel(self, x: Element) -> Element | None:
        """The projector on the kernel of a Hermitian element; None where it is 0 or the kind cannot tell."""
        if x.family is None:
            return None
        if x.family is not ARRAYS:
            return Element(x.rows, x.cols, self.kind.nodes_kernel(x.data), x.family)
        if not hasattr(self.kind, "matrix_kernel"):
            return None
        return Element(x.rows, x.cols, self.kind.matrix_kernel(x.data), ARRAYS)

    # traces ----------------------------------------------------------------------------------------------------------

    def trace(self, x: Element, dim: Any = None) -> Any:
        """Normalised trace, (1/dim) tr x."""
        if x.family is None:
            return x.data
        if x.family is ARRAYS:
            return self.kind.matrix_mean(x.data)
        return self.kind.nodes_mean(x.family.weights[x.rows if dim is None else dim], x.data)

    def trace_product(self, x: Element, y: Element, dim: Any = None) -> Any:
        """Normalised trace of x*y."""
        if x.family is ARRAYS and y.family is ARRAYS:
            return self.kind.matrix_product_mean(x.data, y.data)
        if x.family is None or y.family is None:
            multiple, other = (x, y) if x.family is None else (y, x)
            mean = self.trace(other, dim)
            return mean if multiple.data is self.kind.one else multiple.data * mean
        return self.trace(self.matmul(x, y), dim)

    def _together(self, x: Element, y: Element, sign: str) -> Family | None:
        if x.family is y.family or y.family is None:
            return x.family
        if x.family is None:
            return y.family
        raise _separate(self, x.family, y.family, sign)


def _bar(x: Element) -> Family | None:
    # a signal is real: its transpose is its adjoint
    if x.family is None or x.family.conjugated is None or x.rows == 1 or x.cols == 1:
        return x.family
    return x.family.conjugated


def _separate(algebra: Algebra, first: Family, second: Family, sign: str) -> CommutationError:
    if first.conjugated is second:
        names = first.names
        return CommutationError(
            f"a matrix that contains {names} occurs together with its complex conjugate, which does not commute with "
            f"it: the trace is not determined by the law. Pass the matrix itself, {{{names}: array}}."
        )
    arrays = tuple(letter for letter, element in algebra.letters.items() if element.family is ARRAYS)
    one, two = (", ".join(letter.name for letter in (f.letters or arrays)) for f in (first, second))
    joined = "sum" if sign in "+-" else "product"
    return CommutationError(
        f"`{one}{sign}{two}` occurs, but {one} and {two} were given separate laws and not declared to commute, so a "
        f"trace of this {joined} is not determined by their laws. Declare a joint law, "
        f"{{({one}, {two}): joint(...)}}, pass the matrices themselves as arrays, or ask for the deterministic "
        f"equivalent instead of the trace."
    )
