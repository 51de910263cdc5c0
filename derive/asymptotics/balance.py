"""One dominant balance: from the powers of the unknowns to the leading system, its corrections and the values.

In: a system, the powers ``t^a`` with which its unknowns move, and a point. Out: a :class:`Branch`, whose system holds
the leading coefficients. That the balance is one is proven at the point: the leading system has a solution there at
which its Jacobian is regular, so that the formal series exists and is unique (implicit function theorem).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import lcm
from typing import Any

import mpmath
from sympy import (
    Dummy,
    Expr,
    MatrixExpr,
    Rational,
    S,
    Symbol,
    Trace,
    factor_list,
    fraction,
    oo,
    together,
)

from ..field import Field
from ..lower.digits import MpKind
from ..lower.program import compile_program
from ..solve.linear import solve_dense
from ..system import System
from .branch import Branch, Point
from .cleared import cleared
from .coefficient import BITS, ONE, ZERO, Coefficient, leaf, rational, written
from .expansion import Expansion
from .series import MoreTerms, Ramified, Series

__all__ = ["NoBalance", "balance", "moving"]

_ORDERS = 7


class NoBalance(Exception):
    """The powers do not balance the equations at this point, or not with a regular leading system."""


def moving(target: Expr, direction: int, root: int) -> Series:
    """The parameter as a series in s = t^(1/root), t small and positive."""
    if target in (oo, -oo):
        return Series(-root, (rational(1 if target is oo else -1),))
    small = Series(root, (rational(direction),))
    return small if target == 0 else Series.constant(rational(target)) + small


def balance(
    system: System,
    source: int,
    parameter: tuple[Symbol, Expr, int],
    exponents: Mapping[Symbol, Rational],
    observed: Mapping[Symbol, Any],
    ratios: Mapping[Symbol, Expr],
    point: Point,
    taken: Sequence[str],
) -> Branch:
    """The branch with these exponents near the ``observed`` leading coefficients; raises :class:`NoBalance`."""
    root = lcm(1, *(int(a.q) for a in exponents.values()))
    with mpmath.workprec(BITS):
        for _ in range(3):
            try:
                return _Balance(system, source, parameter, exponents, observed, ratios, point, taken, root).branch()
            except Ramified as found:
                root *= found.args[0]
            except MoreTerms:
                raise NoBalance("the leading terms cancel to every order that was computed") from None
            except ZeroDivisionError:
                raise NoBalance("the leading system is singular") from None
    raise NoBalance("the series is in no power of the parameter")


class _Balance:
    def __init__(
        self,
        system: System,
        source: int,
        parameter: tuple[Symbol, Expr, int],
        exponents: Mapping[Symbol, Rational],
        observed: Mapping[Symbol, Any],
        ratios: Mapping[Symbol, Expr],
        point: Point,
        taken: Sequence[str],
        root: int,
    ):
        self.system, self.source, self.root, self.ratios, self.point = system, source, root, ratios, point
        self.symbol, target, direction = parameter
        self.variable = moving(target, direction, root)
        self.exponents, self.observed = dict(exponents), observed
        self.unknowns = list(system.unknowns)
        self.residuals = [cleared(r) for r in system.substituted(system.residuals)]
        self.values = dict(zip(system.values, system.substituted(list(system.values.values())), strict=True))
        self.taken = {*taken, *(str(s) for r in self.residuals for s in r.free_symbols)}
        self.leading = {u: self._name(u, 0) for u in self.unknowns}
        self.numbers: dict[Symbol, Any] = {}
        self.corrections: list[dict[Symbol, Coefficient]] = []
        self.formulas: dict[Symbol, Coefficient] = {}
        self.ranks: dict[MatrixExpr, int] = {}

    def _name(self, unknown: Symbol, order: int) -> Symbol:
        if order == 0 and self.exponents[unknown] == 0:
            return unknown
        name = f"{unknown.name}_{order}" if unknown.name[-1:].isalpha() else f"{unknown.name},{order}"
        while name in self.taken:
            name += "0"
        self.taken.add(name)
        return Symbol(name)

    # series ----------------------------------------------------------------------------------------------------------

    def _number(self, expr: Expr) -> Any:
        return self.point.finite(expr, self.numbers)

    def _expansion(self, series: Mapping[Symbol, Sequence[Coefficient]], order: int, exact: bool = False) -> Expansion:
        """Unknowns with the given coefficients; with ``exact`` what follows them is 0, otherwise unknown."""
        rules = {self.symbol: self.variable}
        for u, coefficients in series.items():
            low = int(self.exponents[u] * self.root)
            end = float("inf") if exact else low + len(coefficients)
            rules[u] = Series(low, tuple(coefficients), end)
        return Expansion(rules, self.ratios, self._number, order, self.ranks)

    def _first(self, u: Symbol) -> Coefficient:
        number = self.numbers[self.leading[u]]
        return leaf(self.leading[u], number, abs(number))

    def branch(self) -> Branch:
        if self.unknowns:
            powers, forms = self._leading_forms()
            unknowns, residuals, definitions = self._solvable(forms)
            self._solve(unknowns, residuals, definitions)
            jacobian = _with_terms(2, lambda terms: self._jacobian(powers, terms))
        else:
            unknowns, residuals, definitions, powers, jacobian = [], [], [], [], []
        for order in range(1, _ORDERS):
            if self.unknowns:
                self._correct(order, powers, jacobian)
            try:
                found = {name: self._value(expr, order + 1) for name, expr in self.values.items()}
            except MoreTerms:
                continue
            break
        else:
            raise MoreTerms
        names = {u: c[u].expr for c in self.corrections[:1] for u in self.unknowns}
        system = self._system(unknowns, residuals, definitions, found, names)
        orders = {name: Rational(low, self.root) for name, (low, _) in found.items()}
        return Branch(self.source, self.root, self.exponents, self.leading, names, system, orders)

    # the leading system ----------------------------------------------------------------------------------------------

    def _leading_forms(self) -> tuple[list[int], list[Expr]]:
        """The lowest power of every residual, and its coefficient as a form in the leading coefficients."""
        for k, u in enumerate(self.unknowns):
            # not the solution: at a generic point a coefficient vanishes only if it does identically
            self.numbers[self.leading[u]] = mpmath.mpc(mpmath.sqrt(k + 2) / 2, mpmath.sqrt(k + 3) / 3)
        series = {u: (self._first(u),) for u in self.unknowns}

        def stripped(terms: int) -> list[Series]:
            expansion = self._expansion(series, terms, exact=True)
            return [expansion.scalar(r).stripped() for r in self.residuals]

        lowest = _with_terms(2, stripped)
        if any(not s.coefficients for s in lowest):
            raise NoBalance("an equation is empty")
        return [s.low for s in lowest], [s.coefficients[0].expr for s in lowest]

    def _solvable(self, forms: list[Expr]) -> tuple[list[Symbol], list[Expr], list[tuple[Symbol, Expr]]]:
        """The factor of each form that vanishes; unknowns in which one is linear are made explicit."""
        for u in self.unknowns:
            self.numbers[self.leading[u]] = mpmath.mpmathify(self.observed[u])
        unknowns = [self.leading[u] for u in self.unknowns]
        definitions: list[tuple[Symbol, Expr]] = []
        pending = [self._vanishing(f, unknowns) for f in forms]
        while True:
            found = next(
                ((k, v, e) for k, f in enumerate(pending) for v in unknowns if (e := _explicit(f, v)) is not None), None
            )
            if found is None:
                return unknowns, pending, definitions
            k, v, expr = found
            definitions.insert(0, (v, _lowest(expr)))
            unknowns.remove(v)
            rest = [f for i, f in enumerate(pending) if i != k]
            pending = [self._vanishing(f.xreplace({v: expr}), unknowns) if f.has(v) else f for f in rest]

    def _vanishing(self, form: Expr, unknowns: Sequence[Symbol]) -> Expr:
        """The factor of the form that is closest to 0 at the observed solution."""
        traces = {Dummy(): t for t in sorted(form.atoms(Trace), key=str)}
        numerator = fraction(together(form.xreplace({t: t.arg.rows * d for d, t in traces.items()})))[0]
        back = {d: t / t.arg.rows for d, t in traces.items()}
        best: tuple[Any, Expr] | None = None
        for part, _ in factor_list(numerator)[1]:
            part = part.xreplace(back)
            if not part.free_symbols & set(unknowns):
                continue
            terms = [self._number(term) for term in part.as_ordered_terms()]
            misfit = abs(mpmath.fsum(terms)) / mpmath.fsum(abs(x) for x in terms)
            if best is None or misfit < best[0]:
                best = misfit, part
        if best is None or best[0] > 0.05:
            raise NoBalance("the leading terms of an equation do not balance")
        return best[1]

    def _solve(self, unknowns: list[Symbol], residuals: list[Expr], definitions: list[tuple[Symbol, Expr]]) -> None:
        """Newton in many digits from the observed solution."""
        if unknowns:
            program = compile_program(residuals)
            kind = MpKind(BITS)
            for _ in range(60):
                env = {**self.point.env, **self.numbers}
                value, jacobian = program.jacobian(env, self.point.algebra, unknowns)
                step = solve_dense(kind, jacobian, [-x for x in value])
                for v, d in zip(unknowns, step, strict=True):
                    self.numbers[v] += d
                if max(abs(d) for d in step) <= mpmath.mpf(2) ** (8 - BITS) * max(
                    abs(self.numbers[v]) for v in unknowns
                ):
                    break
            else:
                raise NoBalance("Newton's iteration on the leading system does not converge")
        for v, expr in definitions:
            self.numbers[v] = self._number(expr)
        for u in self.unknowns:
            seen, found = mpmath.mpmathify(self.observed[u]), self.numbers[self.leading[u]]
            if not abs(found - seen) <= 0.2 * abs(seen) or found == 0:
                raise NoBalance("the solution of the leading system is not the one that was observed")

    def _jacobian(self, powers: list[int], terms: int) -> list[list[Coefficient]]:
        """How the leading coefficient of every equation changes with the leading coefficient of every unknown."""
        columns = []
        base = self._expansion({u: (self._first(u),) for u in self.unknowns}, terms, exact=True)
        start = [base.scalar(r).at(p + 1) for r, p in zip(self.residuals, powers, strict=True)]
        for moved in self.unknowns:
            rules = {u: (self._first(u), ONE if u == moved else ZERO) for u in self.unknowns}
            changed = self._expansion(rules, terms, exact=True)
            column = [changed.scalar(r).at(p + 1) - s for r, p, s in zip(self.residuals, powers, start, strict=True)]
            columns.append(column)
        return [list(row) for row in zip(*columns, strict=True)]

    def _correct(self, order: int, powers: list[int], jacobian: list[list[Coefficient]]) -> None:
        """The coefficients of the next power: a linear system with the Jacobian of the leading one."""
        series = {u: (self._first(u), *(c[u] for c in self.corrections), ZERO) for u in self.unknowns}

        def residual(terms: int) -> list[Coefficient]:
            expansion = self._expansion(series, terms, exact=True)
            return [-expansion.scalar(r).at(p + order) for r, p in zip(self.residuals, powers, strict=True)]

        right = _with_terms(order + 1, residual)
        solved = _eliminated(jacobian, right)
        names = {u: self._name(u, order) for u in self.unknowns}
        for u, c in zip(self.unknowns, solved, strict=True):
            self.numbers[names[u]] = c.number
            self.formulas[names[u]] = ZERO if c.vanishes else c
        self.corrections.append({u: leaf(v, self.numbers[v], abs(self.numbers[v])) for u, v in names.items()})

    # values ----------------------------------------------------------------------------------------------------------

    def _value(self, expr: Expr, order: int) -> tuple[int, Coefficient]:
        """Order and leading coefficient of a quantity; one that vanishes as far as it is known is 0."""
        series = {u: (self._first(u), *(c[u] for c in self.corrections)) for u in self.unknowns}
        found = self._expansion(series, order + 2).scalar(expr)
        try:
            found = found.stripped()
        except MoreTerms:
            if found.end > 0:
                return 1, ZERO
            raise
        return (found.low, found.coefficients[0]) if found.coefficients else (1, ZERO)

    def _system(
        self,
        unknowns: list[Symbol],
        residuals: list[Expr],
        definitions: list[tuple[Symbol, Expr]],
        found: Mapping[str, tuple[int, Coefficient]],
        names: Mapping[Symbol, Symbol],
    ) -> System:
        # what is explicit is put in, and where an equation gives a trace, the trace is eliminated
        rules: dict[Expr, Coefficient | Expr] = dict(definitions)
        for residual in residuals:
            known = set(rules)
            for trace in sorted(residual.atoms(Trace), key=lambda t: len(str(t)), reverse=True):
                expr = _explicit(residual, trace)
                if expr is not None and not any(expr.has(t) for t in known):
                    rules[trace] = expr
                    break
        first = {s: c for s, c in self.formulas.items() if s in set(names.values())}
        formulas = [(s, written(c, rules)) for s, c in first.items()]
        rules |= self.formulas
        values = {}
        for name, (_, c) in found.items():
            values[name] = written(c, rules)
            check = self.point.value(values[name], self.numbers)
            if not abs(check - c.number) <= mpmath.mpf(2) ** -500 * max(c.size, abs(c.number)):
                values[name] = c.expr  # what cancelled for all parameters is 0/0 at this one
                formulas = [(s, written(f, dict(definitions))) for s, f in self.formulas.items()]
        definitions = [*definitions, *formulas]
        return System(
            tuple(unknowns),
            tuple(residuals),
            tuple(None for _ in unknowns),
            tuple(definitions),
            values,
            {},
        )


def _lowest(expr: Expr) -> Expr:
    """A rational function of symbols and traces in lowest terms."""
    field = Field([expr])
    return field.to_sympy(field.from_sympy(expr))


def _explicit(form: Expr, v: Expr) -> Expr | None:
    """``v``, a symbol or a trace, from a form that is linear in it."""
    if isinstance(v, Trace):
        hidden = Dummy()
        solved = _explicit(form.xreplace({v: hidden}), hidden)
        return solved
    if not form.has(v) or any(t.has(v) for t in form.atoms(Trace)):
        return None
    slope = form.diff(v)
    if slope.has(v) or slope == 0:
        return None
    return -form.xreplace({v: S.Zero}) / slope


def _with_terms(first: int, computed: Callable[[int], Any]) -> Any:
    """Leading terms that cancel cost terms: more are taken until enough are left."""
    for terms in range(first, first + _ORDERS):
        try:
            return computed(terms)
        except MoreTerms:
            continue
    raise MoreTerms


def _eliminated(matrix: list[list[Coefficient]], right: list[Coefficient]) -> list[Coefficient]:
    """Gauss: pivots are chosen by their numbers."""
    n = len(right)
    a, b = [list(row) for row in matrix], list(right)
    for k in range(n):
        pivot = max(range(k, n), key=lambda i: 0 if a[i][k].vanishes else abs(a[i][k].number))
        if a[pivot][k].vanishes:
            raise NoBalance("the leading system is degenerate: its Jacobian is singular")
        a[k], a[pivot], b[k], b[pivot] = a[pivot], a[k], b[pivot], b[k]
        for i in range(k + 1, n):
            if not a[i][k].vanishes:
                factor = a[i][k] / a[k][k]
                a[i] = a[i][: k + 1] + [a[i][j] - factor * a[k][j] for j in range(k + 1, n)]
                b[i] = b[i] - factor * b[k]
    x: list[Coefficient] = [ZERO] * n
    for k in reversed(range(n)):
        total = b[k]
        for j in range(k + 1, n):
            total = total - a[k][j] * x[j]
        x[k] = total / a[k][k]
    return x
