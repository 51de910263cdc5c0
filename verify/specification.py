"""What a campaign asks of a finite model, whatever is simulated: matrices, tensors, or anything else.

A *specification* is all that the simulated numbers depend on: it travels to other processes, its keys are those of
stored results, and it makes a *simulator* for one size. Only :func:`verify.asked.finite_model` and
:func:`verify.edges.evaluated` look at the kind of a law: a new kind registers its own, and all that follows is shared.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from sympy import Expr, Symbol

from derive.errors import ParameterError

from .backend import Backend, select_backend
from .plan import FEWEST_SIZES

__all__ = ["Request", "Simulation", "Specification", "run_batch", "simulator"]


class Simulation(Protocol):
    """A finite model at one size on one device."""

    def batch_size(self, memory: int) -> int:
        """Trials per batch: within so many bytes, and about a second's work."""

    def run(self, trials: Sequence[int]) -> dict[str, np.ndarray]:
        """The value of every quantity, by trial; a trial's numbers do not depend on the others."""


class Specification(Protocol):
    """All that the simulated numbers depend on, without sizes and devices; it must be possible to serialise it."""

    @property
    def quantities(self) -> Mapping[str, Expr]:
        """Name to what is measured."""

    @property
    def base(self) -> Symbol:
        """The dimension that sizes are given of."""

    @property
    def numbers(self) -> Mapping[Symbol, Expr]:
        """The parameters at the point, exact."""

    @property
    def seed(self) -> int: ...

    @property
    def method(self) -> Mapping[str, str]:
        """How it is simulated, in words, under the names of the options that choose it."""

    def key(self, name: str, size: int, stream: str) -> str:
        """The key of one quantity's trials at one size; ``stream`` names the generator of the device."""

    def simulator(self, size: int, backend: Backend) -> Simulation: ...


@dataclass(frozen=True)
class Request:
    """What is to be simulated: arguments of :func:`verify.check`; ``options`` are those that not every law has."""

    params: Mapping[Any, Any]
    sizes: Sequence[int] | None
    trials: Any
    seed: int
    fewest: int = FEWEST_SIZES
    options: Mapping[str, Any] = field(default_factory=dict)
    # observables that are measured on the samples themselves, beside the quantities
    measured: Mapping[str, Expr] = field(default_factory=dict)

    def sizes_or(self, default: Sequence[int]) -> Sequence[int]:
        return default if self.sizes is None else self.sizes

    def take(self, *names: str, reason: str) -> list[Any]:
        """The options of these names, None where not given; any other one is an error, with the reason."""
        for name, value in self.options.items():
            if name not in names and value is not None:
                given = f"{name}={value!r}" if isinstance(value, str) else name
                raise ParameterError(f"{given} does not apply: {reason}")
        return [self.options.get(name) for name in names]


# by specification, size and device: compiling again for every batch would be waste
_simulators: OrderedDict[tuple[str, int, str], Simulation] = OrderedDict()
_KEPT = 8


def simulator(spec: Specification, size: int, device: str) -> Simulation:
    """The simulator of this process for one size, made on first use."""
    key = ("|".join(spec.key(name, size, "") for name in spec.quantities), size, device)
    if key not in _simulators:
        _simulators[key] = spec.simulator(size, select_backend(device))
        if len(_simulators) > _KEPT:
            _simulators.popitem(last=False)
    return _simulators[key]


def run_batch(spec: Specification, size: int, trials: Sequence[int], device: str) -> dict[str, np.ndarray]:
    """A batch of trials in this process, whichever it is."""
    return simulator(spec, size, device).run(trials)
