"""``Sigma Sigma^-1 = I`` inside a word of the noncommutative ring.

Beside ``ring.py``. Inverses with a shift never cancel against a letter; those without one are what least squares and
whitening leave behind.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["cancelled"]


def cancelled(word: tuple[Any, ...], family: Callable[[Any], str | None]) -> tuple[Any, ...]:
    """The word without the pairs of an inverse and what it is the inverse of; ``family`` says what commutes."""
    for k, factor in enumerate(word):
        terms = getattr(getattr(factor, "arg", None), "terms", {})
        if len(terms) == 1 and (shorter := _without(word, k, next(iter(terms)), family)) is not None:
            return cancelled(shorter, family)
    return word


def _without(
    word: tuple[Any, ...], k: int, inner: tuple[Any, ...], family: Callable[[Any], str | None]
) -> tuple[Any, ...] | None:
    before, after = word[:k], word[k + 1 :]
    if inner and before[-len(inner) :] == inner:
        return before[: -len(inner)] + after
    if inner and after[: len(inner)] == inner:
        return before + after[len(inner) :]
    mine = family(word[k])
    if mine is None:
        return None
    # all that commutes with the inverse and is connected to it by what does
    low, high = k, k + 1
    while low > 0 and family(word[low - 1]) == mine:
        low -= 1
    while high < len(word) and family(word[high]) == mine:
        high += 1
    rest = list(word[low:k] + word[k + 1 : high])
    for letter in inner:
        if letter not in rest:
            return None
        rest.remove(letter)
    return word[:low] + tuple(rest) + word[high:]
