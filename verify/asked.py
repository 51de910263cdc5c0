"""From a law and the arguments of a check to the finite model of it: a specification, and the sizes to simulate."""

from __future__ import annotations

from collections.abc import Sequence
from functools import singledispatch
from typing import Any

from sympy import Expr, Symbol

from derive.errors import ParameterError
from derive.symbols import MatrixLetter

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
        raise ParameterError(
            f"{name} measures {statistic}, which is of an estimator of a tensor; this law is about matrices"
        )
    entries, dependent = request.take("entries", "dependent", reason=_TENSORS)
    letters: tuple[MatrixLetter, ...] = tuple(sorted(law.letters, key=lambda m: m.name))
    point = read_point(request.params, letters, _symbols(law))
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


def _names(letters: Sequence[MatrixLetter]) -> str:
    return ", ".join(letter.name for letter in letters)


def _symbols(law: Any) -> set[Symbol]:
    exprs: list[Expr] = [*law.quantities.values(), *law.regime.values(), *(law.inner or {}).values(), *law.letters]
    return {s for e in exprs for s in e.free_symbols if isinstance(s, Symbol)} | set(law.parameters)
