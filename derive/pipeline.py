"""The order of the passes, on one screen.

    read -> pencil -> Dyson equation -> merge -> eliminate -> reduce -> system

Every intermediate object is kept in the :class:`Derivation`, so that it can be printed, tested and shown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from sympy import Basic, Expr, MatAdd, MatMul, MatPow, MatrixExpr, Symbol, ZeroMatrix, sympify

from .dyson import DysonEquation, dyson_equation
from .eliminate import Elimination, eliminate
from .errors import CommutationError, DimensionError, NotRationalError, ResolventError
from .field import Field, Fraction
from .merge import merge_equal
from .nodes import Eye, Letter, Node, Prod, Sum
from .pencil import Pencil, build_pencil
from .read import Functional, Reader
from .reduce import Reduced, output_poly, reduce_system, unreduced
from .regime import Regime, read_regime
from .ring import Poly, Ring, word_key
from .scan import check_scalars, dimensions_of, letters_of, square_roots
from .symbols import Deterministic, Free, FreeMatrix, MatrixLetter, RandomMatrix, Signal
from .system import System, to_system

__all__ = ["Derivation", "Problem", "derive_matrix", "derive_scalars", "read_problem"]


@dataclass(frozen=True)
class Problem:
    """What the user asked, checked: letters, regime, declared products and families."""

    letters: tuple[MatrixLetter, ...]
    regime: Regime
    inner: Mapping[frozenset[Signal], Expr]
    commuting: tuple[tuple[Deterministic, ...], ...]
    declared: Mapping[tuple[Signal, Signal], Expr]
    where: Mapping[Symbol, Expr] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Derivation:
    """Every object a pass returned, in order."""

    problem: Problem
    quantities: Mapping[str, Expr]
    functionals: tuple[Functional, ...]
    ring: Ring
    pencil: Pencil
    paired: DysonEquation
    equation: DysonEquation
    merged: Mapping[int, int]
    elimination: Elimination
    unreduced: Mapping[int, Fraction]
    reduced: Reduced
    outputs: tuple[Poly, ...]
    placeholders: Mapping[str, Expr]

    @cached_property
    def system(self) -> System:
        """The reduced system in SymPy (named, so converted only when somebody looks)."""
        field = self.ring.field
        solved = {Symbol(name): field.to_sympy(value) for name, value in self.reduced.values.items()}
        values = {name: _place(expr, solved) for name, expr in self.placeholders.items()}
        taken = {s.name for s in field_symbols(self)} | {letter.name for letter in self.problem.letters}
        also = [field.to_sympy(c) for c in _inside(self.ring, self.outputs[0]).values()] if self.is_matrix else []
        return to_system(self.ring, self.reduced, values, taken, also)

    @cached_property
    def lettered(self) -> list[MatrixLetter]:
        """Matrices and signals whose law evaluation needs: a signal only where it meets a deterministic matrix."""
        met = {f.matrix for word in self.ring.forms.values() for f in word if isinstance(f, Letter) and f.is_signal}
        return [m for m in self.problem.letters if isinstance(m, Deterministic | Free) or m in met]

    @property
    def is_matrix(self) -> bool:
        """The quantity is a matrix: its deterministic equivalent was asked for."""
        return not any(name.startswith("_V_") or name in self.quantities for name in self.placeholders)

    @cached_property
    def matrix(self) -> MatrixExpr:
        """The deterministic equivalent of a matrix quantity, coefficients reduced and unknowns named."""
        field, (poly,) = self.ring.field, self.outputs
        words = sorted(poly.terms.items(), key=lambda item: word_key(item[0]))
        terms = []
        for k, (word, _) in enumerate(words):
            coefficient = self.system.values[f"_C{k}"]
            matrix = self.ring.word_to_sympy(word, poly.rows)
            terms.append(matrix if coefficient == 1 else MatMul(coefficient, matrix))
        if not terms:
            return ZeroMatrix(poly.rows.label, poly.cols.label)
        total = MatAdd(*terms) if len(terms) > 1 else terms[0]
        names = self.system.names
        hidden = {field.meaning(v): field.to_sympy(e) for v, e in reversed(self.reduced.definitions)}
        for symbol, expr in hidden.items():
            if symbol not in names:
                total = total.xreplace({symbol: expr})
        return total.xreplace(dict(names))


def _place(expr: Expr, solved: Mapping[Expr, Expr]) -> Expr:
    return expr.xreplace(dict(solved))


def field_symbols(derivation: Derivation) -> set[Symbol]:
    """Symbols of the user that occur anywhere in the quantities, the regime or the declared products."""
    out: set[Symbol] = set()
    for expr in (*derivation.quantities.values(), *derivation.problem.inner.values()):
        out |= {s for s in expr.free_symbols if isinstance(s, Symbol)}
    for ratio in derivation.problem.regime.ratios.values():
        out |= {s for s in ratio.free_symbols if isinstance(s, Symbol)}
    for letter in derivation.problem.letters:
        for arg in letter.args:
            out |= {s for s in arg.free_symbols if isinstance(s, Symbol)}
    return out


def read_problem(
    exprs: Iterable[Basic], regime: Mapping, inner: Mapping | None, commuting: Iterable[Iterable] | None
) -> Problem:
    """Check what was declared; conflicts raise."""
    exprs = list(exprs)
    _check_degrees(exprs)
    letters = letters_of(exprs)
    if not any(isinstance(letter, RandomMatrix | FreeMatrix) for letter in letters):
        raise ResolventError("the expression contains no random matrix; there is no limit to derive")
    space_of = read_regime(regime, dimensions_of(exprs))
    if not isinstance(inner or {}, Mapping):
        raise ResolventError(f"inner products are declared as a mapping {{(u, v): rho}}, got {inner!r}")
    check_scalars([*exprs, *(inner or {}).values(), *space_of.ratios, *space_of.ratios.values()], letters)
    products: dict[frozenset[Signal], Expr] = {}
    for pair, value in (inner or {}).items():
        if not (isinstance(pair, tuple) and len(pair) == 2 and all(isinstance(s, Signal) for s in pair)):
            raise ResolventError(f"inner products are declared as {{(u, v): rho}} with two Signals, got the key {pair}")
        u, v = pair
        if space_of.space(u.shape[0]) != space_of.space(v.shape[0]):
            raise DimensionError(
                f"{u.name} has dimension {u.shape[0]} and {v.name} {v.shape[0]}: they have no inner product"
            )
        if u == v:
            raise ResolventError(f"the squared norm of {u.name} is declared by Signal('{u.name}', ..., norm2=...)")
        value = sympify(value)
        norm = space_of.growth(u.norm2)[1] + space_of.growth(v.norm2)[1]
        coefficient, power = space_of.growth(value) if value != 0 else (value, norm / 2)
        if power != norm / 2:
            raise DimensionError(
                f"the inner product of {u.name} and {v.name} is of order {space_of.base}**({norm / 2}), "
                f"but {value} is of order {space_of.base}**({power})"
            )
        if products.setdefault(frozenset(pair), coefficient) != coefficient:
            raise ResolventError(f"the inner product of {u.name} and {v.name} is declared twice with different values")
    families = []
    seen: set[MatrixLetter] = set()
    for family in read_families(commuting):
        for letter in family:
            if not isinstance(letter, Deterministic) or not letter.is_hermitian_matrix:
                raise CommutationError(
                    f"{letter} cannot be declared to commute: only symmetric Deterministic matrices can"
                )
            if letter in seen:
                raise CommutationError(
                    f"{letter.name} is in two commuting families; declare one family with all of them"
                )
            seen.add(letter)
        families.append(family)
    declared = {pair: sympify(value) for pair, value in (inner or {}).items()}
    return Problem(letters, space_of, products, tuple(families), declared)


def _check_degrees(exprs: Iterable[Basic]) -> None:
    """A power whose exponent is a symbol has no pencil: its number of factors is not bounded."""
    for expr in exprs:
        for power in expr.atoms(MatPow):
            if power.exp.free_symbols:
                raise NotRationalError(
                    f"{power} is a product of unbounded degree: the exponent {power.exp} is not an integer; take the "
                    f"limit for a number in its place, for example {power.base}**3"
                )


def read_families(commuting: Iterable[Iterable] | None) -> list[tuple]:
    """Return the families of ``commuting=``, a list of tuples of matrices."""
    expected = "commuting= is a list of families, each a tuple of matrices, for example commuting=[(A, B)]"
    # a SymPy matrix can be iterated over too, to no sense
    is_list = lambda x: isinstance(x, Iterable) and not isinstance(x, MatrixExpr | Mapping | str)  # noqa: E731
    if not is_list(commuting or ()):
        raise CommutationError(f"{expected}; got {commuting}")
    groups = list(commuting or ())
    for group in groups:
        if not is_list(group):
            raise CommutationError(f"{expected}; got {group} in place of a family")
    return [tuple(group) for group in groups]


def _scalars(node: Node) -> set[Expr]:
    if isinstance(node, Letter):
        return {node.rows.size, node.cols.size}
    if isinstance(node, Eye):
        return {node.coeff, node.rows.size}
    if isinstance(node, Prod):
        return {node.coeff}.union(*(_scalars(f) for f in node.factors))
    if isinstance(node, Sum):
        return set().union(*(_scalars(t) for t in node.terms))
    return _scalars(node.arg)


def _ring(problem: Problem, scalars: Iterable[Expr], spare: int) -> Ring:
    regime = problem.regime
    every = set(scalars) | set(regime.ratios.values()) | set(problem.inner.values())
    for letter in problem.letters:
        if isinstance(letter, RandomMatrix):
            every.add(regime.growth(letter.variance)[0])
        elif isinstance(letter, Signal):
            every.add(regime.growth(letter.norm2)[0])
    return Ring(Field(every, spare), regime, problem.commuting, problem.inner)


def _growing_ranges():
    # a field has a fixed number of generators; start small because small monomials are fast
    yield from (40, 160, 640)


# what else is read off the eliminated pencil, in the same unknowns: name -> value
Extra = Callable[[Ring, DysonEquation, Elimination], Mapping[str, Fraction]]


def derive_scalars(quantities: Mapping[str, Expr], problem: Problem, extra: Extra | None = None) -> Derivation:
    """Run the passes on scalar quantities (traces and bilinear forms), and on the ``extra`` values of the pencil."""
    reader = Reader(problem.regime, square_roots(quantities.values()))
    placeholders: dict[str, Expr] = {}
    functionals: list[Functional] = []
    for name, expr in quantities.items():
        value, found = reader.quantity(expr, len(functionals))
        if not found:
            raise ResolventError(f"{expr} contains no trace and no bilinear form, so there is no limit to take")
        placeholders[name] = value
        functionals.extend(found)
    scalars = set(placeholders.values()).union(*(_scalars(f.node) for f in functionals))
    for spare in _growing_ranges():
        try:
            return _run(quantities, problem, tuple(functionals), placeholders, _ring(problem, scalars, spare), extra)
        except OverflowError:
            continue
    raise ResolventError("the expression needs more than 640 unknowns and traces; split it into smaller quantities")


def _run(
    quantities: Mapping[str, Expr],
    problem: Problem,
    functionals: tuple[Functional, ...],
    placeholders: Mapping[str, Expr],
    ring: Ring,
    extra: Extra | None = None,
) -> Derivation:
    """The passes, in order; ``placeholders`` is empty when the quantity is a matrix."""
    pencil = build_pencil(ring, [f.node for f in functionals])
    paired = dyson_equation(ring, pencil, problem.regime)
    equation, merged = merge_equal(ring, paired)
    elimination = eliminate(ring, equation)
    rhs = unreduced(ring, equation, elimination)
    outputs = tuple(
        output_poly(ring, equation, elimination, output, low_rank=not placeholders) for output in pencil.outputs
    )
    values, shown = _values(ring, functionals, outputs, placeholders) if placeholders else _coefficients(ring, *outputs)
    for name, value in extra(ring, equation, elimination).items() if extra is not None else ():
        values[f"_V_{name}"], shown[name] = value, Symbol(f"_V_{name}")
    prefer = [t.position for t in equation.taus if t.row == t.col and pencil.blocks[t.row].kind == "inverse"]
    reduced = reduce_system(ring, rhs, values, prefer)
    return Derivation(
        problem,
        quantities,
        functionals,
        ring,
        pencil,
        paired,
        equation,
        merged,
        elimination,
        rhs,
        reduced,
        outputs,
        shown,
    )


def _values(
    ring: Ring, functionals: tuple[Functional, ...], outputs: tuple[Poly, ...], placeholders: Mapping[str, Expr]
) -> tuple[dict[str, Fraction], dict[str, Expr]]:
    """Rational quantities become one fraction each; others keep their functionals apart."""
    field = ring.field
    limits: dict[Expr, Fraction] = {}
    for functional, poly in zip(functionals, outputs, strict=True):
        if functional.is_form:
            limits[functional.symbol] = poly.scalar() or field.zero
        else:
            limits[functional.symbol] = ring.trace(poly) / field.from_sympy(poly.rows.size)
    values: dict[str, Fraction] = {}
    shown: dict[str, Expr] = {}
    for name, expr in placeholders.items():
        mine = {s: limits[s] for s in expr.free_symbols if s in limits}
        if expr.is_rational_function(*mine):
            fraction = field.from_sympy(expr)
            values[f"_V_{name}"] = field.subs(fraction, {field.position(s): f for s, f in mine.items() if s in field})
            shown[name] = Symbol(f"_V_{name}")
        else:
            for s, f in mine.items():
                values[s.name] = f
            shown[name] = expr
    return values, shown


def _coefficients(ring: Ring, poly: Poly) -> tuple[dict[str, Fraction], dict[str, Expr]]:
    """Of a matrix: the coefficient of every word is a value; what is inside the inverses must be kept."""
    words = sorted(poly.terms.items(), key=lambda item: word_key(item[0]))
    values = {f"_C{k}": c for k, (_, c) in enumerate(words)}
    return values | _inside(ring, poly), {name: Symbol(name) for name in values}


def derive_matrix(expr: MatrixExpr, problem: Problem) -> Derivation:
    """Run the passes on a matrix; the derivation's ``matrix`` is its deterministic equivalent."""
    reader = Reader(problem.regime, square_roots([expr]))
    node, power = reader.matrix(expr)
    if power != 0:
        raise DimensionError(f"{expr} is of order {problem.regime.base}**{power}; normalise it to order one")
    functional = Functional(Symbol("_F0"), node, False, power, expr)
    for spare in _growing_ranges():
        try:
            return _run({"value": expr}, problem, (functional,), {}, _ring(problem, _scalars(node), spare))
        except OverflowError:
            continue
    raise ResolventError("the expression needs more than 640 unknowns and traces; split it into smaller quantities")


def _inside(ring: Ring, poly: Poly) -> dict[str, Fraction]:
    """Coefficients inside the inverse atoms of a polynomial, as values the reduction must keep."""
    out: dict[str, Fraction] = {}
    pending = [poly]
    while pending:
        a = pending.pop()
        for word in a.terms:
            for factor in word:
                if not isinstance(factor, Letter):
                    pending.append(factor.arg)
                    for c in factor.arg.terms.values():
                        out[f"_I{len(out)}"] = c
    return out
