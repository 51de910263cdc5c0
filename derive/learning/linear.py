"""The non-commutative algebra of the layer: a vector expression as a linear form in random vectors and signals.

In: a column such as ``R*(X.T*(X*w + epsilon))/n - w``. Out: for every vector the matrix in front of it, a sum of
products, with the resolvent identity ``A^-1 (A - B) = I - A^-1 B`` used wherever it makes the sum shorter. Here,
with ``R = (X'X/n + lambda)^-1``, that is ``-lambda R`` in front of ``w`` and ``R X'/n`` in front of the noise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import takewhile

from sympy import Expr, MatAdd, MatMul, MatPow, MatrixExpr, Mul, S, preorder_traversal, sympify
from sympy.matrices.expressions import Adjoint, Identity, Inverse, Transpose, ZeroMatrix

from ..errors import DimensionError, NotRationalError, ParameterError
from ..symbols import MatrixLetter, Signal
from .vectors import RandomVector

__all__ = ["Coefficient", "linear_form"]

Word = tuple[MatrixExpr, ...]


@dataclass(frozen=True)
class Coefficient:
    """A matrix as a sum of products: each product of factors, the empty one being the identity, with its scalar."""

    terms: Mapping[Word, Expr]
    rows: Expr
    cols: Expr

    def matrix(self) -> MatrixExpr:
        """As a SymPy expression; what products have in common on the left is written once."""
        return _factored(self.terms, self.rows)

    def scaled(self) -> tuple[Expr, MatrixExpr]:
        """A scalar and a matrix; a single product gives all its scalars to the first."""
        if len(self.terms) == 1:
            ((word, c),) = self.terms.items()
            return c, _product(word, S.One, self.rows)
        return S.One, self.matrix()


def linear_form(expr: MatrixExpr) -> dict[MatrixLetter, Coefficient]:
    """Return the coefficient of every random vector and signal in a column that is linear in them.

    Raises
    ------
    derive.errors.NotRationalError
        The column is not linear in them, or holds a term with none of them.
    derive.errors.ParameterError
        Two random vectors have one name.

    Examples
    --------
    >>> from sympy import Identity, Symbol
    >>> from derive import Gaussian, RandomVector, dimensions
    >>> from derive.learning.linear import linear_form
    >>> n, d = dimensions("n d")
    >>> lam, X = Symbol("lambda"), Gaussian("X", n, d)
    >>> w, e = RandomVector("w", d, Identity(d)/d), RandomVector("e", n, Identity(n))
    >>> R = (X.T*X + lam*Identity(d)).I
    >>> {v: a.matrix() for v, a in linear_form(R*X.T*(X*w + e) - w).items()}
    {w: (-lambda)*(lambda*I + X.T*X)**(-1), e: (lambda*I + X.T*X)**(-1)*X.T}
    """
    if not isinstance(expr, MatrixExpr) or expr.shape[1] != 1:
        raise DimensionError(f"expected a column, linear in random vectors, got {expr!r}")
    found: dict[MatrixLetter, dict[Word, Expr]] = {}
    for word, c in _words(expr).items():
        vector = word[-1] if word else None
        if not _is_vector(vector) or any(factor.atoms(RandomVector) for factor in word[:-1]):
            term = MatMul(*word) if word else expr
            raise NotRationalError(
                f"{c * term} in {expr} is not linear in a random vector or a Signal: the labels of a linear model "
                "are X*w + noise"
            )
        assert isinstance(vector, MatrixLetter)
        terms = found.setdefault(vector, {})
        terms[word[:-1]] = terms.get(word[:-1], S.Zero) + c
    names: dict[str, MatrixLetter] = {}
    for vector in found:
        if names.setdefault(vector.name, vector) != vector:
            raise ParameterError(f"two different vectors are called {vector.name}; give each its own name")
    short = {v: _shortened({w: c for w, c in terms.items() if c != 0}) for v, terms in found.items()}
    return {v: Coefficient(terms, expr.shape[0], v.shape[0]) for v, terms in short.items() if terms}


def _product(word: Word, c: Expr, rows: Expr) -> MatrixExpr:
    product = MatMul(*word).doit() if word else Identity(rows)
    return product if c == 1 else c * product


def _plain(terms: Mapping[Word, Expr], rows: Expr) -> MatrixExpr:
    products = [_product(word, c, rows) for word, c in terms.items()]
    return products[0] if len(products) == 1 else MatAdd(*products).doit()


def _factored(terms: Mapping[Word, Expr], rows: Expr) -> MatrixExpr:
    groups: dict[MatrixExpr | None, dict[Word, Expr]] = {}
    for word, c in terms.items():
        groups.setdefault(word[0] if word else None, {})[word] = c
    products = []
    for group in groups.values():
        words = list(group)
        together = takewhile(lambda column: len(set(column)) == 1, zip(*words, strict=False))
        shared = 0 if len(words) == 1 else len(list(together))
        # cut where what is left is a sum that stands inside an inverse as well: one name serves both
        known = {node for f in words[0][:shared] for node in preorder_traversal(f) if isinstance(node, MatAdd)}
        left = {k: _plain({w[k:]: c for w, c in group.items()}, words[0][k - 1].cols) for k in range(1, shared + 1)}
        cut = next((k for k in left if left[k] in known), shared)
        products.append(MatMul(*words[0][:cut], left[cut]).doit() if cut else _plain(group, rows))
    return products[0] if len(products) == 1 else MatAdd(*products)


def _is_vector(factor: object) -> bool:
    return isinstance(factor, RandomVector | Signal)


def _words(expr: MatrixExpr) -> dict[Word, Expr]:
    """Multiply out sums and products; inverses and powers stay as they are."""
    if isinstance(expr, ZeroMatrix):
        return {}
    if isinstance(expr, Identity):
        return {(): S.One}
    if isinstance(expr, MatAdd):
        total: dict[Word, Expr] = {}
        for arg in expr.args:
            for word, c in _words(arg).items():
                total[word] = total.get(word, S.Zero) + c
        return {word: c for word, c in total.items() if c != 0}
    if isinstance(expr, MatMul):
        scalar = Mul(*[a for a in expr.args if not isinstance(a, MatrixExpr)])
        product: dict[Word, Expr] = {(): scalar}
        for arg in expr.args:
            if not isinstance(arg, MatrixExpr):
                continue
            longer: dict[Word, Expr] = {}
            for left, c in product.items():
                for right, k in _words(arg).items():
                    longer[left + right] = longer.get(left + right, S.Zero) + c * k
            product = longer
        return {word: c for word, c in product.items() if c != 0}
    if isinstance(expr, Transpose | Adjoint) and isinstance(expr.arg, MatAdd | MatMul):
        return {tuple(type(expr)(f).doit() for f in reversed(word)): c for word, c in _words(expr.arg).items()}
    if isinstance(expr, MatPow) and not isinstance(expr, Inverse) and expr.exp.is_Integer and expr.exp > 1:
        return _words(MatMul(*[expr.base] * int(expr.exp), evaluate=False))
    return {(expr,): S.One}


def _shortened(terms: dict[Word, Expr]) -> dict[Word, Expr]:
    """Use the resolvent identity as long as it leaves fewer products."""
    while True:
        candidates = (_resolved(terms, word, i) for word in terms for i, factor in enumerate(word) if _inverted(factor))
        shorter = next((found for found in candidates if found is not None and _size(found) < _size(terms)), None)
        if shorter is None:
            return terms
        terms = shorter


def _size(terms: dict[Word, Expr]) -> tuple[int, int]:
    """Products, then factors."""
    return len(terms), sum(map(len, terms))


def _inverted(factor: MatrixExpr) -> MatrixExpr | None:
    return factor.args[0] if isinstance(factor, Inverse) else None


def _resolved(terms: dict[Word, Expr], word: Word, position: int) -> dict[Word, Expr] | None:
    """``sum_j c L A^-1 a_j`` over some terms ``a_j`` of A is ``c L`` minus the same sum over the others."""
    arg = _inverted(word[position])
    assert arg is not None
    parts = _words(arg)
    head, tail = word[: position + 1], word[position + 1 :]
    for first, scalar in parts.items():
        if not first or tail[: len(first)] != first:
            continue
        rest, c = tail[len(first) :], terms[word] / scalar
        new = dict(terms)
        for part, k in parts.items():
            _add(new, head + part + rest, -c * k)
        _add(new, word[:position] + rest, c)
        return new
    return None


def _add(terms: dict[Word, Expr], word: Word, c: Expr) -> None:
    total = sympify(terms.get(word, S.Zero) + c).expand()
    if total == 0:
        terms.pop(word, None)
    else:
        terms[word] = total
