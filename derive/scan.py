"""What occurs in an expression: letters, dimensions, square roots; one name has one definition."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sympy import Basic, MatPow, Rational, Symbol, sympify
from sympy.matrices.expressions import Identity

from .errors import ResolventError
from .symbols import Deterministic, Free, MatrixLetter

__all__ = ["check_names", "check_scalars", "dimensions_of", "letters_of", "square_roots", "walk"]


def walk(expr: Basic) -> Iterator[Basic]:
    """Every node of a tree; a named matrix is a leaf."""
    yield expr
    if not isinstance(expr, MatrixLetter):
        for arg in expr.args:
            yield from walk(arg)


def letters_of(exprs: Iterable[Basic]) -> tuple[MatrixLetter, ...]:
    """All named matrices in the expressions, sorted by name."""
    found = {node for expr in exprs for node in walk(expr) if isinstance(node, MatrixLetter)}
    check_names(found)
    return tuple(sorted(found, key=lambda m: m.name))


def check_names(letters: Iterable[MatrixLetter]) -> None:
    """One name has one definition."""
    seen: dict[str, MatrixLetter] = {}
    for letter in sorted(letters, key=_describe):
        other = seen.setdefault(letter.name, letter)
        if other != letter:
            raise ResolventError(
                f"the name {letter.name} has two definitions: {_describe(other)} and {_describe(letter)}; "
                f"give different matrices different names"
            )


def check_scalars(exprs: Iterable[Basic], letters: Iterable[MatrixLetter] = ()) -> None:
    """One name is one symbol: SymPy keeps ``c`` and a positive ``c`` apart, but a reader and an evaluation cannot.

    Nor is it the name of a matrix.
    """
    seen: dict[str, Symbol] = {}
    named = {letter.name: letter for letter in letters}
    for symbol in sorted({s for e in exprs for s in sympify(e).free_symbols if isinstance(s, Symbol)}, key=str):
        if seen.setdefault(symbol.name, symbol) != symbol:
            raise ResolventError(
                f"two different symbols are called {symbol.name} (they differ in their assumptions); use one of them"
            )
        if symbol.name in named:
            raise ResolventError(
                f"the name {symbol.name} has two definitions: a scalar and {_describe(named[symbol.name])}; "
                f"give the matrix a name of its own"
            )


def _describe(letter: MatrixLetter) -> str:
    return f"{type(letter).__name__}({', '.join(str(a) for a in letter.args)})"


def dimensions_of(exprs: Iterable[Basic]) -> set[Symbol]:
    """Symbols that occur in a shape, and positive integer symbols anywhere (``1/n`` in a variance)."""
    dims: set[Symbol] = set()
    for expr in exprs:
        for node in walk(expr):
            if isinstance(node, (MatrixLetter, Identity)):
                dims |= node.shape[0].free_symbols | node.shape[1].free_symbols
            if isinstance(node, MatrixLetter):
                dims |= {s for s in node.free_symbols if getattr(s, "is_integer", False) and s.is_positive}
            if isinstance(node, Symbol) and node.is_integer and node.is_positive:
                dims.add(node)
    return {d for d in dims if isinstance(d, Symbol)}


def square_roots(exprs: Iterable[Basic]) -> frozenset[Deterministic | Free]:
    """Positive matrices that occur under a half-integer power."""
    out = set()
    for expr in exprs:
        for node in walk(expr):
            if isinstance(node, MatPow) and isinstance(node.args[0], Deterministic | Free):
                exponent = node.args[1]
                if isinstance(exponent, Rational) and exponent.q == 2:
                    out.add(node.args[0])
    return frozenset(out)
