"""Which sizes are simulated: base dimensions near those asked for at which every dimension is an integer.

A ratio p = c n with c = 1/3 needs n to be a multiple of 3; a 2 x 2 array that stands for itself (x) identity needs an
even dimension. The multiplicities of atoms are made exact as well where that costs little, so that the spectrum is the
limit's own at every size.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import lcm
from typing import Any

from sympy import Expr, Rational, Symbol

from derive.errors import DimensionError, ParameterError, RegimeError
from derive.laws import ArrayLaw, AtomicLaw
from derive.numbers import exact
from derive.symbols import MatrixLetter

from .inputs import Point

__all__ = ["Plan", "make_plan", "memory_bytes", "ratios"]

SMALLEST_DIMENSION = 4
FEWEST_SIZES = 3


@dataclass(frozen=True)
class Plan:
    """The sizes of the base dimension and, for each, how many trials; ``ratios`` gives all dimensions."""

    base: Symbol
    ratios: Mapping[Symbol, Rational]
    sizes: tuple[int, ...]
    trials: tuple[int, ...]

    def dims(self, size: int) -> dict[Symbol, int]:
        """Every dimension at one size of the base."""
        return {d: int(r * size) for d, r in self.ratios.items()}


def ratios(base: Symbol, regime: Mapping[Symbol, Expr], dims: Sequence[Symbol], point: Point) -> dict[Symbol, Rational]:
    """Every dimension divided by the base, at the parameters of the point."""
    found: dict[Symbol, Rational] = {base: Rational(1)}
    pending = {d: rule for d, rule in regime.items() if d != base}
    missing = [d for d in dims if d != base and d not in pending]
    if missing:
        raise RegimeError(f"the regime does not say how {missing[0]} grows with {base}")
    while pending:
        ready = [d for d, rule in pending.items() if not rule.free_symbols & (pending.keys() - {d})]
        if not ready:
            raise RegimeError(f"the regime is circular in {', '.join(str(d) for d in pending)}")
        for dim in ready:
            found[dim] = _ratio(dim, pending.pop(dim), base, found, point)
    return found


def _ratio(dim: Symbol, rule: Expr, base: Symbol, found: Mapping[Symbol, Rational], point: Point) -> Rational:
    value = (rule.subs({d: r * base for d, r in found.items()}, simultaneous=True) / base).subs(point.numbers)
    value = value.simplify()
    if value.free_symbols:
        names = ", ".join(sorted(s.name for s in value.free_symbols))
        raise ParameterError(f"the dimension {dim} = {rule} needs a value for {names}")
    if value.is_Float:
        value = exact(value, str(dim))
    if not value.is_Rational or value <= 0:
        near = Fraction(float(value)).limit_denominator(100) if value.is_real and value > 0 else Fraction(1, 2)
        raise DimensionError(f"the dimension {dim} = {rule} is {value}*{base}; give a positive fraction such as {near}")
    return value


def _array_steps(letters: Sequence[MatrixLetter], point: Point) -> list[tuple[Expr, int, str]]:
    """Dimension, divisor and reason, for every small array."""
    steps: list[tuple[Expr, int, str]] = []
    for letter in letters:
        found = point.law_of(letter)
        if found is not None and isinstance(found[1], ArrayLaw):
            for dim, small in zip(letter.shape, found[1].shape, strict=True):
                if dim != 1:
                    steps.append((dim, int(small), f"{letter.name} is a {small}-row array times an identity"))
    return steps


def _atom_steps(letters: Sequence[MatrixLetter], point: Point) -> list[tuple[Expr, int]]:
    steps: list[tuple[Expr, int]] = []
    for letter in letters:
        found = point.law_of(letter)
        if found is not None and isinstance(found[1], AtomicLaw):
            denominators = lcm(*(int(w.q) for w in found[1].weights))
            steps.extend((dim, denominators) for dim in letter.shape if dim != 1)
    return steps


def _step(dim: Expr, divisor: int, base: Symbol, found: Mapping[Symbol, Rational]) -> int:
    """The base must be a multiple of this for ``dim`` to be an integer multiple of ``divisor``."""
    per_base = Rational(dim.subs({d: r * base for d, r in found.items()}, simultaneous=True) / base / divisor)
    return int(per_base.q)


def make_plan(
    base: Symbol,
    regime: Mapping[Symbol, Expr],
    dims: Sequence[Symbol],
    letters: Sequence[MatrixLetter],
    point: Point,
    sizes: Sequence[int],
    trials: int | Sequence[int],
    fewest: int = FEWEST_SIZES,
) -> Plan:
    """Choose sizes; see the module's docstring. ``fewest`` different sizes are required.

    Raises
    ------
    derive.errors.DimensionError
        No admissible size near those asked for; names the dimension.
    derive.errors.ParameterError
        Fewer than three sizes, sizes that are too small, fewer than two trials.
    """
    wanted = _sizes(sizes, fewest)
    found = ratios(base, regime, dims, point)
    hard = [(d, 1, f"{d} = {_text(r)}*{base} must be an integer") for d, r in found.items()]
    hard += _array_steps(letters, point)
    step = lcm(*(_step(d, k, base, found) for d, k, _ in hard))
    fine = lcm(step, *(_step(d, k, base, found) for d, k in _atom_steps(letters, point)))
    # atoms with exact multiplicities where the sizes hardly move for it, and rounded ones otherwise
    chosen = _multiples(wanted, fine, 0.1) or _multiples(wanted, step, 0.5)
    if chosen is None:
        worst = max(hard, key=lambda item: _step(item[0], item[1], base, found))
        raise DimensionError(
            f"{base} must be a multiple of {step}, since {worst[2]}; no {len(wanted)} such sizes are near "
            f"{', '.join(map(str, wanted))}. Give a ratio with a smaller denominator"
            f"{_friendlier(found)}, or sizes such as {step}, {2 * step}, {4 * step}"
        )
    smallest = min((int(r * chosen[0]), d.name) for d, r in found.items())
    if smallest[0] < SMALLEST_DIMENSION:
        raise ParameterError(
            f"at {base} = {chosen[0]} the dimension {smallest[1]} is {smallest[0]}; "
            f"take sizes at which every dimension is at least {SMALLEST_DIMENSION}"
        )
    return Plan(base, found, chosen, _trials(trials, len(chosen)))


def _text(ratio: Rational) -> str:
    return str(ratio) if ratio.q == 1 else f"({ratio})"


def _friendlier(found: Mapping[Symbol, Rational]) -> str:
    dim, worst = max(found.items(), key=lambda item: item[1].q)
    base = next(d for d, r in found.items() if r == 1)
    return f" ({dim} = {_text(worst.limit_denominator(20))}*{base}, say)" if worst.q > 20 else ""


def _multiples(wanted: tuple[int, ...], step: int, tolerance: float) -> tuple[int, ...] | None:
    """Distinct multiples of ``step``, each that near to the size asked for, relatively; None where there are none."""
    chosen: list[int] = []
    for size in wanted:
        nearest = max(1, round(size / step)) * step
        if chosen and nearest <= chosen[-1]:
            nearest = chosen[-1] + step
        if abs(nearest - size) > tolerance * size:
            return None
        chosen.append(nearest)
    return tuple(chosen)


def _sizes(sizes: Sequence[int], fewest: int) -> tuple[int, ...]:
    try:
        wanted = tuple(sorted({_whole(s) for s in sizes}))
    except (TypeError, ValueError):
        raise ParameterError(f"sizes must be whole numbers such as (200, 400, 800), got {sizes!r}") from None
    if len(wanted) < fewest:
        raise ParameterError(
            f"{len(wanted)} different sizes were given; the extrapolation and its check need at least {fewest}, "
            "for example (200, 400, 800)"
        )
    if wanted[0] < SMALLEST_DIMENSION:
        raise ParameterError(f"the size {wanted[0]} is too small; take sizes of at least {SMALLEST_DIMENSION}")
    return wanted


def _whole(value: Any) -> int:
    if isinstance(value, bool) or int(value) != value:
        raise ValueError(value)
    return int(value)


def _trials(trials: int | Sequence[int], sizes: int) -> tuple[int, ...]:
    try:
        counts = tuple(_whole(t) for t in trials) if isinstance(trials, Sequence) else (_whole(trials),) * sizes
    except (TypeError, ValueError):
        raise ParameterError(f"trials must be a whole number, or one per size, got {trials!r}") from None
    if len(counts) != sizes:
        raise ParameterError(f"{len(counts)} numbers of trials were given for {sizes} sizes")
    if min(counts) < 2:
        raise ParameterError(f"trials = {min(counts)}: a standard error needs at least 2 trials")
    return counts


def memory_bytes(memory: int | float | str) -> int:
    """Read a memory budget: a number of bytes, or text such as ``"2GB"``.

    Examples
    --------
    >>> from verify.plan import memory_bytes
    >>> memory_bytes("1.5 GB")
    1500000000
    """
    units = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30}
    text = str(memory).strip().upper()
    number = text.rstrip("BKMGI ")
    unit = text[len(number) :].strip()
    try:
        size = float(number) * units[unit]
    except (KeyError, ValueError):
        raise ParameterError(f"memory must be a number of bytes or text such as '2GB', got {memory!r}") from None
    if not 1 <= size < float("inf"):
        raise ParameterError(f"memory must be positive, got {memory!r}")
    return int(size)
