"""Which branch of a limit of a limit holds: at the points of a batch, at one point, and at all that were looked at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import array_api_compat.numpy as xp
import mpmath
import numpy as np
from sympy import Expr, Symbol

from ..bind import Binding
from ..errors import ResolventError
from ..solve.digits import evaluate_digits
from ..solve.domain import check_domain
from ..solve.evaluate import Batch
from ..solve.status import Status
from ..symbols import MatrixLetter
from ..system import System
from .approach import (
    CHECK,
    LEVELS,
    START,
    Followed,
    Observed,
    confirmed,
    descend,
    exponents_between,
    follow,
    parameter_at,
    point_at,
    reaching_zero,
)
from .balance import NoBalance, balance
from .branch import Branch
from .probes import probes
from .statement import power_of

__all__ = ["Found", "branches_of"]

_SINGLE = 64  # points of a batch that are analysed one by one
_FAILURES = 6  # probes without a balance before the search ends


def _observed(source: Any, params: Mapping) -> Observed:
    """The unknowns of the source at parameters that include the moving one."""
    if source is not source.law:  # itself the limit of a limit
        return Found(source, params, source.bind(params), analyse=False).observed()
    out = source.evaluate(params, full_output=True)
    status = np.atleast_1d(np.asarray(out.status)).ravel()
    usable = np.where(np.isin(status, (int(Status.POLE), int(Status.INDETERMINATE))), 0, status)
    flat = {u: np.atleast_1d(np.asarray(v)).ravel() for u, v in out.unknowns.items()}
    return Observed(np.zeros(status.size, dtype=int), [flat], usable)


def _path(law: Any, params: Mapping, count: int) -> dict[float, Observed]:
    """The unknowns of the source on the way to the limit."""
    seen = []
    for t in (START, START * 10**-0.25, CHECK):
        value = {law.parameter: parameter_at(law.target, law.direction, t)}
        found = _observed(law.source, {**params, **value})
        full = lambda x: np.broadcast_to(x, (count,))  # noqa: E731
        unknowns = [{u: full(v) for u, v in each.items()} for each in found.unknowns]
        seen.append(Observed(full(found.which), unknowns, full(found.status)))
    path = descend(_systems(law), law.derivation, lambda t: law.bind(params, t), *seen[:2])
    return confirmed(path, seen[2])


def _systems(law: Any) -> list[System]:
    source = law.source
    return [source.system] if source is source.law else source.systems


class Found:
    """Every point of a batch with its branch, and the leading coefficients there."""

    def __init__(
        self,
        law: Any,
        params: Mapping,
        binding: Binding,
        known: Any = None,
        path: Any = None,
        analyse: bool = True,
    ):
        self.law, self.params, self.binding = law, dict(params), binding
        self.known = list(law.branches) if known is None else known
        self.count = int(np.prod(binding.shape, dtype=int))
        self.status = np.full(self.count, int(Status.NOT_CONVERGED))
        self.which = np.full(self.count, -1)
        self.branch: list[Branch | None] = [None] * self.count
        self.why = [""] * self.count
        self.followed: list[list[Followed]] = []
        self.level = np.zeros(self.count, dtype=int)
        self.path = _path(law, self.params, self.count) if path is None else path
        for level, t in enumerate(LEVELS):
            self._match(level, t)
            if (self.which >= 0).all():
                break
        self.alone: dict[int, tuple[Branch, Followed]] = {}
        if known is None and analyse:
            for index in np.flatnonzero((self.which < 0) | self._doubtful())[:_SINGLE]:
                self._analyse(int(index))
        self._set_status()

    def _match(self, level: int, t: float) -> None:
        binding, seen = self.law.bind(self.params, t), self.path[t]
        tried = [follow(branch, self.law.derivation, binding, seen, t) for branch in self.known]
        self.followed.append(tried)
        if not tried:
            return
        misfit = np.stack([f.misfit for f in tried])
        best = np.argmin(misfit, axis=0)
        good = (misfit[best, np.arange(self.count)] < 1e-3) & (self.which < 0)
        self.which[good], self.level[good] = best[good], level
        for k in np.flatnonzero(good):
            self.branch[k] = self.known[best[k]]

    def _doubtful(self) -> np.ndarray:
        """Points on a branch at which a value is no number, or a rate has the coefficient 0."""
        out = np.zeros(self.count, dtype=bool)
        reaching = reaching_zero(self.binding)
        for k in np.flatnonzero(self.which >= 0):
            out[k] = bool(reaching & self.known[self.which[k]].inverted)
            for name, v in self.followed[self.level[k]][self.which[k]].values.items():
                order = self.known[self.which[k]].orders[name]
                out[k] |= not np.isfinite(v[k]) or (order < 0 and abs(v[k]) < 1e-12)
        return out

    def _analyse(self, index: int) -> None:
        """One point on its own: the powers between two small values, and the balance with exactly its parameters."""
        law = self.law
        single = _one(self.params, self.binding, index)
        try:
            path = _narrowed(self.path, [index])
            branch = _analysed(law, single, path)
        except NoBalance as error:
            self.why[index] = str(error)
            return
        alone = Found(law, single, law.bind(single), [branch], path)
        if alone.which[0] == 0:
            self.alone[index] = (branch, alone.followed[alone.level[0]][0])
            self.branch[index] = branch
            self.which[index] = -2

    def _set_status(self) -> None:
        for k, branch in enumerate(self.branch):
            if branch is None:
                continue
            diverges = any(order < 0 and self._coefficient(k, name) != 0 for name, order in branch.orders.items())
            self.status[k] = int(Status.POLE) if diverges else 0

    def _coefficient(self, index: int, name: str) -> Any:
        if index in self.alone:
            return self.alone[index][1].values[name][0]
        return self.followed[self.level[index]][self.which[index]].values[name][index]

    def reason(self, index: int) -> str:
        branch, law = self.branch[index], self.law
        if branch is None:
            return f"no dominant balance was found as {law.parameter} -> {law.target}: " + (
                self.why[index] or Status.NOT_CONVERGED.message
            )
        name = min(branch.orders, key=lambda k: branch.orders[k])
        coefficient = np.real_if_close(self._coefficient(index, name)).item()
        what = next(iter(law.quantities.values())) if name == "value" else name
        return (
            f"{what} diverges like {_times(coefficient, power_of(law, branch.orders[name]))} as {law.parameter} -> "
            f"{law.target}; multiply it by {power_of(law, -branch.orders[name])} before the limit is taken"
        )

    # results ---------------------------------------------------------------------------------------------------------
    def values(self) -> dict[str, np.ndarray]:
        names = list(self.law.quantities)
        out = {}
        for name in names:
            column = [self._value(k, name) for k in range(self.count)]
            array = np.array(column)
            real = not np.iscomplexobj(array) or np.all(np.abs(array.imag) <= 1e-13 * np.abs(array))
            out[name] = array.real if real else array
        return out

    def _value(self, index: int, name: str) -> Any:
        branch = self.branch[index]
        if branch is None or branch.orders[name] < 0:
            return np.nan
        return self._coefficient(index, name) if branch.orders[name] == 0 else 0.0

    def unknowns(self) -> dict[Symbol, np.ndarray]:
        out: dict[Symbol, np.ndarray] = {}
        for k, branch in enumerate(self.branch):
            if branch is None:
                continue
            followed, place = self._place(k)
            for v, x in followed.unknowns.items():
                out.setdefault(v, np.full(self.count, np.nan, dtype=x.dtype))[k] = x[place]
        return out

    def _place(self, index: int) -> tuple[Followed, int]:
        if index in self.alone:
            return self.alone[index][1], 0
        return self.followed[self.level[index]][self.which[index]], index

    def observed(self) -> Observed:
        """As the source of a further limit."""
        unknowns = []
        for number, _ in enumerate(self.known):
            columns = {}
            for v in self.known[number].system.unknowns:
                columns[v] = np.array(
                    [self._place(k)[0].unknowns[v][k] if self.which[k] == number else np.nan for k in range(self.count)]
                )
            unknowns.append(columns)
        return Observed(self.which, unknowns, np.where(self.which >= 0, 0, int(Status.NOT_CONVERGED)))

    def digits(self, digits: int) -> tuple[dict[str, Any], Any]:
        branch = self.branch[0]
        if branch is None or self.status[0] != 0:
            return dict.fromkeys(self.law.quantities, mpmath.nan), mpmath.nan
        followed, _ = self._place(0)
        start = {v: x[0] for v, x in followed.unknowns.items()}
        found = evaluate_digits(self.law.derivation, branch.system, self.binding, start, digits)
        with mpmath.workdps(digits):
            values = {k: +v if branch.orders[k] == 0 else mpmath.mpf(0) for k, v in found.values.items()}
        return values, dict(found.errors)


def _one(params: Mapping, binding: Binding, index: int) -> dict[Any, Any]:
    """The parameters of one point of a batch."""
    out = {}
    for key, value in params.items():
        single = isinstance(value, str | Expr) or np.ndim(value) == 0 or key in binding.laws
        law = isinstance(key, MatrixLetter | tuple) or getattr(key, "name", key) not in {
            s.name for s in binding.scalars
        }
        out[key] = value if single or law else np.broadcast_to(value, binding.shape).ravel()[index].item()
    return out


def _times(coefficient: complex, power: Expr) -> Expr:
    """For a message."""
    return power if coefficient == 1 else Symbol(f"{coefficient:.6g}") * power


def _narrowed(path: Mapping[float, Observed], index: list[int]) -> dict[float, Observed]:
    """The path of some points of a batch."""
    return {
        t: Observed(seen.which[index], [{u: x[index] for u, x in each.items()} for each in seen.unknowns],
                    seen.status[index])
        for t, seen in path.items()
    }  # fmt: skip


def _analysed(law: Any, params: Mapping, path: Mapping[float, Observed]) -> Branch:
    """The balance at one point."""
    small, tiny = LEVELS[1], LEVELS[2]
    first, second = path[small], path[tiny]
    if second.status[0]:
        raise NoBalance(Status(int(second.status[0])).message)
    source = int(second.which[0])
    a, b = ({u: x[0] for u, x in seen.unknowns[source].items()} for seen in (first, second))
    exponents = exponents_between(a, b, (small, tiny))
    observed = {u: b[u] / tiny ** float(e) for u, e in exponents.items()}
    # a declared symbol moves where its expression does
    moving = {s: e for s, e in law.law.where.items() if e.has(law.parameter)}
    system = _written_out(_systems(law)[source], moving)
    ratios = {d: r.xreplace(moving) for d, r in law.derivation.problem.regime.ratios.items()}
    diverging = {} if law.source is law.law else law.source.branches[source].orders
    taken = [s.name for s in (*law.law.parameters, *law.law.dims)] + [m.name for m in law.letters]
    branch = balance(
        system,
        source,
        (law.parameter, law.target, law.direction),
        exponents,
        observed,
        ratios,
        point_at(law.derivation, law.bind(params, tiny)),
        taken,
    )
    # what diverged in the first limit has no second one
    return replace(branch, orders={k: min(v, diverging.get(k, v)) if diverging.get(k, 0) < 0 else v
                                   for k, v in branch.orders.items()})  # fmt: skip


def branches_of(law: Any) -> list[Branch]:
    """The balances that occur at the probes, each once."""
    regime = law.derivation.problem.regime
    positive = {s for r in regime.ratios.values() for s in r.free_symbols}
    points, laws = probes(law.parameters, positive, law.derivation.lettered, law.law.commuting)
    points = [point for point in points if _exists(law, point | laws)]
    columns = {s: np.array([point[s] for point in points]) for s in law.parameters}
    if not points:
        return []
    count = len(points) if columns else 1
    path = _path(law, columns | laws, count)
    branches: list[Branch] = []
    unmatched = [k for k in range(count) if path[LEVELS[-1]].status[k] == 0]
    failures = 0
    while unmatched and failures < _FAILURES:
        index, *rest = unmatched
        try:
            branch = _analysed(law, {s: float(x[index]) for s, x in columns.items()} | laws, _narrowed(path, [index]))
        except (NoBalance, ResolventError):
            # no limit at this probe, or none that is a power: other probes decide
            failures, unmatched = failures + 1, rest
            continue
        branches.append(branch)
        if not rest:
            break
        batch = {s: x[rest] for s, x in columns.items()} | laws
        found = Found(law, batch, law.bind(batch), branches, _narrowed(path, rest))
        unmatched = [k for k, which in zip(rest, found.which, strict=True) if which < 0]
    return branches


def _written_out(system: System, rules: Mapping[Symbol, Expr]) -> System:
    """The system with symbols replaced by what they stand for."""
    if not rules:
        return system
    return replace(
        system,
        residuals=tuple(r.xreplace(rules) for r in system.residuals),
        definitions=tuple((s, e.xreplace(rules)) for s, e in system.definitions),
        values={k: v.xreplace(rules) for k, v in system.values.items()},
    )


def _exists(law: Any, params: Mapping) -> bool:
    """Whether there is such a model (shares that leave a positive size, variances that are not negative)."""
    try:
        check_domain(Batch(law.derivation, law.bind(params), xp))
    except ResolventError:
        return False
    return True
