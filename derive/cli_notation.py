"""Matrix expressions in one line of plain text, the way people write them: ``tr((lambda I + Z Z')^-1)/p``."""

from __future__ import annotations

from typing import Any

from sympy import fraction
from sympy.printing.precedence import PRECEDENCE
from sympy.printing.str import StrPrinter

__all__ = ["plain"]


def plain(expr: Any) -> str:
    """Write an expression in plain text, for a person to read.

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
    return _Plain().doprint(expr)


class _Plain(StrPrinter):
    """SymPy's text, with juxtaposition for matrix products, ``'`` for transposes and ``^`` for powers."""

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

    def _print_Pow(self, expr: Any, rational: bool = False) -> str:
        return super()._print_Pow(expr, rational=rational).replace("**", "^")


def _number(index: int) -> str:
    return str(index) if index > 0 else "min" if index == -1 else f"min,{-index}"
