"""The deterministic equivalent of a matrix, as the user holds it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from sympy import MatrixExpr

from .errors import ParameterError
from .pipeline import Derivation
from .result import Evaluation, Limit

__all__ = ["DeterministicEquivalent"]


class DeterministicEquivalent(Limit):
    """The deterministic matrix ``Q-bar`` that replaces a random one in traces and bilinear forms.

    Examples
    --------
    >>> from sympy import Identity, Symbol
    >>> from derive import Deterministic, Wigner, deterministic_equivalent, dimensions
    >>> n, z = dimensions("n"), Symbol("z")
    >>> A, W = Deterministic("A", n, n, symmetric=True), Wigner("W", n, variance=1/n)
    >>> equivalent = deterministic_equivalent((A + W - z*Identity(n)).I)
    >>> equivalent.evaluate({z: 4, A: [[1, 1], [1, -1]]}).round(6)
    array([[-0.405233, -0.086564],
           [-0.086564, -0.232106]])
    """

    def __init__(self, derivation: Derivation):
        super().__init__(derivation, False)

    @cached_property
    def matrix(self) -> MatrixExpr:
        """The equivalent as an ordered SymPy expression in the deterministic matrices and the unknowns."""
        return self.derivation.matrix

    @property
    def value(self) -> MatrixExpr:
        """The same as :attr:`matrix`."""
        return self.matrix

    def certify(self, params: Mapping | None = None, *, digits: int = 30, near: Any = None) -> Any:
        """A matrix has no certificate of its own: certify traces and forms of it."""
        raise ParameterError(
            "a deterministic equivalent is not certified; certify a trace or a form of it, from limit()"
        )

    def __repr__(self) -> str:
        lines = [f"{e.lhs} = {e.rhs}" for e in self.equations]
        return "DeterministicEquivalent(\n  " + "\n  ".join([*lines, f"matrix = {self.matrix}"]) + "\n)"

    def evaluate(
        self,
        params: Mapping | None = None,
        *,
        device: str = "cpu",
        digits: int | None = None,
        full_output: bool = False,
    ) -> Any:
        """The equivalent as a small array, when the deterministic matrices are given as small arrays.

        A multiple of the identity comes back as a 1 x 1 array. One parameter point, double precision.
        """
        from .solve.evaluate import evaluate_matrix

        if digits is not None or device != "cpu":
            raise ParameterError(
                "a deterministic equivalent is evaluated in double precision on the CPU; take a trace for digits"
            )
        binding = self.bind(params or {})
        if binding.shape != ():
            raise ParameterError("a deterministic equivalent is evaluated at one parameter point")
        matrix, status = evaluate_matrix(self.derivation, self.matrix, binding)
        result = Evaluation(matrix, status, None, {})
        if not full_output:
            self._complain(result, binding)
        return result if full_output else matrix
