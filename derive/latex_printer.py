"""Formulas as a person writes them: SymPy's LaTeX printer with the habits of random-matrix papers.

Normalised traces stay together as (1/d) tr M; a 1 x 1 trace is the bilinear form itself; scalars stand in front of
matrices, parameters before unknowns; sums start with a positive term; identities lose their index beside a matrix.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from sympy import (
    Add,
    Basic,
    Expr,
    Identity,
    Integer,
    MatAdd,
    MatMul,
    MatPow,
    MatrixExpr,
    MatrixSymbol,
    Mul,
    Pow,
    Rational,
    S,
    Symbol,
    Trace,
)
from sympy.matrices.expressions import Adjoint, Inverse, Transpose
from sympy.printing.latex import LatexPrinter

from .latex_names import Names
from .symbols import FreeMatrix, MatrixLetter, RandomMatrix, Signal

__all__ = ["TheoremPrinter", "flat_product", "paren"]

Power = tuple[Expr, Expr]


def paren(body: str, tall: bool | None = None) -> str:
    """Parentheses as tall as what they hold."""
    tall = r"\frac" in body if tall is None else tall
    return rf"\left({body}\right)" if tall else f"({body})"


def is_random(expr: Basic) -> bool:
    return isinstance(expr, RandomMatrix | FreeMatrix) or bool(expr.atoms(RandomMatrix, FreeMatrix))


class TheoremPrinter(LatexPrinter):
    """Prints scalars and matrices of one theorem; ``late`` are the symbols that stand after the others in a product."""

    def __init__(self, names: Names, late: Collection[Symbol] = ()):
        super().__init__()
        self.names, self.late = names, set(late)

    # -- names ----------------------------------------------------------------------------------------------------
    def _print_Symbol(self, expr: Symbol, style: str = "plain") -> str:
        return self.names[expr.name]

    def _print_MatrixSymbol(self, expr: MatrixSymbol, style: str = "plain") -> str:
        return self.names[expr.name]

    # -- sums -----------------------------------------------------------------------------------------------------
    def signed_terms(self, expr: Expr | MatrixExpr) -> list[tuple[bool, str, Any]]:
        """Terms of a sum in reading order: (is negative, its absolute value in LaTeX, the term)."""
        if isinstance(expr, MatAdd):
            terms = [(*self.matrix_product(t, bare=False), t) for t in _flat(expr)]
            # the rows of a pencil keep the order of their unknowns
            if not any(s.shape[1] == 1 for s in expr.atoms(MatrixSymbol)):
                terms.sort(key=lambda item: self._matrix_rank(item[2], item[0]))
        else:
            terms = [(*self.product(t), t) for t in Add.make_args(expr)]
            terms.sort(key=lambda item: self._scalar_rank(item[2], item[1]))
        first = next((k for k, t in enumerate(terms) if not t[0]), 0)
        return [terms[first], *terms[:first], *terms[first + 1 :]]

    def _scalar_rank(self, term: Expr, latex: str) -> tuple:
        degree = sum(int(e) if e.is_Integer else 1 for _, e in _powers(term) if not _.is_Number)
        late = len(term.free_symbols & self.late)
        return (len(term.atoms(Trace)), bool(term.atoms(Add)), degree, late, latex)

    def _matrix_rank(self, term: MatrixExpr, negative: bool) -> tuple:
        unit = isinstance(term, Identity) or (isinstance(term, MatMul) and isinstance(term.args[-1], Identity))
        # kappa I + S^2, but Z Z' + lambda I and W - z I
        place = (
            (4 if self._noisy or negative else 0) if unit else 3 if is_random(term) else 2 if term.has(Signal) else 1
        )
        return (place, str(term))

    _noisy = False

    def join(self, terms: Sequence[tuple[bool, str, Any]]) -> str:
        out = ""
        for k, (negative, body, _) in enumerate(terms):
            out += ("-" if negative else "") + body if k == 0 else f" {'-' if negative else '+'} {body}"
        return out

    def _print_Add(self, expr: Add, order: Any = None) -> str:
        return self.join(self.signed_terms(expr))

    def _print_MatAdd(self, expr: MatAdd) -> str:
        outer = self._noisy
        self._noisy = is_random(expr) or bool(expr.atoms(MatrixSymbol))
        try:
            return self.join(self.signed_terms(expr))
        finally:
            self._noisy = outer

    # -- products of scalars --------------------------------------------------------------------------------------
    def _print_Mul(self, expr: Mul) -> str:
        negative, body = self.product(expr)
        return "-" * negative + body

    def product(self, expr: Expr) -> tuple[bool, str]:
        """Sign and LaTeX of a term; normalised traces are pulled out of the fraction where they can be."""
        if not isinstance(expr, Mul | Trace | Pow) and not expr.is_Rational:
            return False, self._print(expr)
        negative, above, below = self.split(expr)
        traces_above, above = self._traces(above, below)
        traces_below, below = self._traces(below, above)
        scalars = [self._power(b, e) for b, e in self._ordered(above)]
        lower = [self._power(b, e) for b, e in self._ordered(below)] + self._bracket(traces_below)
        upper = self._bracket(traces_above)
        if not lower:
            if len(scalars) == 1 and not upper and isinstance(above[0][0], Add) and above[0][1] == 1:
                return negative, paren(scalars[0])
            return negative, self._juxtapose([*self._wrapped(above, scalars), *upper]) or "1"
        keep = traces_below or any(isinstance(b, Add) for b, _ in below) or not upper
        inside = [*self._wrapped(above, scalars, alone=not (keep and upper)), *(upper if keep else [])]
        bottom = self._wrapped(below, lower[: len(below)], alone=not traces_below) + lower[len(below) :]
        fraction = rf"\frac{{{self._juxtapose(inside) or '1'}}}{{{self._juxtapose(bottom)}}}"
        return negative, fraction if keep else rf"{fraction}\," + r"\,".join(upper)

    def split(self, expr: Expr) -> tuple[bool, list[Power], list[Power]]:
        """Sign, factors above and factors below the line, with as few minus signs as possible."""
        above: list[Power] = []
        below: list[Power] = []
        negative = False
        for base, exponent in _powers(expr):
            if base.is_Rational and exponent == 1:
                negative ^= bool(base < 0)
                above += [(Integer(abs(base.p)), S.One)] * (abs(base.p) != 1)
                below += [(Integer(base.q), S.One)] * (base.q != 1)
            elif exponent.is_Rational and exponent < 0:
                below.append((base, -exponent))
            else:
                above.append((base, exponent))
        for side in (above, below):
            for k, (b, e) in enumerate(side):
                if isinstance(b, Add) and e.is_odd and all(_negative(t) for t in b.args):
                    side[k], negative = (Add(*[-t for t in b.args]), e), not negative
        mixed = [
            (side, k)
            for side in (above, below)
            for k, (b, e) in enumerate(side)
            if isinstance(b, Add) and e.is_odd and any(_negative(t) for t in b.args)
        ]
        if negative and len(mixed) == 1:
            ((side, k),) = mixed
            base, exponent = side[k]
            side[k], negative = (Add(*[-t for t in base.args]), exponent), False
        return negative, above, below

    def _traces(self, side: list[Power], other: list[Power]) -> tuple[list[tuple[str, Expr]], list[Power]]:
        """Traces of one side, each with the dimension that divides it taken from the other side (or left alone)."""
        out: list[tuple[str, Expr]] = []
        rest: list[Power] = []
        for base, exponent in side:
            if not isinstance(base, Trace) or not exponent.is_Integer:
                rest.append((base, exponent))
                continue
            body, dim = self.trace_body(base.arg), base.arg.shape[0]
            if dim == 1:
                out.append((body, exponent))
                continue
            place = next((k for k, (b, _) in enumerate(other) if b == dim), None)
            paired = min(other[place][1], exponent) if place is not None else S.Zero
            if paired:
                assert place is not None
                left = other[place][1] - paired
                other[place : place + 1] = [(dim, left)] if left else []
                out.append((rf"\frac{{1}}{{{self._print(dim)}}}\operatorname{{tr}}{body}", paired))
            if exponent != paired:
                out.append((rf"\operatorname{{tr}}{body}", exponent - paired))
        return out, rest

    def trace_body(self, matrix: MatrixExpr) -> str:
        """What stands after tr, with a space or parentheses as needed."""
        body = self._print(matrix)
        if matrix.shape[0] == 1:
            return body
        return paren(body) if isinstance(matrix, MatAdd) or body.startswith("-") else " " + body

    def _bracket(self, traces: list[tuple[str, Expr]]) -> list[str]:
        crowded = len(traces) > 1
        out = []
        for body, exponent in sorted(traces):
            form = r"\operatorname{tr}" not in body
            wrapped = paren(body) if exponent != 1 or (crowded and not form) else body
            out.append(wrapped if exponent == 1 else rf"{wrapped}^{{{self._print(exponent)}}}")
        return out

    def _ordered(self, side: list[Power]) -> list[Power]:
        def rank(item: Power) -> tuple:
            base, _ = item
            kind = 0 if base.is_Number else 1 if isinstance(base, Symbol) else 3 if isinstance(base, Add) else 2
            return kind, base in self.late, self._print(base)

        side.sort(key=rank)
        return side

    def _power(self, base: Expr, exponent: Expr) -> str:
        if exponent == 1:
            return self._print(base)
        if exponent == Rational(1, 2):
            return rf"\sqrt{{{self._print(base)}}}"
        body = self._print(base)
        simple = (isinstance(base, Symbol) and "^" not in body) or (base.is_Integer and base >= 0)
        return rf"{body if simple else paren(body)}^{{{self._exponent(exponent)}}}"

    def _exponent(self, exponent: Expr) -> str:
        return (
            f"{exponent.p}/{exponent.q}" if exponent.is_Rational and not exponent.is_Integer else self._print(exponent)
        )

    def _wrapped(self, side: list[Power], printed: list[str], alone: bool = False) -> list[str]:
        """Sums need parentheses next to another factor."""
        if alone and len(printed) == 1:
            return printed
        return [paren(s) if isinstance(b, Add) and e == 1 else s for (b, e), s in zip(side, printed, strict=True)]

    def _juxtapose(self, parts: list[str]) -> str:
        """Factors side by side, words and fractions set apart."""
        words = (r"\mathrm", r"\text")
        out = ""
        for before, part in zip(["", *parts], parts, strict=False):
            if out and part[0].isdigit():
                out += r" \cdot "
            elif out:
                out += r"\," if part.startswith((r"\frac", *words)) or before.startswith(words) else " "
            out += part
        return out

    def _print_Pow(self, expr: Pow) -> str:
        if expr.exp.is_Rational and expr.exp < 0:
            negative, body = self.product(expr)
            return "-" * negative + body
        return self._power(expr.base, expr.exp)

    def _print_Trace(self, expr: Trace) -> str:
        negative, body = self.product(expr)
        return "-" * negative + body

    def _print_Relational(self, expr: Any) -> str:
        return f"{self._print(expr.lhs)} = {self._print(expr.rhs)}"

    # -- matrices -------------------------------------------------------------------------------------------------
    def _print_MatMul(self, expr: MatMul) -> str:
        negative, body = self.matrix_product(expr)
        return "-" * negative + body

    def matrix_product(self, expr: MatrixExpr, bare: bool = True) -> tuple[bool, str]:
        """Sign and LaTeX of a product; ``bare`` identities (those not inside a sum) carry their dimension."""
        coefficient, factors = flat_product(expr)
        negative, front = self.coefficient(coefficient)
        body = self.matrix_factors(factors, bare)
        return negative, self._juxtapose([front, body]) if front else body

    def coefficient(self, coefficient: Expr) -> tuple[bool, str]:
        """Sign and LaTeX of the scalar in front of a matrix, empty for one."""
        if isinstance(coefficient, Add):
            if all(_negative(t) for t in coefficient.args):
                return True, paren(self._print(-coefficient))
            return False, paren(self._print(coefficient))
        negative, front = self.product(coefficient)
        if front == "1":
            return negative, ""
        # a trace in front of a matrix would swallow it
        return negative, paren(front) if _open_trace(front) else front

    def matrix_factors(self, factors: Sequence[MatrixExpr], bare: bool = True) -> str:
        kept = [f for f in factors if not isinstance(f, Identity)]
        if not kept:
            return self._identity(factors[0], bare)
        return self._juxtapose(
            [paren(self._print(f)) if isinstance(f, MatAdd) and len(kept) > 1 else self._print(f) for f in kept]
        )

    def _identity(self, expr: Identity, bare: bool) -> str:
        if expr.shape[0] == 1:
            return "1"
        return rf"I_{{{self._print(expr.shape[0])}}}" if bare else "I"

    def _print_Identity(self, expr: Identity) -> str:
        return self._identity(expr, True)

    def _print_ZeroMatrix(self, expr: Any) -> str:
        return "0"

    def _print_Inverse(self, expr: Inverse) -> str:
        return self._matrix_power(expr.arg, "-1")

    def _print_MatPow(self, expr: MatPow) -> str:
        return self._matrix_power(expr.base, self._exponent(expr.exp))

    def _print_Transpose(self, expr: Transpose) -> str:
        if isinstance(expr.arg, Adjoint):
            return self._conjugate(expr.arg.arg)
        return self._matrix_power(expr.arg, r"\top")

    def _print_Adjoint(self, expr: Adjoint) -> str:
        if isinstance(expr.arg, Transpose):
            return self._conjugate(expr.arg.arg)
        letters = expr.arg.atoms(MatrixLetter) or {expr.arg}
        real = all(isinstance(m, MatrixLetter) and m.is_real_matrix for m in letters)
        return self._matrix_power(expr.arg, r"\top" if real else "*")

    def _conjugate(self, expr: MatrixExpr) -> str:
        return rf"\overline{{{self._print(expr)}}}"

    def _matrix_power(self, base: MatrixExpr, exponent: str) -> str:
        body = self._print(base)
        simple = isinstance(base, MatrixLetter | MatrixSymbol) and "^" not in body
        return rf"{body if simple else paren(body)}^{{{exponent}}}"


def _open_trace(latex: str) -> bool:
    """Whether a trace stands outside every brace."""
    depth = 0
    for k, c in enumerate(latex):
        depth += (c == "{") - (c == "}")
        if depth == 0 and latex.startswith(r"\operatorname{tr}", k):
            return True
    return False


def _negative(term: Expr) -> bool:
    return bool(term.as_coeff_Mul()[0].is_negative)


def _powers(expr: Expr) -> list[Power]:
    """Factors as (base, exponent); the scalar inside a trace is a factor of its own."""
    out: list[Power] = []
    for factor in Mul.make_args(expr):
        base, exponent = (factor.base, factor.exp) if isinstance(factor, Pow) else (factor, S.One)
        if isinstance(base, Trace) and isinstance(base.arg, MatMul):
            scalar, matrices = flat_product(base.arg)
            if scalar != 1 and exponent == 1:
                out += _powers(scalar)
                base = Trace(MatMul(*matrices) if len(matrices) > 1 else matrices[0])
        out.append((base, exponent))
    merged: dict[Expr, Expr] = {}
    for base, exponent in out:
        if base.is_Rational and exponent == 1:
            continue
        merged[base] = merged.get(base, S.Zero) + exponent
    number = Mul(*[b for b, e in out if b.is_Rational and e == 1])
    return ([(number, S.One)] if number != 1 or not merged else []) + [(b, e) for b, e in merged.items() if e != 0]


def _flat(expr: MatAdd) -> list[MatrixExpr]:
    return [t for a in expr.args for t in (_flat(a) if isinstance(a, MatAdd) else [a])]


def flat_product(expr: MatrixExpr) -> tuple[Expr, list[MatrixExpr]]:
    if not isinstance(expr, MatMul):
        return S.One, [expr]
    scalar: Expr = S.One
    factors: list[MatrixExpr] = []
    for arg in expr.args:
        if isinstance(arg, MatrixExpr):
            inner, more = flat_product(arg)
            scalar, factors = scalar * inner, factors + more
        else:
            scalar = scalar * arg
    return scalar, factors
