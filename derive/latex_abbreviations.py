"""What a statement gives a name to: the random resolvents of the quantity, a long deterministic one that returns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sympy import Basic, Identity, Integer, MatAdd, MatMul, MatPow, MatrixExpr, MatrixSymbol
from sympy.matrices.expressions import Adjoint, Inverse, Transpose

from .latex_layout import width
from .latex_names import Names
from .latex_printer import TheoremPrinter
from .symbols import FreeMatrix, MatrixLetter, RandomMatrix

__all__ = ["Abbreviations", "adjoint_tree", "deterministic_abbreviations", "inverted_in", "random_abbreviations"]

# a deterministic inverse is named when writing it out again and again would cost more em than this
_WORTH = 18.0
_LONG = 4.0


@dataclass(frozen=True)
class Abbreviations:
    """``definitions`` in the order in which they can be read; ``apply`` writes an expression with them."""

    definitions: tuple[tuple[MatrixSymbol, MatrixExpr], ...] = ()
    table: Mapping[Basic, MatrixExpr] | None = None

    def apply(self, expr: Any) -> Any:
        return _rewrite(expr, dict(self.table or {}))


def random_abbreviations(exprs: Sequence[Basic], names: Names) -> Abbreviations:
    """Name sums of random matrices that occur twice (X), then every inverse that contains a random matrix (Q)."""
    sums = _repeated_sums(exprs)
    table: dict[Basic, MatrixExpr] = {}
    definitions: list[tuple[MatrixSymbol, MatrixExpr]] = []
    for symbol, node in zip(_symbols(names, ("X", "F", "Y", "A", "B"), sums), sums, strict=True):
        flipped = adjoint_tree(node)
        real = all(m.is_real_matrix for m in node.atoms(MatrixLetter))
        table[flipped] = Transpose(symbol) if real else Adjoint(symbol)
        table[node] = symbol
        definitions.append((symbol, node))
    inverses: list[MatrixExpr] = []
    for expr in exprs:
        for base in inverted_in(expr):
            if base.atoms(RandomMatrix, FreeMatrix) and base not in inverses:
                inverses.append(base)
    for symbol, base in zip(_symbols(names, ("Q", "R", "H"), inverses), inverses, strict=True):
        definitions.append((symbol, Inverse(_rewrite(base, dict(table)))))
        table[Inverse(base)] = symbol
    return Abbreviations(tuple(definitions), table)


def deterministic_abbreviations(exprs: Iterable[Basic], names: Names, printer: TheoremPrinter) -> Abbreviations:
    """Name a long deterministic inverse that occurs several times."""
    count: dict[MatrixExpr, int] = {}
    for expr in exprs:
        for base in inverted_in(expr):
            if not base.atoms(RandomMatrix, FreeMatrix):
                count[base] = count.get(base, 0) + 1
    size = {base: width(printer.doprint(base)) for base in count}
    chosen = [b for b in count if size[b] > _LONG and size[b] * (count[b] - 1) > _WORTH]
    table: dict[Basic, MatrixExpr] = {}
    definitions = []
    for symbol, base in zip(_symbols(names, ("Qbar", "Rbar", "Hbar"), chosen), chosen, strict=True):
        definitions.append((symbol, Inverse(_rewrite(base, dict(table)))))
        table[Inverse(base)] = symbol
    return Abbreviations(tuple(definitions), table)


def _symbols(names: Names, candidates: tuple[str, ...], nodes: Sequence[MatrixExpr]) -> list[MatrixSymbol]:
    if not nodes:
        return []
    base = names.fresh(*candidates)
    found = [base] if len(nodes) == 1 else [f"{base}_{k + 1}" for k in range(len(nodes))]
    return [MatrixSymbol(name, *node.shape) for name, node in zip(found, nodes, strict=True)]


def _repeated_sums(exprs: Sequence[Basic]) -> list[MatAdd]:
    count: dict[MatAdd, int] = {}

    def visit(node: Basic, inverted: bool = False) -> None:
        plain = isinstance(node, MatAdd) and not node.has(Inverse) and not node.atoms(Identity)
        if plain and not inverted and node.atoms(RandomMatrix, FreeMatrix):
            twin = next((other for other in count if other in (node, adjoint_tree(node))), None)
            count[twin if twin is not None else node] = count.get(twin, 0) + 1 if twin is not None else 1
        for arg in node.args:
            visit(arg, isinstance(node, MatPow) and bool(node.exp.is_negative))

    for expr in exprs:
        visit(expr)
    found = [node for node, times in count.items() if times > 1]
    # of a sum and its adjoint, the one with fewer transposed letters is the matrix
    return [min((node, adjoint_tree(node)), key=lambda m: (_flips(m), str(m))) for node in found]


def _flips(node: Basic) -> int:
    flipped = [t for t in _preorder(node) if isinstance(t, Transpose | Adjoint)]
    return sum(isinstance(a, RandomMatrix | FreeMatrix) for t in flipped for a in t.args)


def _preorder(node: Basic) -> Iterable[Basic]:
    yield node
    for arg in node.args:
        yield from _preorder(arg)


def adjoint_tree(node: MatrixExpr) -> MatrixExpr:
    """The adjoint, pushed down to the letters without simplification."""
    if isinstance(node, MatAdd):
        return MatAdd(*[adjoint_tree(t) for t in node.args])
    if isinstance(node, MatMul):
        scalar, matrices = node.as_coeff_matrices()
        return MatMul(*([scalar] if scalar != 1 else []), *[adjoint_tree(m) for m in reversed(matrices)])
    if isinstance(node, MatPow):
        return MatPow(adjoint_tree(node.base), node.exp)
    if isinstance(node, Inverse):
        return Inverse(adjoint_tree(node.arg))
    if isinstance(node, Identity):
        return node
    if isinstance(node, Transpose | Adjoint):
        if all(m.is_real_matrix for m in node.atoms(MatrixLetter)) or isinstance(node, Adjoint):
            return node.arg
        return Adjoint(node)
    return node.adjoint() if isinstance(node, MatrixLetter) else Adjoint(node)


def inverted_in(expr: Basic) -> list[MatrixExpr]:
    """Bases of inverse powers, inner ones first, with repetitions."""
    out = [base for arg in expr.args for base in inverted_in(arg)]
    if isinstance(expr, MatPow) and expr.exp.is_negative:
        out.append(expr.base)
    return out


def _rewrite(expr: Any, table: dict[Basic, MatrixExpr]) -> Any:
    if not isinstance(expr, Basic) or not table:
        return expr
    if expr in table:
        return table[expr]
    if isinstance(expr, MatPow) and expr.exp.is_negative and Inverse(expr.base) in table:
        symbol = table[Inverse(expr.base)]
        return symbol if expr.exp == -1 else MatPow(symbol, -expr.exp)
    if isinstance(expr, Inverse):
        inner = _rewrite(expr.arg, table)
        return expr if inner is expr.arg else Inverse(inner)
    if not expr.args or isinstance(expr, MatrixLetter | Integer):
        return expr
    args = [_rewrite(a, table) for a in expr.args]
    return expr if all(a is b for a, b in zip(args, expr.args, strict=True)) else expr.func(*args)
