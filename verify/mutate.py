"""Wrong theorems on purpose: a check that does not refute them is not a check.

From the derived system, one change at a time: a term dropped, a factor 2, a sign, a ratio turned over, systematically
over equations, definitions and values. A mutant that equals the theorem at the point, to the resolution of the check,
or has no solution there, says nothing about the check and is counted apart.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from sympy import Add, Basic, Expr, S, Symbol
from sympy.matrices.expressions import MatAdd

from derive.errors import ResolventError

from .decide import Verdict
from .outcome import Check

if TYPE_CHECKING:
    from derive.result import Limit

__all__ = ["Mutant", "MutationReport", "MutationRow", "mutants", "mutation_report"]


@dataclass(frozen=True, eq=False)
class Mutant:
    """A law with one change in its system; ``description`` shows the change."""

    name: str
    description: str
    law: Limit


@dataclass(frozen=True)
class _Change:
    kind: str
    text: str
    expr: Expr


# ---- changes of one expression --------------------------------------------------------------------------------------
def _sums(expr: Basic, path: tuple[int, ...] = ()) -> Iterator[tuple[tuple[int, ...], Basic]]:
    """Every sum in the tree, scalar or of matrices, with the way to it."""
    if isinstance(expr, Add | MatAdd):
        yield path, expr
    for k, arg in enumerate(expr.args):
        yield from _sums(arg, (*path, k))


def _rebuilt(expr: Basic, path: tuple[int, ...], new: Basic) -> Basic:
    if not path:
        return new
    args = list(expr.args)
    args[path[0]] = _rebuilt(args[path[0]], path[1:], new)
    return expr.func(*args)


def _term_changes(expr: Expr) -> Iterator[_Change]:
    for path, node in _sums(expr):
        for k, term in enumerate(node.args):
            others = node.args[:k] + node.args[k + 1 :]
            rest = others[0] if len(others) == 1 else node.func(*others)
            for kind, new in (
                ("dropped term", rest),
                ("factor 2", node.func(*others, 2 * term)),
                ("changed sign", node.func(*others, -term)),
            ):
                yield _Change(kind, str(term), _rebuilt(expr, path, new))


def _whole_changes(expr: Expr) -> Iterator[_Change]:
    yield _Change("factor 2", str(expr), 2 * expr)
    yield _Change("changed sign", str(expr), -expr)


def _swaps(expr: Expr, ratios: tuple[Symbol, ...]) -> Iterator[_Change]:
    for ratio in ratios:
        if expr.has(ratio):
            yield _Change("swapped ratio", f"{ratio} by 1/{ratio}", expr.xreplace({ratio: 1 / ratio}))


def _changes(expr: Expr, ratios: tuple[Symbol, ...], whole: bool) -> Iterator[_Change]:
    """Changes that leave a meaningful expression, each once; ``whole`` where a multiple is not the same statement."""
    seen = {expr} if whole else {expr, (-expr).expand(deep=False), -expr, 2 * expr}
    candidates = [*_term_changes(expr), *_swaps(expr, ratios), *(_whole_changes(expr) if whole else ())]
    for change in candidates:
        new = change.expr
        if new in seen or new.has(S.NaN, S.ComplexInfinity) or not (whole or new.free_symbols):
            continue
        # an equation multiplied by a number is the same equation
        seen |= {new} if whole else {new, (-new).expand(deep=False), -new, 2 * new}
        yield change


# ---- changes of a system --------------------------------------------------------------------------------------------
def _ratio_symbols(law: Limit) -> tuple[Symbol, ...]:
    """The parameters in the regime, such as c in ``p = c n``."""
    dims = {*law.dims, law.base, *law.regime}
    found = {s for rule in law.regime.values() for s in rule.free_symbols} - dims
    return tuple(sorted(found, key=lambda s: s.name))


def _replaced(items: tuple[Any, ...], index: int, new: Any) -> tuple[Any, ...]:
    return (*items[:index], new, *items[index + 1 :])


def _equation_mutants(system: Any, ratios: tuple[Symbol, ...]) -> Iterator[tuple[str, _Change, Any]]:
    right_hand_sides = tuple(getattr(system, "right_hand_sides", ())) or (None,) * len(system.residuals)
    for k, (residual, right) in enumerate(zip(system.residuals, right_hand_sides, strict=True)):
        unknown = system.unknowns[k] if right is not None else None
        where = f"equation {k + 1}" if unknown is None else f"equation of {unknown}"
        for change in _changes(residual if right is None else right, ratios, whole=right is not None):
            new = change.expr if unknown is None else unknown - change.expr
            fields = {"residuals": _replaced(tuple(system.residuals), k, new)}
            if right is not None:
                fields["right_hand_sides"] = _replaced(right_hand_sides, k, change.expr)
            yield where, change, replace(system, **fields)


def _definition_mutants(system: Any, ratios: tuple[Symbol, ...]) -> Iterator[tuple[str, _Change, Any]]:
    for k, (symbol, expr) in enumerate(system.definitions):
        for change in _changes(expr, ratios, whole=True):
            definitions = _replaced(tuple(system.definitions), k, (symbol, change.expr))
            yield f"definition of {symbol}", change, replace(system, definitions=definitions)


def _value_mutants(system: Any, ratios: tuple[Symbol, ...]) -> Iterator[tuple[str, _Change, Any]]:
    for name, expr in system.values.items():
        for change in _changes(expr, ratios, whole=True):
            yield f"value {name}", change, replace(system, values={**system.values, name: change.expr})


_VERBS: Mapping[str, Callable[[str], str]] = {
    "dropped term": lambda text: f"without {text}",
    "factor 2": lambda text: f"twice {text}",
    "changed sign": lambda text: f"minus {text}",
    "swapped ratio": lambda text: f"with {text}",
}


def mutants(law: Limit) -> list[Mutant]:
    """Laws that are wrong by one change in the derived system.

    Parameters
    ----------
    law : Limit

    Returns
    -------
    list of Mutant
        In a fixed order: equations, definitions, values; within each dropped terms, factors of 2, signs, ratios. Some
        may have no solution, or the theorem's own value at a particular point; :func:`mutation_report` counts
        those apart.

    Examples
    --------
    >>> import verify
    >>> from sympy import Identity, Symbol, Trace
    >>> from derive import Gaussian, dimensions, limit
    >>> n, p = dimensions("n p")
    >>> c, lam = Symbol("c", positive=True), Symbol("lambda", positive=True)
    >>> Z = Gaussian("Z", p, n, variance=1/n)
    >>> law = limit(Trace((Z*Z.T + lam*Identity(p)).I)/p, {p: c*n})
    >>> len(verify.mutants(law)) > 5
    True
    """
    system, ratios = law.system, _ratio_symbols(law)
    found: list[Mutant] = []
    for produce in (_equation_mutants, _definition_mutants, _value_mutants):
        for where, change, changed in produce(system, ratios):
            number = len(found) + 1
            description = f"{where}: {_VERBS[change.kind](change.text)}"
            found.append(Mutant(f"{number}: {change.kind}", description, law.with_system(changed)))
    return found


# ---- the report -----------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class MutationRow:
    """One mutant: ``outcome`` is a verdict, or ``"equal"``, or ``"no solution"``."""

    name: str
    description: str
    outcome: str
    distance: float
    detail: str


@dataclass(frozen=True)
class MutationReport:
    """What a check says of the mutants of a law.

    Attributes
    ----------
    rows : tuple of MutationRow
    refuted : tuple of MutationRow
    survivors : tuple of MutationRow
        Found consistent although they differ from the theorem by more than the resolution: there should be none.
    undecided : tuple of MutationRow
        Inconclusive, as happens when the difference is close to the resolution.
    apart : tuple of MutationRow
        Equal to the theorem at the point to the resolution, or without a solution there.
    """

    rows: tuple[MutationRow, ...]

    @property
    def refuted(self) -> tuple[MutationRow, ...]:
        return tuple(r for r in self.rows if r.outcome == Verdict.REFUTED)

    @property
    def apart(self) -> tuple[MutationRow, ...]:
        return tuple(r for r in self.rows if r.outcome in ("equal", "no solution"))

    @property
    def survivors(self) -> tuple[MutationRow, ...]:
        return tuple(r for r in self.rows if r.outcome == Verdict.CONSISTENT)

    @property
    def undecided(self) -> tuple[MutationRow, ...]:
        return tuple(r for r in self.rows if r.outcome == Verdict.INCONCLUSIVE)

    def __str__(self) -> str:
        counts = (len(self.refuted), len(self.survivors), len(self.undecided), len(self.apart))
        head = "mutants: {} refuted, {} consistent, {} inconclusive, {} counted apart".format(*counts)
        lines = [f"  {r.outcome:12} {r.description}" + (f" ({r.detail})" if r.detail else "") for r in self.rows]
        return "\n".join([head, *lines])


def mutation_report(law: Limit, params: Mapping[Any, Any], check: Check, most: int | None = None) -> MutationReport:
    """Judge every mutant of ``law`` by the simulation of ``check``; nothing is simulated again.

    Parameters
    ----------
    law : Limit
    params : mapping
        The point of the check.
    check : Check
        Of the same law at the same point.
    most : int, optional
        Judge about so many of them, spread evenly over the list: a system of thirty equations has a thousand.

    Returns
    -------
    MutationReport

    Examples
    --------
    >>> import verify
    >>> from sympy import Identity, Symbol, Trace
    >>> from derive import Gaussian, dimensions, limit
    >>> n, p = dimensions("n p")
    >>> c, lam = Symbol("c", positive=True), Symbol("lambda", positive=True)
    >>> Z = Gaussian("Z", p, n, variance=1/n)
    >>> law = limit(Trace((Z*Z.T + lam*Identity(p)).I)/p, {p: c*n})
    >>> point = {c: "1/2", lam: 1}
    >>> result = verify.check(law, point, sizes=(20, 40, 80), trials=100)
    >>> verify.mutation_report(law, point, result).survivors
    ()
    """
    found = mutants(law)
    step = 1 if most is None else max(1, round(len(found) / most))
    return MutationReport(tuple(_outcome(mutant, params, check) for mutant in found[::step]))


def _outcome(mutant: Mutant, params: Mapping[Any, Any], check: Check) -> MutationRow:
    def row(outcome: str, distance: float, detail: str = "") -> MutationRow:
        return MutationRow(mutant.name, mutant.description, outcome, distance, detail)

    names = [name for name in check.values if name not in check.observables]
    try:
        value = mutant.law.evaluate(dict(params))
    except (ResolventError, ArithmeticError, np.linalg.LinAlgError) as error:
        return row("no solution", float("nan"), str(error).splitlines()[0] if str(error) else type(error).__name__)
    limits = dict(value) if isinstance(value, Mapping) else {names[0]: value}
    if not all(np.isfinite(complex(limits[name])) for name in names):
        return row("no solution", float("nan"))
    judged = check.judge(limits)
    distances = [abs(complex(judged.limits[k]) - complex(limit)) / check.scale(k) for k, limit in check.limits.items()]
    distance = float("inf") if np.isnan(distances).any() else max(distances)
    # the resolution is what the check declares it can see, so nothing closer is asked of it
    if distance <= check.settings.resolution:
        return row("equal", distance)
    return row(str(judged.verdict), distance)
