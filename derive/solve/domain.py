"""What the numbers must satisfy before there is a model: positive dimensions, variances that are not negative, laws of
signals that agree with their declared inner products.

Runs once per evaluation, before anything is solved. What the assumptions of the symbols guarantee is not looked at.
"""

from __future__ import annotations

from itertools import combinations_with_replacement
from typing import TYPE_CHECKING, Any

import numpy as np
from sympy import Expr, Symbol

from ..errors import LawError, ParameterError
from ..lower.algebra import Algebra
from ..lower.program import compile_program
from ..symbols import RandomMatrix, Signal
from .branch import to_host

if TYPE_CHECKING:
    from .evaluate import Batch

__all__ = ["check_domain"]

_AGREE = 1e-9  # values of a signal are often rounded decimals


def check_domain(batch: Batch) -> None:
    """Raise ParameterError or LawError about numbers for which the model does not exist."""
    problem = batch.derivation.problem
    for dim, ratio in problem.regime.ratios.items():
        if not ratio.is_positive:
            _require(batch, ratio, True, f"the dimension {dim} must be a positive multiple of {problem.regime.base}")
    for letter in problem.letters:
        if isinstance(letter, RandomMatrix):
            variance, _ = problem.regime.growth(letter.variance)
            if not variance.is_nonnegative:
                _require(batch, variance, False, f"the variance of {letter.name} must not be negative")
    _check_overlaps(batch, [letter for letter in problem.letters if isinstance(letter, Signal)])
    signals = [letter for letter in batch.letters if isinstance(letter, Signal)]
    if signals:
        _check_signals(batch, signals)


def _require(batch: Batch, expr: Expr, strictly: bool, what: str) -> None:
    (number,) = compile_program([expr]).run(dict(batch.scalars), Algebra(batch.kind, {}, {}))
    values = np.atleast_1d(to_host(number))
    bad = (values.imag != 0) | ~(values.real > 0 if strictly else values.real >= 0)
    if bad.any():
        raise ParameterError(f"{what}, got {expr} = {values[bad].flat[0]:.6g}")


def _check_signals(batch: Batch, signals: list[Signal]) -> None:
    """``E[u v]`` over the law of two signals is their declared inner product."""
    problem, numbers = batch.derivation.problem, batch.numbers()
    algebra = numbers.algebra
    for u, v in combinations_with_replacement(signals, 2):
        declared = _declared(problem, u, v)
        first, second = algebra.letter(u), algebra.letter(v)
        if first.family is not second.family or not declared.free_symbols <= numbers.env.keys():
            continue
        got = to_host(algebra.matmul(algebra.transpose(first), second))
        expected = to_host(numbers.scalar(declared))
        if np.any(np.abs(got - expected) > _AGREE * (1 + np.abs(expected))):
            word = f"squared norm of {u.name}" if u == v else f"inner product of {u.name} and {v.name}"
            raise LawError(
                f"the {word} is {np.ravel(got)[0]:.10g} by the law given, but {np.ravel(expected)[0]:.10g} was "
                "declared "
                f"(signals in units in which they are of order one)"
            )


def _check_overlaps(batch: Batch, signals: list[Signal]) -> None:
    """Declared products must be those of vectors: |u'v| is at most |u| |v|."""
    problem = batch.derivation.problem
    known = batch.scalars.keys()
    for u, v in combinations_with_replacement(signals, 2):
        exprs = [_declared(problem, a, b) for a, b in ((u, v), (u, u), (v, v))]
        if u == v or u.shape != v.shape or any(not e.free_symbols <= known for e in exprs):
            continue
        numbers = compile_program(exprs).run(dict(batch.scalars), Algebra(batch.kind, {}, {}))
        product, first, second = (np.atleast_1d(to_host(x)) for x in numbers)
        bad = np.abs(product) ** 2 > (1 + _AGREE) * np.abs(first * second)
        if bad.any():
            got = np.broadcast_to(product, bad.shape)[bad][0]
            raise ParameterError(
                f"the inner product of {u.name} and {v.name} is {got:.6g}, more than their norms allow: "
                f"no such vectors exist"
            )


def _declared(problem: Any, u: Signal, v: Signal) -> Expr:
    """The inner product in units in which both signals are of order one."""
    if u == v:
        return problem.regime.growth(u.norm2)[0]
    first, second = sorted((u.name, v.name))
    return problem.inner.get(frozenset((u, v)), Symbol(f"inner_{first}_{second}", real=True))
