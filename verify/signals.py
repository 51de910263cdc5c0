"""Signals at a finite size: vectors with the declared norms and inner products, in random directions.

The Gram matrix is met exactly in every trial, so it adds no noise; the directions are drawn anew in every trial, so
that what depends on them is part of the standard errors. A signal with a joint law is a function on the atoms, one
given as a small array is ``a (x) e`` with a random unit vector e, a vector of labels (squared norm = dimension) is a
vector of signs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sympy import Expr, Symbol

from derive.errors import LawError, ParameterError
from derive.laws import ArrayLaw, AtomicLaw
from derive.symbols import Signal

from .inputs import Point
from .spectra import atoms_at_size

__all__ = ["SignalFamily", "signal_families"]


@dataclass(frozen=True)
class SignalFamily:
    """The signals on one space, at one size.

    ``atoms`` and ``arrays`` are the signals given by laws, ``label`` the vector of signs, ``free`` the others;
    ``gram`` holds the declared inner products of the free ones with all (in the order of ``letters``).
    """

    dim: int
    letters: tuple[Signal, ...]
    atoms: Mapping[Signal, np.ndarray]
    arrays: Mapping[Signal, np.ndarray]
    label: Signal | None
    gram: np.ndarray

    def draw(self, rng: np.random.Generator) -> dict[Signal, np.ndarray]:
        """One realisation of every signal, as columns of shape ``(dim, 1)``."""
        found = dict(self.atoms)
        if self.arrays:
            small = next(iter(self.arrays.values())).shape[0]
            direction = rng.standard_normal(self.dim // small)
            direction /= np.linalg.norm(direction)
            found.update({u: np.kron(a, direction) for u, a in self.arrays.items()})
        if self.label is not None:
            found[self.label] = rng.choice([-1.0, 1.0], size=self.dim)
        free = [u for u in self.letters if u not in found]
        if free:
            known = [u for u in self.letters if u in found]
            basis = np.column_stack([found[u] for u in known]) if known else np.zeros((self.dim, 0))
            found.update(zip(free, self._complete(rng, basis, known, free).T, strict=True))
        return {u: vector[:, None] for u, vector in found.items()}

    def _complete(
        self, rng: np.random.Generator, basis: np.ndarray, known: Sequence[Any], free: Sequence[Any]
    ) -> np.ndarray:
        """Columns with the declared products among themselves and with the columns of ``basis``."""
        place = {u: i for i, u in enumerate(self.letters)}
        rows, cols = [place[u] for u in known], [place[u] for u in free]
        cross, own = self.gram[np.ix_(rows, cols)], self.gram[np.ix_(cols, cols)]
        along = np.linalg.lstsq(basis.T @ basis, cross, rcond=None)[0]
        rest = own - cross.T @ along
        values, vectors = np.linalg.eigh(rest)
        scale = np.abs(np.diag(own)).max()
        met = np.allclose(basis.T @ (basis @ along), cross, atol=1e-9 * np.sqrt(scale * self.dim))
        if values.min() < -1e-9 * scale or not met:
            names = ", ".join(u.name for u in self.letters)
            raise LawError(f"no vectors have the norms and inner products declared for {names}: |u'v| exceeds |u| |v|")
        frame = np.linalg.qr(np.column_stack([basis, rng.standard_normal((self.dim, len(free)))]))[0]
        frame = frame[:, basis.shape[1] :]
        return basis @ along + frame @ (vectors * np.sqrt(np.maximum(values, 0))).T


def signal_families(
    signals: Sequence[Signal],
    inner: Mapping[Any, Expr],
    point: Point,
    dims: Mapping[Symbol, int],
    base: Symbol,
) -> tuple[SignalFamily, ...]:
    """Group the signals by their space and read their laws and products at one size."""
    by_space: dict[int, list[Signal]] = {}
    for u in sorted(signals, key=lambda s: s.name):
        by_space.setdefault(_size(u.shape[0], dims), []).append(u)
    return tuple(_family(dim, tuple(group), inner, point, dims, base) for dim, group in sorted(by_space.items()))


def _size(dim: Expr, dims: Mapping[Symbol, int]) -> int:
    return int(dim.xreplace(dict(dims)))


def _family(
    dim: int,
    letters: tuple[Signal, ...],
    inner: Mapping[Any, Expr],
    point: Point,
    dims: Mapping[Symbol, int],
    base: Symbol,
) -> SignalFamily:
    values = _Values(inner, point, dims, base)
    atoms: dict[Signal, np.ndarray] = {}
    arrays: dict[Signal, np.ndarray] = {}
    for u in letters:
        found = point.law_of(u)
        if found is None:
            continue
        group, law = found
        if isinstance(law, AtomicLaw):
            # beside a rectangular matrix: values on its singular vectors, and none in its kernel
            count = min(_size(d, dims) for letter in group for d in letter.shape if d != 1)
            raw = np.zeros(dim)
            raw[:count] = np.real(atoms_at_size(law, group.index(u), count))
            atoms[u] = raw * values.scale(u, float(raw @ raw), count)
        elif isinstance(law, ArrayLaw):
            arrays[u] = _column(u, law, dim)
            arrays[u] = arrays[u] * values.scale(u, float(arrays[u] @ arrays[u]), 1)
    if len({a.shape for a in arrays.values()}) > 1:
        names = ", ".join(u.name for u in arrays)
        raise LawError(f"the arrays of the signals {names} on one space must have one length")
    others = [u for u in letters if u not in atoms and u not in arrays]
    labels = [u for u in others if not values.is_open(u) and abs(values.norm2(u) - dim) < 1e-9 * dim]
    # a second vector of labels has a declared product with the first, met by a direction rather than by flipped signs
    label = labels[0] if labels and not atoms and not arrays else None
    return SignalFamily(dim, letters, atoms, arrays, label, _gram(letters, others, values))


def _gram(letters: tuple[Signal, ...], others: list[Signal], values: _Values) -> np.ndarray:
    """Norms and products of the signals without a law with all."""
    gram = np.zeros((len(letters), len(letters)))
    for i, u in enumerate(letters):
        for j, v in enumerate(letters):
            if u != v and (u in others or v in others):
                gram[i, j] = values.product(u, v)
    for i, u in enumerate(letters):
        if u in others:
            # a norm that the limit does not ask for is any that the products allow
            norms = [1.0 if values.is_open(v) else values.norm2(v) for v in letters]
            gram[i, i] = 1 + len(letters) * (gram[i] ** 2 / norms).sum() if values.is_open(u) else values.norm2(u)
    return gram


def _column(u: Signal, law: ArrayLaw, dim: int) -> np.ndarray:
    if law.shape[1] != 1 or dim % law.shape[0]:
        raise LawError(
            f"the signal {u.name} has dimension {dim}: it cannot be an array of shape {law.shape} times a unit vector"
        )
    return np.real(np.array(law.doubles))[:, 0]


@dataclass(frozen=True)
class _Values:
    """Declared norms and products as numbers at one size."""

    inner: Mapping[Any, Expr]
    point: Point
    dims: Mapping[Symbol, int]
    base: Symbol

    def _at(self, expr: Expr, what: str, factor: int = 1) -> float:
        sizes = {d: factor * n for d, n in self.dims.items()}
        value = expr.subs(sizes).subs(dict(self.point.numbers))
        if value.free_symbols:
            names = ", ".join(sorted(s.name for s in value.free_symbols))
            raise ParameterError(f"{what} needs a value for {names}")
        if not value.is_real:
            raise ParameterError(f"{what} is {value}, not a real number")
        return float(value)

    def norm2(self, u: Signal, factor: int = 1) -> float:
        value = self._at(u.norm2, f"the squared norm of {u.name}", factor)
        if value <= 0:
            raise ParameterError(f"the squared norm of {u.name} is {value:g}; it must be positive")
        return value

    def is_open(self, u: Signal) -> bool:
        """A squared norm that was neither declared nor given."""
        return u.norm2.is_Symbol and u.norm2.name == f"norm2_{u.name}" and u.norm2 not in self.point.numbers

    def scale(self, u: Signal, length2: float, units: int) -> float:
        """What the numbers of a law are multiplied by, to give the declared norm.

        A norm that was left open is the law's own: entries are divided by the root of the dimension.
        """
        return float(np.sqrt(1 / units if self.is_open(u) else self.norm2(u) / length2))

    def product(self, u: Signal, v: Signal) -> float:
        for key in ((u, v), (v, u), frozenset((u, v))):
            if key in self.inner:
                return self._at(self.inner[key], f"the inner product of {u.name} and {v.name}")
        # one that was not declared is a parameter of order one; where the limit does not ask for it, it plays no role
        first, second = sorted((u.name, v.name))
        for symbol, value in self.point.numbers.items():
            if symbol.name == f"inner_{first}_{second}":
                return float(value) * self._growth(u) * self._growth(v)
        return 0.0

    def _growth(self, u: Signal) -> float:
        """The power of the base dimension in the norm of ``u``."""
        if self.is_open(u):
            return 1.0
        power = np.log2(self.norm2(u, factor=2) / self.norm2(u))
        return float(self.dims[self.base] ** (round(power) / 2))
