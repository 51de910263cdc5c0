"""Expressions in one line of plain text, the way people write them: ``tr((lambda I + Z Z')^-1)/p``, ``x o y o z``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sympy import fraction
from sympy.printing.precedence import PRECEDENCE
from sympy.printing.str import StrPrinter

__all__ = ["plain"]


def plain(expr: Any, names: Mapping[Any, str] | None = None) -> str:
    """Write an expression in plain text, for a person to read; ``names`` are used for the tensors it is about.

    Examples
    --------
    >>> from sympy import Identity, Symbol, Trace
    >>> from derive import Gaussian, dimensions
    >>> from derive.cli_notation import plain
    >>> n, p = dimensions("n p")
    >>> Z = Gaussian("Z", p, n)
    >>> plain(Trace((Z * Z.T / n + Symbol("lambda") * Identity(p)).I) / p)
    "tr((lambda I + Z Z'/n)^-1)/p"
    """
    return _Plain(names or {}).doprint(expr)


class _Plain(StrPrinter):
    """SymPy's text, with juxtaposition for matrix products, ``'`` for transposes and ``^`` for powers."""

    def __init__(self, names: Mapping[Any, str]):
        super().__init__()
        self.tensor_names = names

    def _print(self, expr: Any, **kwargs: Any) -> str:
        # a class that spells itself for SymPy is asked first otherwise
        own = getattr(self, f"_tensor_{type(expr).__name__}", None)
        return own(expr) if own else super()._print(expr, **kwargs)

    def _tensor(self, tensor: Any) -> str:
        return self.tensor_names.get(tensor) or self._print(tensor)

    def _tensor_SingularValue(self, expr: Any) -> str:
        return f"lambda({self._tensor(expr.tensor)})"

    def _tensor_SingularVector(self, expr: Any) -> str:
        return f"u_{expr.mode}" + f"({self._tensor(expr.tensor)})" * (len(self.tensor_names) > 1)

    def _tensor_Overlap(self, expr: Any) -> str:
        return f"<{self._print(expr.vector)}, {self._print(expr.singular)}>"

    def _tensor_Outer(self, expr: Any) -> str:
        in_order = [m for group in expr.modes for m in group] == list(range(len(expr.shape)))
        places = ["" if in_order else f"^({','.join(str(m + 1) for m in group)})" for group in expr.modes]
        return " o ".join(self._factor(f) + place for f, place in zip(expr.factors, places, strict=True))

    def _tensor_ModeProduct(self, expr: Any) -> str:
        tensor, matrix, mode = expr.args
        return f"({self._print(tensor)}) x_{mode} ({self._print(matrix)})"

    def _tensor_Unfolded(self, expr: Any) -> str:
        tensor = self._tensor(expr.tensor)
        return f"{tensor}_({expr.mode})" if tensor.replace("_", "").isalnum() else f"({tensor})_({expr.mode})"

    def _tensor_Masked(self, expr: Any) -> str:
        tensor, kept = expr.args
        return f"mask_{self._print(kept)}({self._print(tensor)})"

    def _print_Trace(self, expr: Any) -> str:
        return f"tr({self._print(expr.arg)})"

    def _print_Eigenvalue(self, expr: Any) -> str:
        return f"lambda_{_number(expr.index)}({self._print(expr.matrix)})"

    def _print_Alignment(self, expr: Any) -> str:
        u = self._print(expr.signal)
        norm = "" if expr.signal.norm2 == 1 else f"/|{u}|^2"
        return f"<{u}, v_{_number(expr.index)}({self._print(expr.matrix)})>^2{norm}"

    def _print_MatMul(self, expr: Any) -> str:
        scalar, matrices = expr.as_coeff_matrices()
        numerator, denominator = fraction(scalar)
        sign = ""
        if numerator.could_extract_minus_sign():
            numerator, sign = -numerator, "-"
        factors = [self._factor(m) for m in matrices]
        if numerator != 1:
            factors.insert(0, self._factor(numerator))
        return sign + " ".join(factors) + (f"/{self.parenthesize(denominator, PRECEDENCE['Pow'])}" * (denominator != 1))

    def _factor(self, expr: Any) -> str:
        return self.parenthesize(expr, PRECEDENCE["Mul"])

    def _print_MatPow(self, expr: Any) -> str:
        exponent = self._print(expr.exp)
        return self._base(expr.base) + "^" + (exponent if expr.exp.is_Integer else f"({exponent})")

    def _print_Inverse(self, expr: Any) -> str:
        return self._base(expr.arg) + "^-1"

    def _print_Transpose(self, expr: Any) -> str:
        return self._base(expr.arg) + "'"

    def _print_Adjoint(self, expr: Any) -> str:
        return self._base(expr.arg) + "*"

    def _base(self, expr: Any) -> str:
        # only a name stays bare: X Y' and (X Y)' differ
        text = self._print(expr)
        return text if text.replace("_", "").isalnum() else f"({text})"

    def _print_Mul(self, expr: Any) -> str:
        # a scalar times an outer product, in one breath
        tensors = [a for a in expr.args if type(a).__name__ in ("Outer", "ModeProduct", "Masked")]
        if len(tensors) != 1:
            return super()._print_Mul(expr)
        scalar = expr / tensors[0]
        sign, scalar = ("-", -scalar) if scalar.could_extract_minus_sign() else ("", scalar)
        return sign + (f"{self._factor(scalar)} " if scalar != 1 else "") + self._print(tensors[0])

    def _print_Pow(self, expr: Any, rational: bool = False) -> str:
        return super()._print_Pow(expr, rational=rational).replace("**", "^")


def _number(index: int) -> str:
    return str(index) if index > 0 else "min" if index == -1 else f"min,{-index}"
