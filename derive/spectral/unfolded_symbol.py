"""The unfolding of a tensor, as a matrix a user writes: ``Y = Unfolded(T, 2)``, ``Eigenvalue(Y*Y.T)``."""

from __future__ import annotations

from typing import Any

from sympy import Basic, Expr, Integer, MatMul, MatrixExpr, Mul, sympify
from sympy.matrices.expressions import Transpose

from ..errors import DimensionError
from ..tensors.symbols import TensorExpr, tensor_shape

__all__ = ["Unfolded", "gram_of"]


class Unfolded(MatrixExpr):
    """The unfolding of a tensor along one mode: its rows are that mode, its columns all others together.

    Parameters
    ----------
    tensor : tensor
        Of order two or more.
    mode : int
        Counted from 1.

    Examples
    --------
    >>> from derive import GaussianTensor, Unfolded, dimensions
    >>> p, n, m = dimensions("p n m")
    >>> Unfolded(GaussianTensor("W", p, n, m, variance=1/(p + n + m)), 2).shape
    (n, m*p)
    """

    def __new__(cls, tensor: Any, mode: Any) -> Unfolded:
        tensor, mode = sympify(tensor), sympify(mode)
        shape = tensor_shape(tensor)
        if len(shape) < 2:
            raise DimensionError(
                f"Unfolded takes a tensor of order 2 or more first, got {tensor} of order {len(shape)}"
            )
        if not (isinstance(mode, Integer) and 1 <= mode <= len(shape)):
            raise DimensionError(f"Unfolded: mode {mode} of a tensor with modes 1 to {len(shape)}")
        return MatrixExpr.__new__(cls, tensor, mode)

    @property
    def tensor(self) -> Expr:
        return self.args[0]

    @property
    def mode(self) -> int:
        """Counted from 1."""
        return int(self.args[1])

    @property
    def shape(self) -> tuple[Expr, Expr]:
        dims = tensor_shape(self.tensor)
        return dims[self.mode - 1], Mul(*(d for k, d in enumerate(dims, 1) if k != self.mode))

    def doit(self, **hints: Any) -> Unfolded:
        return self

    def _sympystr(self, printer: Any) -> str:
        return f"Unfolded({printer._print(self.tensor)}, {self.mode})"

    def _latex(self, printer: Any) -> str:
        name = r"\mathcal T" if isinstance(self.tensor, TensorExpr) or self.tensor.is_Add else "T"
        return rf"{name}_{{({self.mode})}}"


def gram_of(matrix: Basic) -> Unfolded | None:
    """``Y`` where the matrix is ``Y*Y.T`` of an unfolding; None where no unfolding occurs in it.

    Raises
    ------
    DimensionError
        An unfolding occurs in another way.
    """
    found = sorted(matrix.atoms(Unfolded), key=str)
    if not found:
        return None
    if isinstance(matrix, MatMul) and len(matrix.args) == 2 and len(found) == 1:
        left, right = matrix.args
        if left == found[0] and right == Transpose(found[0]):
            return found[0]
    (first, *_) = found
    raise DimensionError(
        f"{matrix}: of an unfolding Y = {first} the eigenvalues and alignments of Y*Y.T are known, which acts on "
        f"mode {first.mode}; of Y.T*Y ask for the unfolding along another mode"
    )
