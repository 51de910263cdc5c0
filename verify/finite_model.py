"""One size of a simulation: what is sampled, the compiled expression, and a batch of trials of it.

A :class:`MatrixSpecification` is a :class:`verify.specification.Specification`: all that the simulated numbers depend
on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any

import numpy as np
from sympy import Expr, Rational, Symbol

from derive.errors import BranchError
from derive.symbols import MatrixLetter

from .backend import Backend
from .entries import EntryLaw
from .fingerprint import fingerprint
from .inputs import Point
from .networks import Dependent
from .observe import Observation, compile_observation
from .sample import Sampler
from .threads import few_threads

__all__ = ["MatrixSpecification", "Simulator"]

# raised when the same seed gives other numbers than before: stored results of older versions are then left alone
_SAMPLING_VERSION = 1
_BYTES = 16  # of a complex entry
_SECONDS_PER_BATCH = 1.0
_OPERATIONS_PER_SECOND = {"cpu": 2e10, "gpu": 5e12}


@dataclass(frozen=True)
class MatrixSpecification:
    """A finite model of matrices: its quantities at one point, without sizes."""

    quantities: Mapping[str, Expr]
    letters: tuple[MatrixLetter, ...]
    inner: Mapping[Any, Expr]
    point: Point
    base: Symbol
    ratios: Mapping[Symbol, Rational]
    entries: EntryLaw
    seed: int
    dependent: Dependent | None = None

    def dims(self, size: int) -> dict[Symbol, int]:
        return {d: int(r * size) for d, r in self.ratios.items()}

    @property
    def numbers(self) -> Mapping[Symbol, Expr]:
        return self.point.numbers

    @property
    def method(self) -> dict[str, str]:
        return {"entries": self.entries.name}

    def simulator(self, size: int, backend: Backend) -> Simulator:
        return Simulator(self, size, backend)

    def key(self, name: str, size: int, stream: str) -> str:
        """The key of one quantity's trials at one size; ``stream`` names the generator of the device."""
        return fingerprint(
            _SAMPLING_VERSION,
            self.quantities[name],
            self.letters,
            self.inner,
            self.point.numbers,
            self.point.laws,
            self.dims(size),
            self.entries.name,
            self.seed,
            stream,
            *([] if self.dependent is None else [self.dependent.key]),
        )


class Simulator:
    """The finite model at one size on one device."""

    def __init__(self, spec: MatrixSpecification, size: int, backend: Backend):
        self.spec, self.size, self.backend = spec, size, backend
        dims = spec.dims(size)
        self.sampler = Sampler(spec.letters, spec.inner, spec.point, spec.base, dims, spec.entries, spec.dependent)
        self.observation: Observation = compile_observation(
            spec.quantities, dims, spec.point.numbers, self.sampler.structures()
        )

    def batch_size(self, memory: int) -> int:
        """Trials per batch: within the memory, and about a second's work, so that progress shows and is stored."""
        sampled = self.sampler.entries_per_trial()
        bytes_per_trial = _BYTES * max(2 * sampled, sampled + self.observation.entries, 1)
        quick = _SECONDS_PER_BATCH * _OPERATIONS_PER_SECOND[self.backend.name] / max(self.observation.cost, 1.0)
        return int(max(1, min(memory / bytes_per_trial, quick)))

    def run(self, trials: Sequence[int]) -> dict[str, np.ndarray]:
        """The value of every quantity in the given trials.

        Raises
        ------
        derive.errors.BranchError
            A matrix of the expression is singular at this size.
        """
        return {name: np.broadcast_to(array, (len(trials),)) for name, array in self.observe(trials).items()}

    def eigenvalues(self, trials: Sequence[int]) -> np.ndarray:
        """All eigenvalues of the first matrix that an eigenvalue is asked of, in increasing order, by trial."""
        model = copy(self)
        model.observation = self.observation.eigenvalues()
        (found,) = model.observe(trials).values()
        return np.broadcast_to(found, (len(trials), found.shape[-1]))

    def observe(self, trials: Sequence[int]) -> dict[str, np.ndarray]:
        matrices = self.sampler.draw(self.backend, self.spec.seed, trials)
        try:
            with few_threads(max(self.spec.dims(self.size).values())):
                values = self.observation(matrices, self.backend.xp)
        except np.linalg.LinAlgError:
            raise BranchError(self._trouble("a matrix that the expression inverts is singular")) from None
        found = {name: np.asarray(self.backend.to_host(value)) for name, value in values.items()}
        for name, array in found.items():
            if not np.isfinite(array).all():
                raise BranchError(self._trouble(f"{name} is not finite"))
        return found

    def _trouble(self, what: str) -> str:
        sizes = ", ".join(f"{d} = {n}" for d, n in sorted(self.spec.dims(self.size).items(), key=lambda i: i[0].name))
        return f"simulation at {sizes}: {what}; the finite model does not exist at these parameters"
