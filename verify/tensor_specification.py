"""Tensor limits in a campaign: the second kind of finite model, measured at an estimator instead of evaluated.

Importing this module teaches :func:`verify.asked.finite_model` and :func:`verify.edges.evaluated` about tensors.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from sympy import Expr, Pow, Rational, Symbol

from derive.errors import BranchError
from derive.tensors.symbols import Overlap
from derive.tensors.tensor_limit import TensorLimit, TensorStatus

from .asked import finite_model
from .backend import Backend
from .edges import EDGE_EXPONENT, evaluated
from .entries import entry_law
from .fingerprint import fingerprint
from .inputs import Point, read_point
from .plan import Plan, make_plan, ratios
from .specification import Request
from .tensor_campaign import PowerIteration, bytes_of, measure, power_iteration_of, warn_of_caps
from .tensor_definition import Defined, TensorDefinition
from .tensor_sample import TensorSampler
from .threads import few_threads

__all__ = ["OVERLAP_EXPONENT", "TensorSimulator", "TensorSpecification"]

# raised when the same seed gives other numbers than before: stored results of older versions are then left alone
_SAMPLING_VERSION = 1
_ENTRIES = (10_000, 40_000, 160_000)  # of the tensor, at the default sizes
_SECONDS_PER_BATCH = 1.0
# a contraction reads every entry for one multiplication; sweeps are few above a threshold and many below
_OPERATIONS_PER_SECOND, _SWEEPS = {"cpu": 1e9, "gpu": 2e11}, 50

# a unit vector that knows nothing of another one has an overlap of order N^(-1/2) with it
OVERLAP_EXPONENT = 1 / 2

_GAUSSIAN = "the noise of a planted tensor is Gaussian, and matrices alone have other entries and dependent letters"


@dataclass(frozen=True)
class TensorSpecification(Defined):
    """A finite model of planted tensors and of the estimator: all that the measured numbers depend on."""

    lengths: Mapping[Symbol, Rational]
    estimator: PowerIteration
    seed: int

    @property
    def method(self) -> dict[str, str]:
        return {"start": self.estimator.name}

    def key(self, name: str, size: int, stream: str) -> str:
        """The key of one quantity's trials at one size; ``stream`` names the generator of the device."""
        own, how = self.definition, self.estimator
        return fingerprint(
            "tensor",
            _SAMPLING_VERSION,
            self.quantities[name],
            # signals of one dimension are drawn together, and signs are taken from the spikes of the first tensor
            own.letters,
            own.read.expressions,
            own.inner,
            own.numbers,
            {d: int(r * size) for d, r in self.lengths.items()},
            (how.start, how.starts if how.start == "random" else 0, how.tolerance, how.sweeps),
            self.seed,
            stream,
        )

    def simulator(self, size: int, backend: Backend) -> TensorSimulator:
        return TensorSimulator(self, size, backend)


class TensorSimulator:
    """Planted tensors at one size on one device, and the estimator."""

    def __init__(self, spec: TensorSpecification, size: int, backend: Backend):
        self.spec, self.backend = spec, backend
        self.sampler = TensorSampler(spec.definition, None, size)

    def batch_size(self, memory: int) -> int:
        starts = self.spec.estimator.starts if self.spec.estimator.start == "random" else 1
        operations = 2 * _SWEEPS * starts * len(self.sampler.read.terms) * prod(self.sampler.shape)
        quick = _SECONDS_PER_BATCH * _OPERATIONS_PER_SECOND[self.backend.name] / operations
        return int(max(1, min(memory // bytes_of(self.sampler), quick)))

    def run(self, trials: Sequence[int]) -> dict[str, np.ndarray]:
        """The quantities at the estimator, by trial; a warning says how many trials met the cap on the sweeps."""
        with few_threads(max(self.sampler.shape)):
            values, status, _ = measure(self.sampler, self.backend, self.spec.seed, trials, self.spec.estimator)
        warn_of_caps(status, self.spec.estimator)
        return values


@finite_model.register
def _(law: TensorLimit, request: Request) -> tuple[TensorSpecification, Plan]:
    entries, start = request.take("entries", "start", reason=_GAUSSIAN)
    if entries is not None and entry_law(entries).name != "gaussian":
        request.take("start", reason=_GAUSSIAN)
    # numbers that are meant as fractions become them before dimensions are computed
    known = {s for e in law.regime.values() for s in e.free_symbols} | set(law.parameters)
    point = read_point(request.params, (), known)
    definition = TensorDefinition.of(law, dict(point.numbers), request.measured)
    sizes = request.sizes_or(_sizes(law, point))
    plan = make_plan(law.base, law.regime, law.dims, (), point, sizes, request.trials, request.fewest)
    return TensorSpecification(definition, plan.ratios, power_iteration_of(start), request.seed), plan


def _sizes(law: TensorLimit, point: Point) -> tuple[int, ...]:
    """The sizes at which the tensor has a given number of entries: its cost is their product."""
    found = ratios(law.base, law.regime, law.dims, point)
    per_base = float(prod(d.subs(found) / 1 for d in law.read.shape))
    return tuple(round((entries / per_base) ** (1 / law.read.order)) for entries in _ENTRIES)


@evaluated.register
def _(law: TensorLimit, params: Mapping[Any, Any]) -> tuple[Any, dict[str, float]]:
    found = law.evaluate(dict(params), full_output=True)
    values = dict(found.value) if isinstance(found.value, Mapping) else {next(iter(law.quantities)): found.value}
    if any(not np.all(np.isfinite(np.asarray(v, dtype=float))) for v in values.values()) and found.note:
        raise BranchError(found.note)
    if np.all(np.asarray(found.status) == TensorStatus.INFORMATIVE):
        return found.value, {}
    return found.value, {name: _exponent(law.quantities[name], values[name]) for name in law.quantities}


def _exponent(quantity: Expr, limit: Any) -> float:
    """Below a threshold: a power of an overlap that vanishes, or something that reads the edge of the bulk."""
    base, power = (quantity.base, quantity.exp) if isinstance(quantity, Pow) else (quantity, 1)
    return float(power * OVERLAP_EXPONENT) if isinstance(base, Overlap) and limit == 0 else EDGE_EXPONENT
