"""Break a long right-hand side over lines where a person would: between the terms of a sum, inside a large bracket."""

from __future__ import annotations

from typing import Any

from sympy import Add, Basic, Expr, MatAdd, MatMul, Mul, Pow, S
from sympy.matrices.expressions.matexpr import MatrixExpr

from .latex_layout import LINE, width
from .latex_printer import TheoremPrinter, flat_product, paren

__all__ = ["aligned", "lines"]

_INDENT = 2.0


def aligned(printer: TheoremPrinter, left: str, relation: str, right: Basic, room: float = LINE) -> list[str]:
    """Rows of an ``aligned`` block for ``left relation right``, the relations under each other."""
    first = room - width(left) - width(relation) - 0.5
    rows = lines(printer, right, max(first, room / 2), room - width(left) - _INDENT)
    return [f"{left} &{relation} {rows[0]}", *(rf"&\quad {row}" for row in rows[1:])]


def lines(printer: TheoremPrinter, expr: Any, first: float, rest: float) -> list[str]:
    """The expression in lines: the first at most ``first`` em wide, the others ``rest``, as far as it can be broken."""
    whole = printer.doprint(expr)
    if width(whole) <= first:
        return [whole]
    if isinstance(expr, Add | MatAdd):
        return _sum(printer, expr, first, rest)
    if isinstance(expr, MatMul):
        return _matrix_product(printer, expr, first, rest) or [whole]
    if isinstance(expr, Mul | Pow):
        return _product(printer, expr, first, rest) or [whole]
    return [whole]


def _sum(printer: TheoremPrinter, expr: Expr | MatrixExpr, first: float, rest: float) -> list[str]:
    out = [""]
    for k, (negative, body, term) in enumerate(printer.signed_terms(expr)):
        sign = ("-" if negative else "") if k == 0 else "- " if negative else "+ "
        room = first if len(out) == 1 else rest
        if out[-1] and width(out[-1]) + width(sign + body) > room:
            out.append("")
            room = rest
        if width(sign + body) > room:
            positive = _absolute(term) if negative else term
            rows = lines(printer, positive, room - width(sign), rest)
            out[-1] += (" " if out[-1] else "") + sign + rows[0]
            out += rows[1:]
        else:
            out[-1] += (" " if out[-1] else "") + sign + body
    return out


def _absolute(term: Any) -> Any:
    return MatMul(S.NegativeOne, term).doit() if isinstance(term, MatrixExpr) else -term


def _bracketed(head: str, rows: list[str], tail: str) -> list[str]:
    size = "bigg" if any(r"\frac" in row for row in rows) else "Big"
    rows = [rf"{head}\{size}l[{rows[0]}", *rows[1:]]
    rows[-1] += rf"\{size}r]{tail}"
    return rows


def _product(printer: TheoremPrinter, expr: Expr, first: float, rest: float) -> list[str] | None:
    """The widest sum of the product gets a bracket of its own, what is below the line with exponent -1."""
    negative, above, below = printer.split(expr)
    sums = [(width(printer.doprint(b)), side, k) for side in (above, below) for k, (b, _) in enumerate(side)
            if isinstance(b, Add)]  # fmt: skip
    if not sums:
        return None
    _, side, k = max(sums, key=lambda item: item[0])
    base, exponent = side.pop(k)
    if side is below:
        exponent = -exponent
    other = Mul(*[b**e for b, e in above], *[b**-e for b, e in below])
    sign = "-" if negative else ""
    head = "" if other == 1 else (paren if isinstance(other, Add) else str)(printer.doprint(other)) + r"\,"
    tail = "" if exponent == 1 else rf"^{{{printer.doprint(exponent)}}}"
    if width(head) <= first * 0.6:
        inner = lines(printer, base, first - width(sign + head) - 0.5, rest - 1.0)
        return _bracketed(sign + head, inner, tail)
    front = _product(printer, other, first - width(sign), rest) or [printer.doprint(other)]
    inner = lines(printer, base, rest - 1.0, rest - 1.0)
    return [sign + front[0], *front[1:], *_bracketed(r"{}\cdot ", inner, tail)]


def _matrix_product(printer: TheoremPrinter, expr: MatMul, first: float, rest: float) -> list[str] | None:
    coefficient, factors = flat_product(expr)
    tail = printer.matrix_factors(factors)
    if coefficient == 1:
        return None
    inner = lines(printer, coefficient, first - 1.0, rest - 1.0)
    if len(inner) == 1 and not isinstance(coefficient, Add):
        return [inner[0], tail] if width(inner[0]) <= first else None
    if width(inner[-1]) + width(tail) + 1.0 > rest:
        rows = _bracketed("", inner, "")
        return [*rows, rf"{{}}\cdot {tail}"]
    return _bracketed("", inner, tail)
