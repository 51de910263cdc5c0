"""From a law and the arguments of a check to the finite model of it: a specification, and the sizes to simulate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import singledispatch
from typing import Any

from sympy import Expr, MatrixExpr, Symbol, Trace

from derive.errors import ParameterError
from derive.functionals import Agreement
from derive.symbols import MatrixLetter
from derive.where import values_where

from .entries import entry_law
from .finite_model import MatrixSpecification
from .inputs import read_point
from .plan import Plan, make_plan
from .specification import Request, Specification

__all__ = ["finite_model"]

_SIZES = (200, 400, 800)
_TENSORS = "this law is about matrices; it is for estimators of tensors"


@singledispatch
def finite_model(law: Any, request: Request) -> tuple[Specification, Plan]:
    """What of a law is simulated, at one point, and at which sizes; matrices, unless its kind has registered its own.

    Of the law only what was asked is read: the quantities, the regime, the inner products and the letters.

    Raises
    ------
    derive.errors.ResolventError
        A parameter, an option or a size that does not fit the law.
    """
    quantities = dict(getattr(law, "quantities", {}))
    if not quantities:
        raise ParameterError(f"a check needs a law of scalars from derive.limit(...), got {type(law).__name__}")
    for name, statistic in request.measured.items():
        quantities[name] = _of_a_sample(name, statistic, law.quantities)
    entries, dependent = request.take("entries", "dependent", reason=_TENSORS)
    letters: tuple[MatrixLetter, ...] = tuple(sorted(law.letters, key=lambda m: m.name))
    point = read_point(request.params, letters, _symbols(law))
    where = getattr(law, "where", {})
    point = replace(point, numbers={**point.numbers, **values_where(where, point.numbers)})
    plan = make_plan(
        law.base, law.regime, law.dims, letters, point, request.sizes_or(_SIZES), request.trials, request.fewest
    )  # fmt: skip
    drawn = entry_law("gaussian" if entries is None else entries).at(point.numbers)
    unknown = [m.name for m in (dependent.letters if dependent else ()) if m not in letters]
    if unknown:
        raise ParameterError(
            f"dependent= draws {unknown[0]}, which is no letter of the law; those are {_names(letters)}"
        )
    inner = dict(law.inner or {})
    return (
        MatrixSpecification(
            quantities, letters, inner, point, law.base, plan.ratios, drawn, request.seed, dependent
        ),
        plan,
    )  # fmt: skip


def _of_a_sample(name: str, statistic: Expr, quantities: Mapping[str, Expr]) -> Expr:
    """A function of the quantities as one quantity: of every sample, and not of their means."""
    if statistic.atoms(Agreement):
        raise ParameterError(
            f"{name} measures {statistic}, which is counted on estimators of tensors and unfoldings; this law is about "
            "matrices: write it as an expression in the quantities"
        )
    exprs = {s: quantities[s.name] for s in statistic.free_symbols if s.name in quantities}
    return statistic.xreplace({s: Trace(e) if isinstance(e, MatrixExpr) else e for s, e in exprs.items()})


def _names(letters: Sequence[MatrixLetter]) -> str:
    return ", ".join(letter.name for letter in letters)


def _symbols(law: Any) -> set[Symbol]:
    exprs: list[Expr] = [*law.quantities.values(), *law.regime.values(), *(law.inner or {}).values(), *law.letters]
    return {s for e in exprs for s in e.free_symbols if isinstance(s, Symbol)} | set(law.parameters)
