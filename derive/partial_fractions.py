"""Of the many ways to write traces of ``Sigma^a (Sigma + kappa)^-b``, the one in which a long value is short.

Beside ``spelling.py``. ``Sigma (Sigma + kappa)^-1 = I - kappa (Sigma + kappa)^-1`` relates the traces of one resolvent
to each other; as long as more of them occur than are independent, a value does not show what cancels in it.
"""

from __future__ import annotations

from .field import Fraction
from .ring import InverseAtom, Ring, Word
from .spelling import length

__all__ = ["in_degrees_of_freedom", "with_fewer_traces"]

# shorter values are left as they are written: they are read off the equations (monomials in factored form)
_LONG = 12


def with_fewer_traces(ring: Ring, value: Fraction) -> Fraction:
    """``value`` in fewer traces, if that makes a long one a quarter shorter or more."""
    size = length(value)
    if size <= _LONG:
        return value
    best = value
    for balanced in (False, True):
        other = in_degrees_of_freedom(ring, value, balanced)
        if (now := length(other)) < size and (best is not value or 4 * now < 3 * size):
            best, size = other, now
    return best


def in_degrees_of_freedom(ring: Ring, value: Fraction, balanced: bool = True) -> Fraction:
    """``value`` in the traces of ``Sigma^a (Sigma + kappa)^-a`` and of powers of Sigma.

    Unless ``balanced``, also in those of ``Sigma^a (Sigma + kappa)^-b`` with a < b, without a division by kappa.
    """
    rules = {g: _rewritten(ring, ring.traces[g], balanced) for g in sorted(value.generators() & ring.traces.keys())}
    return ring.field.subs(value, {g: rule for g, rule in rules.items() if rule is not None})


def _rewritten(ring: Ring, word: Word, balanced: bool) -> Fraction | None:
    """The normalised trace of ``rest Sigma^a (Sigma + kappa)^-b`` in those with a = b or b = 0, or with a <= b."""
    inverses = {f for f in word if isinstance(f, InverseAtom)}
    if len(inverses) != 1:
        return None
    (inverse,) = inverses
    letters = [w for w in inverse.arg.terms if w]
    if len(letters) != 1 or len(inverse.arg.terms) != 2 or inverse.arg.terms[letters[0]] != ring.field.one:
        return None
    (letter,) = letters
    if set(letter) & inverses:
        return None
    parsed = _run(word, letter, inverse)
    if parsed is None:
        return None
    rest, a, b = parsed
    kappa = inverse.arg.terms[()]
    field, space = ring.field, inverse.rows

    def trace(a: int, b: int) -> Fraction:
        if b and a > b:
            return trace(a - 1, b - 1) - kappa * trace(a - 1, b)
        if balanced and a < b:
            return (trace(a, b - 1) - trace(a + 1, b)) / kappa
        return ring.trace_of_word(ring.normal((*rest, *letter * a, *(inverse,) * b)), space) / field.from_sympy(
            space.size
        )

    return trace(a, b)


def _run(word: Word, letter: Word, inverse: InverseAtom) -> tuple[Word, int, int] | None:
    """Read a cyclic word as ``rest`` and then a run of letters and inverses, or None where they stand apart."""
    for start in range(len(word)):
        turned = word[start:] + word[:start]
        a = b = 0
        while turned:
            if turned[-1] == inverse:
                turned, b = turned[:-1], b + 1
            elif turned[-len(letter) :] == letter:
                turned, a = turned[: -len(letter)], a + 1
            else:
                break
        if b and inverse not in turned and (not turned or turned[0] != inverse) and turned[: len(letter)] != letter:
            return turned, a, b
    return None
