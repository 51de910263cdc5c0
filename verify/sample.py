"""Samples every letter of a law at one size: random matrices, signals, deterministic matrices.

The numbers of a trial come from ``SeedSequence(seed, spawn_key=(size, trial, letter))``, the keys that
``SeedSequence.spawn`` would count through, so they do not depend on batches, on their order or on the other letters.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import sqrt
from typing import Any
from zlib import crc32

import numpy as np
from sympy import Expr, Symbol

from derive.errors import ParameterError
from derive.symbols import Deterministic, Free, FreeMatrix, Haar, MatrixLetter, RandomMatrix, Signal, Wigner

from .backend import Backend
from .costs import Structure
from .entries import EntryLaw
from .inputs import Point
from .networks import Dependent
from .rotations import eigenvalues_of, haar_matrix, rotated
from .signals import SignalFamily, signal_families
from .spectra import realise, structure_of
from .structured import Diagonal, Full, Kron, Matrix

__all__ = ["Sampler", "random_matrix", "seeds"]


def seeds(seed: int, size: int, trial: int, label: str) -> np.random.SeedSequence:
    """The seed of one letter in one trial."""
    return np.random.SeedSequence(seed, spawn_key=(size, trial, crc32(label.encode())))


def random_matrix(
    letter: RandomMatrix, shape: tuple[int, int], variance: float, entries: EntryLaw, rng: Any, xp: Any
) -> Any:
    """One draw of a random matrix.

    Gaussian (or other) entries of the given variance; complex ones circular, ``E z^2 = 0``. A Wigner matrix has the
    same above its diagonal; on it the variance is doubled for real matrices (the orthogonal ensemble), not for complex.
    """
    parts = entries.draw(rng, xp, shape, 1 if letter.is_real_matrix else 2)
    scale = sqrt(variance)
    if letter.is_real_matrix:
        array = scale * parts[0]
        return _symmetrised(array, sqrt(2) * xp.linalg.diagonal(array), xp) if isinstance(letter, Wigner) else array
    scale /= sqrt(2)
    real, imaginary = (xp.astype(scale * p, xp.complex128) for p in parts)
    array = real + xp.asarray(1j, dtype=xp.complex128) * imaginary
    if isinstance(letter, Wigner):
        # the real parts alone, at full variance
        return _symmetrised(array, sqrt(2) * xp.linalg.diagonal(real), xp)
    return array


def _symmetrised(array: Any, diagonal: Any, xp: Any) -> Any:
    upper = xp.triu(array, k=1)
    lower = xp.matrix_transpose(upper)
    lower = xp.conj(lower) if xp.isdtype(lower.dtype, "complex floating") else lower
    return upper + lower + diagonal[..., None, :] * xp.eye(array.shape[-1], dtype=array.dtype)


@dataclass(frozen=True)
class Sampler:
    """Everything that is sampled at one size.

    Parameters
    ----------
    letters : sequence of MatrixLetter
    inner : mapping
        Declared inner products of signals.
    point : Point
        Parameters and laws.
    base : Symbol
    dims : mapping of Symbol to int
    entries : EntryLaw
    dependent : Dependent, optional
        Draws its letters from the others.
    """

    letters: Sequence[MatrixLetter]
    inner: Mapping[Any, Expr]
    point: Point
    base: Symbol
    dims: Mapping[Symbol, int]
    entries: EntryLaw
    dependent: Dependent | None = None

    def shape(self, letter: MatrixLetter) -> tuple[int, int]:
        rows, cols = (int(d.xreplace(dict(self.dims))) for d in letter.shape)
        return rows, cols

    def structures(self) -> dict[MatrixLetter, Structure]:
        """The structure of every deterministic matrix."""
        return {m: structure_of(m, self.point) for m in self.letters if isinstance(m, Deterministic)}

    def entries_per_trial(self) -> int:
        """Matrix entries that one trial's random letters hold."""
        total = 0
        for letter in self.letters:
            rows, cols = self.shape(letter)
            if isinstance(letter, RandomMatrix | FreeMatrix):
                total += rows * cols * (1 if letter.is_real_matrix else 2)
        return total

    @cached_property
    def _variances(self) -> dict[RandomMatrix, float]:
        found = {}
        for letter in self.letters:
            if isinstance(letter, RandomMatrix):
                value = letter.variance.subs(dict(self.dims)).subs(dict(self.point.numbers))
                if value.free_symbols:
                    names = ", ".join(sorted(s.name for s in value.free_symbols))
                    raise ParameterError(f"the variance {letter.variance} of {letter.name} needs a value for {names}")
                if not value.is_real or value < 0:
                    raise ParameterError(f"the variance {letter.variance} of {letter.name} is {value}, not positive")
                found[letter] = float(value)
        return found

    @cached_property
    def _fixed(self) -> dict[Deterministic, np.ndarray]:
        drawn_later = self.dependent.letters if self.dependent else ()
        fixed = [m for m in self.letters if isinstance(m, Deterministic) and m not in drawn_later]
        return {m: realise(m, self.point, *self.shape(m)) for m in fixed}

    @cached_property
    def _eigenvalues(self) -> dict[Free, np.ndarray]:
        return {m: eigenvalues_of(m, self.point, self.shape(m)[0]) for m in self.letters if isinstance(m, Free)}

    def _rotation(self, letter: FreeMatrix, rng: Any, xp: Any) -> Any:
        if isinstance(letter, Haar):
            return haar_matrix(self.shape(letter)[0], letter.is_real_matrix, rng, xp)
        return rotated(self._eigenvalues[letter], letter.is_real_matrix, rng, xp)

    @cached_property
    def _families(self) -> tuple[SignalFamily, ...]:
        signals = [m for m in self.letters if isinstance(m, Signal)]
        return signal_families(signals, self.inner, self.point, self.dims, self.base)

    def draw(self, backend: Backend, seed: int, trials: Sequence[int]) -> dict[MatrixLetter, Matrix]:
        """The matrices of a batch of trials; axis 0 of full arrays is the trial."""
        xp = backend.xp
        size = self.dims[self.base]
        drawn: dict[MatrixLetter, Matrix] = {}
        structures = self.structures()
        for fixed, numbers in self._fixed.items():
            array = xp.asarray(numbers)
            structure = structures[fixed][0]
            if structure == "kron":
                drawn[fixed] = Kron(array, self.shape(fixed)[0] // array.shape[0])
            else:
                drawn[fixed] = Diagonal(array) if structure == "diagonal" else Full(array)
        for letter, variance in self._variances.items():
            shape = self.shape(letter)
            rngs = (backend.generator(seeds(seed, size, t, letter.name)) for t in trials)
            arrays = [random_matrix(letter, shape, variance, self.entries, rng, xp) for rng in rngs]
            drawn[letter] = Full(xp.stack(arrays))
        for free in self.letters:
            if isinstance(free, FreeMatrix):
                rngs = (backend.generator(seeds(seed, size, t, free.name)) for t in trials)
                drawn[free] = Full(xp.stack([self._rotation(free, rng, xp) for rng in rngs]))
        for index, family in enumerate(self._families):
            # a few vectors: drawn on the host, the same for every device
            rngs = (np.random.Generator(np.random.PCG64(seeds(seed, size, t, f"signals {index}"))) for t in trials)
            columns = [family.draw(rng) for rng in rngs]
            for letter in family.letters:
                drawn[letter] = Full(xp.asarray(np.stack([c[letter] for c in columns])))
        if self.dependent:

            def generators(stream: str) -> list[np.random.Generator]:
                return [np.random.Generator(np.random.PCG64(seeds(seed, size, t, stream))) for t in trials]

            drawn |= self.dependent.draw(drawn, self.point.numbers, generators, backend)
        return drawn
