"""Read a SymPy tree defensively into the engine's nodes: shapes checked, transposes pushed down, scales factored out.

Third stage. In: what the user wrote. Out: nodes whose letters are normalised (variances of order 1/dimension, signals
of order-one norm) together with the power of the base dimension that was factored out, so that ``X X'/n`` with
entries of variance one and ``X X'`` with entries of variance 1/n become the same node. SymPy checks no symbolic
dimension, so every sum, product, trace and inverse is checked here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sympy import (
    Basic,
    Expr,
    Integer,
    MatAdd,
    MatMul,
    MatPow,
    MatrixExpr,
    Mul,
    Pow,
    S,
    Symbol,
    Trace,
)
from sympy.matrices.expressions import Adjoint, Identity, Inverse, Transpose, ZeroMatrix
from sympy.matrices.expressions.matexpr import MatrixElement

from .errors import DimensionError, NotRationalError, ParameterError
from .nodes import Eye, Inv, Letter, Node, Prod, Sum, adjoint_of, sort_key
from .regime import Regime, Space
from .symbols import Deterministic, Free, FreeMatrix, Haar, MatrixLetter, RandomMatrix, Signal

__all__ = ["Functional", "Reader"]


@dataclass(frozen=True)
class Functional:
    """One trace or bilinear form inside a quantity; ``scale`` is its power of the base dimension."""

    symbol: Symbol
    node: Node
    is_form: bool
    scale: Expr
    source: Expr


class Reader:
    """Reads matrix expressions in one regime; remembers nothing but the regime and what was declared."""

    def __init__(self, regime: Regime, roots: frozenset[Deterministic | Free] = frozenset()):
        self.regime = regime
        self._roots = roots

    # -- matrices -------------------------------------------------------------------------------------------------
    def matrix(self, expr: Basic) -> tuple[Node, Expr]:
        """The node of ``expr`` and the power of the base dimension factored out of it."""
        if isinstance(expr, MatrixLetter):
            return self._letter(expr)
        if isinstance(expr, Identity):
            space = self._space(expr.shape[0])
            if space.finite and space.size != 1:
                raise DimensionError(f"{expr} has the fixed dimension {space}; the limits here are of growing matrices")
            return Eye(space), S.Zero
        if isinstance(expr, ZeroMatrix):
            raise NotRationalError(f"{expr} is a zero matrix; leave it out of the expression")
        if isinstance(expr, (Transpose, Adjoint)):
            node, power = self.matrix(expr.arg)
            return adjoint_of(node, "T" if isinstance(expr, Transpose) else "H"), power
        if isinstance(expr, Inverse):
            return self._inverse(expr.arg)
        if isinstance(expr, MatPow):
            return self._power(expr)
        if isinstance(expr, MatAdd):
            return self._sum(expr)
        if isinstance(expr, MatMul):
            return self._product(expr)
        if type(expr).__name__ == "conjugate":
            node, power = self.matrix(expr.args[0])
            return adjoint_of(node, "C"), power
        kind = type(expr).__name__
        raise NotRationalError(
            f"{expr} is a {kind}: only sums, products, transposes, adjoints, inverses and integer powers of matrices "
            f"have a limit here; write it as a rational expression"
            + (" (write the blocks as separate matrices)" if "Block" in kind else "")
        )

    def _space(self, dim: Expr) -> Space:
        return self.regime.space(dim)

    def _letter(self, letter: MatrixLetter) -> tuple[Node, Expr]:
        rows, cols = (self._space(d) for d in letter.shape)
        power: Expr = S.Zero
        if isinstance(letter, RandomMatrix):
            if rows.finite or cols.finite:
                raise DimensionError(
                    f"{letter.name} has the fixed dimension {rows if rows.finite else cols}; a random matrix needs two "
                    f"growing dimensions (write a random vector as a Signal if only its norm matters)"
                )
            if letter.variance.is_extended_nonpositive or letter.variance.is_real is False:
                raise ParameterError(f"the variance of {letter.name} must be positive, got {letter.variance}")
            _, k = self.regime.growth(letter.variance)
            power = (1 + k) / 2
        elif isinstance(letter, Signal):
            _, k = self.regime.growth(letter.norm2)
            power = k / 2
        elif isinstance(letter, FreeMatrix) and rows.finite:
            raise DimensionError(
                f"{letter.name} has the fixed dimension {rows}; a {type(letter).__name__} matrix needs a growing one"
            )
        elif rows.finite or cols.finite:
            raise DimensionError(
                f"{letter.name} has the fixed dimension {rows if rows.finite else cols}; write each of its "
                f"{'rows' if rows.finite else 'columns'} as a Signal"
            )
        if letter in self._roots:
            # every Sigma is written as the square of Sigma^(1/2), so that one letter serves both
            root = Letter(letter, "", rows, cols, root=True)
            return Prod((root, root)), power
        return Letter(letter, "", rows, cols), power

    def _inverse(self, arg: Basic) -> tuple[Node, Expr]:
        node, power = self.matrix(arg)
        if node.rows != node.cols:
            raise DimensionError(f"({arg}) is {node.rows} x {node.cols}: only a square matrix has an inverse")
        if isinstance(node, Eye):
            return Eye(node.rows, 1 / node.coeff), -power
        if isinstance(node, Inv):
            return node.arg, -power
        if _is_haar(node):
            return adjoint_of(node, "H"), -power
        if isinstance(node, Prod) and node.coeff != 1:
            # (c M)^-1 = M^-1 / c keeps scalars out of the pencil
            inner = node.factors[0] if len(node.factors) == 1 else Prod(node.factors)
            return Prod((Inv(inner),), 1 / node.coeff), -power
        return Inv(node), -power

    def _power(self, expr: MatPow) -> tuple[Node, Expr]:
        base, exponent = expr.args
        node: Node
        if isinstance(base, Deterministic | Free) and exponent.is_Rational and exponent.q == 2:
            if not base.is_positive_matrix:
                raise NotRationalError(
                    f"{expr}: a square root needs a positive matrix; declare "
                    f"{type(base).__name__}('{base.name}', ..., positive=True)"
                )
            rows, cols = (self._space(d) for d in base.shape)
            node = Letter(base, "", rows, cols, root=True)
            power, count = S.Zero, int(2 * exponent)
        elif exponent.is_Integer:
            node, power = self.matrix(base)
            count = int(exponent)
        else:
            raise NotRationalError(f"{expr} is not a rational function: the exponent {exponent} is not an integer")
        if node.rows != node.cols:
            raise DimensionError(f"({base}) is {node.rows} x {node.cols}: only a square matrix has powers")
        if count < 0:
            node, power = (Inv(node), -power) if isinstance(node, Sum) else self._inverse(base)
            count = -count
        return self._times([node] * count), power * count

    def _sum(self, expr: MatAdd) -> tuple[Node, Expr]:
        parts: list[tuple[Node, Expr, Basic]] = []
        for arg in expr.args:
            if isinstance(arg, MatrixExpr):
                parts.append((*self.matrix(arg), arg))
            else:
                raise DimensionError(f"the sum {expr} mixes matrices with the scalar {arg}; write {arg}*Identity(...)")
        first = parts[0]
        for node, _, arg in parts[1:]:
            if (node.rows, node.cols) != (first[0].rows, first[0].cols):
                raise DimensionError(
                    f"cannot add {first[2]}, which is {first[0].rows} x {first[0].cols}, and {arg}, which is "
                    f"{node.rows} x {node.cols}"
                )
        powers = {power for _, power, _ in parts}
        if len(powers) > 1:
            base = self.regime.base
            small = min(parts, key=lambda part: part[1])
            large = max(parts, key=lambda part: part[1])
            raise DimensionError(
                f"in {expr} the terms have different orders of magnitude: {large[2]} is of order {base}**{large[1]}, "
                f"{small[2]} of order {base}**{small[1]}; rescale one of them (entries of variance 1 go with "
                f"{large[2]}/{base})"
                if large[1] - small[1] == 1
                else f"in {expr} the terms have different orders of magnitude: {large[2]} is of order "
                f"{base}**{large[1]}, "
                f"{small[2]} of order {base}**{small[1]}; rescale one of them"
            )
        return self.collect([node for node, _, _ in parts]), first[1]

    def collect(self, nodes: Iterable[Node]) -> Node:
        """A flat sorted sum with equal terms merged."""
        coeffs: dict[Node, Expr] = {}
        pending = list(nodes)
        while pending:
            node = pending.pop(0)
            if isinstance(node, Sum):
                pending = list(node.terms) + pending
                continue
            c: Expr = S.One
            if isinstance(node, Prod):
                core: Node = Prod(node.factors) if len(node.factors) > 1 else node.factors[0]
                core, c = core, node.coeff
            elif isinstance(node, Eye):
                core, c = Eye(node.rows), node.coeff
            else:
                core = node
            coeffs[core] = coeffs.get(core, S.Zero) + c
        terms = [self.scale(core, c) for core, c in coeffs.items() if c != 0]
        if not terms:
            raise NotRationalError("a sum of matrices in the expression is identically zero")
        terms.sort(key=sort_key)
        return terms[0] if len(terms) == 1 else Sum(tuple(terms))

    def scale(self, node: Node, c: Expr) -> Node:
        if c == 1:
            return node
        if isinstance(node, Eye):
            return Eye(node.rows, node.coeff * c)
        if isinstance(node, Prod):
            return self._normal(Prod(node.factors, node.coeff * c))
        return Prod((node,), c)

    def _normal(self, node: Prod) -> Node:
        return node.factors[0] if len(node.factors) == 1 and node.coeff == 1 else node

    def _times(self, nodes: list[Node]) -> Node:
        """A flat product; identities disappear into the coefficient, ``U U*`` of a Haar matrix among them."""
        coeff: Expr = S.One
        factors: list[Node] = []
        for node in nodes:
            if isinstance(node, Eye):
                coeff *= node.coeff
                continue
            if isinstance(node, Prod):
                coeff *= node.coeff
            for factor in node.factors if isinstance(node, Prod) else (node,):
                if factors and _is_haar(factor) and factors[-1] == adjoint_of(factor, "H"):
                    factors.pop()
                else:
                    factors.append(factor)
        if not factors:
            return Eye(nodes[0].rows, coeff)
        return self._normal(Prod(tuple(factors), coeff))

    def _product(self, expr: MatMul) -> tuple[Node, Expr]:
        coeff, power = S.One, S.Zero
        nodes: list[Node] = []
        previous: Basic | None = None
        for arg in expr.args:
            if not isinstance(arg, MatrixExpr):
                c, k = self.scalar(arg)
                coeff, power = coeff * c, power + k
                continue
            node, k = self.matrix(arg)
            if nodes and nodes[-1].cols != node.rows:
                raise DimensionError(
                    f"cannot multiply {previous}, which is {nodes[-1].rows} x {nodes[-1].cols}, by {arg}, which is "
                    f"{node.rows} x {node.cols}"
                )
            nodes.append(node)
            power += k
            previous = arg
        return self.scale(self._times(nodes), coeff), power

    # -- scalars --------------------------------------------------------------------------------------------------
    def scalar(self, expr: Basic) -> tuple[Expr, Expr]:
        """The order-one factor of a scalar and its power of the base dimension."""
        if not isinstance(expr, Expr) or expr.has(MatrixExpr):
            raise NotRationalError(
                f"the scalar {expr} inside a matrix expression contains a matrix; take its limit first and pass "
                "it as a symbol"
            )
        return self.regime.growth(expr)

    def quantity(self, expr: Basic, first: int = 0) -> tuple[Expr, tuple[Functional, ...]]:
        """Split a scalar quantity into an order-one function of placeholders and the functionals they stand for."""
        functionals: dict[Expr, tuple[Expr, tuple[Functional, ...]]] = {}
        counter = [first]

        def place(matrix: MatrixExpr, source: Expr) -> Expr:
            if source not in functionals:
                functionals[source] = self._functionals(matrix, source, counter)
            return functionals[source][0]

        def visit(node: Basic) -> Basic:
            if isinstance(node, Trace):
                return place(node.arg, node)
            if isinstance(node, MatrixElement):
                matrix = node.args[0]
                if getattr(matrix, "shape", None) == (1, 1):
                    return place(matrix, node)
                raise NotRationalError(
                    f"{node} is a single entry; the limits here are traces, bilinear forms (u.T*M*v, without "
                    "[0, 0]) and "
                    f"deterministic equivalents"
                )
            if isinstance(node, MatrixExpr):
                if node.shape != (1, 1):
                    raise DimensionError(
                        f"{node} is a {node.shape[0]} x {node.shape[1]} matrix, not a number; take "
                        f"Trace(...)/{node.shape[0]}, "
                        f"a form u.T*M*v, or deterministic_equivalent(...)"
                    )
                if isinstance(node, MatMul):
                    scalars = [a for a in node.args if not isinstance(a, MatrixExpr)]
                    rest = [a for a in node.args if isinstance(a, MatrixExpr)]
                    if scalars:
                        return Mul(*[visit(s) for s in scalars]) * visit(MatMul(*rest))
                if isinstance(node, MatAdd):
                    return sum((visit(a) for a in node.args), S.Zero)
                return place(node, node)
            if not node.args:
                return node
            return node.func(*[visit(a) for a in node.args])

        rewritten = visit(expr)
        flat = tuple(f for _, group in functionals.values() for f in group)
        scale = {f.symbol: f.symbol * self.regime.base**f.scale for f in flat}
        rewritten = rewritten.subs(scale, simultaneous=True) if scale else rewritten
        value, power = self._leading(rewritten, expr)
        if power != 0:
            verb = "diverges" if power > 0 else "vanishes"
            raise DimensionError(
                f"{expr} {verb} like {self.regime.base}**{power}; normalise it, for example "
                f"Trace(...)/{self.regime.base}, "
                f"or a form of vectors of order-one norm"
            )
        return value, flat

    def _leading(self, rewritten: Expr, source: Basic) -> tuple[Expr, Expr]:
        if isinstance(rewritten, (Mul, Pow)) or rewritten.func.__name__ == "Add" or not rewritten.args:
            return self.regime.growth(rewritten)
        # a function such as sqrt or Phi of limits: its arguments must each be of order one
        args = []
        for arg in rewritten.args:
            c, k = self._leading(arg, source)
            if k != 0:
                raise DimensionError(f"inside {source} the argument {arg} grows like {self.regime.base}**{k}")
            args.append(c)
        return rewritten.func(*args), S.Zero

    def _functionals(self, matrix: MatrixExpr, source: Expr, counter: list[int]) -> tuple[Expr, tuple[Functional, ...]]:
        node, power = self.matrix(matrix)
        if node.rows != node.cols:
            raise DimensionError(f"{source}: the matrix is {node.rows} x {node.cols}; only a square matrix has a trace")
        out: list[Functional] = []
        total: Expr = S.Zero
        for term in self._split(node):
            coeff: Expr = S.One
            if isinstance(term, Prod):
                coeff, term = term.coeff, self._normal(Prod(term.factors))
            elif isinstance(term, Eye):
                coeff, term = term.coeff, Eye(term.rows)
            rotated = self._rotate(term)
            is_form = rotated.rows.finite
            symbol = Symbol(f"_F{counter[0]}")
            counter[0] += 1
            size = rotated.rows.size if not is_form else Integer(1)
            out.append(Functional(symbol, rotated, is_form, power if is_form else power + 1, source))
            total += coeff * size * symbol
        return total, tuple(out)

    def _split(self, node: Node) -> Iterator[Node]:
        """Terms of a trace; a product is distributed only over sums that contain a low-rank term."""
        if isinstance(node, Sum):
            if not any(_has_signal_factor(t) for t in node.terms):
                yield node
                return
            for term in node.terms:
                yield from self._split(term)
            return
        if isinstance(node, Prod) and not node.rows.finite:
            for k, factor in enumerate(node.factors):
                if isinstance(factor, Sum) and any(_has_signal_factor(t) for t in factor.terms):
                    for term in factor.terms:
                        pieces = [*node.factors[:k], term, *node.factors[k + 1 :]]
                        yield from self._split(self.scale(self._times(pieces), node.coeff))
                    return
        yield node

    def _rotate(self, node: Node) -> Node:
        """tr(A u v' B) = v' B A u: a trace through a finite space is a form."""
        if isinstance(node, Prod) and not node.rows.finite:
            for k, factor in enumerate(node.factors):
                if factor.rows.finite:
                    return self._times([*node.factors[k:], *node.factors[:k]])
        return node


def _is_haar(node: Node) -> bool:
    return isinstance(node, Letter) and isinstance(node.matrix, Haar)


def _has_signal_factor(node: Node) -> bool:
    if isinstance(node, Prod):
        return any(f.rows.finite or f.cols.finite for f in node.factors)
    return False
