"""Rounds of a chain: an error that after each round is an affine function of the error before it."""

from __future__ import annotations

from sympy import Expr, S, Symbol, cancel, sympify

from ..errors import NotRationalError

__all__ = ["after_rounds", "stationary"]


def after_rounds(next_error: Expr, error: Symbol, start: Expr, rounds: Expr) -> Expr:
    """Return the error after so many rounds.

    Parameters
    ----------
    next_error : Expr
        The error after one more round, affine in ``error``: what is kept of it and what is new.
    error : Symbol
    start : Expr
        The error before the first round.
    rounds : Expr
        How many, a number or a symbol.

    Examples
    --------
    >>> from sympy import symbols
    >>> from derive import after_rounds
    >>> kept, new, error, start, t = symbols("kept new error start t")
    >>> after_rounds(kept*error + new, error, start, 0), after_rounds(kept*error + new, error, start, 1).simplify()
    (start, kept*start + new)
    """
    kept, new = _affine(next_error, error)
    power = kept ** sympify(rounds)
    return sympify(start) * power + new * (1 - power) / (1 - kept)


def stationary(next_error: Expr, error: Symbol) -> Expr:
    """Return the error that a round leaves as it is: the limit of many rounds, if each keeps less than all of it.

    Examples
    --------
    >>> from sympy import symbols
    >>> from derive import stationary
    >>> kept, new, error = symbols("kept new error")
    >>> stationary(kept*error + new, error)
    new/(1 - kept)
    """
    kept, new = _affine(next_error, error)
    return new / (1 - kept)


def _affine(next_error: Expr, error: Symbol) -> tuple[Expr, Expr]:
    kept = cancel(next_error.diff(error))
    if kept.has(error):
        raise NotRationalError(f"{next_error} is not affine in {error}: rounds of it have no closed form")
    if kept == S.One:
        raise NotRationalError(f"{next_error} keeps all of {error}: the errors of the rounds add up, without a limit")
    return kept, next_error.subs(error, 0)
