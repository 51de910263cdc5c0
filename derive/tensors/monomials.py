"""Polynomial systems in batches: all monomials at once, instead of one instruction after the other.

A tensor system of several estimators has a thousand terms and a batch of a few points: the time of an interpreter goes
into its steps and not into arithmetic. Here the variables are gathered into one array (terms, degree, batch),
multiplied from both ends for the derivatives, and summed into residuals and Jacobian by two sparse matrices.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from scipy.sparse import csr_array
from sympy import Add, Expr, Mul, Symbol, expand, preorder_traversal

from ..lower.algebra import Algebra
from ..lower.arrays import ArrayKind
from ..lower.program import compile_program

__all__ = ["PolynomialSystem"]

# numbers in one gathered array
_CHUNK = 1 << 21


class PolynomialSystem:
    """Polynomials in ``variables``, whose coefficients are expressions of other symbols.

    Expressions that are no polynomials, as a changed equation may be, go through an ordinary program.

    Examples
    --------
    >>> import numpy as np
    >>> from sympy import symbols
    >>> from derive.tensors.monomials import PolynomialSystem
    >>> x, y, c = symbols("x y c")
    >>> value, slope = PolynomialSystem([x**2*y + c, c*y], [x, y]).at(np.array([[2.0, 3.0]]), {c: 5.0})
    >>> value.tolist(), slope.tolist()
    ([[17.0, 15.0]], [[[12.0, 4.0], [0.0, 5.0]]])
    """

    def __init__(self, exprs: Sequence[Expr], variables: Sequence[Symbol]):
        self.rows, self.width, self.variables = len(exprs), len(variables), tuple(variables)
        coefficients: dict[Expr, int] = {}
        terms: list[tuple[int, int, list[int]]] = []
        self.others: list[int] = []
        for row, expr in enumerate(exprs):
            monomials = _monomials(expr, self.variables)
            if monomials is None:
                self.others.append(row)
                continue
            for rest, factors in monomials:
                terms.append((row, coefficients.setdefault(rest, len(coefficients)), list(factors)))
        self.rest = compile_program([exprs[row] for row in self.others])
        self.program = compile_program(list(coefficients))
        self.coefficient = np.array([c for _, c, _ in terms], dtype=int)
        degree = max([1, *(len(f) for _, _, f in terms)])
        # the variable after the last one is the number 1
        padded = [f + [self.width] * (degree - len(f)) for _, _, f in terms]
        self.index = np.array(padded, dtype=int).reshape(-1, degree)
        owner = np.array([r for r, _, _ in terms], dtype=int)
        count = len(terms)
        self.sums = csr_array((np.ones(count), (owner, np.arange(count))), shape=(self.rows, count))
        term, position = np.nonzero(self.index < self.width)
        entry = owner[term] * self.width + self.index[term, position]
        self.slopes = csr_array(
            (np.ones(len(term)), (entry, term * degree + position)), shape=(self.rows * self.width, count * degree)
        )

    def at(self, x: np.ndarray, env: Mapping[Symbol, Any]) -> tuple[np.ndarray, np.ndarray]:
        """Values (batch, rows) and derivatives (batch, rows, variables) at ``x`` (batch, variables)."""
        batch = len(x)
        found = self.program.run(dict(env), Algebra(ArrayKind(np), {}, {}))
        numbers = np.empty((len(found), batch))
        for k, v in enumerate(found):
            numbers[k] = v
        value = np.empty((batch, self.rows))
        slope = np.empty((batch, self.rows, self.width))
        length = max(1, _CHUNK // max(1, self.index.size))
        for first in range(0, batch, length):
            part = slice(first, first + length)
            value[part], slope[part] = self._chunk(x[part], numbers[:, part])
        if self.others:
            inputs = dict(env) | dict(zip(self.variables, x.T, strict=True))
            found, rows = self.rest.jacobian(inputs, Algebra(ArrayKind(np), {}, {}), self.variables)
            for row, v, derivatives in zip(self.others, found, rows, strict=True):
                value[:, row] = v
                for j, entry in enumerate(derivatives):
                    slope[:, row, j] = entry
        return value, slope

    def _chunk(self, x: np.ndarray, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        batch = len(x)
        columns = np.concatenate([x.T, np.ones((1, batch))])
        factors = columns[self.index]  # (terms, degree, batch)
        degree = factors.shape[1]
        others = np.empty_like(factors)
        others[:, 0] = numbers[self.coefficient]
        for k in range(1, degree):
            others[:, k] = others[:, k - 1] * factors[:, k - 1]
        total = others[:, -1] * factors[:, -1]
        after = factors[:, -1].copy()
        for k in range(degree - 2, -1, -1):
            others[:, k] *= after
            after *= factors[:, k]
        value = (self.sums @ total).T
        slope = (self.slopes @ others.reshape(-1, batch)).T.reshape(batch, self.rows, self.width)
        return value, slope


@lru_cache(maxsize=4096)
def _monomials(expr: Expr, variables: tuple[Symbol, ...]) -> tuple[tuple[Expr, tuple[int, ...]], ...] | None:
    """Terms as a coefficient and the places of the variables, with repetition; None where there is another function."""
    place = {v: k for k, v in enumerate(variables)}
    for node in preorder_traversal(expr):
        plain = node.is_Add or node.is_Mul or node.is_Symbol or node.free_symbols.isdisjoint(place)
        if not plain and not (node.is_Pow and node.exp.is_Integer and node.exp.is_positive):
            return None
    out = []
    for term in Add.make_args(expand(expr)):
        factors: list[int] = []
        rest: list[Expr] = []
        for factor in Mul.make_args(term):
            base, power = factor.as_base_exp()
            if base in place:
                factors += [place[base]] * int(power)
            else:
                rest.append(factor)
        out.append((Mul(*rest), tuple(factors)))
    return tuple(out)
